//! The section `[policy]`: read, refused, and what it does to other settings.

use super::*;
use crate::cli::GlobalArgs;
use crate::synth;

fn read(text: &str) -> Result<Settings, String> {
    Settings::from_text(text, "deployer.toml", &GlobalArgs::default()).map_err(|failure| failure.message)
}

const EVERYTHING: &str = r#"
    region = "eu-west-1"
    [policy]
    ignored_namespaces = ["lab"]
    log_level = "warn"
    max_exemption_days = 366
    [[policy.registries]]
    [[policy.registries]]
    account = "444455556666"
    region = "eu-central-1"
    pull_through_cache = ["docker-hub"]
    [[policy.trusted_registries]]
    account = "602401143452"
    [policy.rules.tag-immutability]
    mode = "warn"
    digest_satisfies = true
    [policy.rules.scan-findings]
    mode = "audit"
    most = { high = 3 }
    [policy.namespaces.staging]
    registry = "off"
    [[policy.exemptions]]
    id = "EX-1"
    image = "docker.io/library/nginx"
    rules = ["registry"]
    reason = "r"
    owner = "o"
    ticket = "t"
    expires = 2020-12-31
"#;

#[test]
fn every_kind_of_value_is_read_and_the_function_reads_the_same_back() {
    let settings = read(EVERYTHING).unwrap();
    let policy = settings.policy.unwrap();
    assert_eq!(PolicyFile::from_json(policy.json().as_bytes()).unwrap(), policy.file);
    assert_eq!(policy.file.exemptions[0].expires, "2020-12-31", "a date without quotes");
    assert_eq!(policy.file.rules.0["scan-findings"].most.0["high"], 3);
    assert_eq!(policy.file.registries.len(), 2);
}

#[test]
fn the_example_of_the_documentation_is_a_policy() {
    let page = include_str!("../../../docs/policy.md");
    let example = page.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(read(example).unwrap().policy.is_some());
}

#[test]
fn the_same_policy_in_another_order_gives_the_same_bytes() {
    let one = "[policy.namespaces.a]\nregistry = 'warn'\n[policy.rules.registry]\nmode = 'audit'";
    let other = "[policy.rules.registry]\nmode = 'audit'\n[policy.namespaces.a]\nregistry = 'warn'";
    let own = |text| read(text).unwrap().policy.unwrap();
    assert_eq!(own(one).json(), own(other).json());
    assert_eq!(own(one).version(), own(other).version());
    assert_eq!(own(one).version().len(), 12);
    assert_ne!(own(one).version(), own("[policy]").version());
}

#[test]
fn every_error_is_told_at_once_with_line_key_and_way_out() {
    let text = r#"
[policy]
ignored_namespace = ["a"]
log_level = 3
[policy.rules.registry]
mod = "warn"
onerror = "allow"
[[policy.exemptions]]
id = "EX-1"
[policy.namespaces]
staging = "warn"
"#;
    let errors = read(text).unwrap_err();
    for expected in [
        "line 3: policy.ignored_namespace: unknown field `ignored_namespace`, expected one of",
        "line 4: policy.log_level: invalid type",
        "line 6: policy.rules.registry.mod: unknown field `mod`, expected one of `mode`",
        "line 7: policy.rules.registry.onerror: unknown field",
        "line 8: policy.exemptions[0]: missing field",
        "line 11: policy.namespaces.staging: invalid type",
    ] {
        assert!(errors.contains(expected), "{expected}: {errors}");
    }
}

#[test]
fn what_a_policy_cannot_mean_is_told_at_once_and_beside_other_settings() {
    let text = r#"
memory_mib = 1
[policy]
max_exemption_days = 90
[policy.rules.tag-imutability]
mode = "warn"
[policy.rules.registry]
mode = "loud"
[[policy.registries]]
account = "1"
[[policy.registries]]
account = "444455556666"
role_arn = "arn:aws:iam::111122223333:role/reader"
[[policy.exemptions]]
id = "EX-1"
image = "app"
rules = ["tag-immutability"]
reason = "r"
owner = "o"
ticket = "t"
expires = 2999-01-01
"#;
    let errors = read(text).unwrap_err();
    for expected in [
        "line 2: memory_mib = 1",
        "deployer.toml: policy.rules",
        "\"tag-imutability\"",
        "\"loud\" is not a mode; give enforce, warn, audit or off",
        "policy.registries[0].account: \"1\" is not an account id",
        "policy.registries[1].role_arn: \"arn:aws:iam::111122223333:role/reader\" is not a role of account 444455556666",
        "policy.exemptions[0].expires",
    ] {
        assert!(errors.contains(expected), "{expected}: {errors}");
    }
}

#[test]
fn a_policy_that_is_no_section_is_refused() {
    assert!(read("policy = 'strict'").unwrap_err().contains("line 1: policy: write it as a section, [policy]"));
}

#[test]
fn what_is_said_in_both_places_is_refused() {
    for (outside, inside) in [
        ("ignored_namespaces = ['a']", "[policy]\nignored_namespaces = ['b']"),
        ("log_level = 'warn'", "[policy]\nlog_level = 'info'"),
        ("[registry]\nids = ['111122223333']", "[[policy.registries]]\naccount = '111122223333'"),
    ] {
        let error = read(&format!("{outside}\n{inside}")).unwrap_err();
        assert!(error.starts_with("deployer.toml line 1:") && error.contains("keep one of the two"), "{error}");
        assert!(read(outside).is_ok() && read(inside).is_ok(), "{outside}");
    }
}

#[test]
fn parameters_say_nothing_of_what_the_policy_says_and_the_manifest_follows_it() {
    let settings = read(EVERYTHING).unwrap();
    let parameters = synth::parameters(&settings, "a=0");
    for name in ["RegistryId", "RegistryRegion", "IgnoredNamespaces", "LogLevel"] {
        assert_eq!(parameters[name], "", "{name}");
    }
    assert_eq!(settings.ignored_namespaces, ["lab"]);
    assert_eq!(settings.log_level, LogLevel::Warn);

    let silent = read("[policy.rules.registry]\nmode = 'warn'").unwrap();
    assert_eq!(synth::parameters(&silent, "a=0"), synth::parameters(&Settings::default(), "a=0"));
}

#[test]
fn a_policy_is_checked_again_where_it_will_be_in_force() {
    let policy = read(EVERYTHING).unwrap().policy.unwrap();
    assert_eq!(policy.check("111122223333", "eu-west-1"), Ok(()));
    let elsewhere = policy.check("111122223333", "cn-north-1").unwrap_err().to_string();
    assert!(elsewhere.contains("is in another partition than cn-north-1"), "{elsewhere}");
}

#[test]
fn where_the_region_is_the_environments_the_stacks_own_registry_is_none_of_those_with_a_region() {
    for region in ["us-east-1", "eu-west-1", "cn-north-1"] {
        let text = format!(
            "[[policy.registries]]\n[[policy.registries]]\nregion = '{region}'\n[policy.rules.registry]\nmode = 'warn'"
        );
        let settings = read(&text).unwrap();
        assert!(!settings.refuses("default", "nginx"), "{region}");
        let errors = settings.policy.unwrap().check("111122223333", region).unwrap_err().to_string();
        assert!(errors.contains("is listed twice"), "{errors}");
    }
    let twice = read("[[policy.registries]]\n[[policy.registries]]").unwrap_err();
    assert!(twice.contains("is listed twice"), "{twice}");
}

#[test]
fn whether_a_pod_from_elsewhere_is_refused_is_what_the_policy_says() {
    let text = r#"
[policy]
ignored_namespaces = ["lab"]
[policy.namespaces.staging]
registry = "warn"
[[policy.exemptions]]
id = "EX-1"
image = "docker.io/library/nginx"
namespace = "web"
rules = ["registry"]
reason = "r"
owner = "o"
ticket = "t"
expires = 2999-01-01
"#;
    let mut settings = read(&text.replace("2999", "2020")).unwrap();
    settings.policy.as_mut().unwrap().file.exemptions[0].expires = "2999-01-01".to_owned();
    for (namespace, refused) in [("default", true), ("lab", false), ("staging", false), ("web", false)] {
        assert_eq!(settings.refuses(namespace, "docker.io/library/nginx:1"), refused, "{namespace}");
    }
    assert!(settings.refuses("web", "docker.io/library/httpd:1"));
    assert!(Settings::default().refuses("default", "nginx") && !Settings::default().refuses("kube-system", "nginx"));
}

#[test]
fn the_roles_lists_name_each_account_and_region_once_and_the_stacks_own_as_nothing() {
    let policy = read(EVERYTHING).unwrap().policy.unwrap();
    assert_eq!(OwnPolicy::accepted(Some(&policy), true), ["", "444455556666"]);
    assert_eq!(OwnPolicy::accepted(Some(&policy), false), ["", "eu-central-1"]);
    assert_eq!(OwnPolicy::accepted(None, true), [""]);
}
