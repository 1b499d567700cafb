//! Our `ValidatingWebhookConfiguration` in the cluster: read, apply, put back, delete.
//!
//! An object of the same name without our label belongs to somebody else: it is never changed or deleted.

use http::Method;
use serde_json::{Map, Value, json};

use super::{
    Cluster, FIELD_MANAGER, api_status,
    caller::{Caller, name_in_url},
    describe, drift, managed,
};
use crate::error::{ExitCode, Failure};

/// Name of the configuration's entry about Pods: what the API server calls us in a denial. The other entry only warns.
pub const ENTRY: &str = "pods.ecr-compliance.webhook";

const PATH: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const LABEL: &str = "app.kubernetes.io/managed-by";
const LABEL_VALUE: &str = "ecr-compliance-webhook";

/// A webhook configuration as the cluster has it, kept whole so that it can be put back as it was.
#[derive(Clone, PartialEq)]
pub struct Existing {
    object: Value,
}

impl Existing {
    /// Wrap the object as the API server gave it.
    #[must_use]
    pub fn new(object: Value) -> Self {
        Self { object }
    }

    /// The object as the API server gave it. Its URLs hold the caller's secret.
    #[must_use]
    pub fn object(&self) -> &Value {
        &self.object
    }

    /// Whether it carries our label.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.object["metadata"]["labels"][LABEL] == LABEL_VALUE
    }

    /// Argo CD or Flux, where one of them keeps it.
    #[must_use]
    pub fn manager(&self) -> Option<String> {
        managed::manager(&self.object)
    }

    /// What one of them keeps is theirs to change.
    ///
    /// # Errors
    /// `Unsafe`, with the way out.
    pub fn refuse_if_managed(&self) -> Result<(), Failure> {
        let Some(manager) = self.manager() else { return Ok(()) };
        let name = self.name();
        Err(Failure::new(format!("the webhook configuration {name} is kept by {manager}: it is not for us to change"))
            .with_hint(format!(
                "Change it where {} gets it from: deployer webhook render --out FILE writes it as it should be; commit that. To remove it, take it out there.",
                manager.split(" (").next().unwrap_or(&manager)
            ))
            .with_code(ExitCode::Unsafe))
    }

    /// The cluster's name in its URL, with a secret in it or without.
    #[must_use]
    pub fn caller_name(&self) -> Option<String> {
        name_in_url(self.url()?)
    }

    /// Whether the cluster proves itself by a token, which only its API servers have.
    #[must_use]
    pub fn is_bearer(&self) -> bool {
        self.caller().is_none() && self.caller_name().is_some()
    }

    /// The caller in its URL, where its secret is there too.
    #[must_use]
    pub fn caller(&self) -> Option<Caller> {
        Caller::from_url(self.url()?)
    }

    /// The callers in the URLs of all its entries.
    pub fn callers(&self) -> impl Iterator<Item = Caller> {
        let entries = self.object["webhooks"].as_array().into_iter().flatten();
        entries.filter_map(|entry| Caller::from_url(entry["clientConfig"]["url"].as_str()?))
    }

    /// Scheme, host and port of its URL: what may be shown of it.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.url().map(drift::host).filter(|host| !host.is_empty())
    }

    fn url(&self) -> Option<&str> {
        // By name, for the order of the entries is the API server's; whatever stands first where a person renamed it.
        let entries = self.object["webhooks"].as_array()?;
        let entry = entries.iter().find(|entry| entry["name"] == ENTRY).or_else(|| entries.first())?;
        entry["clientConfig"]["url"].as_str()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// What server-side apply needs to make it so again: what people may write, and of that only the labels and
    /// annotations that we own, so that those of others stay theirs.
    fn as_apply(&self) -> Value {
        let owned = self.owned_metadata();
        let kept = |field: &str| -> Map<String, Value> {
            let all = self.object["metadata"][field].as_object().cloned().unwrap_or_default();
            all.into_iter()
                .filter(|(key, _)| owned.is_none_or(|owned| !owned[format!("f:{field}")][format!("f:{key}")].is_null()))
                .collect()
        };
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": { "name": self.name(), "labels": kept("labels"), "annotations": kept("annotations") },
            "webhooks": self.object["webhooks"],
        })
    }

    /// `f:metadata` of what we own by server-side apply; `None` when that is not recorded.
    fn owned_metadata(&self) -> Option<&Value> {
        let managers = self.object["metadata"]["managedFields"].as_array()?;
        let ours = managers.iter().find(|entry| entry["manager"] == FIELD_MANAGER && entry["operation"] == "Apply")?;
        Some(&ours["fieldsV1"]["f:metadata"])
    }
}

impl Cluster {
    /// The webhook configuration `name`, if there is one.
    ///
    /// # Errors
    /// When the cluster does not say.
    pub async fn webhook(&self, name: &str) -> Result<Option<Existing>, Failure> {
        match self.get(&format!("{PATH}/{name}")).await {
            Ok(object) => Ok(Some(Existing::new(object))),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(self.unreachable(&error)),
        }
    }

    /// As [`Cluster::webhook`], but one that is not ours is a failure.
    ///
    /// # Errors
    /// `Unsafe` when somebody else's object has that name.
    pub async fn our_webhook(&self, name: &str) -> Result<Option<Existing>, Failure> {
        let existing = self.webhook(name).await?;
        match existing {
            Some(existing) if !existing.is_ours() => Err(Failure::new(format!(
                "the cluster of the context {} has a ValidatingWebhookConfiguration {name} that is not ours: it does not carry the label {LABEL}={LABEL_VALUE}",
                self.context
            ))
            .with_hint("Nothing was changed. Choose another name with --stack-name, or remove that object if nobody needs it.")
            .with_code(ExitCode::Unsafe)),
            existing => Ok(existing),
        }
    }

    /// As [`Cluster::our_webhook`], but there has to be one.
    ///
    /// # Errors
    /// Also when there is none.
    pub async fn registered_webhook(&self, name: &str) -> Result<Existing, Failure> {
        self.our_webhook(name).await?.ok_or_else(|| {
            Failure::new(format!("the context {} has no webhook {name}", self.context))
                .with_hint("Run deployer deploy first, or choose the --context.")
        })
    }

    /// Server-side apply of the webhook configuration `name`. The object as the API server has it then.
    ///
    /// # Errors
    /// `Unsafe` when the object that has that name is somebody else's, or Argo CD or Flux keeps it; else when the API
    /// server refuses.
    pub async fn apply_webhook(&self, name: &str, manifest: &Value) -> Result<Value, Failure> {
        let existing = self.our_webhook(name).await?;
        if let Some(existing) = &existing {
            existing.refuse_if_managed()?;
        }
        // Fields that somebody edited in our own object are ours to set; on a new one there is nothing to force.
        self.apply(name, manifest, existing.is_some()).await
    }

    /// Change something in an object that was looked at, and only in exactly that.
    ///
    /// # Errors
    /// When it has changed since it was looked at, when the API server refuses, or when `edit` finds nothing to change.
    pub async fn edit_webhook(
        &self,
        existing: &Existing,
        edit: impl FnOnce(&mut Value) -> bool,
    ) -> Result<Existing, Failure> {
        let mut object = existing.as_apply();
        if !edit(&mut object) {
            return Err(Failure::new(format!("the webhook configuration {} has no entry {ENTRY}", existing.name()))
                .with_hint("Somebody changed it. Run deployer deploy, which brings it back."));
        }
        object["metadata"]["resourceVersion"] = existing.object["metadata"]["resourceVersion"].clone();
        self.apply(existing.name(), &object, true).await.map(Existing::new)
    }

    /// JSON is YAML.
    async fn apply(&self, name: &str, object: &Value, force: bool) -> Result<Value, Failure> {
        let path = format!("{PATH}/{name}?fieldManager={FIELD_MANAGER}&force={force}");
        let body = object.to_string().into_bytes();
        self.send(Method::PATCH, &path, "application/apply-patch+yaml", body).await.map_err(|error| {
            let failure = Failure::new(format!("the API server did not take the webhook configuration {name}"))
                .with_cause(describe(&error));
            match api_status(&error).map(|status| status.code) {
                Some(409) => failure.with_hint("Somebody changed it at the same time. Run the command again."),
                _ => failure,
            }
        })
    }

    /// Make the webhook configuration `name` what it was: `previous`, or absent.
    ///
    /// # Errors
    /// When the API server refuses, or when what it has then is not what was: the cluster needs a person's eyes.
    pub async fn restore_webhook(&self, name: &str, previous: Option<&Existing>) -> Result<(), Failure> {
        let Some(previous) = previous else { return self.delete_webhook(name).await.map(drop) };
        let restored = self.apply(name, &previous.as_apply(), true).await?;
        if restored["webhooks"] == previous.object["webhooks"] {
            return Ok(());
        }
        Err(Failure::new(format!("the webhook configuration {name} is not what it was before"))
            .with_hint(format!("Look at it: kubectl get validatingwebhookconfiguration {name} -o yaml")))
    }

    /// Delete the webhook configuration `name` if it is ours; `false` when there is none.
    ///
    /// # Errors
    /// `Unsafe` when somebody else's object has that name, or Argo CD or Flux keeps it; else when the API server refuses.
    pub async fn delete_webhook(&self, name: &str) -> Result<bool, Failure> {
        let Some(existing) = self.our_webhook(name).await? else { return Ok(false) };
        existing.refuse_if_managed()?;
        // Only the very object that was looked at.
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions",
            "preconditions": { "uid": existing.object["metadata"]["uid"] },
        });
        let path = format!("{PATH}/{name}");
        match self.send(Method::DELETE, &path, "application/json", options.to_string().into_bytes()).await {
            Ok(_) => Ok(true),
            Err(error) if is_not_found(&error) => Ok(false),
            Err(error) => Err(Failure::new(format!("the webhook configuration {name} could not be deleted"))
                .with_cause(describe(&error))
                .with_hint(format!("Delete it yourself: kubectl delete validatingwebhookconfiguration {name}"))),
        }
    }
}

fn is_not_found(error: &kube::Error) -> bool {
    api_status(error).is_some_and(|status| status.code == 404)
}
