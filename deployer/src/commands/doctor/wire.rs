//! AWS at the wire for this folder's tests: the real SDK over canned answers.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::test_util::infallible_client_fn;

use crate::aws::Aws;

/// `answer` gets the path and the body of a request and gives a status and a body.
pub(super) fn aws(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Aws {
    canned(None, answer)
}

/// The same with a header `Date`.
pub(super) fn dated(date: &'static str, answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Aws {
    canned(Some(date), answer)
}

fn canned(date: Option<&'static str>, answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Aws {
    let http = infallible_client_fn(move |request| {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let (status, text) = answer(&format!("{} {body}", request.uri()));
        let mut response = http::Response::builder().status(status);
        if let Some(date) = date {
            response = response.header("date", date);
        }
        response.body(text).unwrap()
    });
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("id", "key", None, None, "test")))
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    Aws { config, region: "eu-west-1".to_owned() }
}
