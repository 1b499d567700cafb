//! `deployer rollback`: a stack that stopped half-way goes back to its last good state; with `--code`, a stack that is well
//! gets the function back that was deployed before.

mod code;
mod probing;
mod text;

use super::site;
use crate::{
    cli::RollbackArgs,
    console::Console,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    settings::Settings,
    stack::recover::Consent,
};

/// Runs the command.
///
/// # Errors
/// When there is nothing to go back to, when a person has to decide, or when `CloudFormation` refuses or fails.
pub async fn run(settings: &Settings, args: &RollbackArgs, console: &mut Console) -> Result<(), Failure> {
    let interrupt = Interrupt::listen();
    if args.code {
        return Box::pin(code::run(settings, console, &interrupt)).await;
    }
    let (_, stack) = site::stack(settings).await?;
    console.step(&format!("Rolling back the stack {}", stack.name()));
    let mut consent = Consent::new("rollback", console.assumes_yes()).agreeing_to(None, &[], &args.skip);
    if stack.roll_back_stuck(&mut consent, console, &interrupt).await? {
        console.say("the stack is in its last good state");
        return Ok(());
    }
    let status = stack.ours().await?.status;
    Err(Failure::new(format!("there is nothing to roll back: the stack {} is {}", stack.name(), status.as_str()))
        .with_hint("To go back to the code that was deployed before: deployer rollback --code")
        .with_code(ExitCode::Refused))
}
