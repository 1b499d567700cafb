//! One file per subcommand; each takes what it needs and the console, and returns `Ok` or a `Failure`.

mod bootstrap;
pub mod cancel;
pub mod completions;
mod consent;
pub mod deploy;
pub mod destroy;
pub mod doctor;
mod draft;
pub mod iam_policy;
pub mod in_turn;
mod known;
pub mod logs;
mod member;
pub mod metrics;
pub mod plan;
pub mod register;
pub mod rollback;
pub mod rotate;
mod site;
pub mod status;
pub mod synth;
mod unregister;
pub mod webhook;
