//! What the API server is told: a shape that it reads, texts within its limits, and nothing of a Pod but names.

use serde_json::{Map, Value, json};

use crate::CANARY;

/// Bytes of a denial by the rules: the verdict, how old it is, and the request's uid.
const LONGEST_DENIAL: usize = 4096;
/// Limits of Kubernetes on warnings, in characters.
const LONGEST_WARNING: usize = 256;
const LONGEST_WARNINGS: usize = 4096;
/// A key stands behind the webhook's name and a slash, and has this many bytes at most.
const LONGEST_KEY: usize = 63;

/// Reads an answer, and says whether it lets the request in.
pub(crate) fn lets_in(text: &str, uid: &str) -> bool {
    let answer: Value = serde_json::from_str(text).expect("an answer is JSON");
    assert_eq!((&answer["apiVersion"], &answer["kind"]), (&json!("admission.k8s.io/v1"), &json!("AdmissionReview")));
    let response = &answer["response"];
    assert_eq!(response["uid"], uid, "an answer to another request");
    let allowed = response["allowed"].as_bool().expect("a yes or a no");
    assert_eq!(allowed, response.get("status").is_none(), "a no has a reason, and a yes none: {response}");
    if !allowed {
        let code = response["status"]["code"].as_u64().expect("a code");
        let message = response["status"]["message"].as_str().expect("a message");
        assert!((400..600).contains(&code), "{code}");
        assert!(!message.is_empty() && message.len() <= LONGEST_DENIAL + uid.len(), "{message:?}");
    }
    assert_warnings(&response["warnings"]);
    for (key, value) in response["auditAnnotations"].as_object().into_iter().flatten() {
        assert!(key.len() <= LONGEST_KEY && !key.contains('/') && value.is_string(), "{key}: {value}");
    }
    allowed
}

fn assert_warnings(warnings: &Value) {
    let texts: Vec<&str> = warnings.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let lengths: Vec<usize> = texts.iter().map(|text| text.chars().count()).collect();
    assert!(lengths.iter().all(|length| *length <= LONGEST_WARNING), "{texts:?}");
    assert!(lengths.iter().sum::<usize>() <= LONGEST_WARNINGS, "{texts:?}");
}

/// A secret that stands only where secrets may stand is in nothing that was told or logged.
pub(crate) fn assert_keeps_secrets(review: &Value, told: &str) {
    if !names(review).to_string().contains(CANARY) {
        assert!(!told.contains(CANARY), "repeats what a Pod holds: {told}");
    }
}

/// All of a review that may be repeated: who asks for what, the images, and what owns the Pod.
fn names(review: &Value) -> Value {
    let request = &review["request"];
    let mut all = Map::new();
    for name in ["apiVersion", "kind"] {
        all.insert(name.to_owned(), review[name].clone());
    }
    for name in ["uid", "kind", "resource", "namespace", "name", "operation"] {
        all.insert(format!("request {name}"), request[name].clone());
    }
    for name in ["object", "oldObject"] {
        let mut found = Vec::new();
        images(&request[name], &mut found);
        all.insert(name.to_owned(), Value::Array(found));
    }
    all.insert("owners".to_owned(), request["object"]["metadata"]["ownerReferences"].clone());
    Value::Object(all)
}

/// Everything below a key that an image can have, wherever it stands.
fn images(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| images(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                if name == "image" { found.push(member.clone()) } else { images(member, found) }
            }
        }
        _ => {}
    }
}
