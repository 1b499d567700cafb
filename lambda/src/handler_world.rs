//! The world of the tests of a whole admission: a webhook that talks by the real SDK to an ECR at the wire, and what it is asked.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests stand outside #[test] functions")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_sdk_ecr::config::retry::RetryConfig;
use aws_sdk_ecr::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_http_client::test_util::infallible_client_fn;
use compliance::policy::Home;
use compliance::registry::Registry;
use lambda_http::http;
use serde_json::Value;

use super::*;
use crate::log::tests::Memory;
use crate::policy_file::{self, Overrides};

pub(super) const EVENT: &str = include_str!("../fixtures/event.json");
pub(super) const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
pub(super) const DIGEST: &str = "2a8abfa8cb9906290437854193ca6bca41d4d4e26d1d454bd66a35158095e737";
pub(super) const ACCEPTED: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";

/// What ECR answers to an operation, by its name.
pub(super) type Ecr = fn(&str) -> http::Response<String>;

pub(super) struct World {
    pub(super) webhook: Webhook,
    pub(super) lines: Memory,
    pub(super) calls: Arc<AtomicUsize>,
}

impl World {
    pub(super) fn new(ecr: Ecr) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let http = infallible_client_fn(move |request| {
            counted.fetch_add(1, Ordering::SeqCst);
            let target = request.headers().get("x-amz-target").unwrap().to_str().unwrap();
            ecr(target.rsplit('.').next().unwrap())
        });
        let config = aws_sdk_ecr::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::for_tests())
            .retry_config(RetryConfig::disabled())
            .http_client(http)
            .build();
        let clients = BTreeMap::from([("eu-west-1".to_owned(), aws_sdk_ecr::Client::from_conf(config))]);
        let lines = Memory::default();
        let webhook = Webhook {
            callers: Callers::parse(&format!("blue={DIGEST}")).unwrap(),
            policy: Ok(Policy {
                accepted: vec![Registry::new("111122223333", "eu-west-1").unwrap()],
                ignored_namespaces: vec!["kube-system".to_owned()],
                ..Policy::default()
            }),
            policy_version: "v-1".to_owned(),
            facts: EcrFacts::new(clients, "111122223333".to_owned(), Duration::from_secs(2)),
            log: lines.log(Level::Debug),
        };
        Self { webhook, lines, calls }
    }

    /// The same world under a policy as it is written.
    pub(super) fn under(mut self, policy: &str) -> Self {
        let home = Home { account: "111122223333", region: "eu-west-1" };
        let overrides = Overrides { ignored_namespaces: ["kube-system".to_owned()].into(), ..Overrides::default() };
        let configured = policy_file::configure(&Ok(Some(policy.as_bytes().to_owned())), &overrides, &home);
        (self.webhook.policy, self.webhook.policy_version) = (configured.policy, configured.version);
        self
    }

    pub(super) async fn send(&self, event: &Value) -> (u16, Value) {
        let response = handle(self, event).await;
        let status = response.status().as_u16();
        let Body::Text(text) = response.body() else { return (status, Value::Null) };
        assert_eq!(response.headers()["content-type"], "application/json");
        (status, serde_json::from_str(text).unwrap())
    }

    pub(super) async fn admit(&self, review: &Value) -> Value {
        let (status, answer) = self.send(&event(review)).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["apiVersion"], "admission.k8s.io/v1");
        assert_eq!(answer["kind"], "AdmissionReview");
        assert_eq!(answer["response"]["uid"], "705ab4f5-6393-11e8-b7cc-42010a800002");
        answer["response"].clone()
    }

    /// The last metric line and the last log line.
    pub(super) fn last_lines(&self) -> (Value, Value) {
        let (metrics, logs): (Vec<Value>, Vec<Value>) =
            self.lines.lines().into_iter().partition(|line| line.get("_aws").is_some());
        (metrics.last().unwrap().clone(), logs.last().unwrap().clone())
    }
}

pub(super) async fn handle(world: &World, event: &Value) -> Response<Body> {
    let call = serde_json::from_str(&event.to_string()).unwrap();
    world.webhook.handle(&call).await
}

pub(super) fn good(operation: &str) -> http::Response<String> {
    ok(&match operation {
        "DescribeRepositories" => json!({ "repositories": [{
            "registryId": "111122223333",
            "repositoryName": "team/app",
            "repositoryArn": "arn:aws:ecr:eu-west-1:111122223333:repository/team/app",
            "imageTagMutability": "IMMUTABLE",
            "imageScanningConfiguration": { "scanOnPush": true },
        }] }),
        "BatchGetRepositoryScanningConfiguration" => json!({ "failures": [], "scanningConfigurations": [{
            "repositoryName": "team/app",
            "repositoryArn": "arn:aws:ecr:eu-west-1:111122223333:repository/team/app",
            "scanOnPush": true, "scanFrequency": "SCAN_ON_PUSH", "appliedScanFilters": [],
        }] }),
        "GetRegistryScanningConfiguration" => {
            json!({ "registryId": "111122223333", "scanningConfiguration": { "scanType": "BASIC", "rules": [] } })
        }
        other => panic!("{other} is not expected"),
    })
}

fn ok(body: &Value) -> http::Response<String> {
    http::Response::builder().status(200).body(body.to_string()).unwrap()
}

pub(super) fn throttling(_: &str) -> http::Response<String> {
    http::Response::builder()
        .status(400)
        .header("x-amzn-requestid", "r-1")
        .body(json!({ "__type": "ThrottlingException", "message": "Rate exceeded" }).to_string())
        .unwrap()
}

pub(super) fn never(operation: &str) -> http::Response<String> {
    panic!("ECR was asked for {operation}")
}

pub(super) fn review(image: &str) -> Value {
    let mut review: Value = serde_json::from_str(include_str!("../fixtures/review.json")).unwrap();
    review["request"]["object"]["spec"]["containers"][0]["image"] = json!(image);
    review
}

/// API Gateway's event with this review as its body.
pub(super) fn event(review: &Value) -> Value {
    let mut event: Value = serde_json::from_str(EVENT).unwrap();
    event["body"] = json!(review.to_string());
    event
}
