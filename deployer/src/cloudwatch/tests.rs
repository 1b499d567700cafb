//! What is made of `CloudWatch`'s answers, bad and good.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{
    alarms::State,
    readings::{Found, Kind, OF_CLUSTER, STRANGERS, Subject, clusters, subjects_of},
    usage::Usage,
    window::Window,
    wire::{cloudwatch, says},
};
use crate::stack::{Stack, drift::Drift};

fn window() -> Window {
    Window::last(Duration::from_hours(1), UNIX_EPOCH + Duration::from_mins(29_925_805))
}

/// Only the metrics of these names, of one cluster.
fn of(names: &[&str]) -> Vec<Subject> {
    let metrics = OF_CLUSTER.iter().filter(|known| names.contains(&known.name)).copied().collect();
    vec![Subject { kind: "cluster", name: "blue".to_owned(), metrics }]
}

fn result(id: &str, points: &[(i64, f64)], status: &str) -> Value {
    let times: Vec<Value> = points.iter().map(|(at, _)| json!({ "$at": window().from + at })).collect();
    let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    json!({ "Id": id, "Label": id, "Timestamps": times, "Values": values, "StatusCode": status })
}

#[tokio::test]
async fn an_answer_may_be_spread_over_pages_and_is_added_up() {
    let first = json!({ "MetricDataResults": [result("q0", &[(0, 2.0)], "PartialData")], "NextToken": "more" });
    let second = json!({ "MetricDataResults": [result("q0", &[(300, 3.0), (3599, 4.0)], "Complete")] });
    let (reader, asked) = cloudwatch([(200, first), (200, second)]);
    let (readings, failure) = reader.readings(&window(), &of(&["Deny"])).await;
    assert!(failure.is_none(), "{failure:?}");
    assert_eq!(readings[0].sum(), Some(9.0));
    let Found::Data { points, .. } = &readings[0].found else { panic!("{readings:?}") };
    assert_eq!(
        (points.len(), points[0], points[1], points[2], points[11]),
        (12, Some(2.0), Some(3.0), None, Some(4.0))
    );
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 2);
    assert!(says(&asked[0], "Deny") && says(&asked[0], "blue") && !says(&asked[0], "more") && says(&asked[1], "more"));
}

#[tokio::test]
async fn nothing_counted_is_no_data_and_a_counted_zero_is_zero() {
    let body = json!({ "MetricDataResults": [result("q0", &[], "Complete"), result("q1", &[(0, 0.0)], "Complete")] });
    let (reader, _) = cloudwatch([(200, body)]);
    let (readings, _) = reader.readings(&window(), &of(&["Pass", "Deny"])).await;
    assert_eq!((&readings[0].found, readings[0].sum()), (&Found::NoData, None));
    assert_eq!(readings[1].sum(), Some(0.0));
    assert!(readings[0].to_string().ends_with("no data"), "{}", readings[0]);
    assert!(readings[1].to_string().ends_with("0  ▁···········"), "{}", readings[1]);
}

#[tokio::test]
async fn percentiles_are_of_the_whole_window_and_the_worse_of_two_periods_is_told() {
    let results = [
        result("q0", &[(0, 3.0)], "Complete"),
        result("q1", &[(0, 8.0), (1800, 40.0)], "Complete"),
        result("q2", &[(0, 1200.0)], "Complete"),
        result("q3", &[(0, 7.0), (900, 1200.0)], "Complete"),
    ];
    let (reader, _) = cloudwatch([(200, json!({ "MetricDataResults": results }))]);
    let (readings, _) = reader.readings(&window(), &of(&["Latency"])).await;
    let latency = &readings[0];
    assert_eq!(["p50", "p90", "p99"].map(|name| latency.statistic(name)), [Some(3.0), Some(40.0), Some(1200.0)]);
    assert!(latency.to_string().contains("p50 3.0 ms  p90 40 ms  p99 1.2 s"), "{latency}");
}

#[tokio::test]
async fn what_one_question_is_refused_does_not_hide_the_others() {
    let mut refused = result("q0", &[], "Forbidden");
    refused["Messages"] = json!([{ "Code": "Forbidden", "Value": "not yours" }]);
    let body = json!({ "MetricDataResults": [refused, result("q1", &[(0, 1.0)], "Complete")] });
    let (reader, _) = cloudwatch([(200, body)]);
    let (readings, failure) = reader.readings(&window(), &of(&["Pass", "Deny"])).await;
    assert!(failure.is_none());
    assert_eq!(readings[0].found, Found::Unreadable { why: "not yours (code Forbidden)".to_owned() });
    assert_eq!(readings[1].sum(), Some(1.0));
}

#[tokio::test]
async fn a_call_that_fails_is_told_with_code_and_request_id_and_the_other_calls_count() {
    for code in ["AccessDeniedException", "ThrottlingException"] {
        // A time takes four questions, a count one; 40 clusters make two calls of up to 500 questions.
        let questions: usize = OF_CLUSTER.iter().map(|known| if known.kind == Kind::Time { 4 } else { 1 }).sum();
        let last = format!("q{}", 40 * questions - 500 - 1);
        let many: Vec<Subject> = (0..40).map(|_| of(&OF_CLUSTER.map_names()).remove(0)).collect();
        let refused = json!({ "__type": code, "message": "no" });
        let good = json!({ "MetricDataResults": [result(&last, &[(0, 5.0)], "Complete")] });
        let (reader, asked) = cloudwatch([(400, refused), (200, good)]);
        let (readings, failure) = reader.readings(&window(), &many).await;
        let cause = failure.unwrap().cause.unwrap();
        assert_eq!(cause, format!("no (code {code}, request id req-1)"));
        assert_eq!(readings[0].found, Found::Unreadable { why: cause });
        assert_eq!((readings.len(), asked.lock().unwrap().len()), (40 * OF_CLUSTER.len(), 2));
        assert_eq!(readings.last().unwrap().sum(), Some(5.0), "the last question of the second call");
    }
}

trait Names {
    fn map_names(&self) -> Vec<&'static str>;
}

impl Names for [super::readings::Known] {
    fn map_names(&self) -> Vec<&'static str> {
        self.iter().map(|known| known.name).collect()
    }
}

#[test]
fn the_clusters_of_a_stack_are_those_that_may_call_it() {
    assert_eq!(clusters("b=11,a=22,b=33"), ["a", "b"]);
    assert_eq!(clusters(""), Vec::<String>::new());
    let outputs = [("FunctionName", "f"), ("ApiId", "a")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    let names = |only| {
        let subjects = subjects_of(&clusters("a=1"), &outputs, only);
        subjects.into_iter().map(|subject| (subject.kind, subject.name)).collect::<Vec<_>>()
    };
    let expected = [("cluster", "a"), ("cluster", STRANGERS), ("function", "f"), ("api", "a")];
    assert_eq!(names(None), expected.map(|(kind, name)| (kind, name.to_owned())));
    assert_eq!(names(Some("z")), [("cluster", "z".to_owned())]);
}

#[tokio::test]
async fn alarms_are_asked_for_by_name_over_all_pages_and_those_in_alarm_come_first() {
    let alarm =
        |name: &str, state: &str| json!({ "AlarmName": name, "StateValue": state, "AlarmDescription": "Do: x" });
    let first = json!({ "MetricAlarms": [alarm("app-api-5xx", "OK"), alarm("app-denials", "INSUFFICIENT_DATA")], "NextToken": "t" });
    let second = json!({ "MetricAlarms": [alarm("app-silence", "ALARM")] });
    let (reader, asked) = cloudwatch([(200, first), (200, second)]);
    let alarms = reader.alarms("app").await.unwrap();
    assert_eq!(
        alarms.iter().map(|alarm| alarm.state).collect::<Vec<_>>(),
        [State::Alarm, State::InsufficientData, State::Ok]
    );
    assert_eq!(alarms[0].to_string(), "ALARM app-silence: Do: x");
    assert!(says(&asked.lock().unwrap()[0], "app-wrong-caller"), "every alarm is asked for");

    let (reader, _) = cloudwatch([(403, json!({ "__type": "AccessDenied", "message": "no" }))]);
    assert_eq!(reader.alarms("app").await.unwrap_err().cause.unwrap(), "no (code AccessDenied, request id req-1)");
}

fn stack(clusters: &str) -> Stack {
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Stack {
        id: "arn".to_owned(),
        status: "CREATE_COMPLETE".into(),
        reason: None,
        outputs: pairs(&[
            ("ApiId", "abc"),
            ("FunctionName", "app-Function"),
            ("FunctionLogGroup", "/aws/lambda/app"),
            ("ApiLogGroup", "/aws/vendedlogs/apigateway/app"),
        ]),
        parameters: pairs(&[("CallerDigests", clusters)]),
        tags: std::collections::BTreeMap::new(),
        description: None,
        changed_millis: None,
        protected: false,
        drift: Drift { status: "NOT_CHECKED".to_owned(), checked: None, incomplete: None },
    }
}

#[tokio::test]
async fn what_was_used_is_added_up_and_a_cluster_that_never_asked_has_no_metrics() {
    let results = [
        result("q0", &[(0, 10.0), (300, 5.0)], "Complete"),
        result("q1", &[(0, 14.0)], "Complete"),
        result("q2", &[(0, 70.5)], "Complete"),
        result("q3", &[(0, 1000.0)], "Complete"),
        result("q4", &[], "Complete"),
        result("q5", &[(0, 0.0)], "Complete"),
        result("q6", &[], "Complete"),
    ];
    let (reader, asked) = cloudwatch([(200, json!({ "MetricDataResults": results }))]);
    let usage = reader.usage(&window(), &stack("blue=1,green=2")).await.unwrap();
    let expected = Usage {
        calls: Some(15.0),
        requests: Some(14.0),
        milliseconds: Some(70.5),
        log_bytes: Some(1000.0),
        clusters: 1,
    };
    assert_eq!(usage, expected);
    let asked = asked.lock().unwrap();
    for word in
        ["abc", "app-Function", "/aws/lambda/app", "/aws/vendedlogs/apigateway/app", "blue", "green", "IncomingBytes"]
    {
        assert!(says(&asked[0], word), "{word}");
    }
}

#[tokio::test]
async fn where_nothing_was_counted_there_is_no_data_and_a_refusal_is_no_zero() {
    let empty: Vec<Value> = (0..6).map(|at| result(&format!("q{at}"), &[], "Complete")).collect();
    let (reader, _) = cloudwatch([(200, json!({ "MetricDataResults": empty }))]);
    assert_eq!(reader.usage(&window(), &stack("blue=1")).await.unwrap(), Usage::default());
    let denied = || (403, json!({ "__type": "com.amazonaws.cloudwatch#AccessDenied", "message": "no" }));
    let mut refused = result("q0", &[], "Forbidden");
    refused["Messages"] = json!([{ "Code": "Forbidden", "Value": "not yours" }]);
    let part = (200, json!({ "MetricDataResults": [refused] }));
    for (name, answer, word) in [("denied", denied(), "AccessDenied"), ("a part is", part, "not yours")] {
        let (reader, _) = cloudwatch([answer]);
        let failure = reader.usage(&window(), &stack("blue=1")).await.unwrap_err();
        assert!(failure.cause.clone().unwrap_or_default().contains(word), "{name}: {failure:?}");
    }
}

#[tokio::test]
async fn the_time_of_a_call_is_the_mean_over_all_calls_and_not_over_hours() {
    // A busy hour of short calls and an idle one with a long call.
    let results = |calls| {
        let sums = result("q0", &[(0, 1000.0), (3600, 1000.0)], "Complete");
        json!({ "MetricDataResults": [sums, result("q1", calls, "Complete")] })
    };
    for (name, calls, expected) in [
        ("two hours", &[(0, 99.0), (3600, 1.0)][..], Some(20.0)),
        ("nothing counted", &[], None),
        ("a zero", &[(0, 0.0)], None),
    ] {
        let (reader, asked) = cloudwatch([(200, results(calls))]);
        assert_eq!(reader.mean_duration(&window(), "app-Function").await.unwrap(), expected, "{name}");
        let body = &asked.lock().unwrap()[0];
        let at = |text: &str| body.windows(text.len()).position(|part| part == text.as_bytes()).unwrap();
        assert!(at("q1") < at("SampleCount"), "{name}: the second answer is the number of calls");
    }
}
