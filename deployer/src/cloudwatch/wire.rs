//! A `CloudWatch` at the wire for tests: the real SDK above scripted answers, written here as JSON and sent as the CBOR
//! that the service speaks (<https://www.rfc-editor.org/rfc/rfc8949>). `{"$at": 1}` is a moment.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use aws_sdk_cloudwatch::config::{BehaviorVersion, Config, Credentials, Region, retry::RetryConfig};
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

use super::CloudWatch;

/// The bodies of the calls, as they came.
pub(crate) type Asked = Arc<Mutex<Vec<Vec<u8>>>>;

/// A reader to whom `answers` are given, one a call; after the last there is nothing to be had.
pub(crate) fn cloudwatch(answers: impl IntoIterator<Item = (u16, Value)>) -> (CloudWatch, Asked) {
    let answers: Mutex<VecDeque<(u16, Value)>> = Mutex::new(answers.into_iter().collect());
    let asked = Asked::default();
    let seen = asked.clone();
    let http = infallible_client_fn(move |request: http::Request<SdkBody>| {
        seen.lock().unwrap().push(request.body().bytes().unwrap().to_vec());
        let (status, body) = answers.lock().unwrap().pop_front().unwrap_or((500, serde_json::json!({})));
        let response = http::Response::builder().status(status).header("smithy-protocol", "rpc-v2-cbor");
        let response = response.header("x-amzn-requestid", "req-1").header("content-type", "application/cbor");
        response.body(SdkBody::from(cbor(&body))).unwrap()
    });
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::for_tests())
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .build();
    (CloudWatch::with_client(aws_sdk_cloudwatch::Client::from_conf(config)), asked)
}

/// Whether a call's body holds this text.
pub(crate) fn says(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|part| part == text.as_bytes())
}

fn cbor(value: &Value) -> Vec<u8> {
    match value {
        Value::Null => vec![0xf6],
        Value::Bool(is) => vec![if *is { 0xf5 } else { 0xf4 }],
        Value::Number(number) => [&[0xfb], &number.as_f64().unwrap().to_be_bytes()[..]].concat(),
        Value::String(text) => [head(3, text.len()), text.as_bytes().to_vec()].concat(),
        Value::Array(items) => [head(4, items.len()), items.iter().flat_map(cbor).collect()].concat(),
        Value::Object(members) => {
            if let Some(moment) = members.get("$at") {
                return [vec![0xc1], cbor(moment)].concat();
            }
            let pairs =
                members.iter().flat_map(|(key, value)| [cbor(&Value::from(key.as_str())), cbor(value)].concat());
            [head(5, members.len()), pairs.collect()].concat()
        }
    }
}

/// Kind and length of what follows.
fn head(kind: u8, length: usize) -> Vec<u8> {
    [&[(kind << 5) | 0x1a][..], &u32::try_from(length).unwrap().to_be_bytes()].concat()
}
