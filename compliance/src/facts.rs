//! What was learnt about repositories and images: plain data between the edge that asks ECR and the rules that judge.
//!
//! A fact says whether it is known and how old it is; "could not be had" is a value of its own and never reads as "not
//! compliant". This file must not ask anybody and must not judge.

mod age;
mod image;
mod platform;

use std::collections::BTreeMap;
use std::fmt;

pub use self::age::Age;
pub(crate) use self::image::{INDEX_MEDIA_TYPES, is_index_type};
pub use self::image::{
    Image, ImageFacts, ImageId, ImageKey, ImageStatus, PlatformScan, ScanDetail, ScanReport, ScanResult, ScanStatus,
    Severity, WantedImages,
};
pub use self::platform::{Platform, Platforms};
use crate::registry::Registry;

/// One repository of one registry: what facts are kept under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryKey {
    /// Where it stands: partition, account and region.
    pub registry: Registry,
    /// The repository's name, such as `team/app`.
    pub name: String,
}

impl fmt::Display for RepositoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.registry)
    }
}

/// What is known about a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryFacts {
    /// It exists, with these settings.
    Found(Repository),
    /// The registry answered that it has no such repository.
    NotFound,
    /// It could not be found out.
    Unavailable(Unavailable),
}

/// The settings of a repository that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Which tags may be moved to another image.
    pub mutability: TagMutability,
    /// Whether images are scanned when they are pushed.
    pub scan: ScanFacts,
}

/// ECR's `imageTagMutability` with its exclusion filters.
///
/// <https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagMutability {
    /// No tag can be moved.
    Immutable,
    /// Every tag can be moved.
    Mutable,
    /// No tag can be moved, except those that one of these filters matches.
    ImmutableExcept(Vec<String>),
    /// Every tag can be moved, except those that one of these filters matches.
    MutableExcept(Vec<String>),
    /// A value this version does not know. Judged as if nothing were known.
    Unrecognised(String),
}

/// Everything known about scanning, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanFacts {
    /// `imageScanningConfiguration.scanOnPush` of `DescribeRepositories`: what the repository itself asks for.
    pub repository_flag: bool,
    /// What its registry makes of it.
    pub effective: EffectiveScan,
}

/// The registry's view of a repository's scanning, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectiveScan {
    /// Read from the registry itself, which ECR allows in one's own account only.
    Known {
        /// `scanOnPush` of `BatchGetRepositoryScanningConfiguration`.
        scan_on_push: bool,
        /// `scanFrequency` of the same answer. ECR reports `MANUAL` where no rule applies; absent counts as that.
        frequency: ScanFrequency,
        /// The registry's scan type and rules.
        registry: RegistryScanning,
    },
    /// The repository is in another account: ECR lets nobody read that registry's rules, so the repository's own flag
    /// is all there is.
    OtherAccount,
    /// It could not be found out, although the repository itself was read.
    Unavailable(Unavailable),
}

/// The scanning configuration of a registry: one per account and region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryScanning {
    /// Basic scanning by ECR or enhanced scanning by Inspector.
    pub scan_type: ScanType,
    /// The rules, in ECR's order (at most one per frequency).
    pub rules: Vec<ScanningRule>,
}

/// `scanType` of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanType {
    /// `BASIC`: the repository's own flag counts as well as the registry's rules.
    Basic,
    /// `ENHANCED`: only the registry's rules count.
    Enhanced,
    /// A value this version does not know.
    Unrecognised(String),
}

/// `scanFrequency` of a rule or a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanFrequency {
    /// `SCAN_ON_PUSH`
    ScanOnPush,
    /// `CONTINUOUS_SCAN`: at push, and again when new vulnerabilities become known.
    Continuous,
    /// `MANUAL`: never by itself.
    Manual,
    /// A value this version does not know.
    Unrecognised(String),
}

impl ScanFrequency {
    /// ECR's own word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::ScanOnPush => "SCAN_ON_PUSH",
            Self::Continuous => "CONTINUOUS_SCAN",
            Self::Manual => "MANUAL",
            Self::Unrecognised(word) => word,
        }
    }
}

/// One rule of a registry: how often the repositories that its filters match are scanned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanningRule {
    /// How often.
    pub frequency: ScanFrequency,
    /// `WILDCARD` filters over repository names.
    pub filters: Vec<String>,
}

/// Why a fact could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// Stable and short, such as `throttled`: for metrics, tests and searches.
    pub code: &'static str,
    /// One sentence without a full stop, for a person: what happened and what to do. Never AWS's own message, which
    /// may carry names of roles and accounts that the author of a Pod need not know.
    pub sentence: String,
    /// AWS's error code, such as `ThrottlingException`.
    pub aws_code: Option<String>,
    /// AWS's request id, to ask AWS about it.
    pub request_id: Option<String>,
}

impl Unavailable {
    /// Whether ECR, or the way to it, failed to say anything, as opposed to saying no: only then may an older answer stand in.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(
            self.code,
            "throttled"
                | "timeout"
                | "unreachable"
                | "ecr-error"
                | "unreadable-answer"
                | "role-throttled"
                | "role-timeout"
                | "role-unreachable"
        )
    }

    /// A reason that did not come from AWS.
    #[must_use]
    pub fn new(code: &'static str, sentence: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), aws_code: None, request_id: None }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        match (&self.aws_code, &self.request_id) {
            (Some(code), Some(id)) => write!(f, " ({code}, request {id})"),
            (Some(code), None) => write!(f, " ({code})"),
            (None, Some(id)) => write!(f, " (request {id})"),
            (None, None) => Ok(()),
        }
    }
}

/// Everything that was learnt for one decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    repositories: BTreeMap<RepositoryKey, (RepositoryFacts, Age)>,
    images: BTreeMap<ImageKey, (ImageFacts, Age)>,
    scans: BTreeMap<ImageKey, (ScanResult, Age)>,
}

impl Facts {
    /// What is known of this repository; `None` when nobody asked.
    #[must_use]
    pub fn get(&self, key: &RepositoryKey) -> Option<&RepositoryFacts> {
        self.repositories.get(key).map(|(facts, _)| facts)
    }

    /// How old what is known of this repository is: its oldest part counts.
    #[must_use]
    pub fn age(&self, key: &RepositoryKey) -> Option<Age> {
        self.repositories.get(key).map(|(_, age)| *age)
    }

    /// What is known of this image; `None` when nobody asked.
    #[must_use]
    pub fn image(&self, key: &ImageKey) -> Option<&ImageFacts> {
        self.images.get(key).map(|(facts, _)| facts)
    }

    /// What is known of the vulnerabilities in this image; `None` when nobody asked, which is also so for an image
    /// that does not exist or is archived.
    #[must_use]
    pub fn scan(&self, key: &ImageKey) -> Option<&ScanResult> {
        self.scans.get(key).map(|(result, _)| result)
    }

    /// How old what is known of this image is, its scan's result included.
    #[must_use]
    pub fn image_age(&self, key: &ImageKey) -> Option<Age> {
        let image = self.images.get(key).map(|(_, age)| *age);
        let scan = self.scans.get(key).map(|(_, age)| *age);
        image.into_iter().chain(scan).reduce(Age::or_older)
    }

    /// Adds or replaces what is known of a repository as of now.
    pub fn insert(&mut self, key: RepositoryKey, facts: RepositoryFacts) {
        self.insert_aged(key, facts, Age::NOW);
    }

    /// The same for something that was learnt earlier.
    pub fn insert_aged(&mut self, key: RepositoryKey, facts: RepositoryFacts, age: Age) {
        self.repositories.insert(key, (facts, age));
    }

    /// Adds or replaces what is known of an image.
    pub fn insert_image(&mut self, key: ImageKey, facts: ImageFacts, age: Age) {
        self.images.insert(key, (facts, age));
    }

    /// Adds or replaces what is known of the vulnerabilities in an image.
    pub fn insert_scan(&mut self, key: ImageKey, result: ScanResult, age: Age) {
        self.scans.insert(key, (result, age));
    }

    /// What is known of repositories, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&RepositoryKey, &RepositoryFacts)> {
        self.repositories.iter().map(|(key, (facts, _))| (key, facts))
    }

    /// What is known of images, in the order of the keys.
    pub fn images(&self) -> impl Iterator<Item = (&ImageKey, &ImageFacts)> {
        self.images.iter().map(|(key, (facts, _))| (key, facts))
    }

    /// What is known of vulnerabilities, in the order of the keys.
    pub fn scans(&self) -> impl Iterator<Item = (&ImageKey, &ScanResult)> {
        self.scans.iter().map(|(key, (result, _))| (key, result))
    }

    /// The age of the oldest fact of all; `None` when there are none.
    #[must_use]
    pub fn oldest(&self) -> Option<Age> {
        let repositories = self.repositories.values().map(|(_, age)| *age);
        let images = self.images.values().map(|(_, age)| *age);
        repositories.chain(images).chain(self.scans.values().map(|(_, age)| *age)).reduce(Age::or_older)
    }

    /// Takes over what another gathering learnt.
    pub fn merge(&mut self, other: Self) {
        self.repositories.extend(other.repositories);
        self.images.extend(other.images);
        self.scans.extend(other.scans);
    }
}

impl FromIterator<(RepositoryKey, RepositoryFacts)> for Facts {
    fn from_iter<I: IntoIterator<Item = (RepositoryKey, RepositoryFacts)>>(pairs: I) -> Self {
        let mut facts = Self::default();
        for (key, known) in pairs {
            facts.insert(key, known);
        }
        facts
    }
}
