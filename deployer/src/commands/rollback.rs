//! `deployer rollback`: a stack that stopped half-way goes back to its last good state; with `--code`, a stack that is well
//! gets the function back that was deployed before.

use super::{draft, site};
use crate::{
    artifact,
    cli::RollbackArgs,
    console::Console,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    settings::Settings,
    stack::{StackClient, apply::Prepared, change_set::Wanted, recover::Consent},
    synth,
    upload::Bucket,
};

/// Runs the command.
///
/// # Errors
/// When there is nothing to go back to, when a person has to decide, or when `CloudFormation` refuses or fails.
pub async fn run(settings: &Settings, args: &RollbackArgs, console: &mut Console) -> Result<(), Failure> {
    let interrupt = Interrupt::listen();
    if args.code {
        return Box::pin(code(settings, console, &interrupt)).await;
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

/// The stack as it is, with the zip before.
async fn code(settings: &Settings, console: &mut Console, interrupt: &Interrupt) -> Result<(), Failure> {
    let (account, client) = site::stack(settings).await?;
    console.step("Looking for the code that was deployed before");
    let stack = client.ours().await?;
    let (template, location) = deployed(&client).await?;
    let bucket = Bucket::new(&account.aws.config, &location.0, &account.identity.account);
    let zips = bucket.zips(&artifact::prefix(settings)).await?;
    let Some(previous) = zips.iter().find(|zip| zip.key != location.1) else {
        return Err(Failure::new(format!("there is no other zip than the deployed one in s3://{}", location.0))
            .with_hint("Deploy the code you want: deployer deploy --artifact FILE")
            .with_code(ExitCode::Refused));
    };
    // The key is a hash: it stands nowhere else in the text.
    let template = template.replace(&location.1, &previous.key);
    let wanted = Wanted::new(&template, &stack.parameters, &stack.tags);
    let prepared = client.prepare(&wanted, None, console, interrupt).await?;
    console.step("This will be done");
    console.say(&format!("now:    s3://{}/{}", location.0, location.1));
    console.say(&format!("before: s3://{}/{}", location.0, previous.key));
    let ready = match prepared {
        Prepared::Ready(ready) => ready,
        Prepared::Unchanged(_) | Prepared::Leftovers(_) => {
            return Err(Failure::new("the stack would not change").with_code(ExitCode::Refused));
        }
    };
    for change in &ready.change_set.changes {
        console.say(&format!("{} {:<28} {}", change.action.mark(), change.logical_id, change.resource_type));
    }
    let approved = console.ask("Roll back?", interrupt).await;
    if !matches!(approved, Ok(true)) {
        client.abandon(&ready).await;
        return Err(approved.err().unwrap_or_else(draft::declined));
    }
    client.carry_out(&ready, console, interrupt).await?;
    // The list of zips is the history: what runs now was deployed last.
    bucket.touch(&previous.key).await?;
    console.step("Done");
    console.say("the code is the one from before; its policy came back with it, settings in Parameters stayed");
    console.say("Prove it in the cluster: deployer deploy --artifact FILE, or watch: deployer logs --follow");
    Ok(())
}

/// The template as it is deployed, and bucket and key of the function in it.
async fn deployed(client: &StackClient) -> Result<(String, (String, String)), Failure> {
    let unknown = || {
        Failure::new(format!("the template of the stack {} does not say where its function's zip is", client.name()))
            .with_hint("Deploy the code you want: deployer deploy --artifact FILE")
    };
    let template = client.template().await?.ok_or_else(unknown)?;
    let parsed: serde_json::Value = synth::parse(&template).map_err(|_| unknown())?;
    let code = &parsed["Resources"]["Function"]["Properties"]["Code"];
    match (code["S3Bucket"].as_str(), code["S3Key"].as_str()) {
        (Some(bucket), Some(key)) => Ok((template.clone(), (bucket.to_owned(), key.to_owned()))),
        _ => Err(unknown()),
    }
}
