//! Rule `registry`: an image comes from an accepted private ECR registry.
//!
//! Each way of not doing so has a reason code of its own. This file must not look at facts about repositories.

use crate::image::ImageReference;
use crate::registry::{Registry, RegistryHost};
use crate::rules::{Needs, Origin, Rule, Subject};
use crate::text::{shell, shown};
use crate::verdict::Finding;

/// The rule `registry`.
pub(super) struct FromAcceptedRegistry;

impl Rule for FromAcceptedRegistry {
    fn id(&self) -> &'static str {
        "registry"
    }

    fn summary(&self) -> &'static str {
        "The image comes from a private ECR registry (account and region) that the owner accepts."
    }

    fn how_to_fix(&self) -> &'static str {
        "Push the image to an accepted registry, or pull it through one, and name it by that registry's host."
    }

    fn needs(&self) -> Needs {
        Needs::Reference
    }

    fn check(&self, subject: &Subject<'_>) -> Vec<Finding> {
        match &subject.origin {
            Origin::Accepted { .. } | Origin::Trusted { .. } => Vec::new(),
            Origin::Unparseable(error) => {
                let message = format!("{error}; what cannot be read is not admitted.");
                let fix = subject.accepted.first().map(|registry| {
                    format!("write the image as host/repository:tag, for instance {}/team/app:1.0", registry.host())
                });
                vec![subject.finding(self, "unparseable", message, fix)]
            }
            Origin::NotAccepted { reference, host } => {
                let (code, what) = describe(reference, host, subject.accepted);
                let message = format!("{what}; {}.", accepted_words(subject.accepted));
                vec![subject.finding(self, code, message, move_image(reference, subject.accepted))]
            }
        }
    }
}

/// The reason code, and what the image is: the first half of a sentence.
fn describe(reference: &ImageReference, host: &RegistryHost, accepted: &[Registry]) -> (&'static str, String) {
    let domain = shown(reference.domain(), 120);
    match host {
        RegistryHost::DockerHub => {
            let repository = shown(reference.repository(), 80);
            ("docker-hub", format!("it comes from Docker Hub ({domain}/{repository})"))
        }
        RegistryHost::PublicEcr => (
            "ecr-public",
            format!("it comes from ECR Public ({domain}), which knows neither immutable tags nor scanning"),
        ),
        RegistryHost::VpcEndpoint => (
            "vpc-endpoint",
            format!(
                "{domain} is the name of a VPC endpoint, which does not say whose registry it reaches; use the registry's own host, which resolves to the endpoint where private DNS is on"
            ),
        ),
        RegistryHost::EcrLookalike { why } => {
            ("ecr-lookalike", format!("{domain} looks like ECR but is not: it {why}"))
        }
        RegistryHost::Other => ("other-registry", format!("it comes from {domain}, which is not an ECR registry")),
        RegistryHost::PrivateEcr(registry) if accepted.iter().any(|one| one.account == registry.account) => (
            "region-not-accepted",
            format!("it comes from the registry of {registry}, and that region is not accepted for this account"),
        ),
        RegistryHost::PrivateEcr(registry) => (
            "account-not-accepted",
            format!("it comes from the registry of {registry}, and that account is not accepted"),
        ),
    }
}

/// How many accepted registries are named before the rest is counted.
const NAMED: usize = 4;

fn accepted_words(accepted: &[Registry]) -> String {
    if accepted.is_empty() {
        return "no registry is accepted: the owner must configure one".to_owned();
    }
    let named: Vec<String> = accepted.iter().take(NAMED).map(Registry::to_string).collect();
    let rest = accepted.len().saturating_sub(NAMED);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("accepted: {}{more}", named.join(", "))
}

/// The longest reference for which commands are spelt out.
const LONGEST_SPELT: usize = 200;

/// Commands that bring the image to the first accepted registry.
fn move_image(reference: &ImageReference, accepted: &[Registry]) -> Option<String> {
    let host = accepted.first()?.host();
    let source = reference.to_string();
    if source.len() > LONGEST_SPELT {
        return Some(format!("push the image to a repository of {host} and name it by that"));
    }
    let target = shell(&format!("{host}/{}:{}", target_repository(reference), target_tag(reference)));
    let source = shell(&source);
    Some(format!("docker pull {source} && docker tag {source} {target} && docker push {target}"))
}

fn target_repository(reference: &ImageReference) -> &str {
    // ECR's names have two characters at least, so a short one keeps its "library/".
    match reference.repository().strip_prefix("library/") {
        Some(name) if name.len() > 1 => name,
        _ => reference.repository(),
    }
}

fn target_tag(reference: &ImageReference) -> String {
    match (reference.effective_tag(), reference.digest()) {
        (Some(tag), _) => tag.to_owned(),
        (None, digest) => digest.unwrap_or_default().chars().take(19).collect::<String>().replace(':', "-"),
    }
}
