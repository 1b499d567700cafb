//! One of the clusters that a run is about, as it was found: whoever deploys to several looks at each before the first is
//! changed. Read only.

use super::{known, register, site};
use crate::{
    cluster::{
        Cluster,
        caller::Caller,
        drift::{self, Difference},
        webhook::Existing,
    },
    error::{ExitCode, Failure},
    plan::{
        WebhookLayer,
        saved::{self, ClusterWorld},
    },
    settings::{Credentials, Settings},
    stack::{Stack, change::PropertyChange},
    synth::WebhookManifest,
};

/// A cluster, its webhook, and who it is to the function.
pub(super) struct Member {
    /// As if it were the only cluster.
    pub(super) settings: Settings,
    pub(super) cluster: Cluster,
    pub(super) existing: Option<Existing>,
    pub(super) caller: Caller,
    pub(super) ca_bundle: Option<String>,
}

impl Member {
    /// Every cluster of the settings: reachable, ours to change, and no two of them the same.
    pub(super) async fn all(settings: &Settings) -> Result<Vec<Self>, Failure> {
        refuse_tokens(settings)?;
        let mut members = Vec::new();
        for settings in settings.each_cluster() {
            members.push(Self::look(settings).await?);
        }
        refuse_doubles(&members)?;
        Ok(members)
    }

    async fn look(settings: Settings) -> Result<Self, Failure> {
        let ca_bundle = site::ca_bundle(settings.cluster.ca_bundle.as_deref())?;
        let cluster = Cluster::connect(&settings.cluster).await?;
        cluster.check_permissions().await?;
        let existing = cluster.our_webhook(&settings.webhook_name()).await?;
        let caller = site::caller(&settings, &cluster, existing.as_ref())?;
        Ok(Self { settings, cluster, existing, caller, ca_bundle })
    }

    /// What would be done to its webhook.
    pub(super) fn layer(&self, found: Option<&Stack>) -> Result<WebhookLayer, Failure> {
        let settings = &self.settings;
        let endpoint = found.and_then(|stack| site::endpoint(settings, stack).ok());
        let endpoint = endpoint.or(settings.cluster.endpoint.as_deref());
        // It stands where the new API's will, and is covered on the screen like any URL.
        let url = self.caller.url(endpoint.unwrap_or(UNKNOWN_ENDPOINT));
        let failure_policy = register::policy_of(settings, self.existing.as_ref());
        let manifest = WebhookManifest { url: &url, ca_bundle: self.ca_bundle.as_deref(), failure_policy };
        let manifest = register::manifest(settings, &manifest)?;
        let found = self.existing.as_ref().map(|existing| drift::differences(&manifest, existing.object()));
        let fields: Vec<PropertyChange> = found.into_iter().flatten().map(change_of_field).collect();
        let changes = self.existing.is_none() || !fields.is_empty();
        let intention = match (&self.existing, changes) {
            (None, _) => "create it",
            (Some(_), true) => "change it",
            (Some(_), false) => "no change",
        };
        Ok(WebhookLayer {
            name: settings.webhook_name(),
            context: self.cluster.context().to_owned(),
            server: self.cluster.server().to_owned(),
            intention: intention.to_owned(),
            failure_policy: register::policy_in_words(settings, self.existing.as_ref()),
            changes,
            fields,
        })
    }

    /// What a saved plan is held to.
    pub(super) fn world(&self) -> ClusterWorld {
        let known = match self.caller.credentials {
            Credentials::Bearer => "sends a token",
            Credentials::Url if self.existing.as_ref().and_then(Existing::caller).is_some() => "known",
            Credentials::Url => "gets a new secret",
        };
        ClusterWorld {
            cluster: format!("{} ({})", self.cluster.context(), self.cluster.server()),
            webhook_state: saved::webhook_digest(self.existing.as_ref().map(Existing::object)),
            caller: format!("{} ({known})", self.caller.name),
        }
    }

    fn uid(&self) -> Option<&str> {
        self.existing.as_ref()?.object()["metadata"]["uid"].as_str()
    }
}

fn change_of_field(Difference { field, wanted, found }: Difference) -> PropertyChange {
    PropertyChange { path: field, before: found, after: wanted, ..PropertyChange::default() }
}

/// A host that cannot exist.
const UNKNOWN_ENDPOINT: &str = "https://known-after-it.invalid";

/// What a question is asked about.
pub(super) fn asked(members: &[Member]) -> Vec<(&Settings, &Cluster)> {
    members.iter().map(|member| (&member.settings, &member.cluster)).collect()
}

/// The stack's `CallerDigests` with every cluster of the run, in one update.
///
/// # Errors
/// As for [`known::after_deploy`]; and when what was given as a secret is none.
pub(super) fn digests(members: &[Member], previous: &str) -> Result<String, Failure> {
    members.iter().try_fold(previous.to_owned(), |known, Member { caller, existing, .. }| {
        let given = site::given_secret()?.map(|secret| Caller { secret, ..caller.clone() });
        known::after_deploy(caller, existing.as_ref(), given.as_ref(), &known)
    })
}

/// One variable holds one token, and each cluster has its own.
fn refuse_tokens(settings: &Settings) -> Result<(), Failure> {
    let each = settings.each_cluster();
    let tokens = each.iter().filter(|one| one.cluster.credentials == Credentials::Bearer).count();
    if tokens < 2 {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "clusters.credentials = \"bearer\" stands {tokens} times, and {} gives one token",
        site::SECRET_VARIABLE
    ))
    .with_hint("Deploy to these clusters one by one, each with its own token: --context chooses one."))
}

/// Two contexts of one API server would take the webhook from each other, and two callers of one name the secret.
fn refuse_doubles(members: &[Member]) -> Result<(), Failure> {
    for (at, one) in members.iter().enumerate() {
        for other in &members[..at] {
            let contexts = format!("the contexts {} and {}", other.cluster.context(), one.cluster.context());
            let same_object = one.uid().is_some() && one.uid() == other.uid();
            if same_object || one.cluster.server() == other.cluster.server() {
                return Err(Failure::new(format!("{contexts} are the same cluster ({})", one.cluster.server()))
                    .with_hint("Nothing was changed. Leave one of them out of [[clusters]].")
                    .with_code(ExitCode::Unsafe));
            }
            if one.caller.name == other.caller.name {
                return Err(Failure::new(format!("{contexts} are both called {}", one.caller.name))
                    .with_hint("Nothing was changed. Give each of them a clusters.name of its own.")
                    .with_code(ExitCode::Unsafe));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn one_variable_gives_no_two_clusters_a_token() {
        let mut settings = Settings::default();
        let cluster = crate::settings::Cluster { credentials: Credentials::Bearer, ..settings.cluster.clone() };
        settings.clusters = vec![cluster.clone(), Settings::default().cluster];
        assert_eq!(refuse_tokens(&settings), Ok(()));
        settings.clusters.push(cluster);
        assert!(refuse_tokens(&settings).unwrap_err().hint.unwrap().contains("--context"));
    }
}
