//! What the API server's audit log is told about a decision: codes, where the user is told sentences.
//!
//! The API server prefixes each key with the webhook's name and a slash, so a key has at most 63 characters and no
//! slash. Values are free; ours are bounded, for users choose how many images a Pod has.

use std::collections::{BTreeMap, BTreeSet};

use compliance::image::ImageReference;
use compliance::verdict::Finding;

use crate::decision::Decision;

/// Longest value.
const LONGEST: usize = 1024;

/// The annotations of a decision. Those with nothing to say are left out.
#[must_use]
pub fn of(decision: &Decision) -> BTreeMap<&'static str, String> {
    let exemptions = decision.exempted.iter().map(|one| format!("{}={}", one.exemption, one.finding.rule));
    let all = [
        ("policy-version", decision.policy_version.clone()),
        ("findings", codes(&decision.findings)),
        ("warnings", codes(&decision.warned)),
        ("audits", codes(&decision.audited)),
        ("exemptions", joined(exemptions.collect())),
        ("digests", joined(digests(decision))),
        ("skipped", decision.skipped.unwrap_or_default().to_owned()),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn codes(findings: &[Finding]) -> String {
    joined(findings.iter().map(|finding| format!("{}/{}", finding.rule, finding.code)).collect())
}

/// What the images are pinned to, and what ECR said that their tags mean.
fn digests(decision: &Decision) -> BTreeSet<String> {
    let references = decision.images.iter().filter_map(|(_, image)| ImageReference::parse(image).ok());
    let pinned = references.filter_map(|reference| reference.digest().map(str::to_owned));
    pinned.chain(decision.digests.iter().cloned()).collect()
}

/// As many as fit, whole, and how many there are besides.
fn joined(items: BTreeSet<String>) -> String {
    let mut text = String::new();
    let mut left_out = 0;
    for item in items {
        if left_out > 0 || text.len() + item.len() + 1 > LONGEST {
            left_out += 1;
            continue;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&item);
    }
    if left_out > 0 { format!("{text} and {left_out} more") } else { text }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, of};
    use crate::decision::Decision;

    #[test]
    fn many_digests_are_bounded_and_counted() {
        let image = |n: usize| (format!("p[{n}]"), format!("a@sha256:{n:064x}"));
        let decision = Decision { images: (0..500).map(image).collect(), ..Decision::default() };
        let annotations = of(&decision);
        let digests = &annotations["digests"];
        assert!(digests.starts_with("sha256:0000") && digests.len() < LONGEST + 20, "{digests}");
        let shown = digests.matches("sha256:").count();
        assert!(digests.ends_with(&format!(" and {} more", 500 - shown)), "{digests}");
    }

    #[test]
    fn nothing_to_say_is_not_said_and_every_key_can_be_one() {
        assert!(of(&Decision::default()).is_empty());
        let decision = Decision {
            policy_version: "v".to_owned(),
            skipped: Some("no new image"),
            images: vec![("p".to_owned(), "a".to_owned()), ("p".to_owned(), "@".to_owned())],
            ..Decision::default()
        };
        let annotations = of(&decision);
        assert_eq!(annotations.keys().copied().collect::<Vec<_>>(), ["policy-version", "skipped"]);
        assert!(annotations.keys().all(|key| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    }
}
