//! The table that people read, and the line that programs read.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    time::{Duration, UNIX_EPOCH},
};

use super::*;
use crate::{cloudwatch::usage::Usage, golden};

fn metrics() -> Metrics {
    let window = Window::last(Duration::from_hours(1), UNIX_EPOCH + Duration::from_mins(29_925_805));
    let reading = |of, name: &str, metric, found| Reading { of, name: name.to_owned(), metric, found };
    let points = |value: f64| (0..12).map(|at| (at > 2).then_some(value * f64::from(at))).collect();
    let counted = |sum| Found::Data { statistics: BTreeMap::from([("sum", sum)]), points: points(sum) };
    let times = BTreeMap::from([("p50", 3.2), ("p90", 12.0), ("p99", 2512.0)]);
    let why = "no (code AccessDenied, request id req-1)".to_owned();
    let usage = Usage { calls: Some(1_234_567.0), clusters: 1, ..Usage::default() };
    Metrics {
        stack: "app".to_owned(),
        region: "eu-west-1".to_owned(),
        window,
        readings: vec![
            reading("cluster", "blue", "Pass", counted(1_234_567.0)),
            reading("cluster", "blue", "Deny", counted(0.0)),
            reading("cluster", "blue", "EcrLatency", Found::NoData),
            reading("cluster", "blue", "Latency", Found::Data { statistics: times, points: points(3.0) }),
            reading("function", "app-Function", "Errors", Found::Unreadable { why }),
        ],
        cost: Some(Cost::of(&Settings::default(), &usage, &window)),
    }
}

#[test]
fn the_table_of_metrics_is_the_golden_one() {
    golden::check("metrics", &metrics().to_string());
}

#[test]
fn programs_get_every_reading_with_its_state() {
    let json = serde_json::to_value(metrics()).unwrap();
    let states: Vec<&str> =
        json["readings"].as_array().unwrap().iter().map(|reading| reading["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["data", "data", "no-data", "data", "unreadable"]);
    assert_eq!(json["readings"][0]["sum"], 1_234_567.0);
    assert_eq!(json["readings"][1]["points"][0], serde_json::Value::Null);
    assert_eq!((&json["readings"][3]["p99"], &json["window"]["step"]), (&2512.0.into(), &300.into()));
}
