//! What is in a zip that was deployed before, as far as going back to it depends on that. It must not trust the bytes: they
//! come from a bucket that others may write to.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::elf;
use crate::settings::Architecture;

/// An ELF header has 64 bytes, and a policy is read whole up to this.
const POLICY_LIMIT: u64 = 1 << 20;
const HEADER: u64 = 64;

/// The program's architecture, and the policy beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// What the ELF header says.
    pub architecture: Architecture,
    /// The text of `policy.json`, where there is one.
    pub policy: Option<String>,
}

/// Looks into a zip as [`super::build`] makes it.
///
/// # Errors
/// Half a sentence that says what is wrong with it.
pub fn contents(zip: &[u8]) -> Result<Contents, String> {
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(|error| format!("it is no zip ({error})"))?;
    let header = entry(&mut archive, "bootstrap", HEADER)?.ok_or("there is no bootstrap in it")?;
    let architecture = elf::architecture(&header).map_err(|what| format!("its bootstrap: {what}"))?;
    let policy = entry(&mut archive, "policy.json", POLICY_LIMIT)?;
    let policy = policy.map(|bytes| String::from_utf8(bytes).map_err(|_| "its policy.json is no text".to_owned()));
    Ok(Contents { architecture, policy: policy.transpose()? })
}

/// The first `limit` bytes of a file in the zip; `None`: there is none of that name.
fn entry(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str, limit: u64) -> Result<Option<Vec<u8>>, String> {
    let Some(index) = archive.index_for_name(name) else { return Ok(None) };
    let broken = |error: &dyn std::fmt::Display| format!("its {name} cannot be read ({error})");
    let file = archive.by_index(index).map_err(|error| broken(&error))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(|error| broken(&error))?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{elf::tests::header, zip},
        *,
    };

    fn zipped(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let entries: Vec<_> = entries.iter().map(|&(name, bytes)| zip::Entry { name, bytes, mode: 0o755 }).collect();
        zip::of(&entries).unwrap()
    }

    #[test]
    fn what_was_zipped_is_found_again() {
        let mut program = header(62);
        program.extend_from_slice(&[7; 10_000]);
        let found = contents(&zipped(&[("bootstrap", &program), ("policy.json", b"{}")])).unwrap();
        assert_eq!(found, Contents { architecture: Architecture::X86_64, policy: Some("{}".to_owned()) });
        let found = contents(&zipped(&[("bootstrap", &header(183))])).unwrap();
        assert_eq!(found, Contents { architecture: Architecture::Arm64, policy: None });
    }

    #[test]
    fn what_lambda_could_not_start_is_refused_with_the_reason() {
        for (case, bytes, says) in [
            ("no zip", b"MZ".to_vec(), "no zip"),
            ("another file", zipped(&[("main", &header(62))]), "no bootstrap"),
            ("a script", zipped(&[("bootstrap", b"#!/bin/sh")]), "not an ELF"),
            ("another machine", zipped(&[("bootstrap", &header(243))]), "243"),
            ("no text", zipped(&[("bootstrap", &header(62)), ("policy.json", &[0xff])]), "no text"),
        ] {
            let what = contents(&bytes).expect_err(case);
            assert!(what.contains(says), "{case}: {what}");
        }
    }
}
