//! One table of metric names, units and dimensions, and the embedded-metric-format line that carries them.
//!
//! `CloudWatch` turns such a line into metrics by itself, so nothing is called and nothing waits while a Pod is being
//! admitted. Dimensions are billed: a request id, an image or a namespace must never become one (they are properties).
//! Format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::time::{Duration, SystemTime};

use compliance::ecr::GatherReport;
use serde::{Serialize, Serializer};

use crate::log::{Level, timestamp};

/// Namespace of all metrics.
pub const NAMESPACE: &str = "EcrComplianceWebhook";

/// The only dimension.
pub const CLUSTER: &str = "Cluster";

/// The cluster of a caller that is not known. Never what the caller claims: each claim would be a new billed metric.
pub const UNKNOWN_CLUSTER: &str = "unknown";

/// One metric: what dashboards, alarms and documents are checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Name in `CloudWatch`.
    pub name: &'static str,
    /// Unit in `CloudWatch`'s spelling.
    pub unit: &'static str,
    /// Names of its dimensions.
    pub dimensions: &'static [&'static str],
    /// What one unit of it means.
    pub meaning: &'static str,
}

/// Requests allowed.
pub const PASS: Metric = count("Pass", "requests allowed");
/// Requests denied.
pub const DENY: Metric = count("Deny", "requests denied, whatever the reason");
/// Requests denied without a judgement.
pub const UNDECIDED: Metric =
    count("Undecided", "requests denied because they could not be checked; counted in Deny too");
/// Requests with warnings.
pub const WARN: Metric = count("Warn", "requests with findings of rules that warn, allowed or not");
/// Requests with exemptions.
pub const EXEMPTED: Metric = count("Exempted", "requests in which an exemption was needed, allowed or not");
/// Requests turned away.
pub const WRONG_CALLER: Metric = count("WrongCaller", "requests of unknown callers, answered with 404");
/// Requests that shall come again.
pub const RETRY_ASKED: Metric = count(
    "RetryAsked",
    "calls about Pods that were answered with 429 and Retry-After, because ECR failed in a way that passes; counted in nothing else",
);
/// Time in the function.
pub const LATENCY: Metric = Metric {
    name: "Latency",
    unit: "Milliseconds",
    dimensions: &[CLUSTER],
    meaning: "time from the request's arrival in the function to its answer",
};

/// Operations sent to ECR.
pub const ECR_CALLS: Metric = count("EcrCalls", "operations sent to ECR for a request");
/// Attempts that ECR throttled.
pub const ECR_THROTTLED: Metric =
    count("EcrThrottled", "attempts of a request that ECR throttled, those that a second attempt made good included");
/// Answers that needed no call.
pub const CACHE_HIT: Metric = count("CacheHit", "facts of a request that were remembered and fresh");
/// Answers that were no longer fresh.
pub const SERVED_STALE: Metric =
    count("ServedStale", "facts of a request that were remembered, no longer fresh, and used because ECR failed");
/// Time spent waiting for ECR.
pub const ECR_LATENCY: Metric = Metric {
    name: "EcrLatency",
    unit: "Milliseconds",
    dimensions: &[CLUSTER],
    meaning: "time from the first operation sent to ECR for a request to the last answer; only where there was one",
};

/// Every metric there is.
pub const METRICS: &[Metric] = &[
    PASS,
    DENY,
    UNDECIDED,
    WARN,
    EXEMPTED,
    WRONG_CALLER,
    RETRY_ASKED,
    LATENCY,
    ECR_CALLS,
    ECR_THROTTLED,
    CACHE_HIT,
    SERVED_STALE,
    ECR_LATENCY,
];

/// Metrics that are counted over all clusters besides, without a dimension, for an alarm that divides: it can name metrics,
/// but may ask only once for all values of a dimension. Each is one more billed metric, of the account and region.
pub const OVER_ALL_CLUSTERS: &[Metric] = &[DENY];

const fn count(name: &'static str, meaning: &'static str) -> Metric {
    Metric { name, unit: "Count", dimensions: &[CLUSTER], meaning }
}

/// What came out of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was allowed.
    Allowed,
    /// It was denied.
    Denied,
    /// It was denied because it could not be checked.
    Undecided,
    /// The API server shall come again: there is no verdict yet.
    Again,
    /// It was no Pod but an object that makes Pods, which is never denied: it says nothing about how many Pods are.
    Early,
}

/// What a decision's metric line says.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// The authenticated cluster.
    pub cluster: &'a str,
    /// `request.uid`, empty if there was none.
    pub request_uid: &'a str,
    /// `request.namespace`, empty if there was none.
    pub namespace: &'a str,
    /// What came out.
    pub outcome: Outcome,
    /// Whether there were findings of rules that warn.
    pub warned: bool,
    /// Whether there were findings that an exemption covers.
    pub exempted: bool,
    /// Time in the function.
    pub latency: Duration,
    /// What it cost to ask ECR.
    pub ecr: GatherReport,
}

/// The line of one decision: `Latency`, and, of a Pod, the others each 0 or 1, so that averages are rates. Of a Pod that
/// shall come again, that alone: the next call counts it.
#[must_use]
pub fn decision<'a>(at: SystemTime, measured: &Measured<'a>) -> Line<'a> {
    let early = measured.outcome == Outcome::Early;
    let of_pods = [
        (PASS, measured.outcome == Outcome::Allowed),
        (DENY, measured.outcome != Outcome::Allowed),
        (UNDECIDED, measured.outcome == Outcome::Undecided),
        (WARN, measured.warned),
        (EXEMPTED, measured.exempted),
    ];
    let again = measured.outcome == Outcome::Again;
    let retry = again.then_some((RETRY_ASKED, Number::Count(1)));
    let of_pods = of_pods.into_iter().filter(|_| !early && !again);
    let of_pods = of_pods.map(|(metric, holds)| (metric, Number::Count(holds.into())));
    let latency = [(LATENCY, Number::Milliseconds(milliseconds(measured.latency)))];
    let values = of_pods.chain(retry).chain(latency).chain(of_ecr(&measured.ecr)).collect();
    let about = Some(About { request_uid: measured.request_uid, namespace: measured.namespace, early });
    Line { at, cluster: measured.cluster, values, about }
}

/// ECR is the same whoever is asked about, so early warnings count here too.
fn of_ecr(report: &GatherReport) -> impl Iterator<Item = (Metric, Number)> {
    let counts = [
        (ECR_CALLS, report.calls),
        (ECR_THROTTLED, report.throttled),
        (CACHE_HIT, report.cache_hits),
        (SERVED_STALE, report.served_stale),
    ];
    // Zero would not be a short wait but none at all, and spoil every average.
    let latency = report.ecr_latency.map(|time| (ECR_LATENCY, Number::Milliseconds(milliseconds(time))));
    counts.into_iter().map(|(metric, count)| (metric, Number::Count(count.into()))).chain(latency)
}

/// The line of one request from a caller that is not known.
#[must_use]
pub fn wrong_caller(at: SystemTime) -> Line<'static> {
    Line { at, cluster: UNKNOWN_CLUSTER, values: vec![(WRONG_CALLER, Number::Count(1))], about: None }
}

/// One line. It is written member by member: as a tree of values it would cost more than the decision.
#[derive(Debug)]
pub struct Line<'a> {
    at: SystemTime,
    cluster: &'a str,
    values: Vec<(Metric, Number)>,
    about: Option<About<'a>>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
enum Number {
    Count(u64),
    Milliseconds(f64),
}

/// What the line is about, for Logs Insights.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct About<'a> {
    request_uid: &'a str,
    namespace: &'a str,
    #[serde(rename = "earlyWarning", skip_serializing_if = "std::ops::Not::not")]
    early: bool,
}

/// `level` and `timestamp` are there because a log filter of Lambda drops or misreads lines that lack them.
#[derive(Serialize)]
struct Members<'a> {
    level: &'static str,
    timestamp: String,
    #[serde(rename = "_aws")]
    aws: Aws<'a>,
    #[serde(rename = "Cluster")]
    cluster: &'a str,
    #[serde(flatten)]
    values: Values<'a>,
    #[serde(flatten)]
    about: Option<About<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Aws<'a> {
    timestamp: u64,
    cloud_watch_metrics: Directives<'a>,
}

/// One for each set of dimensions.
struct Directives<'a>(&'a [(Metric, Number)]);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'static str,
    dimensions: [&'static [&'static str]; 1],
    metrics: Definitions<'a>,
}

/// Values by the names of their metrics.
struct Values<'a>(&'a [(Metric, Number)]);

/// Names and units of the same metrics.
struct Definitions<'a>(&'a [(Metric, Number)]);

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: &'static str,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let milliseconds = self.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let members = Members {
            level: Level::Info.name(),
            timestamp: timestamp(self.at),
            aws: Aws {
                timestamp: u64::try_from(milliseconds).unwrap_or(u64::MAX),
                cloud_watch_metrics: Directives(&self.values),
            },
            cluster: self.cluster,
            values: Values(&self.values),
            about: self.about,
        };
        members.serialize(serializer)
    }
}

impl Serialize for Directives<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let directive = |dimensions, metrics| Directive {
            namespace: NAMESPACE,
            dimensions: [dimensions],
            metrics: Definitions(metrics),
        };
        let besides = self.0.chunks(1).filter(|one| OVER_ALL_CLUSTERS.contains(&one[0].0));
        let besides = besides.map(|one| directive(&[], one));
        serializer.collect_seq(std::iter::once(directive(&[CLUSTER], self.0)).chain(besides))
    }
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(metric, number)| (metric.name, number)))
    }
}

impl Serialize for Definitions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(Metric { name, unit, .. }, _)| Definition { name, unit }))
    }
}

/// Milliseconds to three decimals: finer is noise, and longer lines cost money.
#[must_use]
pub fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    const MEASURED: Measured<'static> = Measured {
        cluster: "blue",
        request_uid: "u-1",
        namespace: "shop",
        outcome: Outcome::Undecided,
        warned: true,
        exempted: false,
        latency: Duration::from_nanos(12_345_678),
        ecr: GatherReport {
            calls: 3,
            throttled: 1,
            cache_hits: 2,
            served_stale: 1,
            ecr_latency: Some(Duration::from_millis(7)),
        },
    };

    fn at() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250)
    }

    /// Through text, as `CloudWatch` gets it.
    fn read(line: &Line<'_>) -> Value {
        serde_json::from_str(&serde_json::to_string(line).unwrap()).unwrap()
    }

    #[test]
    fn a_decision_is_one_line_that_cloudwatch_understands() {
        let expected = json!({
            "level": "INFO",
            "timestamp": "2023-11-14T22:13:20.25Z",
            "_aws": {
                "Timestamp": 1_700_000_000_250_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "EcrComplianceWebhook",
                    "Dimensions": [["Cluster"]],
                    "Metrics": [
                        { "Name": "Pass", "Unit": "Count" },
                        { "Name": "Deny", "Unit": "Count" },
                        { "Name": "Undecided", "Unit": "Count" },
                        { "Name": "Warn", "Unit": "Count" },
                        { "Name": "Exempted", "Unit": "Count" },
                        { "Name": "Latency", "Unit": "Milliseconds" },
                        { "Name": "EcrCalls", "Unit": "Count" },
                        { "Name": "EcrThrottled", "Unit": "Count" },
                        { "Name": "CacheHit", "Unit": "Count" },
                        { "Name": "ServedStale", "Unit": "Count" },
                        { "Name": "EcrLatency", "Unit": "Milliseconds" },
                    ],
                }, {
                    "Namespace": "EcrComplianceWebhook",
                    "Dimensions": [[]],
                    "Metrics": [{ "Name": "Deny", "Unit": "Count" }],
                }],
            },
            "Cluster": "blue",
            "Pass": 0, "Deny": 1, "Undecided": 1, "Warn": 1, "Exempted": 0, "Latency": 12.346,
            "EcrCalls": 3, "EcrThrottled": 1, "CacheHit": 2, "ServedStale": 1, "EcrLatency": 7.0,
            "requestUid": "u-1", "namespace": "shop",
        });
        assert_eq!(read(&decision(at(), &MEASURED)), expected);
    }

    #[test]
    fn an_early_warning_is_not_counted_among_pods() {
        let line = read(&decision(at(), &Measured { outcome: Outcome::Early, ..MEASURED }));
        let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].clone();
        assert_eq!(
            (&metrics[0]["Name"], metrics.as_array().unwrap().len()),
            (&json!("Latency"), 6),
            "and those of ECR"
        );
        assert_eq!((&line["earlyWarning"], line.get("Pass"), line.get("Deny")), (&json!(true), None, None));
        assert_eq!(read(&decision(at(), &MEASURED)).get("earlyWarning"), None);
    }

    #[test]
    fn a_request_that_did_not_wait_for_ecr_says_nothing_of_how_long() {
        let line = read(&decision(at(), &Measured { ecr: GatherReport::default(), ..MEASURED }));
        assert_eq!((&line["EcrCalls"], line.get("EcrLatency")), (&json!(0), None));
    }

    #[test]
    fn an_unknown_caller_is_counted_without_a_word_of_its_own() {
        let line = read(&wrong_caller(at()));
        assert_eq!(line["Cluster"], "unknown");
        assert_eq!(line["WrongCaller"], 1);
        assert_eq!(line.get("Deny"), None);
    }

    #[test]
    fn every_metric_of_the_table_is_emitted_with_its_unit_and_dimensions() {
        let (mut emitted, mut over_all) = (BTreeSet::new(), 0);
        let again = read(&decision(at(), &Measured { outcome: Outcome::Again, ..MEASURED }));
        assert_eq!((&again["RetryAsked"], again.get("Pass"), again.get("Deny")), (&json!(1), None, None));
        for line in [read(&decision(at(), &MEASURED)), read(&wrong_caller(at())), again] {
            let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
            for metric in directives[1..].iter().flat_map(|besides| besides["Metrics"].as_array().unwrap()) {
                assert!(OVER_ALL_CLUSTERS.iter().any(|known| known.name == metric["Name"]), "{metric}");
                over_all += 1;
            }
            let directive = &directives[0];
            for metric in directive["Metrics"].as_array().unwrap() {
                let name = metric["Name"].as_str().unwrap();
                let known = METRICS.iter().find(|known| known.name == name).unwrap();
                assert_eq!(metric["Unit"], known.unit, "{name}");
                assert_eq!(directive["Dimensions"], json!([known.dimensions]), "{name}");
                assert!(line[name].is_number(), "{name}");
                emitted.insert(name.to_owned());
            }
        }
        let table: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
        assert_eq!((emitted, over_all), (table, OVER_ALL_CLUSTERS.len()));
    }
}
