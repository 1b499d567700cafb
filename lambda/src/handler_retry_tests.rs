//! What is answered when ECR fails in a way that passes, how old facts are told of, and callers with a token.

#![allow(clippy::unwrap_used, reason = "helpers of tests stand outside #[test] functions")]

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use compliance::ecr::{Clock, Moment};
use lambda_http::http;
use serde_json::Value;

use super::world::{ACCEPTED, Ecr, World, event, good, handle, never, review, throttling};
use super::*;
use crate::log::timestamp;

const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn app() -> Value {
    review(&format!("{ACCEPTED}/team/app:1.0"))
}

/// The event of a Pod that was made just now, for a webhook that is waited for half a minute.
fn patient(mut review: Value) -> Value {
    let now = timestamp(SystemTime::now());
    review["request"]["object"]["metadata"]["creationTimestamp"] = json!(format!("{}Z", &now[..19]));
    let mut event = event(&review);
    event["rawQueryString"] = json!("timeout=30s");
    event["queryStringParameters"] = json!({ "timeout": "30s" });
    event
}

/// Whether it is asked to come again, which is an answer without a word.
fn is_asked_again(response: &Response<Body>) -> bool {
    let header = response.headers().get("retry-after").map(|value| value.to_str().unwrap());
    let asked = response.status() == 429;
    assert_eq!((asked, matches!(response.body(), Body::Empty)), (header == Some("1"), asked), "{response:?}");
    asked
}

fn denied(_: &str) -> http::Response<String> {
    http::Response::builder().status(400).body(json!({ "__type": "AccessDeniedException" }).to_string()).unwrap()
}

#[tokio::test]
async fn a_pod_comes_again_only_if_all_that_is_against_it_may_pass_and_there_is_time() {
    let with = |change: fn(&mut Value)| {
        let mut review = app();
        change(&mut review);
        patient(review)
    };
    let mut impatient = patient(app());
    impatient["rawQueryString"] = json!("timeout=3s");
    impatient["queryStringParameters"] = json!({ "timeout": "3s" });
    let cases: [(&str, Ecr, Value, bool); 8] = [
        ("throttled", throttling, patient(app()), true),
        ("refused", denied, patient(app()), false),
        ("well", good, patient(app()), false),
        ("no time left", throttling, impatient, false),
        ("nobody says how long", throttling, event(&app()), false),
        (
            "something else is against it",
            throttling,
            with(|review| {
                let more = json!({ "name": "other", "image": "nginx" });
                review["request"]["object"]["spec"]["containers"].as_array_mut().unwrap().push(more);
            }),
            false,
        ),
        ("an update", throttling, with(|review| review["request"]["operation"] = json!("UPDATE")), false),
        (
            "an object that makes Pods",
            throttling,
            with(|review| {
                let request = &mut review["request"];
                request["kind"] = json!({ "group": "apps", "version": "v1", "kind": "Deployment" });
                request["resource"] = json!({ "group": "apps", "version": "v1", "resource": "deployments" });
                let spec = request["object"]["spec"].take();
                request["object"]["spec"] = json!({ "template": { "spec": spec } });
            }),
            false,
        ),
    ];
    for (name, ecr, event, again) in cases {
        let world = World::new(ecr);
        assert_eq!(is_asked_again(&handle(&world, &event).await), again, "{name}");
        let (metric, _) = world.last_lines();
        assert_eq!(metric.get("RetryAsked").is_some(), again, "{name}");
    }
}

#[tokio::test]
async fn a_pod_that_comes_again_is_neither_passed_nor_denied_and_the_log_says_why() {
    let world = World::new(throttling);
    handle(&world, &patient(app())).await;
    let (metric, line) = world.last_lines();
    assert_eq!((&metric["RetryAsked"], metric.get("Deny"), metric.get("Undecided")), (&json!(1), None, None));
    assert_eq!((&line["level"], &line["unavailable"][0]["awsCode"]), (&json!("WARN"), &json!("ThrottlingException")));
    assert_eq!(line["message"], "asked to come again, could not be checked yet");
}

#[tokio::test]
async fn a_caller_may_send_its_secret_as_a_token_which_no_line_repeats() {
    let mut event = event(&review("nginx"));
    event["rawPath"] = json!("/v1/blue");
    event["requestContext"]["http"]["path"] = json!("/v1/blue");
    event["headers"]["authorization"] = json!(format!("Bearer {SECRET}"));
    let world = World::new(never);
    assert_eq!(handle(&world, &event).await.status(), 200);
    let (metric, line) = world.last_lines();
    assert_eq!((&metric["Cluster"], &metric["Deny"]), (&json!("blue"), &json!(1)));
    assert!(!format!("{metric}{line}").contains(&SECRET[..16]), "{line}");
    event["headers"]["authorization"] = json!(format!("Bearer {}", "0".repeat(64)));
    let stranger = handle(&world, &event).await;
    assert_eq!((stranger.status().as_u16(), matches!(stranger.body(), Body::Empty)), (404, true));
}

/// A clock that stands where it is put.
#[derive(Clone, Default)]
struct Standing(Arc<Mutex<Duration>>);

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Standing")
    }
}

impl Clock for Standing {
    fn now(&self) -> Moment {
        let now = *self.0.lock().unwrap();
        Moment { monotonic: now, wall: now }
    }
}

/// ECR throttles on this thread.
fn moody(operation: &str) -> http::Response<String> {
    let is_well = MOOD.with(|mood| *mood.borrow());
    if is_well { good(operation) } else { throttling(operation) }
}

thread_local! {
    static MOOD: std::cell::RefCell<bool> = const { std::cell::RefCell::new(true) };
}

#[tokio::test]
async fn who_is_judged_by_old_facts_is_told_and_the_log_knows_how_old() {
    let clock = Standing::default();
    let mut world = World::new(moody);
    world.webhook.facts = world.webhook.facts.clone().with_clock(Arc::new(clock.clone()));
    let fresh = world.admit(&app()).await;
    assert_eq!((&fresh["warnings"], &world.last_lines().1["oldestFactSeconds"]), (&Value::Null, &json!(0)));

    MOOD.with(|mood| *mood.borrow_mut() = false);
    *clock.0.lock().unwrap() = Duration::from_mins(3);
    let old = world.admit(&app()).await;
    let words = "ECR was asked as of 3 min ago, for nothing newer could be had (throttled)";
    assert_eq!((&old["allowed"], &old["warnings"]), (&json!(true), &json!([words])));
    let line = world.last_lines().1;
    assert_eq!((&line["oldestFactSeconds"], &line["staleBecause"]), (&json!(180), &json!("throttled")));

    let mut with_nginx = app();
    let more = json!({ "name": "other", "image": "nginx" });
    with_nginx["request"]["object"]["spec"]["containers"].as_array_mut().unwrap().push(more);
    let denied = world.admit(&with_nginx).await;
    assert!(denied["status"]["message"].as_str().unwrap().contains(words), "{denied}");
    assert_eq!(denied.get("warnings"), None);
}
