//! Tests of a whole admission: an API Gateway event in, a response out, the real SDK talking to an ECR at the wire.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stand outside #[test] functions")]

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use lambda_http::http;
use serde_json::Value;

use super::world::{ACCEPTED, DIGEST, EVENT, Ecr, SECRET, World, event, good, never, review, throttling};
use super::*;

#[tokio::test]
async fn a_rehearsal_asks_ecr_what_a_decision_asks_and_leaves_no_trace() {
    let world = World::new(good);
    world.webhook.rehearse(&[format!("{ACCEPTED}/ecr-compliance-webhook/warm-up:v1")].into()).await;
    assert_eq!(world.calls.load(Ordering::SeqCst), 3);
    assert!(world.lines.lines().is_empty(), "{:?}", world.lines.lines());
}

#[tokio::test]
async fn a_compliant_pod_is_admitted_and_counted() {
    let world = World::new(good);
    let response = world.admit(&review(&format!("{ACCEPTED}/team/app:1.0"))).await;
    assert_eq!(response["allowed"], true, "{response}");
    let (metric, line) = world.last_lines();
    assert_eq!((&metric["Cluster"], &metric["Pass"], &metric["Deny"]), (&json!("blue"), &json!(1), &json!(0)));
    assert_eq!((&metric["namespace"], &metric["requestUid"]), (&line["namespace"], &line["requestUid"]));
    assert_eq!(line["images"][0]["image"], format!("{ACCEPTED}/team/app:1.0"));
    assert_eq!((&line["level"], &line["allowed"], &line["namespace"]), (&json!("INFO"), &json!(true), &json!("shop")));
}

#[tokio::test]
async fn a_pod_from_docker_hub_is_denied_with_code_reason_and_message_and_ecr_is_not_asked() {
    let world = World::new(never);
    let response = world.admit(&review("nginx")).await;
    assert_eq!((&response["allowed"], &response["status"]["code"]), (&json!(false), &json!(403)));
    assert_eq!(response["status"]["reason"], "Forbidden");
    assert!(response["status"]["message"].as_str().unwrap().contains("nginx"), "{response}");
    assert!(response["auditAnnotations"]["findings"].as_str().unwrap().starts_with("registry/"), "{response}");
    let (metric, line) = world.last_lines();
    assert_eq!((&metric["Deny"], &metric["Undecided"]), (&json!(1), &json!(0)));
    assert_eq!((&line["level"], &line["findings"][0]["rule"]), (&json!("WARN"), &json!("registry")));
}

#[tokio::test]
async fn a_uid_that_would_move_the_cursor_of_a_terminal_is_told_as_text() {
    let world = World::new(good);
    let mut review = review("nginx");
    review["request"]["uid"] = json!("a\u{1b}[2J\nb");
    let (_, answer) = world.send(&event(&review)).await;
    assert_eq!(answer["response"]["uid"], "a\u{1b}[2J\nb", "the API server compares it");
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.ends_with("\nrequest: a\\u{1b}[2J\\nb"), "{message}");
}

#[tokio::test]
async fn one_id_leads_from_the_denial_to_the_log_and_another_from_there_to_the_access_log() {
    let world = World::new(good);
    let event: Value = serde_json::from_str(EVENT).unwrap();
    let (_, answer) = world.send(&event).await;
    let message = answer["response"]["status"]["message"].as_str().unwrap();
    assert!(message.ends_with("\nrequest: 705ab4f5-6393-11e8-b7cc-42010a800002"), "{message}");
    let (_, log) = world.last_lines();
    assert_eq!(log["requestUid"], "705ab4f5-6393-11e8-b7cc-42010a800002");
    assert_eq!(log["apiRequestId"], event["requestContext"]["requestId"]);
    let mut stranger = event.clone();
    stranger["rawPath"] = "/v1/blue/guess".into();
    world.send(&stranger).await;
    assert_eq!(world.last_lines().1["apiRequestId"], event["requestContext"]["requestId"]);
}

#[tokio::test]
async fn ecr_throttling_is_could_not_be_checked_and_the_log_says_whom_to_ask() {
    let world = World::new(throttling);
    let response = world.admit(&review(&format!("{ACCEPTED}/team/app:1.0"))).await;
    assert_eq!((&response["allowed"], &response["status"]["code"]), (&json!(false), &json!(403)));
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.contains("could not be checked") && !message.contains("Rate exceeded"), "{message}");
    let (metric, line) = world.last_lines();
    assert_eq!((&metric["Deny"], &metric["Undecided"]), (&json!(1), &json!(1)));
    assert_eq!(line["unavailable"][0]["awsCode"], "ThrottlingException", "{line}");
    assert_eq!(line["unavailable"][0]["awsRequestId"], "r-1", "{line}");
    assert_eq!(line["level"], "ERROR");
}

#[tokio::test]
async fn the_log_names_a_scanning_configuration_that_could_not_be_read_too() {
    let world = World::new(|operation| match operation {
        // Its own flag is off, so that only the registry could say that it is scanned.
        "DescribeRepositories" => {
            let text = good(operation).into_body().replace("\"scanOnPush\":true", "\"scanOnPush\":false");
            http::Response::builder().status(200).body(text).unwrap()
        }
        other => throttling(other),
    });
    let response = world.admit(&review(&format!("{ACCEPTED}/team/app:1.0"))).await;
    assert_eq!(response["allowed"], false, "{response}");
    let (metric, line) = world.last_lines();
    assert_eq!(metric["Undecided"], 1, "{line}");
    assert_eq!(line["unavailable"][0]["awsCode"], "ThrottlingException", "{line}");
}

#[tokio::test]
async fn what_brings_in_no_image_is_allowed_without_asking_ecr() {
    let world = World::new(never);
    let image = format!("{ACCEPTED}/team/app:1.0");
    let mut update = review(&image);
    update["request"]["operation"] = json!("UPDATE");
    update["request"]["oldObject"] = update["request"]["object"].clone();
    let mut delete = review("nginx");
    delete["request"]["operation"] = json!("DELETE");
    let mut ignored = review("nginx");
    ignored["request"]["namespace"] = json!("kube-system");
    let cases = [
        ("a label", update, "no new image"),
        ("a removal", delete, "no new image"),
        ("an ignored namespace", ignored, "ignored namespace"),
    ];
    for (name, review, why) in cases {
        let response = world.admit(&review).await;
        assert_eq!(
            (&response["allowed"], &response["auditAnnotations"]["skipped"]),
            (&json!(true), &json!(why)),
            "{name}"
        );
        let (metric, line) = world.last_lines();
        assert_eq!((&metric["Pass"], &line["level"]), (&json!(1), &json!("DEBUG")), "{name}");
    }
    assert_eq!(world.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn the_namespace_inside_the_object_does_not_matter() {
    let mut review = review("nginx");
    review["request"]["object"]["metadata"]["namespace"] = json!("kube-system");
    assert_eq!(World::new(never).admit(&review).await["allowed"], false);
}

#[tokio::test]
async fn bodies_are_read_however_api_gateway_delivers_them() {
    let world = World::new(never);
    let review = review("nginx");
    let base64: Value = serde_json::from_str(include_str!("../fixtures/event-base64.json")).unwrap();
    let mut charset = event(&review);
    charset["headers"]["content-type"] = json!("application/json; charset=utf-8");
    let mut untyped = event(&review);
    untyped["headers"].as_object_mut().unwrap().remove("content-type");
    for (name, event) in [("base64", base64), ("a parameter of the type", charset), ("no type", untyped)] {
        let (status, answer) = world.send(&event).await;
        assert_eq!((status, &answer["response"]["status"]["code"]), (200, &json!(403)), "{name}: {answer}");
    }
}

#[tokio::test]
async fn whoever_is_not_known_gets_404_and_nothing_else() {
    let good = event(&review("nginx"));
    let change = |pointer: &str, value: &str| {
        let mut event = good.clone();
        *event.pointer_mut(pointer).unwrap() = json!(value);
        event
    };
    let cases = [
        ("a wrong secret", change("/rawPath", &format!("/v1/blue/{}", "0".repeat(64)))),
        ("another cluster", change("/rawPath", &format!("/v1/green/{SECRET}"))),
        ("another path", change("/rawPath", "/")),
        ("a stage", change("/rawPath", &format!("/prod/v1/blue/{SECRET}"))),
        ("another method", change("/requestContext/http/method", "GET")),
        ("a wrong secret and a body that is not JSON", {
            let mut event = change("/rawPath", "/v1/blue/x");
            event["body"] = json!("not JSON");
            event
        }),
    ];
    for (name, event) in cases {
        let world = World::new(never);
        assert_eq!(world.send(&event).await, (404, Value::Null), "{name}");
        let (metric, _) = world.last_lines();
        assert_eq!((&metric["Cluster"], &metric["WrongCaller"]), (&json!("unknown"), &json!(1)), "{name}");
        assert!(!world.lines.text().contains("green") && !world.lines.text().contains("/v1/"), "{name}");
    }
}

#[tokio::test]
async fn a_review_without_uid_is_http_400_with_one_sentence() {
    let world = World::new(never);
    let mut review = review("nginx");
    review["request"].as_object_mut().unwrap().remove("uid");
    let (status, answer) = world.send(&event(&review)).await;
    assert_eq!(status, 400);
    assert_eq!(answer, json!({ "error": "`request.uid` is missing; send an AdmissionReview of admission.k8s.io/v1" }));
    let mut empty = event(&review);
    empty.as_object_mut().unwrap().remove("body");
    assert_eq!(world.send(&empty).await.0, 400, "no body at all");
}

#[tokio::test]
async fn a_bad_review_with_uid_is_a_denial_that_says_what_is_wrong() {
    let cases = [
        ("the old version", "/apiVersion", json!("admission.k8s.io/v1beta1"), 400, "BadRequest", 0),
        ("no object", "/request/object", Value::Null, 400, "BadRequest", 0),
        ("7 MB", "/request/object/metadata/name", json!("x".repeat(7 << 20)), 413, "RequestEntityTooLarge", 1),
    ];
    for (name, pointer, value, code, reason, undecided) in cases {
        let world = World::new(never);
        let mut review = review("nginx");
        *review.pointer_mut(pointer).unwrap() = value;
        let response = world.admit(&review).await;
        assert_eq!(response["allowed"], false, "{name}");
        assert_eq!(
            (&response["status"]["code"], &response["status"]["reason"]),
            (&json!(code), &json!(reason)),
            "{name}"
        );
        let (metric, line) = world.last_lines();
        assert_eq!((&metric["Deny"], &metric["Undecided"]), (&json!(1), &json!(undecided)), "{name}");
        assert_eq!(line["denial"], response["status"]["message"], "{name}");
        assert!(world.lines.text().len() < 4096, "{name}");
    }
}

#[tokio::test]
async fn a_defect_is_answered_as_could_not_be_checked() {
    // The panic happens inside the SDK's connector, deep below the handler.
    let world = World::new(never);
    let response = world.admit(&review(&format!("{ACCEPTED}/team/app:1.0"))).await;
    assert_eq!((&response["allowed"], &response["status"]["code"]), (&json!(false), &json!(500)));
    assert!(response["status"]["message"].as_str().unwrap().contains("could not be checked"), "{response}");
    let (metric, _) = world.last_lines();
    assert_eq!((&metric["Deny"], &metric["Undecided"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn no_secret_and_nothing_of_the_pod_but_its_images_is_written_or_answered() {
    let answered = Arc::new(Mutex::new(String::new()));
    for ecr in [good as Ecr, throttling, never] {
        let world = World::new(ecr);
        let mut broken = review("nginx");
        broken["request"]["object"]["spec"]["containers"] = json!("canary");
        for review in [review("nginx"), review(&format!("{ACCEPTED}/team/app:1.0")), broken] {
            assert!(review.to_string().contains("canary"), "the fixture plants it");
            let answer = world.admit(&review).await;
            answered.lock().unwrap().push_str(&answer.to_string());
        }
        answered.lock().unwrap().push_str(&world.lines.text());
    }
    let everything = answered.lock().unwrap().clone();
    assert!(everything.contains("nginx"), "something was written");
    for forbidden in ["canary", SECRET, &SECRET[..16], DIGEST] {
        assert!(!everything.contains(forbidden), "{forbidden}");
    }
}

#[tokio::test]
async fn the_log_says_whose_the_pod_is_and_no_metric_does() {
    let world = World::new(good);
    let long = "n".repeat(5000);
    let controlled = |kind: &str, name: &str| json!([{ "kind": kind, "name": name, "controller": true }]);
    let cut = format!("Job/{}… (5004 bytes in all)", "n".repeat(508));
    for (name, references, owner) in [
        ("a ReplicaSet's", controlled("ReplicaSet", "web-5d9f"), Some("ReplicaSet/web-5d9f")),
        ("nobody's", Value::Null, Some("none")),
        ("too long", controlled("Job", &long), Some(cut.as_str())),
        ("made up", controlled("a\u{1b}[2J", "b\n\"}"), Some("a\u{1b}[2J/b\n\"}")),
        ("nonsense", json!("x"), Some("none")),
    ] {
        let mut review = review("nginx");
        review["request"]["object"]["metadata"]["ownerReferences"] = references;
        world.admit(&review).await;
        let (metric, line) = world.last_lines();
        assert_eq!(line["owner"].as_str(), owner, "{name}: {line}");
        assert_eq!((&line["allowed"], metric.get("owner")), (&json!(false), None), "{name}");
    }
    let uid = "705ab4f5-6393-11e8-b7cc-42010a800002";
    world
        .admit(&json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": { "uid": uid } }))
        .await;
    assert_eq!(world.last_lines().1.get("owner"), None, "of what was not understood nothing is said");
}

#[tokio::test]
async fn an_absurdly_long_image_is_cut_in_the_log() {
    let world = World::new(never);
    let response = world.admit(&review(&"x".repeat(1 << 20))).await;
    assert_eq!(response["allowed"], false);
    assert!(world.lines.text().len() < 8192, "{}", world.lines.text().len());
}

#[tokio::test]
async fn a_pod_of_thousands_of_images_has_a_bounded_answer_and_costs_ecr_a_bounded_number_of_calls() {
    let world = World::new(throttling);
    let mut review = review("nginx");
    let container = |n: usize| json!({ "name": "c", "image": format!("{ACCEPTED}/team/app-{n}:1.0") });
    review["request"]["object"]["spec"]["containers"] = (0..20_000).map(container).collect();
    let response = world.admit(&review).await;
    assert_eq!(response["allowed"], false);
    assert!(response.to_string().len() < 8192, "{}", response.to_string().len());
    assert!(world.lines.text().len() < 65_536, "{}", world.lines.text().len());
    let calls = world.calls.load(Ordering::SeqCst);
    assert!(calls <= 16, "three hundred repositories in calls of 100 and 25, and the registry: {calls}");
}
