//! Making text from outside safe to show: to a person in a terminal, to a log, to a shell.
//!
//! Images are written by whoever creates the Pod, so nothing of theirs may reach a terminal or a shell unescaped or at
//! full length. This file must not decide anything about compliance.

/// Shows `text` in at most about `limit` characters, with everything but printable ASCII escaped.
///
/// Valid image references are ASCII; whatever is not could reorder or hide what the reader sees.
#[must_use]
pub fn shown(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit + 4));
    for character in text.chars() {
        if out.len() >= limit {
            out.push('…');
            break;
        }
        match character {
            '\\' => out.push_str("\\\\"),
            ' '..='~' => out.push(character),
            other => out.extend(other.escape_default()),
        }
    }
    out
}

/// Quotes `word` for a POSIX shell, leaving it as it is where no quoting is needed.
pub(crate) fn shell(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@%+=:,./_-".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::{shell, shown};

    #[test]
    fn shows_control_and_non_ascii_characters_escaped() {
        assert_eq!(shown("a\n\u{1b}[31m\u{202e}\\", 100), "a\\n\\u{1b}[31m\\u{202e}\\\\");
    }

    #[test]
    fn cuts_what_is_too_long_and_says_so() {
        assert_eq!(shown("abcdef", 3), "abc…");
        assert_eq!(shown("abc", 3), "abc");
    }

    #[test]
    fn quotes_a_word_only_where_a_shell_would_read_more_into_it() {
        assert_eq!(shell("team/app:1.0"), "team/app:1.0");
        assert_eq!(shell("[::1]/a"), "'[::1]/a'");
        assert_eq!(shell("a'; rm -rf"), r"'a'\''; rm -rf'");
        assert_eq!(shell(""), "''");
    }
}
