//! An ECR at the wire: the real SDK above it, an answer of the test's choice below.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::http::{HttpRequest, HttpResponse};
use aws_sdk_ecr::config::retry::RetryConfig;
use aws_sdk_ecr::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ecr::error::ConnectorError;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::ecr::{Clock, EcrFacts, Moment};
use crate::facts::RepositoryKey;
use crate::registry::{Partition, Registry};

pub(super) const OWN: &str = "111122223333";
pub(super) const OTHER: &str = "999988887777";
pub(super) const REGION: &str = "eu-west-1";
pub(super) const DEADLINE: Duration = Duration::from_secs(3);

/// What the fake does with one call.
pub(super) enum Answer {
    Json(Value),
    Error(u16, &'static str),
    Raw(u16, &'static str),
    /// The connection breaks.
    Broken,
    /// Nothing ever comes back.
    Never,
}

type Script = dyn Fn(&str, &Value) -> Answer + Send + Sync;

/// Answers calls by a script of (operation, body) and keeps what was asked.
#[derive(Clone)]
pub(super) struct FakeEcr {
    script: Arc<Script>,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
    /// Answers only once this many calls are waiting.
    together: Option<Arc<Barrier>>,
}

impl fmt::Debug for FakeEcr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeEcr")
    }
}

impl FakeEcr {
    pub(super) fn new(script: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Self {
        Self { script: Arc::new(script), calls: Arc::default(), together: None }
    }

    pub(super) fn answering_together(self, calls: usize) -> Self {
        Self { together: Some(Arc::new(Barrier::new(calls))), ..self }
    }

    pub(super) fn client(&self) -> Client {
        self.client_with(RetryConfig::disabled())
    }

    pub(super) fn client_with(&self, retries: RetryConfig) -> Client {
        let connector = SharedHttpConnector::new(self.clone());
        let config = aws_sdk_ecr::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("id", "key", None, None, "test"))
            .retry_config(retries)
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        Client::from_conf(config)
    }

    pub(super) fn facts(&self) -> EcrFacts {
        EcrFacts::new(BTreeMap::from([(REGION.to_owned(), self.client())]), OWN.to_owned(), DEADLINE)
    }

    /// How many calls there were.
    pub(super) fn count(&self) -> usize {
        self.calls.lock().unwrap().len()
    }

    /// The bodies of the calls of one operation.
    pub(super) fn asked(&self, operation: &str) -> Vec<Value> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(name, _)| name == operation).map(|(_, body)| body.clone()).collect()
    }
}

/// A clock that stands where it is put.
#[derive(Debug, Clone, Default)]
pub(super) struct ManualClock(Arc<Mutex<Duration>>);

impl ManualClock {
    pub(super) fn set(&self, seconds: u64) {
        *self.0.lock().unwrap() = Duration::from_secs(seconds);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        let now = *self.0.lock().unwrap();
        Moment { monotonic: now, wall: now }
    }
}

impl HttpConnector for FakeEcr {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let answer = (self.script)(&operation, &body);
        self.calls.lock().unwrap().push((operation, body));
        let together = self.together.clone();
        HttpConnectorFuture::new(async move {
            if let Some(barrier) = together {
                barrier.wait().await;
            }
            match answer {
                Answer::Json(value) => Ok(response(200, value.to_string())),
                Answer::Error(status, code) => {
                    let body = json!({"__type": code, "message": "arn:aws:iam::1:role/secret-name is not allowed"});
                    Ok(response(status, body.to_string()))
                }
                Answer::Raw(status, text) => Ok(response(status, text.to_owned())),
                Answer::Broken => Err(ConnectorError::io("connection reset".into())),
                Answer::Never => std::future::pending().await,
            }
        })
    }
}

fn response(status: u16, body: String) -> HttpResponse {
    let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
    response.headers_mut().insert("x-amzn-requestid", "request-1");
    response
}

pub(super) fn registry(account: &str) -> Registry {
    Registry { partition: Partition::Aws, account: account.to_owned(), region: REGION.to_owned() }
}

pub(super) fn key(account: &str, name: &str) -> RepositoryKey {
    RepositoryKey { registry: registry(account), name: name.to_owned() }
}

/// The names in a call.
pub(super) fn names(body: &Value) -> Vec<String> {
    let names = body["repositoryNames"].as_array().cloned().unwrap_or_default();
    names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

pub(super) fn arn(account: &str, name: &str) -> String {
    format!("arn:aws:ecr:{REGION}:{account}:repository/{name}")
}

/// An ECR in which every repository exists, is immutable and asks for scans, and no rule of the registry does.
pub(super) fn healthy(operation: &str, body: &Value) -> Answer {
    let account = body["registryId"].as_str().unwrap_or(OWN);
    let each = |one: &dyn Fn(&str) -> Value| names(body).iter().map(|name| one(name)).collect::<Vec<Value>>();
    Answer::Json(match operation {
        "DescribeRepositories" => json!({"repositories": each(&|name| json!({
            "repositoryArn": arn(account, name), "registryId": account, "repositoryName": name,
            "imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": {"scanOnPush": true}}))}),
        "BatchGetRepositoryScanningConfiguration" => {
            json!({"failures": [], "scanningConfigurations": each(&|name| json!({
            "repositoryArn": arn(account, name), "repositoryName": name, "scanOnPush": false,
            "scanFrequency": "MANUAL", "appliedScanFilters": []}))})
        }
        "DescribeImages" => {
            let ids = body["imageIds"].as_array().cloned().unwrap_or_default();
            json!({"imageDetails": ids.iter().map(|id| image(account, body, id)).collect::<Vec<Value>>()})
        }
        "DescribeImageScanFindings" => scanned(account, body, "COMPLETE", &json!({})),
        _ => json!({"registryId": OWN, "scanningConfiguration": {"scanType": "BASIC", "rules": []}}),
    })
}

/// The digest of every tag.
pub(super) const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";

/// An image that can be pulled.
pub(super) fn image(account: &str, body: &Value, id: &Value) -> Value {
    json!({
        "registryId": account, "repositoryName": body["repositoryName"],
        "imageDigest": id["imageDigest"].as_str().unwrap_or(DIGEST),
        "imageTags": id["imageTag"].as_str().map(|tag| json!([tag, "other"])),
        "imageStatus": "ACTIVE", "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
    })
}

/// A scan in some state.
pub(super) fn scanned(account: &str, body: &Value, status: &str, counts: &Value) -> Value {
    json!({
        "registryId": account, "repositoryName": body["repositoryName"], "imageId": body["imageId"],
        "imageScanStatus": {"status": status, "description": "words of AWS"},
        "imageScanFindings": {"imageScanCompletedAt": 1_700_000_000, "findingSeverityCounts": counts},
    })
}
