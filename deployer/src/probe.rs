//! Canned admission reviews against the live endpoint, before the cluster is touched: does it judge as it must?
//!
//! Proxy, exceptions and roots come from the environment (`HTTPS_PROXY`, `NO_PROXY`, `SSL_CERT_FILE`). The URL holds the
//! caller's secret: it must not get into any text, so errors lose their URL and no redirect is followed.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use reqwest::{Certificate, Client, Identity, redirect::Policy};
use serde_json::{Value, json};

use crate::{
    cluster::caller::{Caller, CallerSecret},
    console::Console,
    error::{Failure, chain},
    interrupt::{Interrupt, interrupted},
    patience::Patience,
    settings::Settings,
};

/// The uid that the reviews carry; the answer has to echo it.
const UID: &str = "6d1f7f8e-5c1b-4a51-9c43-0d8e5a2b7c10";
/// From Docker Hub, so it is refused unless the owner's policy says otherwise.
const IMAGE: &str = "docker.io/library/nginx:1";

/// Namespace and image of the Pod that is judged. Nobody ignores that namespace.
pub const PROBED: (&str, &str) = ("ecr-compliance-probe", IMAGE);

/// What is probed.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// `https://host[:port]`.
    pub endpoint: &'a str,
    /// The caller that the endpoint was told about.
    pub caller: &'a Caller,
    /// A PEM file that alone verifies the endpoint; `None`: the usual roots.
    pub ca_bundle: Option<&'a Path>,
    /// A PEM file with a certificate and its key, shown to an endpoint that asks for one.
    pub client_identity: Option<&'a Path>,
    /// Whether the policy refuses [`PROBED`].
    pub refuses: bool,
    /// Namespaces that are not judged.
    pub ignored_namespaces: &'a [String],
}

impl<'a> Target<'a> {
    /// As the settings have it.
    #[must_use]
    pub fn of(settings: &'a Settings, caller: &'a Caller, endpoint: &'a str) -> Self {
        let (namespace, image) = PROBED;
        Self {
            endpoint,
            caller,
            ca_bundle: settings.cluster.ca_bundle.as_deref(),
            client_identity: settings.domain.client_identity.as_deref(),
            refuses: settings.refuses(namespace, image),
            ignored_namespaces: &settings.ignored_namespaces,
        }
    }
}

/// One review: what is sent where, and what must come back.
struct Check {
    what: &'static str,
    expected: &'static str,
    url: String,
    /// `Authorization`, where the URL holds no secret.
    token: Option<String>,
    body: String,
    judge: fn(&Answer) -> bool,
}

/// What came back.
struct Answer {
    status: u16,
    body: String,
    took: Duration,
}

/// Send every review and show a line for each: sent, expected, came, latency.
///
/// # Errors
/// At the first review that is not answered as it must be, after all tries; or when we are asked to stop.
pub async fn run(
    target: &Target<'_>,
    patience: Patience,
    console: &mut Console,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let client = client(target)?;
    for check in checks(target)? {
        let tried = interrupt.unless_asked(persist(&client, &check, patience)).await;
        let result = tried.ok_or_else(|| {
            interrupted("interrupted while the endpoint was probed: the stack is deployed, the cluster was not touched")
        })?;
        let answer = result.map_err(|last| not_as_it_must(target.endpoint, &check, &last))?;
        let milliseconds = answer.took.as_millis();
        console.say(&format!(
            "{}: expected {}, got {} in {milliseconds} ms",
            check.what,
            check.expected,
            summary(&answer)
        ));
    }
    if target.ignored_namespaces.is_empty() {
        console.say("no namespace is ignored, so none was tried");
    }
    Ok(())
}

/// The judged Pod comes first: it settles that the endpoint is there, on which the meaning of a 404 rests.
fn checks(target: &Target<'_>) -> Result<Vec<Check>, Failure> {
    let (url, token) = (target.caller.url(target.endpoint), bearer(target.caller));
    let stranger = Caller { secret: CallerSecret::generate()?, ..target.caller.clone() };
    let (judged, _) = PROBED;
    let (expected, judge): (_, fn(&Answer) -> bool) = if target.refuses {
        ("a denial", |answer| is_verdict(answer, false))
    } else {
        // The owner's policy warns, or audits, or has agreed to it.
        ("admission, as the policy has it", |answer| is_verdict(answer, true))
    };
    let mut checks = vec![
        Check {
            what: "a Pod with a Docker Hub image",
            expected,
            url: url.clone(),
            token: token.clone(),
            body: review(judged),
            judge,
        },
        Check {
            what: "a wrong caller",
            expected: "404 and nothing else",
            url: stranger.url(target.endpoint),
            token: bearer(&stranger),
            body: review(judged),
            judge: |answer| answer.status == 404 && answer.body.is_empty(),
        },
        Check {
            what: "a malformed review",
            expected: "a refusal (4xx)",
            url: url.clone(),
            token: token.clone(),
            body: "{\"kind\":".to_owned(),
            judge: |answer| (400..500).contains(&answer.status) && !matches!(answer.status, 404 | 429),
        },
    ];
    if let Some(ignored) = target.ignored_namespaces.first() {
        checks.push(Check {
            what: "the same Pod in an ignored namespace",
            expected: "admission",
            url,
            token,
            body: review(ignored),
            judge: |answer| is_verdict(answer, true),
        });
    }
    Ok(checks)
}

/// As an API server sends it. This text holds the secret.
fn bearer(caller: &Caller) -> Option<String> {
    caller.token().map(|token| format!("Bearer {token}"))
}

/// Try until the answer is as it must be; else the last thing that came, in words.
async fn persist(client: &Client, check: &Check, patience: Patience) -> Result<Answer, String> {
    let mut last = "nothing was sent".to_owned();
    for attempt in 0..patience.attempts {
        patience.before(attempt).await;
        match send(client, check).await {
            Ok(answer) if (check.judge)(&answer) => return Ok(answer),
            Ok(answer) => last = summary(&answer),
            Err(error) => last = chain(&error),
        }
    }
    Err(last)
}

async fn send(client: &Client, check: &Check) -> Result<Answer, reqwest::Error> {
    let started = Instant::now();
    let mut request =
        client.post(&check.url).header(reqwest::header::CONTENT_TYPE, "application/json").body(check.body.clone());
    if let Some(token) = &check.token {
        request = request.header(reqwest::header::AUTHORIZATION, token);
    }
    // The URL in an error would be the secret in an error.
    let response = request.send().await.map_err(reqwest::Error::without_url)?;
    let status = response.status().as_u16();
    let body = response.text().await.map_err(reqwest::Error::without_url)?;
    Ok(Answer { status, body, took: started.elapsed() })
}

/// A verdict that echoes our review: `allowed` as given, and 403 when it is a denial.
fn is_verdict(answer: &Answer, allowed: bool) -> bool {
    let Ok(review) = serde_json::from_str::<Value>(&answer.body) else { return false };
    let response = &review["response"];
    answer.status == 200
        && review["apiVersion"] == "admission.k8s.io/v1"
        && review["kind"] == "AdmissionReview"
        && response["uid"] == UID
        && response["allowed"] == allowed
        && (allowed || response["status"]["code"] == 403)
}

/// What came, in a few words: the status, and the verdict where it is one.
fn summary(answer: &Answer) -> String {
    let verdict = serde_json::from_str::<Value>(&answer.body).ok().and_then(|review| {
        let response = review.get("response")?;
        let uid = if response["uid"] == UID { "" } else { ", uid not echoed" };
        let word = if response["allowed"].as_bool()? { "admission" } else { "denial" };
        Some(format!("{word}{uid}"))
    });
    match verdict {
        Some(verdict) => format!("{} with {verdict}", answer.status),
        None if answer.body.is_empty() => format!("{}, empty", answer.status),
        // The beginning of a gateway's own answer tells which part answered.
        None => format!("{}: {}", answer.status, answer.body.chars().take(200).collect::<String>().escape_debug()),
    }
}

fn not_as_it_must(endpoint: &str, check: &Check, last: &str) -> Failure {
    Failure::new(format!(
        "the endpoint {endpoint} does not answer as it must: {} should get {}, and got {last}",
        check.what, check.expected
    ))
    .with_hint(
        "The cluster was not touched. Is the endpoint reachable from here (HTTPS_PROXY, NO_PROXY)? With a private certificate, give SSL_CERT_FILE or cluster.ca_bundle. The function's log tells what it saw.",
    )
}

fn client(target: &Target<'_>) -> Result<Client, Failure> {
    let builder = Client::builder()
        // The API server follows no redirect with the review either, and one would carry the secret elsewhere.
        .redirect(Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(30));
    let builder = match target.ca_bundle {
        // As for the API server: a given bundle replaces the usual roots.
        Some(path) => builder.tls_certs_only(certificates(path)?),
        None => builder,
    };
    let builder = match target.client_identity {
        Some(path) => builder.identity(identity(path)?),
        None => builder,
    };
    builder.build().map_err(|error| Failure::new("no HTTPS client can be made for the probe").caused_by(&error))
}

/// What is wrong with the file is never said in its own words: it holds a private key.
fn identity(path: &Path) -> Result<Identity, Failure> {
    let broken = |why: &str| Failure::usage(format!("domain.client_identity {}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| broken("cannot be read").caused_by(&error))?;
    Identity::from_pem(&pem).map_err(|_| broken("is no PEM file with a certificate and its private key"))
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let broken = |why: &str| Failure::usage(format!("cluster.ca_bundle {}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| broken("cannot be read").caused_by(&error))?;
    let certificates = Certificate::from_pem_bundle(&pem)
        .map_err(|error| broken("is no PEM file of certificates").caused_by(&error))?;
    if certificates.is_empty() { Err(broken("holds no certificate")) } else { Ok(certificates) }
}

/// An `AdmissionReview` for the creation of a Pod, as an API server sends it for a dry run.
fn review(namespace: &str) -> String {
    let pods = json!({ "group": "", "version": "v1", "resource": "pods" });
    let pod = json!({ "group": "", "version": "v1", "kind": "Pod" });
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": UID,
            "kind": pod,
            "resource": pods,
            "requestKind": pod,
            "requestResource": pods,
            "name": "ecr-compliance-probe",
            "namespace": namespace,
            "operation": "CREATE",
            "userInfo": { "username": "ecr-compliance-deployer" },
            "object": {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": { "name": "ecr-compliance-probe", "namespace": namespace },
                "spec": { "containers": [{ "name": "probe", "image": IMAGE }] },
            },
            "oldObject": null,
            "dryRun": true,
            "options": { "apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions", "dryRun": ["All"] },
        },
    })
    .to_string()
}

#[cfg(test)]
mod tests;
