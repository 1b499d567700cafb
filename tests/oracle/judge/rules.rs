//! The six rules, each as a table from what is known to a reason code. `true` beside a code: it could not be checked.

use serde_json::Value;

use super::host::Host;
use super::reference::Reference;
use super::{Kind, settings, state, wildcard};
use crate::case::Case;

type Finding = Option<(String, bool)>;

#[allow(clippy::unnecessary_wraps, reason = "a finding where one may also be none")]
fn refused(code: &str) -> Finding {
    Some((code.to_owned(), false))
}

#[allow(clippy::unnecessary_wraps, reason = "a finding where one may also be none")]
fn undecided(code: &str) -> Finding {
    Some((code.to_owned(), true))
}

fn trouble(state: &Value) -> Finding {
    undecided(state["code"].as_str().unwrap())
}

/// All that a rule finds: one thing at most, but of an index one for each of its images.
pub(super) fn check(case: &Case, rule: &str, kind: &Kind) -> Vec<(String, bool)> {
    if let (Kind::Accepted(reference, account, region), "scan-findings") = (kind, rule) {
        let place = [("account", account.as_str()), ("region", region), ("name", &reference.path)];
        let exists = state(&case.repositories, &place).is_none_or(|repository| repository["state"] != "missing");
        let image = state(&case.images, &[&place[..], &[("id", &reference.id())]].concat());
        if let Some(image) =
            image.filter(|image| exists && image["state"] == "ACTIVE" && image["scan"]["state"] == "INDEX")
        {
            let images = image["scan"]["images"].as_array().unwrap();
            let none = if images.is_empty() { refused("scan-no-platform") } else { None };
            return images.iter().filter_map(|scan| of_scan(case, scan)).chain(none).collect();
        }
    }
    single(case, rule, kind).into_iter().collect()
}

fn single(case: &Case, rule: &str, kind: &Kind) -> Finding {
    match (rule, kind) {
        ("registry", Kind::Unreadable) => refused("unparseable"),
        ("registry", Kind::Elsewhere(_, host)) => refused(elsewhere(case, host)),
        ("digest-pinned", Kind::Elsewhere(reference, _) | Kind::Accepted(reference, ..)) => {
            if reference.digest.is_none() { refused("no-digest") } else { None }
        }
        ("registry" | "digest-pinned", _) => None,
        (_, Kind::Accepted(reference, account, region)) => of_ecr(case, rule, reference, account, region),
        _ => None,
    }
}

fn elsewhere(case: &Case, host: &Host) -> &'static str {
    match host {
        Host::Hub => "docker-hub",
        Host::Public => "ecr-public",
        Host::Endpoint => "vpc-endpoint",
        Host::Lookalike => "ecr-lookalike",
        Host::Other => "other-registry",
        Host::Ecr { account, .. } if settings::accepted(case).iter().any(|one| one.0 == *account) => {
            "region-not-accepted"
        }
        Host::Ecr { .. } => "account-not-accepted",
    }
}

fn of_ecr(case: &Case, rule: &str, reference: &Reference, account: &str, region: &str) -> Finding {
    let digest_does = case.policy["rules"]["tag-immutability"]["digest_satisfies"] == true;
    if rule == "tag-immutability" && digest_does && reference.digest.is_some() {
        return None;
    }
    let place = [("account", account), ("region", region), ("name", &reference.path)];
    let repository = state(&case.repositories, &place);
    if repository.is_some_and(|repository| repository["state"] == "missing") {
        return refused("repository-not-found");
    }
    if rule == "image-exists" || rule == "scan-findings" {
        let id = reference.id();
        let image = state(&case.images, &[&place[..], &[("id", &id)]].concat());
        return of_image(case, rule, image);
    }
    let Some(repository) = repository else { return undecided("facts-missing") };
    if repository["state"] == "unavailable" {
        return trouble(repository);
    }
    if rule == "tag-immutability" { movable(repository, reference) } else { unscanned(repository) }
}

fn movable(repository: &Value, reference: &Reference) -> Finding {
    // A digest alone is about no tag; without either it is `latest`.
    let tag = match (&reference.tag, &reference.digest) {
        (Some(tag), _) => Some(tag.clone()),
        (None, None) => Some("latest".to_owned()),
        (None, Some(_)) => None,
    };
    let listed = tag.as_ref().is_some_and(|tag| {
        let tag: Vec<char> = tag.chars().collect();
        let filters = repository["filters"].as_array().unwrap();
        filters.iter().any(|filter| wildcard::matches(&filter.as_str().unwrap().chars().collect::<Vec<_>>(), &tag))
    });
    match (repository["mutability"].as_str().unwrap(), listed) {
        ("IMMUTABLE", _) | ("IMMUTABLE_WITH_EXCLUSION", false) | ("MUTABLE_WITH_EXCLUSION", true) => None,
        ("MUTABLE", _) => refused("tags-mutable"),
        ("IMMUTABLE_WITH_EXCLUSION", true) => refused("tag-excluded"),
        ("MUTABLE_WITH_EXCLUSION", false) if tag.is_none() => refused("tags-mutable"),
        ("MUTABLE_WITH_EXCLUSION", false) => refused("tag-not-protected"),
        _ => undecided("tag-mutability-unrecognised"),
    }
}

fn unscanned(repository: &Value) -> Finding {
    let registry = &repository["registry"];
    let flag = repository["flag"] == true;
    if registry["state"] == "unavailable" {
        return trouble(registry);
    }
    if registry["state"] == "other-account" {
        return if flag { None } else { refused("not-scanned-on-push") };
    }
    let frequency = registry["frequency"].as_str().unwrap();
    match registry["type"].as_str().unwrap() {
        "BASIC" if flag || registry["scanOnPush"] == true => None,
        "BASIC" | "ENHANCED" => match frequency {
            "SCAN_ON_PUSH" | "CONTINUOUS_SCAN" => None,
            "MANUAL" => refused("not-scanned-on-push"),
            _ => undecided("scan-frequency-unrecognised"),
        },
        _ => undecided("scan-type-unrecognised"),
    }
}

fn of_image(case: &Case, rule: &str, image: Option<&Value>) -> Finding {
    let Some(image) = image else { return undecided("facts-missing") };
    match image["state"].as_str().unwrap() {
        "missing" => return refused("image-not-found"),
        "unavailable" => return trouble(image),
        "ARCHIVED" => return refused("image-archived"),
        "ACTIVATING" => return undecided("image-activating"),
        "ACTIVE" => {}
        _ => return undecided("image-status-unrecognised"),
    }
    if rule == "image-exists" {
        return None;
    }
    if image["mediaType"].as_str().is_some_and(|kind| kind.contains("index") || kind.contains("list")) {
        let could_be = image["scan"]["state"] == "unavailable";
        return if could_be { trouble(&image["scan"]) } else { undecided("facts-missing") };
    }
    of_scan(case, &image["scan"])
}

fn of_scan(case: &Case, scan: &Value) -> Finding {
    match scan["state"].as_str() {
        None => undecided("facts-missing"),
        Some("never") => refused("scan-missing"),
        Some("unavailable") => trouble(scan),
        Some("COMPLETE" | "ACTIVE") if scan["counts"].is_null() => undecided("scan-findings-missing"),
        Some("COMPLETE" | "ACTIVE") => vulnerable(case, scan).or_else(|| too_old(case, scan)),
        Some("IN_PROGRESS") => undecided("scan-in-progress"),
        Some("PENDING") => undecided("scan-pending"),
        Some("FINDINGS_UNAVAILABLE") => undecided("scan-findings-unavailable"),
        Some("FAILED") => refused("scan-failed"),
        Some("UNSUPPORTED_IMAGE") => refused("scan-unsupported"),
        Some("SCAN_ELIGIBILITY_EXPIRED") => refused("scan-eligibility-expired"),
        Some("LIMIT_EXCEEDED") => refused("scan-limit-exceeded"),
        Some("IMAGE_ARCHIVED") => refused("image-archived"),
        Some("IMAGE_SIZE_EXCEEDED") => refused("scan-image-too-large"),
        Some(_) => undecided("scan-status-unrecognised"),
    }
}

fn vulnerable(case: &Case, scan: &Value) -> Finding {
    let options = &case.policy["rules"]["scan-findings"];
    let severities = ["informational", "low", "medium", "high", "critical"];
    let rank = |word: &str| severities.iter().position(|severity| *severity == word).unwrap();
    let worst = rank(options["worst_allowed"].as_str().unwrap_or("medium"));
    let unrated = rank(options["unrated_as"].as_str().unwrap_or("high"));
    let number = |of: &str, word: &str| scan[of][word].as_u64().unwrap_or_default();
    let forgiven = |word: &str| if options["fix_available_only"] == true { number("unfixable", word) } else { 0 };
    let count = |word: &str| number("counts", word).saturating_sub(forgiven(word));
    // Two words for one thing: what is counted by the one may be listed by the other.
    let both = |of: &dyn Fn(&str) -> u64| of("UNDEFINED") + of("UNTRIAGED");
    let not_rated = both(&|word| number("counts", word)).saturating_sub(both(&forgiven));
    for (at, severity) in severities.iter().enumerate() {
        let mut sum = count(&severity.to_uppercase());
        if at == unrated {
            sum += not_rated;
        }
        let most = options["most"][*severity].as_u64().unwrap_or(if at > worst { 0 } else { u64::MAX });
        if sum > most {
            return refused("vulnerabilities");
        }
    }
    if count("APOCALYPTIC") > 0 { undecided("severity-unrecognised") } else { None }
}

fn too_old(case: &Case, scan: &Value) -> Finding {
    let days = case.policy["rules"]["scan-findings"]["oldest_scan_days"].as_u64()?;
    let mut at = scan["completedAt"].as_u64();
    if scan["state"] == "ACTIVE" {
        at = at.max(scan["sourceUpdatedAt"].as_u64());
    }
    match at {
        None => undecided("scan-time-missing"),
        Some(at) if case.now > at + days * 86_400 => refused("scan-too-old"),
        Some(_) => None,
    }
}
