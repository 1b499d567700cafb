//! `deployer destroy`: the webhook first, so that the cluster never calls something that is gone; then the stack; then
//! our objects in the bootstrap bucket, and the bucket where nothing else is in it. What is absent already is success.

use super::{
    consent,
    site::{self, Account},
    unregister,
};
use crate::{
    cli::DestroyArgs,
    cluster::{Cluster, caller, webhook::Existing},
    console::Console,
    error::{ExitCode, Failure},
    interrupt::{Interrupt, interrupted},
    settings::Settings,
    stack::recover::Consent,
    synth,
    upload::Bucket,
};

/// What is to become of the webhook configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// There is none.
    Absent,
    /// It is ours and calls this stack.
    Delete,
    /// Not ours, or it calls another stack.
    Keep(&'static str),
}

/// Runs the command.
///
/// # Errors
/// When something cannot be read or deleted, or when the person says no.
pub async fn run(settings: &Settings, args: &DestroyArgs, console: &mut Console) -> Result<(), Failure> {
    let interrupt = Interrupt::listen();
    let mut consent = Consent::new("destroy", console.assumes_yes()).agreeing_to(None, &args.retain, &[]);
    console.step("Looking at the account and the cluster");
    let account = Account::look(settings).await?;
    let cluster = Cluster::connect(&settings.cluster).await?;
    let existing = cluster.webhook(&settings.webhook_name()).await.map_err(with_manual_way)?;
    let fate = fate(settings, &account, existing.as_ref());
    console.step("This will be destroyed");
    for line in plan(settings, &account, &cluster, existing.as_ref(), fate) {
        console.say(&line);
    }
    if !consent::ask_until(settings, &cluster, "Destroy?", console, &interrupt).await? {
        return Err(Failure::new("nothing was destroyed: the plan was declined").with_code(ExitCode::Refused));
    }
    remove_webhook(settings, &cluster, fate, console).await?;
    console.step(&format!("Deleting the stack {}", account.stack.name()));
    let deleted = account.stack.delete(&mut consent, console, &interrupt).await?;
    console.say(if deleted { "deleted" } else { "there is none" });
    remove_bucket(settings, &account, console, &interrupt).await?;
    console.step("Done");
    Ok(())
}

/// Without the cluster we do not know whether deleting the stack would stop its Pods.
fn with_manual_way(failure: Failure) -> Failure {
    let hint = failure.hint.clone().unwrap_or_default();
    failure
        .with_hint(format!(
            "{hint} Nothing was destroyed. If that cluster is gone for good, delete the stack alone: aws cloudformation delete-stack"
        ))
        .with_code(ExitCode::Unsafe)
}

fn fate(settings: &Settings, account: &Account, existing: Option<&Existing>) -> Fate {
    let output_of = |name: &str| account.found.as_ref().and_then(|stack| stack.output(name).ok());
    let output = output_of(synth::OUTPUT_API_ENDPOINT);
    // Until the first deploy with a domain has registered it, a cluster calls the API's own.
    let default = output_of(synth::OUTPUT_DEFAULT_ENDPOINT);
    let Some(existing) = existing else { return Fate::Absent };
    if !existing.is_ours() {
        return Fate::Keep("it is not ours");
    }
    // Where the stack is gone already, nothing contradicts the label.
    let known: Vec<&str> = output.into_iter().chain(default).chain(settings.cluster.endpoint.as_deref()).collect();
    let calls_us =
        existing.endpoint().is_some_and(|theirs| known.iter().any(|ours| ours.trim_end_matches('/') == theirs));
    if output.is_none() || calls_us { Fate::Delete } else { Fate::Keep("it calls the endpoint of another stack") }
}

fn plan(
    settings: &Settings,
    account: &Account,
    cluster: &Cluster,
    existing: Option<&Existing>,
    fate: Fate,
) -> Vec<String> {
    let webhook = match fate {
        Fate::Absent => "there is none".to_owned(),
        Fate::Delete => format!("delete it (it calls {})", existing.and_then(Existing::endpoint).unwrap_or("nothing")),
        Fate::Keep(why) => format!("leave it alone, {why}"),
    };
    let stack = account
        .found
        .as_ref()
        .map_or("there is none".to_owned(), |stack| format!("delete it (it is {})", stack.status.as_str()));
    let mut lines = vec![
        format!("AWS:     {}", account.place()),
        format!("webhook: {} in the context {}: {webhook}", settings.webhook_name(), cluster.place(),),
        format!("stack:   {}: {stack}", account.stack.name()),
    ];
    if settings.artifact_bucket.is_none() && account.bootstrapped.is_some() {
        lines.push(format!(
            "bucket:  {}: delete our zips, and the bucket where nothing else is in it",
            account.bucket_name()
        ));
    }
    let ours = site::caller_name(settings, cluster, existing.and_then(Existing::caller).as_ref());
    let others: Vec<&str> = caller::other_callers(account.caller_digests(), &ours).map(|(_, name)| name).collect();
    if !others.is_empty() {
        lines.push(format!(
            "CAUTION: the stack also serves {}; remove the webhook there first, or their Pods go unjudged (or are refused, with failurePolicy Fail)",
            others.join(", ")
        ));
    }
    lines
}

async fn remove_webhook(
    settings: &Settings,
    cluster: &Cluster,
    fate: Fate,
    console: &mut Console,
) -> Result<(), Failure> {
    let name = settings.webhook_name();
    console.step(&format!("Removing the webhook {name} from the context {}", cluster.context()));
    match fate {
        Fate::Keep(why) => console.warn(&format!("left alone: {why}")),
        Fate::Absent => console.say("there is none"),
        Fate::Delete => unregister::run(settings, cluster, console).await?,
    }
    Ok(())
}

/// Only ours: an owner's own bucket is left as it is, and so is what other stacks keep in the shared one.
async fn remove_bucket(
    settings: &Settings,
    account: &Account,
    console: &mut Console,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let prefix = format!("{}/", settings.stack_name);
    if let Some(bucket) = &settings.artifact_bucket {
        console.say(&format!("the zips in your bucket stay: s3://{bucket}/{prefix}"));
        return Ok(());
    }
    let name = account.bucket_name();
    console.step(&format!("Removing our zips from s3://{name}"));
    let bucket = Bucket::new(&account.aws.config, &name, &account.identity.account);
    let purged = interrupt.unless_asked(bucket.purge(&prefix)).await;
    let removed = purged.ok_or_else(|| interrupted("interrupted while zips were removed; run the command again"))??;
    console.say(&format!("{removed} removed"));
    if !bucket.is_empty().await? {
        console.say("the bucket stays: other things are in it");
        return Ok(());
    }
    let deleted = account.bootstrap.delete(&mut Consent::new("destroy", false), console, interrupt).await?;
    console.say(if deleted { "the bucket and its stack are deleted" } else { "there is no bucket of ours" });
    Ok(())
}
