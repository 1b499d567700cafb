//! Filters against tags, and the four values of ECR against a tag, a digest and both.

use super::{Objection, matches, objection};
use crate::facts::TagMutability;

#[test]
fn a_filter_matches_whole_tags_with_case_and_stars() {
    let cases = [
        ("latest", "latest", true),
        ("latest", "latest2", false),
        ("latest", "Latest", false),
        ("latest", "", false),
        ("dev-*", "dev-1", true),
        ("dev-*", "dev-", true),
        ("dev-*", "xdev-1", false),
        ("*-rc", "1-rc", true),
        ("*-rc", "1-rc2", false),
        ("*", "anything", true),
        ("**", "anything", true),
        ("*dev*", "a-dev-b", true),
        ("*dev*", "a-de-b", false),
        ("a*b*c", "aXbYc", true),
        ("a*b*c", "abc", true),
        ("a*b*c", "acb", false),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("a*aa", "aaa", true),
        ("a*ab*b", "aabb", true),
        ("v1.*", "v1x0", false),
        ("", "", true),
        ("", "x", false),
    ];
    for (filter, tag, expected) in cases {
        assert_eq!(matches(filter, tag), expected, "{filter} on {tag}");
    }
}

#[test]
fn every_value_of_ecr_is_judged_for_the_tag_in_use() {
    let dev = || vec!["dev-*".to_owned(), "latest".to_owned()];
    let cases: [(TagMutability, Option<&str>, &str); 15] = [
        (TagMutability::Immutable, Some("1"), ""),
        (TagMutability::Immutable, None, ""),
        (TagMutability::Mutable, Some("1"), "tags-mutable"),
        (TagMutability::Mutable, None, "tags-mutable"),
        (TagMutability::ImmutableExcept(dev()), Some("1"), ""),
        (TagMutability::ImmutableExcept(dev()), Some("dev-1"), "tag-excluded"),
        (TagMutability::ImmutableExcept(dev()), Some("latest"), "tag-excluded"),
        (TagMutability::ImmutableExcept(dev()), None, ""),
        (TagMutability::ImmutableExcept(Vec::new()), Some("1"), ""),
        (TagMutability::MutableExcept(dev()), Some("dev-1"), ""),
        (TagMutability::MutableExcept(dev()), Some("1"), "tag-not-protected"),
        (TagMutability::MutableExcept(dev()), None, "tags-mutable"),
        (TagMutability::MutableExcept(Vec::new()), Some("1"), "tag-not-protected"),
        (TagMutability::Unrecognised("NEW".to_owned()), Some("1"), "unknown"),
        (TagMutability::Unrecognised("NEW".to_owned()), None, "unknown"),
    ];
    for (mutability, tag, expected) in cases {
        let code = match objection(tag, &mutability) {
            None => "",
            Some(Objection::Movable(code, _)) => code,
            Some(Objection::Unknown(_)) => "unknown",
        };
        assert_eq!(code, expected, "{mutability:?} for {tag:?}");
    }
}

proptest::proptest! {
    #[test]
    fn a_filter_agrees_with_a_slow_matcher_written_otherwise(filter in "[ab*]{0,6}", tag in "[ab]{0,8}") {
        fn slow(filter: &[u8], tag: &[u8]) -> bool {
            match filter.split_first() {
                None => tag.is_empty(),
                Some((b'*', rest)) => (0..=tag.len()).any(|skip| slow(rest, &tag[skip..])),
                Some((byte, rest)) => tag.split_first().is_some_and(|(first, tag)| first == byte && slow(rest, tag)),
            }
        }
        proptest::prop_assert_eq!(matches(&filter, &tag), slow(filter.as_bytes(), tag.as_bytes()));
    }
}
