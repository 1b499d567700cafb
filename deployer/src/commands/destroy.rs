//! `deployer destroy`: the webhook first, in every context, so that the cluster never calls something that is gone; then the stack; then
//! our objects in the bootstrap bucket, and the bucket where nothing else is in it. What is absent already is success.

use super::{
    consent, in_turn,
    site::{self, Account},
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

/// A cluster as it was found.
struct Found {
    /// As if it were the only cluster.
    settings: Settings,
    cluster: Cluster,
    existing: Option<Existing>,
    fate: Fate,
}

/// Runs the command.
///
/// # Errors
/// When something cannot be read or deleted, or when the person says no.
pub async fn run(settings: &Settings, args: &DestroyArgs, console: &mut Console) -> Result<(), Failure> {
    settings.all_clusters()?;
    let interrupt = Interrupt::listen();
    let mut consent = Consent::new("destroy", console.assumes_yes()).agreeing_to(None, &args.retain, &[]);
    console.step("Looking at the account and the cluster");
    let account = Account::look(settings).await?;
    let mut clusters = Vec::new();
    for settings in settings.each_cluster() {
        clusters.push(Found::look(settings, &account).await?);
    }
    console.step("This will be destroyed");
    for line in plan(settings, &account, &clusters) {
        console.say(&line);
    }
    let asked: Vec<_> = clusters.iter().map(|found| (&found.settings, &found.cluster)).collect();
    if !consent::ask(&asked, "Destroy?", console, &interrupt).await? {
        return Err(Failure::new("nothing was destroyed: the plan was declined").with_code(ExitCode::Refused));
    }
    remove_webhooks(&clusters, console).await?;
    console.step(&format!("Deleting the stack {}", account.stack.name()));
    let deleted = account.stack.delete(&mut consent, console, &interrupt).await?;
    console.say(if deleted { "deleted" } else { "there is none" });
    remove_bucket(settings, &account, console, &interrupt).await?;
    console.step("Done");
    Ok(())
}

impl Found {
    async fn look(settings: Settings, account: &Account) -> Result<Self, Failure> {
        let cluster = Cluster::connect(&settings.cluster).await?;
        let existing = cluster.webhook(&settings.webhook_name()).await.map_err(with_manual_way)?;
        if let (None, Some(existing)) = (&account.found, &existing) {
            refuse_other_region(&account.aws.region, account.stack.name(), cluster.context(), existing)?;
        }
        let fate = fate(&settings, account, existing.as_ref());
        if let (Fate::Delete, Some(existing)) = (fate, &existing) {
            // Now, while nothing is removed anywhere.
            existing.refuse_if_managed()?;
        }
        Ok(Self { settings, cluster, existing, fate })
    }

    fn line(&self) -> String {
        let what = match self.fate {
            Fate::Absent => "there is none".to_owned(),
            Fate::Delete => {
                let endpoint = self.existing.as_ref().and_then(Existing::endpoint).unwrap_or("nothing");
                format!("delete it (it calls {endpoint})")
            }
            Fate::Keep(why) => format!("leave it alone, {why}"),
        };
        format!("webhook: {} in the context {}: {what}", self.settings.webhook_name(), self.cluster.place())
    }
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

/// No stack is here, and the webhook calls an API of another region: whoever gave the wrong one would leave the cluster
/// without its webhook, and the stack behind.
fn refuse_other_region(region: &str, stack: &str, context: &str, existing: &Existing) -> Result<(), Failure> {
    let Some(endpoint) = existing.endpoint().filter(|_| existing.is_ours()) else { return Ok(()) };
    match api_region(endpoint) {
        Some(other) if other != region => Err(Failure::new(format!(
            "there is no stack {stack} in {region}, and the webhook in the context {context} calls {endpoint}"
        ))
        .with_hint(format!("Nothing was destroyed. Give --region {other}."))
        .with_code(ExitCode::Unsafe)),
        _ => Ok(()),
    }
}

/// The region in `https://ID.execute-api.REGION.amazonaws.com`.
fn api_region(endpoint: &str) -> Option<&str> {
    endpoint.split_once(".execute-api.")?.1.split('.').next()
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

fn plan(settings: &Settings, account: &Account, clusters: &[Found]) -> Vec<String> {
    let stack = account
        .found
        .as_ref()
        .map_or("there is none".to_owned(), |stack| format!("delete it (it is {})", stack.status.as_str()));
    let mut lines = vec![format!("AWS:     {}", account.place())];
    lines.extend(clusters.iter().map(Found::line));
    lines.push(format!("stack:   {}: {stack}", account.stack.name()));
    if settings.artifact_bucket.is_none() && account.bootstrapped.is_some() {
        lines.push(format!(
            "bucket:  {}: delete our zips, and the bucket where nothing else is in it",
            account.bucket_name()
        ));
    }
    let others = others(account, clusters);
    if !others.is_empty() {
        lines.push(format!(
            "CAUTION: the stack also serves {}; remove the webhook there first, or their Pods go unjudged (or are refused, with failurePolicy Fail)",
            others.join(", ")
        ));
    }
    lines
}

/// Callers that the stack knows, and that none of these clusters is.
fn others<'a>(account: &'a Account, clusters: &[Found]) -> Vec<&'a str> {
    let ours: Vec<String> = clusters
        .iter()
        .map(|Found { settings, cluster, existing, .. }| site::caller_name(settings, cluster, existing.as_ref()))
        .collect();
    let names = caller::names(account.caller_digests());
    names.filter(|name| !ours.iter().any(|our| our == name)).collect()
}

/// From every context before the stack goes: each is seen to admit Pods without it.
async fn remove_webhooks(clusters: &[Found], console: &mut Console) -> Result<(), Failure> {
    let mut ours = Vec::new();
    for Found { settings, cluster, fate, .. } in clusters {
        let context = cluster.context();
        match fate {
            Fate::Keep(why) => console.warn(&format!("the webhook in the context {context} is left alone: {why}")),
            Fate::Absent => console.step(&format!("There is no webhook in the context {context}")),
            Fate::Delete => ours.push((settings, cluster)),
        }
    }
    in_turn::unregister(&ours, console).await
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_webhook_that_calls_another_region_is_not_taken_for_a_left_over_of_this_one() {
        let existing = |url: &str| {
            let labels = json!({ "app.kubernetes.io/managed-by": "ecr-compliance-webhook" });
            Existing::new(json!({ "metadata": { "labels": labels }, "webhooks": [{ "clientConfig": { "url": url } }] }))
        };
        let refused = |url: &str| refuse_other_region("eu-west-1", "stack", "blue", &existing(url));
        assert_eq!(refused("https://abc.execute-api.eu-west-1.amazonaws.com/v1/blue"), Ok(()));
        assert_eq!(refused("https://webhook.example.com/v1/blue"), Ok(()));
        let failure = refused("https://abc.execute-api.cn-north-1.amazonaws.com.cn/v1/blue").unwrap_err();
        assert_eq!(failure.code, ExitCode::Unsafe);
        assert!(failure.hint.unwrap().contains("--region cn-north-1"));
    }
}
