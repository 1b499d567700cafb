//! One case and its outcome, as plain data: neither the engine's types nor the judge's.

use std::fmt;

use serde_json::{Value, json};

/// What is judged.
pub(crate) struct Case {
    pub(crate) namespace: String,
    /// The Pod, as JSON.
    pub(crate) pod: Value,
    /// The Pod before the update; `None`: it is new.
    pub(crate) old: Option<Value>,
    /// `policy.json`.
    pub(crate) policy: Value,
    /// `[{account, region, name, state, …}]`
    pub(crate) repositories: Vec<Value>,
    /// `[{account, region, name, id, state, …, scan}]`; an id is `tag v1` or `digest sha256:…`.
    pub(crate) images: Vec<Value>,
    /// Seconds since 1970-01-01.
    pub(crate) now: u64,
}

/// Where the function runs.
pub(crate) const HOME: (&str, &str) = ("111122223333", "eu-west-1");

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = json!({
            "namespace": self.namespace, "pod": self.pod, "old": self.old, "policy": self.policy,
            "repositories": self.repositories, "images": self.images, "now": self.now,
        });
        write!(f, "{all:#}")
    }
}

/// What comes out, in words that both can be turned into.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) skipped: bool,
    /// `(what becomes of it, path, rule, code, "undecided" or "")`, what becomes of it first denials, then warnings,
    /// audits, exemptions; in each the order of the images and then of the rules.
    pub(crate) findings: Vec<Line>,
    /// What ECR is asked: repositories, images that shall exist, images whose scans matter. Sorted.
    pub(crate) asked: Vec<String>,
    /// The one word for machines.
    pub(crate) reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) lane: String,
    pub(crate) path: String,
    pub(crate) rule: String,
    pub(crate) code: String,
    pub(crate) undecided: bool,
}
