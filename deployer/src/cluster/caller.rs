//! Who calls the function: the cluster's name and its secret, and the URL that carries both.
//!
//! The secret lives in the cluster's webhook configuration and nowhere else; the function knows its SHA-256 only. It must
//! never reach a log, an error or the template: `Debug` and `Display` show `***`, and texts of others go through `redact`.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::{error::Failure, settings::Credentials};

/// 256 random bits as 64 lower-case hex digits.
#[derive(Clone, PartialEq, Eq)]
pub struct CallerSecret(String);

impl CallerSecret {
    /// Draw one from the operating system's generator.
    ///
    /// # Errors
    /// When that has no randomness to give.
    pub fn generate() -> Result<Self, Failure> {
        let mut bytes = [0_u8; 32];
        rustls::crypto::ring::default_provider()
            .secure_random
            .fill(&mut bytes)
            .map_err(|_| Failure::new("the operating system gave no random numbers for the caller's secret"))?;
        Ok(Self(hex(&bytes)))
    }

    /// Take one that exists; `None` unless it is 64 lower-case hex digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        hex.then(|| Self(text.to_owned()))
    }

    /// The secret itself, for the request or the file that must hold it, and for nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the function is given instead.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(&self.0))
    }

    /// `text` without the secret: an API server quotes the webhook's URL when it cannot call it.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.0, "***")
    }
}

impl fmt::Debug for CallerSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

impl fmt::Display for CallerSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

/// A cluster as the function knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// `[a-z0-9-]{1,63}`.
    pub name: String,
    /// What it proves itself with.
    pub secret: CallerSecret,
    /// Where the secret is sent.
    pub credentials: Credentials,
}

impl Caller {
    /// The URL that the API server calls. This text holds the secret, unless it is sent as a token.
    #[must_use]
    pub fn url(&self, endpoint: &str) -> String {
        let url = format!("{}/v1/{}", endpoint.trim_end_matches('/'), self.name);
        match self.credentials {
            Credentials::Url => format!("{url}/{}", self.secret.0),
            Credentials::Bearer => url,
        }
    }

    /// The token that goes with the URL, where one does.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        (self.credentials == Credentials::Bearer).then_some(self.secret.expose())
    }

    /// The caller in a webhook's URL; `None` when it is not of our shape.
    #[must_use]
    pub fn from_url(url: &str) -> Option<Self> {
        let mut parts = url.split('?').next()?.rsplit('/');
        let secret = CallerSecret::parse(parts.next()?)?;
        let name = parts.next().filter(|name| is_name(name))?.to_owned();
        (parts.next()? == "v1").then_some(Self { name, secret, credentials: Credentials::Url })
    }

    /// `name=digest`, as it stands in the stack's `CallerDigests`.
    #[must_use]
    pub fn entry(&self) -> String {
        format!("{}={}", self.name, self.secret.digest())
    }
}

/// The stack's `CallerDigests` in which `callers`, all of one name, are the only ones of that name. The entries of other
/// clusters in `previous` are kept: one stack may serve several, and deploying for one must not lock the others out.
#[must_use]
pub fn digests_of(callers: &[&Caller], previous: &str) -> String {
    let name = callers.first().map_or("", |caller| caller.name.as_str());
    digests_with(name, callers.iter().map(|caller| caller.entry()), previous)
}

/// As [`digests_of`], with the entries of `name` given.
pub fn digests_with(name: &str, entries: impl IntoIterator<Item = String>, previous: &str) -> String {
    let others = other_callers(previous, name).map(|(entry, _)| entry.to_owned());
    let mut entries: Vec<String> = others.chain(entries).collect();
    entries.sort();
    entries.dedup();
    entries.join(",")
}

/// As [`digests_of`], but what the stack knows of the same name stays: whoever sends a token may send the former one yet.
#[must_use]
pub fn digests_beside(caller: &Caller, previous: &str) -> String {
    let known = entries_of(previous, &caller.name);
    digests_with(&caller.name, known.into_iter().chain([caller.entry()]), previous)
}

/// The entries of `name` in the stack's `digests`, one for each secret.
#[must_use]
pub fn entries_of(digests: &str, name: &str) -> Vec<String> {
    let all = other_callers(digests, "").filter(|(_, known)| *known == name);
    all.map(|(entry, _)| entry.to_owned()).collect()
}

/// How many secrets of `name` the stack's `digests` know.
#[must_use]
pub fn secrets_of(digests: &str, name: &str) -> usize {
    entries_of(digests, name).len()
}

/// The cluster's name in a webhook's URL, with the secret in it or without; `None` when it is not of our shape.
#[must_use]
pub fn name_in_url(url: &str) -> Option<String> {
    let bare = |url: &str| {
        let (before, name) = url.rsplit_once('/')?;
        (before.rsplit('/').next()? == "v1" && is_name(name)).then(|| name.to_owned())
    };
    Caller::from_url(url).map(|caller| caller.name).or_else(|| bare(url))
}

/// Entries of `digests` that are not of `name`, each with its cluster's name.
fn other_callers<'a>(digests: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    digests
        .split(',')
        .map(str::trim)
        .filter_map(|entry| Some((entry, entry.split_once('=')?.0)))
        .filter(move |(_, other)| *other != name)
}

/// Names of the clusters that the stack's `digests` know.
pub fn names(digests: &str) -> impl Iterator<Item = &str> {
    // No cluster is called by nothing.
    other_callers(digests, "").map(|(_, name)| name)
}

fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A caller's name made of a kubeconfig context: of an EKS ARN its last part, then only `[a-z0-9-]`.
#[must_use]
pub fn name_of_context(context: &str) -> String {
    let last = context.rsplit('/').next().unwrap_or(context).to_ascii_lowercase();
    let name: String =
        last.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '-' }).take(63).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "cluster".to_owned() } else { name.to_owned() }
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn caller() -> Caller {
        Caller { name: "prod".to_owned(), secret: CallerSecret::parse(HEX).unwrap(), credentials: Credentials::Url }
    }

    #[test]
    fn a_url_gives_back_the_caller_it_was_made_of() {
        let url = caller().url("https://abc.execute-api.eu-west-1.amazonaws.com/");
        assert_eq!(url, format!("https://abc.execute-api.eu-west-1.amazonaws.com/v1/prod/{HEX}"));
        assert_eq!(Caller::from_url(&url), Some(caller()));
    }

    #[test]
    fn a_foreign_url_gives_no_caller() {
        for (name, url) in [
            ("no path", "https://example.com".to_owned()),
            ("other version", format!("https://example.com/v2/prod/{HEX}")),
            ("short secret", "https://example.com/v1/prod/abcd".to_owned()),
            ("upper case", format!("https://example.com/v1/prod/{}", HEX.to_uppercase())),
            ("a name with a dot", format!("https://example.com/v1/pr.od/{HEX}")),
        ] {
            assert_eq!(Caller::from_url(&url), None, "{name}");
        }
    }

    #[test]
    fn a_token_is_in_no_url_and_the_name_is_read_from_both() {
        let bearer = Caller { credentials: Credentials::Bearer, ..caller() };
        let url = bearer.url("https://example.com/");
        assert_eq!(url, "https://example.com/v1/prod");
        assert_eq!((Caller::from_url(&url), name_in_url(&url)), (None, Some("prod".to_owned())));
        assert_eq!(name_in_url(&caller().url("https://example.com")), Some("prod".to_owned()));
        assert_eq!((bearer.token(), caller().token()), (Some(HEX), None));
        for url in ["https://example.com", "https://example.com/v2/prod", "https://example.com/v1/pr.od", "/v1/a/b"] {
            assert_eq!(name_in_url(url), None, "{url}");
        }
    }

    #[test]
    fn a_former_token_stays_beside_the_new_one() {
        let known = format!("prod=bb,{},staging=aa", caller().entry());
        assert_eq!(digests_beside(&caller(), "staging=aa,prod=bb").split(',').count(), 3);
        assert_eq!((secrets_of(&known, "prod"), secrets_of(&known, "staging")), (2, 1));
    }

    #[test]
    fn the_secret_is_shown_nowhere() {
        let shown = format!("{:?} {}", caller(), caller().secret);
        assert!(!shown.contains(HEX) && shown.contains("***"), "{shown}");
        assert_eq!(
            caller().secret.redact(&format!("Post \"https://x/v1/prod/{HEX}?timeout=5s\"")),
            "Post \"https://x/v1/prod/***?timeout=5s\""
        );
    }

    #[test]
    fn two_drawn_secrets_differ_and_have_the_right_shape() {
        let (one, two) = (CallerSecret::generate().unwrap(), CallerSecret::generate().unwrap());
        assert_ne!(one.0, two.0);
        assert!(CallerSecret::parse(&one.0).is_some());
    }

    #[test]
    fn the_digest_is_that_of_the_text() {
        // sha256sum of the 64 characters, computed elsewhere.
        assert_eq!(caller().secret.digest(), "2a8abfa8cb9906290437854193ca6bca41d4d4e26d1d454bd66a35158095e737");
    }

    #[test]
    fn other_clusters_keep_their_entries_and_ours_is_replaced() {
        let ours = format!("prod={}", caller().secret.digest());
        assert_eq!(digests_of(&[&caller()], ""), ours);
        assert_eq!(digests_of(&[&caller()], "staging=aa, prod=bb"), format!("{ours},staging=aa"));
    }

    #[test]
    fn while_a_secret_is_rotated_a_cluster_has_two_entries() {
        let new = Caller { secret: CallerSecret::parse(&"ab".repeat(32)).unwrap(), ..caller() };
        let both = digests_of(&[&caller(), &new], "staging=aa,prod=left over");
        let mut expected = [caller().entry(), new.entry(), "staging=aa".to_owned()];
        expected.sort();
        assert_eq!(both, expected.join(","));
        assert_eq!(digests_of(&[&new], &both), format!("{},staging=aa", new.entry()));
    }

    #[test]
    fn a_context_becomes_a_name() {
        for (context, name) in [
            ("arn:aws:eks:eu-west-1:111122223333:cluster/Prod_1", "prod-1"),
            ("kind-kind", "kind-kind"),
            ("admin@my.cluster", "admin-my-cluster"),
            ("///", "cluster"),
        ] {
            assert_eq!(name_of_context(context), name);
            assert!(is_name(&name_of_context(context)));
        }
        assert_eq!(name_of_context(&"x".repeat(100)).len(), 63);
    }
}
