//! The function's binary as bytes for AWS: built (or taken), checked, zipped so that the same binary gives the same bytes.
//!
//! It must not know where the bytes go.

mod elf;
mod toolchain;
mod unzip;
mod zip;

use std::{fs, path::Path};

use sha2::{Digest, Sha256};

pub use self::unzip::{Contents, contents};
use crate::{
    console::Console,
    error::Failure,
    settings::{Architecture, OwnPolicy, Settings, Word},
};

/// A zip that Lambda takes, and what names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// `bootstrap`, and `policy.json` where the owner has a policy.
    pub zip: Vec<u8>,
    /// SHA-256 of the BINARY, lower-case hex.
    pub sha256: String,
    /// SHA-256 of what is in the zip, lower-case hex; that of the binary where nothing else is. Not of the zip: another
    /// zip library is no new version.
    pub content: String,
    /// What the ELF header says.
    pub architecture: Architecture,
    /// Newest glibc that the binary asks for, if newer than the function's system has; `(2, 39)`.
    pub needs_newer_glibc: Option<(u32, u32)>,
}

impl Artifact {
    /// Where it lies in the bucket: `<stack_name>/lambda/<content>.zip`.
    #[must_use]
    pub fn key(&self, settings: &Settings) -> String {
        key(settings, &self.content)
    }

    /// What the owner should know before this is deployed, if anything.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let (major, minor) = self.needs_newer_glibc?;
        let (has_major, has_minor) = elf::GLIBC_OF_RUNTIME;
        Some(format!(
            "the function asks for glibc {major}.{minor}, but provided.al2023 has {has_major}.{has_minor}: it will not \
             start on AWS; build it with zig (pip install ziglang) or on an older system"
        ))
    }
}

/// The key of the artefact whose content has this hash.
#[must_use]
pub fn key(settings: &Settings, content: &str) -> String {
    format!("{}{content}.zip", prefix(settings))
}

/// Where the artefacts of a stack lie in the bucket.
#[must_use]
pub fn prefix(settings: &Settings) -> String {
    format!("{}/lambda/", settings.stack_name)
}

/// Builds the function of the workspace at `source_dir` with cargo-lambda, in release mode and with the locked versions.
/// cargo writes its progress to stderr itself.
///
/// # Errors
/// When cargo-lambda is missing or fails, or what it built is not for the architecture wanted.
pub async fn build(settings: &Settings, source_dir: &Path, console: &mut Console) -> Result<Artifact, Failure> {
    let tools = toolchain::Tools::find().await;
    let plan = toolchain::plan(&tools, settings.architecture)?;
    if let Some(notice) = &plan.notice {
        console.say(notice);
    }
    let binary = toolchain::build(&tools, &plan, source_dir).await?;
    let artifact = make(&read(&binary)?, &binary, Some(plan.architecture), policy_of(settings).as_deref())?;
    if let Some(warning) = artifact.warning() {
        console.warn(&warning);
    }
    Ok(artifact)
}

/// Whether [`build`] would find what it needs here, in words.
///
/// # Errors
/// What is missing, with the way out.
pub async fn can_build(settings: &Settings) -> Result<String, Failure> {
    let tools = toolchain::Tools::find().await;
    let plan = toolchain::plan(&tools, settings.architecture)?;
    toolchain::need_cargo_lambda(&tools).await?;
    Ok(format!("the function can be built for {}", plan.architecture.word()))
}

/// Takes a built binary (`--artifact`).
///
/// # Errors
/// When it cannot be read or is not an ELF file for the architecture wanted.
pub fn take(settings: &Settings, binary: &Path) -> Result<Artifact, Failure> {
    make(&read(binary)?, binary, settings.architecture, policy_of(settings).as_deref())
}

fn policy_of(settings: &Settings) -> Option<String> {
    settings.policy.as_ref().map(OwnPolicy::json)
}

fn make(bytes: &[u8], binary: &Path, wanted: Option<Architecture>, policy: Option<&str>) -> Result<Artifact, Failure> {
    let name = binary.display();
    let architecture = elf::architecture(bytes).map_err(|what| {
        Failure::new(format!("{name} cannot be a Lambda function: {what}"))
            .with_hint("Give the `bootstrap` binary that cargo lambda builds for Linux, not its zip.")
    })?;
    if let Some(wanted) = wanted
        && wanted != architecture
    {
        let (is, wanted) = (architecture.word(), wanted.word());
        return Err(Failure::new(format!("{name} is built for {is}, but the settings want architecture {wanted}"))
            .with_hint(format!("Build it for {wanted}, or set architecture = \"{is}\" in deployer.toml.")));
    }
    let program = zip::Entry { name: "bootstrap", bytes, mode: 0o755 };
    let beside = policy.map(|text| zip::Entry { name: "policy.json", bytes: text.as_bytes(), mode: 0o644 });
    let sha256 = hex(&Sha256::digest(bytes));
    Ok(Artifact {
        zip: zip::of(&[program].into_iter().chain(beside).collect::<Vec<_>>())?,
        content: policy.map_or_else(|| sha256.clone(), |text| content(&sha256, text)),
        sha256,
        architecture,
        needs_newer_glibc: elf::needed_glibc(bytes).filter(|needed| *needed > elf::GLIBC_OF_RUNTIME),
    })
}

/// A policy that changes is a new content: `CloudFormation` sees new code only by its key.
fn content(sha256: &str, policy: &str) -> String {
    hex(&Sha256::digest(format!("{sha256}\n{policy}")))
}

fn read(binary: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(binary).map_err(|error| {
        Failure::new(format!("the function's binary {} cannot be read", binary.display())).caused_by(&error)
    })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::elf::tests::header;

    fn taken(bytes: &[u8], wanted: Option<Architecture>) -> Result<Artifact, Failure> {
        make(bytes, Path::new("bootstrap"), wanted, None)
    }

    #[test]
    fn the_same_binary_gives_the_same_bytes() {
        let binary = header(183);
        assert_eq!(taken(&binary, None).unwrap(), taken(&binary, None).unwrap());
    }

    #[test]
    fn the_name_is_the_hash_of_the_binary() {
        let artifact = taken(&header(183), None).unwrap();
        assert_eq!(artifact.sha256, hex(&Sha256::digest(header(183))));
        let key = format!("ecr-compliance-webhook/lambda/{}.zip", artifact.sha256);
        assert_eq!(artifact.key(&Settings::default()), key);
    }

    #[test]
    fn a_policy_changes_the_name_and_the_binarys_hash_stays() {
        let with = |policy| make(&header(183), Path::new("bootstrap"), None, policy).unwrap();
        let (none, one, other) = (with(None), with(Some("{}\n")), with(Some("{ }\n")));
        assert_eq!(one, with(Some("{}\n")));
        assert_eq!(none.content, none.sha256);
        assert!(none.content != one.content && one.content != other.content);
        assert_eq!(one.sha256, none.sha256);
    }

    #[test]
    fn the_architecture_is_the_binarys_own_when_nobody_decided() {
        assert_eq!(taken(&header(183), None).unwrap().architecture, Architecture::Arm64);
        assert_eq!(taken(&header(62), None).unwrap().architecture, Architecture::X86_64);
    }

    #[test]
    fn a_binary_for_another_architecture_is_refused_naming_both() {
        let failure = taken(&header(62), Some(Architecture::Arm64)).unwrap_err();
        assert!(failure.message.contains("x86_64") && failure.message.contains("arm64"), "{failure:?}");
    }

    #[test]
    fn a_file_that_is_no_elf_is_refused() {
        for (case, bytes) in [("zip", b"PK\x03\x04".as_slice()), ("script", b"#!/bin/sh\nexit 0\n"), ("empty", b"")] {
            assert!(taken(bytes, None).is_err(), "{case}");
        }
    }

    #[test]
    fn a_binary_that_asks_for_a_newer_glibc_is_taken_with_a_warning() {
        let mut binary = header(62);
        binary.extend_from_slice(b"\0GLIBC_2.39\0");
        let warning = taken(&binary, None).unwrap().warning().unwrap();
        assert!(warning.contains("2.39") && warning.contains("2.34"), "{warning}");
        assert_eq!(taken(&header(62), None).unwrap().warning(), None);
    }

    #[test]
    fn a_missing_file_is_named() {
        let failure = take(&Settings::default(), Path::new("no/such/bootstrap")).unwrap_err();
        assert!(failure.message.contains("no/such/bootstrap"), "{failure:?}");
    }
}
