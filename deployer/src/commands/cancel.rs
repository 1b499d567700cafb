//! `deployer cancel`: take back the update that runs.

use super::site;
use crate::{console::Console, error::Failure, interrupt::Interrupt, settings::Settings};

/// Runs the command.
///
/// # Errors
/// When no update runs (with what helps instead), or when it cannot be taken back.
pub async fn run(settings: &Settings, console: &mut Console) -> Result<(), Failure> {
    let interrupt = Interrupt::listen();
    let (_, stack) = site::stack(settings).await?;
    console.step(&format!("Cancelling the update of the stack {}", stack.name()));
    let settled = stack.cancel(console, &interrupt).await?;
    console.say(&format!("the stack is what it was before ({})", settled.status.as_str()));
    Ok(())
}
