//! What is read of a scan, against an ECR at the wire: what does not add up is no fact, and what can be fixed is counted.

use std::slice::from_ref;

use serde_json::{Value, json};

use super::fake::{Answer, DIGEST, FakeEcr, OWN, healthy, scanned};
use super::images::{FINDINGS, OTHER_DIGEST, found, gather, scan_code, tag, with_scans};
use crate::facts::{ScanResult, ScanStatus, Severity};

#[tokio::test(start_paused = true)]
async fn a_scan_that_cannot_be_had_or_does_not_add_up_is_no_clean_one() {
    type Script = fn(&Value) -> Answer;
    let cases: [(&str, Script, &str); 7] = [
        ("throttled", |_| Answer::Error(400, "ThrottlingException"), "throttled"),
        ("denied", |_| Answer::Error(400, "AccessDeniedException"), "access-denied"),
        ("of two minds", |_| Answer::Error(400, "ImageNotFoundException"), "image-facts-missing"),
        (
            "less than none",
            |body| Answer::Json(scanned(OWN, body, "COMPLETE", &json!({"HIGH": -1}))),
            "scan-counts-wrong",
        ),
        (
            "vulnerabilities without counts",
            |body| {
                let mut answer = scanned(OWN, body, "COMPLETE", &Value::Null);
                answer["imageScanFindings"]["enhancedFindings"] = json!([{"severity": "HIGH"}]);
                Answer::Json(answer)
            },
            "scan-counts-wrong",
        ),
        (
            "a vulnerability of a severity without a count",
            |body| {
                let mut answer = scanned(OWN, body, "COMPLETE", &json!({"LOW": 1}));
                answer["imageScanFindings"]["findings"] = json!([{"name": "CVE-1", "severity": "CRITICAL"}]);
                Answer::Json(answer)
            },
            "scan-counts-wrong",
        ),
        (
            "another image's",
            |body| {
                let mut answer = scanned(OWN, body, "COMPLETE", &json!({}));
                answer["imageId"] = json!({"imageDigest": OTHER_DIGEST});
                Answer::Json(answer)
            },
            "wrong-registry",
        ),
    ];
    let key = tag(OWN, "app", "1");
    for (name, script, expected) in cases {
        let fake = FakeEcr::new(
            move |operation, body| if operation == FINDINGS { script(body) } else { healthy(operation, body) },
        );
        let facts = gather(&fake.facts(), &with_scans(from_ref(&key))).await.facts;
        assert_eq!(scan_code(&facts, &key), expected, "{name}");
        assert_eq!(facts.image(&key), Some(&found(DIGEST)), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn never_scanned_and_scanned_without_findings_are_told_apart() {
    let key = tag(OWN, "app", "1");
    let never = FakeEcr::new(|operation, body| match operation {
        FINDINGS => Answer::Error(400, "ScanNotFoundException"),
        _ => healthy(operation, body),
    });
    let facts = gather(&never.facts(), &with_scans(from_ref(&key))).await.facts;
    assert_eq!(facts.scan(&key), Some(&ScanResult::NotScanned));
    let bare = FakeEcr::new(|operation, body| match operation {
        FINDINGS => Answer::Json(json!({"registryId": OWN, "repositoryName": "app", "imageId": body["imageId"]})),
        _ => healthy(operation, body),
    });
    let facts = gather(&bare.facts(), &with_scans(from_ref(&key))).await.facts;
    let Some(ScanResult::Scanned(report)) = facts.scan(&key) else { panic!("{facts:?}") };
    assert_eq!((&report.status, &report.counts), (&ScanStatus::Unrecognised("none".to_owned()), &None));
    let uncounted = FakeEcr::new(|operation, body| match operation {
        FINDINGS => Answer::Json(scanned(OWN, body, "COMPLETE", &Value::Null)),
        _ => healthy(operation, body),
    });
    let facts = gather(&uncounted.facts(), &with_scans(from_ref(&key))).await.facts;
    let Some(ScanResult::Scanned(report)) = facts.scan(&key) else { panic!("{facts:?}") };
    assert_eq!(report.counts, None, "no counts are not the same as counts of none");
}

#[tokio::test(start_paused = true)]
async fn which_vulnerabilities_can_be_fixed_is_read_from_all_pages_only_if_it_matters() {
    let fake = FakeEcr::new(|operation, body| {
        if operation != FINDINGS {
            return healthy(operation, body);
        }
        let finding = |severity: &str, fix: Option<&str>, status: &str| json!({"severity": severity, "fixAvailable": fix, "status": status});
        let mut answer = scanned(OWN, body, "ACTIVE", &json!({"HIGH": 6, "LOW": 2}));
        answer["imageScanFindings"]["enhancedFindings"] = json!([
            finding("HIGH", Some("NO"), "ACTIVE"),
            finding("HIGH", Some("PARTIAL"), "ACTIVE"),
            finding("HIGH", None, "ACTIVE"),
            finding("HIGH", Some("NO"), "SUPPRESSED"),
            finding("LOW", Some("NO"), "ACTIVE"),
        ]);
        answer["nextToken"] = if body["nextToken"] == "2" { Value::Null } else { json!("2") };
        Answer::Json(answer)
    });
    let key = tag(OWN, "app", "1");
    let mut wanted = with_scans(from_ref(&key));
    let facts = fake.facts();
    for (fixes, unfixable, calls) in
        [(false, vec![], 1), (true, vec![(Severity::Low, 2), (Severity::High, 2)], 3), (false, vec![], 3)]
    {
        wanted.detail.fixes = fixes;
        let gathered = gather(&facts, &wanted).await;
        let Some(ScanResult::Scanned(report)) = gathered.facts.scan(&key) else { panic!("{gathered:?}") };
        assert_eq!(report.unfixable, unfixable.into_iter().collect(), "{fixes}");
        assert_eq!(fake.asked(FINDINGS).len(), calls, "{fixes}");
    }
    assert_eq!(fake.asked(FINDINGS)[2]["nextToken"], "2");
    assert_eq!(fake.asked(FINDINGS)[1]["maxResults"], 1000);
}

/// A page of vulnerabilities without a fix but for the last of `fixes`, as the scan of two critical ones has it.
fn critical(body: &Value, ids: &[&str], fixes: &[&str], next: &Value) -> Value {
    let finding = |id: &&str| {
        json!({"findingArn": id, "severity": "CRITICAL", "status": "ACTIVE",
            "fixAvailable": if fixes.contains(id) { "YES" } else { "NO" }})
    };
    let mut answer = scanned(OWN, body, "ACTIVE", &json!({"CRITICAL": 2}));
    answer["imageScanFindings"]["enhancedFindings"] = ids.iter().map(finding).collect();
    answer["nextToken"] = next.clone();
    answer
}

#[tokio::test(start_paused = true)]
async fn what_has_no_fix_is_subtracted_once_and_only_where_the_pages_are_of_one_scan() {
    type Script = fn(&Value) -> Value;
    let cases: [(&str, Script, Result<u32, &str>); 5] = [
        ("all without", |body| critical(body, &["a", "b"], &[], &Value::Null), Ok(2)),
        (
            "the same on the next page",
            |body| critical(body, &["a"], &[], &if body["nextToken"].is_null() { json!("2") } else { Value::Null }),
            Ok(1),
        ),
        (
            "more than are counted",
            |body| critical(body, &["a", "b", "c"], &["c"], &Value::Null),
            Err("scan-counts-wrong"),
        ),
        ("pages in a circle", |body| critical(body, &["a"], &[], &json!("again")), Err("scan-counts-wrong")),
        (
            "a page of a scan in another state",
            |body| {
                let is_first = body["nextToken"].is_null();
                let mut page = critical(body, &[if is_first { "a" } else { "b" }], &[], &Value::Null);
                page["nextToken"] = if is_first { json!("2") } else { Value::Null };
                page["imageScanStatus"]["status"] = json!(if is_first { "ACTIVE" } else { "FAILED" });
                page
            },
            Err("scan-counts-wrong"),
        ),
    ];
    let key = tag(OWN, "app", "1");
    let mut wanted = with_scans(from_ref(&key));
    wanted.detail.fixes = true;
    for (name, script, expected) in cases {
        let fake =
            FakeEcr::new(
                move |operation, body| {
                    if operation == FINDINGS { Answer::Json(script(body)) } else { healthy(operation, body) }
                },
            );
        let facts = gather(&fake.facts(), &wanted).await.facts;
        match expected {
            Ok(unfixable) => {
                let Some(ScanResult::Scanned(report)) = facts.scan(&key) else { panic!("{name}: {facts:?}") };
                assert_eq!(report.unfixable, [(Severity::Critical, unfixable)].into(), "{name}");
            }
            Err(code) => assert_eq!(scan_code(&facts, &key), code, "{name}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_rated_yet_is_counted_as_undefined_whatever_the_list_calls_it() {
    let fake = FakeEcr::new(|operation, body| match operation {
        FINDINGS => {
            let mut answer = scanned(OWN, body, "ACTIVE", &json!({"UNDEFINED": 1, "UNTRIAGED": 1}));
            let finding =
                |arn| json!({"findingArn": arn, "severity": "UNTRIAGED", "status": "ACTIVE", "fixAvailable": "NO"});
            answer["imageScanFindings"]["enhancedFindings"] = json!([finding("a"), finding("b")]);
            Answer::Json(answer)
        }
        _ => healthy(operation, body),
    });
    let key = tag(OWN, "app", "1");
    let mut wanted = with_scans(from_ref(&key));
    wanted.detail.fixes = true;
    let facts = gather(&fake.facts(), &wanted).await.facts;
    let Some(ScanResult::Scanned(report)) = facts.scan(&key) else { panic!("{facts:?}") };
    let two = [(Severity::Undefined, 2)];
    assert_eq!((&report.counts, &report.unfixable), (&Some(two.clone().into()), &two.into()));
}
