//! The floor of every figure: a function that answers with a constant, on the runtime, features and profile of the webhook.
//! It must do nothing else: whatever it costs is the price of being a Lambda function in Rust.

use std::convert::Infallible;

use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(hello)).await
}

async fn hello(_: Request) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::from("hello")))
}
