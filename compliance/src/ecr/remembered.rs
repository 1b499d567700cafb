//! What is remembered from one gathering to the next, and how its sides are put together into facts.

use std::collections::{BTreeMap, BTreeSet};

use crate::ecr::cache::CacheSettings;
use crate::ecr::call::Call;
use crate::ecr::describe::{Described, Repositories};
use crate::ecr::findings::Findings;
use crate::ecr::images::Images;
use crate::ecr::scanning::{RegistryRules, RepositorySettings, Setting, absent};
use crate::ecr::shelf::{Known, Shelf};
use crate::ecr::trouble::Trouble;
use crate::facts::{
    Age, EffectiveScan, Facts, Image, ImageFacts, ImageId, ImageKey, ImageStatus, RegistryScanning, Repository,
    RepositoryFacts, RepositoryKey, ScanFacts, ScanReport, ScanResult, Unavailable,
};
use crate::registry::Registry;

/// One shelf for each question to ECR.
#[derive(Debug)]
pub(super) struct Memory {
    repositories: Shelf<RepositoryKey, Described>,
    settings: Shelf<RepositoryKey, Option<Setting>>,
    rules: Shelf<Registry, RegistryScanning>,
    images: Shelf<ImageKey, Option<Image>>,
    scans: Shelf<ImageKey, Option<ScanReport>>,
    pub(super) trouble: Trouble,
}

impl Memory {
    pub(super) fn new(settings: CacheSettings) -> Self {
        Self {
            repositories: Shelf::new(settings),
            settings: Shelf::new(settings),
            rules: Shelf::new(settings),
            images: Shelf::new(settings),
            scans: Shelf::new(settings),
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
    pub(super) async fn images(&self, call: &Call<'_>, keys: Vec<ImageKey>, scanned: &BTreeSet<ImageKey>) -> Facts {
        let mut described = self.images.gather(&Images(call), keys.clone()).await;
        let mut facts = Facts::default();
        let mut by_digest = BTreeMap::new();
        for key in keys {
            let Known { value, age } = described.remove(&key).unwrap_or_else(unanswered);
            let image = image_facts(value);
            if let Some(digest) = scan_of(&image).filter(|_| scanned.contains(&key)) {
                let digest = ImageKey { repository: key.repository.clone(), id: ImageId::Digest(digest.to_owned()) };
                by_digest.insert(key.clone(), digest);
            }
            facts.insert_image(key, image, age);
        }
        let digests: BTreeSet<ImageKey> = by_digest.values().cloned().collect();
        let scans = self.scans.gather(&Findings(call), digests.into_iter().collect()).await;
        for (key, digest) in by_digest {
            let Known { value, age } = scans.get(&digest).cloned().unwrap_or_else(unanswered);
            facts.insert_scan(key, scan_result(value), age);
        }
        facts
    }
}

/// The digest whose scan is worth asking for. ECR scans neither an index nor what is archived.
fn scan_of(image: &ImageFacts) -> Option<&str> {
    match image {
        ImageFacts::Found(image) if image.status == ImageStatus::Active && !image.is_index() => Some(&image.digest),
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
