//! The proof that the API server asks our webhook: a Pod that must be refused, sent as a server-side dry run.
//!
//! Nothing is created. An API server picks a new configuration up after a moment, so admission at first is no failure.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::{Cluster, FIELD_MANAGER, api_status, caller::CallerSecret, describe, webhook::ENTRY};
use crate::error::Failure;

/// From Docker Hub, so it is refused unless the owner's policy says otherwise.
pub const IMAGE: &str = "docker.io/library/nginx:1";

/// How long to wait for the API server to pick the configuration up.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How many Pods are sent at most.
    pub attempts: usize,
    /// Pause between two of them.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 30, pause: Duration::from_secs(1) }
    }
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Our webhook refused the Pod; this is what a person would read.
    Refused(String),
    /// There is no namespace in which that Pod is refused, so nothing can be seen.
    NoNamespace,
}

impl Cluster {
    /// Send a Docker Hub Pod as a dry run until our webhook refuses it, in a namespace where it `refuses` it.
    ///
    /// # Errors
    /// When the Pod keeps being admitted, or when something else refuses it.
    pub async fn prove(
        &self,
        refuses: &(dyn Fn(&str) -> bool + Sync),
        secret: &CallerSecret,
        patience: Patience,
    ) -> Result<Proof, Failure> {
        let Some(namespace) = self.judged_namespace(refuses).await else { return Ok(Proof::NoNamespace) };
        let path = format!("/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldManager={FIELD_MANAGER}");
        let body = pod(&namespace).to_string();
        let refusal = format!("admission webhook \"{ENTRY}\" denied the request");
        let mut last = None;
        for attempt in 0..patience.attempts {
            if attempt > 0 {
                tokio::time::sleep(patience.pause).await;
            }
            match self.send(Method::POST, &path, "application/json", body.clone().into_bytes()).await {
                Ok(_) => last = None,
                Err(error) => {
                    // The API server quotes the URL of a webhook that it cannot call.
                    let text = secret.redact(&describe(&error));
                    let message = api_status(&error).map(|status| secret.redact(&status.message));
                    match message {
                        Some(message) if message.contains(&refusal) => return Ok(Proof::Refused(message)),
                        _ => last = Some(text),
                    }
                }
            }
        }
        Err(match last {
            None => Failure::new(format!(
                "the API server admits a Pod with {IMAGE} in the namespace {namespace}: it does not ask the webhook, or cannot reach it"
            ))
            .with_hint("Can the API server reach the endpoint (egress, proxy, certificate)? Its log names the error."),
            Some(text) => Failure::new(format!(
                "a Pod with {IMAGE} in the namespace {namespace} was refused, but not by our webhook"
            ))
            .with_cause(text),
        })
    }

    /// `default`, unless the Pod is not refused there; then the first where it is.
    async fn judged_namespace(&self, refuses: &(dyn Fn(&str) -> bool + Sync)) -> Option<String> {
        // The manifest never judges the cluster's own life support, whatever the owner lists; all of it begins like this.
        let judged = |name: &str| !name.starts_with("kube-") && refuses(name);
        if judged("default") {
            return Some("default".to_owned());
        }
        let list = self.get("/api/v1/namespaces?limit=200").await.ok()?;
        let names = list["items"].as_array()?.iter().filter_map(|item| item["metadata"]["name"].as_str());
        names.into_iter().find(|name| judged(name)).map(str::to_owned)
    }
}

/// It also satisfies the "restricted" Pod security standard and small quotas, so that nothing refuses it before us.
fn pod(namespace: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "generateName": "ecr-compliance-proof-", "namespace": namespace },
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": { "runAsNonRoot": true, "runAsUser": 65534, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": "proof",
                "image": IMAGE,
                "resources": {
                    "requests": { "cpu": "1m", "memory": "8Mi" }, "limits": { "cpu": "1m", "memory": "8Mi" },
                },
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            }],
        },
    })
}
