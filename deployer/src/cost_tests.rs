//! The estimate, the words of the document, and the alarms of the template.
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic, and these sums are exact to the cent")]

use std::{
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use serde_json::Value;

use super::*;
use crate::{
    golden,
    synth::{self, ArtifactLocation},
};

fn day() -> Window {
    Window::last(Duration::from_hours(24), UNIX_EPOCH + Duration::from_mins(29_925_805))
}

fn usage() -> Usage {
    // A call every second of a day.
    Usage {
        calls: Some(86_400.0),
        requests: Some(86_400.0),
        milliseconds: Some(864_000.0),
        log_bytes: Some(207_360_000.0),
        clusters: 1,
    }
}

#[test]
fn a_cluster_that_asks_once_a_second_costs_what_the_golden_table_says() {
    let cost = Cost::of(&Settings::default(), &usage(), &day());
    golden::check("cost", &format!("{cost}\n\n{}", cost.summary()));
    assert!(cost.complete);
    assert_eq!(
        format!("{:.2}", cost.dollars),
        format!("{:.2}", cost.items.iter().map(|i| i.dollars.unwrap()).sum::<f64>())
    );
}

#[test]
fn what_was_not_counted_is_no_data_and_in_no_sum() {
    let cost = Cost::of(&Settings::default(), &Usage::default(), &day());
    golden::check("cost_no_data", &format!("{cost}\n\n{}", cost.summary()));
    assert!(!cost.complete);
    let json = serde_json::to_value(&cost).unwrap();
    assert_eq!((&json["items"][0]["amount"], &json["items"][0]["dollars"]), (&Value::Null, &Value::Null));
}

#[test]
fn what_the_settings_turn_off_costs_nothing_and_what_they_turn_on_is_in_it() {
    let of = |change: fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        Cost::of(&settings, &usage(), &day())
    };
    let dollars = |cost: &Cost, what: &str| {
        let item = cost.items.iter().find(|item| item.what == what);
        item.map(|item| format!("{:.2}", item.dollars.unwrap()))
    };
    let some = |text: &str| Some(text.to_owned());
    let (alarms, dashboards, kept) = ("metrics that alarms watch", "dashboards", "kept started, GB-s");
    let time = "time of the function, GB-s";
    for (name, change, what, expected) in [
        ("alarms", (|_| ()) as fn(&mut Settings), alarms, some("1.00")),
        ("no alarms", |s| s.alarms.enabled = false, alarms, some("0.00")),
        (
            "no alarm of denials or silence",
            |s| (s.alarms.denials, s.alarms.silence_hours) = (0, 0),
            alarms,
            some("0.70"),
        ),
        ("a dashboard", |_| (), dashboards, some("3.00")),
        ("no dashboard", |s| s.dashboard = false, dashboards, some("0.00")),
        ("nothing kept", |_| (), kept, None),
        // As docs/deploying.md has it: $2.74 each on x86_64, $2.19 on arm64.
        ("two kept", |s| s.provisioned_concurrency = Some(2), kept, some("5.48")),
        (
            "two kept on arm64",
            |s| (s.provisioned_concurrency, s.architecture) = (Some(2), Some(Architecture::Arm64)),
            kept,
            some("4.38"),
        ),
        ("time", |_| (), time, some("0.11")),
        ("time with more memory", |s| s.memory_mib = 1024, time, some("0.44")),
    ] {
        assert_eq!(dollars(&of(change), what), expected, "{name}");
    }
    let clusters = |clusters| {
        let cost = Cost::of(&Settings::default(), &Usage { clusters, ..usage() }, &day());
        (dollars(&cost, "metrics of the clusters").unwrap(), dollars(&cost, alarms).unwrap())
    };
    let pair = |metrics: &str, alarms: &str| (metrics.to_owned(), alarms.to_owned());
    assert_eq!([0, 1, 3].map(clusters), [pair("0.00", "0.90"), pair("3.60", "1.00"), pair("10.20", "1.20")]);
}

/// AWS bills an alarm by the metrics it watches.
#[test]
fn the_alarms_watch_as_many_metrics_as_the_template_says() {
    let location = ArtifactLocation { bucket: "bucket".to_owned(), key: "key.zip".to_owned() };
    let text = synth::stack_template(&Settings::default(), &location, Architecture::Arm64).unwrap();
    let stack = synth::parse(&text).unwrap();
    let resources = stack["Resources"].as_object().unwrap().values();
    let alarms: Vec<&Value> =
        resources.filter(|one| one["Type"] == "AWS::CloudWatch::Alarm").map(|one| &one["Properties"]).collect();
    assert_eq!(alarms.len(), synth::ALARMS.len());
    let watches = |alarm: &&Value| match alarm["Metrics"].as_array() {
        None => 1,
        // A query: Undecided has a metric for each cluster, WrongCaller one.
        Some(metrics) if metrics.len() == 1 => 1,
        Some(metrics) => metrics.iter().filter(|metric| metric["MetricStat"].is_object()).count(),
    };
    assert_eq!(watched(&Settings::default().alarms, 1), alarms.iter().map(watches).sum::<usize>());
}

#[test]
fn the_document_has_every_price_of_the_table_and_its_month() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operating.md");
    let text = std::fs::read_to_string(path).unwrap();
    let costs = text.split_once("## What it costs").unwrap().1.replace('\n', " ");
    assert!(costs.contains(AS_OF), "{AS_OF}");
    for Price { dollars, words, .. } in PRICES {
        let said: f64 = words.trim_start_matches('$').split(' ').next().unwrap().parse().unwrap();
        assert_eq!(said, *dollars, "{words}");
        assert!(costs.contains(words), "docs/operating.md does not say: {words}");
    }
}
