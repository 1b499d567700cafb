//! The file in both of its spellings, and everything that can be wrong with it.

#![allow(clippy::unwrap_used, reason = "helpers of tests stand outside #[test] functions")]

use std::time::Duration;

use super::*;
use crate::facts::{Platform, Platforms, Severity};
use crate::policy::{OnError, RulePolicy};
use crate::rules::ScanFindingsOptions;

const HOME: Home<'static> = Home { account: "111122223333", region: "eu-west-1" };

const WHOLE: &str = r#"
    ignored_namespaces = ["kube-system"]
    log_level = "debug"
    max_exemption_days = 30

    [[registries]]
    pull_through_cache = ["docker-hub"]

    [[registries]]
    account = "444455556666"
    region = "us-east-1"
    role_arn = "arn:aws:iam::444455556666:role/team/ecr-reader"
    external_id = "webhook:7"

    [[trusted_registries]]
    account = "602401143452"
    region = "eu-west-1"

    [rules.tag-immutability]
    mode = "warn"
    digest_satisfies = true
    pull_through_cache = "off"

    [rules.scan-on-push]
    on_error = "allow"

    [rules.digest-pinned]
    mode = "audit"

    [rules.scan-findings]
    mode = "enforce"
    worst_allowed = "low"
    most = { medium = 3 }
    unrated_as = "critical"
    oldest_scan_days = 30
    fix_available_only = true
    platforms = ["linux/amd64", "linux/arm/v7"]

    [namespaces.sandbox]
    registry = "warn"
    scan-on-push = "off"

    [[exemptions]]
    id = "EX-42"
    image = "docker.io/library/nginx"
    namespace = "shop"
    rules = ["registry"]
    reason = "vendor image"
    owner = "team shop"
    ticket = "OPS-7"
    expires = "2026-12-01"
"#;

fn today() -> Option<Day> {
    Day::parse("2026-11-24")
}

fn read(toml: &str) -> PolicyFile {
    toml::from_str(toml).unwrap()
}

fn errors(toml: &str) -> Vec<String> {
    read(toml).validate(&HOME, today()).map_or_else(|errors| errors.0, |_| Vec::new())
}

#[test]
fn a_whole_file_becomes_a_policy() {
    let policy = read(WHOLE).validate(&HOME, today()).unwrap();
    let accepted: Vec<String> = policy.accepted.iter().map(Registry::to_string).collect();
    assert_eq!(accepted, ["111122223333 in eu-west-1", "444455556666 in us-east-1"]);
    let assumed = &policy.roles[&policy.accepted[1]];
    assert_eq!(assumed.arn, "arn:aws:iam::444455556666:role/team/ecr-reader");
    assert_eq!(assumed.external_id.as_deref(), Some("webhook:7"));
    assert_eq!(policy.pull_through_cache[&policy.accepted[0]], ["docker-hub"]);
    assert_eq!((&*policy.trusted[0].account, policy.trusted[0].region.as_deref()), ("602401143452", Some("eu-west-1")));
    assert_eq!(policy.ignored_namespaces, ["kube-system"]);
    let rule = |mode, pull_through_cache, on_error| RulePolicy { mode, pull_through_cache, on_error };
    assert_eq!(policy.rules["tag-immutability"], rule(Mode::Warn, Some(Mode::Off), OnError::Deny));
    assert_eq!(policy.rules["scan-on-push"], rule(Mode::Enforce, None, OnError::Allow));
    assert_eq!(policy.rules["digest-pinned"], rule(Mode::Audit, None, OnError::Deny));
    assert_eq!(policy.rules.get("registry"), None);
    assert!(policy.options.digest_satisfies);
    let scan_findings = ScanFindingsOptions {
        worst_allowed: Severity::Low,
        most: BTreeMap::from([(Severity::Medium, 3)]),
        unrated_as: Severity::Critical,
        oldest_scan: Some(Duration::from_hours(30 * 24)),
        fix_available_only: true,
        platforms: Platforms::Named(
            ["linux/amd64", "linux/arm/v7"].iter().filter_map(|text| Platform::parse(text)).collect(),
        ),
    };
    assert_eq!(policy.options.scan_findings, scan_findings);
    assert_eq!(policy.namespaces["sandbox"], BTreeMap::from([("registry", Mode::Warn), ("scan-on-push", Mode::Off)]));
    let exemption = &policy.exemptions[0];
    assert_eq!(
        (&*exemption.id, &*exemption.rules, exemption.expires.to_string()),
        ("EX-42", &["registry"][..], "2026-12-01".to_owned())
    );
}

#[test]
fn the_file_is_the_same_in_toml_and_in_json() {
    let file = read(WHOLE);
    let json = serde_json::to_vec_pretty(&file).unwrap();
    assert_eq!(PolicyFile::from_json(&json).unwrap(), file);
    assert_eq!(PolicyFile::from_json(b"{}").unwrap(), PolicyFile::default());
    assert_eq!(serde_json::to_string(&PolicyFile::default()).unwrap(), "{}");
}

#[test]
fn an_empty_file_is_the_default() {
    let policy = PolicyFile::default().validate(&HOME, today()).unwrap();
    let expected = Policy { accepted: vec![Registry::new("111122223333", "eu-west-1").unwrap()], ..Policy::default() };
    assert_eq!(policy, expected);
}

#[test]
fn keys_that_are_not_known_are_named() {
    for (json, expected) in [
        (r#"{"rule": {}}"#, "unknown field `rule`"),
        (r#"{"rules": {"registry": {"modus": "off"}}}"#, "unknown field `modus`"),
        (r#"{"registries": [{"acount": "1"}]}"#, "unknown field `acount`"),
        (r#"{"exemptions": [{"id": "EX-1"}]}"#, "missing field `image`"),
        (r#"{"exemptions": [{"id": "EX-1", "until": "x"}]}"#, "unknown field `until`"),
        (r#"{"rules": {"registry": {"mode": true}}}"#, "invalid type: boolean"),
        (r#"{"rules": {}, "rules": {}}"#, "duplicate field `rules`"),
        (r#"{"rules": {"registry": {}, "registry": {"mode": "off"}}}"#, "\"registry\" is given twice"),
        (r#"{"namespaces": {"a": {}, "a": {}}}"#, "\"a\" is given twice"),
        (r#"{"namespaces": {"a": {"registry": "off", "registry": "warn"}}}"#, "\"registry\" is given twice"),
        (r#"{"namespaces": {"a": "off"}}"#, "expected a table"),
        ("", "EOF"),
    ] {
        let error = PolicyFile::from_json(json.as_bytes()).unwrap_err();
        assert!(error.contains(expected), "{json}: {error}");
    }
}

#[test]
fn a_bad_value_is_named_with_its_key_and_the_way_out() {
    let cases = [
        ("[rules.x]", r#"policy.rules.x: "x" is not a rule; the rules are registry, tag-immutability, scan-on-push"#),
        (
            "[rules.registry]\nmode = 'Enforce'",
            r#"policy.rules.registry.mode: "Enforce" is not a mode; give enforce, warn, audit or off"#,
        ),
        (
            "[rules.registry]\non_error = 'ignore'",
            r#"policy.rules.registry.on_error: "ignore" is not known; give deny or allow"#,
        ),
        (
            "[rules.scan-on-push]\npull_through_cache = ''",
            r#"policy.rules.scan-on-push.pull_through_cache: "" is not a mode"#,
        ),
        (
            "[rules.scan-on-push]\ndigest_satisfies = true",
            r#"policy.rules.scan-on-push.digest_satisfies: "true" is an option of tag-immutability only"#,
        ),
        (
            "[rules.registry]\nworst_allowed = 'low'",
            r#"policy.rules.registry.worst_allowed: "low" is an option of scan-findings only"#,
        ),
        (
            "[rules.scan-findings]\nworst_allowed = 'HIGH'",
            r#"policy.rules.scan-findings.worst_allowed: "HIGH" is not a severity; give informational, low, medium"#,
        ),
        ("[rules.scan-findings]\nmost = { bad = 1 }", r#"policy.rules.scan-findings.most: "bad" is not a severity"#),
        ("[rules.scan-findings]\nunrated_as = ''", r#"policy.rules.scan-findings.unrated_as: "" is not a severity"#),
        (
            "[rules.scan-findings]\noldest_scan_days = 0",
            r#"policy.rules.scan-findings.oldest_scan_days: "0" is out of range; give 1 to 3650 days"#,
        ),
        ("[namespaces.'*']", r#"policy.namespaces.*: "*" is not the name of a namespace"#),
        ("[namespaces.a]\nx = 'off'", r#"policy.namespaces.a.x: "x" is not a rule"#),
        ("[namespaces.a]\nregistry = 'no'", r#"policy.namespaces.a.registry: "no" is not a mode"#),
        ("ignored_namespaces = ['kube-*']", r#"policy.ignored_namespaces[0]: "kube-*" is not the name of a namespace"#),
        ("log_level = 'trace'", r#"policy.log_level: "trace" is not a level"#),
        ("[[registries]]\naccount = '1'", r#"policy.registries[0].account: "1" is not an account id"#),
        ("[[registries]]\nregion = 'moon'", r#"policy.registries[0].region: "moon" is not the name of a region"#),
        (
            "[[registries]]\nregion = 'cn-north-1'",
            r#"policy.registries[0].region: "cn-north-1" is in another partition than eu-west-1 (aws)"#,
        ),
        ("[[registries]]\n[[registries]]", r#"policy.registries[1]: "111122223333 in eu-west-1" is listed twice"#),
        (
            "[[registries]]\nrole_arn = 'arn:aws:iam::1:role/x'",
            r#"policy.registries[0].role_arn: "arn:aws:iam::1:role/x" is not the ARN of a role"#,
        ),
        ("[[registries]]\nrole_arn = 'arn:aws-cn:iam::111122223333:role/x'", "policy.registries[0].role_arn"),
        (
            "[[registries]]\nrole_arn = 'arn:aws:iam::444455556666:role/x'",
            r#"policy.registries[0].role_arn: "arn:aws:iam::444455556666:role/x" is not a role of account 111122223333, whose registry this is"#,
        ),
        (
            "[[registries]]\nrole_arn = 'arn:aws:iam::111122223333:role/x'\nexternal_id = 'a b'",
            r#"policy.registries[0].external_id: "a b" is not an external id"#,
        ),
        (
            "[rules.scan-findings]\nplatforms = 'all'",
            r#"policy.rules.scan-findings.platforms: "all" is not a platform; give "every" or a list"#,
        ),
        ("[rules.scan-findings]\nplatforms = []", r#"policy.rules.scan-findings.platforms: "" is not a platform"#),
        (
            "[rules.scan-findings]\nplatforms = ['linux/amd64', 'amd64']",
            r#"policy.rules.scan-findings.platforms: "amd64" is not a platform"#,
        ),
        ("[rules.image-exists]\nplatforms = 'every'", "is an option of scan-findings only"),
        ("[rules.image-exists]\nfix_available_only = false", "is an option of scan-findings only"),
        (
            "[[registries]]\nexternal_id = 'team-7'",
            r#"policy.registries[0].external_id: "team-7" is for a role; give role_arn too"#,
        ),
        (
            "[[registries]]\npull_through_cache = ['hub/']",
            r#"policy.registries[0].pull_through_cache[0]: "hub/" is not a prefix"#,
        ),
        ("[[registries]]\npull_through_cache = ['hub/*']", "is not a prefix"),
        ("[[trusted_registries]]\naccount = 'x'", r#"policy.trusted_registries[0].account: "x" is not an account id"#),
        (
            "[[trusted_registries]]\naccount = '602401143452'\nregion = 'x'",
            r#"policy.trusted_registries[0].region: "x" is not"#,
        ),
        (
            "[[trusted_registries]]\naccount = '111122223333'",
            r#"policy.trusted_registries[0]: "111122223333 in eu-west-1" is in registries too"#,
        ),
        ("max_exemption_days = 0", r#"policy.max_exemption_days: "0" is out of range"#),
        ("max_exemption_days = 367", r#"policy.max_exemption_days: "367" is out of range"#),
    ];
    for (toml, expected) in cases {
        let errors = errors(toml);
        assert_eq!(errors.len(), 1, "{toml}: {errors:?}");
        assert!(errors[0].contains(expected), "{toml}: {errors:?}");
    }
}

fn exemption(changes: &[(&str, &str)]) -> String {
    let base = [
        ("id", "'EX-1'"),
        ("image", "'team/app'"),
        ("rules", "['scan-on-push']"),
        ("reason", "'r'"),
        ("owner", "'o'"),
        ("ticket", "'t'"),
        ("expires", "'2026-12-31'"),
    ];
    let value = |key: &str, default: &str| {
        let found = changes.iter().find(|(name, _)| *name == key);
        found.map_or(default, |(_, value)| value).to_owned()
    };
    let mut lines: Vec<String> = base.iter().map(|(key, default)| format!("{key} = {}", value(key, default))).collect();
    lines.extend(changes.iter().filter(|(key, _)| *key == "namespace").map(|(key, value)| format!("{key} = {value}")));
    format!("[[exemptions]]\n{}\n", lines.join("\n"))
}

#[test]
fn an_exemption_says_for_what_why_who_and_until_when() {
    assert_eq!(errors(&exemption(&[])), Vec::<String>::new());
    let cases = [
        ("id", "''", r#"policy.exemptions[0].id: "" is not an id"#),
        ("id", "'EX 1'", "is not an id"),
        ("image", "'team/app:1'", r#"policy.exemptions[0].image: "team/app:1" is not a pattern of images"#),
        ("image", "'*'", "is not a pattern"),
        ("rules", "[]", "policy.exemptions[0].rules: \"\" is empty; name the rules"),
        ("rules", "['scan']", r#"policy.exemptions[0].rules: "scan" is not a rule"#),
        (
            "rules",
            "['registry']",
            r#"policy.exemptions[0].image: "team/app" must name the host to lift the rule registry"#,
        ),
        ("reason", "' '", "policy.exemptions[0].reason: \" \" must say something"),
        ("owner", "''", "policy.exemptions[0].owner"),
        ("ticket", "''", "policy.exemptions[0].ticket"),
        ("namespace", "'a*'", "policy.exemptions[0].namespace"),
        (
            "expires",
            "'never'",
            r#"policy.exemptions[0].expires: "never" is not a date; give the last day of the exemption"#,
        ),
        (
            "expires",
            "'2027-02-23'",
            r#"policy.exemptions[0].expires: "2027-02-23" is too far ahead; end it by 2027-02-22, within 90 days"#,
        ),
    ];
    for (key, value, expected) in cases {
        let errors = errors(&exemption(&[(key, value)]));
        assert_eq!(errors.len(), 1, "{key} {value}: {errors:?}");
        assert!(errors[0].contains(expected), "{key} {value}: {errors:?}");
    }
    let twice = format!("{}{}", exemption(&[]), exemption(&[]));
    assert!(errors(&twice)[0].contains("policy.exemptions[1].id: \"EX-1\" is used twice"));
}

#[test]
fn the_end_of_an_exemption_is_limited_only_on_the_day_it_is_deployed() {
    let file = read(&exemption(&[("expires", "'2027-02-22'")]));
    assert!(file.validate(&HOME, today()).is_ok(), "the ninetieth day");
    let far = read(&exemption(&[("expires", "'2099-01-01'")]));
    assert!(far.validate(&HOME, today()).is_err());
    assert!(far.validate(&HOME, None).is_ok(), "the function does not check again");
    let over = read(&exemption(&[("expires", "'2020-01-01'")]));
    assert!(over.validate(&HOME, today()).is_ok(), "one that has ended harms nobody");
}

#[test]
fn a_list_where_a_table_belongs_is_malformed_and_never_read_as_its_values_in_order() {
    let cases = [
        ("the policy", "[]"),
        ("the policy, full", r#"[[], [], ["shop"]]"#),
        ("a rule", r#"{"rules": {"registry": ["off"]}}"#),
        ("a registry", r#"{"registries": [["444455556666"]]}"#),
        ("a trusted registry", r#"{"trusted_registries": [["602401143452"]]}"#),
        (
            "an exemption",
            r#"{"exemptions": [["EX-1", "docker.io/library/nginx", null, ["registry"], "r", "o", "t", "2026-12-31"]]}"#,
        ),
        ("a namespace", r#"{"namespaces": {"shop": ["off"]}}"#),
    ];
    for (name, json) in cases {
        let error = PolicyFile::from_json(json.as_bytes()).unwrap_err();
        assert!(error.contains("invalid type: sequence, expected a table at line 1"), "{name}: {error}");
    }
}

#[test]
fn all_errors_are_reported_at_once() {
    let toml = format!(
        "log_level = 'x'\nignored_namespaces = ['X']\n[rules.registry]\nmode = 'x'\n[namespaces.a]\nregistry = 'x'\n[[registries]]\naccount = 'x'\nregion = 'x'\n{}",
        exemption(&[("id", "''"), ("expires", "''")])
    );
    assert_eq!(errors(&toml).len(), 8, "{:?}", errors(&toml));
}

#[test]
fn a_value_is_shown_escaped_and_cut() {
    let long = format!("ignored_namespaces = [\"\\u001b[2J{}\"]", "x".repeat(5000));
    let errors = errors(&long);
    assert!(errors[0].len() < 300 && errors[0].contains("\\u{1b}[2Jxxx"), "{}", errors[0]);
}

#[test]
fn a_key_that_is_not_known_is_shown_escaped_and_cut() {
    let error = PolicyFile::from_json(format!(r#"{{"\u001b[2J\n{}": 1}}"#, "x".repeat(5000)).as_bytes()).unwrap_err();
    assert!(error.starts_with("unknown field `\\u{1b}[2J\\nxxx") && error.len() < 500, "{error}");
}
