//! Register the webhook in the cluster and prove it there. Whatever fails after the first touch puts the cluster back.
//!
//! Always with `Ignore` first, whatever is wanted: until the proof is there, a mistake must not stop the cluster. A pause
//! that runs is kept, and an object that Argo CD or Flux keeps is only compared and proven.

use serde_json::Value;

use crate::{
    cluster::{
        Cluster,
        caller::Caller,
        drift::{self, Difference},
        pause::{self, Pause},
        policy,
        proof::{self, Proof},
        webhook::Existing,
    },
    console::Console,
    error::{ExitCode, Failure},
    interrupt::{Interrupt, interrupted},
    patience::Patience,
    settings::{Credentials, FailurePolicy, Settings, Word},
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

/// What is to be there in the end, and what was there before.
struct Goal {
    name: String,
    previous: Option<Existing>,
    policy: FailurePolicy,
    /// One that runs.
    pause: Option<Pause>,
    /// With `Ignore`.
    careful: Value,
    /// With the policy.
    wanted: Value,
}

/// The failure policy that a deploy brings about: as the settings say; where they say nothing, as it is; first `Ignore`.
#[must_use]
pub fn policy_of(settings: &Settings, existing: Option<&Existing>) -> FailurePolicy {
    let meant = existing.and_then(|existing| policy::read(existing.object()));
    settings.cluster.failure_policy.or(meant).unwrap_or(FailurePolicy::Ignore)
}

/// The same for a plan: a deploy never raises or lowers it without saying so.
#[must_use]
pub fn policy_in_words(settings: &Settings, existing: Option<&Existing>) -> String {
    let wanted = policy_of(settings, existing);
    match existing.and_then(|existing| policy::read(existing.object())) {
        Some(found) if found != wanted => {
            format!("{} -> {}, as the settings say", found.word(), wanted.word())
        }
        Some(found) if settings.cluster.failure_policy.is_none() => format!("{}, as it is", found.word()),
        _ => wanted.word().to_owned(),
    }
}

/// The webhook configuration as an object.
///
/// # Errors
/// As for [`synth::webhook_manifest`].
pub fn manifest(settings: &Settings, manifest: &WebhookManifest<'_>) -> Result<Value, Failure> {
    let text = synth::webhook_manifest(settings, manifest)?;
    serde_saphyr::from_str(&text).map_err(|error| {
        // Its words may quote the text, which holds the secret.
        drop(error);
        Failure::new("the webhook's manifest cannot be read back")
    })
}

impl Registration<'_> {
    /// Apply, prove, and only then apply `Fail` where it is wanted.
    ///
    /// # Errors
    /// When the object is not ours to change (`Unsafe`, nothing was changed), when the API server refuses, when the proof
    /// fails or when we are asked to stop; the cluster is as before then, or the failure says that it is not.
    pub async fn run(&self, console: &mut Console, interrupt: &Interrupt) -> Result<Proof, Failure> {
        let goal = self.goal(console).await?;
        if let Some(managed) = goal.previous.as_ref().filter(|previous| previous.manager().is_some()) {
            return self.compare_and_prove(managed, &goal, console).await;
        }
        let result = interrupt
            .unless_asked(self.apply_and_prove(&goal, console))
            .await
            .unwrap_or_else(|| Err(interrupted("interrupted while the webhook was registered")));
        match result {
            Ok(proof) => Ok(proof),
            Err(failure) => Err(self.put_back(&goal.name, goal.previous.as_ref(), failure, console).await),
        }
    }

    /// Everything is rendered before the cluster is touched.
    async fn goal(&self, console: &mut Console) -> Result<Goal, Failure> {
        let name = self.settings.webhook_name();
        // Read again: minutes have passed since the plan.
        let previous = self.cluster.our_webhook(&name).await?;
        let pause = self.pause_to_keep(previous.as_ref(), console).await;
        let policy = policy_of(self.settings, previous.as_ref());
        let [mut careful, mut wanted] = [self.render(FailurePolicy::Ignore)?, self.render(policy)?];
        if let Some(pause) = &pause {
            // The template has the entry about Pods, so there is something to pause.
            let _ = pause::add(&mut careful, pause) && pause::add(&mut wanted, pause);
        }
        if policy == FailurePolicy::Fail {
            policy::note(&mut careful, policy);
        }
        Ok(Goal { name, previous, policy, pause, careful, wanted })
    }

    fn render(&self, failure_policy: FailurePolicy) -> Result<Value, Failure> {
        let url = self.caller.url(self.endpoint);
        manifest(self.settings, &WebhookManifest { url: &url, ca_bundle: self.ca_bundle, failure_policy })
    }

    async fn pause_to_keep(&self, previous: Option<&Existing>, console: &mut Console) -> Option<Pause> {
        let pause = pause::read(previous?.object())?;
        let now = self.cluster.now().await;
        if pause.is_kept(now) {
            console.warn(&format!("new Pods are not judged, and this deploy keeps it so: {pause}"));
            return Some(pause);
        }
        let why = if pause.is_over(now) { "it is over" } else { "it is longer than any may be" };
        console.say(&format!("a pause is taken away, {why}: {pause}"));
        None
    }

    async fn apply_and_prove(&self, goal: &Goal, console: &mut Console) -> Result<Proof, Failure> {
        let name = &goal.name;
        // What is in force and stays as it is needs no careful step, which would let Pods in for a moment.
        if !goal.is_in_force() {
            let applied = self.cluster.apply_webhook(name, &goal.careful).await?;
            console.say(&format!("{name}: applied with failurePolicy Ignore"));
            tell_rest(&drift::differences(&goal.careful, &applied), console);
        }
        let proof = self.prove(goal).await?;
        match (&proof, goal.policy) {
            (Proof::NoNamespace, policy) => {
                tell_unproven(console);
                if policy == FailurePolicy::Fail && !goal.is_in_force() {
                    console.warn("failurePolicy stays Ignore: Fail without a proof could stop every Pod");
                }
            }
            (Proof::Refused(_) | Proof::Warned(_), FailurePolicy::Fail) => {
                self.cluster.apply_webhook(name, &goal.wanted).await?;
                console.say(&format!("{name}: applied with failurePolicy Fail"));
            }
            (Proof::Refused(_) | Proof::Warned(_), FailurePolicy::Ignore) => (),
        }
        Ok(proof)
    }

    /// Argo CD or Flux keeps it: where it is as it should be already there is nothing to do but the proof.
    async fn compare_and_prove(
        &self,
        existing: &Existing,
        goal: &Goal,
        console: &mut Console,
    ) -> Result<Proof, Failure> {
        let differences = drift::differences(&goal.wanted, existing.object());
        if !differences.is_empty() {
            for difference in &differences {
                console.say(&difference.to_string());
            }
            existing.refuse_if_managed()?;
        }
        let manager = existing.manager().unwrap_or_default();
        console.say(&format!("{}: kept by {manager}, and as it should be: nothing to apply", goal.name));
        let proof = self.prove(goal).await?;
        if proof == Proof::NoNamespace {
            tell_unproven(console);
        }
        Ok(proof)
    }

    async fn prove(&self, goal: &Goal) -> Result<Proof, Failure> {
        let refuses = |namespace: &str| self.settings.refuses(namespace, proof::IMAGE);
        let trial = proof::Trial { refuses: &refuses, secret: Some(&self.caller.secret), patience: self.patience };
        let proven = self.cluster.prove(&trial, goal.pause.is_some()).await;
        proven.map_err(|failure| match self.caller.credentials {
            Credentials::Url => failure,
            Credentials::Bearer => failure.with_hint(
                "Do the API servers send the token of DEPLOYER_CALLER_SECRET, and reach the endpoint? deployer webhook render --admission-configuration DIR writes the files that they need.",
            ),
        })
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

impl Goal {
    /// Whether the API server follows exactly what is wanted already, `Fail` included.
    fn is_in_force(&self) -> bool {
        self.previous.as_ref().is_some_and(|previous| {
            let object = previous.object();
            policy::in_force(object) == Some(self.policy)
                && policy::read(object) == Some(self.policy)
                && pause::read(object) == self.pause
                && drift::differences(&self.wanted, object).is_empty()
        })
    }
}

/// Server-side apply leaves what others added to our object.
fn tell_rest(differences: &[Difference], console: &mut Console) {
    for difference in differences {
        console.warn(&format!("somebody else's change stays in the webhook configuration: {difference}"));
    }
}

fn tell_unproven(console: &mut Console) {
    console
        .warn("no namespace was found in which a Pod is refused (all are ignored, or the policy only warns), so it could not be proven that the API server asks the webhook");
}
