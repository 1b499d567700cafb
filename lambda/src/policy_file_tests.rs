//! Where the policy comes from, and what overrides it.

use super::*;

const HOME: Home<'static> = Home { account: "111122223333", region: "eu-west-1" };

fn configured(file: Option<&str>, overrides: &Overrides) -> Configured {
    configure(&Ok(file.map(|text| text.as_bytes().to_owned())), overrides, &HOME)
}

fn namespaces(names: &[&str]) -> Overrides {
    Overrides { ignored_namespaces: names.iter().map(|name| (*name).to_owned()).collect(), ..Overrides::default() }
}

#[test]
fn the_file_is_looked_for_where_lambda_unpacked_the_function_and_may_be_absent() {
    let folder = std::env::temp_dir().join(format!("policy-file-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let lookup = |name: &str| (name == TASK_ROOT).then(|| folder.display().to_string());
    assert_eq!(read(lookup).unwrap(), None);
    std::fs::write(folder.join(FILE_NAME), "{}").unwrap();
    assert_eq!(read(lookup).unwrap().unwrap(), b"{}");
    std::fs::remove_file(folder.join(FILE_NAME)).unwrap();
    std::fs::create_dir(folder.join(FILE_NAME)).unwrap();
    let unreadable = configure(&read(lookup), &Overrides::default(), &HOME);
    std::fs::remove_dir_all(&folder).unwrap();
    let errors = unreadable.policy.unwrap_err().errors;
    assert!(errors[0].starts_with("policy.json: it cannot be read (") && !errors[0].contains('/'), "{errors:?}");
}

#[test]
fn the_version_names_the_file_and_what_overrides_it() {
    let plain = configured(Some("{}"), &Overrides::default()).version;
    assert_eq!(plain, "44136fa355b3", "sha256sum of the two bytes");
    assert_eq!(configured(None, &Overrides::default()).version, NO_FILE);
    let overridden = configured(Some("{}"), &namespaces(&["a"])).version;
    assert!(overridden.starts_with("44136fa355b3+") && overridden.len() == 12 + 1 + 8, "{overridden}");
    assert_ne!(overridden, configured(Some("{}"), &namespaces(&["b"])).version);
    assert_ne!(plain, configured(Some("{} "), &Overrides::default()).version);
}

#[test]
fn what_the_file_says_of_a_registry_stays_with_it_when_others_are_accepted() {
    let file = r#"{"registries": [{"pull_through_cache": ["hub"], "role_arn": "arn:aws:iam::111122223333:role/r"}]}"#;
    let accounts = ["111122223333", "444455556666"].map(str::to_owned).into();
    let policy = configured(Some(file), &Overrides { accounts, ..Overrides::default() }).policy.unwrap();
    assert_eq!(policy.accepted.len(), 2);
    assert_eq!((policy.pull_through_cache.len(), policy.roles.len()), (1, 1));
    assert!(policy.accepted.contains(policy.roles.keys().next().unwrap()));
}

#[test]
fn a_malformed_policy_names_its_first_error_and_counts_the_others() {
    let words = |file| configured(Some(file), &Overrides::default()).policy.unwrap_err().words();
    assert!(words("{").starts_with("policy.json: EOF while parsing"), "{}", words("{"));
    assert!(words(r#"{"rule": 1}"#).contains("unknown field `rule`"));
    let two = words(r#"{"log_level": "x", "ignored_namespaces": ["X"]}"#);
    assert!(two.starts_with("policy.ignored_namespaces[0]: \"X\"") && two.ends_with("; and 1 more"), "{two}");
    let long = words(&format!(r#"{{"{}": 1}}"#, "x".repeat(5000)));
    assert!(long.len() < 500, "{}", long.len());
}
