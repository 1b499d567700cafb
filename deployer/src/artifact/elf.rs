//! The few bytes of an ELF file that decide whether Lambda can start it (System V ABI, "ELF Header").

use crate::settings::Architecture;

/// glibc of Amazon Linux 2023, on which `provided.al2023` is built.
pub(super) const GLIBC_OF_RUNTIME: (u32, u32) = (2, 34);

/// `e_machine` values.
const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;

/// What the file was built for; the error is half a sentence that says what is wrong with it.
pub(super) fn architecture(bytes: &[u8]) -> Result<Architecture, String> {
    match bytes {
        [0x7f, b'E', b'L', b'F', 2, 1, ..] if bytes.len() >= 64 => {}
        [0x7f, b'E', b'L', b'F', ..] => return Err("it is not a 64-bit little-endian ELF file".to_owned()),
        _ => return Err("it is not an ELF file".to_owned()),
    }
    match u16::from_le_bytes([bytes[18], bytes[19]]) {
        EM_X86_64 => Ok(Architecture::X86_64),
        EM_AARCH64 => Ok(Architecture::Arm64),
        other => {
            Err(format!("its ELF machine is {other}, and Lambda runs {EM_X86_64} (x86_64) and {EM_AARCH64} (arm64)"))
        }
    }
}

/// The newest glibc version whose symbols the file names, `(2, 39)`. A plain search through the bytes: the version names
/// stand in the dynamic string table as text, and a false find would only make a warning.
pub(super) fn needed_glibc(bytes: &[u8]) -> Option<(u32, u32)> {
    const MARK: &[u8] = b"GLIBC_";
    bytes
        .windows(MARK.len())
        .enumerate()
        .filter(|(_, window)| *window == MARK)
        .filter_map(|(at, _)| version(&bytes[at + MARK.len()..]))
        .max()
}

fn version(bytes: &[u8]) -> Option<(u32, u32)> {
    let end = bytes.iter().take(8).position(|b| !(b.is_ascii_digit() || *b == b'.'))?;
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut parts = text.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A header and nothing else.
    pub(in crate::artifact) fn header(machine: u16) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes
    }

    #[test]
    fn reads_the_machine() {
        assert_eq!(architecture(&header(62)), Ok(Architecture::X86_64));
        assert_eq!(architecture(&header(183)), Ok(Architecture::Arm64));
    }

    #[test]
    fn says_what_is_wrong_with_other_files() {
        let mut class_32 = header(62);
        class_32[4] = 1;
        let mut big_endian = header(62);
        big_endian[5] = 2;
        for (case, bytes, says) in [
            ("no ELF", b"MZ".to_vec(), "not an ELF"),
            ("32 bits", class_32, "64-bit"),
            ("big-endian", big_endian, "little-endian"),
            ("cut off", header(62)[..20].to_vec(), "64-bit"),
            ("riscv", header(243), "243"),
        ] {
            let error = architecture(&bytes).expect_err(case);
            assert!(error.contains(says), "{case}: {error}");
        }
    }

    #[test]
    fn finds_the_newest_glibc_as_a_number_not_as_text() {
        for (case, bytes, found) in [
            ("none", b"nothing".as_slice(), None),
            ("newest of several", b"GLIBC_2.4\0GLIBC_2.34\0GLIBC_2.17\0", Some((2, 34))),
            ("three parts", b"GLIBC_2.2.5\0", Some((2, 2))),
            ("private symbols", b"GLIBC_PRIVATE\0", None),
            ("cut off", b"GLIBC_2.3", None),
        ] {
            assert_eq!(needed_glibc(bytes), found, "{case}");
        }
    }
}
