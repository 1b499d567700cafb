//! `deployer deploy`: look, build, show, ask; then bucket, upload, stack, probe, webhook, proof. In that order, so that
//! the cluster is touched last and only by something that is known to work.

use super::{
    consent,
    draft::{self, Draft, Drafted, Site},
    in_turn,
    member::{self, Member},
    register::Registration,
    site,
};
use crate::{
    artifact,
    cli::DeployArgs,
    cluster::{caller, proof::Proof},
    console::Console,
    error::Failure,
    interrupt::{Interrupt, interrupted},
    patience::Patience,
    plan::saved::SavedPlan,
    probe,
    settings::{Credentials, Settings},
    stack::{
        Stack,
        apply::{Applied, Prepared},
        recover::Consent,
    },
    synth::{self, ArtifactLocation},
    upload::{Bucket, Upload},
};

/// So many zips are kept besides the one that is deployed, for `deployer rollback --code`.
const PREVIOUS_ZIPS: usize = 3;

/// Runs the command.
///
/// # Errors
/// Whatever stops it, in one sentence. The cluster admits Pods as before then, unless the failure says otherwise.
pub async fn run(settings: &Settings, args: &DeployArgs, console: &mut Console) -> Result<(), Failure> {
    // Boxed: the states of a whole deployment are too much for one stack frame.
    Box::pin(deploy(settings, args, console)).await
}

async fn deploy(settings: &Settings, args: &DeployArgs, console: &mut Console) -> Result<(), Failure> {
    // From here on Ctrl-C is ours to answer: a change set may have to be taken back.
    let interrupt = Interrupt::listen();
    let saved = args.plan.as_deref().map(SavedPlan::read).transpose()?;
    let mut consent = args.recovery.consent("deploy", console.assumes_yes());
    console.step("Looking at the account and the cluster");
    let site = Site::look(settings, &interrupt).await?;
    let (draft, saved) = match saved {
        Some((plan, artifact)) => (site.saved_draft(&plan, artifact)?, Some(plan)),
        None => (site.draft(settings, draft::obtain(settings, &args.function, console, &interrupt).await?)?, None),
    };
    console.step("This will be done");
    // A saved plan is carried out as it is, or not at all: nothing is decided on the way.
    let agreed = if saved.is_some() { None } else { Some(&mut consent) };
    let drafted = Box::pin(site.work_out(settings, &draft, agreed, console, &interrupt)).await?;
    let result = async {
        site.approve(settings, saved.as_ref(), &drafted, console, &interrupt).await?;
        let refresh = drafted.bootstrap.as_ref();
        Box::pin(site.settle_bucket(settings, refresh, consent.clone(), console, &interrupt)).await?;
        Box::pin(site.put_artifact(settings, &draft, console, &interrupt)).await
    };
    if let Err(failure) = result.await {
        site.abandon(&drafted.prepared, drafted.bootstrap.as_ref()).await;
        return Err(failure);
    }
    let stack = Box::pin(site.deploy_stack(&draft, drafted.prepared, &mut consent, console, &interrupt)).await?;
    if let Some(dns) = site::dns(&stack) {
        console.say(&dns);
    }
    site.probe(&stack, console, &interrupt).await?;
    let proofs = site.register(&stack, console, &interrupt).await?;
    site.tidy(settings, &draft.location, &stack, console).await;
    site.conclude(settings, &stack, &proofs, console)
}

impl Site {
    /// What a saved plan says, with the callers that are known only here.
    fn saved_draft(&self, plan: &SavedPlan, artifact: artifact::Artifact) -> Result<Draft, Failure> {
        let mut parameters = plan.parameters.clone();
        let callers = member::digests(&self.members, self.account.caller_digests())?;
        parameters.insert(synth::PARAMETER_CALLER_DIGESTS.to_owned(), callers);
        let location = ArtifactLocation { bucket: plan.artifact.bucket.clone(), key: plan.artifact.key.clone() };
        Ok(Draft { artifact, location, template: plan.template.clone(), parameters, tags: plan.tags.clone() })
    }

    /// Show it and ask; a saved plan was approved when it was given, and nothing to do needs no approval.
    async fn approve(
        &self,
        settings: &Settings,
        saved: Option<&SavedPlan>,
        drafted: &Drafted,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        if let Some(saved) = saved {
            saved.check(&self.world(settings, drafted))?;
        }
        draft::show(&drafted.plan, console);
        let needless = saved.is_some() || !drafted.plan.changes;
        if needless || consent::ask(&member::asked(&self.members), "Deploy?", console, interrupt).await? {
            return Ok(());
        }
        Err(draft::declined())
    }

    /// Make sure of the zip in the bucket.
    async fn put_artifact(
        &self,
        settings: &Settings,
        draft: &Draft,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        console.step("Uploading the function");
        let ArtifactLocation { bucket: name, key } = &draft.location;
        let bucket = Bucket::new(&self.account.aws.config, name, &self.account.identity.account);
        let prefix = artifact::prefix(settings);
        let upload = Box::pin(bucket.upload(&prefix, key, draft.artifact.zip.clone()));
        let uploaded = interrupt.unless_asked(upload).await;
        match uploaded.ok_or_else(|| interrupted("interrupted while the function was uploaded"))?? {
            Upload::Written => console.say(&format!("s3://{name}/{key}, {} KiB", draft.artifact.zip.len() / 1024)),
            Upload::AlreadyThere => console.say(&format!("s3://{name}/{key} is there already")),
        }
        Ok(())
    }

    async fn deploy_stack(
        &self,
        draft: &Draft,
        prepared: Prepared,
        consent: &mut Consent,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<Stack, Failure> {
        let client = &self.account.stack;
        console.step(&format!("Deploying the stack {}", client.name()));
        let (applied, stack) = match prepared {
            Prepared::Unchanged(stack) => (Applied::Unchanged, stack),
            Prepared::Ready(ready) => client.carry_out(&ready, console, interrupt).await?,
            Prepared::Leftovers(_) => client.apply(&draft.wanted(), consent, console, interrupt).await?,
        };
        console.say(match applied {
            Applied::Created => "created",
            Applied::Updated => "updated",
            Applied::Unchanged => "no changes",
        });
        Ok(stack)
    }

    /// For every cluster before the first of them is touched.
    async fn probe(&self, stack: &Stack, console: &mut Console, interrupt: &Interrupt) -> Result<(), Failure> {
        for Member { settings, caller, .. } in &self.members {
            let endpoint = site::endpoint(settings, stack)?;
            console.step(&format!("Probing {endpoint} as {}", caller.name));
            let target = probe::Target::of(settings, caller, endpoint);
            probe::run(&target, Patience::ENDPOINT, console, interrupt).await?;
        }
        Ok(())
    }

    async fn register(
        &self,
        stack: &Stack,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<Vec<Proof>, Failure> {
        let mut registrations = Vec::with_capacity(self.members.len());
        for member in &self.members {
            registrations.push(Registration {
                cluster: &member.cluster,
                settings: &member.settings,
                caller: &member.caller,
                endpoint: site::endpoint(&member.settings, stack)?,
                ca_bundle: member.ca_bundle.as_deref(),
                patience: Patience::API_SERVER,
            });
        }
        in_turn::register(&registrations, console, interrupt).await
    }

    /// It works: protect it, and let go of what nobody goes back to. Neither is worth failing for.
    async fn tidy(&self, settings: &Settings, location: &ArtifactLocation, stack: &Stack, console: &mut Console) {
        match self.account.stack.protect(stack).await {
            Ok(true) => console.say("the stack is protected against deletion, and its API against replacement"),
            Ok(false) => (),
            Err(failure) => console.warn(&told(&failure)),
        }
        // An owner's bucket has the owner's own rules.
        if settings.artifact_bucket.is_some() {
            return;
        }
        let bucket = Bucket::new(&self.account.aws.config, &location.bucket, &self.account.identity.account);
        match bucket.prune(&artifact::prefix(settings), &location.key, PREVIOUS_ZIPS).await {
            Ok(0) => (),
            Ok(pruned) => console.say(&format!("{pruned} zips of older deploys were removed")),
            Err(failure) => console.warn(&told(&failure)),
        }
    }

    /// What now is true, and the next command.
    fn conclude(
        &self,
        settings: &Settings,
        stack: &Stack,
        proofs: &[Proof],
        console: &mut Console,
    ) -> Result<(), Failure> {
        // All say the same, each of its own image: one is enough.
        if let Some(Proof::Refused(message)) = proofs.iter().find(|proof| matches!(proof, Proof::Refused(_))) {
            console.step("Proven: the API server refused a Pod, and this is what its sender reads");
            for line in message.lines() {
                console.say(line);
            }
        }
        console.step("Done");
        for member in &self.members {
            let endpoint = site::endpoint(&member.settings, stack)?;
            console.say(&format!("The API server of {} asks {endpoint} about every Pod.", member.cluster.context()));
            let name = &member.caller.name;
            let digests = stack.parameters.get(synth::PARAMETER_CALLER_DIGESTS).map_or("", String::as_str);
            if caller::secrets_of(digests, name) > 1 {
                console.warn(&format!("the stack knows a former secret of {name} too: {}", forget(&member.settings)));
            }
        }
        console.say(&format!("Look at it:   kubectl get validatingwebhookconfiguration {}", settings.webhook_name()));
        console.say("Take it down: deployer destroy, with the same settings");
        Ok(())
    }
}

/// How a former secret is let go of.
const fn forget(settings: &Settings) -> &'static str {
    match settings.cluster.credentials {
        // Every API server calls by the URL now.
        Credentials::Url => "deployer deploy again lets go of it",
        Credentials::Bearer => "when each of its API servers sends the new one, deployer rotate --finish lets go of it",
    }
}

fn told(failure: &Failure) -> String {
    match &failure.cause {
        Some(cause) => format!("{}: {cause}", failure.message),
        None => failure.message.clone(),
    }
}
