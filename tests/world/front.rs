//! The TLS front: what a cluster takes for API Gateway. It answers to the production-shaped host names and to the owner's
//! name, buffers a request as API Gateway does (10 MB, 30 seconds), and hands it to the local AWS with method, path, query, headers
//! and body untouched. It must not log paths: they carry the caller's secret.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::addresses::NAME;
use crate::log::Log;
use crate::trouble::{Context, Result, Trouble};

/// The largest payload of an HTTP API.
const LARGEST_BODY: usize = 10 * 1024 * 1024;
/// The longest an HTTP API waits for its integration.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

type Answer = Response<Full<Bytes>>;

/// Where requests go, and which host names are answered.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// `host:port` of the local AWS, plain HTTP.
    pub authority: String,
    /// `execute-api.<region>.amazonaws.com`, without a leading dot.
    pub domain: String,
}

impl Upstream {
    /// # Errors
    /// `endpoint` is not `http://host:port`.
    pub fn new(endpoint: &str, region: &str) -> Result<Self> {
        let uri: Uri = endpoint.parse().while_doing(|| format!("reading the endpoint {endpoint}"))?;
        let authority = uri.authority().ok_or_else(|| Trouble::new(format!("the endpoint {endpoint} has no host")))?;
        Ok(Self { authority: authority.to_string(), domain: format!("execute-api.{region}.amazonaws.com") })
    }

    /// The API that a host name stands for: its first label, when the rest is our domain.
    fn api<'a>(&self, host: &'a str) -> Option<&'a str> {
        let name = host.split(':').next()?;
        let api = name.strip_suffix(self.domain.as_str())?.strip_suffix('.')?;
        (!api.is_empty() && api.bytes().all(|b| b.is_ascii_alphanumeric())).then_some(api)
    }
}

/// Listens on a free port of 127.0.0.1 and serves until the returned task is aborted.
///
/// # Errors
/// No port can be had.
pub async fn start(
    tls: Arc<ServerConfig>,
    upstream: Upstream,
    log: Log,
) -> Result<(SocketAddr, tokio::task::JoinHandle<()>)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.while_doing(|| "opening the front's port".to_owned())?;
    let address = listener.local_addr().while_doing(|| "reading the front's port".to_owned())?;
    let acceptor = TlsAcceptor::from(tls);
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let forward = Arc::new(Forward { upstream, client, log });
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                Ok((stream, _)) = listener.accept() => {
                    connections.spawn(connection(acceptor.clone(), stream, Arc::clone(&forward)));
                }
                Some(_) = connections.join_next() => {}
            }
        }
    });
    Ok((address, task))
}

async fn connection(acceptor: TlsAcceptor, stream: TcpStream, forward: Arc<Forward>) {
    let _ = stream.set_nodelay(true);
    let tls = match acceptor.accept(stream).await {
        Ok(tls) => tls,
        Err(error) => return forward.log.line(&format!("front: TLS handshake failed: {error}")),
    };
    let service = hyper::service::service_fn(|request| {
        let forward = Arc::clone(&forward);
        async move { Ok::<_, Infallible>(forward.answer(request).await) }
    });
    // A connection that breaks concerns its client alone.
    let _ = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(tls), service)
        .await;
}

struct Forward {
    upstream: Upstream,
    client: Client<HttpConnector, Full<Bytes>>,
    log: Log,
}

impl Forward {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let method = request.method().clone();
        let answer = match tokio::time::timeout(LONGEST_WAIT, self.forward(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(status)) => plain(status),
            Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE),
        };
        self.log.line(&format!("front: {method} -> {}", answer.status().as_u16()));
        answer
    }

    async fn forward(&self, request: Request<Incoming>) -> std::result::Result<Answer, StatusCode> {
        let (mut head, body) = request.into_parts();
        // HTTP/2 carries the host in the URI, HTTP/1.1 in a header.
        let host =
            head.uri.host().map(str::to_owned).or_else(|| Some(head.headers.get(HOST)?.to_str().ok()?.to_owned()));
        let named = host.as_deref().and_then(|h| self.upstream.api(h)).map(str::to_owned);
        let of_api = |api: String| format!("{api}.{}", self.upstream.domain);
        let host = match (named, host.as_deref().and_then(|host| host.split(':').next())) {
            (Some(api), _) => of_api(api),
            // The local AWS knows which API this is mapped to.
            (None, Some(NAME)) => NAME.to_owned(),
            (None, Some("127.0.0.1")) => of_api(self.only_api().await?),
            _ => return Err(StatusCode::FORBIDDEN),
        };
        let body = Limited::new(body, LARGEST_BODY).collect().await.map_err(|_| StatusCode::PAYLOAD_TOO_LARGE)?;

        let path = head.uri.path_and_query().map_or("/", |p| p.as_str());
        let uri = format!("http://{}{path}", self.upstream.authority);
        head.uri = uri.parse().map_err(|_| StatusCode::BAD_REQUEST)?;
        head.version = hyper::Version::HTTP_11;
        head.headers.remove(CONNECTION);
        head.headers.remove(TRANSFER_ENCODING);
        head.headers.insert(HOST, HeaderValue::from_str(&host).map_err(|_| StatusCode::BAD_REQUEST)?);
        let upstream = self.client.request(Request::from_parts(head, Full::new(body.to_bytes()))).await;
        let (mut head, body) = upstream.map_err(|error| self.broken(&error))?.into_parts();
        let body = body.collect().await.map_err(|error| self.broken(&error))?.to_bytes();
        head.version = hyper::Version::default();
        head.headers.remove(CONNECTION);
        head.headers.remove(TRANSFER_ENCODING);
        Ok(Response::from_parts(head, Full::new(body)))
    }

    /// The API that a cluster means which calls the front by address and not by name: the one there is.
    async fn only_api(&self) -> std::result::Result<String, StatusCode> {
        let uri = format!("http://{}/v2/apis", self.upstream.authority);
        let request = Request::get(uri).header(HOST, self.upstream.authority.as_str()).body(Full::default());
        let answer = self.client.request(request.map_err(|_| StatusCode::BAD_REQUEST)?).await;
        let body = answer.map_err(|error| self.broken(&error))?.into_body().collect().await;
        let body = body.map_err(|error| self.broken(&error))?.to_bytes();
        let list: serde_json::Value = serde_json::from_slice(&body).map_err(|error| self.broken(&error))?;
        match list["items"].as_array().map(Vec::as_slice) {
            Some([api]) => api["apiId"].as_str().map(str::to_owned).ok_or(StatusCode::BAD_GATEWAY),
            _ => Err(StatusCode::NOT_FOUND),
        }
    }

    fn broken(&self, error: &dyn std::error::Error) -> StatusCode {
        self.log.line(&format!("front: the local AWS does not answer: {error}"));
        StatusCode::BAD_GATEWAY
    }
}

fn plain(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_only_to_hosts_of_its_own_region() {
        let upstream =
            Upstream { authority: "127.0.0.1:1".to_owned(), domain: "execute-api.eu-west-1.amazonaws.com".to_owned() };
        let cases = [
            ("plain", "abc123.execute-api.eu-west-1.amazonaws.com", Some("abc123")),
            ("with a port", "abc123.execute-api.eu-west-1.amazonaws.com:443", Some("abc123")),
            ("another region", "abc123.execute-api.eu-west-2.amazonaws.com", None),
            ("no API", ".execute-api.eu-west-1.amazonaws.com", None),
            ("glued to the domain", "abc123execute-api.eu-west-1.amazonaws.com", None),
            ("two labels", "a.b.execute-api.eu-west-1.amazonaws.com", None),
        ];
        for (name, host, expected) in cases {
            assert_eq!(upstream.api(host), expected, "{name}");
        }
    }
}
