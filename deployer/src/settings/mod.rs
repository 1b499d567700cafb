//! What the owner decided: `deployer.toml`, options and environment, checked, with every error at once.
//!
//! Nothing here talks to AWS or to a cluster: what only they can tell (account, region of a profile) is asked later.

mod check;
mod clusters;
mod domain;
mod file;
mod policy;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub use self::{domain::Domain, policy::OwnPolicy};
use crate::{
    cli::GlobalArgs,
    error::{ExitCode, Failure},
};

/// The file that is read when `--config` does not name one.
pub const DEFAULT_FILE: &str = "deployer.toml";

/// Everything an owner can decide. Each field is one key of `deployer.toml` unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Name of the stack; lower-cased, also of the webhook configuration.
    pub stack_name: String,
    /// Region to deploy to; `None`: as the SDK finds it.
    pub region: Option<String>,
    /// Profile of the AWS configuration; `None`: as the SDK finds it.
    pub profile: Option<String>,
    /// Accepted registry accounts (`registry.ids`); empty: the deploying account.
    pub registry_ids: Vec<String>,
    /// Accepted registry regions (`registry.regions`); empty: the deploying region.
    pub registry_regions: Vec<String>,
    /// Namespaces whose Pods are not judged, exact names.
    pub ignored_namespaces: Vec<String>,
    /// What the function logs at least.
    pub log_level: LogLevel,
    /// Days the logs are kept; one of `CloudWatch`'s values.
    pub log_retention_days: u32,
    /// Memory of the function in MiB, 128..=10240.
    pub memory_mib: u32,
    /// Calls that the function answers at once at most, and that are kept free for it; `None`: what the account has left.
    pub reserved_concurrency: Option<u32>,
    /// Calls at once that the function is kept started for; `None`: it starts when it is called.
    pub provisioned_concurrency: Option<u32>,
    /// ARN of the KMS key that both log groups are encrypted with; `None`: `CloudWatch`'s own key.
    pub log_kms_key_arn: Option<String>,
    /// Architecture of the function; `None`: arm64 where this machine can build it, else the machine's own.
    pub architecture: Option<Architecture>,
    /// Bucket of the owner for the artefact; `None`: the bootstrap stack's.
    pub artifact_bucket: Option<String>,
    /// ARN of the managed policy that bounds the function's role.
    pub permissions_boundary: Option<String>,
    /// What is compliant (`[policy]`); `None`: the function's defaults.
    pub policy: Option<OwnPolicy>,
    /// Tags of the stack (`[tags]`).
    pub tags: BTreeMap<String, String>,
    /// Whether the stack has a dashboard, which is billed by the month.
    pub dashboard: bool,
    /// Whether Lambda traces calls to the function with X-Ray, which is billed by the trace.
    pub tracing: bool,
    /// The owner's name for the endpoint (`[domain]`).
    pub domain: Domain,
    /// How the stack is published for others (`[application]`).
    pub application: Application,
    /// Who is told when something is wrong (`[alarms]`).
    pub alarms: Alarms,
    /// The cluster that a run is about (`[cluster]`, or the one of `[[clusters]]` that `--context` has chosen).
    pub cluster: Cluster,
    /// All clusters that a run is about (`[[clusters]]`); empty: `cluster` alone.
    pub clusters: Vec<Cluster>,
    /// Contexts of `[[clusters]]` that `--context` has left out; no key of the file.
    pub left_out: Vec<String>,
    /// The contexts that the person has named (`--confirm-context`); no key of the file.
    pub confirmed: Vec<String>,
    /// Templates of the owner's in place of ours, by name (`--templates`; no key of the file).
    pub templates: BTreeMap<String, String>,
}

/// The cluster that the webhook is registered in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Context of the kubeconfig; `None`: the current one.
    pub context: Option<String>,
    /// Name of the caller in the route, `[a-z0-9-]{1,63}`; `None`: derived from the context.
    pub name: Option<String>,
    /// `https://host[:port]` that the cluster calls instead of the stack's output.
    pub endpoint: Option<String>,
    /// PEM file that verifies the endpoint, given to the API server and used by the probe.
    pub ca_bundle: Option<PathBuf>,
    /// What the API server does when the webhook cannot be reached; `None`: what it does already, `Ignore` at first.
    pub failure_policy: Option<FailurePolicy>,
    /// How long the API server waits, 1..=30.
    pub timeout_seconds: u8,
    /// How the cluster proves itself to the function.
    pub credentials: Credentials,
    /// SHA-256 of a certificate that the kubeconfig trusts for the cluster, 64 lower-case hex digits; `None`: any.
    pub ca_sha256: Option<String>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            context: None,
            name: None,
            endpoint: None,
            ca_bundle: None,
            failure_policy: None,
            timeout_seconds: 5,
            credentials: Credentials::Url,
            ca_sha256: None,
        }
    }
}

/// What the Serverless Application Repository shows of the stack, where it is published there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// 1 to 140 letters, digits and hyphens.
    pub name: String,
    /// Who publishes it: up to 127 lower-case letters, digits and single hyphens.
    pub author: String,
    /// `https://…`, where its source and more about it are.
    pub home_page: Option<String>,
}

impl Default for Application {
    fn default() -> Self {
        let own = || "ecr-compliance-webhook".to_owned();
        Self { name: own(), author: own(), home_page: None }
    }
}

/// The alarms of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarms {
    /// Whether there are any.
    pub enabled: bool,
    /// ARN of the owner's SNS topic; `None`: one of the stack.
    pub topic_arn: Option<String>,
    /// Hours without any call that are an alarm, 0..=168; 0: none is.
    pub silence_hours: u32,
    /// More denials than these within 15 minutes are an alarm, if they are the share of `denials_percent` too; 0: none is.
    pub denials: u32,
    /// More than this percentage of all decisions, 0..=99; 0: their number alone counts.
    pub denials_percent: u32,
}

impl Default for Alarms {
    /// A day: a quiet night is no news, a quiet day of a cluster that anybody uses is. Fifty: one workload that tries again
    /// and again, backing off, stays below. A fifth: in a large cluster fifty denials are every day's, but not that share.
    fn default() -> Self {
        Self { enabled: true, topic_arn: None, silence_hours: 24, denials: 50, denials_percent: 20 }
    }
}

/// What the function logs at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// Instruction set of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Architecture {
    Arm64,
    X86_64,
}

/// How a cluster proves itself to the function (`docs/callers.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// By a secret in the webhook's URL.
    Url,
    /// By a token that the API server reads from a file of its own.
    Bearer,
}

/// What the API server does with a Pod when the webhook cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailurePolicy {
    /// Admit it.
    Ignore,
    /// Refuse it.
    Fail,
}

/// A value of a closed list, as it is written in `deployer.toml`, in the template and in the manifest.
pub trait Word: Copy + Sized + 'static {
    /// Every value.
    const ALL: &'static [Self];
    /// How it is written.
    fn word(self) -> &'static str;
}

impl Word for LogLevel {
    const ALL: &'static [Self] = &[Self::Debug, Self::Info, Self::Warn, Self::Error];
    fn word(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl Word for Architecture {
    const ALL: &'static [Self] = &[Self::Arm64, Self::X86_64];
    fn word(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

impl Word for Credentials {
    const ALL: &'static [Self] = &[Self::Url, Self::Bearer];
    fn word(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Bearer => "bearer",
        }
    }
}

impl Word for FailurePolicy {
    const ALL: &'static [Self] = &[Self::Ignore, Self::Fail];
    fn word(self) -> &'static str {
        match self {
            Self::Ignore => "Ignore",
            Self::Fail => "Fail",
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stack_name: "ecr-compliance-webhook".to_owned(),
            region: None,
            profile: None,
            registry_ids: Vec::new(),
            registry_regions: Vec::new(),
            // Both are namespaces of the cluster's own life support: no setting of ours may stop a node.
            ignored_namespaces: vec!["kube-system".to_owned(), "kube-node-lease".to_owned()],
            log_level: LogLevel::Info,
            log_retention_days: 90,
            memory_mib: 256,
            reserved_concurrency: None,
            provisioned_concurrency: None,
            log_kms_key_arn: None,
            architecture: None,
            artifact_bucket: None,
            permissions_boundary: None,
            policy: None,
            tags: BTreeMap::new(),
            dashboard: true,
            tracing: false,
            domain: Domain::default(),
            application: Application::default(),
            alarms: Alarms::default(),
            cluster: Cluster::default(),
            clusters: Vec::new(),
            left_out: Vec::new(),
            confirmed: Vec::new(),
            templates: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Reads `--config`, or `./deployer.toml` where it exists, and lays the options over it.
    ///
    /// # Errors
    /// `Usage`, naming every wrong key and value with its way out.
    pub fn load(options: &GlobalArgs) -> Result<Self, Failure> {
        let path = match &options.config {
            Some(path) => path.clone(),
            None if Path::new(DEFAULT_FILE).exists() => PathBuf::from(DEFAULT_FILE),
            None => return Self::from_text("", DEFAULT_FILE, options),
        };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Failure::usage(format!("the settings file {name} cannot be read"))
                .caused_by(&error)
                .with_hint("Give an existing file with --config, or leave it out to use the defaults.")
        })?;
        Self::from_text(&text, &name, options)
    }

    /// The same from text; `name` is how messages call the file.
    ///
    /// # Errors
    /// `Usage`, naming every wrong key and value with its way out.
    pub fn from_text(text: &str, name: &str, options: &GlobalArgs) -> Result<Self, Failure> {
        let (mut settings, mut errors) = file::read(text, name);
        errors.extend(settings.lay_over(options));
        // After the options: the region says of which partition the policy may speak.
        errors.extend(policy::finish(&mut settings, name));
        errors.extend(domain::finish(&settings).into_iter().map(|what| format!("{name}: {what}")));
        match errors.as_slice() {
            [] => Ok(settings),
            [only] => Err(Failure::usage(only.clone())),
            many => Err(Failure {
                message: format!("{} settings are wrong:\n  - {}", many.len(), many.join("\n  - ")),
                cause: None,
                hint: None,
                code: ExitCode::Usage,
            }),
        }
    }

    /// Name of the `ValidatingWebhookConfiguration`: Kubernetes knows lower-case names only.
    #[must_use]
    pub fn webhook_name(&self) -> String {
        self.stack_name.to_ascii_lowercase()
    }

    /// Whether a Pod with an image that is of no accepted registry is refused in a namespace.
    #[must_use]
    pub fn refuses(&self, namespace: &str, image: &str) -> bool {
        let ignored = self.ignored_namespaces.iter().any(|ignored| ignored == namespace);
        !ignored && self.policy.as_ref().is_none_or(|policy| policy.refuses(namespace, image))
    }

    /// Name of the stack that holds the artefact's bucket.
    #[must_use]
    pub fn bootstrap_stack_name(&self) -> String {
        format!("{}-bootstrap", self.stack_name)
    }

    /// The CA bundle's PEM text, where one is set.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn ca_bundle_pem(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.cluster.ca_bundle else { return Ok(None) };
        let pem = std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("cluster.ca_bundle = {}: the file cannot be read", path.display())).caused_by(&error)
        })?;
        Ok(Some(pem))
    }

    /// Options beat the file; they keep the same rules.
    fn lay_over(&mut self, options: &GlobalArgs) -> Vec<String> {
        if let Some(stack_name) = &options.stack_name {
            self.stack_name.clone_from(stack_name);
        }
        self.confirmed.clone_from(&options.confirm_context);
        let mut errors = Vec::new();
        let mut check = |option: &str, value: Option<&String>, check: fn(&str) -> Result<(), String>| {
            if let Some(value) = value
                && let Err(what) = check(value)
            {
                errors.push(format!("{option} {value}: {what}"));
            }
        };
        check("--stack-name", options.stack_name.as_ref(), check::stack_name);
        check("--region", options.region.as_ref(), check::region);
        check("--profile", options.profile.as_ref(), check::not_empty);
        check("--context", options.context.as_ref(), check::not_empty);
        for (mine, theirs) in [(&mut self.region, &options.region), (&mut self.profile, &options.profile)] {
            if theirs.is_some() {
                mine.clone_from(theirs);
            }
        }
        errors.extend(options.context.as_deref().and_then(|context| self.choose(context).err()));
        errors
    }
}

#[cfg(test)]
mod tests;
