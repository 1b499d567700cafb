//! The cluster: the only folder that imports the Kubernetes client. `wire` is the door through which every request goes.
//!
//! It touches one object, our `ValidatingWebhookConfiguration`, and it must never change one that is not ours.

pub mod caller;
mod connect;
pub mod drift;
pub mod managed;
pub mod moment;
pub mod pause;
pub mod policy;
pub mod proof;
#[cfg(test)]
mod tests;
pub mod webhook;
mod wire;

use kube::{Client, Error};
use serde_json::{Value, json};

use self::wire::{api_status, describe};
use crate::error::Failure;

/// Who we are in the field ownership of server-side apply.
const FIELD_MANAGER: &str = "ecr-compliance-webhook";
const MAY_NOT: &str = "Use a context with cluster-admin rights, or have a ClusterRole with get, create, patch and delete on validatingwebhookconfigurations bound to you.";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// A connection to one cluster.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    context: String,
    server: String,
    /// Of the kubeconfig.
    user: String,
}

impl Cluster {
    /// Over a client of the caller's; `context` and `server` only name it in texts.
    #[must_use]
    pub fn new(client: Client, context: &str, server: &str) -> Self {
        Self { client, context: context.to_owned(), server: server.to_owned(), user: String::new() }
    }

    /// The kubeconfig's context.
    #[must_use]
    pub fn context(&self) -> &str {
        &self.context
    }

    /// The API server's address.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// All that tells one cluster from another: `staging (https://10.1.2.3:6443, as admin)`.
    #[must_use]
    pub fn place(&self) -> String {
        let user = if self.user.is_empty() { String::new() } else { format!(", as {}", self.user) };
        format!("{} ({}{user})", self.context, self.server)
    }

    /// Ask the cluster whether we may do what registering the webhook takes.
    ///
    /// # Errors
    /// When the cluster cannot be reached, or when a permission is missing: all missing ones are named.
    pub async fn check_permissions(&self) -> Result<(), Failure> {
        let mut missing = Vec::new();
        for verb in ["get", "create", "patch", "delete"] {
            let on = json!({ "group": "admissionregistration.k8s.io", "resource": "validatingwebhookconfigurations" });
            if !self.may(verb, on).await? {
                missing.push(verb);
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "the context {} may not {} validatingwebhookconfigurations",
            self.context,
            missing.join(", ")
        ))
        .with_hint(MAY_NOT))
    }

    /// Of what is created in a dry run to prove that the webhook is asked, what we may not create in `default`.
    ///
    /// # Errors
    /// When the cluster cannot be reached.
    pub async fn not_permitted_to_prove(&self) -> Result<Vec<&'static str>, Failure> {
        let mut missing = Vec::new();
        for (group, resource) in [("", "pods"), ("apps", "deployments")] {
            let on = json!({ "group": group, "resource": resource, "namespace": "default" });
            if !self.may("create", on).await? {
                missing.push(resource);
            }
        }
        Ok(missing)
    }

    /// `on` has the group, the resource and, where it is in one, the namespace.
    async fn may(&self, verb: &str, mut on: Value) -> Result<bool, Failure> {
        on["verb"] = json!(verb);
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": on },
        });
        let answer = self.post(REVIEWS, &review).await.map_err(|error| self.unreachable(&error))?;
        Ok(answer.body["status"]["allowed"].as_bool().unwrap_or(false))
    }

    fn unreachable(&self, error: &Error) -> Failure {
        let failure = Failure::new(format!("the cluster of the context {} cannot be used", self.context))
            .with_cause(describe(error));
        match api_status(error).map(|status| status.code) {
            Some(401) => {
                failure.with_hint("The kubeconfig's credentials were not accepted. Log in to the cluster again.")
            }
            Some(403) => failure.with_hint(MAY_NOT),
            Some(_) => {
                failure.with_hint(format!("That is the answer of {}. Repeat the command when it is well.", self.server))
            }
            None => failure.with_hint(format!(
                "Is {} reachable from here? HTTPS_PROXY and NO_PROXY are honoured; --context chooses another cluster.",
                self.server
            )),
        }
    }
}
