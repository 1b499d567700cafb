//! What is remembered from one gathering to the next, and how its sides are put together into facts.

use std::collections::{BTreeMap, BTreeSet};

use crate::ecr::MOST_IMAGES;
use crate::ecr::cache::CacheSettings;
use crate::ecr::call::Call;
use crate::ecr::describe::{Described, Repositories};
use crate::ecr::findings::Findings;
use crate::ecr::images::Images;
use crate::ecr::index::{Child, Indexes, Leaves, MOST_LEVELS, at, judged, leaves};
use crate::ecr::scanning::{RegistryRules, RepositorySettings, Setting, absent};
use crate::ecr::shelf::{Known, Shelf};
use crate::ecr::trouble::Trouble;
use crate::facts::{
    Age, EffectiveScan, Facts, Image, ImageFacts, ImageKey, ImageStatus, PlatformScan, Platforms, RegistryScanning,
    Repository, RepositoryFacts, RepositoryKey, ScanDetail, ScanFacts, ScanReport, ScanResult, Unavailable,
};
use crate::registry::Registry;

/// One shelf for each question to ECR.
#[derive(Debug)]
pub(super) struct Memory {
    repositories: Shelf<RepositoryKey, Described>,
    settings: Shelf<RepositoryKey, Option<Setting>>,
    rules: Shelf<Registry, RegistryScanning>,
    images: Shelf<ImageKey, Option<Image>>,
    indexes: Shelf<ImageKey, Vec<Child>>,
    scans: Shelf<ImageKey, Option<ScanReport>>,
    /// The same with what can be fixed.
    detailed_scans: Shelf<ImageKey, Option<ScanReport>>,
    pub(super) trouble: Trouble,
}

impl Memory {
    pub(super) fn new(settings: CacheSettings) -> Self {
        Self {
            repositories: Shelf::new(settings),
            settings: Shelf::new(settings),
            rules: Shelf::new(settings),
            images: Shelf::new(settings),
            indexes: Shelf::new(settings),
            scans: Shelf::new(settings),
            detailed_scans: Shelf::new(settings),
            trouble: Trouble::default(),
        }
    }

    /// Asks for all three sides of repositories at the same time.
    pub(super) async fn repositories(&self, call: &Call<'_>, keys: Vec<RepositoryKey>) -> Facts {
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

    /// Asks whether images exist, and then what the scans of `scanned`, which are among them, have found: by digest, so
    /// that both answers are about the same image even if a tag is moved in between.
    pub(super) async fn images(
        &self,
        call: &Call<'_>,
        keys: Vec<ImageKey>,
        scanned: &BTreeSet<ImageKey>,
        detail: &ScanDetail,
    ) -> Facts {
        let mut described = self.images.gather(&Images(call), keys.clone()).await;
        let mut facts = Facts::default();
        let mut by_digest = BTreeMap::new();
        let mut indexes = BTreeSet::new();
        for key in keys {
            let Known { value, age } = described.remove(&key).unwrap_or_else(unanswered);
            let image = image_facts(value);
            if let Some(found) = scannable(&image).filter(|_| scanned.contains(&key)) {
                let digest = at(&key, &found.digest);
                indexes.extend(found.is_index().then(|| digest.clone()));
                by_digest.insert(key.clone(), digest);
            }
            facts.insert_image(key, image, age);
        }
        let children = self.children(call, indexes.clone(), &detail.platforms).await;
        let mut targets = Targets::default();
        for digest in by_digest.values() {
            let image = if indexes.contains(digest) {
                Target::Index(leaves(digest, &children, &detail.platforms))
            } else {
                Target::Single
            };
            targets.add(digest, image);
        }
        let kept = if detail.fixes { &self.detailed_scans } else { &self.scans };
        let question = Findings { call, fixes: detail.fixes };
        let scans = kept.gather(&question, targets.singles.iter().cloned().collect()).await;
        for (key, digest) in by_digest {
            let (result, age) = targets.result(&digest, &scans);
            let age = children.get(&digest).map_or(age, |index| age.or_older(index.age));
            facts.insert_scan(key, result, age);
        }
        facts
    }

    /// Reads indexes, and those that they name, level by level.
    async fn children(
        &self,
        call: &Call<'_>,
        indexes: BTreeSet<ImageKey>,
        platforms: &Platforms,
    ) -> BTreeMap<ImageKey, Known<Vec<Child>>> {
        let mut known: BTreeMap<ImageKey, Known<Vec<Child>>> = BTreeMap::new();
        let mut next = indexes;
        for _ in 0..MOST_LEVELS {
            let read = self.indexes.gather(&Indexes(call), next.into_iter().collect()).await;
            let nested = read.iter().flat_map(|(index, children)| {
                let children = children.value.as_ref().map_or(&[][..], Vec::as_slice);
                judged(children, platforms).filter(|child| child.is_index).map(|child| at(index, &child.digest))
            });
            next = nested.filter(|index| !known.contains_key(index)).take(MOST_IMAGES).collect();
            known.extend(read);
        }
        known
    }
}

/// What stands behind a digest.
enum Target {
    Single,
    Index(Result<Leaves, Unavailable>),
}

/// What scans are asked for, and whose they are.
#[derive(Default)]
struct Targets {
    /// Digests of single images: as many as images may be asked about at all.
    singles: BTreeSet<ImageKey>,
    images: BTreeMap<ImageKey, Target>,
}

impl Targets {
    fn add(&mut self, digest: &ImageKey, target: Target) {
        let wanted: Vec<ImageKey> = match &target {
            Target::Single => vec![digest.clone()],
            Target::Index(leaves) => leaves.iter().flatten().map(|(_, leaf)| at(digest, leaf)).collect(),
        };
        let new = wanted.iter().filter(|one| !self.singles.contains(one)).count();
        if self.singles.len() + new > MOST_IMAGES {
            let why =
                Unavailable::new("too-many-images", format!("the Pod's indexes name more than {MOST_IMAGES} images"));
            self.images.insert(digest.clone(), Target::Index(Err(why)));
        } else {
            self.singles.extend(wanted);
            self.images.insert(digest.clone(), target);
        }
    }

    fn result(&self, digest: &ImageKey, scans: &BTreeMap<ImageKey, Known<Option<ScanReport>>>) -> (ScanResult, Age) {
        let scan = |digest: &ImageKey| {
            let Known { value, age } = scans.get(digest).cloned().unwrap_or_else(unanswered);
            (scan_result(value), age)
        };
        let leaves = match self.images.get(digest) {
            None | Some(Target::Single) => return scan(digest),
            Some(Target::Index(Err(why))) => return (ScanResult::Unavailable(why.clone()), Age::NOW),
            Some(Target::Index(Ok(leaves))) => leaves,
        };
        let mut oldest = Age::NOW;
        let mut platforms = Vec::with_capacity(leaves.len());
        for (platform, leaf) in leaves {
            let (result, age) = scan(&at(digest, leaf));
            oldest = oldest.or_older(age);
            platforms.push(PlatformScan { platform: platform.clone(), digest: leaf.clone(), result });
        }
        (ScanResult::Index(platforms), oldest)
    }
}

/// The image whose scan is worth asking for. ECR does not scan what is archived.
fn scannable(image: &ImageFacts) -> Option<&Image> {
    match image {
        ImageFacts::Found(image) if image.status == ImageStatus::Active => Some(image),
        _ => None,
    }
}

fn image_facts(answer: Result<Option<Image>, Unavailable>) -> ImageFacts {
    match answer {
        Ok(Some(image)) => ImageFacts::Found(image),
        Ok(None) => ImageFacts::NotFound,
        Err(why) => ImageFacts::Unavailable(why),
    }
}

fn scan_result(answer: Result<Option<ScanReport>, Unavailable>) -> ScanResult {
    match answer {
        Ok(Some(report)) => ScanResult::Scanned(report),
        Ok(None) => ScanResult::NotScanned,
        Err(why) => ScanResult::Unavailable(why),
    }
}

/// Puts the sides of one repository together. Of another account there is one side only.
fn combine(
    described: Known<Described>,
    rules: Option<&Known<RegistryScanning>>,
    setting: Option<Known<Option<Setting>>>,
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
fn effective(rules: &Known<RegistryScanning>, setting: &Known<Option<Setting>>) -> EffectiveScan {
    match (&rules.value, &setting.value) {
        (Ok(registry), Ok(Some(Setting { scan_on_push, frequency }))) => EffectiveScan::Known {
            scan_on_push: *scan_on_push,
            frequency: frequency.clone(),
            registry: registry.clone(),
        },
        (Err(why), _) | (_, Err(why)) => EffectiveScan::Unavailable(why.clone()),
        (Ok(_), Ok(None)) => EffectiveScan::Unavailable(absent()),
    }
}

/// Every key has an answer; should one be missing after all, it was not found out.
fn unanswered<V>() -> Known<V> {
    Known { value: Err(Unavailable::new("facts-missing", "ECR was not asked about it")), age: Age::NOW }
}
