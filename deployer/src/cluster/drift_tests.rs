//! Differences between the rendered manifest and objects as an API server keeps them: told, or rightly not told.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use super::*;
use crate::{
    cluster::{moment::Moment, pause::Pause, webhook::ENTRY},
    settings::{FailurePolicy, Settings},
    synth::{WebhookManifest, webhook_manifest},
};

const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const OTHER: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

fn wanted() -> Value {
    let url = format!("https://api.example.com/v1/staging/{SECRET}");
    let manifest = WebhookManifest { url: &url, ca_bundle: None, failure_policy: FailurePolicy::Ignore };
    serde_saphyr::from_str(&webhook_manifest(&Settings::default(), &manifest).unwrap()).unwrap()
}

/// As an API server returns it: with its own metadata, and the fields that it fills in.
fn found() -> Value {
    let mut object = wanted();
    object["metadata"]["uid"] = json!("u");
    object["metadata"]["resourceVersion"] = json!("7");
    object["metadata"]["generation"] = json!(3);
    object["metadata"]["managedFields"] = json!([{ "manager": "x" }]);
    object["metadata"]["labels"]["team"] = json!("theirs");
    object["metadata"]["annotations"] = json!({ "theirs": "x" });
    for entry in object["webhooks"].as_array_mut().unwrap() {
        entry["objectSelector"] = json!({});
        entry["rules"].as_array_mut().unwrap().reverse();
    }
    object
}

/// Sets what is at a pointer, also where nothing is yet.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[key] = value;
}

fn check(cases: &[Case]) {
    for (name, pointer, value, expected) in cases {
        let mut object = found();
        put(&mut object, pointer, value.clone());
        let told: Vec<String> = differences(&wanted(), &object).iter().map(ToString::to_string).collect();
        assert_eq!(told, *expected, "{name}");
        assert!(!told.concat().contains(SECRET) && !told.concat().contains(OTHER), "{name} shows a secret: {told:?}");
    }
}

/// What is at a JSON pointer set to a value; the lines that tell it.
type Case = (&'static str, &'static str, Value, &'static [&'static str]);

#[test]
fn what_the_api_server_fills_in_and_what_others_add_is_no_difference() {
    assert_eq!(differences(&wanted(), &found()), []);
    let mut bare = wanted();
    bare["webhooks"] = json!([{ "name": "a.b.c", "clientConfig": {} }]);
    let mut filled = bare.clone();
    filled["webhooks"][0] = json!({
        "name": "a.b.c", "clientConfig": {}, "failurePolicy": "Fail", "matchPolicy": "Equivalent",
        "namespaceSelector": {}, "objectSelector": {}, "timeoutSeconds": 10, "matchConditions": [],
    });
    assert_eq!(differences(&bare, &filled), []);
}

#[test]
fn a_pause_is_no_difference_and_a_condition_in_disguise_is_one() {
    let mut paused = found();
    let until = Moment::here().after(Duration::from_mins(1));
    let pause = Pause { until, by: "ann".to_owned(), reason: "x".to_owned() };
    assert!(pause::add(&mut paused, &pause));
    assert_eq!(differences(&wanted(), &paused), []);
    paused["webhooks"][0]["matchConditions"][0]["expression"] = json!("false");
    assert_eq!(differences(&wanted(), &paused).len(), 1);
}

#[test]
fn each_field_that_differs_is_told() {
    let namespaces = "/webhooks/0/namespaceSelector/matchExpressions/0/values";
    let cases: [Case; 9] = [
        (
            "failurePolicy",
            "/webhooks/0/failurePolicy",
            json!("Fail"),
            &["~ failurePolicy of pods.ecr-compliance.webhook: Fail -> Ignore"],
        ),
        (
            "timeout",
            "/webhooks/1/timeoutSeconds",
            json!(30),
            &["~ timeoutSeconds of workloads.ecr-compliance.webhook: 30 -> 5"],
        ),
        (
            "one more namespace",
            namespaces,
            json!(["lab", "kube-node-lease", "kube-system"]),
            &["- namespace not judged by pods.ecr-compliance.webhook: lab"],
        ),
        (
            "life support is judged",
            namespaces,
            json!(["kube-node-lease"]),
            &["+ namespace not judged by pods.ecr-compliance.webhook: kube-system"],
        ),
        (
            "a selector by label",
            "/webhooks/0/objectSelector",
            json!({ "matchLabels": { "a": "b" } }),
            &["~ objectSelector of pods.ecr-compliance.webhook: {\"matchLabels\":{\"a\":\"b\"}} -> {}"],
        ),
        (
            "another resource",
            "/webhooks/0/rules/0/resources",
            json!(["pods/binding"]),
            &[
                "+ rule of pods.ecr-compliance.webhook: UPDATE core/v1 pods/ephemeralcontainers (Namespaced)",
                "- rule of pods.ecr-compliance.webhook: UPDATE core/v1 pods/binding (Namespaced)",
            ],
        ),
        (
            "a condition",
            "/webhooks/0/matchConditions",
            json!([{ "name": "x", "expression": "false" }]),
            &["- match condition of pods.ecr-compliance.webhook: x: false"],
        ),
        (
            "another entry",
            "/webhooks/1/name",
            json!("x.y.z"),
            &[
                "+ entry workloads.ecr-compliance.webhook: failurePolicy Ignore, calls https://api.example.com/v1/staging/***",
                "- entry x.y.z: failurePolicy Ignore, calls https://api.example.com/v1/staging/***",
            ],
        ),
        (
            "a label",
            "/metadata/labels",
            json!({ "app.kubernetes.io/managed-by": "ecr-compliance-webhook" }),
            &["+ label app.kubernetes.io/name: ecr-compliance-webhook"],
        ),
    ];
    check(&cases);
}

#[test]
fn of_a_url_it_is_told_what_differs_and_never_the_secret() {
    let (url, other_host) = (format!("https://api.example.com/v1/staging/{SECRET}"), "https://evil.example.com");
    let (url_at, config) = ("/webhooks/0/clientConfig/url", "/webhooks/0/clientConfig");
    let service = json!({ "service": { "namespace": "a", "name": "b", "path": SECRET } });
    let bundle = json!({ "url": url, "caBundle": "TUlJQg==" });
    let cases: [Case; 7] = [
        (
            "a token instead",
            url_at,
            json!("https://api.example.com/v1/staging"),
            &["~ path of the url of pods.ecr-compliance.webhook: without a caller's secret -> of the caller staging"],
        ),
        (
            "another host",
            url_at,
            json!(format!("{other_host}/v1/staging/{SECRET}")),
            &["~ endpoint of pods.ecr-compliance.webhook: https://evil.example.com -> https://api.example.com"],
        ),
        (
            "another secret",
            url_at,
            json!(format!("https://api.example.com/v1/staging/{OTHER}")),
            &["~ caller's secret of pods.ecr-compliance.webhook: another one -> the known one"],
        ),
        (
            "another caller",
            url_at,
            json!(format!("https://api.example.com/v1/prod/{SECRET}")),
            &["~ caller of pods.ecr-compliance.webhook: prod -> staging"],
        ),
        (
            "a slash at the end",
            url_at,
            json!(format!("{url}/")),
            &["~ path of the url of pods.ecr-compliance.webhook: without a caller's secret -> of the caller staging"],
        ),
        (
            "a service",
            config,
            service,
            &[
                "+ url of pods.ecr-compliance.webhook: https://api.example.com/v1/staging/***",
                "- service of pods.ecr-compliance.webhook: a/b",
            ],
        ),
        (
            "a bundle",
            config,
            bundle,
            &["- caBundle of pods.ecr-compliance.webhook: sha256 of its text 5421030da0b244ca…"],
        ),
    ];
    check(&cases);
}

#[test]
fn a_field_of_a_kubernetes_to_come_is_not_passed_over() {
    let mut object = found();
    object["webhooks"][0]["skipOnTuesdays"] = json!(true);
    assert_eq!(differences(&wanted(), &object)[0].to_string(), format!("- skipOnTuesdays of {ENTRY}: true"));
}
