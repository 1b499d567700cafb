//! The policy, read from the JSON that the owner writes, key by key where it is needed.

use serde_json::Value;

use super::Kind;
use crate::case::{Case, HOME};

/// Account, region and prefixes of pull-through caches of every accepted registry.
pub(super) fn accepted(case: &Case) -> Vec<(String, String, Vec<String>)> {
    let list = case.policy["registries"].as_array().cloned().unwrap_or_default();
    let list = if list.is_empty() { vec![Value::Null] } else { list };
    let read = |one: &Value| {
        let prefixes = one["pull_through_cache"].as_array().cloned().unwrap_or_default();
        (
            one["account"].as_str().unwrap_or(HOME.0).to_owned(),
            one["region"].as_str().unwrap_or(HOME.1).to_owned(),
            prefixes.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        )
    };
    list.iter().map(read).collect()
}

pub(super) fn is_accepted(case: &Case, account: &str, region: &str) -> bool {
    accepted(case).iter().any(|one| one.0 == account && one.1 == region)
}

/// Trust is for the partition of the function, which here is that of the commercial regions.
pub(super) fn is_trusted(case: &Case, account: &str, region: &str) -> bool {
    let elsewhere = ["cn-", "us-gov-", "us-iso", "eu-iso", "eusc-"].iter().any(|start| region.starts_with(start));
    let list = case.policy["trusted_registries"].as_array().cloned().unwrap_or_default();
    !elsewhere
        && list.iter().any(|one| one["account"] == account && (one["region"].is_null() || one["region"] == region))
}

pub(super) fn is_cached(case: &Case, kind: &Kind) -> bool {
    let Kind::Accepted(reference, account, region) = kind else { return false };
    accepted(case).iter().any(|(of_account, of_region, prefixes)| {
        of_account == account
            && of_region == region
            && prefixes.iter().any(|prefix| reference.path.starts_with(&format!("{prefix}/")))
    })
}

/// The word of the mode of a rule. Of a namespace's and a cache's the milder counts; either replaces the rule's own.
pub(super) fn mode(case: &Case, rule: &str, is_cached: bool) -> String {
    const FROM_MILD: [&str; 4] = ["off", "audit", "warn", "enforce"];
    let rank = |value: &Value| value.as_str().and_then(|word| FROM_MILD.iter().position(|mode| *mode == word));
    let of_rule = &case.policy["rules"][rule];
    let mut chosen = Vec::new();
    chosen.extend(rank(&case.policy["namespaces"][case.namespace.as_str()][rule]));
    if is_cached {
        chosen.extend(rank(&of_rule["pull_through_cache"]));
    }
    let default = if ["digest-pinned", "image-exists", "scan-findings"].contains(&rule) { 0 } else { 3 };
    let mildest = chosen.into_iter().min().or_else(|| rank(&of_rule["mode"])).unwrap_or(default);
    FROM_MILD[mildest].to_owned()
}

pub(super) fn allows_on_error(case: &Case, rule: &str) -> bool {
    case.policy["rules"][rule]["on_error"] == "allow"
}
