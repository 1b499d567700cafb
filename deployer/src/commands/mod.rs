//! One file per subcommand; each takes what it needs and the console, and returns `Ok` or a `Failure`.

mod consent;
pub mod deploy;
pub mod destroy;
pub mod doctor;
pub mod logs;
pub mod metrics;
pub mod register;
pub mod rotate;
mod site;
pub mod status;
pub mod synth;
mod unregister;
pub mod webhook;
