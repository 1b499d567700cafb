//! `deployer webhook check`: is the webhook in the cluster what it should be, and is the file that somebody committed?
//! Reads only. The caller's secret is compared and never shown.

use std::{fmt, path::Path};

use serde::Serialize;
use serde_json::Value;

use super::endpoint;
use crate::{
    cli::CheckArgs,
    cluster::{
        Cluster,
        caller::{Caller, CallerSecret, name_of_context},
        drift::{self, Difference},
        pause::{self, Pause},
        policy,
        webhook::Existing,
    },
    commands::{register, site},
    console::{Console, Report},
    error::{ExitCode, Failure},
    settings::{Credentials, FailurePolicy, Settings},
    synth::WebhookManifest,
};

/// One comparison.
#[derive(Serialize)]
struct Comparison {
    /// What was looked at.
    of: String,
    /// What it was compared with.
    with: String,
    differences: Vec<Difference>,
}

/// What was found.
#[derive(Serialize)]
struct Checked {
    comparisons: Vec<Comparison>,
    /// A pause that the webhook in the cluster is in.
    pause: Option<Pause>,
    /// Argo CD or Flux, where one of them keeps it.
    manager: Option<String>,
}

impl Report for Checked {
    const KIND: &'static str = "webhook_check";
}

impl fmt::Display for Checked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Comparison { of, with, differences }) in self.comparisons.iter().enumerate() {
            let between = if at == 0 { "" } else { "\n" };
            let outcome = if differences.is_empty() { "the same as" } else { "differs from" };
            write!(out, "{between}{of}: {outcome} {with}")?;
            for difference in differences {
                write!(out, "\n  {difference}")?;
            }
        }
        if let Some(manager) = &self.manager {
            write!(out, "\nkept by {manager}")?;
        }
        if let Some(pause) = &self.pause {
            write!(out, "\n{pause}")?;
        }
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
/// `Changed` when something differs; else when something cannot be read.
pub(super) async fn run(settings: &Settings, args: &CheckArgs, console: &mut Console) -> Result<(), Failure> {
    let name = settings.webhook_name();
    let file = args.file.as_deref().map(|path| read(path, &name)).transpose()?;
    let existing = if args.no_cluster { None } else { Some(found(settings, &name).await?) };
    let wanted = wanted(settings, file.as_ref(), existing.as_ref()).await?;

    let mut comparisons = Vec::new();
    let mut compare = |of: &str, with: &str, wanted: &Value, found: &Value| {
        let differences = drift::differences(wanted, found);
        comparisons.push(Comparison { of: of.to_owned(), with: with.to_owned(), differences });
    };
    let rendered = "what the settings and the stack give";
    if let (Some(file), Some(path)) = (&file, &args.file) {
        compare(&path.display().to_string(), rendered, &wanted, file);
    }
    if let Some(existing) = &existing {
        compare("the webhook in the cluster", rendered, &wanted, existing.object());
        if let (Some(file), Some(path)) = (&file, &args.file) {
            compare("the webhook in the cluster", &path.display().to_string(), file, existing.object());
        }
    }
    let differ = comparisons.iter().any(|comparison| !comparison.differences.is_empty());
    let checked = Checked {
        comparisons,
        pause: existing.as_ref().and_then(|existing| pause::read(existing.object())),
        manager: existing.as_ref().and_then(Existing::manager),
    };
    console.report(&checked)?;
    if differ { Err(differs(file.is_some())) } else { Ok(()) }
}

fn differs(with_file: bool) -> Failure {
    let way_out = if with_file {
        "deployer webhook render --out FILE writes the file as it should be; commit that."
    } else {
        "deployer deploy brings the webhook back; deployer webhook render --out FILE is for those who apply it by other means."
    };
    Failure::new("the webhook configuration is not what it should be").with_hint(way_out).with_code(ExitCode::Changed)
}

async fn found(settings: &Settings, name: &str) -> Result<Existing, Failure> {
    Cluster::connect(&settings.cluster).await?.registered_webhook(name).await
}

/// As rendered for the caller that the file, else the cluster, names; the failure policy is the settings' where they say
/// one, else what was found.
async fn wanted(settings: &Settings, file: Option<&Value>, existing: Option<&Existing>) -> Result<Value, Failure> {
    let in_file = file.map(|object| Existing::new(object.clone()));
    let known = in_file.iter().chain(existing).find_map(Existing::caller);
    let known_name = in_file.iter().chain(existing).find_map(Existing::caller_name);
    let credentials = settings.cluster.credentials;
    let secret = match (site::given_secret()?, credentials, known) {
        (Some(secret), ..) => secret,
        // A token is in no manifest, so any will do.
        (None, Credentials::Bearer, _) => CallerSecret::generate()?,
        (None, Credentials::Url, Some(known)) => known.secret,
        (None, Credentials::Url, None) => {
            return Err(Failure::new("no caller's secret was found in the URL of the webhook")
                .with_hint("Give DEPLOYER_CALLER_SECRET, or run deployer deploy, which makes one."));
        }
    };
    let context = settings.cluster.context.as_deref().map(name_of_context);
    let name = settings.cluster.name.clone().or(known_name).or(context).unwrap_or_default();
    let caller = Caller { name, secret, credentials };
    let endpoint = endpoint(settings).await?;
    let ca_bundle = site::ca_bundle(settings.cluster.ca_bundle.as_deref())?;
    let found = in_file.iter().chain(existing).find_map(|existing| policy::read(existing.object()));
    let failure_policy = settings.cluster.failure_policy.or(found).unwrap_or(FailurePolicy::Ignore);
    let url = caller.url(&endpoint);
    register::manifest(settings, &WebhookManifest { url: &url, ca_bundle: ca_bundle.as_deref(), failure_policy })
}

/// The object in a file, which may hold others beside it.
fn read(path: &Path, name: &str) -> Result<Value, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("{shown} cannot be read")).caused_by(&error))?;
    // The parser's words may quote the text, which holds the secret.
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&text).map_err(|_| Failure::usage(format!("{shown} is not YAML")))?;
    let ours =
        |object: &Value| object["kind"] == "ValidatingWebhookConfiguration" && object["metadata"]["name"] == name;
    documents.into_iter().find(ours).ok_or_else(|| {
        Failure::usage(format!("{shown} holds no ValidatingWebhookConfiguration {name}"))
            .with_hint("deployer webhook render --out FILE writes one; --stack-name gives it its name.")
    })
}
