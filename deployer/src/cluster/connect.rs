//! From a kubeconfig to a client: which context, which proxy.
//!
//! It must not touch the cluster.

use hyper_util::client::proxy::matcher::Matcher;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};

use sha2::{Digest, Sha256};

use super::{Cluster, caller::hex};
use crate::{
    error::{ExitCode, Failure, chain},
    settings,
};

impl Cluster {
    /// Read the kubeconfig (`KUBECONFIG` is honoured) and make a client for the context of the settings, or for the
    /// current one.
    ///
    /// # Errors
    /// When there is no kubeconfig, when it has no such context (the known ones are named), or when it is broken; `Unsafe`
    /// when it trusts other authorities than the one that is pinned.
    pub async fn connect(wanted: &settings::Cluster) -> Result<Self, Failure> {
        let kubeconfig = Kubeconfig::read().map_err(|error| {
            unreadable(&error).with_hint(
                "Point KUBECONFIG to the file of your cluster, or write it (for example: aws eks update-kubeconfig).",
            )
        })?;
        let context = chosen_context(&kubeconfig, wanted.context.as_deref())?;
        let user = user(&kubeconfig, &context).unwrap_or_default();
        let proxy = kubeconfig_proxy(&kubeconfig, &context);
        let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
        let mut config =
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| unreadable(&error))?;
        // kube compares NO_PROXY with the proxy's own host; what has to be compared is the API server's.
        config.proxy_url = proxy.or_else(|| environment_proxy(&config.cluster_url, &|name| std::env::var(name).ok()));
        let server = config.cluster_url.to_string();
        if let Some(pinned) = &wanted.ca_sha256 {
            check_pin(&context, pinned, config.root_cert.as_deref().unwrap_or_default())?;
        }
        let client = Client::try_from(config).map_err(|error| {
            Failure::new(format!("no connection can be made from the kubeconfig's context {context}"))
                .with_cause(chain(&error))
        })?;
        Ok(Self { user, ..Self::new(client, &context, &server) })
    }
}

fn unreadable(error: &KubeconfigError) -> Failure {
    Failure::usage("the kubeconfig cannot be used").with_cause(chain(error))
}

fn chosen_context(kubeconfig: &Kubeconfig, wanted: Option<&str>) -> Result<String, Failure> {
    let known: Vec<&str> = kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect();
    let list = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    let Some(name) = wanted.or(kubeconfig.current_context.as_deref()).filter(|name| !name.is_empty()) else {
        return Err(Failure::usage("the kubeconfig has no current context")
            .with_hint(format!("Give one with --context. Known contexts: {list}.")));
    };
    if known.contains(&name) {
        return Ok(name.to_owned());
    }
    Err(Failure::usage(format!("the kubeconfig has no context {name}"))
        .with_hint(format!("Give one of these with --context: {list}. KUBECONFIG says which file is read.")))
}

fn user(kubeconfig: &Kubeconfig, context: &str) -> Option<String> {
    let named = kubeconfig.contexts.iter().find(|named| named.name == context)?;
    named.context.as_ref()?.user.clone()
}

/// A context of the same name in another kubeconfig is another cluster: its authority tells.
fn check_pin(context: &str, pinned: &str, trusted: &[Vec<u8>]) -> Result<(), Failure> {
    let fingerprints: Vec<String> = trusted.iter().map(|certificate| hex(&Sha256::digest(certificate))).collect();
    if fingerprints.iter().any(|fingerprint| fingerprint == pinned) {
        return Ok(());
    }
    let found = if fingerprints.is_empty() { "none".to_owned() } else { fingerprints.join(", ") };
    Err(Failure::new(format!(
        "the context {context} is not the cluster that is pinned: cluster.ca_sha256 = {pinned}, but its certificate authority is {found}"
    ))
    .with_hint("Nothing was sent to it. Choose the right --context or KUBECONFIG; where the cluster has a new authority, correct ca_sha256.")
    .with_code(ExitCode::Unsafe))
}

/// `proxy-url` of the context's cluster: like kubectl, it wins and asks no `NO_PROXY`.
fn kubeconfig_proxy(kubeconfig: &Kubeconfig, context: &str) -> Option<http::Uri> {
    let named = kubeconfig.contexts.iter().find(|named| named.name == context)?;
    let cluster = &named.context.as_ref()?.cluster;
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == *cluster)?.cluster.as_ref()?;
    cluster.proxy_url.as_ref()?.parse().ok()
}

/// The proxy that the environment wants for `server`.
fn environment_proxy(server: &http::Uri, variable: &dyn Fn(&str) -> Option<String>) -> Option<http::Uri> {
    let first = |names: [&str; 2]| names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    let proxy = first(["HTTPS_PROXY", "https_proxy"])?;
    let exceptions = first(["NO_PROXY", "no_proxy"]).unwrap_or_default();
    let matcher = Matcher::builder().https(proxy.clone()).no(exceptions).build();
    // The matcher takes the user's name and password out of the address; kube wants them in it.
    matcher.intercept(server).and_then(|_| proxy.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_is_compared_with_the_api_server() {
        let cases = [
            ("no proxy at all", None, None, "https://10.1.2.3:6443", false),
            ("a proxy for everything", Some("http://proxy:3128"), None, "https://10.1.2.3:6443", true),
            ("an exempt address", Some("http://127.0.0.1:3128"), Some("127.0.0.1"), "https://127.0.0.1:6443", false),
            ("an exempt range", Some("http://proxy:3128"), Some("10.0.0.0/8"), "https://10.1.2.3:6443", false),
            (
                "an exempt domain",
                Some("http://proxy:3128"),
                Some(".eks.amazonaws.com,"),
                "https://a.eks.amazonaws.com",
                false,
            ),
            (
                "only the proxy's own host is exempt",
                Some("http://127.0.0.1:3128"),
                Some("127.0.0.1"),
                "https://10.1.2.3:6443",
                true,
            ),
        ];
        for (name, proxy, exceptions, server, expected) in cases {
            let variable = |wanted: &str| match wanted {
                "HTTPS_PROXY" => proxy.map(str::to_owned),
                "NO_PROXY" => exceptions.map(str::to_owned),
                _ => None,
            };
            let used = environment_proxy(&server.parse().unwrap(), &variable);
            assert_eq!(used.is_some(), expected, "{name}");
        }
    }

    #[test]
    fn a_pinned_cluster_is_known_by_one_of_its_authorities() {
        // sha256sum of "ca", computed elsewhere.
        let pin = "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126";
        assert!(check_pin("staging", pin, &[b"other".to_vec(), b"ca".to_vec()]).is_ok());
        for trusted in [&[][..], &[b"other".to_vec()]] {
            let failure = check_pin("staging", pin, trusted).unwrap_err();
            assert_eq!(failure.code, ExitCode::Unsafe);
            assert!(failure.message.contains("ca_sha256 = 6959"), "{}", failure.message);
        }
    }

    #[test]
    fn a_wrong_context_names_the_known_ones() {
        let kubeconfig: Kubeconfig = serde_json::from_value(serde_json::json!({
            "contexts": [{ "name": "staging" }, { "name": "production" }], "current-context": "staging",
        }))
        .unwrap();
        assert_eq!(chosen_context(&kubeconfig, None).unwrap(), "staging");
        let failure = chosen_context(&kubeconfig, Some("prod")).unwrap_err();
        assert_eq!(failure.message, "the kubeconfig has no context prod");
        assert!(failure.hint.unwrap().contains("staging, production"));
    }
}
