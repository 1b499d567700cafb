//! The HTTPS client under the SDK that asks ECR: HTTP/1.1 over rustls with ring, on the connection pool of hyper-util.
//!
//! The SDK has a client of its own. It brings HTTP/2 and proxies, which nothing here uses, and reads the trusted roots so slowly
//! that a function would spend most of its start on it. This file must not know which service is called; it says of an error
//! only what the SDK has to know to try again.

mod lookup;
mod roots;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ecr::config::RuntimeComponents;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use http_body_util::Limited;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use lookup::Lookup;

type Pool = legacy::Client<HttpsConnector<connect::HttpConnector<Lookup>>, SdkBody>;
type AnyError = Box<dyn Error + Send + Sync>;

/// The longest answer that is read. The longest one of ECR, a page of a thousand vulnerabilities, has some MiB; what never
/// ended would fill the function's memory long before any deadline.
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

/// The longest head of an answer, and the most that is read at once. What is read at once is looked at in one go, in which no
/// deadline is heard.
const LONGEST_HEAD: usize = 64 * 1024;

/// A client that gives up on a TCP connection after `connect_timeout`. It pools connections and trusts what the system
/// trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` name other roots). Cheap to clone; make one per process.
///
/// # Errors
/// Only when ring cannot do any version of TLS, which would be a defect of the build.
pub fn client(connect_timeout: Duration) -> Result<SharedHttpClient, rustls::Error> {
    Ok(SharedHttpClient::new(Https(pool(roots::trusted(), connect_timeout)?)))
}

fn pool(roots: RootCertStore, connect_timeout: Duration) -> Result<Pool, rustls::Error> {
    let mut tcp = connect::HttpConnector::new_with_resolver(Lookup::default());
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(connect_timeout));
    // `http` is for stand-ins; AWS is asked by `https`, for nothing but an endpoint in the environment says otherwise.
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls(roots)?).https_or_http().enable_http1();
    let pool = legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .http1_max_buf_size(LONGEST_HEAD)
        .build(connector.wrap_connector(tcp));
    Ok(pool)
}

fn tls(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    Ok(builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth())
}

#[derive(Clone)]
struct Https(Pool);

impl fmt::Debug for Https {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Https")
    }
}

impl HttpClient for Https {
    /// One pool for all: the SDK's own timeouts end an attempt that takes too long.
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Https {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let pool = self.0.clone();
        HttpConnectorFuture::new(async move { exchange(&pool, request).await })
    }
}

async fn exchange(pool: &Pool, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let response = pool.request(request).await.map_err(|error| classified(error.into()))?;
    HttpResponse::try_from(response.map(|body| SdkBody::from_body_1_x(Limited::new(body, LONGEST_ANSWER))))
        .map_err(|error| ConnectorError::other(error.into(), None))
}

/// What the SDK has to know of an error: a connection that failed or broke may be tried again, a request that cannot be
/// sent may not.
fn classified(error: AnyError) -> ConnectorError {
    if source::<std::io::Error>(&*error).is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut) {
        return ConnectorError::timeout(error);
    }
    let hyper = source::<hyper::Error>(&*error);
    if hyper.is_some_and(hyper::Error::is_user) {
        return ConnectorError::user(error);
    }
    // The far side closed a connection that lay idle just when it was used again.
    if hyper.is_some_and(hyper::Error::is_incomplete_message) {
        return ConnectorError::other(error, Some(ErrorKind::TransientError));
    }
    let connecting = source::<legacy::Error>(&*error).is_some_and(legacy::Error::is_connect);
    let broken = hyper.is_some_and(|hyper| hyper.is_closed() || hyper.is_canceled());
    if connecting || broken || source::<std::io::Error>(&*error).is_some() {
        return ConnectorError::io(error);
    }
    ConnectorError::other(error, None)
}

/// The first error of type `E` in the chain.
fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref())
}

#[cfg(test)]
#[path = "https_tests.rs"]
mod tests;
