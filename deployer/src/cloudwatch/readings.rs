//! Which metrics there are of a deployment, and what was read of each: the table behind `deployer metrics` and
//! `deployer status`. A test holds it to the function's own table of metrics.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::{
    CloudWatch,
    data::{Point, Query},
    window::{Window, sparkline},
};
use crate::{error::Failure, stack::Stack, synth};

/// A metric that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Namespace in `CloudWatch`.
    pub namespace: &'static str,
    /// Name in `CloudWatch`.
    pub name: &'static str,
    /// The dimension it is looked up by.
    pub dimension: &'static str,
    /// How it is read.
    pub kind: Kind,
}

/// How a metric is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Added up.
    Count,
    /// In percentiles, of milliseconds.
    Time,
}

/// Percentiles that are shown; the last also step by step.
const PERCENTILES: [&str; 3] = ["p50", "p90", "p99"];
const SUM: &str = "Sum";

/// What is counted of each cluster.
pub const OF_CLUSTER: &[Known] = &[
    ours("Pass", Kind::Count),
    ours("Deny", Kind::Count),
    ours("Undecided", Kind::Count),
    ours("Warn", Kind::Count),
    ours("Exempted", Kind::Count),
    ours("Latency", Kind::Time),
    ours("EcrLatency", Kind::Time),
    ours("EcrCalls", Kind::Count),
    ours("EcrThrottled", Kind::Count),
    ours("CacheHit", Kind::Count),
    ours("ServedStale", Kind::Count),
    ours("RetryAsked", Kind::Count),
];
/// What is counted of callers that are not known.
pub const OF_STRANGERS: &[Known] = &[ours("WrongCaller", Kind::Count)];
/// The cluster of callers that are not known, as the function calls it.
pub const STRANGERS: &str = "unknown";
/// What Lambda counts.
pub const OF_FUNCTION: &[Known] = &[
    of_lambda("Invocations", Kind::Count),
    of_lambda("Errors", Kind::Count),
    of_lambda("Throttles", Kind::Count),
    of_lambda("Duration", Kind::Time),
];
/// What API Gateway counts.
pub const OF_API: &[Known] = &[
    of_gateway("Count", Kind::Count),
    of_gateway("4xx", Kind::Count),
    of_gateway("5xx", Kind::Count),
    of_gateway("Latency", Kind::Time),
    of_gateway("IntegrationLatency", Kind::Time),
];

const fn ours(name: &'static str, kind: Kind) -> Known {
    Known { namespace: synth::METRIC_NAMESPACE, name, dimension: "Cluster", kind }
}

const fn of_lambda(name: &'static str, kind: Kind) -> Known {
    Known { namespace: "AWS/Lambda", name, dimension: "FunctionName", kind }
}

const fn of_gateway(name: &'static str, kind: Kind) -> Known {
    Known { namespace: "AWS/ApiGateway", name, dimension: "ApiId", kind }
}

/// Something that is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// `cluster`, `function` or `api`.
    pub kind: &'static str,
    /// The value of the dimension.
    pub name: String,
    /// What is measured of it.
    pub metrics: Vec<Known>,
}

/// What a stack has that is measured: its clusters (or one of them), strangers, its function and its API.
#[must_use]
pub fn subjects(stack: &Stack, only: Option<&str>) -> Vec<Subject> {
    subjects_of(&clusters_of(stack), &stack.outputs, only)
}

/// The clusters that may call a stack, by name.
pub(super) fn clusters_of(stack: &Stack) -> Vec<String> {
    clusters(stack.parameters.get(synth::PARAMETER_CALLER_DIGESTS).map_or("", String::as_str))
}

pub(super) fn subjects_of(clusters: &[String], outputs: &BTreeMap<String, String>, only: Option<&str>) -> Vec<Subject> {
    let subject =
        |kind, name: &str, metrics: &[Known]| Subject { kind, name: name.to_owned(), metrics: metrics.to_vec() };
    if let Some(name) = only {
        return vec![subject("cluster", name, OF_CLUSTER)];
    }
    let of_clusters = clusters.iter().map(|name| subject("cluster", name, OF_CLUSTER));
    let own = [("function", synth::OUTPUT_FUNCTION_NAME, OF_FUNCTION), ("api", synth::OUTPUT_API_ID, OF_API)];
    let of_aws =
        own.into_iter().filter_map(|(kind, output, metrics)| Some(subject(kind, outputs.get(output)?, metrics)));
    of_clusters.chain([subject("cluster", STRANGERS, OF_STRANGERS)]).chain(of_aws).collect()
}

/// The clusters that may call a stack, by name, from its `CallerDigests`.
#[must_use]
pub fn clusters(digests: &str) -> Vec<String> {
    let mut names: Vec<String> =
        digests.split(',').filter_map(|entry| Some(entry.trim().split_once('=')?.0.to_owned())).collect();
    names.sort();
    // Two secrets while one is being replaced.
    names.dedup();
    names
}

/// What was read of one metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// `cluster`, `function` or `api`.
    pub of: &'static str,
    /// Which one.
    pub name: String,
    /// The metric.
    pub metric: &'static str,
    /// What came of it.
    #[serde(flatten)]
    pub found: Found,
}

/// What came of reading one metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Found {
    /// Numbers: `sum`, or percentiles in milliseconds; and the sum or the highest percentile step by step.
    Data {
        /// By the name of the statistic.
        #[serde(flatten)]
        statistics: BTreeMap<&'static str, f64>,
        /// Step by step; none where there is no data.
        points: Vec<Option<f64>>,
    },
    /// Nothing was counted in the window, which is not zero.
    NoData,
    /// It could not be read.
    Unreadable {
        /// Why, with AWS's code and request id where a call failed.
        why: String,
    },
}

impl CloudWatch {
    /// Reads all metrics of some subjects; and the first call that failed, if one did.
    pub async fn readings(&self, window: &Window, subjects: &[Subject]) -> (Vec<Reading>, Option<Failure>) {
        let metrics: Vec<(&Subject, &Known)> =
            subjects.iter().flat_map(|subject| subject.metrics.iter().map(move |known| (subject, known))).collect();
        let queries: Vec<Query> = metrics.iter().flat_map(|(subject, known)| known.queries(&subject.name)).collect();
        let answers = self.read(window, &queries).await;
        let mut of = answers.of.into_iter();
        let mut reading = |(subject, known): &(&Subject, &Known)| Reading {
            of: subject.kind,
            name: subject.name.clone(),
            metric: known.name,
            found: known.found(&mut of, window),
        };
        (metrics.iter().map(&mut reading).collect(), answers.failure)
    }
}

impl Known {
    fn queries(&self, name: &str) -> Vec<Query> {
        let query = |statistic, whole| Query {
            namespace: self.namespace,
            metric: self.name,
            dimension: (self.dimension, name.to_owned()),
            statistic,
            whole,
        };
        match self.kind {
            Kind::Count => vec![query(SUM, false)],
            // Percentiles of steps do not make the percentile of the whole.
            Kind::Time => {
                let whole = PERCENTILES.map(|percentile| query(percentile, true));
                let stepwise = query(PERCENTILES[PERCENTILES.len() - 1], false);
                whole.into_iter().chain([stepwise]).collect()
            }
        }
    }

    /// Takes as many answers as [`Known::queries`] asks questions.
    fn found(&self, answers: &mut impl Iterator<Item = Result<Vec<Point>, String>>, window: &Window) -> Found {
        let missing = || Err("no answer came".to_owned());
        let taken: Vec<_> = self.queries("").iter().map(|_| answers.next().unwrap_or_else(missing)).collect();
        let taken = match taken.into_iter().collect::<Result<Vec<Vec<Point>>, String>>() {
            Ok(taken) => taken,
            Err(why) => return Found::Unreadable { why },
        };
        let (Some(stepwise), true) = (taken.last(), taken.iter().any(|points| !points.is_empty())) else {
            return Found::NoData;
        };
        match self.kind {
            Kind::Count => {
                let sum = stepwise.iter().map(|(_, value)| value).sum();
                Found::Data {
                    statistics: BTreeMap::from([("sum", sum)]),
                    points: spread(stepwise, window, |a, b| a + b),
                }
            }
            Kind::Time => {
                // A period that does not begin where the window does gives two values: the worse one is told.
                let worst = |points: &Vec<Point>| points.iter().map(|(_, value)| *value).reduce(f64::max);
                let named = PERCENTILES.iter().zip(&taken);
                let statistics = named.filter_map(|(name, points)| Some((*name, worst(points)?))).collect();
                Found::Data { statistics, points: spread(stepwise, window, f64::max) }
            }
        }
    }
}

/// Points into steps; `join` makes one of two that fall into the same.
fn spread(points: &[Point], window: &Window, join: impl Fn(f64, f64) -> f64) -> Vec<Option<f64>> {
    let mut slots = vec![None; window.slots()];
    for (at, value) in points {
        if let Some(slot) = slots.get_mut(window.slot(*at)) {
            *slot = Some(slot.map_or(*value, |before| join(before, *value)));
        }
    }
    slots
}

impl Reading {
    /// The sum, where there is one.
    #[must_use]
    pub fn sum(&self) -> Option<f64> {
        self.statistic("sum")
    }

    /// A statistic, where there is data.
    #[must_use]
    pub fn statistic(&self, name: &str) -> Option<f64> {
        match &self.found {
            Found::Data { statistics, .. } => statistics.get(name).copied(),
            Found::NoData | Found::Unreadable { .. } => None,
        }
    }
}

/// `  Deny                4  ▁▁█▁`.
impl fmt::Display for Reading {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, found, .. } = self;
        write!(out, "  {metric:<18}")?;
        match found {
            Found::NoData => out.write_str("     no data"),
            Found::Unreadable { why } => write!(out, "     could not be read: {why}"),
            Found::Data { statistics, points } => {
                if let Some(sum) = statistics.get("sum") {
                    write!(out, "{sum:>12.0}")?;
                } else {
                    let each = statistics.iter().map(|(name, value)| format!("{name} {}", time(*value)));
                    write!(out, "  {:<36}", each.collect::<Vec<_>>().join("  "))?;
                }
                write!(out, "  {}", sparkline(points))
            }
        }
    }
}

/// `3.2 ms`, `840 ms`, `2.5 s`.
#[must_use]
pub fn time(milliseconds: f64) -> String {
    match milliseconds {
        ..10.0 => format!("{milliseconds:.1} ms"),
        10.0..1000.0 => format!("{milliseconds:.0} ms"),
        _ => format!("{:.1} s", milliseconds / 1000.0),
    }
}
