//! What `CloudFormation` answers about drift, and what is made of it.

use super::*;
use crate::{error::Failure, stack::drift::Drifted};

const STARTED: &str = "<StackDriftDetectionId>d-1</StackDriftDetectionId>";

/// How a detection stands: its own status, that of the stack, and why.
fn detection(status: &str, stack: &str, reason: &str) -> (u16, String) {
    ok(
        "DescribeStackDriftDetectionStatus",
        &format!(
            "<StackId>{ID}</StackId><StackDriftDetectionId>d-1</StackDriftDetectionId><StackDriftStatus>{stack}</StackDriftStatus><DetectionStatus>{status}</DetectionStatus>{reason}<Timestamp>2026-11-24T19:25:00Z</Timestamp>"
        ),
    )
}

fn running() -> (u16, String) {
    detection("DETECTION_IN_PROGRESS", "NOT_CHECKED", "")
}

fn throttled() -> (u16, String) {
    error(400, "Throttling", "Rate exceeded")
}

fn denied(action: &str) -> (u16, String) {
    error(403, "AccessDenied", &format!("not authorized to perform: cloudformation:{action}"))
}

fn detecting(answers: impl IntoIterator<Item = (u16, String)>) -> Script {
    let script = Script::default().on("DetectStackDrift", [ok("DetectStackDrift", STARTED)]);
    script.on("DescribeStackDriftDetectionStatus", answers)
}

#[tokio::test]
async fn a_detection_is_awaited_over_throttling_and_says_what_came_of_it() {
    let reason = "<DetectionStatusReason>Failed to detect drift on resources [Api]</DetectionStatusReason>";
    let some = Some("Failed to detect drift on resources [Api]".to_owned());
    let cases = [
        ("in sync", vec![running(), running(), detection("DETECTION_COMPLETE", "IN_SYNC", "")], "IN_SYNC", None),
        ("drifted", vec![detection("DETECTION_COMPLETE", "DRIFTED", "")], "DRIFTED", None),
        (
            "throttled now and then, never five times in a row",
            [
                vec![throttled(); 4],
                vec![running()],
                vec![throttled(); 4],
                vec![detection("DETECTION_COMPLETE", "IN_SYNC", "")],
            ]
            .concat(),
            "IN_SYNC",
            None,
        ),
        ("failed for a resource", vec![detection("DETECTION_FAILED", "DRIFTED", reason)], "DRIFTED", some),
    ];
    for (name, answers, status, incomplete) in cases {
        let script = detecting(answers);
        let found = script.stack().detect_drift(ID).await.unwrap();
        assert_eq!((found.status.as_str(), &found.incomplete), (status, &incomplete), "{name}");
        assert_eq!(found.checked.unwrap().to_string(), "2026-11-24T19:25:00Z", "{name}");
        assert!(script.asked("DescribeStackDriftDetectionStatus")[0].contains("StackDriftDetectionId=d-1"), "{name}");
    }
}

#[tokio::test]
async fn a_detection_that_cannot_be_had_says_why_and_is_given_up_in_time() {
    let refused = |answer| Script::default().on("DetectStackDrift", [answer]);
    let expired = || error(403, "ExpiredToken", "The security token included in the request is expired");
    let cases: [(&str, Script, &str, usize); 6] = [
        ("not permitted", refused(denied("DetectStackDrift")), "code AccessDenied, request id req-1", 0),
        (
            "in the middle",
            refused(error(400, "ValidationError", "is in UPDATE_IN_PROGRESS state")),
            "UPDATE_IN_PROGRESS",
            0,
        ),
        ("throttled for good", detecting([throttled()]), "code Throttling", 5),
        ("may start and not look", detecting([denied("DescribeStackDriftDetectionStatus")]), "DescribeStackDrift", 5),
        ("expired", detecting([running(), expired()]), "code ExpiredToken", 2),
        ("for ever", detecting([running()]), "it takes too long, and goes on in AWS", 180),
    ];
    for (name, script, told, looks) in cases {
        let Failure { message, cause, .. } = script.stack().detect_drift(ID).await.unwrap_err();
        let text = format!("{message}: {}", cause.unwrap_or_default());
        assert!(text.contains(told) && text.contains("the stack app"), "{name}: {text}");
        assert_eq!(script.asked("DescribeStackDriftDetectionStatus").len(), looks, "{name}");
    }
}

/// A resource with its differences: (path, kind, expected, actual).
fn resource(id: &str, status: &str, differences: &[(&str, &str, &str, &str)]) -> String {
    let each = differences.iter().map(|(path, kind, expected, actual)| {
        format!("<member><PropertyPath>{path}</PropertyPath><ExpectedValue>{expected}</ExpectedValue><ActualValue>{actual}</ActualValue><DifferenceType>{kind}</DifferenceType></member>")
    });
    format!(
        "<member><StackId>{ID}</StackId><LogicalResourceId>{id}</LogicalResourceId><ResourceType>AWS::X::Y</ResourceType><StackResourceDriftStatus>{status}</StackResourceDriftStatus><PropertyDifferences>{}</PropertyDifferences><Timestamp>2026-11-24T19:25:00Z</Timestamp></member>",
        each.collect::<String>()
    )
}

fn drifts(resources: &[String], next: &str) -> (u16, String) {
    let all = resources.concat();
    ok("DescribeStackResourceDrifts", &format!("<StackResourceDrifts>{all}</StackResourceDrifts>{next}"))
}

async fn drifted(resources: &[String]) -> Vec<Drifted> {
    Script::default().on("DescribeStackResourceDrifts", [drifts(resources, "")]).stack().drifted(ID).await.unwrap()
}

#[tokio::test]
async fn drifted_resources_are_read_over_all_pages_and_only_those_that_drifted_are_asked_for() {
    let pages = [
        drifts(&[resource("Role", "DELETED", &[])], "<NextToken>more</NextToken>"),
        drifts(&[resource("Function", "MODIFIED", &[("/Timeout", "NOT_EQUAL", "4", "30")])], ""),
    ];
    let script = Script::default().on("DescribeStackResourceDrifts", pages);
    let drifted = script.stack().drifted(ID).await.unwrap();
    let lines: Vec<String> = drifted.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["Function (AWS::X::Y)\n  ~ /Timeout: 30 -> 4", "Role (AWS::X::Y) was deleted"]);
    let asked = script.asked("DescribeStackResourceDrifts");
    assert!(asked[0].contains("=MODIFIED") && asked[0].contains("=DELETED") && asked[1].contains("NextToken=more"));
    let denied = Script::default().on("DescribeStackResourceDrifts", [denied("DescribeStackResourceDrifts")]);
    assert!(denied.stack().drifted(ID).await.unwrap_err().cause.unwrap().contains("code AccessDenied"));
}

#[tokio::test]
async fn a_difference_says_what_is_and_what_should_be_and_shows_no_secret() {
    const OF: &str = "/Environment/Variables/";
    let long = "x".repeat(500);
    let cut = format!("~ /Long: {}… -> short", "x".repeat(120));
    let secret = "hunter2";
    for (name, (path, kind, expected, actual), told) in [
        ("changed", ("/MemorySize", "NOT_EQUAL", "256", "128"), "~ /MemorySize: 128 -> 256"),
        ("taken away", ("/Tags/0", "REMOVE", "a", "null"), "+ /Tags/0: a"),
        ("added", ("/Tags/1", "ADD", "null", "b"), "- /Tags/1: b"),
        (
            "digests are none",
            (&format!("{OF}CALLER_DIGESTS"), "NOT_EQUAL", "a=1", "a=2"),
            "~ /Environment/Variables/CALLER_DIGESTS: a=2 -> a=1",
        ),
        (
            "a variable of somebody else",
            (&format!("{OF}DATABASE"), "ADD", "", secret),
            "- /Environment/Variables/DATABASE: (not shown)",
        ),
        (
            "a secret by its name",
            ("/Auth/ClientSecret", "NOT_EQUAL", secret, secret),
            "~ /Auth/ClientSecret: (not shown) -> (not shown)",
        ),
        (
            "a secret in a structure",
            ("/Environment", "ADD", "", r#"{"Variables":{"API_TOKEN":"hunter2","LEVEL":"info"}}"#),
            r#"- /Environment: {"Variables":{"API_TOKEN":"(not shown)","LEVEL":"info"}}"#,
        ),
        ("too long", ("/Long", "NOT_EQUAL", "short", &long), &cut),
        ("what would move a cursor", ("/Name", "NOT_EQUAL", "a", "b&#10;c\u{9b}"), r"~ /Name: b\nc\u{9b} -> a"),
    ] {
        let one = drifted(&[resource("Function", "MODIFIED", &[(path, kind, expected, actual)])]).await;
        let shown = one[0].to_string();
        assert_eq!(shown, format!("Function (AWS::X::Y)\n  {told}"), "{name}");
        assert!(!serde_json::to_string(&one).unwrap().contains(secret), "{name}");
    }
}

#[tokio::test]
async fn what_was_found_last_comes_with_the_stack() {
    let (_, never) = stack("UPDATE_COMPLETE");
    let checked = |information: &str| {
        never.replace("<Outputs>", &format!("<DriftInformation>{information}</DriftInformation><Outputs>"))
    };
    let at = "<LastCheckTimestamp>2026-11-24T19:25:00Z</LastCheckTimestamp>";
    for (name, text, status, when) in [
        ("never", never.clone(), "NOT_CHECKED", None),
        ("never, in words", checked("<StackDriftStatus>NOT_CHECKED</StackDriftStatus>"), "NOT_CHECKED", None),
        (
            "drifted",
            checked(&format!("<StackDriftStatus>DRIFTED</StackDriftStatus>{at}")),
            "DRIFTED",
            Some("2026-11-24T19:25:00Z".to_owned()),
        ),
    ] {
        let script = Script::default().on("DescribeStacks", [(200, text)]);
        let drift = script.stack().describe().await.unwrap().unwrap().drift;
        assert_eq!((drift.status.as_str(), drift.checked.map(|at| at.to_string())), (status, when), "{name}");
    }
}
