//! What the story does in the cluster, as a user with kubectl would: create, patch, list, look at events. The only
//! file of the local world that imports the Kubernetes client.

use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Namespace, Pod};
use k8s_openapi::jiff;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::addresses::Addresses;
use crate::trouble::{Context, Result, Trouble};

/// How often something that takes its time is looked at.
const INTERVAL: Duration = Duration::from_millis(200);
/// How long controllers and events may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the API server answered to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Admitted,
    /// It was refused.
    Denied {
        /// HTTP status.
        code: u16,
        /// What kubectl shows.
        message: String,
    },
}

impl Outcome {
    /// The refusal's message; empty when admitted.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Admitted => "",
            Self::Denied { message, .. } => message,
        }
    }
}

/// A cluster, seen by its administrator.
#[derive(Clone)]
pub struct Kubernetes {
    client: Client,
}

impl Kubernetes {
    /// Connects by the world's own kubeconfig, straight: no proxy of the environment is used.
    ///
    /// # Errors
    /// The kubeconfig cannot be used.
    pub async fn connect(world: &Addresses) -> Result<Self> {
        Self::connect_with(&world.kubeconfig).await
    }

    /// Connects by a kubeconfig, straight.
    ///
    /// # Errors
    /// The kubeconfig cannot be used.
    pub async fn connect_with(path: &Path) -> Result<Self> {
        // Another part of the process may have installed it already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(path).while_doing(|| format!("reading {}", path.display()))?;
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options);
        let mut config = config.await.while_doing(|| format!("understanding {}", path.display()))?;
        config.proxy_url = None;
        let client = Client::try_from(config).while_doing(|| "connecting to the cluster".to_owned())?;
        Ok(Self { client })
    }

    /// The version of the API server, as `v1.37.2`.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn version(&self) -> Result<String> {
        let info = self.client.apiserver_version().await.while_doing(|| "asking for the version".to_owned())?;
        Ok(info.git_version)
    }

    /// Creates a namespace; one that exists is as good.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn namespace(&self, name: &str) -> Result<()> {
        let namespace = object::<Namespace>(&json!({ "metadata": { "name": name } }))?;
        let created = Api::<Namespace>::all(self.client.clone()).create(&PostParams::default(), &namespace).await;
        match created {
            Err(kube::Error::Api(status)) if status.reason == "AlreadyExists" => Ok(()),
            other => other.map(|_| ()).while_doing(|| format!("creating the namespace {name}")),
        }
    }

    /// Creates a Pod in the namespace it names; with `dry_run` the API server decides, but keeps nothing.
    ///
    /// # Errors
    /// The API server does not answer, or refuses for another reason than admission.
    pub async fn create_pod(&self, pod: &Value, dry_run: bool) -> Result<Outcome> {
        let api = self.pods(pod["metadata"]["namespace"].as_str().unwrap_or("default"));
        let parameters = PostParams { dry_run, field_manager: None };
        outcome(api.create(&parameters, &object(pod)?).await)
    }

    /// Merges a patch into a Pod (strategic: containers are matched by name).
    ///
    /// # Errors
    /// As [`Kubernetes::create_pod`].
    pub async fn patch_pod(&self, namespace: &str, name: &str, patch: &Value) -> Result<Outcome> {
        outcome(self.pods(namespace).patch(name, &PatchParams::default(), &Patch::Strategic(patch)).await)
    }

    /// Adds an ephemeral container to a Pod, as `kubectl debug` does.
    ///
    /// # Errors
    /// As [`Kubernetes::create_pod`].
    pub async fn debug_pod(&self, namespace: &str, name: &str, container: &str, image: &str) -> Result<Outcome> {
        let patch = json!({ "spec": { "ephemeralContainers": [{ "name": container, "image": image }] } });
        let api = self.pods(namespace);
        outcome(api.patch_ephemeral_containers(name, &PatchParams::default(), &Patch::Strategic(patch)).await)
    }

    /// Removes a Pod at once; one that is not there is as good.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn delete_pod(&self, namespace: &str, name: &str) -> Result<()> {
        let parameters = DeleteParams { grace_period_seconds: Some(0), ..DeleteParams::default() };
        match self.pods(namespace).delete(name, &parameters).await {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            other => other.map(|_| ()).while_doing(|| format!("deleting the Pod {name}")),
        }
    }

    /// Names and phases of the Pods that a label selector finds.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn list_pods(&self, namespace: &str, selector: &str) -> Result<Vec<(String, String)>> {
        let pods = self.pods(namespace).list(&ListParams::default().labels(selector)).await;
        let pods = pods.while_doing(|| format!("listing the Pods of {namespace}"))?;
        let row =
            |pod: Pod| (pod.metadata.name.unwrap_or_default(), pod.status.and_then(|s| s.phase).unwrap_or_default());
        Ok(pods.items.into_iter().map(row).collect())
    }

    /// Waits until a selector finds as many Pods as asked for.
    ///
    /// # Errors
    /// They do not come in time.
    pub async fn await_pods(&self, namespace: &str, selector: &str, count: usize) -> Result<Vec<(String, String)>> {
        until(&format!("{count} Pods with {selector}"), async || {
            let pods = self.list_pods(namespace, selector).await?;
            Ok((pods.len() >= count).then_some(pods))
        })
        .await
    }

    /// Creates a Deployment.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn create_deployment(&self, deployment: &Value) -> Result<()> {
        let namespace = deployment["metadata"]["namespace"].as_str().unwrap_or("default");
        let api = Api::<Deployment>::namespaced(self.client.clone(), namespace);
        let created = api.create(&PostParams::default(), &object(deployment)?).await;
        created.map(|_| ()).while_doing(|| "creating the Deployment".to_owned())
    }

    /// Creates any object by the path of its collection, as a dry run; the outcome and the warnings, as kubectl shows them.
    ///
    /// # Errors
    /// The API server does not answer.
    pub async fn try_out(&self, path: &str, object: &Value) -> Result<(Outcome, Vec<String>)> {
        let (parts, bytes) = self.dry_run(path, object).await?;
        // `299 - "the text"`
        let text = |value: &hyper::header::HeaderValue| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            value.split_once('"').map_or(value.clone(), |(_, text)| text.trim_end_matches('"').to_owned())
        };
        let warnings = parts.headers.get_all("warning").iter().map(text).collect();
        if parts.status.is_success() {
            return Ok((Outcome::Admitted, warnings));
        }
        let message = String::from_utf8_lossy(&bytes).into_owned();
        Ok((Outcome::Denied { code: parts.status.as_u16(), message }, warnings))
    }

    async fn dry_run(&self, path: &str, object: &Value) -> Result<(hyper::http::response::Parts, Vec<u8>)> {
        let request = hyper::Request::post(format!("{path}?dryRun=All"))
            .header("content-type", "application/json")
            .body(kube::client::Body::from(object.to_string().into_bytes()))
            .while_doing(|| format!("asking for {path}"))?;
        let response = self.client.send(request).await.while_doing(|| format!("asking for {path}"))?;
        let (parts, body) = response.into_parts();
        let bytes = body.collect_bytes().await.while_doing(|| "reading the answer".to_owned())?;
        Ok((parts, bytes.to_vec()))
    }

    /// Waits for the `FailedCreate` event of a `ReplicaSet` whose name starts with `owner`; its message.
    ///
    /// # Errors
    /// It does not come in time.
    pub async fn failed_create(&self, namespace: &str, owner: &str) -> Result<String> {
        let api = Api::<Event>::namespaced(self.client.clone(), namespace);
        let fields = ListParams::default().fields("involvedObject.kind=ReplicaSet,reason=FailedCreate");
        until(&format!("a FailedCreate event of {owner}"), async || {
            let events = api.list(&fields).await.while_doing(|| "listing events".to_owned())?;
            let ours = |e: &Event| e.involved_object.name.as_deref().is_some_and(|name| name.starts_with(owner));
            Ok(events.items.into_iter().find(ours).and_then(|event| event.message))
        })
        .await
    }

    /// Every event of every namespace, as one text.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn events(&self) -> Result<String> {
        let events = Api::<Event>::all(self.client.clone()).list(&ListParams::default()).await;
        let events = events.while_doing(|| "listing events".to_owned())?;
        serde_json::to_string(&events.items).while_doing(|| "writing events as text".to_owned())
    }

    /// The URL that a webhook configuration sends reviews to; `None` when there is no such configuration.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn webhook_url(&self, name: &str) -> Result<Option<String>> {
        Ok(self.webhook(name).await?.and_then(|w| w.webhooks?.into_iter().next()?.client_config.url))
    }

    /// A webhook configuration, if it is there.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn webhook(&self, name: &str) -> Result<Option<ValidatingWebhookConfiguration>> {
        let api = Api::<ValidatingWebhookConfiguration>::all(self.client.clone());
        api.get_opt(name).await.while_doing(|| format!("reading the webhook configuration {name}"))
    }

    /// The same as plain JSON.
    ///
    /// # Errors
    /// What the API server says, or that it is not there.
    pub async fn webhook_object(&self, name: &str) -> Result<Value> {
        let webhook = self.webhook(name).await?.ok_or_else(|| Trouble::new(format!("there is no webhook {name}")))?;
        serde_json::to_value(webhook).while_doing(|| format!("reading the webhook configuration {name}"))
    }

    /// Creates a webhook configuration, as somebody else might.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn create_webhook(&self, webhook: &Value) -> Result<()> {
        let api = Api::<ValidatingWebhookConfiguration>::all(self.client.clone());
        let created = api.create(&PostParams::default(), &object(webhook)?).await;
        created.map(|_| ()).while_doing(|| "creating a webhook configuration".to_owned())
    }

    /// Merges a patch into a webhook configuration (strategic: entries are matched by name).
    ///
    /// # Errors
    /// What the API server says.
    pub async fn patch_webhook(&self, name: &str, patch: &Value) -> Result<()> {
        let api = Api::<ValidatingWebhookConfiguration>::all(self.client.clone());
        let patched = api.patch(name, &PatchParams::default(), &Patch::Strategic(patch)).await;
        patched.map(|_| ()).while_doing(|| format!("changing the webhook configuration {name}"))
    }

    /// Creates a Pod as a dry run. The `creationTimestamp` that the API server gave it; or, refused, the server's time
    /// then and its message.
    ///
    /// # Errors
    /// The API server does not answer.
    pub async fn stamp(&self, pod: &Value) -> Result<std::result::Result<String, (String, String)>> {
        let namespace = pod["metadata"]["namespace"].as_str().unwrap_or("default");
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        let (parts, bytes) = self.dry_run(&path, pod).await?;
        let answer: Value = serde_json::from_slice(&bytes).while_doing(|| "reading the answer".to_owned())?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if parts.status.is_success() {
            return Ok(Ok(text(&answer["metadata"]["creationTimestamp"])));
        }
        let date = parts.headers.get("date").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let date = jiff::fmt::rfc2822::parse(date).while_doing(|| format!("reading the date {date}"))?;
        Ok(Err((date.timestamp().to_string(), text(&answer["message"]))))
    }

    /// Waits until a Pod cannot be created because its webhook does not answer.
    ///
    /// # Errors
    /// It can be, for a minute.
    pub async fn await_no_answer(&self, pod: &Value) -> Result<()> {
        until("Pod refused because the webhook does not answer", async || {
            let refused = self.stamp(pod).await?.err();
            Ok(refused.filter(|(_, message)| message.contains("failed calling webhook")).map(drop))
        })
        .await
    }

    /// Deletes a webhook configuration, as somebody with kubectl might.
    ///
    /// # Errors
    /// What the API server says.
    pub async fn delete_webhook(&self, name: &str) -> Result<()> {
        let api = Api::<ValidatingWebhookConfiguration>::all(self.client.clone());
        let deleted = api.delete(name, &DeleteParams::default()).await;
        deleted.map(|_| ()).while_doing(|| format!("deleting the webhook configuration {name}"))
    }

    fn pods(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// Looks at something until it is there.
///
/// # Errors
/// What looking fails with, or that a minute is over.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let looking = async {
        loop {
            match look().await {
                Ok(Some(found)) => return Ok(found),
                Ok(None) => tokio::time::sleep(INTERVAL).await,
                Err(trouble) => return Err(trouble),
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, looking).await;
    found.unwrap_or_else(|_| Err(Trouble::new(format!("there is no {what} after {} s", PATIENCE.as_secs()))))
}

fn object<T: DeserializeOwned>(value: &Value) -> Result<T> {
    serde_json::from_value(value.clone()).while_doing(|| "reading an object of the story".to_owned())
}

fn outcome<T>(answer: std::result::Result<T, kube::Error>) -> Result<Outcome> {
    match answer {
        Ok(_) => Ok(Outcome::Admitted),
        Err(kube::Error::Api(status)) if status.message.contains("admission webhook") => {
            Ok(Outcome::Denied { code: status.code, message: status.message })
        }
        Err(error) => Err(error).while_doing(|| "asking the API server".to_owned()),
    }
}
