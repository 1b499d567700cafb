//! The door through which every request to a cluster goes, and what comes back through it.

use http::{HeaderMap, Method};
use kube::{Error, client::Body, core::Status};
use serde_json::{Value, json};

use super::{Cluster, moment::Moment};
use crate::error::chain;

const JSON: &str = "application/json";
const WHO_AM_I: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// A success: what the API server says, and the headers it said it with.
pub(super) struct Answer {
    pub(super) body: Value,
    headers: HeaderMap,
}

impl Answer {
    /// The texts of `Warning: 299 - "text"`.
    pub(super) fn warnings(&self) -> Vec<String> {
        let text = |value: &http::HeaderValue| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            value.split_once('"').map_or(value.clone(), |(_, text)| text.trim_end_matches('"').to_owned())
        };
        self.headers.get_all(http::header::WARNING).iter().map(text).collect()
    }

    fn date(&self) -> Option<Moment> {
        Moment::of_http_date(self.headers.get(http::header::DATE)?.to_str().ok()?)
    }
}

impl Cluster {
    pub(super) async fn get(&self, path: &str) -> Result<Value, Error> {
        self.send(Method::GET, path, JSON, Vec::new()).await
    }

    pub(super) async fn post(&self, path: &str, object: &Value) -> Result<Answer, Error> {
        self.exchange(Method::POST, path, JSON, object.to_string().into_bytes()).await
    }

    pub(super) async fn send(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Result<Value, Error> {
        self.exchange(method, path, kind, body).await.map(|answer| answer.body)
    }

    /// One request, JSON back. The only place that sends anything.
    async fn exchange(&self, method: Method, path: &str, kind: &str, body: Vec<u8>) -> Result<Answer, Error> {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header(http::header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .map_err(Error::HttpError)?;
        let (parts, body) = self.client.send(request).await?.into_parts();
        let bytes = body.collect_bytes().await?;
        if parts.status.is_success() {
            let body = serde_json::from_slice(&bytes).map_err(Error::SerdeError)?;
            return Ok(Answer { body, headers: parts.headers });
        }
        let status = serde_json::from_slice::<Status>(&bytes).unwrap_or_else(|_| {
            // Not the API server's own words, but a proxy's before it.
            Status::failure(String::from_utf8_lossy(&bytes).trim(), "not a Status").with_code(parts.status.as_u16())
        });
        Err(Error::Api(status.boxed()))
    }

    /// The time on the API server's clock, which stamps what is created; this machine's where it does not say.
    pub async fn now(&self) -> Moment {
        let answer = self.exchange(Method::GET, "/version", JSON, Vec::new()).await;
        answer.ok().and_then(|answer| answer.date()).unwrap_or_else(Moment::here)
    }

    /// 37 of `v1.37.2`; `None` where the cluster does not say.
    pub async fn minor_version(&self) -> Option<u64> {
        let version = self.get("/version").await.ok()?;
        // Some write "30+".
        let minor = version["minor"].as_str()?;
        minor.trim_end_matches(|char: char| !char.is_ascii_digit()).parse().ok()
    }

    /// Who we are to the cluster; `None` where it does not say (Kubernetes 1.28 and later do).
    pub async fn who_am_i(&self) -> Option<String> {
        let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
        let answer = self.post(WHO_AM_I, &review).await.ok()?;
        answer.body["status"]["userInfo"]["username"].as_str().map(str::to_owned)
    }
}

/// The API server's own answer, when it gave one.
pub(super) fn api_status(error: &Error) -> Option<&Status> {
    match error {
        Error::Api(status) => Some(status),
        _ => None,
    }
}

/// One line: what the API server says, or the chain of what went wrong before it could.
pub(super) fn describe(error: &Error) -> String {
    match api_status(error) {
        Some(status) => format!("{} (code {})", status.message, status.code),
        // The client's name for a failure, before the failure's own.
        None => chain(error).trim_start_matches("ServiceError: ").to_owned(),
    }
}
