//! Strings that two crates must agree on, since neither imports the other: environment variables, metric names, the
//! route, rights. And the README's table of rules, which is made from the rules.

use std::collections::BTreeSet;

use deployer::cli::GlobalArgs;
use deployer::settings::{Architecture, Settings};
use deployer::synth::{self, ArtifactLocation, METRIC_NAMESPACE};
use local_world::{counts, root};
use serde_json::{Value, json};

/// The rendered stack template, as a tree.
fn stack() -> Value {
    stack_of(&Settings::default())
}

fn stack_of(settings: &Settings) -> Value {
    let location = ArtifactLocation { bucket: "bucket".to_owned(), key: "key.zip".to_owned() };
    let text = synth::stack_template(settings, &location, Architecture::X86_64).expect("the template renders");
    serde_saphyr::from_str(&text).expect("the template is YAML")
}

fn set(items: impl IntoIterator<Item = impl Into<String>>) -> BTreeSet<String> {
    items.into_iter().map(Into::into).collect()
}

#[test]
fn the_template_sets_exactly_the_variables_that_the_function_and_its_allocator_read() {
    let stack = stack();
    let variables = &stack["Resources"]["Function"]["Properties"]["Environment"]["Variables"];
    let set_by_template = set(variables.as_object().expect("a map of variables").keys().cloned());
    let mut read = set(lambda::settings::VARIABLES.iter().copied());
    assert!(read.remove(lambda::settings::AWS_REGION), "Lambda itself sets the region");
    let (tunables, values) = lambda::settings::ALLOCATOR;
    assert!(read.insert(tunables.to_owned()));
    assert_eq!(set_by_template, read);
    assert_eq!(variables[tunables], values);
}

#[test]
fn metrics_have_the_same_namespace_everywhere_and_the_names_that_the_story_reads() {
    assert_eq!(lambda::metrics::NAMESPACE, METRIC_NAMESPACE);
    assert_eq!(lambda::metrics::NAMESPACE, counts::NAMESPACE);
    for name in counts::METRICS {
        let metric = lambda::metrics::METRICS.iter().find(|metric| metric.name == *name);
        assert_eq!(metric.map(|m| m.dimensions), Some(&[counts::DIMENSION][..]), "{name}");
    }
}

#[test]
fn a_pod_of_nobody_is_called_the_same_by_the_function_and_by_who_reads_its_log() {
    assert_eq!(lambda::decision::NO_OWNER, deployer::logs::line::NO_OWNER);
}

#[test]
fn the_routes_are_the_paths_that_the_function_answers_to() {
    let stack = stack();
    let routes = stack["Resources"].as_object().expect("a map of resources").values();
    let keys = set(routes.filter_map(|r| r["Properties"]["RouteKey"].as_str()));
    let prefix = lambda::caller::PATH_PREFIX;
    assert_eq!(keys, set([format!("POST {prefix}{{cluster}}/{{secret}}"), format!("POST {prefix}{{cluster}}")]));
    let permissions = stack["Resources"].as_object().expect("a map of resources").values();
    let sources = set(permissions.filter_map(|r| r["Properties"]["SourceArn"]["Fn::Sub"].as_str()));
    let api = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/POST";
    assert_eq!(sources, set([format!("{api}{prefix}*")]), "a star stands for slashes too");
}

#[test]
fn the_role_grants_exactly_the_registry_calls_that_the_code_makes() {
    let mut granted = BTreeSet::new();
    let stack = stack();
    strings(&stack["Resources"], &mut |text| {
        if let Some(action) = text.strip_prefix("ecr:") {
            granted.insert(action.to_owned());
        }
    });
    assert_eq!(granted, called(), "left: granted by the template, right: called in compliance/src/ecr");
}

#[test]
fn the_role_may_assume_exactly_the_roles_that_the_policy_names_and_only_as_the_code_does() {
    let arns = ["arn:aws:iam::444455556666:role/a", "arn:aws:iam::777788889999:role/b"];
    let text = format!(
        "[[policy.registries]]\naccount = \"444455556666\"\nrole_arn = \"{}\"\n\
         [[policy.registries]]\naccount = \"777788889999\"\nrole_arn = \"{}\"\n[[policy.registries]]\n",
        arns[0], arns[1]
    );
    let settings = Settings::from_text(&text, "deployer.toml", &GlobalArgs::default()).expect("the settings are good");
    let statements = |settings: &Settings| -> Vec<Value> {
        let document = stack_of(settings)["Resources"]["FunctionRolePolicy"]["Properties"]["PolicyDocument"].clone();
        let all = document["Statement"].as_array().expect("a list of statements").clone();
        all.into_iter().filter(|statement| statement.to_string().contains("sts:")).collect()
    };
    assert_eq!(statements(&Settings::default()), Vec::<Value>::new(), "without roles in the policy");
    let granted = statements(&settings);
    assert_eq!(granted.len(), 1, "{granted:?}");
    let source = root::checkout().expect("a checkout").join("compliance/src/ecr/role.rs");
    let source = std::fs::read_to_string(source).expect("the code that assumes roles");
    assert!(source.contains("sts.assume_role()") && source.matches("sts.").count() == 1, "the only call to STS");
    assert_eq!((&granted[0]["Effect"], &granted[0]["Action"]), (&json!("Allow"), &json!("sts:AssumeRole")));
    assert_eq!(granted[0]["Resource"], json!(arns));
}

/// Operations of ECR that the source calls: methods without arguments whose name begins as an operation does.
fn called() -> BTreeSet<String> {
    let folder = root::checkout().expect("a checkout").join("compliance/src/ecr");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("the folder of the edge to ECR").flatten() {
        let path = entry.path();
        if path.is_dir() || path.ends_with("tests.rs") {
            continue;
        }
        let text = std::fs::read_to_string(path).expect("a source file");
        for piece in text.split('.').skip(1) {
            let Some((method, _)) = piece.split_once("()") else { continue };
            let verbs = ["batch_", "describe_", "get_", "list_", "put_"];
            if verbs.iter().any(|verb| method.starts_with(verb))
                && method.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            {
                found.insert(camel(method));
            }
        }
    }
    found
}

fn camel(snake: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    snake.split('_').map(word).collect()
}

/// Calls `visit` with every text in a tree, keys aside.
fn strings(tree: &Value, visit: &mut dyn FnMut(&str)) {
    match tree {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, visit)),
        Value::Object(map) => map.values().for_each(|item| strings(item, visit)),
        _ => {}
    }
}

#[test]
fn the_readme_has_the_table_of_rules_that_the_rules_make() {
    let path = root::checkout().expect("a checkout").join("README.md");
    let readme = std::fs::read_to_string(path).expect("the README");
    let (begin, end) = ("<!-- rules:begin -->", "<!-- rules:end -->");
    let table = readme.split_once(begin).and_then(|(_, rest)| rest.split_once(end)).map(|(table, _)| table.trim());
    assert_eq!(
        table,
        Some(compliance::rules::rules_markdown().trim()),
        "paste the right side between {begin} and {end}"
    );
}
