//! Exemptions: which findings the owner has agreed to live with, for whom and until when.
//!
//! An exemption never widens by accident: without a host it concerns accepted registries only, and whatever cannot be
//! read as an image is never exempted. This file must not look at a clock.

use std::fmt;

use crate::image::ImageReference;
use crate::policy::day::Day;
use crate::registry::{RegistryHost, classify};
use crate::rules::Origin;

/// One agreed exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// The owner's name for it, such as `EX-42`.
    pub id: String,
    /// Which images.
    pub image: Pattern,
    /// The namespace it is limited to, if it is.
    pub namespace: Option<String>,
    /// Ids of the rules it lifts.
    pub rules: Vec<&'static str>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it was agreed.
    pub ticket: String,
    /// The last day, in UTC, on which it applies.
    pub expires: Day,
}

impl Exemption {
    /// Whether it lifts a finding of `rule` about an image of that origin, in that namespace, on that day.
    #[must_use]
    pub fn covers(&self, rule: &str, origin: &Origin<'_>, namespace: &str, today: Day) -> bool {
        self.expires >= today
            && self.rules.contains(&rule)
            && self.namespace.as_deref().is_none_or(|only| only == namespace)
            && self.image.matches(origin)
    }
}

/// Which images an exemption is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Whatever is pulled by this digest: the same bytes wherever they come from.
    Digest(String),
    /// By repository.
    Repository {
        /// The registry's host; `None`: every accepted registry.
        host: Option<Host>,
        /// The path.
        path: Path,
    },
}

/// A registry's host. Those of ECR that mean the same registry are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    name: String,
    kind: RegistryHost,
}

/// A repository, or all below a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// Exactly this one.
    Exact(String),
    /// All that begin with this and a slash.
    Below(String),
    /// All of a host.
    All,
}

/// Why a text is no pattern: the end of a sentence that begins with the value, with the way out.
pub(super) const NOT_A_PATTERN: &str = "is not a pattern of images; give a repository (team/app), all below one (team/*), either with a host before it, or a digest (sha256:…); no tag";

impl Pattern {
    /// Reads a pattern.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if is_digest(text) {
            return Some(Self::Digest(text.to_owned()));
        }
        let (host, path) = match text.split_once('/') {
            // As in image references: what cannot begin a path is a host.
            Some((first, rest)) if first == "localhost" || first.contains(['.', ':']) => (Some(first), rest),
            _ => (None, text),
        };
        let path = match (host, path.strip_suffix("/*")) {
            (Some(host), _) if path == "*" => read(&format!("{host}/x")).map(|_| Path::All)?,
            (host, Some(prefix)) => {
                let below = format!("{}/{prefix}/x", host.unwrap_or(ANY_HOST));
                Path::Below(read(&below)?.repository().strip_suffix("/x")?.to_owned())
            }
            (host, None) => Path::Exact(read(&format!("{}/{path}", host.unwrap_or(ANY_HOST)))?.repository().to_owned()),
        };
        Some(Self::Repository { host: host.map(Host::new), path })
    }

    /// Whether it names the registry too, or something that is the same everywhere.
    #[must_use]
    pub const fn is_anchored(&self) -> bool {
        matches!(self, Self::Digest(_) | Self::Repository { host: Some(_), .. })
    }

    fn matches(&self, origin: &Origin<'_>) -> bool {
        let (reference, accepted) = match origin {
            Origin::Accepted { reference, .. } => (reference, true),
            Origin::Trusted { reference } | Origin::NotAccepted { reference, .. } => (reference, false),
            // Nobody can say what it is, so nobody can have agreed to it.
            Origin::Unparseable(_) => return false,
        };
        match self {
            Self::Digest(digest) => reference.digest() == Some(digest),
            Self::Repository { host: None, path } => accepted && path.matches(reference.repository()),
            Self::Repository { host: Some(host), path } => {
                host.is(reference.domain()) && path.matches(reference.repository())
            }
        }
    }
}

/// Stands for a host where a path is checked by itself: one for which nothing is normalised.
const ANY_HOST: &str = "registry.invalid";

/// Reads a reference without tag and digest.
fn read(text: &str) -> Option<ImageReference> {
    ImageReference::parse(text).ok().filter(|reference| reference.tag().is_none() && reference.digest().is_none())
}

/// The grammar of digests is that of references.
fn is_digest(text: &str) -> bool {
    ImageReference::parse(&format!("{ANY_HOST}/x@{text}")).is_ok()
}

impl Host {
    fn new(name: &str) -> Self {
        Self { name: name.to_ascii_lowercase(), kind: classify(name) }
    }

    fn is(&self, domain: &str) -> bool {
        match (&self.kind, classify(domain)) {
            (RegistryHost::PrivateEcr(one), RegistryHost::PrivateEcr(other)) => *one == other,
            (RegistryHost::DockerHub, RegistryHost::DockerHub) => true,
            _ => self.name == domain.to_ascii_lowercase(),
        }
    }
}

impl Path {
    fn matches(&self, repository: &str) -> bool {
        match self {
            Self::All => true,
            Self::Exact(path) => path == repository,
            Self::Below(prefix) => is_below(repository, prefix),
        }
    }
}

/// Whether a repository's name begins with the prefix and a slash.
pub(super) fn is_below(repository: &str, prefix: &str) -> bool {
    repository.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, path) = match self {
            Self::Digest(digest) => return f.write_str(digest),
            Self::Repository { host, path } => (host, path),
        };
        if let Some(host) = host {
            write!(f, "{}/", host.name)?;
        }
        match path {
            Path::Exact(path) => f.write_str(path),
            Path::Below(prefix) => write!(f, "{prefix}/*"),
            Path::All => f.write_str("*"),
        }
    }
}

#[cfg(test)]
#[path = "exemption_tests.rs"]
mod tests;
