//! EDGE: asks ECR for facts. The only folder that imports the ECR SDK.
//!
//! One round trip per decision: per account and region the repositories (100 a call) and, where the account lets us,
//! the scanning configuration (25 a call) are asked for at the same time; what is still fresh is not asked for. Nothing
//! here fails: what could not be had by the deadline is a fact of its own, or an older fact marked as such. This folder
//! must not judge, and must not call a registry that is not in `wanted`.

mod cache;
mod call;
mod clients;
mod clock;
mod describe;
mod error;
mod report;
mod scanning;
mod shelf;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ecr::Client;
use futures_util::future::join_all;
use tokio::time::Instant;

pub use self::cache::CacheSettings;
pub use self::clients::Clients;
pub use self::clock::{Clock, Moment, SystemClock};
pub use self::report::GatherReport;
use crate::ecr::call::Call;
use crate::ecr::describe::{Described, Repositories};
use crate::ecr::report::Tally;
use crate::ecr::scanning::{RegistryRules, RepositorySettings, Setting};
use crate::ecr::shelf::{Known, Shelf};
use crate::ecr::trouble::Trouble;
use crate::facts::{
    Age, EffectiveScan, Facts, RegistryScanning, Repository, RepositoryFacts, RepositoryKey, ScanFacts, Unavailable,
};
use crate::registry::Registry;

/// The most repositories asked about for one request. A Pod of 3 MB could name tens of thousands; no honest one does.
pub const MOST_REPOSITORIES: usize = 300;
/// The shortest name a repository can have: a shorter one would spoil the call for all others.
const SHORTEST_NAME: usize = 2;
/// How many calls for single names run at once.
const MOST_AT_ONCE: usize = 10;

/// Asks ECR, within a deadline, and remembers. Clones share what they remember.
#[derive(Debug, Clone)]
pub struct EcrFacts {
    clients: Clients,
    deadline: Duration,
    clock: Arc<dyn Clock>,
    memory: Arc<Memory>,
}

/// What is remembered from one gathering to the next.
#[derive(Debug)]
struct Memory {
    repositories: Shelf<RepositoryKey, Described>,
    settings: Shelf<RepositoryKey, Setting>,
    rules: Shelf<Registry, RegistryScanning>,
    trouble: Trouble,
}

/// What a gathering came to.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// What was learnt.
    pub facts: Facts,
    /// What it cost.
    pub report: GatherReport,
}

impl EcrFacts {
    /// Makes it from one client per region, the account whose credentials they use, and the time a gathering may take.
    #[must_use]
    pub fn new(clients: BTreeMap<String, Client>, own_account: String, deadline: Duration) -> Self {
        Self::with_clients(Clients::new(own_account, clients), deadline)
    }

    /// The same with clients of one's choice, such as those with a role in another account.
    #[must_use]
    pub fn with_clients(clients: Clients, deadline: Duration) -> Self {
        let memory = Arc::new(Memory::new(CacheSettings::default()));
        Self { clients, deadline, clock: Arc::new(SystemClock::default()), memory }
    }

    /// Remembers by these settings, and forgets what was learnt so far.
    #[must_use]
    pub fn with_cache(mut self, settings: CacheSettings) -> Self {
        self.memory = Arc::new(Memory::new(settings));
        self
    }

    /// Tells ages by this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Finds out what is wanted: the answer has exactly these keys, each found, not found or unavailable.
    ///
    /// Takes no longer than the deadline and never fails.
    pub async fn gather(&self, wanted: &BTreeSet<RepositoryKey>) -> Facts {
        self.gather_all(wanted).await.facts
    }

    /// The same, with what it cost.
    pub async fn gather_all(&self, wanted: &BTreeSet<RepositoryKey>) -> Gathered {
        let until = Instant::now() + self.deadline;
        let tally = Tally::default();
        let mut names: BTreeMap<&Registry, Vec<&str>> = BTreeMap::new();
        for key in wanted.iter().take(MOST_REPOSITORIES) {
            names.entry(&key.registry).or_default().push(&key.name);
        }
        let registries = names.iter().map(|(registry, names)| self.ask(registry, names, until, &tally));
        let mut facts = Facts::default();
        for learnt in join_all(registries).await {
            facts.merge(learnt);
        }
        for key in wanted.iter().skip(MOST_REPOSITORIES) {
            facts.insert(key.clone(), RepositoryFacts::Unavailable(too_many()));
        }
        Gathered { facts, report: tally.report() }
    }

    /// Everything about some repositories of one registry.
    async fn ask(&self, registry: &Registry, names: &[&str], until: Instant, tally: &Tally) -> Facts {
        let key = |name: &str| RepositoryKey { registry: registry.clone(), name: name.to_owned() };
        let Some((client, standing)) = self.clients.of(registry) else {
            let facts = RepositoryFacts::Unavailable(no_client(registry));
            return names.iter().map(|name| (key(name), facts.clone())).collect();
        };
        let (clock, trouble) = (&*self.clock, &self.memory.trouble);
        let call = Call { client, registry, standing, until, clock, tally, trouble };
        let (possible, impossible): (Vec<_>, Vec<_>) =
            names.iter().map(|name| key(name)).partition(|key| key.name.len() >= SHORTEST_NAME);
        let mut facts = self.memory.repositories(&call, possible).await;
        for key in impossible {
            facts.insert(key, RepositoryFacts::NotFound);
        }
        facts
    }
}

impl Memory {
    fn new(settings: CacheSettings) -> Self {
        Self {
            repositories: Shelf::new(settings),
            settings: Shelf::new(settings),
            rules: Shelf::new(settings),
            trouble: Trouble::default(),
        }
    }

    /// Asks for all three sides of repositories at the same time.
    async fn repositories(&self, call: &Call<'_>, keys: Vec<RepositoryKey>) -> Facts {
        let scanned = if call.is_within_account() { keys.clone() } else { Vec::new() };
        let registry = if scanned.is_empty() { Vec::new() } else { vec![call.registry.clone()] };
        let (repositories, rules, settings) = (Repositories(call), RegistryRules(call), RepositorySettings(call));
        let (mut described, rules, mut settings) = tokio::join!(
            self.repositories.gather(&repositories, keys.clone()),
            self.rules.gather(&rules, registry),
            self.settings.gather(&settings, scanned),
        );
        let rules = rules.get(call.registry);
        let mut facts = Facts::default();
        for key in keys {
            let described = described.remove(&key).unwrap_or_else(unanswered);
            let (known, age) = combine(described, rules, settings.remove(&key));
            facts.insert_aged(key, known, age);
        }
        facts
    }
}

/// Puts the sides of one repository together. Of another account there is one side only.
fn combine(
    described: Known<Described>,
    rules: Option<&Known<RegistryScanning>>,
    setting: Option<Known<Setting>>,
) -> (RepositoryFacts, Age) {
    let (mutability, repository_flag) = match described.value {
        Ok(Described::NotFound) => return (RepositoryFacts::NotFound, described.age),
        Err(why) => return (RepositoryFacts::Unavailable(why), described.age),
        Ok(Described::Found { mutability, scan_on_push }) => (mutability, scan_on_push),
    };
    let (effective, age) = match (rules, setting) {
        (Some(rules), Some(setting)) => (effective(rules, &setting), rules.age.or_older(setting.age)),
        _ => (EffectiveScan::OtherAccount, Age::NOW),
    };
    let scan = ScanFacts { repository_flag, effective };
    (RepositoryFacts::Found(Repository { mutability, scan }), described.age.or_older(age))
}

/// Both halves are needed: the registry's scan type says which setting counts.
fn effective(rules: &Known<RegistryScanning>, setting: &Known<Setting>) -> EffectiveScan {
    match (&rules.value, &setting.value) {
        (Ok(registry), Ok(Setting { scan_on_push, frequency })) => EffectiveScan::Known {
            scan_on_push: *scan_on_push,
            frequency: frequency.clone(),
            registry: registry.clone(),
        },
        (Err(why), _) | (_, Err(why)) => EffectiveScan::Unavailable(why.clone()),
    }
}

/// Every key has an answer; should one be missing after all, it was not found out.
fn unanswered<V>() -> Known<V> {
    Known { value: Err(Unavailable::new("facts-missing", "ECR was not asked about it")), age: Age::NOW }
}

fn no_client(registry: &Registry) -> Unavailable {
    Unavailable::new("no-client", format!("the webhook is not set up to ask ECR in {}", registry.region))
}

fn too_many() -> Unavailable {
    Unavailable::new("too-many-repositories", format!("the Pod names more than {MOST_REPOSITORIES} repositories"))
}

#[cfg(test)]
mod tests;
