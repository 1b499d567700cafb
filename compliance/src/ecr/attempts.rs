//! Watches the SDK's attempts: a throttled one whose successor succeeds shows nowhere else.
//!
//! This file must not change what is sent or what comes back.

use aws_sdk_ecr::config::http::HttpResponse;
use aws_sdk_ecr::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_ecr::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ecr::error::BoxError;
use serde::Deserialize;

use crate::ecr::error::is_throttling;
use crate::ecr::report::Tally;

impl Intercept for Tally {
    fn name(&self) -> &'static str {
        "throttled attempts"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().is_some_and(is_throttled) {
            self.throttled();
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(rename = "__type", alias = "code")]
    code: String,
}

fn is_throttled(response: &HttpResponse) -> bool {
    let status = response.status().as_u16();
    if status < 400 {
        return false;
    }
    let in_header = response.headers().get("x-amzn-errortype").map(str::to_owned);
    let in_body = || serde_json::from_slice::<ErrorBody>(response.body().bytes()?).ok().map(|body| body.code);
    let code = in_header.or_else(in_body).unwrap_or_default();
    // Codes may stand behind a namespace and before an address: `com.amazonaws.ecr#Throttling:http://…`.
    let code = code.split(':').next().and_then(|code| code.rsplit('#').next()).unwrap_or_default();
    is_throttling(code, status)
}
