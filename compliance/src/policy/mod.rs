//! What the owner configured, and the decision: one pure function from policy, request, facts and time to a verdict.
//!
//! findings → exemptions → what to do on errors → modes → verdict. No I/O and no clock here, and no words of a rule:
//! those are in [`crate::rules`].

mod check;
mod day;
mod exemption;
mod file;
mod mode;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use crate::facts::{Facts, ImageKey, RepositoryFacts, RepositoryKey, ScanDetail, Unavailable, WantedImages};
use crate::image::ImageReference;
use crate::policy::steps::Found;
use crate::registry::{Partition, Registry, RegistryHost, classify};
use crate::rules::{AboutImage, Needs, Origin, RULES, Rule, ScanFindingsOptions, Subject};
use crate::verdict::Verdict;
use crate::workload::ImageField;

pub use check::{Home, MOST_EXEMPTION_DAYS, PolicyErrors, UNKNOWN_ACCOUNT, is_namespace};
pub use day::Day;
pub use exemption::{Exemption, Host, Path, Pattern};
pub use file::{ExemptionFile, PlatformsFile, PolicyFile, RegistryFile, RuleFile, Table, TrustedFile};
pub use mode::{Mode, OnError, RulePolicy};

/// What the owner configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The private ECR registries images may come from. Empty: none, so everything is refused.
    pub accepted: Vec<Registry>,
    /// Namespaces that are not judged: exact names.
    pub ignored_namespaces: Vec<String>,
    /// Registries whose images pass unseen.
    pub trusted: Vec<Trusted>,
    /// The role to assume to ask an accepted registry.
    pub roles: BTreeMap<Registry, RoleToAssume>,
    /// Repository prefixes, without the slash, under which an accepted registry caches other registries.
    pub pull_through_cache: BTreeMap<Registry, Vec<String>>,
    /// By rule id. A rule that is not in it has its defaults.
    pub rules: BTreeMap<&'static str, RulePolicy>,
    /// By namespace, then by rule id.
    pub namespaces: BTreeMap<String, BTreeMap<&'static str, Mode>>,
    /// Options of single rules.
    pub options: Options,
    /// Agreed exceptions.
    pub exemptions: Vec<Exemption>,
}

/// Options of single rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `tag-immutability`: an image with a digest passes, however mutable its repository is.
    pub digest_satisfies: bool,
    /// `scan-findings`: what a scan may have found.
    pub scan_findings: ScanFindingsOptions,
}

/// A role of a registry's account by which that registry is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleToAssume {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy asks for besides.
    pub external_id: Option<String>,
}

/// A registry that is trusted without looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// The partition the account belongs to.
    pub partition: Partition,
    /// The account id.
    pub account: String,
    /// The region; `None`: all of them.
    pub region: Option<String>,
}

/// What is to be decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// The namespace of the Pod.
    pub namespace: &'a str,
    /// The images to judge: all of a new Pod, those an update brings in.
    pub images: Vec<ImageField<'a>>,
}

/// Why a request was not judged, as it stands in [`Verdict::skipped`].
pub const IGNORED_NAMESPACE: &str = "ignored namespace";

/// The repositories and images a verdict needs facts about.
///
/// Only those of accepted registries: what is written in a Pod never decides whom we call. And only those about which
/// some rule that is on wants to know something.
#[must_use]
pub fn wanted(policy: &Policy, request: &Request<'_>) -> (BTreeSet<RepositoryKey>, WantedImages) {
    let mut repositories = BTreeSet::new();
    let mut images = WantedImages::default();
    if policy.ignores(request.namespace) {
        return (repositories, images);
    }
    let ScanFindingsOptions { fix_available_only, platforms, .. } = &policy.options.scan_findings;
    images.detail = ScanDetail { fixes: *fix_available_only, platforms: platforms.clone() };
    for field in &request.images {
        let Some((reference, key)) = accepted_repository(policy, field.image) else { continue };
        match policy.needs(request.namespace, &key) {
            Needs::Reference => continue,
            Needs::Repository => {}
            Needs::Image => images.existing.extend([ImageKey::of(&reference, key.clone())]),
            Needs::Scan => images.scanned.extend([ImageKey::of(&reference, key.clone())]),
        }
        repositories.insert(key);
    }
    (repositories, images)
}

/// Judges every image by every rule and says what all findings lead to at that moment.
#[must_use]
pub fn evaluate(policy: &Policy, request: &Request<'_>, facts: &Facts, now: SystemTime) -> Verdict {
    if policy.ignores(request.namespace) {
        return Verdict { skipped: Some(IGNORED_NAMESPACE), ..Verdict::default() };
    }
    // Facts that nobody gathered are facts that could not be had: fail closed, and say what it is.
    let missing =
        RepositoryFacts::Unavailable(Unavailable::new("facts-missing", "ECR was not asked about this repository"));

    let subjects: Vec<Subject<'_>> = request
        .images
        .iter()
        .map(|field| {
            let origin = origin(policy, field.image, facts, &missing);
            Subject {
                path: &field.path,
                image: field.image,
                accepted: &policy.accepted,
                options: &policy.options,
                about_image: about_image(policy, &origin, facts, now),
                origin,
            }
        })
        .collect();
    let found = subjects.iter().flat_map(|subject| check(policy, request.namespace, subject)).collect();
    let (found, exempted) = steps::exempt(found, &policy.exemptions, request.namespace, Day::of(now));
    steps::by_mode(steps::on_error(found), exempted)
}

/// Asks every rule that is on about one image.
fn check<'a>(policy: &Policy, namespace: &str, subject: &'a Subject<'a>) -> Vec<Found<'a>> {
    let cached = matches!(&subject.origin, Origin::Accepted { key, .. } if policy.is_cached(key));
    let mut found = Vec::new();
    for rule in RULES {
        let mode = policy.mode(*rule, namespace, cached);
        if mode == Mode::Off {
            continue;
        }
        let on_error = policy.rule(*rule).on_error;
        found.extend(rule.check(subject).into_iter().map(|finding| Found { finding, subject, mode, on_error }));
    }
    found
}

impl Policy {
    /// What the owner chose for a rule.
    #[must_use]
    pub fn rule(&self, rule: &dyn Rule) -> RulePolicy {
        self.rules.get(rule.id()).copied().unwrap_or_else(|| RulePolicy::default_of(rule))
    }

    /// The mode of a rule for one image.
    fn mode(&self, rule: &dyn Rule, namespace: &str, cached: bool) -> Mode {
        let of_namespace = self.namespaces.get(namespace).and_then(|modes| modes.get(rule.id())).copied();
        self.rule(rule).mode_for(of_namespace, cached)
    }

    /// The most that any rule that is on looks at for images of that repository.
    fn needs(&self, namespace: &str, key: &RepositoryKey) -> Needs {
        let cached = self.is_cached(key);
        let on = RULES.iter().filter(|rule| self.mode(**rule, namespace, cached) != Mode::Off);
        on.map(|rule| rule.needs()).max().unwrap_or(Needs::Reference)
    }

    fn ignores(&self, namespace: &str) -> bool {
        self.ignored_namespaces.iter().any(|ignored| ignored == namespace)
    }

    fn accepts(&self, registry: &Registry) -> bool {
        self.accepted.contains(registry)
    }

    fn trusts(&self, registry: &Registry) -> bool {
        self.trusted.iter().any(|trusted| {
            trusted.partition == registry.partition
                && trusted.account == registry.account
                && trusted.region.as_ref().is_none_or(|region| *region == registry.region)
        })
    }

    /// Whether a repository belongs to a pull-through cache.
    fn is_cached(&self, key: &RepositoryKey) -> bool {
        let prefixes = self.pull_through_cache.get(&key.registry);
        prefixes.is_some_and(|prefixes| prefixes.iter().any(|prefix| exemption::is_below(&key.name, prefix)))
    }
}

fn accepted_repository(policy: &Policy, image: &str) -> Option<(ImageReference, RepositoryKey)> {
    let reference = ImageReference::parse(image).ok()?;
    match classify(reference.domain()) {
        RegistryHost::PrivateEcr(registry) if policy.accepts(&registry) => {
            let key = RepositoryKey { registry, name: reference.repository().to_owned() };
            Some((reference, key))
        }
        _ => None,
    }
}

/// What was learnt about the image itself. Nothing: the rules that need it say that it could not be had.
fn about_image<'a>(
    policy: &'a Policy,
    origin: &Origin<'_>,
    facts: &'a Facts,
    now: SystemTime,
) -> Option<AboutImage<'a>> {
    let Origin::Accepted { reference, key, .. } = origin else { return None };
    let key = ImageKey::of(reference, key.clone());
    let (image, scan) = (facts.image(&key)?, facts.scan(&key));
    Some(AboutImage { image, scan, options: &policy.options.scan_findings, now })
}

fn origin<'a>(policy: &Policy, image: &str, facts: &'a Facts, missing: &'a RepositoryFacts) -> Origin<'a> {
    let reference = match ImageReference::parse(image) {
        Ok(reference) => reference,
        Err(error) => return Origin::Unparseable(error),
    };
    match classify(reference.domain()) {
        // A registry that is both is checked: to accept it was a wish to look.
        RegistryHost::PrivateEcr(registry) if policy.accepts(&registry) => {
            let key = RepositoryKey { registry, name: reference.repository().to_owned() };
            let facts = facts.get(&key).unwrap_or(missing);
            Origin::Accepted { reference, key, facts }
        }
        RegistryHost::PrivateEcr(registry) if policy.trusts(&registry) => Origin::Trusted { reference },
        host => Origin::NotAccepted { reference, host },
    }
}

#[cfg(test)]
mod outcome_tests;
#[cfg(test)]
mod tests;
