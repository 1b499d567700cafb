//! The side of the Lambda Runtime API that a function sees: it asks for the next event and posts its answer.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

/// The timeout of the function in the stack's template.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(4);

/// A runtime API for one function.
pub(crate) struct Runtime {
    pub(crate) address: SocketAddr,
    events: mpsc::UnboundedSender<String>,
    answers: mpsc::UnboundedReceiver<(String, Value)>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    events: Mutex<mpsc::UnboundedReceiver<String>>,
    answers: mpsc::UnboundedSender<(String, Value)>,
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Runtime {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let (events, waiting) = mpsc::unbounded_channel();
        let (posted, answers) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { events: Mutex::new(waiting), answers: posted });
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                let service = hyper::service::service_fn(move |request| speak(request, Arc::clone(&shared)));
                connections.spawn(async move {
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, events, answers, task }
    }

    /// Hands one event to the function and takes its answer. The path says whether it was a response or an error.
    pub(crate) async fn invoke(&mut self, event: &Value) -> (String, Value) {
        self.events.send(event.to_string()).expect("the runtime is there");
        self.answers.recv().await.expect("the function answers")
    }
}

async fn speak(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    if request.method() == Method::GET && path.ends_with("/invocation/next") {
        let event = shared.events.lock().await.recv().await;
        let Some(event) = event else { return Ok(status(410, String::new())) };
        return Ok(next(event));
    }
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let answer = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into());
    let _ = shared.answers.send((path, answer));
    Ok(status(202, "{\"status\":\"OK\"}".to_owned()))
}

fn next(event: String) -> Response<Full<Bytes>> {
    let deadline = SystemTime::now() + FUNCTION_TIMEOUT;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut response = status(200, event);
    for (name, value) in [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-west-1:111122223333:function:webhook".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".to_owned()),
    ] {
        response.headers_mut().insert(name, value.parse().expect("a header's value"));
    }
    response
}

fn status(code: u16, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = hyper::StatusCode::from_u16(code).expect("a status");
    response
}
