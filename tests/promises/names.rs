//! Image references and hosts: read as the oracle reads them, and printed so that they are read alike again.

use compliance::image::ImageReference;
use compliance::registry::{Registry, RegistryHost, classify};

use crate::assert_printable;
use crate::host::Host;

/// Bytes of the sentence about what is no reference.
const LONGEST_FAULT: usize = 512;

/// Reads an image reference.
///
/// # Panics
/// When a promise is not kept.
#[must_use]
pub fn reference(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let expected = crate::reference::read(text);
    let reference = match ImageReference::parse(text) {
        Ok(reference) => reference,
        Err(error) => {
            assert!(expected.is_none(), "{text:?} is a reference, and refused: {error}");
            let sentence = error.to_string();
            assert!(sentence.len() <= LONGEST_FAULT && !sentence.contains('\n'), "{sentence:?}");
            assert_printable(&sentence);
            return false;
        }
    };
    let Some(expected) = expected else { panic!("{text:?} is no reference, and read as {reference}") };
    assert_eq!((reference.domain(), reference.repository()), (&*expected.domain, &*expected.path), "{text:?}");
    assert_eq!(reference.tag(), expected.tag.as_deref(), "{text:?}");
    assert_eq!(reference.digest(), expected.digest.as_deref(), "{text:?}");
    let printed = reference.to_string();
    assert!(printed.bytes().all(|byte| byte.is_ascii_graphic()), "{printed:?}");
    assert_eq!(ImageReference::parse(&printed).as_ref(), Ok(&reference), "{text:?}");
    assert_classified(reference.domain());
    true
}

/// Says what a host is. A host in a reference has only characters that a domain can have; here it may have any.
///
/// # Panics
/// When a promise is not kept.
#[must_use]
pub fn host(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    assert_classified(text);
    matches!(classify(text), RegistryHost::PrivateEcr(_))
}

fn assert_classified(text: &str) {
    let found = classify(text);
    match (&found, crate::host::of(text)) {
        (RegistryHost::PrivateEcr(registry), Host::Ecr { account, region }) => {
            assert_eq!((&registry.account, &registry.region), (&account, &region), "{text:?}");
            assert_eq!(Registry::new(&account, &region).as_ref(), Ok(registry), "{text:?}");
            assert_eq!(classify(&registry.host()), found, "{text:?}");
        }
        (RegistryHost::PublicEcr, Host::Public)
        | (RegistryHost::DockerHub, Host::Hub)
        | (RegistryHost::VpcEndpoint, Host::Endpoint)
        | (RegistryHost::Other, Host::Other)
        | (RegistryHost::EcrLookalike { .. }, Host::Lookalike) => {}
        // Only the words of a refusal depend on it.
        (RegistryHost::EcrLookalike { .. }, Host::Endpoint) if text.contains(':') => {}
        (found, _) => panic!("{text:?} is taken for {found:?}"),
    }
}
