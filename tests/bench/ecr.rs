//! An ECR in good order behind real TLS, so many milliseconds away. It must judge nothing: every repository that it is
//! asked about exists, is immutable and is scanned on push.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::http::{Message, message, send};
use crate::trouble::{Context, Result};

/// The account whose registry it is.
pub(crate) const ACCOUNT: &str = "111122223333";
/// Its region.
pub(crate) const REGION: &str = "eu-west-1";

/// A running stand-in.
pub(crate) struct Ecr {
    address: SocketAddr,
    delay: Arc<AtomicU64>,
    client: Arc<ClientConfig>,
    /// The roots of this machine and the stand-in's own, for `SSL_CERT_FILE`: a function on AWS reads as many.
    pub(crate) bundle: PathBuf,
}

impl Ecr {
    /// Starts it without delay; the bundle is written into `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let authority_key = KeyPair::generate().while_doing("making a key")?;
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let root = authority.self_signed(&authority_key).while_doing("making an authority")?;
        let key = KeyPair::generate().while_doing("making a key")?;
        let certificate = CertificateParams::new(["localhost".to_owned()])
            .and_then(|leaf| leaf.signed_by(&key, &Issuer::from_params(&authority, &authority_key)))
            .while_doing("making a certificate")?;
        let server = server_config(certificate.der().clone(), &key)?;
        let client = client_config(root.der().clone())?;
        let bundle = write_bundle(folder, &root.pem())?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).while_doing("opening ECR's port")?;
        let address = listener.local_addr().while_doing("reading ECR's port")?;
        let delay = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&delay);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (server, delay) = (Arc::clone(&server), Arc::clone(&shared));
                // A function that ends cuts its connections; that is no error here.
                std::thread::spawn(move || drop(serve(stream, server, &delay)));
            }
        });
        Ok(Self { address, delay, client, bundle })
    }

    /// For `AWS_ENDPOINT_URL_ECR`.
    pub(crate) fn endpoint(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// How long every answer takes from now on.
    pub(crate) fn set_delay(&self, delay: Duration) {
        self.delay.store(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// A connection of the benchmark's own: what a round trip costs at the least.
    pub(crate) fn connect(&self) -> Result<Direct> {
        let stream = TcpStream::connect(self.address).while_doing("connecting to ECR")?;
        stream.set_nodelay(true).while_doing("connecting to ECR")?;
        let name = ServerName::try_from("localhost").while_doing("naming ECR")?;
        let connection = ClientConnection::new(Arc::clone(&self.client), name).while_doing("connecting to ECR")?;
        Ok(Direct { stream: BufReader::new(StreamOwned::new(connection, stream)) })
    }
}

/// A warm connection to ECR without an SDK.
pub(crate) struct Direct {
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl Direct {
    /// One question and its answer.
    pub(crate) fn round_trip(&mut self) -> Result<Duration> {
        let body = json!({ "repositoryNames": ["team/app"] }).to_string();
        let target = ("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.DescribeRepositories");
        let bytes = message("POST / HTTP/1.1", &[("host", "localhost"), target], body.as_bytes());
        let started = Instant::now();
        send(self.stream.get_mut(), &bytes)?;
        Message::read(&mut self.stream)?.ok_or("ECR closed the connection")?;
        Ok(started.elapsed())
    }
}

fn server_config(certificate: rustls::pki_types::CertificateDer<'static>, key: &KeyPair) -> Result<Arc<ServerConfig>> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .while_doing("choosing TLS versions")?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .while_doing("loading a certificate")?;
    Ok(Arc::new(config))
}

fn client_config(root: rustls::pki_types::CertificateDer<'static>) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(root).while_doing("trusting the stand-in")?;
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .while_doing("choosing TLS versions")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn write_bundle(folder: &Path, root: &str) -> Result<PathBuf> {
    let mut bundle = String::new();
    for certificate in rustls_native_certs::load_native_certs().certs {
        bundle.push_str(&pem::encode(&pem::Pem::new("CERTIFICATE", certificate.to_vec())));
    }
    bundle.push_str(root);
    let path = folder.join("roots.pem");
    std::fs::write(&path, bundle).while_doing("writing the trusted roots")?;
    Ok(path)
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, delay: &AtomicU64) -> Result<()> {
    stream.set_nodelay(true).while_doing("setting up a connection")?;
    let connection = ServerConnection::new(config).while_doing("setting up TLS")?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    while let Some(request) = Message::read(&mut stream)? {
        // The way to ECR and back: this is the thing under measurement, not a wait for something to happen.
        std::thread::sleep(Duration::from_micros(delay.load(Ordering::Relaxed)));
        let answer = answer(&request).to_string();
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amzn-requestid", "r-bench")];
        send(stream.get_mut(), &message("HTTP/1.1 200 OK", &headers, answer.as_bytes()))?;
        stream.get_mut().flush().while_doing("answering")?;
    }
    Ok(())
}

fn answer(request: &Message) -> Value {
    let question: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let names = question["repositoryNames"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let arn = |name: &str| format!("arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{name}");
    match request.header("x-amz-target").and_then(|target| target.rsplit('.').next()) {
        Some("DescribeRepositories") => json!({ "repositories": names.map(|name| json!({
            "registryId": ACCOUNT, "repositoryName": name, "repositoryArn": arn(name),
            "imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": { "scanOnPush": true },
        })).collect::<Vec<_>>() }),
        Some("BatchGetRepositoryScanningConfiguration") => json!({
            "failures": [],
            "scanningConfigurations": names.map(|name| json!({
                "repositoryName": name, "repositoryArn": arn(name), "scanOnPush": true,
                "scanFrequency": "SCAN_ON_PUSH", "appliedScanFilters": [],
            })).collect::<Vec<_>>(),
        }),
        _ => json!({ "registryId": ACCOUNT, "scanningConfiguration": { "scanType": "BASIC", "rules": [] } }),
    }
}
