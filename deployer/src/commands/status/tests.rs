//! The screen, the judgement behind the exit code, and what is said of a webhook that somebody edited.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, time::UNIX_EPOCH};

use serde_json::{Value, json};

use super::{decisions::Counted, *};
use crate::{
    cloudwatch::{
        readings::{Found, Reading},
        usage::Usage,
        window::Window,
    },
    cluster::{caller::Caller, drift::Difference, pause, webhook::Existing},
    golden,
    settings::{Credentials, FailurePolicy, OwnPolicy},
    stack::drift::{Drift, Drifted},
    synth::{self, WebhookManifest},
};

const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const ENDPOINT: &str = "https://abc.execute-api.eu-west-1.amazonaws.com";
const NOW: Duration = Duration::from_mins(29_925_805);

type Edit<T> = fn(&mut T);

fn now() -> Moment {
    Moment::parse("2026-11-24T19:25:00Z").unwrap()
}

fn caller() -> Caller {
    Caller::from_url(&format!("{ENDPOINT}/v1/blue/{SECRET}")).unwrap()
}

/// The object as a deploy would make it.
fn object(settings: &Settings) -> Value {
    let url = caller().url(ENDPOINT);
    let manifest = WebhookManifest { url: &url, ca_bundle: None, failure_policy: FailurePolicy::Ignore };
    serde_saphyr::from_str(&synth::webhook_manifest(settings, &manifest).unwrap()).unwrap()
}

fn inspected(change: impl Fn(&mut Value)) -> WebhookPart {
    let mut settings = Settings::default();
    // Where the settings say nothing, the policy in the cluster stands.
    settings.cluster.failure_policy = Some(FailurePolicy::Ignore);
    let mut object = object(&settings);
    change(&mut object);
    webhook::inspect(&settings, None, "staging", Some(&Existing::new(object)), now()).unwrap()
}

fn registered(part: WebhookPart) -> webhook::Registered {
    part.found.unwrap()
}

#[test]
fn a_webhook_as_the_settings_say_is_no_concern() {
    let part = inspected(|_| ());
    assert_eq!(part.concerns(), Vec::<String>::new());
    assert!(part.to_string().ends_with("\nas the settings say"), "{part}");
}

#[test]
fn a_cluster_with_a_token_is_as_the_settings_say_without_a_secret_in_its_url() {
    let mut settings = Settings::default();
    let mut object = object(&settings);
    settings.cluster.credentials = Credentials::Bearer;
    let inspect = |object: &Value| {
        let existing = Existing::new(object.clone());
        registered(webhook::inspect(&settings, None, "staging", Some(&existing), now()).unwrap())
    };
    let told = inspect(&object).differences[0].to_string();
    assert!(told.contains("of the caller blue -> without a caller's secret") && !told.contains(SECRET), "{told}");
    for entry in object["webhooks"].as_array_mut().unwrap() {
        entry["clientConfig"]["url"] = json!(format!("{ENDPOINT}/v1/blue"));
    }
    let found = inspect(&object);
    assert_eq!((found.caller.as_deref(), found.differences), (Some("blue"), Vec::new()));
}

#[test]
fn whatever_somebody_edited_is_a_concern_and_told_with_the_difference() {
    let cases: [(&str, Edit<Value>, &str); 5] = [
        ("a failure policy", |o| o["webhooks"][0]["failurePolicy"] = "Fail".into(), "failurePolicy"),
        (
            // Namespaces are exempt by name, which nobody can forge; by a label anybody could exempt his own.
            "an exemption by label",
            |o| {
                let expressions = o["webhooks"][0]["namespaceSelector"]["matchExpressions"].as_array_mut().unwrap();
                expressions.push(json!({ "key": "unchecked", "operator": "DoesNotExist" }));
            },
            "unchecked",
        ),
        (
            "a namespace more",
            |o| {
                o["webhooks"][0]["namespaceSelector"]["matchExpressions"][0]["values"]
                    .as_array_mut()
                    .unwrap()
                    .push("shop".into());
            },
            "shop",
        ),
        ("fewer rules", |o| o["webhooks"][0]["rules"].as_array_mut().unwrap().truncate(1), "ephemeralcontainers"),
        (
            "another host",
            |o| o["webhooks"][0]["clientConfig"]["url"] = format!("https://evil.example/v1/blue/{SECRET}").into(),
            "evil.example",
        ),
    ];
    for (name, change, told) in cases {
        // Without a stack the endpoint of the entry about Pods is taken as wanted, so the other entry differs.
        let part = inspected(change);
        assert_eq!(part.concerns().len(), 1, "{name}: {:?}", part.concerns());
        let text = part.to_string();
        assert!(text.contains(told) && !text.contains(SECRET), "{name}: {text}");
        assert!(!serde_json::to_string(&part).unwrap().contains(SECRET), "{name}");
    }
}

#[test]
fn a_pause_that_runs_is_a_concern_and_one_that_is_over_is_not() {
    for (until, paused) in [("2026-11-24T19:26:00Z", true), ("2026-11-24T19:25:00Z", false)] {
        let until = Moment::parse(until).unwrap();
        let pause = pause::Pause { until, by: "jane".to_owned(), reason: "incident 7".to_owned() };
        let part = inspected(|object| assert!(pause::add(object, &pause)));
        assert!(part.to_string().contains("by jane: incident 7"), "{part}");
        assert_eq!(part.concerns().len(), usize::from(paused), "{part:?}");
        assert_eq!(registered(part).paused, paused);
    }
}

#[test]
fn a_webhook_that_is_gone_or_of_somebody_else_is_a_concern() {
    let gone = webhook::inspect(&Settings::default(), None, "staging", None, now()).unwrap();
    assert!(gone.concerns()[0].ends_with("is not there: Pods run unchecked"));
    let other = inspected(|object| object["metadata"]["labels"] = json!({}));
    assert!(other.concerns()[0].ends_with("somebody else's"), "{:?}", other.concerns());
}

fn reading(of: &'static str, name: &str, metric: &'static str, found: Found) -> Reading {
    Reading { of, name: name.to_owned(), metric, found }
}

fn counted(hours: u64, sum: f64) -> Counted {
    let window = Window::last(Duration::from_hours(hours), UNIX_EPOCH + NOW);
    let data = |statistics: &[(&'static str, f64)]| Found::Data {
        statistics: statistics.iter().copied().collect::<BTreeMap<_, _>>(),
        points: (0..window.slots()).map(|at| (at > 3).then_some(sum)).collect(),
    };
    let readings = vec![
        reading("cluster", "blue", "Pass", data(&[("sum", sum)])),
        reading("cluster", "blue", "Deny", data(&[("sum", 0.0)])),
        reading("cluster", "blue", "Latency", data(&[("p50", 1.0), ("p99", 12.0)])),
        reading("cluster", "blue", "EcrLatency", Found::NoData),
        reading("api", "abc", "Latency", data(&[("p99", 2512.0)])),
    ];
    Counted { window, readings }
}

fn alarm(name: &str, state: State) -> Alarm {
    let meaning = "Something is so. Do: something.".to_owned();
    Alarm { name: name.to_owned(), state, since: Some(1_795_548_000), reason: String::new(), meaning }
}

/// All is well, until a test changes it.
fn status() -> Status {
    let mut stack = StackPart { status: Some("UPDATE_COMPLETE".to_owned()), ..StackPart::absent() };
    stack.version = Some("0123456789ab".to_owned());
    stack.drift = Some(in_sync());
    stack.outputs.insert("ApiEndpoint".to_owned(), ENDPOINT.to_owned());
    let usage = Usage { calls: Some(340.0), requests: Some(340.0), clusters: 1, ..Usage::default() };
    Status {
        at: now(),
        stack_name: "app".to_owned(),
        region: Some("eu-west-1".to_owned()),
        stack: Part::Known(stack),
        webhooks: vec![Part::Known(inspected(|_| ()))],
        decisions: Part::Known(Decisions { hour: counted(1, 12.0), day: counted(24, 340.0) }),
        cost: Part::Known(Cost::of(&Settings::default(), &usage, &counted(24, 0.0).window)),
        alarms: Part::Known(vec![alarm("app-silence", State::Ok), alarm("app-undecided", State::Ok)]),
        exemptions: Vec::new(),
        attention: Vec::new(),
        unknown: Vec::new(),
    }
}

fn judged(change: impl Fn(&mut Status)) -> Status {
    let mut status = status();
    change(&mut status);
    status.judge();
    status
}

fn unreadable<T>(why: &str) -> Part<T> {
    Part::of(Err(Failure::new("it cannot be read").with_cause(why).with_hint("Ask for the permission.")))
}

#[test]
fn where_nothing_is_known_the_reason_is_said_once_and_nothing_is_called_well() {
    let mut status = judged(|status| {
        let InAws { stack, decisions, cost, alarms, .. } = InAws::without_stack(None, Failure::new("no credentials"));
        (status.stack, status.decisions, status.cost, status.alarms) = (stack, decisions, cost, alarms);
    });
    assert_eq!(status.unknown, ["stack: no credentials"]);
    assert_eq!(status.verdict().unwrap_err().code, ExitCode::Failed);
    let text = status.to_string();
    assert!(text.contains("attention   nothing that is known needs it"), "{text}");
    assert!(text.contains("alarms      could not be told: the stack is not known"), "{text}");
    status.stack = unreadable("no");
    assert!(
        status.to_string().contains("could not be told: it cannot be read: no\n            do: Ask for"),
        "{status}"
    );
}

#[test]
fn every_line_of_the_table_of_decisions_fits_into_80_columns() {
    let mut decisions = Decisions { hour: counted(1, 12_345_678.0), day: counted(24, 99_999_999.0) };
    let unread = reading("cluster", "blue", "EcrLatency", Found::Unreadable { why: "no".to_owned() });
    (decisions.hour.readings[3], decisions.day.readings[3]) = (unread.clone(), unread);
    // The names of the parts stand to the left.
    let lines: Vec<usize> = decisions.to_string().lines().map(|line| 12 + line.chars().count()).collect();
    assert!(lines.len() > 5 && lines.iter().all(|width| *width <= 80), "{lines:?}\n{decisions}");
}

#[test]
fn a_secret_that_somebody_changed_in_one_entry_is_told_as_the_one_that_is_wrong() {
    let settings = Settings::default();
    let stack = stack_that_knows(&caller());
    for entry in [0, 1] {
        let mut object = object(&settings);
        let other = format!("{ENDPOINT}/v1/blue/{}", "ab".repeat(32));
        let name = object["webhooks"][entry]["name"].as_str().unwrap().to_owned();
        object["webhooks"][entry]["clientConfig"]["url"] = other.into();
        let part = webhook::inspect(&settings, Some(&stack), "staging", Some(&Existing::new(object)), now()).unwrap();
        let found = registered(part);
        let told: Vec<&str> = found.differences.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(told, [format!("caller's secret of {name}")], "{found:?}");
    }
}

fn stack_that_knows(caller: &Caller) -> Stack {
    let digests = [(synth::PARAMETER_CALLER_DIGESTS.to_owned(), caller.entry())];
    Stack {
        id: "arn".to_owned(),
        status: "CREATE_COMPLETE".into(),
        reason: None,
        outputs: BTreeMap::from([(synth::OUTPUT_API_ENDPOINT.to_owned(), ENDPOINT.to_owned())]),
        parameters: BTreeMap::from(digests),
        tags: BTreeMap::new(),
        description: None,
        changed_millis: None,
        protected: true,
        drift: never().found,
    }
}

#[test]
fn the_exit_code_tells_well_from_wrong_from_not_known() {
    let cases: [(&str, Edit<Status>, Option<ExitCode>); 15] = [
        ("all is well", |_| (), None),
        ("drift that nobody looked for", |s| drift(s, never()), None),
        ("drift", |s| drift(s, drifted()), Some(ExitCode::Changed)),
        ("drift that may not be read", |s| drift(s, drift_untold(never())), Some(ExitCode::Failed)),
        ("drift, and some that may not be read", |s| drift(s, drift_untold(drifted())), Some(ExitCode::Changed)),
        ("no stack", |s| s.stack = Part::Known(StackPart::absent()), Some(ExitCode::Changed)),
        ("a version that lacks a Parameter", out_of_date, Some(ExitCode::Changed)),
        ("a version that may lack one", untold, Some(ExitCode::Failed)),
        ("an update that was undone", |s| broken(s, "UPDATE_ROLLBACK_COMPLETE"), Some(ExitCode::Changed)),
        ("an update that runs", |s| broken(s, "UPDATE_IN_PROGRESS"), None),
        ("an alarm", |s| s.alarms = Part::Known(vec![alarm("app-silence", State::Alarm)]), Some(ExitCode::Changed)),
        (
            "an alarm without data",
            |s| s.alarms = Part::Known(vec![alarm("a", State::InsufficientData)]),
            Some(ExitCode::Failed),
        ),
        ("metrics that are denied", |s| s.decisions = unreadable("no"), Some(ExitCode::Failed)),
        ("a cost that cannot be told", |s| s.cost = unreadable("no"), None),
        (
            "wrong and not known",
            |s| {
                s.webhooks[0] = unreadable("no");
                s.stack = Part::Known(StackPart::absent());
            },
            Some(ExitCode::Changed),
        ),
    ];
    for (name, change, code) in cases {
        let status = judged(change);
        assert_eq!(status.verdict().err().map(|failure| failure.code), code, "{name}: {status:?}");
        // People have read it on the screen; programs get the line of an error.
        assert_eq!(ended(status.verdict(), true), Ok(code.unwrap_or(ExitCode::Ok)), "{name}");
        assert_eq!(ended(status.verdict(), false).err().map(|failure| failure.code), code, "{name}");
    }
}

fn drift(status: &mut Status, part: DriftPart) {
    let good = Some("UPDATE_COMPLETE".to_owned());
    status.stack = Part::Known(StackPart { status: good, drift: Some(part), ..StackPart::absent() });
}

fn found(status: &str, checked: Option<&str>) -> DriftPart {
    let checked = checked.and_then(Moment::parse);
    let found = Drift { status: status.to_owned(), checked, incomplete: None };
    DriftPart { found, outdated: false, resources: Vec::new(), untold: Vec::new() }
}

fn never() -> DriftPart {
    found("NOT_CHECKED", None)
}

fn in_sync() -> DriftPart {
    found("IN_SYNC", Some("2026-11-24T19:24:00Z"))
}

fn drifted() -> DriftPart {
    let difference =
        Difference { field: "/Timeout".to_owned(), wanted: Some("4".to_owned()), found: Some("30".to_owned()) };
    let drifted = |resource: &str, deleted| Drifted {
        resource: resource.to_owned(),
        kind: "AWS::X::Y".to_owned(),
        deleted,
        differences: if deleted { Vec::new() } else { vec![difference.clone()] },
    };
    let resources = vec![drifted("Function", false), drifted("SilenceAlarm", true)];
    DriftPart { resources, outdated: true, ..found("DRIFTED", Some("2026-11-24T19:24:00Z")) }
}

fn drift_untold(part: DriftPart) -> DriftPart {
    DriftPart { untold: vec!["no (code AccessDenied, request id req-1)".to_owned()], ..part }
}

#[test]
fn drift_is_told_with_its_age_and_what_to_do() {
    for (name, part, told) in [
        ("never", never(), "CloudFormation has never looked; to have it look: deployer status --drift"),
        ("none", in_sync(), "none, as of 2026-11-24T19:24:00Z"),
        ("unknown", found("UNKNOWN", Some("2026-11-24T19:24:00Z")), "not known, as of 2026-11-24T19:24:00Z"),
    ] {
        assert_eq!(part.to_string(), told, "{name}");
        assert_eq!(part.concerns(), None, "{name}");
    }
    let text = DriftPart { outdated: true, ..in_sync() }.to_string();
    assert!(text.ends_with("\nthe stack was changed after that; to look again: deployer status --drift"), "{text}");
}

fn out_of_date(status: &mut Status) {
    let good = Some("UPDATE_COMPLETE".to_owned());
    status.stack = Part::Known(StackPart { status: good, out_of_date: true, ..StackPart::absent() });
}

fn untold(status: &mut Status) {
    let good = Some("UPDATE_COMPLETE".to_owned());
    status.stack = Part::Known(StackPart { status: good, untold: Some("no".to_owned()), ..StackPart::absent() });
}

fn broken(status: &mut Status, name: &str) {
    status.stack = Part::Known(StackPart { status: Some(name.to_owned()), ..StackPart::absent() });
}

#[test]
fn a_screen_on_which_all_is_well_is_the_golden_one() {
    golden::check("status_well", &judged(|_| ()).to_string());
}

#[test]
fn a_screen_on_which_nothing_is_well_is_the_golden_one_and_each_part_says_its_own() {
    let status = judged(|status| {
        let stack = StackPart {
            status: Some("UPDATE_ROLLBACK_COMPLETE".to_owned()),
            cause: Some("Function (AWS::Lambda::Function): Rate exceeded".to_owned()),
            hint: Some("AWS throttled the account. Run deployer deploy again in a minute."),
            drift: Some(drifted()),
            ..StackPart::absent()
        };
        status.stack = Part::Known(stack);
        status.webhooks[0] = Part::Known(inspected(|object| object["webhooks"][0]["failurePolicy"] = "Fail".into()));
        status.decisions = unreadable("not yours (code AccessDenied, request id req-1)");
        status.cost = unreadable("not yours (code AccessDenied, request id req-1)");
        status.alarms = Part::Known(vec![alarm("app-silence", State::Alarm), alarm("app-denials", State::Ok)]);
        let exemption = json!({
            "id": "EX-1", "image": "docker.io/library/httpd", "namespace": "web", "rules": ["registry"],
            "reason": "until it is mirrored", "owner": "team web", "ticket": "WEB-7", "expires": "2026-12-01",
        });
        let file = serde_json::from_value(json!({ "exemptions": [exemption] })).unwrap();
        let settings = Settings { policy: Some(OwnPolicy { file }), ..Settings::default() };
        status.exemptions = exemptions::of(&settings, UNIX_EPOCH + NOW);
    });
    golden::check("status_unwell", &status.to_string());
}

#[test]
fn programs_get_a_part_or_why_there_is_none() {
    let json = serde_json::to_value(judged(|status| status.decisions = unreadable("no"))).unwrap();
    assert_eq!(json["decisions"]["unknown"], "it cannot be read: no");
    assert_eq!(json["stack"]["status"], "UPDATE_COMPLETE");
    assert_eq!(json["webhooks"][0]["found"]["caller"], "blue");
    assert_eq!((json["alarms"][0]["state"].as_str(), json["unknown"].as_array().map(Vec::len)), (Some("OK"), Some(1)));
}
