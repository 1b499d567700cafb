//! A zip in which nothing depends on the time, the machine or the user.

use std::io::{Cursor, Write};

use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use crate::error::Failure;

/// One file of a zip.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) bytes: &'a [u8],
    /// Unix permissions.
    pub(super) mode: u32,
}

/// Zips `entries` in this order.
///
/// # Errors
/// When the zip library fails, which for bytes in memory it does not.
pub(super) fn of(entries: &[Entry<'_>]) -> Result<Vec<u8>, Failure> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let mut write = || {
        for entry in entries {
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .compression_level(Some(9))
                // 1980-01-01, the oldest that the format knows.
                .last_modified_time(DateTime::default())
                .unix_permissions(entry.mode);
            writer.start_file(entry.name, options)?;
            writer.write_all(entry.bytes)?;
        }
        Ok::<(), zip::result::ZipError>(())
    };
    write()
        .and_then(|()| writer.finish())
        .map(Cursor::into_inner)
        .map_err(|error| Failure::new("the function could not be zipped").caused_by(&error))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use zip::ZipArchive;

    use super::*;

    fn program(bytes: &[u8]) -> Entry<'_> {
        Entry { name: "bootstrap", bytes, mode: 0o755 }
    }

    #[test]
    fn entries_have_their_mode_a_fixed_date_and_the_same_bytes() {
        let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let entries = [program(&bytes), Entry { name: "policy.json", bytes: b"{}", mode: 0o644 }];
        let mut archive = ZipArchive::new(Cursor::new(of(&entries).unwrap())).unwrap();
        assert_eq!(archive.len(), 2);
        for (index, expected) in entries.iter().enumerate() {
            let mut entry = archive.by_index(index).unwrap();
            assert_eq!(entry.name().unwrap(), expected.name);
            assert_eq!(entry.unix_mode().map(|mode| mode & 0o777), Some(expected.mode));
            assert_eq!(entry.last_modified(), Some(DateTime::default()));
            let mut read = Vec::new();
            entry.read_to_end(&mut read).unwrap();
            assert_eq!(read, expected.bytes);
        }
    }

    #[test]
    fn the_same_bytes_twice_are_the_same_zip() {
        assert_eq!(of(&[program(b"x")]).unwrap(), of(&[program(b"x")]).unwrap());
    }
}
