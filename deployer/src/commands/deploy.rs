//! `deployer deploy`: look, build, show, ask; then bucket, upload, stack, probe, webhook, proof. In that order, so that
//! the cluster is touched last and only by something that is known to work.

use std::path::Path;

use super::{
    consent,
    register::{self, Registration},
    site::{self, Account},
};
use crate::{
    artifact::{self, Artifact},
    cli::DeployArgs,
    cluster::{Cluster, caller::Caller, proof::Proof, webhook::Existing},
    console::Console,
    error::{ExitCode, Failure},
    interrupt::{Interrupt, interrupted},
    patience::Patience,
    probe,
    settings::{Settings, Word},
    stack::{Stack, apply::Applied, change_set::Wanted},
    synth::{self, ArtifactLocation},
    upload::{Bucket, Upload},
};

/// What was looked at before anything is changed.
struct Site {
    account: Account,
    cluster: Cluster,
    existing: Option<Existing>,
    caller: Caller,
    ca_bundle: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// Whatever stops it, in one sentence. The cluster admits Pods as before then, unless the failure says otherwise.
pub async fn run(settings: &Settings, args: &DeployArgs, console: &mut Console) -> Result<(), Failure> {
    // Boxed: the states of a whole deployment are too much for one stack frame.
    Box::pin(deploy(settings, args, console)).await
}

async fn deploy(settings: &Settings, args: &DeployArgs, console: &mut Console) -> Result<(), Failure> {
    console.step("Looking at the account and the cluster");
    let site = Site::look(settings).await?;
    // A stack that cannot be updated is told before minutes of building.
    site.account.stack.intention(site.account.found.as_ref())?;
    let artifact = obtain(settings, args, console).await?;
    console.step("This will be done");
    for line in site.plan(settings, &artifact)? {
        console.say(&line);
    }
    if !consent::ask(settings, &site.cluster, "Deploy?", console)? {
        return Err(Failure::new("nothing was changed: the plan was declined").with_code(ExitCode::Refused));
    }
    // From here on Ctrl-C is ours to answer; until here, ending at once is right.
    let interrupt = Interrupt::listen();
    let location = Box::pin(site.put_artifact(settings, &artifact, console, &interrupt)).await?;
    let stack = site.deploy_stack(settings, &location, &artifact, console, &interrupt).await?;
    let endpoint = site::endpoint(settings, &stack)?;
    site.probe(settings, endpoint, console, &interrupt).await?;
    let proof = site.register(settings, endpoint, console, &interrupt).await?;
    site.conclude(settings, endpoint, &proof, console);
    Ok(())
}

/// The binary that was given, or one that is built now.
async fn obtain(settings: &Settings, args: &DeployArgs, console: &mut Console) -> Result<Artifact, Failure> {
    let Some(binary) = &args.artifact else {
        console.step("Building the function");
        return artifact::build(settings, args.source.as_deref().unwrap_or(Path::new(".")), console).await;
    };
    let artifact = artifact::take(settings, binary)?;
    if let Some(warning) = artifact.warning() {
        console.warn(&warning);
    }
    Ok(artifact)
}

/// Again, now that account and region are known: under a policy that does not hold there, no Pod could be checked.
fn check_policy(settings: &Settings, account: &Account) -> Result<(), Failure> {
    let Some(policy) = &settings.policy else { return Ok(()) };
    policy.check(&account.identity.account, &account.aws.region).map_err(|errors| {
        Failure::usage(format!(
            "the policy cannot be in force in {}:\n  - {}",
            account.place(),
            errors.0.join("\n  - ")
        ))
    })
}

impl Site {
    async fn look(settings: &Settings) -> Result<Self, Failure> {
        let ca_bundle = site::ca_bundle(settings.cluster.ca_bundle.as_deref())?;
        let account = Account::look(settings).await?;
        check_policy(settings, &account)?;
        let cluster = Cluster::connect(&settings.cluster).await?;
        cluster.check_permissions().await?;
        let existing = cluster.our_webhook(&settings.webhook_name()).await?;
        let caller = site::caller(settings, &cluster, existing.as_ref())?;
        Ok(Self { account, cluster, existing, caller, ca_bundle })
    }

    /// One line for each thing that a person may want to stop.
    fn plan(&self, settings: &Settings, artifact: &Artifact) -> Result<Vec<String>, Failure> {
        let account = &self.account;
        let bucket = match (&settings.artifact_bucket, &account.bootstrapped) {
            (Some(bucket), _) => format!("{bucket} (yours)"),
            (None, Some(_)) => account.bucket_name(),
            (None, None) => {
                format!("{} (by the stack {}, unless it exists)", account.bucket_name(), account.bootstrap.name())
            }
        };
        let mut lines = vec![
            format!("AWS:       {}", account.place()),
            format!("as:        {}", account.identity.arn),
            format!("bucket:    {bucket}"),
            format!("function:  {} {}", artifact.architecture.word(), &artifact.sha256[..12]),
            format!("stack:     {}: {}", account.stack.name(), account.stack.intention(account.found.as_ref())?),
        ];
        if let Some(policy) = &settings.policy {
            lines.push(format!("policy:    {}", policy.version()));
        }
        for (key, value) in synth::parameters(settings, "") {
            // Digests say nothing to a person; who may call does.
            let value = if key == "CallerDigests" { format!("of {}", self.callers()) } else { format!("\"{value}\"") };
            lines.push(format!("           {key} = {value}"));
        }
        lines.push(format!(
            "webhook:   {} in the context {}: {}, failurePolicy {}",
            settings.webhook_name(),
            self.cluster.place(),
            if self.existing.is_some() { "replace ours" } else { "create it" },
            register::policy_in_words(settings, self.existing.as_ref()),
        ));
        Ok(lines)
    }

    fn callers(&self) -> String {
        let digests = self.caller.digests(self.account.caller_digests());
        let names: Vec<&str> = digests.split(',').filter_map(|entry| Some(entry.split_once('=')?.0)).collect();
        names.join(", ")
    }

    /// Make sure of the bucket and of the zip in it.
    async fn put_artifact(
        &self,
        settings: &Settings,
        artifact: &Artifact,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<ArtifactLocation, Failure> {
        let name = self.bucket(settings, console, interrupt).await?;
        console.step("Uploading the function");
        let key = artifact.key(settings);
        let bucket = Bucket::new(&self.account.aws.config, &name, &self.account.identity.account);
        let uploaded = interrupt.unless_asked(Box::pin(bucket.upload(&key, artifact.zip.clone()))).await;
        match uploaded.ok_or_else(|| interrupted("interrupted while the function was uploaded"))?? {
            Upload::Written => console.say(&format!("s3://{name}/{key}, {} KiB", artifact.zip.len() / 1024)),
            Upload::AlreadyThere => console.say(&format!("s3://{name}/{key} is there already")),
        }
        Ok(ArtifactLocation { bucket: name, key })
    }

    /// The owner's bucket, or ours, made when it is missing.
    async fn bucket(
        &self,
        settings: &Settings,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<String, Failure> {
        if let Some(bucket) = &settings.artifact_bucket {
            return Ok(bucket.clone());
        }
        let name = self.account.bucket_name();
        if Bucket::new(&self.account.aws.config, &name, &self.account.identity.account).exists().await? {
            return Ok(name);
        }
        console.step(&format!("Making the bucket (stack {})", self.account.bootstrap.name()));
        let template = synth::bootstrap_template(settings)?;
        let wanted =
            Wanted { template: &template, parameters: &std::collections::BTreeMap::new(), tags: &settings.tags };
        let (_, stack) = self.account.bootstrap.apply(&wanted, console, interrupt).await?;
        stack.output(synth::OUTPUT_BUCKET_NAME).map(str::to_owned)
    }

    async fn deploy_stack(
        &self,
        settings: &Settings,
        location: &ArtifactLocation,
        artifact: &Artifact,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<Stack, Failure> {
        console.step(&format!("Deploying the stack {}", self.account.stack.name()));
        let template = synth::stack_template(settings, location, artifact.architecture)?;
        let parameters = synth::parameters(settings, &self.caller.digests(self.account.caller_digests()));
        let wanted = Wanted { template: &template, parameters: &parameters, tags: &settings.tags };
        let (applied, stack) = self.account.stack.apply(&wanted, console, interrupt).await?;
        console.say(match applied {
            Applied::Created => "created",
            Applied::Updated => "updated",
            Applied::Unchanged => "no changes",
        });
        Ok(stack)
    }

    async fn probe(
        &self,
        settings: &Settings,
        endpoint: &str,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        console.step(&format!("Probing {endpoint}"));
        let target = probe::Target {
            endpoint,
            caller: &self.caller,
            ca_bundle: settings.cluster.ca_bundle.as_deref(),
            refuses: settings.refuses(probe::PROBED.0, probe::PROBED.1),
            ignored_namespaces: &settings.ignored_namespaces,
        };
        probe::run(&target, Patience::ENDPOINT, console, interrupt).await
    }

    async fn register(
        &self,
        settings: &Settings,
        endpoint: &str,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<Proof, Failure> {
        console.step(&format!("Registering the webhook in the context {}", self.cluster.context()));
        let registration = Registration {
            cluster: &self.cluster,
            settings,
            caller: &self.caller,
            endpoint,
            ca_bundle: self.ca_bundle.as_deref(),
            patience: Patience::API_SERVER,
        };
        registration.run(console, interrupt).await
    }

    /// What now is true, and the next command.
    fn conclude(&self, settings: &Settings, endpoint: &str, proof: &Proof, console: &mut Console) {
        if let Proof::Refused(message) = proof {
            console.step("Proven: the API server refused a Pod, and this is what its sender reads");
            for line in message.lines() {
                console.say(line);
            }
        }
        console.step("Done");
        let name = settings.webhook_name();
        console.say(&format!("The API server of {} asks {endpoint} about every Pod.", self.cluster.context()));
        console.say(&format!("Look at it:   kubectl get validatingwebhookconfiguration {name}"));
        console.say("Take it down: deployer destroy, with the same settings");
    }
}
