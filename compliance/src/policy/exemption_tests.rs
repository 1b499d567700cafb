//! Which images a pattern means, and for whom and how long an exemption holds.

#![allow(clippy::unwrap_used, reason = "helpers of tests stand outside #[test] functions")]

use super::*;
use crate::facts::{RepositoryFacts, RepositoryKey};
use crate::registry::Registry;

const ECR: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const OTHER: &str = "sha256:1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// An image of the one accepted registry, or of another one.
fn origin(image: &str) -> Origin<'static> {
    let accepted = Registry::new("111122223333", "eu-west-1").unwrap();
    let reference = match ImageReference::parse(image) {
        Ok(reference) => reference,
        Err(error) => return Origin::Unparseable(error),
    };
    match classify(reference.domain()) {
        RegistryHost::PrivateEcr(registry) if registry == accepted => {
            let key = RepositoryKey { registry, name: reference.repository().to_owned() };
            Origin::Accepted { reference, key, facts: &RepositoryFacts::NotFound }
        }
        host => Origin::NotAccepted { reference, host },
    }
}

#[test]
fn a_pattern_means_what_is_written_and_nothing_beside_it() {
    let fips = "111122223333.dkr.ecr-fips.eu-west-1.amazonaws.com";
    let elsewhere = "111122223333.dkr.ecr.us-east-1.amazonaws.com";
    let cases = [
        ("team/app", format!("{ECR}/team/app:1"), true),
        ("team/app", format!("{ECR}/team/app@{DIGEST}"), true),
        ("team/app", format!("{ECR}/team/app2:1"), false),
        ("team/app", format!("{ECR}/team/app/x:1"), false),
        ("team/app", format!("{ECR}/x/team/app:1"), false),
        ("team/app", "team/app:1".to_owned(), false),
        ("team/app", format!("{elsewhere}/team/app:1"), false),
        ("app", format!("{ECR}/app"), true),
        ("team/*", format!("{ECR}/team/app:1"), true),
        ("team/*", format!("{ECR}/team/a/b:1"), true),
        ("team/*", format!("{ECR}/team:1"), false),
        ("team/*", format!("{ECR}/teams/app:1"), false),
        ("team/*", "evil.example/team/app:1".to_owned(), false),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app", format!("{ECR}/team/app:1"), true),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app", format!("{fips}/team/app:1"), true),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app", format!("{elsewhere}/team/app:1"), false),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/*", format!("{ECR}/team/app:1"), true),
        ("docker.io/nginx", "nginx:1".to_owned(), true),
        ("docker.io/library/nginx", "nginx".to_owned(), true),
        ("index.docker.io/library/nginx", "docker.io/library/nginx".to_owned(), true),
        ("docker.io/library/*", "nginx".to_owned(), true),
        ("docker.io/library/*", "grafana/grafana".to_owned(), false),
        ("ghcr.io/a/b", "GHCR.io/a/b:1".to_owned(), true),
        ("ghcr.io/a/b", "ghcr.io.evil.example/a/b:1".to_owned(), false),
        ("localhost/a", "localhost/a:1".to_owned(), true),
        (DIGEST, format!("{ECR}/team/app@{DIGEST}"), true),
        (DIGEST, format!("ghcr.io/x:1@{DIGEST}"), true),
        (DIGEST, format!("{ECR}/team/app@{OTHER}"), false),
        (DIGEST, format!("{ECR}/team/app:1"), false),
        ("docker.io/*", "UPPER/x y".to_owned(), false),
    ];
    for (pattern, image, expected) in cases {
        let parsed = Pattern::parse(pattern).unwrap();
        assert_eq!(parsed.matches(&origin(&image)), expected, "{pattern} on {image}");
    }
}

#[test]
fn what_could_mean_more_than_it_says_is_no_pattern() {
    for text in [
        "",
        "*",
        "/*",
        "**",
        "team*",
        "te*m/app",
        "*/app",
        "team/**",
        "team/",
        "/team",
        "team//app",
        "Team/app",
        "team/app:1",
        "team/app@",
        "sha256:12",
        "ghcr.io",
        "ghcr.io/",
        "ghcr.io/*/x",
        "ghcr.io//*",
        "ghcr.io/x:1",
        "a b",
        "https://ghcr.io/x",
        "team/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ] {
        let parsed = Pattern::parse(text);
        // A host by itself is the name of a repository of nobody: harmless, for no repository is called so.
        assert!(parsed.is_none() || text == "ghcr.io", "{text:?}: {parsed:?}");
    }
}

#[test]
fn a_pattern_is_printed_as_it_means() {
    for (text, expected) in [
        ("docker.io/nginx", "docker.io/library/nginx"),
        ("team/*", "team/*"),
        ("GHCR.io/*", "ghcr.io/*"),
        (DIGEST, DIGEST),
    ] {
        assert_eq!(Pattern::parse(text).unwrap().to_string(), expected);
    }
}

#[test]
fn an_exemption_holds_for_its_rules_its_namespace_and_through_its_last_day() {
    let day = |text| Day::parse(text).unwrap();
    let exemption = Exemption {
        id: "EX-1".to_owned(),
        image: Pattern::parse("team/app").unwrap(),
        namespace: Some("shop".to_owned()),
        rules: vec!["scan-on-push"],
        reason: String::new(),
        owner: String::new(),
        ticket: String::new(),
        expires: day("2026-11-24"),
    };
    let origin = origin(&format!("{ECR}/team/app:1"));
    let cases = [
        ("on its last day", "scan-on-push", "shop", "2026-11-24", true),
        ("long before", "scan-on-push", "shop", "2026-01-01", true),
        ("on the day after", "scan-on-push", "shop", "2026-11-25", false),
        ("for another rule", "tag-immutability", "shop", "2026-11-24", false),
        ("in another namespace", "scan-on-push", "shop2", "2026-11-24", false),
    ];
    for (name, rule, namespace, today, expected) in cases {
        assert_eq!(exemption.covers(rule, &origin, namespace, day(today)), expected, "{name}");
    }
    let everywhere = Exemption { namespace: None, ..exemption };
    assert!(everywhere.covers("scan-on-push", &origin, "any", day("2026-11-24")));
}
