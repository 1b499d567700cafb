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

    /// Whether an image for `other` is one for this platform. Without a variant, all variants are meant.
    fn means(&self, other: &Self) -> bool {
        let (named, other) = (self.as_nodes_read_it(), other.as_nodes_read_it());
        named.is_of_the_os_of(&other)
            && named.architecture == other.architecture
            && (self.variant.is_none() || named.variant == other.variant)
    }

    /// Whether a node of this platform runs an image for `other` where it finds none for its own: another variant, or what
    /// its processor was before it had 64 bits.
    fn makes_do_with(&self, other: &Self) -> bool {
        let (named, other) = (self.as_nodes_read_it(), other.as_nodes_read_it());
        let architectures = (named.architecture.as_str(), other.architecture.as_str());
        named.is_of_the_os_of(&other)
            && (architectures.0 == architectures.1 || matches!(architectures, ("amd64", "386") | ("arm64", "arm")))
    }

    /// Where an image names no system, a node takes it for its own.
    fn is_of_the_os_of(&self, other: &Self) -> bool {
        other.os.is_empty() || self.os == other.os
    }

    /// Nodes take several names for the same platform, and whoever builds an index may choose among them.
    ///
    /// <https://github.com/containerd/platforms>
    fn as_nodes_read_it(&self) -> Self {
        let lower = |text: &str| text.to_ascii_lowercase();
        let (os, architecture) = (lower(&self.os), lower(&self.architecture));
        let variant = self.variant.as_deref().map(lower).unwrap_or_default();
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", other) => ("amd64", other),
            ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
            ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
            ("aarch64", other) => ("arm64", other),
            ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
            ("armel", _) | ("arm", "6") => ("arm", "v6"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "8") => ("arm", "v8"),
            same => same,
        };
        let variant = Some(variant.to_owned()).filter(|variant| !variant.is_empty());
        let os = if os == "macos" { "darwin".to_owned() } else { os };
        Self { os, architecture: architecture.to_owned(), variant }
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
    /// Which images of an index are judged, by their platforms. One without a platform is: a node may run it whatever it
    /// is for. So is what nodes of a named platform run for want of their own, unless there is nothing for anybody.
    #[must_use]
    pub fn judged(&self, all: &[Option<&Platform>]) -> Vec<bool> {
        let meant: Vec<bool> = all.iter().map(|platform| self.include(*platform)).collect();
        let Self::Named(named) = self else { return meant };
        if !meant.contains(&true) {
            return meant;
        }
        let is_missing = |named: &&Platform| !all.iter().flatten().any(|platform| named.means(platform));
        let missing: Vec<&Platform> = named.iter().filter(is_missing).collect();
        let instead = |platform: &Platform| missing.iter().any(|named| named.makes_do_with(platform));
        meant.into_iter().zip(all).map(|(meant, platform)| meant || platform.is_some_and(instead)).collect()
    }

    fn include(&self, platform: Option<&Platform>) -> bool {
        let Some(platform) = platform else { return true };
        match self {
            _ if platform.is_attachment() => false,
            Self::Every => true,
            Self::Named(named) => named.iter().any(|named| named.means(platform)),
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

    fn named(texts: &[&str]) -> Platforms {
        Platforms::Named(texts.iter().filter_map(|text| Platform::parse(text)).collect())
    }

    /// As an index may have it: with upper case, and without a system.
    fn of(text: &str) -> Platform {
        let mut pieces = text.split('/').map(str::to_owned);
        let mut next = || pieces.next().unwrap_or_default();
        Platform { os: next(), architecture: next(), variant: Some(next()).filter(|variant| !variant.is_empty()) }
    }

    #[test]
    fn named_platforms_are_judged_with_all_variants_and_names_and_what_may_run_anywhere_always() {
        let some = named(&["linux/amd64", "linux/arm/v7"]);
        let cases = [
            ("linux/amd64", true, true),
            ("linux/amd64/v3", true, true),
            ("linux/x86_64", true, true),
            ("Linux/AMD64", true, true),
            ("/amd64", true, true),
            ("linux/arm/v7", true, true),
            ("linux/arm", true, true),
            ("linux/armhf", true, true),
            ("linux/arm/7", true, true),
            ("linux/arm/v6", false, true),
            ("linux/armel", false, true),
            ("windows/amd64", false, true),
            ("unknown/unknown", false, false),
        ];
        for (text, is_named, every) in cases {
            let platform = of(text);
            let platform = Some(&platform);
            assert_eq!((some.include(platform), Platforms::Every.include(platform)), (is_named, every), "{text}");
        }
        assert!(some.include(None) && Platforms::Every.include(None));
        assert!(named(&["linux/arm64/v8"]).include(Some(&of("linux/aarch64"))));
        assert!(!named(&["linux/arm64/v9"]).include(Some(&of("linux/arm64"))));
    }

    #[test]
    fn what_a_node_runs_for_want_of_its_own_is_judged_beside_what_others_run() {
        let both = named(&["linux/amd64", "linux/arm64"]);
        let cases: [(&str, &[&str], &[bool]); 6] = [
            (
                "each has its own",
                &["linux/amd64", "linux/arm64", "linux/386", "linux/arm/v7"],
                &[true, true, false, false],
            ),
            ("amd64 is missing", &["linux/386", "linux/arm64", "linux/arm/v7"], &[true, true, false]),
            ("arm64 is missing", &["linux/amd64", "linux/386", "linux/arm/v6"], &[true, false, true]),
            ("of another system", &["windows/386", "linux/arm64"], &[false, true]),
            ("nothing for anybody", &["linux/386", "linux/s390x"], &[false, false]),
            ("an attachment stands in for nothing", &["linux/amd64", "unknown/unknown"], &[true, false]),
        ];
        for (name, texts, expected) in cases {
            let all: Vec<Platform> = texts.iter().map(|text| of(text)).collect();
            let all: Vec<Option<&Platform>> = all.iter().map(Some).collect();
            assert_eq!(both.judged(&all), expected, "{name}");
        }
        let v7 = [of("linux/arm/v6"), of("linux/amd64")];
        assert_eq!(named(&["linux/arm/v7", "linux/amd64"]).judged(&[Some(&v7[0]), Some(&v7[1])]), [true, true]);
    }
}
