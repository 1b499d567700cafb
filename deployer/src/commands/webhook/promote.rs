//! `deployer webhook promote` and `demote`: what becomes of Pods while the webhook cannot be reached.
//!
//! Up only after a fresh proof; down at once, for whoever needs that has no time for proofs.

use std::fmt;

use serde::Serialize;

use crate::{
    cluster::{
        Cluster, pause, policy,
        proof::{self, Proof},
        webhook::Existing,
    },
    commands::consent,
    console::{Console, Report},
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    patience::Patience,
    settings::{FailurePolicy, Settings, Word},
};

/// What is true after the command.
#[derive(Serialize)]
struct State<'a> {
    webhook: &'a str,
    context: &'a str,
    failure_policy: &'static str,
}

impl Report for State<'_> {
    const KIND: &'static str = "failure_policy";
}

impl fmt::Display for State<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} in the context {}: failurePolicy {}", self.webhook, self.context, self.failure_policy)
    }
}

/// Runs `webhook promote`.
///
/// # Errors
/// When there is no webhook of ours, when Argo CD or Flux keeps it (`Unsafe`), when it cannot be proven that it is asked,
/// when the person says no, or when the API server refuses.
pub(super) async fn promote(settings: &Settings, console: &mut Console) -> Result<(), Failure> {
    let (cluster, existing) = look(settings).await?;
    if is_already(&existing, FailurePolicy::Fail) {
        return report(&cluster, &existing, FailurePolicy::Fail, console);
    }
    tell_settings(settings, FailurePolicy::Fail, console);
    super::since::tell(settings, &existing, console).await;
    console.step("Proving that the API server asks the webhook");
    prove(settings, &cluster, &existing, console).await?;
    let question = "Refuse Pods from now on when the webhook cannot be reached?";
    if !consent::ask(&[(settings, &cluster)], question, console, &Interrupt::never()).await? {
        return Err(Failure::new("nothing was changed: Fail was declined").with_code(ExitCode::Refused));
    }
    set(&cluster, &existing, FailurePolicy::Fail, console).await
}

/// Runs `webhook demote`. No AWS and no function is asked.
///
/// # Errors
/// As for [`promote`], without the proof.
pub(super) async fn demote(settings: &Settings, console: &mut Console) -> Result<(), Failure> {
    let (cluster, existing) = look(settings).await?;
    if is_already(&existing, FailurePolicy::Ignore) {
        return report(&cluster, &existing, FailurePolicy::Ignore, console);
    }
    tell_settings(settings, FailurePolicy::Ignore, console);
    let question = "Admit Pods from now on when the webhook cannot be reached?";
    if !consent::ask(&[(settings, &cluster)], question, console, &Interrupt::never()).await? {
        return Err(Failure::new("nothing was changed: Ignore was declined").with_code(ExitCode::Refused));
    }
    set(&cluster, &existing, FailurePolicy::Ignore, console).await
}

async fn look(settings: &Settings) -> Result<(Cluster, Existing), Failure> {
    let cluster = Cluster::connect(&settings.cluster).await?;
    let existing = cluster.registered_webhook(&settings.webhook_name()).await?;
    existing.refuse_if_managed()?;
    Ok((cluster, existing))
}

/// Both in force and meant: what a killed deploy left behind is neither.
fn is_already(existing: &Existing, wanted: FailurePolicy) -> bool {
    let object = existing.object();
    policy::in_force(object) == Some(wanted) && policy::read(object) == Some(wanted)
}

async fn prove(
    settings: &Settings,
    cluster: &Cluster,
    existing: &Existing,
    console: &mut Console,
) -> Result<(), Failure> {
    let caller = existing.caller();
    let refuses = |namespace: &str| settings.refuses(namespace, proof::IMAGE);
    let secret = caller.as_ref().map(|caller| &caller.secret);
    let trial = proof::Trial { refuses: &refuses, secret, patience: Patience::API_SERVER };
    // Also one that is over: the other way to prove it is as good, and no clock has to be asked.
    let paused = pause::read(existing.object()).is_some();
    match cluster.prove(&trial, paused).await? {
        Proof::NoNamespace => Err(Failure::new(
            "no namespace was found in which a Pod is refused (all are ignored, or the policy only warns), so nothing can be proven",
        )
        .with_hint("Fail without a proof could stop every Pod. Let the policy enforce a rule somewhere first.")
        .with_code(ExitCode::Unsafe)),
        Proof::Refused(text) | Proof::Warned(text) => {
            text.lines().for_each(|line| console.say(line));
            Ok(())
        }
    }
}

async fn set(
    cluster: &Cluster,
    existing: &Existing,
    wanted: FailurePolicy,
    console: &mut Console,
) -> Result<(), Failure> {
    let existing = cluster.edit_webhook(existing, |object| policy::set(object, wanted)).await?;
    report(cluster, &existing, wanted, console)
}

fn report(cluster: &Cluster, existing: &Existing, wanted: FailurePolicy, console: &mut Console) -> Result<(), Failure> {
    let (webhook, context) = (existing.name(), cluster.context());
    console.report(&State { webhook, context, failure_policy: wanted.word() })
}

/// The settings win at the next deploy; where they say nothing, what is done here stays.
fn tell_settings(settings: &Settings, wanted: FailurePolicy, console: &mut Console) {
    if let Some(written) = settings.cluster.failure_policy.filter(|written| *written != wanted) {
        console.warn(&format!(
            "the settings say failure_policy = \"{}\": the next deploy goes back to that, unless you change or remove the line",
            written.word()
        ));
    }
}
