//! `deployer rotate --finish`: the end of another token. The stack forgets all but the one that was given, and the API server
//! has to prove that it sends that one; where it does not, the stack knows again what it knew.
//!
//! Nobody can ask an API server from here which token it sends, so this is the person's to say.

use super::know;
use crate::{
    cluster::{
        Cluster,
        caller::{Caller, entries_of},
        webhook::Existing,
    },
    commands::{consent, site, site::Account},
    console::Console,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    patience::Patience,
    probe,
    settings::{Credentials, Settings},
    stack::Stack,
    synth,
};

struct Finish<'a> {
    settings: &'a Settings,
    account: Account,
    cluster: Cluster,
    stack: Stack,
    caller: Caller,
    /// What the stack knows of the cluster.
    before: Vec<String>,
}

pub(super) async fn run(settings: &Settings, console: &mut Console) -> Result<(), Failure> {
    console.step("Looking at the account and the cluster");
    let finish = Finish::look(settings).await?;
    let name = &finish.caller.name;
    if finish.before.len() < 2 {
        console.say(&format!("the stack knows this secret of {name} and no other: there is nothing to forget"));
        return Ok(());
    }
    for line in finish.plan() {
        console.say(&line);
    }
    console.warn(&format!(
        "every API server of {} must send that token by now: the calls of one that does not are those of a stranger afterwards",
        finish.cluster.context()
    ));
    if !consent::ask(&[(settings, &finish.cluster)], "Forget the others?", console, &Interrupt::never()).await? {
        return Err(Failure::new("nothing was changed: the plan was declined").with_code(ExitCode::Refused));
    }
    let interrupt = Interrupt::listen();
    finish.forget(console, &interrupt).await?;
    console.step("Done");
    console.say(&format!("{name} calls with this token, and no other secret of it is known."));
    Ok(())
}

impl<'a> Finish<'a> {
    async fn look(settings: &'a Settings) -> Result<Self, Failure> {
        let account = Account::look(settings).await?;
        let stack = account.stack.existing(&account.aws.region).await?;
        let cluster = Cluster::connect(&settings.cluster).await?;
        cluster.check_permissions().await?;
        let existing = cluster.registered_webhook(&settings.webhook_name()).await?;
        refuse_urls(settings, &existing)?;
        let name = site::caller_name(settings, &cluster, Some(&existing));
        let caller = Caller { name, secret: site::token()?, credentials: Credentials::Bearer };
        let digests = stack.parameters.get(synth::PARAMETER_CALLER_DIGESTS).map_or("", String::as_str);
        let before = entries_of(digests, &caller.name);
        if before.contains(&caller.entry()) {
            return Ok(Self { settings, account, cluster, stack, caller, before });
        }
        Err(Failure::new(format!(
            "the stack does not know the token of {} as one of {}",
            site::SECRET_VARIABLE,
            caller.name
        ))
        .with_hint("Nothing was changed. Deploy with it first, then give it to every API server.")
        .with_code(ExitCode::Unsafe))
    }

    fn plan(&self) -> Vec<String> {
        let others = self.before.len() - 1;
        vec![
            format!("AWS:     {}", self.account.place()),
            format!("cluster: {} in the context {}", self.caller.name, self.cluster.place()),
            format!(
                "stack:   {}: {others} of {} secrets of {} forgotten, by an update of CallerDigests",
                self.account.stack.name(),
                self.before.len(),
                self.caller.name
            ),
        ]
    }

    async fn forget(&self, console: &mut Console, interrupt: &Interrupt) -> Result<(), Failure> {
        let endpoint = site::endpoint(self.settings, &self.stack)?;
        console.step(&format!("Probing {endpoint} with the token"));
        let target = probe::Target::of(self.settings, &self.caller, endpoint);
        probe::run(&target, Patience::UPDATED, console, interrupt).await?;
        self.know("Letting the stack forget the others", &[self.caller.entry()], console, interrupt).await?;
        console.step(&format!("Proving it in the context {}", self.cluster.context()));
        let proven = super::register(self.settings, &self.cluster, &self.caller, endpoint, console, interrupt).await;
        match proven {
            Ok(()) => Ok(()),
            Err(failure) => Err(self.put_back(failure, console).await),
        }
    }

    /// Whatever it was, an interruption too: what was sent until now must be known.
    async fn put_back(&self, failure: Failure, console: &mut Console) -> Failure {
        let step = "Letting the stack know again what it knew";
        match self.know(step, &self.before, console, &Interrupt::never()).await {
            Ok(()) => failure.with_hint(
                "All secrets are known again, and nothing is lost. Give every API server the token (deployer webhook render --admission-configuration DIR), restart it, and try again.",
            ),
            Err(second) => Failure {
                message: format!("{}; and then the stack could not be told the former secrets again: {}", failure.message, second.message),
                ..failure
            }
            .with_hint("Do it now: deployer deploy, with the token that the API servers send in DEPLOYER_CALLER_SECRET.")
            .with_code(ExitCode::Unsafe),
        }
    }

    async fn know(
        &self,
        step: &str,
        entries: &[String],
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        let callers = (self.caller.name.as_str(), entries);
        know::exactly(self.settings, &self.account, callers, step, console, interrupt).await
    }
}

/// What is in the URL is rotated from here, in one go.
fn refuse_urls(settings: &Settings, existing: &Existing) -> Result<(), Failure> {
    if settings.cluster.credentials == Credentials::Bearer && existing.is_bearer() {
        return Ok(());
    }
    Err(Failure::usage("--finish is for a cluster that sends a token, and this one has its secret in the webhook's URL")
        .with_hint("deployer rotate, without it, changes that one and forgets the former. To change over to a token: deployer deploy with cluster.credentials = \"bearer\"."))
}
