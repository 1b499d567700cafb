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
    let now = UNIX_EPOCH + Duration::from_secs(START);
    let tail = Tail::new(Client::from_conf(config), "/aws/lambda/app", Duration::from_mins(10), now);
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

fn text(shown: &Shown) -> String {
    String::from_utf8(shown.0.lock().unwrap().clone()).unwrap()
}

#[tokio::test]
async fn late_lines_are_shown_and_none_is_shown_twice() {
    let (mut tail, script, mut console, shown) = script([
        (200, page(&[("b", 2, "two"), ("a", 1, "one")], None)),
        // "late" became visible after a younger line was.
        (200, page(&[("a", 1, "one"), ("late", 1, "late"), ("b", 2, "two"), ("c", 90, "three")], None)),
        (200, page(&[("c", 90, "three"), ("same", 90, "three")], None)),
    ]);
    for _ in 0..3 {
        tail.show(&mut console).await.unwrap();
    }
    assert_eq!(text(&shown), "one\ntwo\nlate\nthree\nthree\n");
    let starts: Vec<u64> = script
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|ask| ask["startTime"].as_u64().unwrap() / 1000 + 600 - START)
        .collect();
    assert_eq!(starts, [0, 542, 630], "each look reaches back a minute from the newest line, and not before --since");
}

#[tokio::test]
async fn lines_without_an_id_are_told_apart_by_stream_time_and_text() {
    let event = |second: u64, text: &str| json!({ "logStreamName": "s", "timestamp": (START + second) * 1000, "message": text });
    let first = json!({ "events": [event(1, "one"), event(1, "two"), event(2, "two")] });
    let (mut tail, _, mut console, shown) = script([(200, first.clone()), (200, first)]);
    for _ in 0..2 {
        tail.show(&mut console).await.unwrap();
    }
    assert_eq!(text(&shown), "one\ntwo\ntwo\n");
}

#[tokio::test]
async fn an_empty_page_is_not_the_last_one() {
    let pages = [page(&[], Some("more")), page(&[("a", 1, "one")], Some("end")), page(&[("b", 1, "two")], None)];
    let (mut tail, script, mut console, shown) = script(pages.map(|page| (200, page)));
    tail.show(&mut console).await.unwrap();
    assert_eq!(text(&shown), "one\ntwo\n");
    assert_eq!(script.asked.lock().unwrap()[1]["nextToken"], "more");
}

#[tokio::test]
async fn following_survives_failures_after_a_success_but_not_before_and_not_for_ever() {
    let refused = || (400, json!({ "__type": "AccessDeniedException", "message": "no" }));
    let (_pull, interrupt) = Interrupt::manual();
    let (mut tail, script, mut console, _) = self::script([refused()]);
    let failure = tail.follow(&mut console, &interrupt, Duration::ZERO).await.unwrap_err();
    assert!(failure.message.contains("/aws/lambda/app") && failure.cause.unwrap().contains("AccessDenied"));
    assert_eq!(script.asked.lock().unwrap().len(), 1);

    let answers = std::iter::once((200, page(&[("a", 1, "one")], None))).chain((0..LOST_AFTER).map(|_| refused()));
    let (mut tail, script, mut console, shown) = self::script(answers);
    tail.follow(&mut console, &interrupt, Duration::ZERO).await.unwrap_err();
    assert_eq!((text(&shown).as_str(), script.asked.lock().unwrap().len()), ("one\n", 1 + LOST_AFTER));
}

#[tokio::test]
async fn ctrl_c_ends_following_well() {
    let (pull, interrupt) = Interrupt::manual();
    let (mut tail, _, mut console, _) = self::script([]);
    pull.send(true).unwrap();
    tail.follow(&mut console, &interrupt, Duration::ZERO).await.unwrap();
}
