//! Image references, read from right to left: digest, tag, then what is left is the name.
//!
//! Grammar and normalisation: <https://github.com/distribution/reference>

/// A reference, normalised.
pub(crate) struct Reference {
    pub(crate) domain: String,
    pub(crate) path: String,
    pub(crate) tag: Option<String>,
    pub(crate) digest: Option<String>,
}

impl Reference {
    /// What is pulled: the digest if there is one, else the tag, else `latest`.
    pub(crate) fn id(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("digest {digest}"),
            (None, tag) => format!("tag {}", tag.as_deref().unwrap_or("latest")),
        }
    }
}

/// `None` when the text is no reference.
pub(crate) fn read(text: &str) -> Option<Reference> {
    if text.chars().count() == 64 && text.chars().all(is_hex) {
        return None;
    }
    let (rest, digest) = match text.rsplit_once('@') {
        Some((rest, digest)) => (rest, Some(digest.to_owned())),
        None => (text, None),
    };
    let after_slash = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest[after_slash..].find(':') {
        Some(at) => (&rest[..after_slash + at], Some(rest[after_slash + at + 1..].to_owned())),
        None => (rest, None),
    };
    let (domain, path) = domain_and_path(name);
    let good = is_domain(&domain)
        && is_path(&path)
        && tag.as_deref().is_none_or(is_tag)
        && digest.as_deref().is_none_or(is_digest);
    good.then_some(Reference { domain, path, tag, digest })
}

fn domain_and_path(name: &str) -> (String, String) {
    let hub = |path: &str| {
        let path = if path.contains('/') { path.to_owned() } else { format!("library/{path}") };
        ("docker.io".to_owned(), path)
    };
    let Some(slash) = name.find('/') else { return hub(name) };
    let (first, rest) = (&name[..slash], &name[slash + 1..]);
    let could_be_path =
        first != "localhost" && !first.chars().any(|c| c == '.' || c == ':') && first == first.to_lowercase();
    match first {
        _ if could_be_path => hub(name),
        "docker.io" | "index.docker.io" => hub(rest),
        _ => (first.to_owned(), rest.to_owned()),
    }
}

fn is_hex(c: char) -> bool {
    "0123456789abcdef".contains(c)
}

fn is_domain(text: &str) -> bool {
    let (host, port) = if text.starts_with('[') {
        let Some(end) = text.find(']') else { return false };
        let address = &text[1..end];
        if address.is_empty() || !address.chars().all(|c| c == ':' || c.is_ascii_hexdigit()) {
            return false;
        }
        ("v6", &text[end + 1..])
    } else {
        let end = text.find(':').unwrap_or(text.len());
        (&text[..end], &text[end..])
    };
    let port_is_good =
        port.is_empty() || (port.len() > 1 && port.starts_with(':') && port[1..].chars().all(|c| c.is_ascii_digit()));
    port_is_good
        && host.split('.').all(|label| {
            let inner = label.chars().all(|c| c == '-' || c.is_ascii_alphanumeric());
            let ends = label.chars().next().zip(label.chars().last());
            inner && ends.is_some_and(|(first, last)| first != '-' && last != '-')
        })
}

fn is_path(path: &str) -> bool {
    path.len() <= 255 && path.split('/').all(is_component)
}

/// Letters and digits, with `.`, `_`, `__` or dashes between them: one character after the other.
fn is_component(text: &str) -> bool {
    let mut separator = String::new();
    let mut begun = false;
    for c in text.chars() {
        if !(c.is_ascii_lowercase() || c.is_ascii_digit()) {
            separator.push(c);
            continue;
        }
        let known = ["", ".", "_", "__"].contains(&separator.as_str()) || separator.chars().all(|c| c == '-');
        if !known || (!begun && !separator.is_empty()) {
            return false;
        }
        begun = true;
        separator.clear();
    }
    begun && separator.is_empty()
}

fn is_tag(text: &str) -> bool {
    let word = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let count = text.chars().count();
    (1..=128).contains(&count)
        && text.chars().all(|c| word(c) || c == '.' || c == '-')
        && text.chars().take(1).all(word)
}

fn is_digest(text: &str) -> bool {
    [("sha256:", 64), ("sha384:", 96), ("sha512:", 128)].iter().any(|(algorithm, length)| {
        text.starts_with(algorithm)
            && text.chars().skip(algorithm.len()).count() == *length
            && text.chars().skip(algorithm.len()).all(is_hex)
    })
}
