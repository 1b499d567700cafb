//! The function's `policy.json`: nothing that is written there is dropped, and what is malformed lets nothing in.

use std::collections::BTreeSet;
use std::time::SystemTime;

use compliance::facts::Facts;
use compliance::policy::{self, PolicyFile, Request};
use compliance::workload::ImageField;
use lambda::policy_file::{self, Overrides};
use serde_json::Value;

use crate::{HOME, IGNORED};

/// Bytes of one thing that is wrong, with the place and the value.
const LONGEST_ERROR: usize = 1024;
/// From nowhere that anybody accepts or trusts.
const STRANGE: &str = "registry.example/app:1";

/// Reads a policy as the function does, whose environment has one namespace not judged.
///
/// # Panics
/// When a promise is not kept.
#[must_use]
pub fn policy(bytes: &[u8]) -> bool {
    let file = PolicyFile::from_json(bytes);
    let ignored_namespaces: BTreeSet<String> = [IGNORED.to_owned()].into();
    let overrides = Overrides { ignored_namespaces, ..Overrides::default() };
    let configured = policy_file::configure(&Ok(Some(bytes.to_owned())), &overrides, &HOME);
    if let Ok(file) = &file {
        keeps_what_is_written(file, bytes);
    }
    let request = |namespace| Request {
        namespace,
        images: vec![ImageField { path: "spec.containers[0].image".to_owned(), image: STRANGE }],
    };
    match configured.policy {
        Ok(policy) => {
            let file = file.expect("what is no policy file is no policy");
            assert_eq!(policy.ignored_namespaces, [IGNORED], "the environment counts");
            let judge =
                |namespace| policy::evaluate(&policy, &request(namespace), &Facts::default(), SystemTime::UNIX_EPOCH);
            assert!(judge(IGNORED).skipped.is_some());
            let as_usual = file.rules.0.is_empty() && file.namespaces.0.is_empty() && file.exemptions.is_empty();
            assert!(!(as_usual && judge("shop").allowed()), "a policy that lifts nothing lets {STRANGE} in");
            true
        }
        Err(malformed) => {
            assert!(!malformed.errors.is_empty(), "refused for nothing");
            for error in &malformed.errors {
                assert!(error.len() <= LONGEST_ERROR && !error.contains('\n'), "{error:?}");
            }
            let verdict = malformed.verdict(&request("shop"));
            assert!(!verdict.allowed() && verdict.undecided(), "a malformed policy lets images in");
            assert!(malformed.verdict(&request(IGNORED)).skipped.is_some(), "the cluster's own Pods are locked out");
            false
        }
    }
}

/// Whatever stands in the file, but for what says nothing, is in what was read: no key is passed over.
fn keeps_what_is_written(file: &PolicyFile, bytes: &[u8]) {
    let written: Value = serde_json::from_slice(bytes).expect("a policy is JSON");
    let again = serde_json::to_value(file).expect("a policy can be written");
    assert_eq!(said(&again), said(&written), "read otherwise than written");
    let text = again.to_string();
    assert_eq!(PolicyFile::from_json(text.as_bytes()).as_ref(), Ok(file), "what was written is read otherwise: {text}");
}

/// Without nulls, empty lists and empty tables.
fn said(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(items) => {
            Some(items.iter().filter_map(said).collect()).filter(|all: &Vec<_>| !all.is_empty()).map(Value::Array)
        }
        Value::Object(members) => {
            let all: serde_json::Map<_, _> =
                members.iter().filter_map(|(name, one)| Some((name.clone(), said(one)?))).collect();
            Some(all).filter(|all| !all.is_empty()).map(Value::Object)
        }
        scalar => Some(scalar.clone()),
    }
}
