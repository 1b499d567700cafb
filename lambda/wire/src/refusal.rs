//! What is said about a review that cannot be understood, and to whom.
//!
//! Nothing of the review may be repeated here except field names: it holds a Pod, and a Pod holds secrets.

use std::fmt;

use compliance::text::shown;
use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Most characters of a word that is repeated.
const LONGEST_WORD: usize = 80;

/// A review that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `request.uid`. Without it there is nothing to answer to, and HTTP 400 is all that can be said.
    pub uid: Option<String>,
    /// Status code of the denial, as in HTTP.
    pub code: u16,
    /// One sentence naming the field and the way out.
    pub message: String,
}

impl Refusal {
    pub(crate) const fn bad_request(uid: Option<String>, message: String) -> Self {
        Self { uid, code: 400, message }
    }
}

/// A word of the review that is repeated: what no API server sends may be as long as it likes, and no text at all.
pub(crate) fn quoted(word: &str) -> String {
    format!("\"{}\"", shown(word, LONGEST_WORD))
}

/// The parser's complaint without the text it complains about.
pub(crate) fn unreadable(what: &str, error: &serde_json::Error) -> String {
    let place = format!("line {} column {}", error.line(), error.column());
    if !error.is_data() {
        return format!("{what} is not JSON ({place}); send a complete JSON document");
    }
    let complaint = error.to_string();
    match complaint.strip_prefix("duplicate field `").and_then(|rest| rest.split_once('`')) {
        // Two values for one name: this reader and the one who runs the Pod might not pick the same.
        Some((field, _)) => format!("{what} has the field `{field}` twice ({place}); give it once"),
        None => format!("{what} is not shaped like one ({place}); check the types of the fields there"),
    }
}

/// The uid of a review that is JSON but could not be read otherwise, so that it can still be answered.
#[must_use]
pub fn uid_of(text: &str) -> Option<String> {
    let request = first_member(text, "request")?;
    let uid: String = serde_json::from_str(first_member(request.get(), "uid")?.get()).ok()?;
    (!uid.is_empty()).then_some(uid)
}

fn first_member<'a>(text: &'a str, name: &str) -> Option<&'a RawValue> {
    members(text, name).first().copied()
}

/// The member of that name, if there is one and no other: of two nobody knows which is meant.
pub(crate) fn only_member<'a>(text: &'a str, name: &str) -> Option<&'a RawValue> {
    if let [only] = *members(text, name) { Some(only) } else { None }
}

/// The members of that name of a JSON object, found without copying anything; none of what is no JSON object.
fn members<'a>(text: &'a str, name: &str) -> Vec<&'a RawValue> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let found = deserializer.deserialize_map(Members(name)).ok();
    deserializer.end().ok().and(found).unwrap_or_default()
}

struct Members<'n>(&'n str);

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            if key == self.0 {
                found.push(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A member's name, borrowed unless it is written with escapes.
#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] std::borrow::Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_uid_of_json_and_none_elsewhere() {
        let cases = [
            ("a review", r#"{"kind":"K","request":{"object":{"uid":"no"},"uid":"u-1"}}"#, Some("u-1")),
            ("the field twice", r#"{"request":{"uid":"u-1","uid":"u-2"}}"#, Some("u-1")),
            ("an escaped name", r#"{"\u0072equest":{"uid":"u-1"}}"#, Some("u-1")),
            ("a number", r#"{"request":{"uid":1}}"#, None),
            ("an empty uid", r#"{"request":{"uid":""}}"#, None),
            ("a list", r#"[{"request":{"uid":"u-1"}}]"#, None),
            ("a review cut off", r#"{"request":{"uid":"u-1"}"#, None),
            ("something after the review", r#"{"request":{"uid":"u-1"}} x"#, None),
        ];
        for (name, text, expected) in cases {
            assert_eq!(uid_of(text).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn repeats_nothing_of_what_it_could_not_read() {
        let error = serde_json::from_str::<Vec<u8>>("\"canary\"").unwrap_err();
        assert!(error.to_string().contains("canary"), "the parser does repeat it: {error}");
        assert!(!unreadable("`request.object`", &error).contains("canary"));
    }
}
