//! The roots that the system trusts, read quickly: starting waits for it. This file must not trust anything else.
//!
//! There are about 140. `rustls-native-certs` decodes them in constant time, as one would a private key, which is half of
//! what the function does before its first request; roots are public.

use std::fs;
use std::path::Path;

use aws_smithy_types::base64;
use memchr::memchr_iter;
use openssl_probe::ProbeResult;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// Every root of `SSL_CERT_FILE` and `SSL_CERT_DIR`, or of where this system keeps them. What cannot be read is left out: a
/// connection that would have needed it fails and says so.
pub(super) fn trusted() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for text in bundles(&openssl_probe::probe()) {
        roots.add_parsable_certificates(certificates(&text));
    }
    roots
}

/// The file, which holds all of them; the folders only where there is none, or where the environment names them.
fn bundles(places: &ProbeResult) -> Vec<Vec<u8>> {
    let file = places.cert_file.as_deref().and_then(|path| fs::read(path).ok());
    match file {
        Some(text) if std::env::var_os("SSL_CERT_DIR").is_none() => vec![text],
        file => file.into_iter().chain(places.cert_dir.iter().flat_map(|folder| read_all(folder))).collect(),
    }
}

fn read_all(folder: &Path) -> Vec<Vec<u8>> {
    fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| fs::read(entry.path()).ok()).collect()
}

/// What stands between the marks of PEM (<https://www.rfc-editor.org/rfc/rfc7468>), decoded. Line by line, for that is
/// several times as fast as searching for the marks.
fn certificates(text: &[u8]) -> Vec<CertificateDer<'static>> {
    let mut found = Vec::new();
    let mut body = None;
    for line in lines(text).map(<[u8]>::trim_ascii) {
        match (line, &mut body) {
            (BEGIN, _) => body = Some(Vec::new()),
            (END, Some(whole)) => {
                found.extend(decoded(whole).map(CertificateDer::from));
                body = None;
            }
            (_, Some(body)) => body.extend_from_slice(line),
            (_, None) => {}
        }
    }
    found
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr_iter(b'\n', text).chain([text.len()]);
    ends.scan(0, |start, end| text.get(std::mem::replace(start, end + 1)..end))
}

fn decoded(body: &[u8]) -> Option<Vec<u8>> {
    base64::decode(str::from_utf8(body).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn certificates_are_found_between_whatever_else_a_bundle_holds() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let [begin, end] = [BEGIN, END].map(|mark| str::from_utf8(mark).unwrap());
        let bundle = format!(
            "# one\n{begin}\r\nAQID\r\nBA==\r\n{end}\n{key}{begin}\n not base64! \n{end}\n{begin}\nBQ==\n{end}\n{begin}\nBg==\n"
        );
        let found: Vec<_> = certificates(bundle.as_bytes()).iter().map(|der| der.to_vec()).collect();
        assert_eq!(found, [vec![1, 2, 3, 4], vec![5]]);
    }

    #[test]
    fn everything_that_the_system_trusts_is_trusted() {
        let mut expected = RootCertStore::empty();
        expected.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let subjects = |store: &RootCertStore| -> BTreeSet<Vec<u8>> {
            store.roots.iter().map(|root| root.subject.to_vec()).collect()
        };
        let (expected, found) = (subjects(&expected), subjects(&trusted()));
        assert!(!expected.is_empty(), "this machine trusts nobody");
        assert!(expected == found, "{} roots were expected, {} are trusted", expected.len(), found.len());
    }
}
