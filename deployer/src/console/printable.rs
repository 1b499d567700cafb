//! What others wrote, made safe to show: no text of theirs may move a cursor, hide or reorder what is read.

/// Printable ASCII as it is, everything else escaped. The dots say that a text was cut.
#[must_use]
pub fn printable(text: &str) -> String {
    let plain = |c: char| c == '…' || (' '..='~').contains(&c);
    text.chars().map(|c| if plain(c) { c.to_string() } else { c.escape_default().to_string() }).collect()
}
