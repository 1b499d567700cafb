//! `deployer rotate`: a new secret for the caller, without a moment in which its calls are not known.
//!
//! First the stack knows both secrets, then the cluster uses the new one and that is proven, then the stack forgets the
//! old one. Whatever the cluster uses is always one that the stack knows, so a run may be killed anywhere: the next one
//! takes what the cluster uses for the old secret and forgets all others.

mod finish;
mod know;

use super::{consent, register::Registration, site, site::Account};
use crate::{
    cli::RotateArgs,
    cluster::{
        Cluster,
        caller::{Caller, CallerSecret},
        webhook::Existing,
    },
    console::Console,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    patience::Patience,
    probe,
    settings::{Credentials, Settings},
    stack::Stack,
    synth,
};

/// What is worked on.
struct Rotation<'a> {
    settings: &'a Settings,
    account: Account,
    cluster: Cluster,
    stack: Stack,
    old: Caller,
    new: Caller,
}

/// Runs the command.
///
/// # Errors
/// Whatever stops it. The cluster's calls are known then as before.
pub async fn run(settings: &Settings, args: &RotateArgs, console: &mut Console) -> Result<(), Failure> {
    if args.finish {
        return Box::pin(finish::run(settings, console)).await;
    }
    console.step("Looking at the account and the cluster");
    let rotation = Rotation::look(settings).await?;
    for line in rotation.plan() {
        console.say(&line);
    }
    if !consent::ask(&[(settings, &rotation.cluster)], "Rotate?", console, &Interrupt::never()).await? {
        return Err(Failure::new("nothing was changed: the plan was declined").with_code(ExitCode::Refused));
    }
    let interrupt = Interrupt::listen();
    let (old, new) = (&rotation.old, &rotation.new);
    Box::pin(rotation.know("Letting the stack know both secrets", &[old, new], console, &interrupt)).await?;
    rotation.switch(console, &interrupt).await?;
    Box::pin(rotation.know("Letting the stack forget the old secret", &[new], console, &interrupt)).await?;
    console.step("Done");
    console.say(&format!("{} calls with a new secret; the old one is not known any more.", new.name));
    Ok(())
}

impl<'a> Rotation<'a> {
    async fn look(settings: &'a Settings) -> Result<Self, Failure> {
        let account = Account::look(settings).await?;
        let stack = account.stack.existing(&account.aws.region).await?;
        // What is left of a failed creation has none, and there is nothing to rotate then.
        stack.output(synth::OUTPUT_API_ENDPOINT)?;
        let cluster = Cluster::connect(&settings.cluster).await?;
        cluster.check_permissions().await?;
        let existing = cluster.registered_webhook(&settings.webhook_name()).await?;
        existing.refuse_if_managed()?;
        refuse_tokens(settings, &existing)?;
        let old = known_caller(&existing, &stack)?;
        let new = Caller { secret: CallerSecret::generate()?, ..old.clone() };
        Ok(Self { settings, account, cluster, stack, old, new })
    }

    fn plan(&self) -> Vec<String> {
        vec![
            format!("AWS:     {}", self.account.place()),
            format!("cluster: {} in the context {}", self.old.name, self.cluster.place()),
            format!(
                "stack:   {}: two updates of its parameter CallerDigests, {}",
                self.account.stack.name(),
                know::beside(&self.stack)
            ),
            format!("webhook: {}: another secret in its URL, nothing else", self.settings.webhook_name()),
        ]
    }

    /// Update the stack so that it knows exactly these callers of our name; those of others stay.
    async fn know(
        &self,
        step: &str,
        callers: &[&Caller],
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        let entries: Vec<String> = callers.iter().map(|caller| caller.entry()).collect();
        know::exactly(self.settings, &self.account, (&self.old.name, &entries), step, console, interrupt).await
    }

    async fn switch(&self, console: &mut Console, interrupt: &Interrupt) -> Result<(), Failure> {
        let settings = self.settings;
        let endpoint = site::endpoint(settings, &self.stack)?;
        console.step(&format!("Probing {endpoint} with the new secret"));
        let target = probe::Target::of(settings, &self.new, endpoint);
        probe::run(&target, Patience::ENDPOINT, console, interrupt).await?;
        console.step(&format!("Registering it in the context {}", self.cluster.context()));
        register(settings, &self.cluster, &self.new, endpoint, console, interrupt).await
    }
}

/// The webhook with this caller, as a deploy would have it, and the API server's proof.
async fn register(
    settings: &Settings,
    cluster: &Cluster,
    caller: &Caller,
    endpoint: &str,
    console: &mut Console,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let ca_bundle = site::ca_bundle(settings.cluster.ca_bundle.as_deref())?;
    let ca_bundle = ca_bundle.as_deref();
    let registration = Registration { cluster, settings, caller, endpoint, ca_bundle, patience: Patience::API_SERVER };
    registration.run(console, interrupt).await.map(drop)
}

/// A token is on the disks of the API servers, which nobody can change from here.
fn refuse_tokens(settings: &Settings, existing: &Existing) -> Result<(), Failure> {
    if settings.cluster.credentials == Credentials::Url && !existing.is_bearer() {
        return Ok(());
    }
    Err(Failure::new("the cluster proves itself by a token, which is changed on its API servers and not here")
        .with_hint(
            "1. deployer deploy with the new token in DEPLOYER_CALLER_SECRET: both are known then. 2. deployer webhook render --admission-configuration DIR, and put the files on each API server. 3. deployer rotate --finish, with the same variable: the old one is forgotten.",
        )
        .with_code(ExitCode::Unsafe))
}

/// The caller that the cluster is now. One that this stack does not know belongs to another one.
fn known_caller(existing: &Existing, stack: &Stack) -> Result<Caller, Failure> {
    let caller = existing.caller().ok_or_else(|| {
        Failure::new("the webhook's URL holds no caller's secret").with_hint("Run deployer deploy, which makes one.")
    })?;
    let digests = stack.parameters.get("CallerDigests").map_or("", String::as_str);
    if digests.split(',').any(|entry| entry.trim() == caller.entry()) {
        return Ok(caller);
    }
    Err(Failure::new(format!("this stack does not know the secret with which {} calls", caller.name))
        .with_hint(
            "Is it the right --stack-name and --region? If it is, run deployer deploy, which brings both together.",
        )
        .with_code(ExitCode::Unsafe))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_not_rotated_from_here_and_the_way_is_told() {
        let secret = "ab".repeat(32);
        let existing = |path: &str| {
            let url = format!("https://api.example.com/v1/{path}");
            Existing::new(json!({ "webhooks": [{ "clientConfig": { "url": url } }] }))
        };
        let mut settings = Settings::default();
        let in_url = existing(&format!("blue/{secret}"));
        assert_eq!(refuse_tokens(&settings, &in_url), Ok(()));
        assert_eq!(refuse_tokens(&settings, &existing("blue")).unwrap_err().code, ExitCode::Unsafe);
        settings.cluster.credentials = Credentials::Bearer;
        let failure = refuse_tokens(&settings, &in_url).unwrap_err();
        assert!(failure.hint.unwrap().contains("--admission-configuration"));
    }
}
