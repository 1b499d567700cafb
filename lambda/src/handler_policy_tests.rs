//! Tests of what a policy makes of a whole admission, and of early warnings: the same world as in the handler's tests.

#![allow(clippy::unwrap_used, reason = "helpers of tests stand outside #[test] functions")]

use super::world::{ACCEPTED, Ecr, World, good, never, review, throttling};
use super::*;
use lambda_http::http;
use serde_json::Value;

const PINNED: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn mutable(operation: &str) -> http::Response<String> {
    let text = good(operation).into_body().replace("\"IMMUTABLE\"", "\"MUTABLE\"");
    http::Response::builder().status(200).body(text).unwrap()
}

#[tokio::test]
async fn a_rule_that_warns_admits_the_pod_with_a_warning() {
    let world = World::new(mutable).under(r#"{"rules": {"tag-immutability": {"mode": "warn"}}}"#);
    let response = world.admit(&review(&format!("{ACCEPTED}/team/app:1.0"))).await;
    assert_eq!(response["allowed"], true, "{response}");
    let warning = response["warnings"][0].as_str().unwrap();
    assert!(warning.starts_with("[tag-immutability] spec.containers[0].image: tags can be overwritten"), "{warning}");
    let annotations = &response["auditAnnotations"];
    assert_eq!(
        (&annotations["warnings"], &annotations["findings"]),
        (&json!("tag-immutability/tags-mutable"), &Value::Null)
    );
    let (metric, line) = world.last_lines();
    assert_eq!((&metric["Pass"], &metric["Warn"], &metric["Exempted"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!(
        (&line["findings"][0]["mode"], &line["policyVersion"]),
        (&json!("warn"), &annotations["policy-version"])
    );
}

#[tokio::test]
async fn a_rule_that_audits_tells_the_logs_and_not_the_user() {
    let world = World::new(mutable).under(r#"{"rules": {"tag-immutability": {"mode": "audit"}}}"#);
    let response = world.admit(&review(&format!("{ACCEPTED}/team/app:1.0"))).await;
    assert_eq!((&response["allowed"], response.get("warnings")), (&json!(true), None), "{response}");
    assert_eq!(response["auditAnnotations"]["audits"], "tag-immutability/tags-mutable");
    let (metric, line) = world.last_lines();
    assert_eq!((&metric["Warn"], &line["findings"][0]["mode"]), (&json!(0), &json!("audit")));
}

#[tokio::test]
async fn an_exemption_admits_the_pod_and_shows_until_it_has_expired() {
    let policy = |expires: &str| {
        json!({ "exemptions": [{
            "id": "EX-42", "image": "docker.io/library/nginx", "rules": ["registry"], "reason": "r", "owner": "o",
            "ticket": "t", "expires": expires,
        }] })
        .to_string()
    };
    let world = World::new(never).under(&policy("9999-12-31"));
    let response = world.admit(&review(&format!("nginx:1@{PINNED}"))).await;
    assert_eq!(response["allowed"], true, "{response}");
    assert!(response["warnings"][0].as_str().unwrap().contains(": allowed by EX-42, expires in "), "{response}");
    assert_eq!(response["auditAnnotations"]["exemptions"], "EX-42=registry");
    assert_eq!(response["auditAnnotations"]["digests"], PINNED);
    let (metric, line) = world.last_lines();
    assert_eq!((&metric["Exempted"], &metric["Warn"]), (&json!(1), &json!(0)));
    assert_eq!((&line["exemptions"][0]["id"], &line["exemptions"][0]["rule"]), (&json!("EX-42"), &json!("registry")));

    let world = World::new(never).under(&policy("2020-01-01"));
    let response = world.admit(&review("nginx")).await;
    assert_eq!((&response["allowed"], response.get("warnings")), (&json!(false), None), "{response}");
}

#[tokio::test]
async fn what_could_not_be_checked_passes_loudly_where_the_owner_lets_it() {
    let allow = r#"{"rules": {"tag-immutability": {"on_error": "allow"}, "scan-on-push": {"on_error": "allow"}}}"#;
    let world = World::new(throttling).under(allow);
    let response = world.admit(&review(&format!("{ACCEPTED}/team/app:1.0"))).await;
    assert_eq!(response["allowed"], true, "{response}");
    assert!(response["warnings"][0].as_str().unwrap().contains("could not be checked"), "{response}");
    let (metric, line) = world.last_lines();
    assert_eq!((&metric["Pass"], &metric["Warn"], &metric["Undecided"]), (&json!(1), &json!(1), &json!(0)));
    assert_eq!((&line["level"], &line["message"]), (&json!("ERROR"), &json!("allowed, could not be checked")));
}

#[tokio::test]
async fn under_a_malformed_policy_pods_could_not_be_checked_and_nothing_else_is_stopped() {
    let policy = r#"{"rules": {"registry": {"mode": "Enforce"}}, "ignored_namespaces": ["X"]}"#;
    let world = World::new(never).under(policy);
    let response = world.admit(&review(&format!("{ACCEPTED}/team/app:1.0"))).await;
    assert_eq!((&response["allowed"], &response["status"]["code"]), (&json!(false), &json!(403)));
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.contains("could not be checked: the policy is malformed (policy."), "{message}");
    assert!(message.contains("; and 1 more)"), "{message}");
    assert_eq!(response["auditAnnotations"]["findings"], "policy/policy-malformed");
    let (metric, line) = world.last_lines();
    assert_eq!((&metric["Deny"], &metric["Undecided"], &line["level"]), (&json!(1), &json!(1), &json!("ERROR")));

    let mut label = review("nginx");
    label["request"]["operation"] = json!("UPDATE");
    label["request"]["oldObject"] = label["request"]["object"].clone();
    assert_eq!(world.admit(&label).await["allowed"], true, "what brings in no image");
    let mut ignored = review("nginx");
    ignored["request"]["namespace"] = json!("kube-system");
    assert_eq!(world.admit(&ignored).await["allowed"], true, "a namespace that the environment says to ignore");
}

/// A Deployment of the Pod of the fixture.
fn deployment(image: &str) -> Value {
    let mut review = review(image);
    let pod = review["request"]["object"].take();
    review["request"]["object"] = json!({ "kind": "Deployment", "spec": { "template": pod } });
    review["request"]["kind"] = json!({ "group": "apps", "version": "v1", "kind": "Deployment" });
    review["request"]["resource"] = json!({ "group": "apps", "version": "v1", "resource": "deployments" });
    review
}

#[tokio::test]
async fn the_author_of_a_deployment_is_warned_that_its_pods_will_be_denied() {
    let world = World::new(never);
    let response = world.admit(&deployment("nginx")).await;
    assert_eq!((&response["allowed"], response.get("status")), (&json!(true), None), "{response}");
    let warning = response["warnings"][0].as_str().unwrap();
    let expected = "this Deployment's Pods will be denied: [registry] spec.template.spec.containers[0].image: it comes";
    assert!(warning.starts_with(expected), "{warning}");
    assert_eq!(response["auditAnnotations"]["findings"], "registry/docker-hub");
    let (metric, line) = world.last_lines();
    assert_eq!((metric.get("Pass"), metric.get("Deny"), &metric["earlyWarning"]), (None, None, &json!(true)));
    assert_eq!((&line["message"], &line["earlyWarningOf"]), (&json!("early warning"), &json!("Deployment")));
}

#[tokio::test]
async fn a_compliant_deployment_is_not_talked_about() {
    let world = World::new(good);
    let response = world.admit(&deployment(&format!("{ACCEPTED}/team/app:1.0"))).await;
    assert_eq!((&response["allowed"], response.get("warnings")), (&json!(true), None), "{response}");
    assert_eq!(world.last_lines().1["level"], "DEBUG");
    let response = World::new(never).admit(&deployment("")).await;
    assert_eq!(
        (&response["allowed"], response.get("warnings")),
        (&json!(true), None),
        "an image to be filled in later"
    );
}

#[tokio::test]
async fn a_deployment_is_never_denied_whatever_goes_wrong() {
    let image = format!("{ACCEPTED}/team/app:1.0");
    let changed = |pointer: &str, value: Value| {
        let mut review = deployment(&image);
        *review.pointer_mut(pointer).unwrap() = value;
        review
    };
    let whole = "whether this Deployment's Pods will be denied could not be checked: ";
    let cases: [(&str, Ecr, Value, &str); 6] = [
        ("ECR throttles", throttling, deployment(&image), "this Deployment's Pods may be denied: "),
        ("a defect", never, deployment(&image), whole),
        ("no object", never, changed("/request/object", Value::Null), whole),
        ("an object of another shape", never, changed("/request/object/spec", json!("canary")), whole),
        ("3 MB", never, changed("/request/object/kind", json!("x".repeat(3 << 20))), whole),
        ("the old version", never, changed("/apiVersion", json!("admission.k8s.io/v1beta1")), whole),
    ];
    for (name, ecr, review, expected) in cases {
        let world = World::new(ecr);
        let response = world.admit(&review).await;
        assert_eq!((&response["allowed"], response.get("status")), (&json!(true), None), "{name}: {response}");
        let warnings = response["warnings"].as_array().unwrap();
        assert!(warnings[0].as_str().unwrap().starts_with(expected), "{name}: {warnings:?}");
        assert!(
            warnings.iter().all(|warning| warning.as_str().unwrap().chars().count() <= 256),
            "{name}: {warnings:?}"
        );
        let (metric, line) = world.last_lines();
        assert_eq!((metric.get("Deny"), &line["earlyWarningOf"]), (None, &json!("Deployment")), "{name}");
        assert_eq!(line["message"] == "early warning could not be given", expected == whole, "{name}: {line}");
    }
    let world = World::new(never).under("{");
    let response = world.admit(&deployment(&image)).await;
    assert_eq!(response["allowed"], true);
    assert!(response["warnings"][0].as_str().unwrap().contains("the policy is malformed"), "{response}");
}

#[tokio::test]
async fn facts_are_remembered_from_one_pod_to_the_next_and_counted() {
    let world = World::new(good);
    let pod = review(&format!("{ACCEPTED}/team/app:1.0"));
    world.admit(&pod).await;
    let (metric, _) = world.last_lines();
    assert_eq!((&metric["EcrCalls"], &metric["CacheHit"]), (&json!(3), &json!(0)), "{metric}");
    assert!(metric["EcrLatency"].is_number(), "{metric}");
    world.admit(&pod).await;
    let (metric, _) = world.last_lines();
    assert_eq!((&metric["EcrCalls"], metric.get("EcrLatency")), (&json!(0), None), "{metric}");
    assert!(metric["CacheHit"].as_u64().unwrap() > 0, "{metric}");
}

/// What [`mended`] answers: each test that uses it has the process's one ECR to itself.
static MENDED: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

/// 0: mutable, 1: immutable, 2: nothing but throttling.
fn mended(operation: &str) -> http::Response<String> {
    match MENDED.load(std::sync::atomic::Ordering::SeqCst) {
        0 => mutable(operation),
        1 => good(operation),
        _ => throttling(operation),
    }
}

#[tokio::test]
async fn what_is_remembered_lets_pods_in_but_keeps_none_out() {
    let now = |state| MENDED.store(state, std::sync::atomic::Ordering::SeqCst);
    let pod = review(&format!("{ACCEPTED}/team/app:1.0"));
    for (name, policy) in [("enforced", "{}"), ("warned about", r#"{"rules": {"tag-immutability": {"mode": "warn"}}}"#)]
    {
        let world = World::new(mended).under(policy);
        let objected = |response: &Value| response["allowed"] == false || response["warnings"].is_array();
        now(0);
        assert!(objected(&world.admit(&pod).await), "{name}: first");

        // Still as it was: ECR is asked again, once.
        assert!(objected(&world.admit(&pod).await), "{name}: nothing was mended");
        let (metric, _) = world.last_lines();
        assert_eq!((&metric["EcrCalls"], &metric["CacheHit"]), (&json!(3), &json!(3)), "{name}: {metric}");

        // ECR fails: what is remembered stands in, and its finding with it.
        now(2);
        let response = world.admit(&pod).await;
        assert!(objected(&response) && !response.to_string().contains("could not be checked"), "{name}: {response}");

        now(1);
        let world = World::new(mended).under(policy);
        now(0);
        world.admit(&pod).await;
        now(1);
        let response = world.admit(&pod).await;
        assert!(!objected(&response), "{name}: the fix was run: {response}");

        // What lets in is remembered as before.
        now(0);
        assert!(!objected(&world.admit(&pod).await), "{name}: remembered");
    }
}
