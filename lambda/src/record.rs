//! What is written down about a decision: one metric line, one log line.
//!
//! The log line holds request uid, namespace, images and findings; never the Pod, its environment or the secret of a
//! caller. Everything a user can make long is cut, because `CloudWatch` drops lines that are too long.

use std::time::{Duration, SystemTime};

use compliance::facts::{EffectiveScan, Facts, RepositoryFacts, RepositoryKey, Unavailable};
use serde::Serialize;

use crate::decision::Decision;
use crate::log::{Level, Log, bounded};
use crate::metrics::{self, Measured, milliseconds};

/// Longest text of a user that a line repeats, in characters.
const LONGEST_TEXT: usize = 512;
/// Most images, and most findings, that a line lists.
const MOST_ITEMS: usize = 50;

/// A fact that could not be had: for whom to ask AWS about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnavailableFact {
    /// Repository and registry.
    pub repository: String,
    /// Stable word for what went wrong.
    pub code: &'static str,
    /// AWS's error code, if AWS answered.
    pub aws_code: Option<String>,
    /// AWS's request id, if AWS answered.
    pub aws_request_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DecisionFields<'a> {
    request_uid: String,
    cluster: &'a str,
    namespace: String,
    name: String,
    operation: Option<&'static str>,
    dry_run: bool,
    allowed: bool,
    undecided: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    /// Only of denials without findings: the other messages say what the findings say.
    #[serde(skip_serializing_if = "Option::is_none")]
    denial: Option<&'a str>,
    image_count: usize,
    images: Vec<ImageOut<'a>>,
    finding_count: usize,
    findings: Vec<FindingOut<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unavailable: &'a [UnavailableFact],
    latency_ms: f64,
}

#[derive(Serialize)]
struct ImageOut<'a> {
    path: &'a str,
    image: String,
}

#[derive(Serialize)]
struct FindingOut<'a> {
    rule: &'a str,
    code: &'a str,
    path: &'a str,
    image: String,
}

/// Writes both lines.
pub fn write(log: &Log, cluster: &str, decision: &Decision, latency: Duration) {
    let request_uid = short(decision.uid.as_deref().unwrap_or_default());
    let namespace = short(&decision.namespace);
    log.metric(&metrics::decision(
        SystemTime::now(),
        &Measured {
            cluster,
            request_uid: &request_uid,
            namespace: &namespace,
            allowed: decision.allowed(),
            undecided: decision.undecided,
            latency,
        },
    ));
    let (level, message) = heading(decision);
    log.write(level, message, fields(cluster, decision, request_uid, namespace, latency));
}

/// A denial is a warning: somebody's Pod does not start. What could not be checked is an error of this system.
fn heading(decision: &Decision) -> (Level, &'static str) {
    match (decision.allowed(), decision.undecided, decision.skipped) {
        (_, true, _) => (Level::Error, "denied, could not be checked"),
        (false, false, _) => (Level::Warn, "denied"),
        (true, false, Some(_)) => (Level::Debug, "allowed without judging"),
        (true, false, None) => (Level::Info, "allowed"),
    }
}

fn fields<'a>(
    cluster: &'a str,
    decision: &'a Decision,
    request_uid: String,
    namespace: String,
    latency: Duration,
) -> DecisionFields<'a> {
    let without_findings = decision.denial.as_ref().filter(|_| decision.findings.is_empty());
    let images = decision.images.iter().take(MOST_ITEMS);
    let findings = decision.findings.iter().take(MOST_ITEMS);
    DecisionFields {
        request_uid,
        cluster,
        namespace,
        name: short(&decision.name),
        operation: decision.operation.map(crate::admission::Operation::name),
        dry_run: decision.dry_run,
        allowed: decision.allowed(),
        undecided: decision.undecided,
        skipped: decision.skipped,
        code: decision.denial.as_ref().map(|denial| denial.code),
        denial: without_findings.map(|denial| denial.message.as_str()),
        image_count: decision.images.len(),
        images: images.map(|(path, image)| ImageOut { path, image: short(image) }).collect(),
        finding_count: decision.findings.len(),
        findings: findings
            .map(|finding| FindingOut {
                rule: finding.rule,
                code: finding.code,
                path: &finding.path,
                image: short(&finding.image),
            })
            .collect(),
        unavailable: decision.unavailable.get(..MOST_ITEMS).unwrap_or(&decision.unavailable),
        latency_ms: milliseconds(latency),
    }
}

fn short(text: &str) -> String {
    bounded(text, LONGEST_TEXT)
}

/// The facts that could not be had, of the repositories themselves and of how they are scanned.
#[must_use]
pub fn unavailable(facts: &Facts) -> Vec<UnavailableFact> {
    facts.iter().filter_map(|(key, known)| trouble(known).map(|trouble| unavailable_fact(key, trouble))).collect()
}

fn trouble(known: &RepositoryFacts) -> Option<&Unavailable> {
    match known {
        RepositoryFacts::Unavailable(trouble) => Some(trouble),
        RepositoryFacts::Found(repository) => match &repository.scan.effective {
            EffectiveScan::Unavailable(trouble) => Some(trouble),
            EffectiveScan::Known { .. } | EffectiveScan::OtherAccount => None,
        },
        RepositoryFacts::NotFound => None,
    }
}

fn unavailable_fact(key: &RepositoryKey, trouble: &Unavailable) -> UnavailableFact {
    UnavailableFact {
        repository: key.to_string(),
        code: trouble.code,
        aws_code: trouble.aws_code.clone(),
        aws_request_id: trouble.request_id.clone(),
    }
}
