//! Settings into text: the stack template, the bootstrap template, the webhook manifest. Pure, offline, byte-stable.

mod application;
mod check;
mod digest;
mod engine;
mod overrides;
mod webhook;

use std::collections::BTreeMap;

use serde_json::Value;
use tera::Context;

pub use self::application::{
    CODE_FILE, Format, LICENSE, LICENSE_FILE, README_FILE, application_readme, application_template,
};
pub use self::digest::{OUT_OF_DATE, PARAMETER_SETTINGS_DIGEST, is_out_of_date, sealed};
pub use self::overrides::read as read_overrides;
pub use self::webhook::{WebhookManifest, webhook_manifest};
use crate::{
    error::Failure,
    settings::{Architecture, Domain, OwnPolicy, Settings, Word},
};

/// Namespace of the webhook's metrics in `CloudWatch`.
pub const METRIC_NAMESPACE: &str = "EcrComplianceWebhook";

/// Names of the stack's alarms, each after the stack's name and a hyphen.
pub const ALARMS: &[&str] = &[
    "api-4xx",
    "api-5xx",
    "api-latency",
    "denials",
    "function-errors",
    "function-throttles",
    "silence",
    "undecided",
    "wrong-caller",
];

/// Output that holds the endpoint, no slash at the end: `https://<domain.name>`, or the API's own,
/// `https://<id>.execute-api.<region>.<suffix>`.
pub const OUTPUT_API_ENDPOINT: &str = "ApiEndpoint";
/// Output that holds the API's own endpoint; only with a domain.
pub const OUTPUT_DEFAULT_ENDPOINT: &str = "DefaultEndpoint";
/// Output that holds the host name that the domain must point to; only with a domain.
pub const OUTPUT_DNS_TARGET: &str = "RegionalDomainName";
/// Output that holds the API's id.
pub const OUTPUT_API_ID: &str = "ApiId";
/// Output that holds the function's name.
pub const OUTPUT_FUNCTION_NAME: &str = "FunctionName";
/// Output that holds the key of the function's zip, which names the version that is deployed.
pub const OUTPUT_FUNCTION_CODE: &str = "FunctionCode";
/// Output that holds the name of the function's log group.
pub const OUTPUT_FUNCTION_LOG_GROUP: &str = "FunctionLogGroup";
/// Output that holds the name of the API's log group.
pub const OUTPUT_API_LOG_GROUP: &str = "ApiLogGroup";
/// Output that holds [`METRIC_NAMESPACE`].
pub const OUTPUT_METRIC_NAMESPACE: &str = "MetricNamespace";
/// Output that holds the ARN of the topic that alarms are sent to; absent without alarms.
pub const OUTPUT_ALARM_TOPIC_ARN: &str = "AlarmTopicArn";
/// Output of the bootstrap stack that holds the bucket's name.
pub const OUTPUT_BUCKET_NAME: &str = "BucketName";

/// Parameter that holds which clusters may call.
pub const PARAMETER_CALLER_DIGESTS: &str = "CallerDigests";
/// Parameter that holds how loud the function's log is; empty where the policy says it.
pub const PARAMETER_LOG_LEVEL: &str = "LogLevel";
/// The API: its id is in the webhook URL of every cluster.
pub const RESOURCE_API: &str = "Api";
/// `Description` of the stack and of the bootstrap stack: by these we know our own.
pub const DESCRIPTIONS: [&str; 2] = [
    "Admits into Kubernetes only Pods whose container images come from compliant ECR repositories.",
    "Bucket for the artefacts of the ECR compliance webhook.",
];

/// Where the zip lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactLocation {
    /// Name of the bucket, in the region of the stack.
    pub bucket: String,
    /// Key of the zip.
    pub key: String,
}

/// The stack, as `CloudFormation` YAML with its comments.
///
/// # Errors
/// When a template is broken: syntax, a variable that does not exist, a key that stands twice, a reference without target.
pub fn stack_template(
    settings: &Settings,
    artifact: &ArtifactLocation,
    architecture: Architecture,
) -> Result<String, Failure> {
    let context = stack_context(settings, artifact, architecture);
    cloudformation(&overrides::lay_over(&settings.templates), "stack.yaml.tera", &context)
}

/// The stack that holds the artefact's bucket, as `CloudFormation` YAML with its comments.
///
/// # Errors
/// As for [`stack_template`].
pub fn bootstrap_template(settings: &Settings) -> Result<String, Failure> {
    cloudformation(&overrides::lay_over(&settings.templates), "bootstrap.yaml.tera", &Context::new())
}

/// Every Parameter of the stack with its value: always passed explicitly, so none is ever left at an older deploy's. But for
/// the one that is made of the others and of the template: [`sealed`].
/// `caller_digests` is `cluster=sha256`, comma-separated.
#[must_use]
pub fn parameters(settings: &Settings, caller_digests: &str) -> BTreeMap<String, String> {
    // A Parameter that says something overrides the policy file, so it says nothing of what the owner wrote there.
    let file = settings.policy.as_ref().map(|policy| &policy.file);
    let unless = |in_file: bool, value: String| if in_file { String::new() } else { value };
    let registries = file.is_some_and(|file| !file.registries.is_empty());
    let namespaces = file.is_some_and(|file| !file.ignored_namespaces.is_empty());
    let log_level = file.is_some_and(|file| file.log_level.is_some());
    [
        ("RegistryId", unless(registries, settings.registry_ids.join(","))),
        ("RegistryRegion", unless(registries, settings.registry_regions.join(","))),
        ("IgnoredNamespaces", unless(namespaces, settings.ignored_namespaces.join(","))),
        (PARAMETER_LOG_LEVEL, unless(log_level, settings.log_level.word().to_owned())),
        (PARAMETER_CALLER_DIGESTS, caller_digests.to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

fn stack_context(settings: &Settings, artifact: &ArtifactLocation, architecture: Architecture) -> Context {
    let mut context = Context::new();
    // So that the text alone, without the Parameters of a deploy, gives the same stack.
    context.insert("parameters", &parameters(settings, ""));
    // Registries of the policy are not in the Parameters, and yet the role must reach them.
    context.insert("accepted_accounts", &OwnPolicy::accepted(settings.policy.as_ref(), true));
    context.insert("accepted_regions", &OwnPolicy::accepted(settings.policy.as_ref(), false));
    context.insert("role_arns", &OwnPolicy::roles(settings.policy.as_ref()));
    context.insert("log_retention_days", &settings.log_retention_days);
    context.insert("memory_mib", &settings.memory_mib);
    context.insert("architecture", architecture.word());
    context.insert("artifact_bucket", &artifact.bucket);
    context.insert("artifact_key", &artifact.key);
    context.insert("permissions_boundary", &settings.permissions_boundary);
    context.insert("metric_namespace", METRIC_NAMESPACE);
    context.insert("dashboard", &settings.dashboard);
    context.insert("tracing", &settings.tracing);
    context.insert("reserved_concurrency", &settings.reserved_concurrency);
    context.insert("provisioned_concurrency", &settings.provisioned_concurrency);
    context.insert("log_kms_key_arn", &settings.log_kms_key_arn);
    context.insert("domain", &domain(&settings.domain));
    // Only what is published has one.
    context.insert("application", &None::<()>);
    context.insert("alarms", &settings.alarms.enabled);
    context.insert("alarm_topic_arn", &settings.alarms.topic_arn);
    context.insert("alarm_silence_hours", &settings.alarms.silence_hours);
    context.insert("alarm_denials", &settings.alarms.denials);
    context.insert("alarm_denials_percent", &settings.alarms.denials_percent);
    context
}

fn domain(domain: &Domain) -> Value {
    serde_json::json!({
        "name": domain.name,
        "certificate_arn": domain.certificate_arn,
        "truststore": domain.truststore,
        "truststore_version": domain.truststore_version,
        "default_endpoint": domain.default_endpoint,
    })
}

/// A template of `CloudFormation` as a tree.
///
/// # Errors
/// When it is no YAML.
pub fn parse(text: &str) -> Result<Value, Failure> {
    serde_saphyr::from_str(text).map_err(|error| Failure::new("a template is no YAML").caused_by(&error))
}

fn cloudformation(templates: &[(&str, &str)], name: &str, context: &Context) -> Result<String, Failure> {
    let text = engine::render(templates, name, context)?;
    check::cloudformation(name, &text)?;
    Ok(text)
}

#[cfg(test)]
mod tests;
