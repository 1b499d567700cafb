//! The HTTPS client against real sockets and real TLS: whom it trusts, and what it tells the SDK of an error.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that has one connection served by `serve`, and its port.
fn server(serve: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || serve(listener.accept().unwrap().0));
    port
}

/// Reads until the end of a request's head, and answers.
fn answer(stream: &mut (impl Read + Write)) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")?;
    stream.flush()
}

/// A server with a certificate for `localhost`, and the root that signed it.
fn tls_server() -> (u16, RootCertStore) {
    let (authority_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let mut roots = RootCertStore::empty();
    roots.add(authority.self_signed(&authority_key).unwrap().der().clone()).unwrap();
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &Issuer::from_params(&authority, &authority_key)).unwrap();
    let port = server(move |mut stream| {
        let mut connection = ServerConnection::new(Arc::new(server_config(leaf.der().clone(), &key))).unwrap();
        // A client that does not trust the certificate ends here.
        if connection.complete_io(&mut stream).is_ok() {
            drop(answer(&mut StreamOwned::new(connection, stream)));
        }
    });
    (port, roots)
}

fn server_config(certificate: CertificateDer<'static>, key: &KeyPair) -> ServerConfig {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    builder.with_single_cert(vec![certificate], key).unwrap()
}

async fn get(roots: RootCertStore, url: &str) -> Result<Vec<u8>, ConnectorError> {
    let request = HttpRequest::get(url).unwrap();
    let response = exchange(&pool(roots, PATIENCE).unwrap(), request).await?;
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
    Ok(body.to_bytes().to_vec())
}

#[tokio::test]
async fn a_server_whose_root_is_trusted_is_asked() {
    let (port, roots) = tls_server();
    assert_eq!(get(roots, &format!("https://localhost:{port}/")).await.unwrap(), b"hello");
}

#[tokio::test]
async fn a_server_whose_root_is_not_trusted_is_told_nothing() {
    let (port, _) = tls_server();
    let error = get(RootCertStore::empty(), &format!("https://localhost:{port}/")).await.unwrap_err();
    let chain = format!("{error:?}");
    assert!(error.is_io() && chain.contains("UnknownIssuer"), "{chain}");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let (port, roots) = tls_server();
    let error = get(roots, &format!("https://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(format!("{error:?}").contains("NotValidForName"), "{error:?}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_may_be_tried_again() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = get(RootCertStore::empty(), &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(error.is_io(), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_is_closed_without_an_answer_may_be_tried_again() {
    let port = server(|mut stream| {
        let mut some = [0; 16];
        stream.read_exact(&mut some).unwrap();
    });
    let error = get(RootCertStore::empty(), &format!("http://127.0.0.1:{port}/")).await.unwrap_err();
    assert!(error.is_io() || error.as_other() == Some(ErrorKind::TransientError), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up_before_it_fills_the_memory() {
    let (sent, sum) = std::sync::mpsc::channel();
    let port = server(move |mut stream| {
        // An answer before the question is one to nobody.
        stream.read_exact(&mut [0; 16]).unwrap();
        let mut bytes = 0;
        if stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").is_ok() {
            let chunk = " ".repeat(1 << 16);
            while stream.write_all(chunk.as_bytes()).is_ok() {
                bytes += chunk.len();
            }
        }
        sent.send(bytes).unwrap();
    });
    let request = HttpRequest::get(format!("http://127.0.0.1:{port}/")).unwrap();
    let response = exchange(&pool(RootCertStore::empty(), PATIENCE).unwrap(), request).await.unwrap();
    let error = http_body_util::BodyExt::collect(response.into_body()).await.unwrap_err();
    assert!(error.to_string().contains("limit"), "{error}");
    // What lies in the sockets of both sides was sent besides.
    let sum = tokio::task::spawn_blocking(move || sum.recv_timeout(PATIENCE)).await.unwrap();
    assert!(sum.unwrap() < 2 * LONGEST_ANSWER);
}
