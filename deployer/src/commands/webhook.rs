//! `deployer webhook …`: which file each verb is, and `render`: the webhook configuration as YAML, for people who apply it
//! by other means. Rendering reads only.
//!
//! The output of `render` holds the caller's secret; that is its purpose, and it is the only place where we show it.

mod admission;
mod check;
mod pause;
mod promote;
mod since;

use std::path::Path;

use super::site;
use crate::{
    aws,
    cli::{RenderArgs, WebhookCommand},
    cluster::{
        Cluster,
        caller::{Caller, CallerSecret, name_of_context},
        policy,
        webhook::Existing,
    },
    console::Console,
    error::Failure,
    settings::{Credentials, FailurePolicy, Settings},
    stack::StackClient,
    synth::{self, WebhookManifest},
};

/// Runs the command.
///
/// # Errors
/// When the endpoint or the caller's secret cannot be had, or the file cannot be written.
pub async fn run(settings: &Settings, command: &WebhookCommand, console: &mut Console) -> Result<(), Failure> {
    match command {
        WebhookCommand::Render(args) => render(settings, args, console).await,
        WebhookCommand::Check(args) => check::run(settings, args, console).await,
        WebhookCommand::Pause(args) => pause::pause(settings, args, console).await,
        WebhookCommand::Resume(args) => pause::resume(settings, args, console).await,
        WebhookCommand::Promote => promote::promote(settings, console).await,
        WebhookCommand::Demote => promote::demote(settings, console).await,
    }
}

async fn render(settings: &Settings, args: &RenderArgs, console: &mut Console) -> Result<(), Failure> {
    let (caller, found) = caller(settings, args.admission_configuration.is_some()).await?;
    let endpoint = endpoint(settings).await?;
    if let Some(dir) = &args.admission_configuration {
        return admission::write(dir, &args.admission_path, &endpoint, &caller, console);
    }
    let ca_bundle = site::ca_bundle(settings.cluster.ca_bundle.as_deref())?;
    let url = caller.url(&endpoint);
    let failure_policy = settings.cluster.failure_policy.or(found).unwrap_or(FailurePolicy::Ignore);
    let manifest = WebhookManifest { url: &url, ca_bundle: ca_bundle.as_deref(), failure_policy };
    write(&synth::webhook_manifest(settings, &manifest)?, &caller, args, console)
}

/// Where the cluster was looked at, with its failure policy: whoever commits the manifest must not lower it unawares.
/// The manifest of a cluster with a token holds none, so one has to be given only where it is `needed`.
async fn caller(settings: &Settings, needed: bool) -> Result<(Caller, Option<FailurePolicy>), Failure> {
    let credentials = settings.cluster.credentials;
    match site::given_secret()? {
        Some(secret) => {
            let name = match &settings.cluster.name {
                Some(name) => name.clone(),
                None => name_of_context(Cluster::connect(&settings.cluster).await?.context()),
            };
            Ok((Caller { name, secret, credentials }, None))
        }
        None if credentials == Credentials::Bearer => {
            let secret = if needed { site::token()? } else { CallerSecret::generate()? };
            let cluster = Cluster::connect(&settings.cluster).await?;
            let existing = cluster.our_webhook(&settings.webhook_name()).await?;
            let name = site::caller_name(settings, &cluster, existing.as_ref());
            let policy = existing.as_ref().and_then(|existing| policy::read(existing.object()));
            Ok((Caller { name, secret, credentials }, policy))
        }
        None => from_cluster(settings, &Cluster::connect(&settings.cluster).await?).await,
    }
}

async fn from_cluster(settings: &Settings, cluster: &Cluster) -> Result<(Caller, Option<FailurePolicy>), Failure> {
    let name = settings.webhook_name();
    let existing = cluster.our_webhook(&name).await?;
    let known = existing.as_ref().and_then(Existing::caller).ok_or_else(|| {
        Failure::new(format!(
            "the context {} has no webhook {name} with a caller's secret in its URL",
            cluster.context()
        ))
        .with_hint(format!("Run deployer deploy first, choose the --context, or give {}.", site::SECRET_VARIABLE))
    })?;
    let policy = existing.as_ref().and_then(|existing| policy::read(existing.object()));
    Ok((Caller { name: settings.cluster.name.clone().unwrap_or(known.name), ..known }, policy))
}

/// AWS is not asked where the owner overrides what it would say.
async fn endpoint(settings: &Settings) -> Result<String, Failure> {
    if let Some(endpoint) = &settings.cluster.endpoint {
        return Ok(endpoint.clone());
    }
    let aws = aws::connect(settings).await?;
    let stack = StackClient::new(&aws.config, &settings.stack_name).existing(&aws.region).await?;
    site::endpoint(settings, &stack).map(str::to_owned)
}

fn write(manifest: &str, caller: &Caller, args: &RenderArgs, console: &mut Console) -> Result<(), Failure> {
    let Some(path) = &args.out else { return console.document("webhook.yaml", manifest) };
    write_private(path, manifest)
        .map_err(|error| Failure::new(format!("{} cannot be written", path.display())).caused_by(&error))?;
    let what = match caller.credentials {
        Credentials::Url => "it holds the caller's secret",
        Credentials::Bearer => "it holds no secret",
    };
    console.say(&format!("wrote {} ({what})", path.display()));
    Ok(())
}

/// Readable by its owner only, for it holds a secret.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
