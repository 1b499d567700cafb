//! EDGE: asks ECR for facts. The only folder that imports the ECR SDK.
//!
//! One round trip per decision: per account and region the repositories (100 a call) and, where the account lets us,
//! the scanning configuration (25 a call) are asked for at the same time; what is still fresh is not asked for. Nothing
//! here fails: what could not be had by the deadline is a fact of its own, or an older fact marked as such. This folder
//! must not judge, and must not call a registry that is not in `wanted`.

mod attempts;
mod cache;
mod call;
mod clients;
mod clock;
mod describe;
mod error;
mod findings;
mod images;
mod index;
mod remembered;
mod report;
mod role;
mod scanning;
mod shelf;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ecr::Client;
use futures_util::future::{BoxFuture, join_all};
use tokio::time::Instant;

pub use self::cache::CacheSettings;
pub use self::clients::Clients;
pub use self::clock::{Clock, Moment, SystemClock};
pub use self::report::GatherReport;
pub use self::role::Role;
use crate::ecr::call::Call;
use crate::ecr::clients::Way;
use crate::ecr::remembered::Memory;
use crate::ecr::report::Tally;
use crate::facts::{
    Age, Facts, ImageFacts, ImageKey, RepositoryFacts, RepositoryKey, ScanDetail, Unavailable, WantedImages,
};
use crate::registry::Registry;

/// The most repositories asked about for one request. A Pod of 3 MB could name tens of thousands; no honest one does.
pub const MOST_REPOSITORIES: usize = 300;
/// The same for images.
pub const MOST_IMAGES: usize = 300;
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
        self.gather_all(wanted, &WantedImages::default()).await.facts
    }

    /// The same for repositories and images, with what it cost.
    ///
    /// Images cost a round trip beside that for repositories, and those whose scans are wanted another one
    /// after it, an index one more between the two.
    pub async fn gather_all(&self, wanted: &BTreeSet<RepositoryKey>, images: &WantedImages) -> Gathered {
        self.gather_until(wanted, images, self.until()).await
    }

    /// When a gathering that begins now must end.
    #[must_use]
    pub fn until(&self) -> Instant {
        Instant::now() + self.deadline
    }

    /// As [`Self::gather_all`], within a deadline that gatherings for one decision share: see [`Self::until`].
    pub async fn gather_until(
        &self,
        wanted: &BTreeSet<RepositoryKey>,
        images: &WantedImages,
        until: Instant,
    ) -> Gathered {
        self.gather_with(wanted, images, Attempt { until, afresh: false }).await
    }

    /// As [`Self::gather_until`], but what is remembered counts only where ECR fails: for whoever has just mended what
    /// was found.
    pub async fn gather_afresh(
        &self,
        wanted: &BTreeSet<RepositoryKey>,
        images: &WantedImages,
        until: Instant,
    ) -> Gathered {
        self.gather_with(wanted, images, Attempt { until, afresh: true }).await
    }

    /// Boxed, so that all that is behind it is compiled once and as this crate is (for size), not as its caller is.
    fn gather_with<'a>(
        &'a self,
        wanted: &'a BTreeSet<RepositoryKey>,
        images: &'a WantedImages,
        attempt: Attempt,
    ) -> BoxFuture<'a, Gathered> {
        Box::pin(async move {
            let tally = Tally::default();
            let mut facts = Facts::default();
            let by_registry = by_registry(wanted, images, &mut facts);
            let detail = &images.detail;
            let asked =
                by_registry.into_iter().map(|(registry, wanted)| self.ask(registry, wanted, detail, attempt, &tally));
            for learnt in join_all(asked).await {
                facts.merge(learnt);
            }
            Gathered { facts, report: tally.report() }
        })
    }

    /// Everything about what is wanted of one registry.
    async fn ask(
        &self,
        registry: &Registry,
        wanted: Wanted,
        detail: &ScanDetail,
        attempt: Attempt,
        tally: &Tally,
    ) -> Facts {
        let Some(Way { client, standing, role }) = self.clients.of(registry) else {
            return wanted.unavailable(&no_client(registry));
        };
        let Attempt { until, afresh } = attempt;
        let (clock, trouble) = (&*self.clock, &self.memory.trouble);
        let call = Call { client, registry, standing, role, until, afresh, clock, tally, trouble };
        let (mut repositories, images) = tokio::join!(
            self.memory.repositories(&call, wanted.repositories),
            self.memory.images(&call, wanted.images, &wanted.scanned, detail),
        );
        repositories.merge(images);
        repositories
    }
}

/// How one gathering goes about it.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    until: Instant,
    /// Whether to ask for what is remembered and fresh too.
    afresh: bool,
}

/// What is wanted of one registry.
#[derive(Debug, Default)]
struct Wanted {
    repositories: Vec<RepositoryKey>,
    images: Vec<ImageKey>,
    /// Those among the images whose scans are wanted too.
    scanned: BTreeSet<ImageKey>,
}

impl Wanted {
    fn unavailable(self, why: &Unavailable) -> Facts {
        let mut facts = Facts::default();
        for key in self.repositories {
            facts.insert(key, RepositoryFacts::Unavailable(why.clone()));
        }
        for key in self.images {
            facts.insert_image(key, ImageFacts::Unavailable(why.clone()), Age::NOW);
        }
        facts
    }
}

/// Sorts what is wanted by registry. What is not to be asked for goes straight into `facts`.
fn by_registry<'a>(
    repositories: &'a BTreeSet<RepositoryKey>,
    images: &'a WantedImages,
    facts: &mut Facts,
) -> BTreeMap<&'a Registry, Wanted> {
    let mut sorted: BTreeMap<&Registry, Wanted> = BTreeMap::new();
    for (index, key) in repositories.iter().enumerate() {
        if index >= MOST_REPOSITORIES {
            facts.insert(key.clone(), RepositoryFacts::Unavailable(too_many("repositories", MOST_REPOSITORIES)));
        } else if key.name.len() < SHORTEST_NAME {
            facts.insert(key.clone(), RepositoryFacts::NotFound);
        } else {
            sorted.entry(&key.registry).or_default().repositories.push(key.clone());
        }
    }
    for (index, key) in images.existing.union(&images.scanned).enumerate() {
        if index >= MOST_IMAGES {
            let why = too_many("images", MOST_IMAGES);
            facts.insert_image(key.clone(), ImageFacts::Unavailable(why), Age::NOW);
        } else if key.repository.name.len() < SHORTEST_NAME {
            facts.insert_image(key.clone(), ImageFacts::NotFound, Age::NOW);
        } else {
            let wanted = sorted.entry(&key.repository.registry).or_default();
            wanted.images.push(key.clone());
            wanted.scanned.extend(images.scanned.get(key).cloned());
        }
    }
    sorted
}

fn no_client(registry: &Registry) -> Unavailable {
    Unavailable::new("no-client", format!("the webhook is not set up to ask ECR in {}", registry.region))
}

fn too_many(what: &str, most: usize) -> Unavailable {
    let code = if what == "images" { "too-many-images" } else { "too-many-repositories" };
    Unavailable::new(code, format!("the Pod names more than {most} {what}"))
}

#[cfg(test)]
mod tests;
