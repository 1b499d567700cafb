//! Platforms of an index: what a node asks for when it pulls an image of several.
//!
//! <https://github.com/opencontainers/image-spec/blob/main/image-index.md>

use std::fmt;

/// An operating system with an architecture, and perhaps a variant of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    /// Such as `linux`.
    pub os: String,
    /// Such as `amd64` or `arm64`.
    pub architecture: String,
    /// Such as `v8`.
    pub variant: Option<String>,
}

impl Platform {
    /// Reads `linux/arm64` or `linux/arm/v7`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = |piece: &&str| {
            !piece.is_empty()
                && piece.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
        };
        let pieces: Vec<&str> = text.split('/').collect();
        if text.len() > 100 || !(2..=3).contains(&pieces.len()) || !pieces.iter().all(good) {
            return None;
        }
        let variant = pieces.get(2).map(|&piece| piece.to_owned());
        Some(Self { os: pieces[0].to_owned(), architecture: pieces[1].to_owned(), variant })
    }

    /// Builds attach what they know of an image (provenance, lists of packages) as one for `unknown/unknown`. No node
    /// runs it, and no scanner looks at it.
    #[must_use]
    pub fn is_attachment(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

/// The platforms of an index that are judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Platforms {
    /// All that it has.
    #[default]
    Every,
    /// These, as far as it has them. Without a variant, all variants are meant.
    Named(Vec<Platform>),
}

impl Platforms {
    /// Whether an image of an index is judged. One without a platform is: a node may run it whatever it is for.
    #[must_use]
    pub fn include(&self, platform: Option<&Platform>) -> bool {
        let Some(platform) = platform else { return true };
        let is_meant = |named: &Platform| {
            (&named.os, &named.architecture) == (&platform.os, &platform.architecture)
                && (named.variant.is_none() || named.variant == platform.variant)
        };
        match self {
            _ if platform.is_attachment() => false,
            Self::Every => true,
            Self::Named(named) => named.iter().any(is_meant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Platform, Platforms};

    #[test]
    fn a_platform_is_read_and_written_alike_and_nothing_else_is_read() {
        for text in ["linux/amd64", "linux/arm/v7", "windows/amd64"] {
            assert_eq!(Platform::parse(text).map(|platform| platform.to_string()).as_deref(), Some(text));
        }
        for text in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x", "Linux/amd64", "linux/amd 64", "every"] {
            assert_eq!(Platform::parse(text), None, "{text}");
        }
    }

    #[test]
    fn named_platforms_are_judged_with_all_variants_and_what_may_run_anywhere_always() {
        let some =
            Platforms::Named(["linux/amd64", "linux/arm/v7"].iter().filter_map(|text| Platform::parse(text)).collect());
        let cases = [
            ("linux/amd64", true, true),
            ("linux/amd64/v3", true, true),
            ("linux/arm/v7", true, true),
            ("linux/arm/v6", false, true),
            ("linux/arm", false, true),
            ("windows/amd64", false, true),
            ("unknown/unknown", false, false),
        ];
        for (text, named, every) in cases {
            let platform = Platform::parse(text);
            assert_eq!(
                (some.include(platform.as_ref()), Platforms::Every.include(platform.as_ref())),
                (named, every),
                "{text}"
            );
        }
        assert!(some.include(None) && Platforms::Every.include(None));
    }
}
