//! The HTTP API's event to a request, and the response back: the edge between the runtime and `handler`.
//!
//! `lambda_http::run` would do it too, but it looks through every event twice to find out which of six services sent it,
//! and here only one can: payload format 2.0 of an HTTP API, as the stack's integration says. Nothing is decided here.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::convert::Infallible;

use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, LambdaEvent, Response};

use crate::handler::Webhook;

/// Answers one event.
///
/// # Errors
/// None.
pub async fn answer(
    webhook: &Webhook,
    event: LambdaEvent<ApiGatewayV2httpRequest>,
) -> Result<ApiGatewayV2httpResponse, Infallible> {
    let request = LambdaRequest::ApiGatewayV2(event.payload).into();
    webhook.handle(request).await.map(encode)
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
