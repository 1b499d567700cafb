//! Every test that needs more than one crate: contracts of strings between them, and the product as a whole on a local
//! world. Nothing is skipped when something is missing: the test fails and names it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod busy;
mod caller;
mod canaries;
mod cloud;
mod contract;
mod domain;
mod handlers;
mod http;
mod journey;
mod killed;
mod kills;
mod leftovers;
mod lint;
mod mutual;
mod operating;
mod permitted;
mod person;
mod pipes;
mod policy;
mod provisioned;
mod recovery;
mod report;
mod reviews;
mod second;
mod several;
mod tail;
mod token;
mod trials;
mod updates;
mod vigil;
mod watched;
mod webhook;
mod wrong;
