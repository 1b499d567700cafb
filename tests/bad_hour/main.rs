//! The contract for the bad hour: the real function, driven as Lambda drives it, while ECR fails in every way we know.
//!
//! The table in docs/bad-hour.md is made from the cases that are played here. No clock decides: where ECR is silent it
//! stays silent until the function has answered, so an answer means that the function gave up waiting by itself; that
//! it does so before Lambda and the API server would, its own deadlines say, which the table repeats.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod contract;
mod function;
mod runtime;

use std::fmt::Write as _;

use local_world::root;
use serde_json::json;

use contract::{CONTRACT, Case, Verdict};

const MARK: (&str, &str) = ("<!-- contract -->\n", "<!-- /contract -->");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_function_keeps_its_contract_in_the_bad_hour() {
    let mut running = tokio::task::JoinSet::new();
    for case in CONTRACT {
        running.spawn(async move { (case.name, function::play(case).await) });
    }
    let mut broken = String::new();
    while let Some(played) = running.join_next().await {
        let (name, seen) = played.expect("a case is played to its end");
        let case = CONTRACT.iter().find(|case| case.name == name).unwrap();
        for difference in differences(case, &seen) {
            let _ = writeln!(broken, "{name}: {difference}\n  answer: {}\n  metrics: {}", seen.response, seen.metrics);
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

fn differences(case: &Case, seen: &function::Seen) -> Vec<String> {
    let mut found = Vec::new();
    let mut check = |what: &str, expected: serde_json::Value, actual: &serde_json::Value| {
        if *actual != expected {
            found.push(format!("{what} is {actual}, not {expected}"));
        }
    };
    if case.verdict == Verdict::Again {
        check("status", json!(429), &seen.status);
        check("the answer", json!(null), &seen.response);
        check("RetryAsked", json!(1), &seen.metrics["RetryAsked"]);
        check("Deny", json!(null), &seen.metrics["Deny"]);
        return found;
    }
    let denied = case.verdict != Verdict::Allowed;
    check("status", json!(200), &seen.status);
    check("allowed", json!(!denied), &seen.response["allowed"]);
    check("Deny", json!(u8::from(denied)), &seen.metrics["Deny"]);
    check("Pass", json!(u8::from(!denied)), &seen.metrics["Pass"]);
    check("Undecided", json!(u8::from(case.verdict == Verdict::Undecided)), &seen.metrics["Undecided"]);
    if denied {
        check("status.code", json!(403), &seen.response["status"]["code"]);
    }
    let message = seen.response["status"]["message"].as_str().unwrap_or_default();
    if denied && !message.contains(case.words) {
        found.push(format!("the message lacks {:?}", case.words));
    }
    if seen.response.to_string().contains(local_world::faulty_ecr::SECRET_WORDS) {
        found.push("AWS's own words are told to the author of the Pod".to_owned());
    }
    let annotations = seen.response["auditAnnotations"].to_string();
    if denied && !annotations.contains(case.code) {
        found.push(format!("the audit annotations lack the code {}", case.code));
    }
    found
}

#[test]
fn the_documented_contract_is_the_one_that_is_played() {
    let path = root::checkout().expect("a checkout").join("docs/bad-hour.md");
    let text = std::fs::read_to_string(path).expect("docs/bad-hour.md can be read");
    let (_, rest) = text.split_once(MARK.0).expect("the table's beginning is marked");
    let (table, _) = rest.split_once(MARK.1).expect("the table's end is marked");
    let expected = contract::markdown();
    assert_eq!(table, expected, "put this between the marks of docs/bad-hour.md:\n{expected}");
}
