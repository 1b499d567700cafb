//! Every test that needs more than one crate: contracts of strings between them, and the product as a whole on a local
//! world. Nothing is skipped when something is missing: the test fails and names it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod busy;
mod canaries;
mod contract;
mod journey;
mod killed;
mod leftovers;
mod lint;
mod mutual;
mod operating;
mod permitted;
mod policy;
mod recovery;
mod report;
mod reviews;
mod several;
mod tail;
mod updates;
mod watched;
mod webhook;
