//! The grammar of image references: parse, normalise, print.
//!
//! The grammar is that of the container runtimes (<https://github.com/distribution/reference>), with their
//! normalisation: what we judge must be what kubelet pulls. What does not parse is an error and never "some other
//! registry". One pass over the text, no backtracking: whoever writes a Pod chooses this input.
//! This file must not know ECR.

use std::fmt;

use thiserror::Error;

use crate::text::shown;

/// A normalised image reference: domain, repository, and a tag, a digest, both or neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    domain: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a text is no image reference: one sentence, with the text escaped and cut.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseImageError {
    /// Nothing is there.
    #[error("the image is empty")]
    Empty,
    /// A bare image id is no reference: it names no repository.
    #[error("\"{0}\" is a bare image id, not a reference with a repository")]
    BareId(String),
    /// The registry's host.
    #[error("\"{image}\" cannot be read: \"{part}\" is not a host with an optional port")]
    Domain {
        /// The whole image, for showing.
        image: String,
        /// The host, for showing.
        part: String,
    },
    /// The repository's path.
    #[error("\"{image}\" cannot be read: \"{part}\" is not a repository path ({why})")]
    Path {
        /// The whole image, for showing.
        image: String,
        /// The path, for showing.
        part: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The tag.
    #[error(
        "\"{image}\" cannot be read: \"{part}\" is not a tag (1 to 128 of letters, digits, \"_\", \".\", \"-\", not beginning with \".\" or \"-\")"
    )]
    Tag {
        /// The whole image, for showing.
        image: String,
        /// The tag, for showing.
        part: String,
    },
    /// The digest.
    #[error(
        "\"{image}\" cannot be read: \"{part}\" is not a digest (sha256, sha384 or sha512, a colon, and 64, 96 or 128 lower-case hexadecimal digits)"
    )]
    Digest {
        /// The whole image, for showing.
        image: String,
        /// The digest, for showing.
        part: String,
    },
}

/// The longest repository path, without the domain.
const LONGEST_PATH: usize = 255;
const LONGEST_TAG: usize = 128;
/// How much of an image, and of the part that is wrong, an error shows: together under 200 characters.
const SHOWN_IMAGE: usize = 120;
const SHOWN_PART: usize = 60;

const DOCKER_HUB: &str = "docker.io";

impl ImageReference {
    /// Reads and normalises an image reference.
    ///
    /// # Errors
    /// When the text does not follow the grammar; the error says which part does not.
    pub fn parse(text: &str) -> Result<Self, ParseImageError> {
        if text.is_empty() {
            return Err(ParseImageError::Empty);
        }
        if text.len() == 64 && text.bytes().all(is_lower_hex) {
            return Err(ParseImageError::BareId(text.to_owned()));
        }
        // Neither a name nor a tag can contain "@", and a path no ":", so the first of each separates.
        let (name, digest) = split(text, '@');
        let (domain, rest) = split_domain(name);
        let (path, tag) = split(rest, ':');

        let fault = Fault { image: text };
        if !is_domain(domain) {
            return Err(fault.domain(domain));
        }
        let repository = normalise_path(domain, path);
        check_path(&repository).map_err(|why| fault.path(path, why))?;
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(fault.tag(tag));
        }
        if let Some(digest) = digest.filter(|digest| !is_digest(digest)) {
            return Err(fault.digest(digest));
        }
        Ok(Self {
            domain: domain.to_owned(),
            repository,
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// The registry's host with its port if there is one, as written; `docker.io` when none was.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository's path, such as `team/app`, or `library/nginx` for a short name of Docker Hub.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one was written.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest with its algorithm, such as `sha256:…`, if one was written.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The tag this reference is about: the one written, or `latest` when neither tag nor digest is; `None` for a
    /// digest alone.
    #[must_use]
    pub fn effective_tag(&self) -> Option<&str> {
        match (&self.tag, &self.digest) {
            (Some(tag), _) => Some(tag),
            (None, None) => Some("latest"),
            (None, Some(_)) => None,
        }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Makes errors about one image.
struct Fault<'a> {
    image: &'a str,
}

impl Fault<'_> {
    fn image(&self) -> String {
        shown(self.image, SHOWN_IMAGE)
    }

    fn domain(&self, part: &str) -> ParseImageError {
        ParseImageError::Domain { image: self.image(), part: shown(part, SHOWN_PART) }
    }

    fn path(&self, part: &str, why: &'static str) -> ParseImageError {
        ParseImageError::Path { image: self.image(), part: shown(part, SHOWN_PART), why }
    }

    fn tag(&self, part: &str) -> ParseImageError {
        ParseImageError::Tag { image: self.image(), part: shown(part, SHOWN_PART) }
    }

    fn digest(&self, part: &str) -> ParseImageError {
        ParseImageError::Digest { image: self.image(), part: shown(part, SHOWN_PART) }
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((front, back)) => (front, Some(back)),
        None => (text, None),
    }
}

/// The first element is a domain only if it cannot be the beginning of a path: `localhost`, or with a dot, a colon or
/// an upper-case letter in it. Everything else is Docker Hub's.
fn split_domain(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some(("index.docker.io", rest)) => (DOCKER_HUB, rest),
        Some((first, rest)) if first == "localhost" || first.contains(['.', ':']) || has_upper_case(first) => {
            (first, rest)
        }
        _ => (DOCKER_HUB, name),
    }
}

fn has_upper_case(text: &str) -> bool {
    // As the runtimes do it, for all of Unicode; what is not ASCII is refused as a domain right after.
    text.chars().any(char::is_uppercase)
}

fn normalise_path(domain: &str, path: &str) -> String {
    if domain == DOCKER_HUB && !path.contains('/') { format!("library/{path}") } else { path.to_owned() }
}

/// `component ("." component)*` or an IPv6 address in brackets, then an optional port.
fn is_domain(text: &str) -> bool {
    let (host_is_good, rest) = if let Some(inner) = text.strip_prefix('[') {
        let (address, rest) = split(inner, ']');
        let Some(rest) = rest else { return false };
        let is_address = !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
        (is_address, rest)
    } else {
        let end = text.find(':').unwrap_or(text.len());
        let (host, rest) = text.split_at(end);
        (host.split('.').all(is_domain_component), rest)
    };
    let port_is_good = rest.is_empty()
        || rest.strip_prefix(':').is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    host_is_good && port_is_good
}

fn is_domain_component(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.len() > LONGEST_PATH {
        return Err("it is longer than 255 characters");
    }
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("it must be lower-case");
    }
    if !path.split('/').all(is_path_component) {
        return Err("its elements are lower-case letters and digits, separated by \".\", \"_\", \"__\" or \"-\"");
    }
    Ok(())
}

/// Runs of letters and digits with separators between them: one dot, one or two underscores, or any number of dashes.
fn is_path_component(text: &str) -> bool {
    let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends_well = bytes.first().copied().is_some_and(is_letter) && bytes.last().copied().is_some_and(is_letter);
    ends_well
        && bytes
            .split(|b| is_letter(*b))
            .all(|separator| matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-'))
}

fn is_tag(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= LONGEST_TAG
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|b| is_word(b) || b == b'.' || b == b'-')
}

/// The three algorithms the runtimes register. Another one would be a digest nobody here can vouch for.
fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else { return false };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(is_lower_hex)
}

fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
