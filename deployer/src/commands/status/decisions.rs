//! The part about decisions: counts and latencies of the last hour and of the last day, side by side.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use serde::Serialize;

use crate::{
    cloudwatch::{
        CloudWatch,
        readings::{Found, Reading, Subject, subjects, time},
        window::{Window, sparkline},
    },
    error::Failure,
    stack::Stack,
};

/// What is shown, with the words for it; the rest is in `deployer metrics`.
const SHOWN: &[(&str, &str, &str)] = &[
    ("cluster", "Pass", "admitted"),
    ("cluster", "Deny", "denied"),
    ("cluster", "Undecided", "  not checkable"),
    ("cluster", "Warn", "with warnings"),
    ("cluster", "Exempted", "by exemption"),
    ("cluster", "Latency", "function, p99"),
    ("cluster", "EcrLatency", "waiting for ECR, p99"),
    ("cluster", "WrongCaller", "turned away"),
    ("function", "Errors", "crashed or timed out"),
    ("function", "Throttles", "throttled"),
    ("api", "5xx", "answered 5xx"),
    ("api", "Latency", "whole call, p99"),
];

/// Both windows.
#[derive(Debug, Serialize)]
pub(super) struct Decisions {
    pub(super) hour: Counted,
    pub(super) day: Counted,
}

/// What was counted in one window.
#[derive(Debug, Serialize)]
pub(super) struct Counted {
    pub(super) window: Window,
    pub(super) readings: Vec<Reading>,
}

impl Decisions {
    pub(super) async fn look(cloudwatch: &CloudWatch, stack: &Stack, now: SystemTime) -> Result<Self, Failure> {
        let subjects = shown(subjects(stack, None));
        let [hour, day] = [Duration::from_hours(1), Duration::from_hours(24)].map(|length| Window::last(length, now));
        let (hour, day) = tokio::join!(counted(cloudwatch, hour, &subjects), counted(cloudwatch, day, &subjects));
        Ok(Self { hour: hour?, day: day? })
    }

    /// Readings that could not be had although others were.
    pub(super) fn unknown(&self) -> Vec<String> {
        let all = self.hour.readings.iter().chain(&self.day.readings);
        let mut unknown: Vec<String> = all
            .filter_map(|reading| match &reading.found {
                Found::Unreadable { why } => {
                    Some(format!("{} of {} {}: {why}", reading.metric, reading.of, reading.name))
                }
                Found::Data { .. } | Found::NoData => None,
            })
            .collect();
        unknown.dedup();
        unknown
    }
}

/// One failed call of one is a failure of the part: the screen shows the reason once, not line by line.
async fn counted(cloudwatch: &CloudWatch, window: Window, subjects: &[Subject]) -> Result<Counted, Failure> {
    match cloudwatch.readings(&window, subjects).await {
        (_, Some(failure)) => Err(failure),
        (readings, None) => Ok(Counted { window, readings }),
    }
}

fn shown(subjects: Vec<Subject>) -> Vec<Subject> {
    let is_shown = |kind: &str, metric: &str| SHOWN.iter().any(|(of, name, _)| (*of, *name) == (kind, metric));
    let narrowed = subjects.into_iter().map(|mut subject| {
        subject.metrics.retain(|known| is_shown(subject.kind, known.name));
        subject
    });
    narrowed.collect()
}

impl fmt::Display for Decisions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:<22} {:<21} last day, by 2 h", "", "last hour, by 5 min")?;
        let mut before = "";
        for (hour, day) in self.hour.readings.iter().zip(&self.day.readings) {
            if before != hour.name {
                write!(out, "\n{} {}", hour.of, hour.name)?;
                before = &hour.name;
            }
            let words = SHOWN.iter().find(|(of, metric, _)| (*of, *metric) == (hour.of, hour.metric));
            let words = words.map_or(hour.metric, |(_, _, words)| words);
            write!(out, "\n  {words:<20} {:<21} {}", cell(hour, 1), cell(day, 2))?;
        }
        Ok(())
    }
}

/// A number, and so many steps to a bar: with both windows a line has to fit into 80 columns.
fn cell(reading: &Reading, steps: usize) -> String {
    match &reading.found {
        Found::NoData => format!("{:>8}", "no data"),
        Found::Unreadable { .. } => format!("{:>8}", "unknown"),
        Found::Data { statistics, points } => {
            let number = match (statistics.get("sum"), statistics.get("p99")) {
                (Some(sum), _) => format!("{sum:.0}"),
                (None, Some(p99)) => time(*p99),
                (None, None) => String::new(),
            };
            let join = if statistics.contains_key("sum") { |a: f64, b: f64| a + b } else { f64::max };
            let bars: Vec<Option<f64>> =
                points.chunks(steps).map(|bar| bar.iter().flatten().copied().reduce(join)).collect();
            format!("{number:>8} {}", sparkline(&bars))
        }
    }
}
