//! The rendered templates under AWS's own resource schemas, as cfn-lint carries them, and under the rules of checkov and,
//! by cfn-guard, of AWS Control Tower and of the AWS Guard Rules Registry. The policy of whoever deploys is judged by cfn-lint, too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use deployer::cli::GlobalArgs;
use deployer::iam::{self, Place};
use deployer::settings::{Architecture, Settings};
use deployer::synth::{self, ArtifactLocation};
use local_world::root;
use serde_json::{Value, json};

/// Commercial (twice), China and GovCloud.
const REGIONS: [&str; 4] = ["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1"];

/// What is off by default, on.
pub(crate) const OPTIONS: &str = "
tracing = true
reserved_concurrency = 50
provisioned_concurrency = 5
log_retention_days = 365
log_kms_key_arn = 'arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f'
[domain]
name = 'webhook.example.com'
certificate_arn = 'arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f'
truststore = 's3://our-trust/clients.pem'
truststore_version = 'v1'
client_identity = 'client.pem'
default_endpoint = false
";

/// What the guard rules registry calls the rules of Control Tower that fail here. Suppressions are for the registry, which
/// reads them; Control Tower has no way to suppress. Of the registry, there are the rules for S3 and IAM here.
const IN_THE_REGISTRY: [(&str, &str); 9] = [
    ("api_gw_v2_authorization_type_configured_check", "API_GWV2_AUTHORIZATION_TYPE_CONFIGURED"),
    ("cloudwatch_log_group_encrypted_check", "CLOUDWATCH_LOG_GROUP_ENCRYPTED"),
    ("cloudwatch_log_group_retention_period_check", "CW_LOGGROUP_RETENTION_PERIOD_CHECK"),
    ("lambda_function_public_access_prohibited_check", "LAMBDA_FUNCTION_PUBLIC_ACCESS_PROHIBITED"),
    ("lambda_inside_vpc_check", "LAMBDA_INSIDE_VPC"),
    ("s3_bucket_default_encryption_kms_check", "S3_DEFAULT_ENCRYPTION_KMS"),
    ("s3_bucket_logging_enabled_check", "S3_BUCKET_LOGGING_ENABLED"),
    ("s3_bucket_object_lock_enabled_check", "S3_BUCKET_DEFAULT_LOCK_ENABLED"),
    ("s3_event_notifications_enabled_check", "S3_EVENT_NOTIFICATIONS_ENABLED"),
];

/// Rules of the rest of the registry that Control Tower has not, so that nothing here sees whether they fail.
const UNSEEN: [&str; 3] = ["LAMBDA_CONCURRENCY_CHECK", "LAMBDA_DLQ_CHECK", "SNS_ENCRYPTED_KMS"];

#[test]
fn cfn_lint_finds_nothing_in_four_regions_of_three_partitions() {
    let checkout = root::checkout().expect("the tests run in a checkout");
    let dir = folder(&checkout, "lint");
    let output = Command::new(linters(&checkout).join("bin/cfn-lint"))
        // Informational findings count as well.
        .args(["--include-checks", "I", "--regions"])
        .args(REGIONS)
        .arg("--")
        .args(templates(&dir))
        .arg(permissions(&dir))
        .output()
        .expect("cfn-lint starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{}:\n{said}", output.status);
    std::fs::remove_dir_all(&dir).expect("it can be removed");
}

#[test]
fn checkov_finds_nothing_but_what_is_suppressed_with_a_reason() {
    let checkout = root::checkout().expect("the tests run in a checkout");
    let dir = folder(&checkout, "checkov");
    let texts = templates(&dir);
    let mut command = Command::new(linters(&checkout).join("bin/checkov"));
    command.args(["--skip-download", "--compact", "--framework", "cloudformation", "--output", "json"]);
    for text in &texts {
        command.arg("--file").arg(text);
    }
    let output = command.output().expect("checkov starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let found: Value = serde_json::from_str(&said).unwrap_or_else(|error| {
        panic!("{}: {error}\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr))
    });
    let list = |kind: &str| found["results"][kind].as_array().cloned().unwrap_or_default();
    let names = |checks: Vec<Value>| -> Vec<String> {
        checks.iter().map(|check| format!("{} {}", check["check_id"], check["resource"])).collect()
    };
    assert_eq!(names(list("failed_checks")), [""; 0]);
    assert!(list("passed_checks").len() > 20, "it looked at nothing: {said}");
    let skipped = list("skipped_checks");
    assert!(!skipped.is_empty(), "the suppressions are not read any more");
    for check in skipped {
        let reason = check["check_result"]["suppress_comment"].as_str().unwrap_or_default();
        assert!(reason.split_whitespace().count() > 5, "{check}: no reason");
    }
    std::fs::remove_dir_all(&dir).expect("it can be removed");
}

#[test]
fn cfn_guard_finds_what_is_suppressed_with_a_reason_and_nothing_else() {
    let checkout = root::checkout().expect("the tests run in a checkout");
    let dir = folder(&checkout, "guard");
    let environment = linters(&checkout);
    let (tower, registry) = (environment.join("share/guard-rules"), environment.join("share/guard-registry"));
    for path in templates(&dir) {
        let text = std::fs::read_to_string(&path).expect("it was written");
        let honoured = guard(&environment, &[&registry], &path);
        assert_eq!(failing(&honoured), BTreeSet::new(), "{}: fails although it is suppressed", path.display());
        std::fs::write(&path, without_suppressions(&text)).expect("it can be written");
        let report = guard(&environment, &[&tower, &registry], &path);
        // What becomes a function only when the template is transformed is judged by those who transform it.
        let judged = |(resource, rule): &(String, String)| {
            !text.contains(&format!("  {resource}:\n    Type: AWS::Serverless::")) && !UNSEEN.contains(&rule.as_str())
        };
        let suppressed: BTreeSet<_> = suppressed(&text).into_iter().filter(judged).collect();
        assert_eq!(failing(&report), suppressed, "{}: what fails, and what is suppressed", path.display());
    }
    std::fs::remove_dir_all(&dir).expect("it can be removed");
}

/// The report on one template; every rule was looked at.
fn guard(environment: &Path, rules: &[&Path], template: &Path) -> Vec<Value> {
    let mut command = Command::new(environment.join("bin/cfn-guard"));
    command.args(["validate", "--structured", "--show-summary", "none", "--output-format", "json", "--rules"]);
    let output = command.args(rules).arg("--data").arg(template).output().expect("cfn-guard starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let report: Vec<Value> = serde_json::from_str(&said).unwrap_or_else(|error| {
        panic!("{}: {error}\n{said}{}", output.status, String::from_utf8_lossy(&output.stderr))
    });
    let looked = |part: &Value| -> usize {
        ["compliant", "not_applicable", "not_compliant"]
            .map(|kind| part[kind].as_array().map_or(0, Vec::len))
            .iter()
            .sum()
    };
    let looked: usize = report.iter().map(looked).sum();
    assert!(looked > if rules.len() > 1 { 270 } else { 70 }, "it has not all rules: {looked}");
    report
}

/// As JSON, which is YAML.
fn without_suppressions(text: &str) -> String {
    let mut document: Value = serde_saphyr::from_str(text).expect("a template is YAML");
    let resources = document["Resources"].as_object_mut().expect("a template has resources");
    for metadata in resources.values_mut().filter_map(|resource| resource.get_mut("Metadata")?.as_object_mut()) {
        metadata.remove("guard");
        metadata.remove("cfn_nag");
    }
    document.to_string()
}

/// Resource and rule, by the registry's name where it has one.
fn failing(report: &[Value]) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for rule in report.iter().filter_map(|part| part["not_compliant"].as_array()).flatten() {
        let name = rule["Rule"]["name"].as_str().unwrap_or_default();
        let name = IN_THE_REGISTRY.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, registry)| registry);
        for rest in rule.to_string().split("/Resources/").skip(1) {
            let resource = rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            found.insert((resource.to_owned(), name.to_owned()));
        }
    }
    found
}

/// Resource and rule, each with its reason in a comment before it.
fn suppressed(text: &str) -> BTreeSet<(String, String)> {
    let document: Value = serde_saphyr::from_str(text).expect("a template is YAML");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut found = BTreeSet::new();
    for (name, resource) in document["Resources"].as_object().expect("a template has resources") {
        for rule in resource["Metadata"]["guard"]["SuppressedRules"].as_array().into_iter().flatten() {
            let rule = rule.as_str().expect("a rule is a name");
            found.insert((name.clone(), rule.to_owned()));
            for (at, _) in lines.iter().enumerate().filter(|(_, line)| **line == format!("- {rule}")) {
                let words = lines[..at]
                    .iter()
                    .rev()
                    .take_while(|line| line.starts_with('#'))
                    .flat_map(|line| line.split_whitespace());
                assert!(words.count() > 6, "{name}: {rule} is suppressed without a reason");
            }
        }
    }
    found
}

/// What `iam-policy` prints with every option, as a resource: cfn-lint knows which ARNs each action takes.
fn permissions(dir: &Path) -> PathBuf {
    let settings = Settings::from_text(OPTIONS, "options", &GlobalArgs::default()).expect("the options are good");
    let (partition, account) = ("aws".to_owned(), "111122223333".to_owned());
    let place = Place { partition, region: "eu-west-1".to_owned(), account };
    let policy = iam::policy(&settings, &place).expect("every type of resource is known");
    let properties = json!({ "RoleName": "deployer", "PolicyName": "deployer", "PolicyDocument": policy });
    // Whether IAM knows each action is judged in handlers.rs, which knows of two that AWS's list lacks.
    let metadata = json!({ "cfn-lint": { "config": { "ignore_checks": ["W3037"] } } });
    let policy = json!({ "Type": "AWS::IAM::RolePolicy", "Metadata": metadata, "Properties": properties });
    let template = json!({ "Resources": { "Policy": policy } });
    let path = dir.join("permissions.json");
    std::fs::write(&path, template.to_string()).expect("it can be written");
    path
}

fn folder(checkout: &Path, name: &str) -> PathBuf {
    let dir = checkout.join("target/e2e").join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("the target folder can be written");
    dir
}

/// The environment of the linters, installed when it is missing.
pub(crate) fn linters(checkout: &Path) -> PathBuf {
    let output = Command::new(checkout.join("tests/world/aws/install.sh")).arg("linters").output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}

fn templates(dir: &Path) -> Vec<PathBuf> {
    let settings = Settings::default();
    let options = Settings::from_text(OPTIONS, "options", &GlobalArgs::default()).expect("the options are good");
    let location = ArtifactLocation { bucket: "some-bucket".to_owned(), key: "some/key.zip".to_owned() };
    let stack = synth::stack_template(&settings, &location, Architecture::Arm64).expect("the stack renders");
    let options = synth::stack_template(&options, &location, Architecture::Arm64).expect("every option renders");
    let bootstrap = synth::bootstrap_template(&settings).expect("the bootstrap stack renders");
    let application = synth::application_template(&settings, Architecture::Arm64).expect("the application renders");
    [("stack.yaml", stack), ("template.yaml", application), ("options.yaml", options), ("bootstrap.yaml", bootstrap)]
        .map(|(name, text)| {
            let path = dir.join(name);
            std::fs::write(&path, text).expect("it can be written");
            path
        })
        .to_vec()
}
