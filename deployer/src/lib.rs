//! The deployer: settings, templates, stack, cluster and probe, put together by one file per subcommand.
//!
//! It is a library so that tests run whole commands with a console of their own. It must not import `lambda`: what the
//! two share is a contract of strings (environment variables, the route, metric names) that a test in `tests/` holds.

pub mod artifact;
pub mod aws;
pub mod cli;
pub mod cloudwatch;
pub mod cluster;
pub mod commands;
pub mod console;
pub mod cost;
pub mod error;
#[cfg(test)]
mod golden;
mod https;
pub mod iam;
pub mod interrupt;
pub mod logs;
pub mod patience;
pub mod plan;
pub mod probe;
pub mod settings;
pub mod stack;
pub mod synth;
pub mod upload;

pub use cli::{Cli, run};
