//! Tests of the wire format.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stand outside #[test] functions")]

use std::collections::BTreeMap;

use super::*;
use serde_json::{Value, json};

fn review(operation: &str, object: &Value, old_object: &Value) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "u-1",
            "kind": { "group": "", "version": "v1", "kind": "Pod" },
            "resource": { "group": "", "version": "v1", "resource": "pods" },
            "requestKind": { "group": "", "version": "v1", "kind": "Pod" },
            "requestResource": { "group": "", "version": "v1", "resource": "pods" },
            "name": "web", "namespace": "shop", "operation": operation,
            "userInfo": { "username": "somebody", "groups": ["system:authenticated"] },
            "object": object, "oldObject": old_object,
            "dryRun": true, "options": { "kind": "CreateOptions" }
        }
    })
}

fn pod(images: &[&str]) -> Value {
    let containers: Vec<Value> = images
        .iter()
        .enumerate()
        .map(|(index, image)| json!({ "name": format!("c{index}"), "image": image, "env": [{ "name": "A", "value": "canary" }] }))
        .collect();
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": { "namespace": "kube-system" }, "spec": { "containers": containers } })
}

fn images_of(review: &Value) -> Vec<String> {
    let text = review.to_string();
    let decoded = decode(text.as_bytes()).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    decoded.images().iter().map(|field| format!("{} {}", field.path, field.image)).collect()
}

fn refusal_of(body: &[u8]) -> Refusal {
    match decode(body) {
        Ok(_) => panic!("was understood"),
        Err(refusal) => refusal,
    }
}

#[test]
fn reads_who_asks_for_what_where() {
    let text = review("CREATE", &pod(&["a"]), &Value::Null).to_string();
    let Ok(decoded) = decode(text.as_bytes()) else { panic!("was not understood") };
    assert_eq!((&*decoded.uid, &*decoded.name), ("u-1", "web"));
    assert_eq!(decoded.namespace, "shop", "the API server's word, not the object's");
    assert_eq!((decoded.operation, decoded.dry_run), (Operation::Create, true));
}

#[test]
fn judges_only_the_images_that_a_request_brings_in() {
    let cases = [
        (
            "all of a new Pod",
            review("CREATE", &pod(&["a", "b"]), &Value::Null),
            vec!["spec.containers[0].image a", "spec.containers[1].image b"],
        ),
        (
            "those that an update changes",
            review("UPDATE", &pod(&["a", "c"]), &pod(&["a", "b"])),
            vec!["spec.containers[1].image c"],
        ),
        ("none of an update that changes no image", review("UPDATE", &pod(&["a"]), &pod(&["a"])), vec![]),
        (
            "all of an update without an old object",
            review("UPDATE", &pod(&["a"]), &Value::Null),
            vec!["spec.containers[0].image a"],
        ),
        (
            "all of a new Pod, whatever its old object says",
            review("CREATE", &pod(&["a"]), &pod(&["a"])),
            vec!["spec.containers[0].image a"],
        ),
        ("none of a removal", review("DELETE", &Value::Null, &pod(&["a"])), vec![]),
        ("none of a connection", review("CONNECT", &json!({ "kind": "PodExecOptions" }), &Value::Null), vec![]),
    ];
    for (name, review, expected) in cases {
        assert_eq!(images_of(&review), expected, "{name}");
    }
}

#[test]
fn judges_an_ephemeral_container_that_is_added() {
    let old = pod(&["a"]);
    let mut new = old.clone();
    new["spec"]["ephemeralContainers"] = json!([{ "name": "debugger", "image": "busybox" }]);
    let mut asked = review("UPDATE", &new, &old);
    asked["request"]["subResource"] = json!("ephemeralcontainers");
    assert_eq!(images_of(&asked), ["spec.ephemeralContainers[0].image busybox"]);
}

#[test]
fn every_bad_review_gets_one_sentence_with_the_field_and_the_way_out() {
    let changed = |pointer: &str, value: Value| {
        let mut review = review("CREATE", &pod(&["a"]), &Value::Null);
        *review.pointer_mut(pointer).unwrap() = value;
        review.to_string()
    };
    let no_request = json!({ "apiVersion": API_VERSION, "kind": KIND }).to_string();
    let good = review("CREATE", &pod(&["a"]), &Value::Null).to_string();
    let image_twice = good.replace(r#""image":"a""#, r#""image":"a","image":"b""#);
    let object_twice = good.replace(r#""object":"#, r#""object":{},"object":"#);
    let cases: Vec<(&str, String, Option<&str>, &str)> = vec![
        ("nothing", String::new(), None, "the AdmissionReview is not JSON"),
        ("text", "hello".to_owned(), None, "is not JSON (line 1 column 1); send a complete JSON document"),
        ("half a review", good[..good.len() / 2].to_owned(), None, "is not JSON"),
        ("two reviews", format!("{good}{good}"), None, "is not JSON"),
        ("a list", "[]".to_owned(), None, "the AdmissionReview is not shaped like one"),
        ("no request", no_request, None, "`request` is missing"),
        ("a request that is null", changed("/request", Value::Null), None, "`request` is missing"),
        ("no uid", changed("/request", json!({ "operation": "CREATE" })), None, "`request.uid` is missing"),
        ("an empty uid", changed("/request/uid", json!("")), None, "`request.uid` is missing"),
        ("a uid that is a number", changed("/request/uid", json!(5)), None, "not shaped like one"),
        (
            "the old version",
            changed("/apiVersion", json!("admission.k8s.io/v1beta1")),
            Some("u-1"),
            "set admissionReviewVersions: [\"v1\"]",
        ),
        (
            "another kind",
            changed("/kind", json!("ConversionReview")),
            Some("u-1"),
            "`kind` is \"ConversionReview\"; send an AdmissionReview",
        ),
        (
            "a Deployment",
            changed("/request/kind", json!({ "group": "apps", "version": "v1", "kind": "Deployment" })),
            Some("u-1"),
            "`request.kind` is \"apps/v1/Deployment\"",
        ),
        (
            "another resource",
            changed("/request/resource/resource", json!("bindings")),
            Some("u-1"),
            "`request.resource` is \"v1/bindings\"",
        ),
        ("no kind", changed("/request/kind", json!({})), Some("u-1"), "`request.kind` is \"\""),
        (
            "an unknown operation",
            changed("/request/operation", json!("PATCH")),
            Some("u-1"),
            "`request.operation` is \"PATCH\"",
        ),
        (
            "no object",
            changed("/request/object", Value::Null),
            Some("u-1"),
            "`request.object` is missing; a CREATE without the Pod",
        ),
        (
            "an object that is a text",
            changed("/request/object", json!("canary")),
            Some("u-1"),
            "`request.object` is not shaped like one",
        ),
        (
            "containers that are a text",
            changed("/request/object/spec/containers", json!("canary")),
            Some("u-1"),
            "`request.object` is not shaped like one",
        ),
        (
            "an image that is a number",
            changed("/request/object/spec/containers/0/image", json!(1)),
            Some("u-1"),
            "`request.object` is not shaped like one",
        ),
        ("an image given twice", image_twice, Some("u-1"), "`request.object` has the field `image` twice"),
        ("an object given twice", object_twice, Some("u-1"), "the AdmissionReview has the field `object` twice"),
        (
            "a uid given twice",
            good.replace(r#""uid":"u-1""#, r#""uid":"u-1","uid":"u-2""#),
            Some("u-1"),
            "has the field `uid` twice",
        ),
    ];
    for (name, body, uid, sentence) in cases {
        let refusal = refusal_of(body.as_bytes());
        assert_eq!((refusal.uid.as_deref(), refusal.code), (uid, 400), "{name}: {refusal:?}");
        assert!(refusal.message.contains(sentence), "{name}: {refusal:?}");
        assert!(!refusal.message.contains("canary") && !refusal.message.contains('\n'), "{name}: {refusal:?}");
    }
}

#[test]
fn a_word_that_no_api_server_sends_is_repeated_escaped_and_cut() {
    let strange = format!("\u{202e}\n\u{1b}[2J{}", "x".repeat(5000));
    for pointer in ["/apiVersion", "/kind", "/request/operation", "/request/kind/kind", "/request/resource/resource"] {
        let mut review = review("CREATE", &pod(&["a"]), &Value::Null);
        *review.pointer_mut(pointer).unwrap() = json!(strange);
        let message = refusal_of(review.to_string().as_bytes()).message;
        assert!(message.contains("\\u{202e}\\n\\u{1b}[2Jxxx") && message.len() < 400, "{pointer}: {message}");
    }
}

#[test]
fn a_pod_without_containers_is_none_that_an_api_server_sends_and_is_refused() {
    let with_spec = |spec: Value| json!({ "apiVersion": "v1", "kind": "Pod", "spec": spec });
    let init_only = with_spec(json!({ "containers": null, "initContainers": [{ "image": "a" }] }));
    let cases = [
        ("an empty object", json!({})),
        ("no spec", with_spec(Value::Null)),
        ("no containers", pod(&[])),
        ("init containers only", init_only),
        ("another kind of object", json!({ "kind": "Deployment", "spec": { "template": pod(&["a"]) } })),
    ];
    for (name, object) in cases {
        for operation in ["CREATE", "UPDATE"] {
            let refusal = refusal_of(review(operation, &object, &pod(&["a"])).to_string().as_bytes());
            assert_eq!((refusal.uid.as_deref(), refusal.code), (Some("u-1"), 400), "{name}, {operation}");
            assert!(refusal.message.contains("has no `spec.containers`"), "{name}, {operation}: {refusal:?}");
        }
    }
}

#[test]
fn a_list_where_an_object_stands_is_refused_and_not_read_as_its_members_in_their_order() {
    let good = review("CREATE", &pod(&["a"]), &Value::Null);
    let request = json!(["u-1", { "kind": "Pod", "version": "v1" }, { "kind": "pods", "version": "v1" }, "shop", "web", "DELETE"]);
    let cases = [
        ("", json!([API_VERSION, KIND, good["request"].clone()]), None),
        ("/request", request, None),
        ("/request/kind", json!(["", "v1", "Pod"]), Some("u-1")),
        ("/request/resource", json!(["", "v1", "pods"]), Some("u-1")),
        ("/request/object", json!([]), Some("u-1")),
        ("/request/object/spec", json!([[{ "image": "a" }]]), Some("u-1")),
        ("/request/object/spec/containers/0", json!(["a"]), Some("u-1")),
    ];
    for (pointer, list, uid) in cases {
        let mut review = good.clone();
        *review.pointer_mut(pointer).unwrap() = list;
        let refusal = refusal_of(review.to_string().as_bytes());
        assert_eq!((refusal.uid.as_deref(), refusal.code), (uid, 400), "{pointer}");
        assert!(refusal.message.contains("is not shaped like one"), "{pointer}: {refusal:?}");
    }
    let mut deployment = workload("Deployment", "apps", "deployments", &json!({}));
    deployment["request"]["kind"] = json!(["apps", "v1", "Deployment"]);
    assert_eq!(template_in(deployment.to_string().as_bytes()), None);
}

#[test]
fn an_update_without_its_object_is_refused_like_a_creation() {
    let refusal = refusal_of(review("UPDATE", &Value::Null, &pod(&["a"])).to_string().as_bytes());
    assert!(refusal.message.contains("a UPDATE without the Pod cannot be checked"), "{refusal:?}");
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    let mut body = review("CREATE", &pod(&["a"]), &Value::Null).to_string().into_bytes();
    *body.last_mut().unwrap() = 0xff;
    let refusal = refusal_of(&body);
    assert!(refusal.message.starts_with("the body is not UTF-8 text (byte "), "{refusal:?}");
}

#[test]
fn a_review_that_is_too_long_is_answered_with_its_size_and_the_limit() {
    let mut new = pod(&["a"]);
    new["metadata"]["annotations"] = json!({ "long": "x".repeat(6 << 20) });
    let body = review("CREATE", &new, &Value::Null).to_string();
    let refusal = refusal_of(body.as_bytes());
    assert_eq!((refusal.uid.as_deref(), refusal.code), (Some("u-1"), 413));
    assert!(refusal.message.contains(&format!("has {} bytes, the limit is 6291456", body.len())), "{refusal:?}");
}

#[test]
fn deep_nesting_is_either_skipped_or_refused_and_never_overflows() {
    let nest = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let good = review("CREATE", &pod(&["a"]), &Value::Null).to_string();
    let skipped = good.replace(r#""value":"canary""#, &format!(r#""value":{}"#, nest(500_000)));
    assert!(decode(skipped.as_bytes()).is_ok(), "where nobody looks it does no harm");
    let looked_at = good.replace(r#""image":"a""#, &format!(r#""image":{}"#, nest(500_000)));
    assert!(refusal_of(looked_at.as_bytes()).message.contains("`request.object` is not shaped like one"));
    let everywhere = refusal_of(nest(500_000).as_bytes());
    assert!(everywhere.message.contains("the AdmissionReview is not shaped like one"), "{everywhere:?}");
}

#[test]
fn escapes_in_names_and_values_are_read_as_what_they_mean() {
    let good = review("CREATE", &pod(&["nginx"]), &Value::Null).to_string();
    let escaped = good.replace(r#""image":"nginx""#, r#""im\u0061ge":"ngin\u0078""#);
    let decoded = decode(escaped.as_bytes()).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert_eq!(decoded.images()[0].image, "nginx");
}

#[test]
fn a_denial_has_uid_version_kind_code_reason_and_message() {
    for (code, reason) in
        [(403, "Forbidden"), (400, "BadRequest"), (413, "RequestEntityTooLarge"), (500, "InternalError")]
    {
        let denial = Denial { code, message: "no".to_owned() };
        let audit_annotations = BTreeMap::from([("findings", "registry/other".to_owned())]);
        let text =
            encode(&Answer { uid: "u-1", denial: Some(&denial), warnings: &["well".to_owned()], audit_annotations })
                .unwrap();
        let expected = json!({
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "response": {
                "uid": "u-1", "allowed": false,
                "status": { "status": "Failure", "message": "no", "reason": reason, "code": code },
                "warnings": ["well"],
                "auditAnnotations": { "findings": "registry/other" },
            },
        });
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }
}

#[test]
fn an_allowance_says_nothing_but_that() {
    let text = encode(&Answer { uid: "u-1", denial: None, warnings: &[], audit_annotations: BTreeMap::new() }).unwrap();
    let expected =
        r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"u-1","allowed":true}}"#;
    assert_eq!(text, expected);
}

fn workload(kind: &str, group: &str, resource: &str, object: &Value) -> Value {
    let mut review = review("CREATE", object, &Value::Null);
    review["request"]["kind"] = json!({ "group": group, "version": "v1", "kind": kind });
    review["request"]["resource"] = json!({ "group": group, "version": "v1", "resource": resource });
    review
}

#[test]
fn workloads_are_read_by_kind_and_resource_and_are_marked_as_never_to_be_denied() {
    let deployment = json!({ "spec": { "template": pod(&["a"]) } });
    let cron_job = json!({ "spec": { "jobTemplate": { "spec": { "template": pod(&["a"]) } } } });
    let bare = json!({ "template": pod(&["a"]) });
    let cases = [
        ("Deployment", "apps", "deployments", &deployment, "spec.template.spec.containers[0].image a"),
        ("Job", "batch", "jobs", &deployment, "spec.template.spec.containers[0].image a"),
        (
            "ReplicationController",
            "",
            "replicationcontrollers",
            &deployment,
            "spec.template.spec.containers[0].image a",
        ),
        ("CronJob", "batch", "cronjobs", &cron_job, "spec.jobTemplate.spec.template.spec.containers[0].image a"),
        ("PodTemplate", "", "podtemplates", &bare, "template.spec.containers[0].image a"),
    ];
    for (kind, group, resource, object, expected) in cases {
        let review = workload(kind, group, resource, object);
        assert_eq!(images_of(&review), [expected], "{kind}");
        let text = review.to_string();
        let Ok(decoded) = decode(text.as_bytes()) else { panic!("{kind} was not understood") };
        assert_eq!(decoded.template.map(|template| template.kind), Some(kind));
        assert_eq!(template_in(text.as_bytes()).map(|template| template.kind), Some(kind));
    }
    let mut update = workload("Deployment", "apps", "deployments", &deployment);
    update["request"]["operation"] = json!("UPDATE");
    update["request"]["oldObject"] = deployment.clone();
    assert_eq!(images_of(&update), Vec::<String>::new(), "an update that changes no image");
}

#[test]
fn a_pod_and_whatever_only_looks_like_a_workload_are_not_taken_for_one() {
    let good = review("CREATE", &pod(&["a"]), &Value::Null);
    let planted = json!({ "kind": { "group": "apps", "version": "v1", "kind": "Deployment" },
        "resource": { "group": "apps", "version": "v1", "resource": "deployments" }, "spec": {} });
    let cases = [
        ("a Pod", good),
        ("a Pod that says it were one", review("CREATE", &planted, &Value::Null)),
        ("a kind of another group", workload("Deployment", "example.com", "deployments", &planted)),
        ("a kind with another resource", workload("Deployment", "apps", "pods", &planted)),
        ("a resource of another kind", workload("Pod", "apps", "deployments", &planted)),
        ("a scale", workload("Scale", "autoscaling", "deployments", &planted)),
    ];
    for (name, review) in cases {
        let text = review.to_string();
        assert_eq!(template_in(text.as_bytes()), None, "{name}");
        assert!(decode(text.as_bytes()).map_or(true, |decoded| decoded.template.is_none()), "{name}");
    }
    assert_eq!(template_in(&[0xff]), None);

    // Of two that say different things nobody knows which is meant, and so it may be a Pod.
    let pod = review("CREATE", &pod(&["a"]), &Value::Null).to_string();
    let kind = r#""kind":{"group":"apps","version":"v1","kind":"Deployment"}"#;
    let resource = r#""resource":{"group":"apps","version":"v1","resource":"deployments"}"#;
    for (name, twice) in [
        ("kind and resource", pod.replacen(r#""request":{"#, &format!(r#""request":{{{kind},{resource},"#), 1)),
        ("the request", format!(r#"{{"request":{{{kind},{resource}}},{}"#, &pod[1..])),
    ] {
        assert!(serde_json::from_str::<Value>(&twice).is_ok() && decode(twice.as_bytes()).is_err(), "{name}");
        assert_eq!(template_in(twice.as_bytes()), None, "{name}");
    }
}
