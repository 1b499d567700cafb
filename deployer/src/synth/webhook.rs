//! The `ValidatingWebhookConfiguration` as YAML. It holds the caller's secret: errors of this file never show the URL.

use base64::{Engine, engine::general_purpose::STANDARD};
use tera::Context;

use super::{check, engine, overrides};
use crate::{
    error::Failure,
    settings::{FailurePolicy, Settings, Word},
};

/// Never judged, whatever the owner lists: without these a node cannot come back, and with it not the cluster.
const ALWAYS_EXCLUDED: [&str; 2] = ["kube-system", "kube-node-lease"];

/// What the manifest needs beyond the settings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct WebhookManifest<'a> {
    /// The whole URL that the API server calls; it holds the caller's secret.
    pub url: &'a str,
    /// PEM text that verifies the endpoint; `None`: the API server's own roots.
    pub ca_bundle: Option<&'a str>,
    /// What the API server does when the webhook cannot be reached. It is not taken from the settings, because a deploy
    /// registers with `Ignore` first whatever they say.
    pub failure_policy: FailurePolicy,
}

/// The manifest, named [`Settings::webhook_name`].
///
/// # Errors
/// When the URL is not one that Kubernetes takes, the CA bundle is no PEM, or the template is broken.
pub fn webhook_manifest(settings: &Settings, manifest: &WebhookManifest<'_>) -> Result<String, Failure> {
    check_url(manifest.url)?;
    let mut context = Context::new();
    context.insert("name", &settings.webhook_name());
    context.insert("url", manifest.url);
    context.insert("ca_bundle", &manifest.ca_bundle.map(encode_bundle).transpose()?);
    context.insert("excluded_namespaces", &excluded_namespaces(settings));
    context.insert("timeout_seconds", &settings.cluster.timeout_seconds);
    context.insert("failure_policy", manifest.failure_policy.word());
    let text = engine::render(&overrides::lay_over(&settings.templates), "webhook.yaml.tera", &context)?;
    check::parse("webhook.yaml.tera", &text)?;
    Ok(text)
}

fn excluded_namespaces(settings: &Settings) -> Vec<&str> {
    let mut excluded = ALWAYS_EXCLUDED.to_vec();
    for namespace in &settings.ignored_namespaces {
        if !excluded.contains(&namespace.as_str()) {
            excluded.push(namespace);
        }
    }
    excluded
}

/// Kubernetes takes https only, and refuses user, query and fragment.
fn check_url(url: &str) -> Result<(), Failure> {
    let wrong = |what: &str| {
        Err(Failure::new(format!("the webhook's URL {what}"))
            .with_hint("Set cluster.endpoint to https://host, or https://host:port, without a path."))
    };
    let Some(rest) = url.strip_prefix("https://") else {
        return wrong("does not begin with https://");
    };
    if rest.contains(['@', '?', '#']) || rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return wrong("holds a user, a query, a fragment or a space");
    }
    if rest.split('/').next().is_none_or(str::is_empty) {
        return wrong("names no host");
    }
    Ok(())
}

fn encode_bundle(pem: &str) -> Result<String, Failure> {
    if pem.contains("PRIVATE KEY") {
        return Err(Failure::new("the CA bundle holds a private key, which must not go into a cluster")
            .with_hint("Set cluster.ca_bundle to a file with certificates only."));
    }
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Err(Failure::new("the CA bundle holds no certificate in PEM form")
            .with_hint("Set cluster.ca_bundle to a file with -----BEGIN CERTIFICATE----- blocks."));
    }
    Ok(STANDARD.encode(pem))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;

    use super::*;
    use crate::golden;

    const URL: &str = "https://abc123.execute-api.eu-west-1.amazonaws.com/v1/staging/0123456789abcdef";
    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

    fn manifest<'a>(url: &'a str, ca_bundle: Option<&'a str>) -> WebhookManifest<'a> {
        WebhookManifest { url, ca_bundle, failure_policy: FailurePolicy::Ignore }
    }

    #[test]
    fn the_manifest_is_the_golden_one() {
        let text = webhook_manifest(&Settings::default(), &manifest(URL, None)).unwrap();
        golden::check("webhook", &text);
    }

    #[test]
    fn the_manifest_with_everything_given_is_the_golden_one() {
        let mut settings = Settings { stack_name: "Team-A".to_owned(), ..Settings::default() };
        settings.ignored_namespaces = vec!["monitoring".to_owned(), "kube-system".to_owned()];
        settings.cluster.timeout_seconds = 10;
        let everything = WebhookManifest { failure_policy: FailurePolicy::Fail, ..manifest(URL, Some(PEM)) };
        golden::check("webhook_everything", &webhook_manifest(&settings, &everything).unwrap());
    }

    #[test]
    fn kubernetes_own_type_reads_every_field_of_it() {
        let text = webhook_manifest(&Settings::default(), &manifest(URL, Some(PEM))).unwrap();
        let read: ValidatingWebhookConfiguration = serde_saphyr::from_str(&text).unwrap();
        let as_text: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        // A field that the type does not know would be missing here.
        assert_eq!(serde_json::to_value(&read).unwrap(), as_text);
        for hook in read.webhooks.unwrap() {
            assert_eq!(hook.client_config.ca_bundle.as_ref().unwrap().0, PEM.as_bytes());
            assert_eq!(hook.client_config.url.as_deref(), Some(URL));
        }
    }

    #[test]
    fn both_entries_ask_about_the_same_namespaces_and_only_that_about_pods_may_fail() {
        let settings = Settings { ignored_namespaces: vec!["monitoring".to_owned()], ..Settings::default() };
        let fail = WebhookManifest { failure_policy: FailurePolicy::Fail, ..manifest(URL, None) };
        let text = webhook_manifest(&settings, &fail).unwrap();
        let object: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        let [pods, workloads] = object["webhooks"].as_array().unwrap().as_slice() else {
            panic!("two entries: {text}")
        };
        assert_eq!(pods["name"], crate::cluster::webhook::ENTRY);
        assert_eq!((&pods["failurePolicy"], &workloads["failurePolicy"]), (&"Fail".into(), &"Ignore".into()));
        for field in ["clientConfig", "namespaceSelector", "matchPolicy", "sideEffects", "timeoutSeconds"] {
            assert_eq!(pods[field], workloads[field], "{field}");
        }
    }

    #[test]
    fn the_life_support_namespaces_are_excluded_even_when_the_owner_lists_none() {
        let settings = Settings { ignored_namespaces: Vec::new(), ..Settings::default() };
        assert_eq!(excluded_namespaces(&settings), ["kube-system", "kube-node-lease"]);
    }

    #[test]
    fn refuses_urls_that_kubernetes_refuses_and_does_not_show_them() {
        for (case, url) in [
            ("plain http", "http://host/v1/c/secret"),
            ("no host", "https:///v1/c/secret"),
            ("user", "https://user@host/v1/c/secret"),
            ("query", "https://host/v1/c/secret?x"),
            ("fragment", "https://host/v1/c/secret#x"),
            ("space", "https://host/v1/c/secret x"),
        ] {
            let failure = webhook_manifest(&Settings::default(), &manifest(url, None)).expect_err(case);
            assert!(!format!("{failure:?}").contains("secret"), "{case}: {failure:?}");
        }
    }

    #[test]
    fn refuses_a_bundle_without_certificate_and_one_with_a_key() {
        for (case, pem) in [("empty", ""), ("der", "\u{30}\u{82}"), ("key", "-----BEGIN PRIVATE KEY-----")] {
            assert!(webhook_manifest(&Settings::default(), &manifest(URL, Some(pem))).is_err(), "{case}");
        }
    }
}
