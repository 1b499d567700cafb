//! What is written down about a decision: one metric line, one log line.
//!
//! The log line holds request uid, namespace, owner, images and findings; never the Pod, its environment or the secret of a
//! caller. Everything a user can make long is cut, because `CloudWatch` drops lines that are too long.

use std::time::{Duration, SystemTime};

use compliance::facts::{EffectiveScan, Facts, ImageFacts, RepositoryFacts, ScanResult, Unavailable};
use compliance::policy::Mode;
use compliance::verdict::{Exempted, Finding};
use serde::Serialize;

use crate::decision::Decision;
use crate::log::{Level, Log, bounded};
use crate::metrics::{self, Measured, Outcome, milliseconds};

/// Longest text of a user that a line repeats, in characters.
const LONGEST_TEXT: usize = 512;
/// Most images, and most findings, that a line lists.
const MOST_ITEMS: usize = 50;

/// A fact that could not be had: for whom to ask AWS about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnavailableFact {
    /// Repository or image, and registry.
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
    #[serde(skip_serializing_if = "str::is_empty")]
    api_request_id: &'a str,
    cluster: &'a str,
    namespace: String,
    name: String,
    /// A user's word, and one of so many: never a metric's dimension.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    operation: Option<&'static str>,
    dry_run: bool,
    /// The kind of object, if its Pods are judged later.
    #[serde(skip_serializing_if = "Option::is_none")]
    early_warning_of: Option<&'static str>,
    allowed: bool,
    undecided: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u16>,
    /// Only of denials without findings, for the other messages say what the findings say; and why an early warning could
    /// not be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    denial: Option<&'a str>,
    image_count: usize,
    images: Vec<ImageOut<'a>>,
    finding_count: usize,
    findings: Vec<FindingOut<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    exemptions: Vec<ExemptionOut<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    policy_version: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    unavailable: &'a [UnavailableFact],
    /// Age of the oldest fact that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_fact_seconds: Option<u64>,
    /// Why it was used although it was no longer fresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_because: Option<&'static str>,
    latency_ms: f64,
}

#[derive(Serialize)]
struct ImageOut<'a> {
    path: &'a str,
    image: String,
}

#[derive(Serialize)]
struct FindingOut<'a> {
    /// What it led to: `enforce`, `warn` or `audit`.
    mode: &'static str,
    rule: &'a str,
    code: &'a str,
    path: &'a str,
    image: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExemptionOut<'a> {
    id: &'a str,
    days_left: i64,
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
            outcome: outcome(decision),
            warned: !decision.warned.is_empty(),
            exempted: !decision.exempted.is_empty(),
            latency,
            ecr: decision.ecr,
        },
    ));
    let (level, message) = heading(decision);
    log.write(level, message, fields(cluster, decision, request_uid, namespace, latency));
}

fn outcome(decision: &Decision) -> Outcome {
    match (decision.allowed(), decision.undecided) {
        _ if decision.early.is_some() => Outcome::Early,
        _ if decision.again => Outcome::Again,
        (true, _) => Outcome::Allowed,
        (false, false) => Outcome::Denied,
        (false, true) => Outcome::Undecided,
    }
}

/// A denial is a warning: somebody's Pod does not start. What could not be checked is an error of this system, all the
/// more where it was let in.
fn heading(decision: &Decision) -> (Level, &'static str) {
    if decision.early.is_some() {
        return match (&decision.failure, decision.warnings.is_empty()) {
            (Some(_), _) => (Level::Error, "early warning could not be given"),
            (None, false) => (Level::Info, "early warning"),
            (None, true) => (Level::Debug, "nothing to warn about early"),
        };
    }
    if decision.again {
        return (Level::Warn, "asked to come again, could not be checked yet");
    }
    match (decision.allowed(), decision.undecided, decision.skipped) {
        (_, true, _) => (Level::Error, "denied, could not be checked"),
        (true, _, _) if decision.unchecked() => (Level::Error, "allowed, could not be checked"),
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
    DecisionFields {
        request_uid,
        api_request_id: &decision.api_request_id,
        cluster,
        namespace,
        name: short(&decision.name),
        owner: decision.owner.as_deref().map(short),
        operation: decision.operation.map(wire::admission::Operation::name),
        dry_run: decision.dry_run,
        early_warning_of: decision.early,
        allowed: decision.allowed(),
        undecided: decision.undecided,
        skipped: decision.skipped,
        code: decision.denial.as_ref().map(|denial| denial.code),
        denial: without_findings.map(|denial| denial.message.as_str()).or(decision.failure.as_deref()),
        image_count: decision.images.len(),
        images: images.map(|(path, image)| ImageOut { path, image: short(image) }).collect(),
        finding_count: decision.findings.len() + decision.warned.len() + decision.audited.len(),
        findings: findings(decision),
        exemptions: decision.exempted.iter().take(MOST_ITEMS).map(exemption_out).collect(),
        policy_version: &decision.policy_version,
        unavailable: decision.unavailable.get(..MOST_ITEMS).unwrap_or(&decision.unavailable),
        oldest_fact_seconds: decision.oldest_fact.map(|age| age.since.as_secs()),
        stale_because: decision.oldest_fact.and_then(|age| age.stale),
        latency_ms: milliseconds(latency),
    }
}

/// The gravest first, so that they are not those left out.
fn findings(decision: &Decision) -> Vec<FindingOut<'_>> {
    let by_mode =
        [(Mode::Enforce, &decision.findings), (Mode::Warn, &decision.warned), (Mode::Audit, &decision.audited)];
    let all = by_mode.into_iter().flat_map(|(mode, findings)| findings.iter().map(move |one| finding_out(mode, one)));
    all.take(MOST_ITEMS).collect()
}

fn finding_out(mode: Mode, finding: &Finding) -> FindingOut<'_> {
    let Finding { rule, code, path, image, .. } = finding;
    FindingOut { mode: mode.word(), rule, code, path, image: short(image) }
}

fn exemption_out(exempted: &Exempted) -> ExemptionOut<'_> {
    let Finding { rule, code, path, image, .. } = &exempted.finding;
    ExemptionOut { id: &exempted.exemption, days_left: exempted.days_left, rule, code, path, image: short(image) }
}

fn short(text: &str) -> String {
    bounded(text, LONGEST_TEXT)
}

/// The facts that could not be had: of repositories, of how they are scanned, and of images.
#[must_use]
pub fn unavailable(facts: &Facts) -> Vec<UnavailableFact> {
    let of_repositories = facts.iter().filter_map(|(key, known)| Some((key.to_string(), trouble(known)?)));
    let of_images = facts.images().filter_map(|(key, known)| match known {
        ImageFacts::Unavailable(trouble) => Some((key.to_string(), trouble)),
        ImageFacts::Found(_) | ImageFacts::NotFound => None,
    });
    let of_scans = facts.scans().flat_map(|(key, known)| {
        let platforms = if let ScanResult::Index(platforms) = known { platforms.as_slice() } else { &[] };
        let all = platforms.iter().map(|platform| &platform.result).chain([known]);
        all.filter_map(|scan| if let ScanResult::Unavailable(why) = scan { Some((key.to_string(), why)) } else { None })
    });
    let all = of_repositories.chain(of_images).chain(of_scans);
    all.map(|(name, trouble)| unavailable_fact(name, trouble)).collect()
}

/// The digests of the images that ECR found.
#[must_use]
pub fn digests(facts: &Facts) -> Vec<String> {
    let found = facts.images().filter_map(|(_, known)| match known {
        ImageFacts::Found(image) => Some(image.digest.clone()),
        ImageFacts::NotFound | ImageFacts::Unavailable(_) => None,
    });
    found.collect()
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

fn unavailable_fact(repository: String, trouble: &Unavailable) -> UnavailableFact {
    UnavailableFact {
        repository,
        code: trouble.code,
        aws_code: trouble.aws_code.clone(),
        aws_request_id: trouble.request_id.clone(),
    }
}
