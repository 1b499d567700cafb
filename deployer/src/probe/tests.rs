//! The probe against a small local server that plays right and wrong endpoints. No name is resolved, no time is measured.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test may panic")]

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::settings::Credentials;

const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// Status line's number and body for a request's path (with what it sends as `Authorization` behind it) and body.
type Play = fn(path: &str, body: &str) -> (u16, String);

/// Serves until the test ends; the address and what stderr got.
async fn probe(play: Play, ignored: &[&str]) -> (Result<(), Failure>, String) {
    probe_as(Credentials::Url, play, ignored).await
}

async fn probe_as(credentials: Credentials, play: Play, ignored: &[&str]) -> (Result<(), Failure>, String) {
    install_provider();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, play));
        }
    });
    let seen = Seen::default();
    let mut console = Console::injected(Box::new(std::io::sink()), Box::new(seen.clone()), None, false);
    let caller = Caller { name: "test".to_owned(), secret: CallerSecret::parse(SECRET).unwrap(), credentials };
    let ignored: Vec<String> = ignored.iter().map(|name| (*name).to_owned()).collect();
    let target = Target {
        endpoint: &endpoint,
        caller: &caller,
        ca_bundle: None,
        client_identity: None,
        refuses: true,
        ignored_namespaces: &ignored,
    };
    let patience = Patience { attempts: 3, pause: Duration::ZERO };
    let (_pull, interrupt) = Interrupt::manual();
    let result = run(&target, patience, &mut console, &interrupt).await;
    server.abort();
    let text = String::from_utf8(seen.0.lock().unwrap().clone()).unwrap();
    (result, text)
}

/// `main` does this for the program; a second time is no harm.
fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Seen {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// One request per connection; reads the head, then as many bytes as it announces.
async fn answer(mut stream: TcpStream, play: Play) {
    let mut bytes = Vec::new();
    let (path, body) = loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.unwrap_or(0);
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "the request broke off");
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:").map(|value| value.trim().to_owned())
            })
            .map_or(0, |value| value.parse().unwrap());
        if body.len() >= length {
            let path = head.split(' ').nth(1).unwrap_or_default();
            let token = head.lines().find_map(|line| line.strip_prefix("authorization:"));
            break (format!("{path}{}", token.unwrap_or_default()), body.to_owned());
        }
    };
    let (status, body) = play(&path, &body);
    let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let _ = stream.write_all(text.as_bytes()).await;
}

fn verdict(uid: &Value, allowed: bool, code: u16) -> String {
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "response": { "uid": uid, "allowed": allowed, "status": { "code": code } },
    })
    .to_string()
}

/// As the function answers.
fn right(path: &str, body: &str) -> (u16, String) {
    judged(path == format!("/v1/test/{SECRET}"), body)
}

/// The same where the secret is sent as a token.
fn right_for_tokens(path: &str, body: &str) -> (u16, String) {
    judged(path == format!("/v1/test Bearer {SECRET}"), body)
}

fn judged(known: bool, body: &str) -> (u16, String) {
    if !known {
        return (404, String::new());
    }
    let Ok(review) = serde_json::from_str::<Value>(body) else { return (400, "no review".to_owned()) };
    let ignored = review["request"]["namespace"] == "kube-system";
    (200, verdict(&review["request"]["uid"], ignored, 403))
}

#[tokio::test]
async fn a_token_is_sent_beside_the_url_and_shown_nowhere() {
    let (result, text) = probe_as(Credentials::Bearer, right_for_tokens, &["kube-system"]).await;
    assert_eq!(result, Ok(()));
    assert!(text.contains("a wrong caller: expected 404") && !text.contains(SECRET), "{text}");
    assert!(probe_as(Credentials::Bearer, right, &[]).await.0.is_err());
}

#[tokio::test]
async fn a_right_endpoint_passes_and_each_review_has_its_line() {
    let (result, text) = probe(right, &["kube-system"]).await;
    assert_eq!(result, Ok(()));
    for line in [
        "Docker Hub image: expected a denial, got 200 with denial",
        "a wrong caller: expected 404 and nothing else, got 404, empty",
        "a malformed review: expected a refusal (4xx), got 400",
        "ignored namespace: expected admission, got 200 with admission",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains(SECRET));
}

#[tokio::test]
async fn every_wrong_answer_is_found_and_named() {
    let cases: [(&str, Play, &str); 8] = [
        (
            "admits everything",
            |_, body| {
                let review: Value = serde_json::from_str(body).unwrap_or_default();
                (200, verdict(&review["request"]["uid"], true, 200))
            },
            "Docker Hub image should get a denial, and got 200 with admission",
        ),
        (
            "does not echo the uid",
            |_, _| (200, verdict(&json!("other"), false, 403)),
            "Docker Hub image should get a denial, and got 200 with denial, uid not echoed",
        ),
        (
            "denies without a code",
            |path, body| {
                let (status, answer) = right(path, body);
                (status, answer.replace("403", "0"))
            },
            "should get a denial",
        ),
        ("is broken", |_, _| (502, "Bad Gateway".to_owned()), "got 502: Bad Gateway"),
        ("lets strangers in", |_, body| right(&format!("/v1/test/{SECRET}"), body), "a wrong caller should get 404"),
        (
            "explains itself to strangers",
            |path, body| match right(path, body) {
                (404, _) => (404, "unknown caller".to_owned()),
                other => other,
            },
            "got 404: unknown caller",
        ),
        (
            "swallows what is malformed",
            |path, body| match right(path, body) {
                (400, _) => (200, String::new()),
                other => other,
            },
            "a malformed review should get a refusal",
        ),
        (
            "judges ignored namespaces",
            |path, body| right(path, &body.replace("kube-system", "elsewhere")),
            "ignored namespace should get admission",
        ),
    ];
    for (name, play, expected) in cases {
        let (result, text) = probe(play, &["kube-system"]).await;
        let failure = result.expect_err(name);
        assert!(failure.message.contains(expected), "{name}: {}", failure.message);
        assert!(!format!("{failure:?}{text}").contains(SECRET), "{name} shows the secret");
    }
}

#[tokio::test]
async fn an_unreachable_endpoint_is_named_without_the_secret() {
    install_provider();
    // A port that was free a moment ago and that nobody listens on.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let endpoint = format!("http://{address}");
    let caller =
        Caller { name: "test".to_owned(), secret: CallerSecret::parse(SECRET).unwrap(), credentials: Credentials::Url };
    let target = Target {
        endpoint: &endpoint,
        caller: &caller,
        ca_bundle: None,
        client_identity: None,
        refuses: true,
        ignored_namespaces: &[],
    };
    let mut console = Console::injected(Box::new(std::io::sink()), Box::new(std::io::sink()), None, false);
    let (_pull, interrupt) = Interrupt::manual();
    let patience = Patience { attempts: 2, pause: Duration::ZERO };
    let failure = run(&target, patience, &mut console, &interrupt).await.unwrap_err();
    assert!(failure.message.contains(&endpoint), "{}", failure.message);
    assert!(!format!("{failure:?}").contains(SECRET));
}

#[tokio::test]
async fn a_bundle_without_certificates_and_an_identity_without_a_key_are_named_and_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("some.pem");
    std::fs::write(&path, "nothing that is PEM").unwrap();
    let caller =
        Caller { name: "test".to_owned(), secret: CallerSecret::parse(SECRET).unwrap(), credentials: Credentials::Url };
    let target = |ca_bundle, client_identity| Target {
        endpoint: "https://127.0.0.1",
        caller: &caller,
        ca_bundle,
        client_identity,
        refuses: true,
        ignored_namespaces: &[],
    };
    let absent = dir.path().join("absent.pem");
    for (case, target, named) in [
        ("bundle", target(Some(path.as_path()), None), "cluster.ca_bundle"),
        ("identity", target(None, Some(path.as_path())), "domain.client_identity"),
        ("no identity", target(None, Some(absent.as_path())), "cannot be read"),
    ] {
        let failure = client(&target).expect_err(case);
        assert!(failure.message.contains(named), "{case}: {}", failure.message);
        assert!(!format!("{failure:?}").contains("nothing that is PEM"), "{case}");
    }
}
