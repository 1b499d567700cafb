//! What the generated cases hit: an oracle that never sees a rule proves nothing about it.

use std::collections::BTreeMap;

use crate::case::Outcome;
use crate::generate::TROUBLES;

/// How often each thing came out.
#[derive(Default)]
pub(crate) struct Coverage(BTreeMap<String, u64>);

/// Rule and reason code that must come out at least in one of a thousand cases.
const CODES: &[(&str, &[&str])] = &[
    (
        "registry",
        &[
            "unparseable",
            "docker-hub",
            "ecr-public",
            "vpc-endpoint",
            "ecr-lookalike",
            "other-registry",
            "region-not-accepted",
            "account-not-accepted",
        ],
    ),
    (
        "tag-immutability",
        &[
            "repository-not-found",
            "facts-missing",
            "tags-mutable",
            "tag-excluded",
            "tag-not-protected",
            "tag-mutability-unrecognised",
        ],
    ),
    (
        "scan-on-push",
        &[
            "repository-not-found",
            "facts-missing",
            "not-scanned-on-push",
            "scan-type-unrecognised",
            "scan-frequency-unrecognised",
        ],
    ),
    ("digest-pinned", &["no-digest"]),
    (
        "image-exists",
        &[
            "repository-not-found",
            "facts-missing",
            "image-not-found",
            "image-archived",
            "image-activating",
            "image-status-unrecognised",
        ],
    ),
    (
        "scan-findings",
        &[
            "repository-not-found",
            "facts-missing",
            "image-not-found",
            "image-archived",
            "image-activating",
            "image-status-unrecognised",
            "scan-no-platform",
            "scan-missing",
            "scan-findings-missing",
            "scan-in-progress",
            "scan-pending",
            "scan-findings-unavailable",
            "scan-failed",
            "scan-unsupported",
            "scan-eligibility-expired",
            "scan-limit-exceeded",
            "scan-image-too-large",
            "scan-status-unrecognised",
            "vulnerabilities",
            "severity-unrecognised",
            "scan-time-missing",
            "scan-too-old",
        ],
    ),
];
const ASKING: [&str; 4] = ["tag-immutability", "scan-on-push", "image-exists", "scan-findings"];
const REASONS: [&str; 5] = ["NotJudged", "Compliant", "AllowedWithWarnings", "CouldNotBeChecked", "NotCompliant"];
const LANES: [&str; 4] = ["deny", "warn", "audit", "exempt"];

impl Coverage {
    pub(crate) fn count(&mut self, outcome: &Outcome) {
        self.add(&outcome.reason);
        for line in &outcome.findings {
            self.add(&format!("{} {}", line.rule, line.code));
            self.add(line.lane.split(' ').next().unwrap_or_default());
        }
    }

    /// Takes over what another thread counted.
    pub(crate) fn merge(&mut self, other: Self) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    fn add(&mut self, what: &str) {
        *self.0.entry(what.to_owned()).or_default() += 1;
    }

    /// What came out too seldom, with how often.
    pub(crate) fn missed(&self, cases: u64) -> Vec<(String, u64)> {
        let codes = CODES.iter().flat_map(|(rule, codes)| codes.iter().map(move |code| format!("{rule} {code}")));
        let troubles = ASKING.iter().flat_map(|rule| TROUBLES.iter().map(move |code| format!("{rule} {code}")));
        let seldom = codes.chain(troubles).map(|what| (what, cases / 1000));
        let often = REASONS.iter().chain(&LANES).map(|what| ((*what).to_owned(), cases / 50));
        seldom
            .chain(often)
            .filter_map(|(what, least)| {
                let count = self.0.get(&what).copied().unwrap_or_default();
                (count < least).then_some((what, count))
            })
            .collect()
    }
}
