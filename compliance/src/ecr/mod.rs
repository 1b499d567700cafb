//! EDGE: asks ECR for facts. The only folder that imports the ECR SDK.
//!
//! One round trip per decision: per account and region the repositories (100 a call) and, in the own account, the
//! scanning configuration (25 a call) are asked for at the same time. Nothing here fails: what could not be had by the
//! deadline is a fact of its own. This folder must not judge, and must not call a registry that is not in `wanted`.

mod describe;
mod error;
mod scanning;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::http::HttpResponse;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use crate::ecr::describe::Described;
use crate::ecr::error::Failure;
use crate::ecr::scanning::Scanning;
use crate::facts::{EffectiveScan, Facts, Repository, RepositoryFacts, RepositoryKey, ScanFacts, Unavailable};
use crate::registry::Registry;

/// The most repositories asked about for one request. A Pod of 3 MB could name tens of thousands; no honest one does.
pub const MOST_REPOSITORIES: usize = 300;
/// The shortest name a repository can have: a shorter one would spoil the call for all others.
const SHORTEST_NAME: usize = 2;
/// How many calls for single names run at once.
const MOST_AT_ONCE: usize = 10;

/// Asks ECR, within a deadline.
#[derive(Debug, Clone)]
pub struct EcrFacts {
    clients: BTreeMap<String, Client>,
    own_account: String,
    deadline: Duration,
}

impl EcrFacts {
    /// Makes it from one client per region, the account whose credentials they use, and the time a gathering may take.
    #[must_use]
    pub fn new(clients: BTreeMap<String, Client>, own_account: String, deadline: Duration) -> Self {
        Self { clients, own_account, deadline }
    }

    /// Finds out what is wanted: the answer has exactly these keys, each found, not found or unavailable.
    ///
    /// Takes no longer than the deadline and never fails.
    pub async fn gather(&self, wanted: &BTreeSet<RepositoryKey>) -> Facts {
        let until = Instant::now() + self.deadline;
        let mut names: BTreeMap<&Registry, Vec<&str>> = BTreeMap::new();
        for key in wanted.iter().take(MOST_REPOSITORIES) {
            names.entry(&key.registry).or_default().push(&key.name);
        }
        let registries = names.iter().map(|(registry, names)| self.ask(registry, names, until));
        let mut facts: Facts = join_all(registries).await.into_iter().flatten().collect();
        for key in wanted.iter().skip(MOST_REPOSITORIES) {
            facts.insert(key.clone(), RepositoryFacts::Unavailable(too_many()));
        }
        facts
    }

    /// Everything about some repositories of one registry.
    async fn ask(&self, registry: &Registry, names: &[&str], until: Instant) -> Vec<(RepositoryKey, RepositoryFacts)> {
        let key = |name: &str| RepositoryKey { registry: registry.clone(), name: name.to_owned() };
        let Some(client) = self.clients.get(&registry.region) else {
            let facts = RepositoryFacts::Unavailable(no_client(registry));
            return names.iter().map(|name| (key(name), facts.clone())).collect();
        };
        let call = Call { client, registry, own: registry.account == self.own_account, until };
        let possible: Vec<&str> = names.iter().copied().filter(|name| name.len() >= SHORTEST_NAME).collect();
        let (mut described, scanning) = tokio::join!(describe::gather(&call, &possible), scanning_of(&call, &possible));
        let about = |name: &&str| {
            let described = described.remove(*name).unwrap_or(Described::NotFound);
            (key(name), combine(name, described, scanning.as_ref()))
        };
        names.iter().map(about).collect()
    }
}

/// ECR tells nobody the scanning configuration of another account.
async fn scanning_of(call: &Call<'_>, names: &[&str]) -> Option<Scanning> {
    if call.own && !names.is_empty() { Some(scanning::gather(call, names).await) } else { None }
}

fn combine(name: &str, described: Described, scanning: Option<&Scanning>) -> RepositoryFacts {
    match described {
        Described::NotFound => RepositoryFacts::NotFound,
        Described::Unavailable(why) => RepositoryFacts::Unavailable(why),
        Described::Found { mutability, scan_on_push } => RepositoryFacts::Found(Repository {
            mutability,
            scan: ScanFacts {
                repository_flag: scan_on_push,
                effective: scanning.map_or(EffectiveScan::OtherAccount, |scanning| scanning.of(name)),
            },
        }),
    }
}

fn no_client(registry: &Registry) -> Unavailable {
    Unavailable::new("no-client", format!("the webhook is not set up to ask ECR in {}", registry.region))
}

fn too_many() -> Unavailable {
    Unavailable::new("too-many-repositories", format!("the Pod names more than {MOST_REPOSITORIES} repositories"))
}

/// What every call to one registry has in common.
#[derive(Debug)]
struct Call<'a> {
    client: &'a Client,
    registry: &'a Registry,
    /// Whether the registry is that of the caller's own account.
    own: bool,
    until: Instant,
}

impl Call<'_> {
    /// Waits for an answer until the deadline. `action` is the name of the operation, as in an IAM policy.
    async fn within<T, E: ProvideErrorMetadata>(
        &self,
        action: &'static str,
        answer: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failure> {
        match timeout_at(self.until, answer).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err(error::read(self, action, &error)),
            Err(_) => Err(error::timeout(self)),
        }
    }

    /// Whether an ARN in an answer is that of the repository that was asked for.
    fn owns(&self, arn: &str, name: &str) -> bool {
        let Registry { partition, account, region } = self.registry;
        arn == format!("arn:{}:ecr:{region}:{account}:repository/{name}", partition.id())
    }

    /// What an answer about another registry's repository is worth.
    fn wrong_registry(&self) -> Unavailable {
        Unavailable::new("wrong-registry", format!("ECR answered for another registry than {}", self.registry))
    }
}

#[cfg(test)]
mod tests;
