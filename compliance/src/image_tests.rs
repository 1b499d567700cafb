//! The grammar, case by case, and its properties over generated text.

use proptest::prelude::*;

use super::{ImageReference, ParseImageError};

const SHA256: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Text, domain, repository, tag, digest.
type Case<'a> = (&'a str, &'a str, &'a str, Option<&'a str>, Option<&'a str>);

#[test]
fn reads_and_normalises_references() {
    let sha384 = format!("sha384:{}", "a".repeat(96));
    let sha512 = format!("sha512:{}", "0".repeat(128));
    let cases: &[Case<'_>] = &[
        ("nginx", "docker.io", "library/nginx", None, None),
        ("nginx:1.27", "docker.io", "library/nginx", Some("1.27"), None),
        ("team/app", "docker.io", "team/app", None, None),
        ("docker.io/nginx", "docker.io", "library/nginx", None, None),
        ("index.docker.io/nginx:1", "docker.io", "library/nginx", Some("1"), None),
        ("index.docker.io/team/app", "docker.io", "team/app", None, None),
        ("localhost/app", "localhost", "app", None, None),
        ("localhost:5000/app:t", "localhost:5000", "app", Some("t"), None),
        ("localhost:5000", "docker.io", "library/localhost", Some("5000"), None),
        ("host.example", "docker.io", "library/host.example", None, None),
        ("host.example/app", "host.example", "app", None, None),
        ("host.example:443/a/b/c:t", "host.example:443", "a/b/c", Some("t"), None),
        ("HOST/app", "HOST", "app", None, None),
        ("[2001:db8::1]/app", "[2001:db8::1]", "app", None, None),
        ("[::1]:5000/app:t", "[::1]:5000", "app", Some("t"), None),
        ("a__b/c--d.e_f", "docker.io", "a__b/c--d.e_f", None, None),
        ("a-----b", "docker.io", "library/a-----b", None, None),
        ("app:_.-T", "docker.io", "library/app", Some("_.-T"), None),
        (&format!("r.example/app@{SHA256}"), "r.example", "app", None, Some(SHA256)),
        (&format!("r.example/app:t@{SHA256}"), "r.example", "app", Some("t"), Some(SHA256)),
        (&format!("app@{sha384}"), "docker.io", "library/app", None, Some(&sha384)),
        (&format!("app@{sha512}"), "docker.io", "library/app", None, Some(&sha512)),
    ];
    for (text, domain, repository, tag, digest) in cases {
        let reference = ImageReference::parse(text).unwrap();
        assert_eq!(reference.domain(), *domain, "domain of {text}");
        assert_eq!(reference.repository(), *repository, "repository of {text}");
        assert_eq!(reference.tag(), *tag, "tag of {text}");
        assert_eq!(reference.digest(), *digest, "digest of {text}");
    }
}

#[test]
fn refuses_what_the_grammar_does_not_have_and_names_the_part() {
    let upper = SHA256.to_uppercase().replace("SHA256", "sha256");
    let cases: &[(&str, &str)] = &[
        ("", "is empty"),
        (&"a1".repeat(32), "bare image id"),
        (" nginx", "repository path"),
        ("nginx ", "repository path"),
        ("nginx\n", "repository path"),
        ("nginx:1\n", "not a tag"),
        ("Nginx", "must be lower-case"),
        ("host.example/App", "must be lower-case"),
        ("host.example./app", "not a host"),
        ("host.example//app", "repository path"),
        ("host.example/../app", "repository path"),
        ("host.example/app/", "repository path"),
        ("host.example/", "repository path"),
        ("/app", "repository path"),
        ("host.example/a?x", "repository path"),
        ("host.example/a%2fb", "repository path"),
        ("https://host.example/app", "not a host"),
        ("user@host.example/app", "not a digest"),
        ("-host.example/app", "not a host"),
        ("host-.example/app", "not a host"),
        ("ho_st.example/app", "not a host"),
        ("hóst.example/app", "not a host"),
        ("Ünicode/app", "not a host"),
        ("host:/app", "not a host"),
        ("host:x/app", "not a host"),
        ("host:1:2/app", "not a host"),
        ("[::1/app", "not a host"),
        ("[]:5/app", "not a host"),
        ("[::g]/app", "not a host"),
        ("[::1]5000/app", "not a host"),
        ("[abc]/app", "repository path"),
        ("a___b", "repository path"),
        ("a..b", "repository path"),
        ("a.-b", "repository path"),
        ("_a", "repository path"),
        ("a-", "repository path"),
        ("app:", "not a tag"),
        ("app:.t", "not a tag"),
        ("app:-t", "not a tag"),
        ("app:a:b", "not a tag"),
        ("app:t é", "not a tag"),
        ("app@", "not a digest"),
        ("app@sha256:", "not a digest"),
        ("app@sha256:abc", "not a digest"),
        (&format!("app@{upper}"), "not a digest"),
        (&format!("app@{SHA256}0"), "not a digest"),
        (&format!("app@{SHA256}@{SHA256}"), "not a digest"),
        (&format!("app@SHA256:{}", "a".repeat(64)), "not a digest"),
        (&format!("app@md5:{}", "a".repeat(32)), "not a digest"),
        (&format!("app@sha512:{}", "a".repeat(64)), "not a digest"),
        (&format!("app@sha256+b64:{}", "a".repeat(64)), "not a digest"),
    ];
    for (text, expected) in cases {
        let error = ImageReference::parse(text).map_or_else(|error| error.to_string(), |_| "no error".to_owned());
        assert!(error.contains(expected), "{text:?} gives {error:?}, expected {expected:?}");
    }
}

#[test]
fn takes_a_path_of_255_characters_and_a_tag_of_128_and_no_more() {
    let path = |length: usize| format!("host.example/{}", "a".repeat(length));
    assert!(ImageReference::parse(&path(255)).is_ok());
    assert!(ImageReference::parse(&path(256)).is_err());
    // The "library/" that is added counts.
    assert!(ImageReference::parse(&"z".repeat(247)).is_ok());
    assert!(ImageReference::parse(&"z".repeat(248)).is_err());
    assert!(ImageReference::parse(&format!("app:{}", "t".repeat(128))).is_ok());
    assert!(ImageReference::parse(&format!("app:{}", "t".repeat(129))).is_err());
}

#[test]
fn takes_latest_only_where_neither_tag_nor_digest_is_given() {
    let tag = |text: &str| ImageReference::parse(text).ok().and_then(|r| r.effective_tag().map(str::to_owned));
    assert_eq!(tag("app").as_deref(), Some("latest"));
    assert_eq!(tag("app:1").as_deref(), Some("1"));
    assert_eq!(tag(&format!("app:1@{SHA256}")).as_deref(), Some("1"));
    assert_eq!(tag(&format!("app@{SHA256}")), None);
}

#[test]
fn errors_are_one_short_line_however_long_or_odd_the_image() {
    let odd = format!("{}\n\u{1b}[2J\u{202e}", "A/".repeat(100_000));
    for text in [&odd, &format!("app:{odd}"), &format!("app@{odd}"), &format!("x.y/{odd}"), &"\u{1}".repeat(5000)] {
        let error = ImageReference::parse(text).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(!error.is_empty() && error.len() < 420, "{} {error}", error.len());
        assert!(!error.chars().any(char::is_control) && error.chars().all(|c| c.is_ascii() || c == '…'), "{error}");
    }
}

#[test]
fn a_bare_id_is_refused_only_when_nothing_else_is_there() {
    let id = "0".repeat(64);
    assert!(matches!(ImageReference::parse(&id), Err(ParseImageError::BareId(_))));
    assert!(ImageReference::parse(&format!("{id}:tag")).is_ok());
}

proptest! {
    #[test]
    fn nothing_panics_and_errors_stay_short(text in any::<String>()) {
        if let Err(error) = ImageReference::parse(&text) {
            prop_assert!(error.to_string().len() < 420);
        }
    }

    #[test]
    fn text_of_the_grammars_own_characters_never_panics_and_prints_back(text in "[a-fA-Z0-9.:/@_\\[\\]-]{0,60}") {
        if let Ok(reference) = ImageReference::parse(&text) {
            prop_assert_eq!(ImageReference::parse(&reference.to_string()), Ok(reference));
        }
    }

    #[test]
    fn what_was_read_prints_to_text_that_reads_the_same(
        text in "([a-z0-9]{1,5}(\\.[a-zA-Z0-9-]{1,5}){0,2}(:[0-9]{1,4})?/)?[a-z0-9]{1,6}((\\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}(/[a-z]{1,5}){0,2}(:[\\w][a-zA-Z0-9_.-]{0,10})?(@sha256:[0-9a-f]{64})?"
    ) {
        if let Ok(reference) = ImageReference::parse(&text) {
            let printed = reference.to_string();
            prop_assert_eq!(ImageReference::parse(&printed), Ok(reference));
            prop_assert!(printed.ends_with(&text) || text.starts_with("index.docker.io/") || text.starts_with("docker.io/"));
        }
    }
}
