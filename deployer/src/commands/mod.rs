//! One file per subcommand; each takes what it needs and the console, and returns `Ok` or a `Failure`.

pub mod cancel;
pub mod deploy;
pub mod destroy;
mod draft;
pub mod iam_policy;
pub mod logs;
pub mod metrics;
pub mod plan;
pub mod register;
pub mod rollback;
mod site;
pub mod status;
pub mod synth;
pub mod webhook;
