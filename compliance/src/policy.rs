//! What the owner configured, and the decision: one pure function from policy, request and facts to a verdict.
//!
//! No I/O here, and no words of a rule: those are in [`crate::rules`].

use std::collections::BTreeSet;

use crate::facts::{Facts, RepositoryFacts, RepositoryKey, Unavailable};
use crate::image::ImageReference;
use crate::registry::{Registry, RegistryHost, classify};
use crate::rules::{Origin, RULES, Subject};
use crate::verdict::Verdict;
use crate::workload::ImageField;

/// What the owner configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// The private ECR registries images may come from. Empty: none, so everything is refused.
    pub accepted: Vec<Registry>,
    /// Namespaces that are not judged: exact names.
    pub ignored_namespaces: Vec<String>,
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

/// The repositories a verdict needs facts about.
///
/// Only those of accepted registries: what is written in a Pod never decides whom we call.
#[must_use]
pub fn wanted(policy: &Policy, request: &Request<'_>) -> BTreeSet<RepositoryKey> {
    if policy.ignores(request.namespace) {
        return BTreeSet::new();
    }
    request.images.iter().filter_map(|field| accepted_repository(policy, field.image)).collect()
}

/// Judges every image by every rule and returns all findings.
#[must_use]
pub fn evaluate(policy: &Policy, request: &Request<'_>, facts: &Facts) -> Verdict {
    if policy.ignores(request.namespace) {
        return Verdict { findings: Vec::new(), skipped: Some(IGNORED_NAMESPACE) };
    }
    // Facts that nobody gathered are facts that could not be had: fail closed, and say what it is.
    let missing =
        RepositoryFacts::Unavailable(Unavailable::new("facts-missing", "ECR was not asked about this repository"));
    let mut findings = Vec::new();
    for field in &request.images {
        let subject = Subject {
            path: &field.path,
            image: field.image,
            accepted: &policy.accepted,
            origin: origin(policy, field.image, facts, &missing),
        };
        findings.extend(RULES.iter().flat_map(|rule| rule.check(&subject)));
    }
    Verdict { findings, skipped: None }
}

impl Policy {
    fn ignores(&self, namespace: &str) -> bool {
        self.ignored_namespaces.iter().any(|ignored| ignored == namespace)
    }

    fn accepts(&self, registry: &Registry) -> bool {
        self.accepted.contains(registry)
    }
}

fn accepted_repository(policy: &Policy, image: &str) -> Option<RepositoryKey> {
    let reference = ImageReference::parse(image).ok()?;
    match classify(reference.domain()) {
        RegistryHost::PrivateEcr(registry) if policy.accepts(&registry) => {
            Some(RepositoryKey { registry, name: reference.repository().to_owned() })
        }
        _ => None,
    }
}

fn origin<'a>(policy: &Policy, image: &str, facts: &'a Facts, missing: &'a RepositoryFacts) -> Origin<'a> {
    let reference = match ImageReference::parse(image) {
        Ok(reference) => reference,
        Err(error) => return Origin::Unparseable(error),
    };
    match classify(reference.domain()) {
        RegistryHost::PrivateEcr(registry) if policy.accepts(&registry) => {
            let key = RepositoryKey { registry, name: reference.repository().to_owned() };
            let facts = facts.get(&key).unwrap_or(missing);
            Origin::Accepted { reference, key, facts }
        }
        host => Origin::NotAccepted { reference, host },
    }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
