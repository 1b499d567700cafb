//! Mutual TLS as API Gateway asks for it: an endpoint that takes nobody without a certificate of its authority, and the
//! probe that shows one.

use std::sync::Arc;
use std::time::Duration;

use deployer::cluster::caller::{Caller, CallerSecret};
use deployer::console::Console;
use deployer::interrupt::Interrupt;
use deployer::patience::Patience;
use deployer::probe::{self, Target};
use deployer::settings::Credentials;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// An authority, a certificate of the endpoint's and one of a client's, each with its key.
struct Certificates {
    authority_pem: String,
    server: ServerConfig,
    client_pem: String,
}

fn certificates() -> Certificates {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let signed = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::from_params(&authority, &authority_key);
    let leaf = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        (certificate, key)
    };
    let (client, client_key) = leaf("probe.example.com");
    let (server, server_key) = leaf("127.0.0.1");

    let mut accepted = RootCertStore::empty();
    accepted.add(signed.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(accepted), provider.clone()).build().unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server.der().clone()], key)
        .unwrap();
    let client_pem = format!("{}{}", client.pem(), client_key.serialize_pem());
    Certificates { authority_pem: signed.pem(), server, client_pem }
}

/// Whoever gets as far as a request is answered with 418, which nothing else here says.
async fn serve(listener: TcpListener, server: ServerConfig) {
    let acceptor = TlsAcceptor::from(Arc::new(server));
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(mut stream) = acceptor.accept(stream).await else { continue };
        let mut bytes = [0; 8192];
        if stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
            let answer = b"HTTP/1.1 418 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer).await;
            let _ = stream.shutdown().await;
        }
    }
}

#[tokio::test]
async fn the_probe_is_let_in_with_the_certificate_of_the_settings_and_not_without() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Certificates { authority_pem, server, client_pem } = certificates();
    let dir = std::env::temp_dir().join(format!("mutual-tls-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (bundle, identity) = (dir.join("authority.pem"), dir.join("client.pem"));
    std::fs::write(&bundle, authority_pem).unwrap();
    std::fs::write(&identity, client_pem).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(serve(listener, server));

    let secret = CallerSecret::generate().unwrap();
    let caller = Caller { name: "test".to_owned(), secret, credentials: Credentials::Url };
    for (client_identity, let_in) in [(None, false), (Some(identity.as_path()), true)] {
        let target = Target {
            endpoint: &endpoint,
            caller: &caller,
            ca_bundle: Some(&bundle),
            client_identity,
            refuses: true,
            ignored_namespaces: &[],
        };
        let mut console = Console::injected(Box::new(std::io::sink()), Box::new(std::io::sink()), None, false);
        let patience = Patience { attempts: 1, pause: Duration::ZERO };
        let failure = probe::run(&target, patience, &mut console, &Interrupt::never()).await.unwrap_err();
        assert_eq!(failure.message.contains("got 418"), let_in, "{}", failure.message);
    }
    serving.abort();
    std::fs::remove_dir_all(&dir).unwrap();
}
