//! Certificates of the local world: a certificate authority that lives only in memory, the certificate of the
//! front (production-shaped host names), and the bundle that clients trust. The authority's key is never written.

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::trouble::{Context, Result};

/// What the front presents, and what its clients must trust.
#[derive(Debug)]
pub struct Identity {
    /// Server side of TLS, HTTP/2 and HTTP/1.1 offered.
    pub server: Arc<ServerConfig>,
    /// The local authority's certificate, PEM.
    pub authority_pem: String,
}

/// Makes a fresh authority and a certificate for `names` (DNS names, wildcards allowed, or IP addresses).
///
/// # Errors
/// A name that no certificate can carry.
pub fn identity(names: &[String]) -> Result<Identity> {
    let authority_key = KeyPair::generate().while_doing(|| "making the local authority's key".to_owned())?;
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "local world of ecr-compliance-webhook");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_certificate =
        authority.self_signed(&authority_key).while_doing(|| "signing the local authority".to_owned())?;
    let issuer = Issuer::from_params(&authority, &authority_key);

    let leaf_key = KeyPair::generate().while_doing(|| "making the front's key".to_owned())?;
    let mut leaf =
        CertificateParams::new(names).while_doing(|| format!("making a certificate for {}", names.join(", ")))?;
    leaf.distinguished_name.push(DnType::CommonName, "local API Gateway");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let certificate =
        leaf.signed_by(&leaf_key, &issuer).while_doing(|| "signing the front's certificate".to_owned())?;

    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let mut server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .while_doing(|| "choosing TLS versions".to_owned())?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .while_doing(|| "loading the front's certificate".to_owned())?;
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Identity { server: Arc::new(server), authority_pem: authority_certificate.pem() })
}

/// Writes the roots this machine trusts, then the local authority, to `path`: what `SSL_CERT_FILE` points at.
/// A machine without roots gets a bundle of the local authority alone, because nothing here needs the others.
///
/// # Errors
/// The file cannot be written.
pub fn write_bundle(path: &Path, authority_pem: &str) -> Result<()> {
    let roots = rustls_native_certs::load_native_certs().certs;
    let mut bundle = String::new();
    for root in roots {
        bundle.push_str(&pem::encode(&pem::Pem::new("CERTIFICATE", root.to_vec())));
    }
    bundle.push_str(authority_pem);
    std::fs::write(path, bundle).while_doing(|| format!("writing {}", path.display()))
}
