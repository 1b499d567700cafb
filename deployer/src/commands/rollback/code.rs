//! The stack as it is, with the zip from before; probed, and brought forth again where that does not pass.

use super::{
    probing::{self, Asker},
    text::Deployed,
};
use crate::{
    artifact::{self, Contents},
    commands::{draft, site},
    console::Console,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    settings::{Settings, Word},
    stack::{
        Stack, StackClient,
        apply::{Prepared, Ready},
        change_set::Wanted,
        recover::Consent,
    },
    upload::Bucket,
};

/// Where there is no way back.
const ANOTHER_WAY: &str = "Deploy the code you want: deployer deploy --artifact FILE";

/// What is gone back to, and from what.
struct Way {
    client: StackClient,
    stack: Stack,
    bucket: Bucket,
    now: Deployed,
    /// Key of the zip from before.
    key: String,
    contents: Contents,
    /// The template with it.
    template: String,
}

pub(super) async fn run(settings: &Settings, console: &mut Console, interrupt: &Interrupt) -> Result<(), Failure> {
    console.step("Looking for the code that was deployed before");
    let way = Way::look(settings).await?;
    let askers = probing::askers(settings, console).await;
    let wanted = Wanted::new(&way.template, &way.stack.parameters, &way.stack.tags);
    let prepared = way.client.prepare(&wanted, None, console, interrupt).await?;
    let Prepared::Ready(ready) = prepared else {
        return Err(Failure::new("the stack would not change").with_code(ExitCode::Refused));
    };
    way.show(&ready, console);
    let approved = console.ask("Roll back?", interrupt).await;
    if !matches!(approved, Ok(true)) {
        way.client.abandon(&ready).await;
        return Err(approved.err().unwrap_or_else(draft::declined));
    }
    let (_, stack) = way.client.carry_out(&ready, console, interrupt).await?;
    // The list of zips is the history: what runs now was deployed last.
    way.bucket.touch(&way.key).await?;
    way.prove(&askers, &stack, console, interrupt).await?;
    console.step("Done");
    console.say("the code is the one from before; its policy came back with it, settings in Parameters stayed");
    if askers.is_empty() {
        console.warn("whether it works was not probed: no cluster's secret is known here");
    }
    console.say("Prove it in the cluster: deployer deploy --artifact FILE, or watch: deployer logs --follow");
    Ok(())
}

impl Way {
    async fn look(settings: &Settings) -> Result<Self, Failure> {
        let (account, client) = site::stack(settings).await?;
        let stack = client.ours().await?;
        let now = client.template().await?.and_then(Deployed::of).ok_or_else(|| unknown(&client))?;
        let bucket = Bucket::new(&account.aws.config, &now.bucket, &account.identity.account);
        let zips = bucket.zips(&artifact::prefix(settings)).await?;
        let Some(previous) = zips.into_iter().find(|zip| zip.key != now.key) else {
            return Err(Failure::new(format!("there is no other zip than the deployed one in s3://{}", now.bucket))
                .with_hint(ANOTHER_WAY)
                .with_code(ExitCode::Refused));
        };
        let key = previous.key;
        let contents = artifact::contents(&bucket.read(&key).await?).map_err(|what| {
            Failure::new(format!("s3://{}/{key} cannot be gone back to: {what}", now.bucket))
                .with_hint(format!("Nothing was changed. {ANOTHER_WAY}"))
                .with_code(ExitCode::Refused)
        })?;
        let template = now.with(&key, contents.architecture)?;
        Ok(Self { client, stack, bucket, now, key, contents, template })
    }

    fn show(&self, ready: &Ready, console: &mut Console) {
        console.step("This will be done");
        let Deployed { bucket, key, architecture, .. } = &self.now;
        console.say(&format!("now:    s3://{bucket}/{key}"));
        console.say(&format!("before: s3://{bucket}/{}", self.key));
        let before = self.contents.architecture.word();
        if before != architecture {
            console.say(&format!("the function's architecture goes with it: {architecture} -> {before}"));
        }
        for change in &ready.change_set.changes {
            console.say(&format!("{} {:<28} {}", change.action.mark(), change.logical_id, change.resource_type));
        }
    }

    /// What does not pass is not left in force unless the person wants it.
    async fn prove(
        &self,
        askers: &[Asker],
        stack: &Stack,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        let probed = probing::run(askers, self.contents.policy.as_deref(), stack, console, interrupt).await;
        let Err(failure) = probed else { return Ok(()) };
        if failure.code == ExitCode::Interrupted {
            return Err(failure);
        }
        console.warn(&failure.message);
        let failed = Failure::new("the code from before does not answer as it must");
        // Off a terminal nobody can be asked; --yes says yes.
        if !matches!(console.ask("Go forth again, to what ran until now?", interrupt).await, Ok(true)) {
            return Err(failed.with_hint("It stays in force. deployer rollback --code goes forth again."));
        }
        self.go_forth(console, interrupt).await?;
        Err(failed.with_hint(format!("What ran until now is in force again. {ANOTHER_WAY}")))
    }

    async fn go_forth(&self, console: &mut Console, interrupt: &Interrupt) -> Result<(), Failure> {
        console.step("Going forth again");
        let wanted = Wanted::new(&self.now.template, &self.stack.parameters, &self.stack.tags);
        let mut consent = Consent::new("rollback", console.assumes_yes());
        Box::pin(self.client.apply(&wanted, &mut consent, console, interrupt)).await?;
        self.bucket.touch(&self.now.key).await
    }
}

fn unknown(client: &StackClient) -> Failure {
    Failure::new(format!("the template of the stack {} does not say where its function's zip is", client.name()))
        .with_hint(ANOTHER_WAY)
}
