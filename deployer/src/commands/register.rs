//! Register the webhook in the cluster and prove it there. Whatever fails after the first touch puts the cluster back.
//!
//! Always with `Ignore` first, whatever the settings say: until the proof is there, a mistake must not stop the cluster.

use crate::{
    cluster::{
        Cluster,
        caller::Caller,
        proof::{self, Patience, Proof},
        webhook::Existing,
    },
    console::Console,
    error::{ExitCode, Failure},
    interrupt::{Interrupt, interrupted},
    settings::{FailurePolicy, Settings},
    synth::{self, WebhookManifest},
};

/// What is registered, and where.
pub struct Registration<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// What the owner decided.
    pub settings: &'a Settings,
    /// Who the cluster is to the function.
    pub caller: &'a Caller,
    /// `https://host[:port]`.
    pub endpoint: &'a str,
    /// PEM text for the API server.
    pub ca_bundle: Option<&'a str>,
    /// How long the API server may take to pick it up.
    pub patience: Patience,
}

impl Registration<'_> {
    /// Apply, prove, and only then apply `Fail` where the settings want it.
    ///
    /// # Errors
    /// When the object is not ours (`Unsafe`, nothing was changed), when the API server refuses, when the proof fails or
    /// when we are asked to stop; the cluster is as before then, or the failure says that it is not.
    pub async fn run(&self, console: &mut Console, interrupt: &Interrupt) -> Result<Proof, Failure> {
        let name = self.settings.webhook_name();
        // Read again: minutes have passed since the plan.
        let previous = self.cluster.our_webhook(&name).await?;
        let manifests = self.manifests()?;
        let result = interrupt
            .unless_asked(self.apply_and_prove(&name, &manifests, console))
            .await
            .unwrap_or_else(|| Err(interrupted("interrupted while the webhook was registered")));
        match result {
            Ok(proof) => Ok(proof),
            Err(failure) => Err(self.put_back(&name, previous.as_ref(), failure, console).await),
        }
    }

    /// With `Ignore`, and as the settings want it. Rendered before the cluster is touched.
    fn manifests(&self) -> Result<[String; 2], Failure> {
        let url = self.caller.url(self.endpoint);
        let render = |failure_policy| {
            let manifest = WebhookManifest { url: &url, ca_bundle: self.ca_bundle, failure_policy };
            synth::webhook_manifest(self.settings, &manifest)
        };
        Ok([render(FailurePolicy::Ignore)?, render(self.settings.cluster.failure_policy)?])
    }

    async fn apply_and_prove(
        &self,
        name: &str,
        [careful, wanted]: &[String; 2],
        console: &mut Console,
    ) -> Result<Proof, Failure> {
        self.cluster.apply_webhook(name, careful).await?;
        console.say(&format!("{name}: applied with failurePolicy Ignore"));
        let refuses = |namespace: &str| self.settings.refuses(namespace, proof::IMAGE);
        let proof = self.cluster.prove(&refuses, &self.caller.secret, self.patience).await?;
        match (&proof, self.settings.cluster.failure_policy) {
            (Proof::NoNamespace, policy) => {
                console
                    .warn("no namespace was found in which a Pod is refused (all are ignored, or the policy only warns), so it could not be proven that the API server asks the webhook");
                if policy == FailurePolicy::Fail {
                    console.warn("failurePolicy stays Ignore: Fail without a proof could stop every Pod");
                }
            }
            (Proof::Refused(_), FailurePolicy::Fail) => {
                self.cluster.apply_webhook(name, wanted).await?;
                console.say(&format!("{name}: applied with failurePolicy Fail"));
            }
            (Proof::Refused(_), FailurePolicy::Ignore) => (),
        }
        Ok(proof)
    }

    /// The failure that the person reads, with what became of the cluster.
    async fn put_back(
        &self,
        name: &str,
        previous: Option<&Existing>,
        failure: Failure,
        console: &mut Console,
    ) -> Failure {
        match self.cluster.restore_webhook(name, previous).await {
            Ok(()) => {
                console.say(match previous {
                    Some(_) => "the webhook configuration is what it was before",
                    None => "the webhook configuration was removed again",
                });
                failure
            }
            Err(second) => Failure {
                cause: Some(format!(
                    "{}and then the webhook configuration could not be put back: {}{}",
                    failure.cause.map(|cause| format!("{cause}; ")).unwrap_or_default(),
                    second.message,
                    second.cause.map(|cause| format!(": {cause}")).unwrap_or_default(),
                )),
                hint: Some(format!("Look at it now: kubectl get validatingwebhookconfiguration {name} -o yaml")),
                code: ExitCode::Unsafe,
                ..failure
            },
        }
    }
}
