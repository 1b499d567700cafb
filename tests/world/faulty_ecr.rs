//! An ECR at the wire that fails on demand: slow, throttling, denying, cut off, of another account, or talking nonsense;
//! and, at the same address, an STS that fails by itself.
//!
//! Plain HTTP on a free port of 127.0.0.1, for programs that are told where ECR is (`AWS_ENDPOINT_URL_ECR`,
//! `AWS_ENDPOINT_URL_STS`). When it is well,
//! every repository it is asked about exists, is immutable and is scanned on push.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::trouble::{Context, Result};

/// The account whose registry this is.
pub const ACCOUNT: &str = "111122223333";
/// Its region.
pub const REGION: &str = "eu-west-1";
/// Whose answers come when they are another account's.
const OTHER_ACCOUNT: &str = "999900001111";
/// What AWS says beside its codes, and what nobody but the owner of the function should read.
pub const SECRET_WORDS: &str = "User arn:aws:sts::111122223333:assumed-role/secret-role/f is not happy";

/// Slower than ECR ever is, and within what the function waits for one answer.
pub const SLOWNESS: Duration = Duration::from_millis(700);

/// More than the function reads of one answer.
const BLANKS: usize = 17 * 1024 * 1024;

/// What is wrong with ECR, or with STS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It takes the question and never answers.
    Silent,
    /// `ThrottlingException`.
    Throttling,
    /// `AccessDeniedException`.
    Denied,
    /// 500, `ServerException`.
    Broken,
    /// The connection is closed instead of an answer.
    Cut,
    /// Good answers, about another account's repositories.
    WrongAccount,
    /// A success that is not JSON.
    Nonsense,
    /// Good answers after [`SLOWNESS`].
    Slow,
    /// Successes that have nothing of what was asked for, and say that there is more.
    Pages,
    /// Good answers to some other question.
    Mixed,
    /// Good answers that are longer than any of ECR's, by blanks.
    Bloated,
    /// `ThrottlingException`, with the wish to be left alone for longer than anybody waits.
    ThrottlingForLong,
}

/// A running stand-in. It ends with its last clone's task being aborted, or with the process.
#[derive(Debug)]
pub struct FaultyEcr {
    address: SocketAddr,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    fault: Mutex<Fault>,
    sts: Mutex<Fault>,
    calls: AtomicUsize,
}

impl FaultyEcr {
    /// Starts with that fault.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start(fault: Fault) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.while_doing(|| "opening ECR's port".to_owned())?;
        let address = listener.local_addr().while_doing(|| "reading ECR's port".to_owned())?;
        let state =
            Arc::new(State { fault: Mutex::new(fault), sts: Mutex::new(Fault::None), calls: AtomicUsize::new(0) });
        let task = tokio::spawn(serve(listener, Arc::clone(&state)));
        Ok(Self { address, state, task })
    }

    /// The value of `AWS_ENDPOINT_URL_ECR` and of `AWS_ENDPOINT_URL_STS`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What is wrong from the next question on.
    pub fn set(&self, fault: Fault) {
        *self.state.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// What is wrong with STS from the next question on.
    pub fn set_sts(&self, fault: Fault) {
        *self.state.sts.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// How many questions came to ECR so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.state.calls.load(Ordering::SeqCst)
    }
}

impl Drop for FaultyEcr {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let state = Arc::clone(&state);
                let service = hyper::service::service_fn(move |request| answer(request, Arc::clone(&state)));
                connections.spawn(async move {
                    // A service that fails closes its connection: that is how a cut one is made.
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// The connection is to be closed.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut on demand")
    }
}

impl std::error::Error for Cut {}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> std::result::Result<Response<Full<Bytes>>, Cut> {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.map_err(|_| Cut)?.to_bytes();
    if body.starts_with(b"Action=AssumeRole&") {
        let fault = *state.sts.lock().unwrap_or_else(PoisonError::into_inner);
        return sts(fault).await;
    }
    state.calls.fetch_add(1, Ordering::SeqCst);
    let fault = *state.fault.lock().unwrap_or_else(PoisonError::into_inner);
    match fault {
        Fault::Slow => {
            tokio::time::sleep(SLOWNESS).await;
            Ok(reply(200, &good(&operation, &body, ACCOUNT)))
        }
        Fault::Pages => Ok(reply(200, &json!({ "registryId": ACCOUNT, "nextToken": "more" }))),
        Fault::None => Ok(reply(200, &good(&operation, &body, ACCOUNT))),
        Fault::WrongAccount => Ok(reply(200, &good(&operation, &body, OTHER_ACCOUNT))),
        Fault::Silent => silence().await,
        Fault::Throttling => Ok(refusal(400, "ThrottlingException")),
        Fault::Denied => Ok(refusal(400, "AccessDeniedException")),
        Fault::Broken => Ok(refusal(500, "ServerException")),
        Fault::Cut => Err(Cut),
        Fault::Nonsense => Ok(text(200, "<html>a captive portal</html>".to_owned())),
        Fault::Mixed => {
            let (describe, scanning) = ("DescribeRepositories", "BatchGetRepositoryScanningConfiguration");
            Ok(reply(200, &good(if operation == describe { scanning } else { describe }, &body, ACCOUNT)))
        }
        Fault::Bloated => Ok(text(200, format!("{}{}", " ".repeat(BLANKS), good(&operation, &body, ACCOUNT)))),
        Fault::ThrottlingForLong => {
            let mut response = refusal(400, "ThrottlingException");
            let milliseconds = hyper::header::HeaderValue::from_static("3600000");
            response.headers_mut().insert("x-amz-retry-after", milliseconds);
            Ok(response)
        }
    }
}

async fn silence<T>() -> std::result::Result<T, Cut> {
    std::future::pending::<std::result::Result<T, Infallible>>().await.map_err(|never| match never {})
}

/// STS speaks XML, and knows of our faults those that the function tells apart.
async fn sts(fault: Fault) -> std::result::Result<Response<Full<Bytes>>, Cut> {
    let error = |status, code: &str| {
        let body = format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{SECRET_WORDS}</Message></Error></ErrorResponse>"
        );
        Ok(text(status, body))
    };
    match fault {
        Fault::Silent => silence().await,
        Fault::Cut => Err(Cut),
        Fault::Throttling => error(400, "Throttling"),
        Fault::Denied => error(403, "AccessDenied"),
        Fault::Broken => error(500, "InternalFailure"),
        _ => Ok(text(
            200,
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>assumed</AccessKeyId>\
             <SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>\
             <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
                .to_owned(),
        )),
    }
}

fn refusal(status: u16, code: &str) -> Response<Full<Bytes>> {
    reply(status, &json!({ "__type": code, "message": SECRET_WORDS }))
}

fn reply(status: u16, body: &Value) -> Response<Full<Bytes>> {
    text(status, body.to_string())
}

fn text(status: u16, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert("content-type", hyper::header::HeaderValue::from_static("application/x-amz-json-1.1"));
    headers.insert("x-amzn-requestid", hyper::header::HeaderValue::from_static("r-bad-hour"));
    response
}

/// What a registry in good order says about whatever it is asked.
fn good(operation: &str, body: &[u8], account: &str) -> Value {
    let question: Value = serde_json::from_slice(body).unwrap_or_default();
    let names: Vec<&str> =
        question["repositoryNames"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let arn = |name: &str| format!("arn:aws:ecr:{REGION}:{account}:repository/{name}");
    let each = |describe: &dyn Fn(&str) -> Value| names.iter().map(|name| describe(name)).collect::<Vec<_>>();
    match operation {
        "DescribeRepositories" => json!({ "repositories": each(&|name| json!({
            "registryId": account, "repositoryName": name, "repositoryArn": arn(name),
            "imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": { "scanOnPush": true },
        })) }),
        "BatchGetRepositoryScanningConfiguration" => json!({
            "failures": [],
            "scanningConfigurations": each(&|name| json!({
                "repositoryName": name, "repositoryArn": arn(name), "scanOnPush": true,
                "scanFrequency": "SCAN_ON_PUSH", "appliedScanFilters": [],
            })),
        }),
        _ => json!({ "registryId": account, "scanningConfiguration": { "scanType": "BASIC", "rules": [] } }),
    }
}
