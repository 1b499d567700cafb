//! The proof that the API server asks our webhook, by server-side dry runs: a Pod that must be refused or, while the
//! webhook is paused, a Deployment whose author must be warned.
//!
//! Nothing is created. An API server picks a new configuration up after a moment, so admission at first is no failure.

use kube::Error;
use serde_json::{Value, json};

use super::{
    Cluster, FIELD_MANAGER,
    caller::CallerSecret,
    webhook::ENTRY,
    wire::{Answer, api_status, describe},
};
use crate::{error::Failure, patience::Patience};

/// From Docker Hub, so it is refused unless the owner's policy says otherwise.
pub const IMAGE: &str = "docker.io/library/nginx:1";
/// How the function warns whoever makes a Deployment; a contract with it, held by a test.
pub const EARLY_WARNING: &str = "this Deployment's Pods will be denied: ";

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Our webhook refused the Pod; this is what a person would read.
    Refused(String),
    /// Our webhook warned of the Deployment, by this text. Pods are not asked about while there is a pause.
    Warned(String),
    /// There is no namespace in which that Pod is refused, so nothing can be seen.
    NoNamespace,
}

/// What is sent, and how its outcome is read.
pub struct Trial<'a> {
    /// Whether a Pod with [`IMAGE`] is refused in a namespace.
    pub refuses: &'a (dyn Fn(&str) -> bool + Sync),
    /// What no text may show.
    pub secret: Option<&'a CallerSecret>,
    /// How long the API server may take.
    pub patience: Patience,
}

/// What one try showed.
enum Seen {
    Expected(String),
    /// It went through as if nobody had been asked.
    NotAsked,
    /// Something else stopped it.
    Otherwise(String),
}

/// What the outcome of a try shows.
type Reading = fn(Result<Answer, Error>) -> Seen;

impl Cluster {
    /// Send a Docker Hub Pod as a dry run until our webhook refuses it, in a namespace where it is refused. While
    /// `paused`, a Deployment of it until our webhook warns.
    ///
    /// # Errors
    /// When it keeps being admitted, or when something else refuses it.
    pub async fn prove(&self, trial: &Trial<'_>, paused: bool) -> Result<Proof, Failure> {
        let Some(namespace) = self.judged_namespace(trial.refuses).await else { return Ok(Proof::NoNamespace) };
        let (what, read): (_, Reading) = if paused { ("Deployment", warned) } else { ("Pod", refused) };
        match self.persist(what, &namespace, trial, read).await {
            Seen::Expected(text) if paused => Ok(Proof::Warned(text)),
            Seen::Expected(text) => Ok(Proof::Refused(text)),
            Seen::NotAsked => Err(Failure::new(format!(
                "the API server admits a {what} with {IMAGE} in the namespace {namespace}: it does not ask the webhook, or cannot reach it"
            ))
            .with_hint("Can the API server reach the endpoint (egress, proxy, certificate)? Its log names the error.")),
            Seen::Otherwise(text) => Err(Failure::new(format!(
                "a {what} with {IMAGE} in the namespace {namespace} was refused, but not by our webhook"
            ))
            .with_cause(text)),
        }
    }

    /// Send the same Pod until nobody asks our webhook about it, which is what a pause is for; `false` when there is no
    /// namespace in which that can be seen.
    ///
    /// # Errors
    /// When our webhook keeps being asked.
    pub async fn see_through(&self, trial: &Trial<'_>) -> Result<bool, Failure> {
        let Some(namespace) = self.judged_namespace(trial.refuses).await else { return Ok(false) };
        match self.persist("Pod", &namespace, trial, not_asked).await {
            Seen::Otherwise(text) => Err(Failure::new(format!(
                "the API server still asks the webhook about a Pod in the namespace {namespace}"
            ))
            .with_cause(text)),
            Seen::Expected(_) | Seen::NotAsked => Ok(true),
        }
    }

    async fn persist(&self, what: &str, namespace: &str, trial: &Trial<'_>, read: Reading) -> Seen {
        let (path, object) = if what == "Pod" { pod(namespace) } else { deployment(namespace) };
        let path = format!("{path}?dryRun=All&fieldManager={FIELD_MANAGER}");
        let redact = |text: String| trial.secret.map_or(text.clone(), |secret| secret.redact(&text));
        let mut last = Seen::NotAsked;
        for attempt in 0..trial.patience.attempts {
            trial.patience.before(attempt).await;
            // The API server quotes the URL of a webhook that it cannot call.
            last = match read(self.post(&path, &object).await) {
                Seen::Expected(text) => return Seen::Expected(redact(text)),
                Seen::Otherwise(text) => Seen::Otherwise(redact(text)),
                Seen::NotAsked => Seen::NotAsked,
            };
        }
        last
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

fn refused(answer: Result<Answer, Error>) -> Seen {
    let Err(error) = answer else { return Seen::NotAsked };
    let refusal = format!("admission webhook \"{ENTRY}\" denied the request");
    match api_status(&error) {
        Some(status) if status.message.contains(&refusal) => Seen::Expected(status.message.clone()),
        _ => Seen::Otherwise(describe(&error)),
    }
}

fn warned(answer: Result<Answer, Error>) -> Seen {
    match answer {
        Ok(answer) => {
            let warning = answer.warnings().into_iter().find(|text| text.contains(EARLY_WARNING));
            warning.map_or(Seen::NotAsked, Seen::Expected)
        }
        Err(error) => Seen::Otherwise(describe(&error)),
    }
}

/// What others refuse is none of our concern: they come after us, or beside us.
fn not_asked(answer: Result<Answer, Error>) -> Seen {
    match answer {
        Err(error)
            if api_status(&error).is_none_or(|status| status.message.contains(&format!("webhook \"{ENTRY}\""))) =>
        {
            Seen::Otherwise(describe(&error))
        }
        _ => Seen::Expected(String::new()),
    }
}

/// It also satisfies the "restricted" Pod security standard and small quotas, so that nothing refuses it before us.
fn pod(namespace: &str) -> (String, Value) {
    let object = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "generateName": "ecr-compliance-proof-", "namespace": namespace },
        "spec": spec("Never"),
    });
    (format!("/api/v1/namespaces/{namespace}/pods"), object)
}

fn deployment(namespace: &str) -> (String, Value) {
    let labels = json!({ "app.kubernetes.io/name": "ecr-compliance-proof" });
    let object = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "generateName": "ecr-compliance-proof-", "namespace": namespace },
        "spec": {
            "replicas": 0,
            "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": spec("Always") },
        },
    });
    (format!("/apis/apps/v1/namespaces/{namespace}/deployments"), object)
}

fn spec(restart_policy: &str) -> Value {
    json!({
        "restartPolicy": restart_policy,
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
    })
}
