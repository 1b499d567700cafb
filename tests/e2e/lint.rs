//! The rendered templates under AWS's own resource schemas, as cfn-lint carries them, and under the rules of checkov.

use std::path::{Path, PathBuf};
use std::process::Command;

use deployer::cli::GlobalArgs;
use deployer::settings::{Architecture, Settings};
use deployer::synth::{self, ArtifactLocation};
use local_world::root;
use serde_json::Value;

/// Commercial (twice), China and GovCloud.
const REGIONS: [&str; 4] = ["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1"];

/// What is off by default, on.
const OPTIONS: &str = "
tracing = true
reserved_concurrency = 50
provisioned_concurrency = 5
log_kms_key_arn = 'arn:aws:kms:eu-west-1:111122223333:key/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f'
[domain]
name = 'webhook.example.com'
certificate_arn = 'arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f'
truststore = 's3://our-trust/clients.pem'
truststore_version = 'v1'
client_identity = 'client.pem'
default_endpoint = false
";

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

fn folder(checkout: &Path, name: &str) -> PathBuf {
    let dir = checkout.join("target/e2e").join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("the target folder can be written");
    dir
}

/// The environment of the linters, installed when it is missing.
fn linters(checkout: &Path) -> PathBuf {
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
