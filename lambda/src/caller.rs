//! Who is calling: the secret in the path `/v1/{cluster}/{secret}`, or that in `Authorization: Bearer …` with the path
//! `/v1/{cluster}`, checked against the digests the function was given.
//!
//! The secret itself is never stored, logged or compared as text: only SHA-256 digests of it are held, and every
//! digest of every cluster is compared, in constant time, before the answer is known. This file must not say *why*
//! a caller is not known: to a stranger there is nothing here.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Path prefix of both routes. What follows is `{cluster}/{secret}`, or `{cluster}` alone.
pub const PATH_PREFIX: &str = "/v1/";

/// Length of the secret in the path: 256 random bits in lower-case hexadecimal.
pub const SECRET_LENGTH: usize = 64;

/// One accepted secret of one cluster, held as the SHA-256 digest of its 64 hexadecimal characters as they stand in
/// the path (not of the 32 bytes they encode).
#[derive(Clone, PartialEq, Eq)]
struct Caller {
    cluster: String,
    digest: [u8; 32],
}

/// Every caller that is let in. A cluster may occur more than once, so that its secret can be changed without a gap.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Callers(Vec<Caller>);

// Digests are not secrets, but nobody needs to read them in a log either.
impl std::fmt::Debug for Callers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|caller| &caller.cluster)).finish()
    }
}

impl Callers {
    /// Reads `cluster=hexsha256,cluster=hexsha256,…`, the form of `CALLER_DIGESTS`.
    ///
    /// # Errors
    /// One sentence per bad entry, naming its position (and its cluster, where that much can be read). The value
    /// after `=` is never repeated: somebody may have put the secret there by mistake.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let mut callers = Vec::new();
        let mut errors = Vec::new();
        for (position, entry) in text.split(',').map(str::trim).enumerate() {
            match parse_entry(entry) {
                Ok(caller) => callers.push(caller),
                Err(trouble) => errors.push(format!("entry {}: {trouble}", position + 1)),
            }
        }
        if errors.is_empty() { Ok(Self(callers)) } else { Err(errors) }
    }

    /// The cluster that is calling, or `None` for everybody else: wrong method, wrong path, wrong cluster, wrong secret.
    ///
    /// `authorization` is the header of that name. It counts only where the path holds no secret.
    #[must_use]
    pub fn authenticate(&self, method: &str, path: &str, authorization: Option<&str>) -> Option<&str> {
        if method != "POST" {
            return None;
        }
        let rest = path.strip_prefix(PATH_PREFIX)?;
        let (cluster, secret) = match rest.split_once('/') {
            Some(both) => both,
            None => (rest, bearer(authorization?)?),
        };
        // The shape is public, so leaving early here tells nothing about any secret.
        if !is_cluster_name(cluster) || !is_lower_hex(secret, SECRET_LENGTH) {
            return None;
        }
        let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        self.find(cluster, &digest)
    }

    /// Looks at every entry whatever was found before, so that the time taken does not depend on where a match stands.
    fn find(&self, cluster: &str, digest: &[u8; 32]) -> Option<&str> {
        let mut found = u64::MAX;
        for (index, caller) in (0_u64..).zip(&self.0) {
            let same_cluster = Choice::from(u8::from(caller.cluster == cluster));
            let matches = same_cluster & caller.digest.ct_eq(digest);
            found = u64::conditional_select(&found, &index, matches);
        }
        let index = usize::try_from(found).ok()?;
        self.0.get(index).map(|caller| caller.cluster.as_str())
    }
}

/// The token of `Bearer token`; the scheme is written as one likes (RFC 9110, section 11.1).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn parse_entry(entry: &str) -> Result<Caller, String> {
    let Some((cluster, digest)) = entry.split_once('=') else {
        return Err("it has no `=`; write `cluster=digest`".to_owned());
    };
    if !is_cluster_name(cluster) {
        return Err(format!("{cluster:?} is not a cluster name; use 1 to 63 of the characters a-z, 0-9 and -"));
    }
    let digest = parse_digest(digest).ok_or_else(|| {
        format!("the digest of cluster {cluster:?} is not a SHA-256 digest; give 64 hexadecimal digits")
    })?;
    Ok(Caller { cluster: cluster.to_owned(), digest })
}

fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let pairs = text.as_bytes().chunks_exact(2);
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(digest)
}

fn is_cluster_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_lower_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    /// `printf %s "$SECRET" | sha256sum`, so that the contract with the deployer does not rest on our own hashing.
    const DIGEST: &str = "2a8abfa8cb9906290437854193ca6bca41d4d4e26d1d454bd66a35158095e737";
    const OTHER: &str = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100";

    fn digest_of(secret: &str) -> String {
        Sha256::digest(secret.as_bytes()).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    }

    fn callers() -> Callers {
        Callers::parse(&format!("blue={},blue={},green={}", digest_of(OTHER), DIGEST, digest_of(&"7".repeat(64))))
            .unwrap()
    }

    #[test]
    fn hashes_the_characters_of_the_secret_as_sha256sum_does() {
        assert_eq!(digest_of(SECRET), DIGEST);
    }

    #[test]
    fn lets_in_every_secret_of_a_cluster_while_it_is_being_changed() {
        for secret in [SECRET, OTHER] {
            assert_eq!(callers().authenticate("POST", &format!("/v1/blue/{secret}"), None), Some("blue"));
        }
    }

    #[test]
    fn knows_nobody_else() {
        let upper = SECRET.to_uppercase();
        let cases = [
            ("another method", "GET", format!("/v1/blue/{SECRET}")),
            ("the secret of another cluster", "POST", format!("/v1/green/{SECRET}")),
            ("a cluster that does not exist", "POST", format!("/v1/red/{SECRET}")),
            ("a wrong secret", "POST", format!("/v1/blue/{}", "0".repeat(64))),
            ("the digest in place of the secret", "POST", format!("/v1/blue/{DIGEST}")),
            ("a secret in upper case", "POST", format!("/v1/blue/{upper}")),
            ("half a secret", "POST", format!("/v1/blue/{}", &SECRET[..32])),
            ("no secret", "POST", "/v1/blue/".to_owned()),
            ("no cluster", "POST", format!("/v1//{SECRET}")),
            ("something after the secret", "POST", format!("/v1/blue/{SECRET}/")),
            ("a stage before the path", "POST", format!("/prod/v1/blue/{SECRET}")),
            ("another version", "POST", format!("/v2/blue/{SECRET}")),
            ("an empty path", "POST", String::new()),
        ];
        for (name, method, path) in cases {
            assert_eq!(callers().authenticate(method, &path, None), None, "{name}");
        }
        assert_eq!(
            Callers::default().authenticate("POST", &format!("/v1/blue/{SECRET}"), None),
            None,
            "no callers at all"
        );
    }

    #[test]
    fn a_token_in_the_header_is_as_good_as_a_secret_in_the_path_and_one_of_them_counts() {
        let bearer = format!("Bearer {SECRET}");
        let cases = [
            ("a token", "/v1/blue", Some(bearer.clone()), Some("blue")),
            ("the scheme in lower case", "/v1/blue", Some(format!("bearer {SECRET}")), Some("blue")),
            ("the other token, while it is being changed", "/v1/blue", Some(format!("Bearer {OTHER}")), Some("blue")),
            ("no token", "/v1/blue", None, None),
            ("the token of another cluster", "/v1/green", Some(bearer.clone()), None),
            ("the digest in place of the token", "/v1/blue", Some(format!("Bearer {DIGEST}")), None),
            ("another scheme", "/v1/blue", Some(format!("Basic {SECRET}")), None),
            ("no scheme", "/v1/blue", Some(SECRET.to_owned()), None),
            ("a space too many", "/v1/blue", Some(format!("Bearer  {SECRET}")), None),
            ("something after it", "/v1/blue", Some(format!("Bearer {SECRET},")), None),
            ("an empty secret in the path", "/v1/blue/", Some(bearer.clone()), None),
            ("a wrong secret in the path", "/v1/blue/0", Some(bearer.clone()), None),
            ("no cluster", "/v1/", Some(bearer), None),
        ];
        for (name, path, authorization, expected) in cases {
            assert_eq!(callers().authenticate("POST", path, authorization.as_deref()), expected, "{name}");
        }
    }

    #[test]
    fn names_every_bad_entry_without_repeating_what_may_be_a_secret() {
        let text = format!("{SECRET},Blue={DIGEST},green={SECRET}00,,ok={DIGEST}");
        let errors = Callers::parse(&text).unwrap_err();
        assert_eq!(errors.len(), 4, "{errors:?}");
        assert!(errors[0].starts_with("entry 1: it has no `=`"), "{errors:?}");
        assert!(errors[1].contains("\"Blue\" is not a cluster name"), "{errors:?}");
        assert!(errors[2].contains("cluster \"green\""), "{errors:?}");
        assert!(!errors.concat().contains(SECRET), "{errors:?}");
    }

    #[test]
    fn shows_no_digest_when_printed_for_debugging() {
        assert_eq!(format!("{:?}", callers()), r#"["blue", "blue", "green"]"#);
    }
}
