//! Events of API Gateway, through the whole webhook: who may ask, what is answered, what is logged.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use compliance::ecr::EcrFacts;
use lambda::caller::Callers;
use lambda::handler::Webhook;
use lambda::log::{Level, Log};
use lambda_http::{Body, Response};
use serde_json::Value;
use wire::admission;
use wire::event::Call;
use wire::refusal::uid_of;

use crate::answer::{assert_keeps_secrets, lets_in};
use crate::{HOME, IGNORED, home_only};

/// The secret of the fixtures' caller and its SHA-256 digest.
const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const DIGEST: &str = "2a8abfa8cb9906290437854193ca6bca41d4d4e26d1d454bd66a35158095e737";
/// `CloudWatch` drops what is longer.
const LONGEST_LINE: usize = 256 * 1024;

thread_local! {
    static WORLD: World = World::new();
}

/// Reads an event of API Gateway and answers it.
///
/// # Panics
/// When a promise is not kept.
#[must_use]
pub fn event(bytes: &[u8]) -> bool {
    let Ok(call) = serde_json::from_slice::<Call>(bytes) else { return false };
    let written: Option<Value> = serde_json::from_slice(bytes).ok();
    if let Some(written) = written.filter(|written| written["requestContext"]["http"].is_object()) {
        reads_what_is_written(&call, &written);
    }
    let (response, lines) = WORLD.with(|world| world.answer(&call));
    let mut judged = false;
    for line in lines.lines() {
        assert!(line.len() <= LONGEST_LINE, "a line of {} bytes is lost", line.len());
        let line: Value = serde_json::from_str(line).expect("a line is JSON");
        judged |= line.get("allowed").is_some();
    }
    if knows(&call) {
        assert!(judged, "not logged: {lines}");
        answered(&call, &response, &lines);
    } else {
        let status = response.status().as_u16();
        assert!(status == 404 && matches!(response.body(), Body::Empty), "a stranger hears something: {response:?}");
        assert!(!judged, "a stranger was judged: {lines}");
    }
    true
}

/// What plain JSON says stands there.
fn reads_what_is_written(call: &Call, written: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let context = &written["requestContext"];
    assert_eq!(
        (&call.raw_path, &call.raw_query_string),
        (&text(&written["rawPath"]), &text(&written["rawQueryString"]))
    );
    assert_eq!((call.method(), call.request_id()), (&*text(&context["http"]["method"]), &*text(&context["requestId"])));
    let headers = written["headers"].as_object().into_iter().flatten();
    let tokens: Vec<Option<&str>> = headers
        .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_, value)| value.as_str())
        .collect();
    let found = call.authorization();
    assert!(tokens.contains(&found) || (found.is_none() && tokens.is_empty()), "a token out of nowhere");
    let body = text(&written["body"]);
    let decoded =
        written["isBase64Encoded"].as_bool().unwrap_or_default().then(|| STANDARD.decode(&body).ok()).flatten();
    assert_eq!(call.body(), decoded.unwrap_or(body.into_bytes()), "another body than was sent");
}

/// Whether the caller is known: by the secret in the path, or without one there by the same in a header.
fn knows(call: &Call) -> bool {
    let by_path = call.raw_path == format!("/v1/blue/{SECRET}");
    let by_token = call.raw_path == "/v1/blue"
        && call
            .authorization()
            .and_then(|text| text.strip_suffix(SECRET))
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    call.method() == "POST" && (by_path || by_token)
}

fn answered(call: &Call, response: &Response<Body>, lines: &str) {
    let body = call.body();
    let Body::Text(text) = response.body() else { panic!("no answer: {response:?}") };
    assert!(!text.contains("a defect in the webhook"), "a panic was caught: {text}");
    if let Ok(review) = serde_json::from_slice::<Value>(&body)
        && !call.request_id().contains(crate::CANARY)
    {
        assert_keeps_secrets(&review, text);
        assert_keeps_secrets(&review, lines);
    }
    let elsewhere =
        body.windows(SECRET.len()).any(|window| window == SECRET.as_bytes()) || call.request_id().contains(SECRET);
    assert!(elsewhere || !(text.contains(SECRET) || lines.contains(SECRET)), "the caller's secret is told");

    let status = response.status().as_u16();
    let Some(uid) = std::str::from_utf8(&body).ok().and_then(uid_of).filter(|_| status == 200) else {
        assert!((400..500).contains(&status), "nobody to answer to, and still {status}");
        return;
    };
    let nothing_to_judge = match admission::decode(&body) {
        Ok(review) => review.images().is_empty() || review.template.is_some() || review.namespace == IGNORED,
        Err(_) => admission::template_in(&body).is_some(),
    };
    assert_eq!(lets_in(text, &uid), nothing_to_judge, "{text}");
}

/// The webhook with one caller and no way to ECR.
struct World {
    webhook: Webhook,
    lines: Lines,
    runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> Self {
        let lines = Lines::default();
        let webhook = Webhook {
            callers: Callers::parse(&format!("blue={DIGEST}")).expect("a caller"),
            policy: Ok(home_only()),
            policy_version: "v".to_owned(),
            facts: EcrFacts::new(BTreeMap::new(), HOME.account.to_owned(), Duration::from_secs(1)),
            log: Log::to(Level::Debug, Box::new(lines.clone())),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        Self { webhook, lines, runtime }
    }

    fn answer(&self, call: &Call) -> (Response<Body>, String) {
        let response = self.runtime.block_on(self.webhook.handle(call));
        (response, self.lines.take())
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8(bytes).expect("lines are text")
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
