//! `deployer webhook pause` and `resume`: the break-glass. It talks to the cluster alone, so it works when AWS does not.

use std::fmt;

use serde::Serialize;

use crate::{
    cli::{PauseArgs, ResumeArgs},
    cluster::{
        Cluster,
        caller::Caller,
        moment::Moment,
        pause::{self, Pause},
        proof::{self, Proof},
        webhook::Existing,
    },
    commands::consent,
    console::{Console, Report},
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    patience::Patience,
    settings::Settings,
};

/// What is true after the command.
#[derive(Serialize)]
struct State<'a> {
    webhook: &'a str,
    context: &'a str,
    /// `None`: new Pods are judged.
    pause: Option<&'a Pause>,
    /// Whether the API server was seen to do so.
    seen: bool,
}

impl Report for State<'_> {
    const KIND: &'static str = "pause";
}

impl fmt::Display for State<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { webhook, context, pause, .. } = self;
        match pause {
            Some(pause) => write!(out, "{webhook} in the context {context}: {pause}"),
            None => write!(out, "{webhook} in the context {context}: not paused"),
        }
    }
}

/// Runs `webhook pause`.
///
/// # Errors
/// When there is no webhook of ours, when Argo CD or Flux keeps it (`Unsafe`, unless forced), when the person says no, or
/// when the API server refuses or goes on asking.
pub(super) async fn pause(settings: &Settings, args: &PauseArgs, console: &mut Console) -> Result<(), Failure> {
    let cluster = Cluster::connect(&settings.cluster).await?;
    let existing = cluster.registered_webhook(&settings.webhook_name()).await?;
    guard(&existing, args.force, console)?;
    let now = cluster.now().await;
    let by = cluster.who_am_i().await.unwrap_or_else(|| "somebody whose name the cluster did not tell".to_owned());
    let pause = Pause { until: now.after(args.span), by, reason: args.reason.clone() };
    explain(&cluster, &existing, &pause, now, console);
    if !consent::ask(&[(settings, &cluster)], "Pause?", console, &Interrupt::never()).await? {
        return Err(Failure::new("nothing was changed: the pause was declined").with_code(ExitCode::Refused));
    }
    let existing = cluster.edit_webhook(&existing, |object| pause::add(object, &pause)).await?;
    let caller = existing.caller();
    let seen =
        cluster.see_through(&trial(&|namespace| settings.refuses(namespace, proof::IMAGE), caller.as_ref())).await?;
    console.report(&State { webhook: existing.name(), context: cluster.context(), pause: Some(&pause), seen })
}

/// Runs `webhook resume`.
///
/// # Errors
/// As for [`pause`]; and when somebody else's pause stays in the object.
pub(super) async fn resume(settings: &Settings, args: &ResumeArgs, console: &mut Console) -> Result<(), Failure> {
    let cluster = Cluster::connect(&settings.cluster).await?;
    let existing = cluster.registered_webhook(&settings.webhook_name()).await?;
    let Some(pause) = pause::read(existing.object()) else {
        return console.report(&State {
            webhook: existing.name(),
            context: cluster.context(),
            pause: None,
            seen: false,
        });
    };
    guard(&existing, args.force, console)?;
    console.say(&format!("ending: {pause}"));
    let remove = |object: &mut _| {
        pause::remove(object);
        true
    };
    let existing = cluster.edit_webhook(&existing, remove).await?;
    if let Some(pause) = pause::read(existing.object()) {
        return Err(Failure::new(format!("the webhook is still {pause}"))
            .with_hint(format!(
                "Somebody else wrote that condition too. Take it out: kubectl edit validatingwebhookconfiguration {}",
                existing.name()
            ))
            .with_code(ExitCode::Unsafe));
    }
    let seen = proven(settings, &cluster, &existing, console).await;
    console.report(&State { webhook: existing.name(), context: cluster.context(), pause: None, seen })
}

/// The pause is gone whatever this shows; an endpoint that is still down is worth a warning.
async fn proven(settings: &Settings, cluster: &Cluster, existing: &Existing, console: &mut Console) -> bool {
    let caller = existing.caller();
    let refuses = |namespace: &str| settings.refuses(namespace, proof::IMAGE);
    // Whoever resumes in an outage must not wait for half a minute to be told so.
    let patience = Patience { attempts: 10, ..Patience::API_SERVER };
    let trial = proof::Trial { patience, ..trial(&refuses, caller.as_ref()) };
    match cluster.prove(&trial, false).await {
        Ok(proof) => proof != Proof::NoNamespace,
        Err(failure) => {
            let cause = failure.cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            console.warn(&format!("it is not paused any more, but {}{cause}", failure.message));
            false
        }
    }
}

fn trial<'a>(refuses: &'a (dyn Fn(&str) -> bool + Sync), caller: Option<&'a Caller>) -> proof::Trial<'a> {
    proof::Trial { refuses, secret: caller.map(|caller| &caller.secret), patience: Patience::API_SERVER }
}

/// Whoever has to act now may go over the head of Argo CD or Flux, and is told what they will do.
fn guard(existing: &Existing, force: bool, console: &mut Console) -> Result<(), Failure> {
    let Some(manager) = existing.manager() else { return Ok(()) };
    if !force {
        return existing.refuse_if_managed().map_err(|failure| {
            failure.with_hint(
                "In an emergency, suspend its syncing of this object and give --force; or make the change where it gets the object from.",
            )
        });
    }
    console.warn(&format!("{manager} keeps this object and will undo the change, unless its syncing is suspended"));
    Ok(())
}

fn explain(cluster: &Cluster, existing: &Existing, pause: &Pause, now: Moment, console: &mut Console) {
    console.step(&format!("Pausing the webhook {}", existing.name()));
    console.say(&format!("cluster: the context {}", cluster.place()));
    if let Some(before) = pause::read(existing.object()).filter(|before| !before.is_over(now)) {
        console.say(&format!("now:     {before}"));
    }
    console.say(&format!("then:    {pause}"));
    console.say("New Pods are admitted unjudged until that second, and judged again from it on by itself.");
    console.say("What is changed in Pods that exist stays judged. To end it early: deployer webhook resume");
}
