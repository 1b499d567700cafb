//! ECR's filters over tags, by trying everything a star can stand for.

pub(super) fn matches(filter: &[char], tag: &[char]) -> bool {
    match filter.split_first() {
        None => tag.is_empty(),
        Some(('*', rest)) => (0..=tag.len()).any(|taken| matches(rest, &tag[taken..])),
        Some((letter, rest)) => tag.first() == Some(letter) && matches(rest, &tag[1..]),
    }
}

#[test]
fn a_star_stands_for_anything_and_everything_else_for_itself() {
    let says = |filter: &str, tag: &str| matches(&filter.chars().collect::<Vec<_>>(), &tag.chars().collect::<Vec<_>>());
    assert!(says("*", "") && says("v*", "v") && says("*a*a", "aa") && says("p*d", "prod") && says("v1", "v1"));
    assert!(!says("v1", "v10") && !says("V*", "v1") && !says("*a*a", "a") && !says("a.c", "abc"));
}
