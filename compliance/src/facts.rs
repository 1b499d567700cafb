//! What was learnt about repositories: plain data between the edge that asks ECR and the rules that judge.
//!
//! A fact says whether it is known; "could not be had" is a value of its own and never reads as "not compliant".
//! This file must not ask anybody and must not judge.

use std::collections::BTreeMap;
use std::fmt;

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
pub struct Facts(BTreeMap<RepositoryKey, RepositoryFacts>);

impl Facts {
    /// What is known of this repository; `None` when nobody asked.
    #[must_use]
    pub fn get(&self, key: &RepositoryKey) -> Option<&RepositoryFacts> {
        self.0.get(key)
    }

    /// Adds or replaces what is known of a repository.
    pub fn insert(&mut self, key: RepositoryKey, facts: RepositoryFacts) {
        self.0.insert(key, facts);
    }

    /// All of it, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&RepositoryKey, &RepositoryFacts)> {
        self.0.iter()
    }
}

impl FromIterator<(RepositoryKey, RepositoryFacts)> for Facts {
    fn from_iter<I: IntoIterator<Item = (RepositoryKey, RepositoryFacts)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}
