//! Following against a scripted `CloudWatch Logs` at the wire, with the real SDK above it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::VecDeque,
    io::Write,
    sync::{Arc, Mutex},
};

use aws_sdk_cloudwatchlogs::config::{BehaviorVersion, Config, Credentials, Region, retry::RetryConfig};
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

use super::*;
use crate::{
    commands::logs::{follow, left_out, sum_up},
    console::Console,
    interrupt::Interrupt,
    logs::line::Wanted,
};

const START: u64 = 1_000_000;

type Answers = Arc<Mutex<VecDeque<(u16, Value)>>>;

/// What the service answers look after look, and what it was asked.
#[derive(Clone, Default)]
struct Script {
    answers: Answers,
    asked: Arc<Mutex<Vec<Value>>>,
}

#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

const LOST_AFTER: usize = 5;

fn now(second: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(START + second)
}

fn script(answers: impl IntoIterator<Item = (u16, Value)>) -> (Tail, Script, Console, Shown) {
    let script = Script { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Script::default() };
    let served = script.clone();
    let http = infallible_client_fn(move |request: http::Request<SdkBody>| {
        served.asked.lock().unwrap().push(serde_json::from_slice(request.body().bytes().unwrap()).unwrap());
        let (status, body) = served.answers.lock().unwrap().pop_front().unwrap_or((200, page(&[], None)));
        http::Response::builder().status(status).body(SdkBody::from(body.to_string())).unwrap()
    });
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::for_tests())
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    let tail = Tail::new(Client::from_conf(config), "/aws/lambda/app", Duration::from_mins(10), now(0));
    let shown = Shown::default();
    let console = Console::injected(Box::new(shown.clone()), Box::new(std::io::sink()), None, false);
    (tail, script, console, shown)
}

fn page(events: &[(&str, u64, &str)], next: Option<&str>) -> Value {
    let events: Vec<Value> = events
        .iter()
        .map(|(id, second, message)| {
            json!({ "eventId": id, "timestamp": (START + second) * 1000, "message": format!("{message}\n") })
        })
        .collect();
    let mut page = json!({ "events": events });
    if let Some(next) = next {
        page["nextToken"] = json!(next);
    }
    page
}

/// What looks give, one after the other, each a minute and a half after the one before.
async fn looks(tail: &mut Tail, count: u64) -> Vec<String> {
    let mut lines = Vec::new();
    for look in 0..count {
        lines.extend(tail.look(now(look * 90)).await.unwrap().into_iter().map(|event| event.text));
    }
    lines
}

fn text(shown: &Shown) -> String {
    String::from_utf8(shown.0.lock().unwrap().clone()).unwrap()
}

#[tokio::test]
async fn late_lines_are_given_out_and_none_twice() {
    let (mut tail, script, ..) = script([
        (200, page(&[("b", 2, "two"), ("a", 1, "one")], None)),
        // "late" became visible after a younger line was.
        (200, page(&[("a", 1, "one"), ("late", 1, "late"), ("b", 2, "two"), ("c", 90, "three")], None)),
        (200, page(&[("c", 90, "three"), ("same", 90, "three")], None)),
    ]);
    assert_eq!(looks(&mut tail, 3).await, ["one", "two", "late", "three", "three"]);
    let asked = script.asked.lock().unwrap();
    let starts: Vec<u64> = asked.iter().map(|ask| ask["startTime"].as_u64().unwrap() / 1000 + 600 - START).collect();
    assert_eq!(starts, [0, 540, 630], "each look reaches back a minute from the newest line, and not before --since");
}

#[tokio::test]
async fn a_line_from_the_future_hides_nothing_until_then() {
    let (mut tail, script, ..) = script([
        (200, page(&[("odd", 7000, "odd")], None)),
        (200, page(&[("a", 85, "now"), ("odd", 7000, "odd")], None)),
        (200, page(&[("a", 85, "now"), ("b", 140, "later"), ("odd", 7000, "odd")], None)),
    ]);
    assert_eq!(looks(&mut tail, 3).await, ["odd", "now", "later"]);
    let asked = script.asked.lock().unwrap();
    assert_eq!(asked[2]["startTime"].as_u64().unwrap() / 1000, START + 30, "a minute before the clock");
}

#[tokio::test]
async fn lines_without_an_id_are_told_apart_by_stream_time_text_and_number() {
    let event = |stream: &str, second: u64, text: &str| json!({ "logStreamName": stream, "timestamp": (START + second) * 1000, "message": text });
    // A second stream is another instance of the function, or the same after its code changed.
    let first = [event("s", 1, "one"), event("s", 1, "two"), event("s", 2, "two"), event("t", 2, "two")];
    let again = [&first[..], &[event("t", 2, "two")]].concat();
    let (mut tail, ..) = script([(200, json!({ "events": first })), (200, json!({ "events": again }))]);
    assert_eq!(looks(&mut tail, 2).await, ["one", "two", "two", "two", "two"]);
}

#[tokio::test]
async fn a_burst_over_many_pages_is_complete_and_an_empty_page_is_not_the_last() {
    let pages: Vec<(u16, Value)> = (0..50)
        .map(|at| {
            let ids: Vec<(String, u64, String)> =
                (0..40).map(|n| (format!("{at}-{n}"), 1, format!("{at}-{n}"))).collect();
            let events: Vec<(&str, u64, &str)> = if at == 7 {
                Vec::new()
            } else {
                ids.iter().map(|(id, second, text)| (id.as_str(), *second, text.as_str())).collect()
            };
            (200, page(&events, (at < 49).then_some("more")))
        })
        .collect();
    let (mut tail, script, ..) = script(pages.clone().into_iter().chain(pages));
    let lines = looks(&mut tail, 2).await;
    assert_eq!((lines.len(), lines[0].as_str(), lines[1959].as_str()), (49 * 40, "0-0", "49-39"));
    assert_eq!(script.asked.lock().unwrap()[1]["nextToken"], "more");
}

#[tokio::test]
async fn a_look_that_fails_half_way_loses_nothing() {
    let (mut tail, ..) = script([
        (200, page(&[("a", 1, "one")], Some("more"))),
        (400, json!({ "__type": "ThrottlingException", "message": "slow down" })),
        (200, page(&[("a", 1, "one")], Some("more"))),
        (200, page(&[("b", 1, "two")], None)),
    ]);
    let failure = tail.look(now(0)).await.unwrap_err();
    assert!(failure.cause.unwrap().contains("code ThrottlingException"));
    assert_eq!(looks(&mut tail, 1).await, ["one", "two"]);
}

#[tokio::test]
async fn following_survives_failures_after_a_success_but_not_before_and_not_for_ever() {
    let refused = || (400, json!({ "__type": "AccessDeniedException", "message": "no" }));
    let (_pull, interrupt) = Interrupt::manual();
    let wanted = Wanted::default();
    let (mut tail, script, mut console, _) = self::script([refused()]);
    let failure = follow(&mut tail, &wanted, &mut console, &interrupt, Duration::ZERO).await.unwrap_err();
    assert!(failure.message.contains("/aws/lambda/app") && failure.cause.unwrap().contains("AccessDenied"));
    assert_eq!(script.asked.lock().unwrap().len(), 1);

    let answers = std::iter::once((200, page(&[("a", 1, "one")], None))).chain((0..LOST_AFTER).map(|_| refused()));
    let (mut tail, script, mut console, shown) = self::script(answers);
    follow(&mut tail, &wanted, &mut console, &interrupt, Duration::ZERO).await.unwrap_err();
    assert_eq!(text(&shown), "1970-01-12 13:46:41  one\n");
    assert_eq!(script.asked.lock().unwrap().len(), 1 + LOST_AFTER);
}

#[tokio::test]
async fn ctrl_c_ends_following_well() {
    let (pull, interrupt) = Interrupt::manual();
    let (mut tail, _, mut console, _) = self::script([]);
    pull.send(true).unwrap();
    follow(&mut tail, &Wanted::default(), &mut console, &interrupt, Duration::ZERO).await.unwrap();
}

#[test]
fn what_the_function_does_not_log_is_said_where_it_would_be_missed() {
    let denied = Wanted { denied: true, ..Wanted::default() };
    let all = Wanted::default();
    for (level, wanted, told) in [
        ("debug", &all, false),
        ("info", &all, false),
        ("info", &denied, false),
        ("warn", &all, true),
        ("warn", &denied, false),
        ("error", &all, true),
        ("error", &denied, true),
    ] {
        assert_eq!(left_out(level, wanted).is_some(), told, "{level}, {wanted:?}");
    }
}

#[test]
fn denials_are_summed_up_by_what_why_and_whose_and_nothing_is_said_to_be_nothing() {
    let event = |owner: &str, allowed: bool, code: &str| {
        let finding = json!({ "mode": "enforce", "rule": "registry", "code": code, "image": "nginx" });
        let line = json!({ "allowed": allowed, "namespace": "shop", "owner": owner, "findings": [finding] });
        Event { at: 0, text: line.to_string() }
    };
    let events = [
        event("none", false, "docker-hub"),
        event("Job/a-1", false, "other"),
        event("none", true, "docker-hub"),
        event("none", false, "docker-hub"),
    ];
    let owned = ["Job/e", "Job/a", "Job/b", "Job/b", "none", "Job/c"].map(|owner| event(owner, false, "other"));
    let said = |events: &[Event], wanted: &Wanted| {
        let (out, err) = (Shown::default(), Shown::default());
        let mut console = Console::injected(Box::new(out.clone()), Box::new(err.clone()), None, false);
        sum_up(events, wanted, &mut console);
        assert_eq!(text(&out), "", "the lines are the data");
        text(&err)
    };
    let denied = Wanted { denied: true, ..Wanted::default() };
    let both =
        "        2 x shop  nginx [registry: docker-hub]\n        1 x shop  nginx [registry: other]  of Job/a-1 (1)\n";
    let nothing = "    nothing of the kind was logged in that time\n";
    let many = "        6 x shop  nginx [registry: other]  of Job/b (2), Job/a (1), Job/c (1) and 1 more\n";
    let elsewhere = Wanted { namespace: Some("web".to_owned()), ..denied.clone() };
    for (name, events, wanted, expected) in [
        ("denials", &events[..], &denied, both),
        ("of many owners", &owned[..], &denied, many),
        ("every line", &events[..], &Wanted::default(), ""),
        ("none of that namespace", &events[..], &elsewhere, nothing),
    ] {
        assert_eq!(said(events, wanted), expected, "{name}");
    }
}
