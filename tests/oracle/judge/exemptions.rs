//! Exemptions: which of them covers a finding, read from the JSON that the owner writes.

use super::Kind;
use super::host::{self, Host};
use super::reference::{self, Reference};
use crate::calendar;
use crate::case::Case;

/// Id and days left of the exemption that covers the finding and lasts longest.
pub(super) fn longest(case: &Case, rule: &str, kind: &Kind) -> Option<(String, i64)> {
    let today = i64::try_from(case.now / 86_400).unwrap();
    let mut best: Option<(String, i64)> = None;
    for one in case.policy["exemptions"].as_array()? {
        let left = calendar::number(one["expires"].as_str()?) - today;
        let is_about = one["rules"].as_array()?.contains(&rule.into())
            && (one["namespace"].is_null() || one["namespace"] == case.namespace)
            && covers(one["image"].as_str()?, kind);
        if left >= 0 && is_about && best.as_ref().is_none_or(|(_, most)| left > *most) {
            best = Some((one["id"].as_str()?.to_owned(), left));
        }
    }
    best
}

fn covers(pattern: &str, kind: &Kind) -> bool {
    let (image, is_accepted) = match kind {
        Kind::Unreadable => return false,
        Kind::Accepted(image, ..) => (image, true),
        Kind::Trusted(image) | Kind::Elsewhere(image, _) => (image, false),
    };
    if pattern.starts_with("sha256:") {
        return image.digest.as_deref() == Some(pattern);
    }
    let first = pattern.split('/').next().unwrap_or_default();
    if first.contains(['.', ':']) {
        let path = &pattern[first.len() + 1..];
        // Normalised as an image of that host would be; a star stands for all names.
        let Some(example) = reference::read(&format!("{first}/{}", path.replace('*', "x"))) else { return false };
        let below = path.strip_suffix('*');
        return same_host(&example, image) && path_matches(below, &example.path, &image.path);
    }
    is_accepted && path_matches(pattern.strip_suffix('*'), pattern, &image.path)
}

/// With a star at the end: whatever begins so. Otherwise: exactly this.
fn path_matches(below: Option<&str>, exact: &str, path: &str) -> bool {
    match below {
        Some(start) => path.starts_with(start) && path.len() > start.len(),
        None => path == exact,
    }
}

fn same_host(one: &Reference, other: &Reference) -> bool {
    match (host::of(&one.domain), host::of(&other.domain)) {
        (Host::Ecr { account, region }, other) => other == Host::Ecr { account, region },
        (Host::Hub, other) => other == Host::Hub,
        _ => one.domain.eq_ignore_ascii_case(&other.domain),
    }
}

#[test]
fn a_star_covers_what_is_below_and_not_what_only_begins_alike() {
    assert!(path_matches(Some("hub/"), "", "hub/x") && !path_matches(Some("hub/"), "", "hubris/x"));
    assert!(!path_matches(Some("hub/"), "", "hub") && path_matches(None, "hub", "hub"));
}
