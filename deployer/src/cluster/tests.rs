//! The cluster against a small API server of our own at the tower seam: it keeps one webhook configuration, answers
//! server-side apply as Kubernetes does for what we send, and plays the admission of the dry-run Pod.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test may panic")]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{Method, Request, Response};
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::{
    Cluster,
    caller::{Caller, CallerSecret},
    moment::Moment,
    pause::{self, Pause},
    policy,
    proof::{EARLY_WARNING, Proof},
};
use crate::{
    commands::register::Registration,
    console::Console,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    patience::Patience,
    settings::{Credentials, FailurePolicy, Settings},
};

mod in_turn;

const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const NAME: &str = "ecr-compliance-webhook";
/// The server's clock.
const NOW: &str = "Tue, 24 Nov 2026 20:00:00 GMT";

/// What the API server does with the dry-run Pod.
#[derive(Clone, Copy)]
enum Admission {
    ByUs,
    Admits,
    ByQuota,
    CannotCall,
}

#[derive(Clone)]
struct Server {
    object: Arc<Mutex<Option<Value>>>,
    seen: Arc<Mutex<Vec<String>>>,
    admission: Admission,
}

impl Server {
    fn with(object: Option<Value>, admission: Admission) -> Self {
        Self { object: Arc::new(Mutex::new(object)), seen: Arc::default(), admission }
    }

    fn cluster(&self) -> Cluster {
        self.cluster_of("staging")
    }

    fn cluster_of(&self, context: &str) -> Cluster {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let bytes = body.collect_bytes().await.unwrap();
                let uri = parts.uri.to_string();
                server.seen.lock().unwrap().push(format!("{} {uri}", parts.method));
                let (status, answer) = server.answer(&parts.method, &uri, &bytes);
                let response = Response::builder()
                    .status(status)
                    .header("date", NOW)
                    .header("warning", format!("299 - \"{EARLY_WARNING}[registry] x\""))
                    .body(Body::from(answer.to_string().into_bytes()));
                Ok::<_, Infallible>(response.unwrap())
            }
        });
        Cluster::new(Client::new(service, "default"), context, "https://server")
    }

    fn answer(&self, method: &Method, uri: &str, body: &[u8]) -> (u16, Value) {
        if uri.contains("/selfsubjectaccessreviews") {
            let review: Value = serde_json::from_slice(body).unwrap();
            let on = &review["spec"]["resourceAttributes"];
            let allowed = on["verb"] != "patch" && on["resource"] != "deployments";
            return (201, json!({ "status": { "allowed": allowed } }));
        }
        if uri.contains("/deployments?dryRun=All") {
            return (201, json!({ "kind": "Deployment" }));
        }
        if uri.contains("/pods?dryRun=All") {
            // Nobody refuses for a webhook that is not there.
            let gone = matches!(self.admission, Admission::ByUs) && self.now().is_none();
            return if gone { (201, json!({ "kind": "Pod" })) } else { self.admit() };
        }
        if uri.contains("/namespaces?") {
            return (
                200,
                json!({ "items": [{ "metadata": { "name": "kube-system" } }, { "metadata": { "name": "default" } }] }),
            );
        }
        let mut object = self.object.lock().unwrap();
        match *method {
            Method::GET => object.clone().map_or_else(|| status(404, "not found"), |object| (200, object)),
            Method::DELETE => {
                object.take().map_or_else(|| status(404, "not found"), |_| (200, json!({ "status": "Success" })))
            }
            Method::PATCH => {
                let applied: Value = serde_saphyr::from_str(std::str::from_utf8(body).unwrap()).unwrap();
                (200, object.insert(applied).clone())
            }
            _ => status(405, "no"),
        }
    }

    fn admit(&self) -> (u16, Value) {
        match self.admission {
            Admission::ByUs => {
                status(403, "admission webhook \"pods.ecr-compliance.webhook\" denied the request: Docker Hub")
            }
            Admission::Admits => (201, json!({ "kind": "Pod" })),
            Admission::ByQuota => status(403, "pods \"x\" is forbidden: exceeded quota"),
            Admission::CannotCall => status(
                500,
                &format!("failed calling webhook: Post \"https://api/v1/staging/{SECRET}?timeout=5s\": EOF"),
            ),
        }
    }

    async fn register(&self, settings: &Settings) -> Result<Proof, Failure> {
        let (_pull, interrupt) = Interrupt::manual();
        let mut console = Console::injected(Box::new(std::io::sink()), Box::new(std::io::sink()), None, true);
        let caller = Caller { name: "staging".to_owned(), secret: secret(), credentials: Credentials::Url };
        let registration = Registration {
            cluster: &self.cluster(),
            settings,
            caller: &caller,
            endpoint: "https://api.example.com",
            ca_bundle: None,
            patience: Patience { attempts: 3, pause: Duration::ZERO },
        };
        registration.run(&mut console, &interrupt).await
    }

    fn now(&self) -> Option<Value> {
        self.object.lock().unwrap().clone()
    }

    fn writes(&self) -> usize {
        self.seen.lock().unwrap().iter().filter(|line| line.starts_with("PATCH") || line.starts_with("DELETE")).count()
    }
}

fn status(code: u16, message: &str) -> (u16, Value) {
    (
        code,
        json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message, "reason": "X" }),
    )
}

fn secret() -> CallerSecret {
    CallerSecret::parse(SECRET).unwrap()
}

fn settings(failure_policy: impl Into<Option<FailurePolicy>>) -> Settings {
    let mut settings = Settings::default();
    settings.cluster.failure_policy = failure_policy.into();
    settings
}

/// As the API server keeps one of ours.
fn ours() -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {
            "name": NAME, "uid": "u", "resourceVersion": "7",
            "labels": { "app.kubernetes.io/managed-by": NAME, "team": "theirs" },
            "managedFields": [{ "manager": NAME, "operation": "Apply",
                "fieldsV1": { "f:metadata": { "f:labels": { "f:app.kubernetes.io/managed-by": {} } } } }],
        },
        "webhooks": [{ "name": "pods.ecr-compliance.webhook", "failurePolicy": "Fail",
            "clientConfig": { "url": format!("https://old.example.com/v1/staging/{SECRET}") } }],
    })
}

#[tokio::test]
async fn an_object_of_somebody_else_is_refused_and_nothing_is_changed() {
    let mut foreign = ours();
    foreign["metadata"]["labels"] = json!({ "app.kubernetes.io/managed-by": "Helm" });
    let server = Server::with(Some(foreign.clone()), Admission::ByUs);
    let failure = server.register(&settings(FailurePolicy::Ignore)).await.unwrap_err();
    assert_eq!(failure.code, ExitCode::Unsafe);
    assert_eq!(server.cluster().delete_webhook(NAME).await.unwrap_err().code, ExitCode::Unsafe);
    assert_eq!(server.now(), Some(foreign));
    assert_eq!(server.writes(), 0);
}

#[tokio::test]
async fn fail_is_applied_only_after_the_proof() {
    let server = Server::with(None, Admission::ByUs);
    let proof = server.register(&settings(FailurePolicy::Fail)).await.unwrap();
    assert!(matches!(proof, Proof::Refused(message) if message.contains("Docker Hub")));
    assert_eq!(server.now().unwrap()["webhooks"][0]["failurePolicy"], "Fail");
    let seen = server.seen.lock().unwrap().clone();
    let order: Vec<&str> =
        seen.iter().filter_map(|line| ["PATCH", "POST"].into_iter().find(|method| line.starts_with(method))).collect();
    assert_eq!(order, ["PATCH", "POST", "PATCH"], "{seen:?}");
    assert!(seen.iter().all(|line| !line.contains(SECRET)));
}

#[tokio::test]
async fn a_failed_proof_restores_what_was_there() {
    for (name, admission) in [
        ("admits", Admission::Admits),
        ("refused by a quota", Admission::ByQuota),
        ("cannot call us", Admission::CannotCall),
    ] {
        let server = Server::with(Some(ours()), admission);
        let failure = server.register(&settings(FailurePolicy::Fail)).await.unwrap_err();
        assert_eq!(failure.code, ExitCode::Failed, "{name}");
        assert!(!format!("{failure:?}").contains(SECRET), "{name} shows the secret");
        let now = server.now().unwrap();
        assert_eq!(now["webhooks"], ours()["webhooks"], "{name}");
        // Of the metadata only what we own is applied: the label of others stays theirs.
        assert_eq!(now["metadata"]["labels"], json!({ "app.kubernetes.io/managed-by": NAME }), "{name}");
        assert!(now["metadata"].get("resourceVersion").is_none(), "{name}: server-side apply refuses managed fields");
    }
}

#[tokio::test]
async fn a_failed_proof_of_the_first_registration_removes_it_again() {
    let server = Server::with(None, Admission::Admits);
    let failure = server.register(&settings(FailurePolicy::Ignore)).await.unwrap_err();
    assert!(failure.message.contains("docker.io/library/nginx:1"), "{failure:?}");
    assert_eq!(server.now(), None);
}

#[tokio::test]
async fn without_a_judged_namespace_it_is_not_proven_and_never_fail() {
    let server = Server::with(None, Admission::Admits);
    let mut settings = settings(FailurePolicy::Fail);
    settings.ignored_namespaces = vec!["default".to_owned()];
    assert_eq!(server.register(&settings).await, Ok(Proof::NoNamespace));
    assert_eq!(server.now().unwrap()["webhooks"][0]["failurePolicy"], "Ignore");
}

/// What a deploy has registered, in force.
async fn registered(failure_policy: FailurePolicy) -> Value {
    let server = Server::with(None, Admission::ByUs);
    server.register(&settings(failure_policy)).await.unwrap();
    server.now().unwrap()
}

fn paused(mut object: Value, until: &str) -> Value {
    let until = Moment::parse(until).unwrap();
    assert!(pause::add(&mut object, &Pause { until, by: "ann".to_owned(), reason: "x".to_owned() }));
    object
}

#[tokio::test]
async fn a_promoted_webhook_stays_so_where_the_settings_say_nothing_and_is_not_weakened_meanwhile() {
    let server = Server::with(Some(registered(FailurePolicy::Fail).await), Admission::ByUs);
    server.register(&settings(None)).await.unwrap();
    assert_eq!(server.now().unwrap()["webhooks"][0]["failurePolicy"], "Fail");
    assert_eq!(server.writes(), 1, "no step with Ignore where nothing changes");
    server.register(&settings(FailurePolicy::Ignore)).await.unwrap();
    assert_eq!(server.now().unwrap()["webhooks"][0]["failurePolicy"], "Ignore");
}

#[tokio::test]
async fn a_deploy_that_was_killed_before_its_proof_does_not_lower_the_policy_for_good() {
    let mut object = registered(FailurePolicy::Ignore).await;
    policy::note(&mut object, FailurePolicy::Fail);
    let server = Server::with(Some(object), Admission::ByUs);
    server.register(&settings(None)).await.unwrap();
    let now = server.now().unwrap();
    assert_eq!(now["webhooks"][0]["failurePolicy"], "Fail");
    assert!(now["metadata"]["annotations"].is_null(), "{now}");
}

#[tokio::test]
async fn a_pause_that_runs_is_kept_and_proven_by_a_warning_and_one_that_is_over_is_taken_away() {
    for (name, until, kept) in [
        ("it runs", "2026-11-24T20:00:01Z", true),
        ("it is over", "2026-11-24T20:00:00Z", false),
        ("longer than any may be", "2026-11-26T20:00:00Z", false),
    ] {
        let before = paused(registered(FailurePolicy::Fail).await, until);
        let pause = pause::read(&before);
        let server = Server::with(Some(before), if kept { Admission::Admits } else { Admission::ByUs });
        let proof = server.register(&settings(None)).await.unwrap();
        assert_eq!(matches!(proof, Proof::Warned(_)), kept, "{name}");
        let now = server.now().unwrap();
        assert_eq!(pause::read(&now), pause.filter(|_| kept), "{name}");
        assert_eq!(now["webhooks"][0]["failurePolicy"], "Fail", "{name}");
    }
}

#[tokio::test]
async fn what_argo_cd_keeps_is_proven_where_it_is_right_and_never_written() {
    let mut object = registered(FailurePolicy::Ignore).await;
    object["metadata"]["labels"]["argocd.argoproj.io/instance"] = json!("platform");
    let server = Server::with(Some(object.clone()), Admission::ByUs);
    assert!(matches!(server.register(&settings(None)).await, Ok(Proof::Refused(_))));
    object["webhooks"][0]["timeoutSeconds"] = json!(7);
    let server = Server::with(Some(object), Admission::ByUs);
    let failure = server.register(&settings(None)).await.unwrap_err();
    assert_eq!(failure.code, ExitCode::Unsafe);
    assert!(failure.hint.unwrap().contains("webhook render --out FILE"));
    assert_eq!(server.cluster().delete_webhook(NAME).await.unwrap_err().code, ExitCode::Unsafe);
    assert_eq!(server.writes(), 0);
}

#[tokio::test]
async fn the_caller_of_our_webhook_is_read_back() {
    let existing = Server::with(Some(ours()), Admission::ByUs).cluster().our_webhook(NAME).await.unwrap().unwrap();
    assert_eq!(
        existing.caller(),
        Some(Caller { name: "staging".to_owned(), secret: secret(), credentials: Credentials::Url })
    );
    assert_eq!(existing.endpoint(), Some("https://old.example.com"));
}

#[tokio::test]
async fn missing_permissions_are_named() {
    let failure = Server::with(None, Admission::ByUs).cluster().check_permissions().await.unwrap_err();
    assert!(failure.message.contains("may not patch validatingwebhookconfigurations"), "{}", failure.message);
}

#[tokio::test]
async fn what_may_not_be_created_to_prove_it_is_named() {
    let cluster = Server::with(None, Admission::ByUs).cluster();
    assert_eq!(cluster.not_permitted_to_prove().await, Ok(vec!["deployments"]));
}

#[tokio::test]
async fn deleting_what_is_absent_is_success() {
    let cluster = Server::with(None, Admission::ByUs).cluster();
    assert_eq!(cluster.delete_webhook(NAME).await, Ok(false));
}
