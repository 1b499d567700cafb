//! A zip of one executable in which nothing depends on the time, the machine or the user.

use std::io::{Cursor, Write};

use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use crate::error::Failure;

/// Zips `bytes` as one executable entry.
///
/// # Errors
/// When the zip library fails, which for bytes in memory it does not.
pub(super) fn one_entry(name: &str, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        // 1980-01-01, the oldest that the format knows.
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let write = |writer: &mut ZipWriter<Cursor<Vec<u8>>>| {
        writer.start_file(name, options)?;
        writer.write_all(bytes)?;
        Ok::<(), zip::result::ZipError>(())
    };
    write(&mut writer)
        .and_then(|()| writer.finish())
        .map(Cursor::into_inner)
        .map_err(|error| Failure::new("the function could not be zipped").caused_by(&error))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use zip::ZipArchive;

    use super::*;

    #[test]
    fn it_holds_one_executable_entry_of_fixed_date_and_the_same_bytes() {
        let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        let mut archive = ZipArchive::new(Cursor::new(one_entry("bootstrap", &bytes).unwrap())).unwrap();
        assert_eq!(archive.len(), 1);
        let mut entry = archive.by_index(0).unwrap();
        assert_eq!(entry.name().unwrap(), "bootstrap");
        assert_eq!(entry.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        assert_eq!(entry.last_modified(), Some(DateTime::default()));
        let mut read = Vec::new();
        entry.read_to_end(&mut read).unwrap();
        assert_eq!(read, bytes);
    }

    #[test]
    fn the_same_bytes_twice_are_the_same_zip() {
        assert_eq!(one_entry("bootstrap", b"x").unwrap(), one_entry("bootstrap", b"x").unwrap());
    }
}
