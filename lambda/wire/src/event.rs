//! The HTTP API's event to a call, and the response back: the edge between the runtime and whoever answers.
//!
//! `lambda_http::run` would do it too, but it looks through every event twice to find out which of six services sent it, and
//! makes a whole HTTP request of it. Here only one can have sent it, and of 30 fields six count: payload format 2.0 of an
//! HTTP API, as the stack's integration says. Nothing is decided here, and no call can be printed: its path has a secret.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use aws_smithy_types::base64;
use futures_util::future::BoxFuture;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use lambda_http::{Body, Error, LambdaEvent, Response, lambda_runtime, service_fn};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

/// Whoever answers calls.
pub trait Answering: Send + Sync {
    /// Answers one. It never fails: whatever goes wrong has an answer of its own.
    fn answer<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Response<Body>>;
}

/// Answers one event after the other, until the runtime ends.
///
/// # Errors
/// When the Runtime API cannot be talked to.
pub fn serve(webhook: Arc<dyn Answering>) -> BoxFuture<'static, Result<(), Error>> {
    let answer = move |event: LambdaEvent<Call>| {
        let webhook = Arc::clone(&webhook);
        async move { Ok::<_, Infallible>(encode(webhook.answer(&event.payload).await)) }
    };
    Box::pin(lambda_runtime::run(service_fn(answer)))
}

/// What counts of an event. A field that is missing is empty: such a call has no known caller.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Call {
    /// The path as it was called, stage and mapping included.
    pub raw_path: String,
    /// What stood after the question mark.
    pub raw_query_string: String,
    headers: Headers,
    request_context: Context,
    body: Option<String>,
    is_base64_encoded: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Context {
    http: Http,
    request_id: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Http {
    method: String,
}

impl Call {
    /// `POST` and the like.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.request_context.http.method
    }

    /// What API Gateway calls this request in its access log.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_context.request_id
    }

    /// The header of that name.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.headers.authorization.as_deref()
    }

    /// The body as the caller sent it. One that pretends to be base64 stays as it is, and is no JSON.
    #[must_use]
    pub fn body(&self) -> Cow<'_, [u8]> {
        let text = self.body.as_deref().unwrap_or_default();
        let decoded = if self.is_base64_encoded { base64::decode(text).ok() } else { None };
        decoded.map_or(Cow::Borrowed(text.as_bytes()), Cow::Owned)
    }
}

/// The one header that counts. The gateway writes names in lower case; others may not.
#[derive(Default)]
struct Headers {
    authorization: Option<String>,
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("headers")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Headers, M::Error> {
                let mut headers = Headers::default();
                while let Some(Name { is_authorization }) = map.next_key()? {
                    if is_authorization {
                        headers.authorization = map.next_value()?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(headers)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// The name of a header.
struct Name {
    is_authorization: bool,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl Visitor<'_> for Reader {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a header")
            }

            fn visit_str<E>(self, name: &str) -> Result<Name, E> {
                Ok(Name { is_authorization: name.eq_ignore_ascii_case("authorization") })
            }
        }
        deserializer.deserialize_identifier(Reader)
    }
}

fn encode(response: Response<Body>) -> ApiGatewayV2httpResponse {
    let (parts, body) = response.into_parts();
    let mut encoded = ApiGatewayV2httpResponse::default();
    encoded.status_code = parts.status.as_u16().into();
    encoded.headers = parts.headers;
    encoded.is_base64_encoded = matches!(body, Body::Binary(_));
    encoded.body = Some(body).filter(|body| !matches!(body, Body::Empty));
    encoded
}

#[cfg(test)]
mod tests {
    use lambda_http::http::header::CONTENT_TYPE;
    use serde_json::json;

    use super::*;

    fn call(event: &serde_json::Value) -> Call {
        serde_json::from_str(&event.to_string()).unwrap()
    }

    #[test]
    fn what_counts_of_an_event_is_read() {
        let event: serde_json::Value = serde_json::from_str(include_str!("../../fixtures/event.json")).unwrap();
        let read = call(&event);
        assert!(read.raw_path.starts_with("/v1/blue/0011"));
        assert_eq!((read.method(), read.request_id()), ("POST", "JKJaXmPLvHcESHA="));
        assert_eq!((read.raw_query_string.as_str(), read.authorization()), ("timeout=5s", None));
        assert_eq!(read.body(), event["body"].as_str().unwrap().as_bytes());
    }

    #[test]
    fn a_token_is_found_however_its_header_is_written() {
        for name in ["authorization", "Authorization", "AUTHORIZATION"] {
            let read = call(&json!({ "headers": { "accept": "*/*", name: "Bearer t", "x-authorization": "other" } }));
            assert_eq!(read.authorization(), Some("Bearer t"), "{name}");
        }
    }

    #[test]
    fn a_body_in_base64_is_decoded_and_one_that_pretends_to_be_is_not() {
        let body = |text, encoded| call(&json!({ "body": text, "isBase64Encoded": encoded })).body().into_owned();
        assert_eq!(body("e30=", true), b"{}");
        assert_eq!(body("e30=", false), b"e30=");
        assert_eq!(body("{}", true), b"{}");
        assert_eq!(call(&json!({ "body": null })).body(), b"".as_slice());
    }

    #[test]
    fn an_event_that_is_none_of_ours_is_a_call_of_nobody() {
        let read = call(&json!({ "source": "aws.events", "detail": {} }));
        assert_eq!((read.method(), read.raw_path.as_str(), read.authorization()), ("", "", None));
    }

    #[test]
    fn a_response_has_the_shape_that_the_gateway_reads() {
        let full = Response::builder().status(200).header(CONTENT_TYPE, "application/json");
        let full = serde_json::to_value(encode(full.body(Body::from("{}")).unwrap())).unwrap();
        let expected = json!({ "statusCode": 200, "headers": { "content-type": "application/json" }, "body": "{}" });
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(full[field], *value, "{field}");
        }
        let empty = Response::builder().status(404).body(Body::Empty).unwrap();
        let empty = serde_json::to_value(encode(empty)).unwrap();
        assert_eq!((&empty["statusCode"], empty.get("body")), (&json!(404), None));
    }
}
