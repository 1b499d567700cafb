//! The least that a deploying person must be permitted: what this program calls, and what `CloudFormation` does in that
//! person's name for each type of resource in the two templates. Pure; nothing is asked of AWS.
//!
//! A type of resource without a row is an error here, and a call of ours without a row fails a test.

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use self::rows::{BOUNDED, CALLS, ENCRYPTED, PASSED, RESERVED, Row, TRUSTED, TYPES};
use crate::{
    error::Failure,
    plan::template::all_added,
    settings::{Architecture, Settings},
    synth::{self, ArtifactLocation},
};

/// `CloudFormation` shortens the stack's name in generated names where they grow too long (64 characters for a role).
const GENERATED_NAME: usize = 24;

/// Characters that a managed policy takes, not counting white space; a role's own, inline, policies take 10,240 together:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>.
pub const MANAGED_POLICY: usize = 6_144;

/// Where the policy is to hold; a star for what is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `aws` and the like.
    pub partition: String,
    /// `eu-west-1`.
    pub region: String,
    /// Twelve digits.
    pub account: String,
}

/// The policy, as IAM takes it.
///
/// # Errors
/// When a template is broken, or has a type of resource that is not known here.
pub fn policy(settings: &Settings, place: &Place) -> Result<Value, Failure> {
    let mut rows: Vec<&Row> = CALLS.iter().collect();
    for kind in types(settings)? {
        let known = TYPES.iter().find(|(known, _)| *known == kind).ok_or_else(|| {
            Failure::new(format!("the templates have a {kind}, and it is not known which permissions that takes"))
                .with_hint("Add its row to deployer/src/iam/rows.rs.")
        })?;
        rows.extend(known.1);
    }
    rows.extend(settings.reserved_concurrency.map(|_| &RESERVED));
    rows.extend(settings.log_kms_key_arn.as_ref().map(|_| &ENCRYPTED));
    rows.extend(settings.domain.truststore.as_ref().map(|_| &TRUSTED));
    // One statement for each set of resources; what is conditional stands alone.
    let mut statements: BTreeMap<(Vec<String>, Option<String>), BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        let resources = row.on.iter().map(|pattern| resource(pattern, settings, place)).collect();
        let condition = condition(row, settings).map(|condition| condition.to_string());
        statements.entry((resources, condition)).or_default().extend(row.actions);
    }
    let statements: Vec<Value> = statements
        .into_iter()
        .map(|((resources, condition), actions)| {
            let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
            if let Some(condition) = condition.and_then(|text| serde_json::from_str(&text).ok()) {
                statement["Condition"] = condition;
            }
            statement
        })
        .collect();
    Ok(json!({ "Version": "2012-10-17", "Statement": statements }))
}

/// Of both stacks; of the bootstrap stack only where there is one.
fn types(settings: &Settings) -> Result<BTreeSet<String>, Failure> {
    let location = ArtifactLocation { bucket: "bucket".to_owned(), key: "key.zip".to_owned() };
    let mut texts = vec![synth::stack_template(settings, &location, Architecture::Arm64)?];
    if settings.artifact_bucket.is_none() {
        texts.push(synth::bootstrap_template(settings)?);
    }
    let mut types = BTreeSet::new();
    for text in texts {
        types.extend(all_added(&synth::parse(&text)?).into_iter().map(|resource| resource.resource_type));
    }
    Ok(types)
}

fn resource(pattern: &str, settings: &Settings, place: &Place) -> String {
    let own = format!("ecr-compliance-webhook-{}-{}", place.account, place.region);
    let bucket = settings.artifact_bucket.as_deref().unwrap_or(&own);
    let generated: String = settings.stack_name.chars().take(GENERATED_NAME).collect();
    let truststore = settings.domain.truststore.as_deref().unwrap_or_default();
    let text = match pattern.strip_prefix("ARN(").and_then(|rest| rest.split_once(')')) {
        Some((service, rest)) => format!("arn:PARTITION:{service}:REGION:ACCOUNT{rest}"),
        None => pattern.to_owned(),
    };
    text.replace("PARTITION", &place.partition)
        .replace("REGION", &place.region)
        .replace("ACCOUNT", &place.account)
        .replace("BOOTSTRAP", &settings.bootstrap_stack_name())
        .replace("GENERATED", &generated)
        .replace("BUCKET", bucket)
        .replace("STACK", &settings.stack_name)
        .replace("TRUSTSTORE", truststore.trim_start_matches("s3://"))
}

fn condition(row: &Row, settings: &Settings) -> Option<Value> {
    if row.actions == PASSED {
        return Some(json!({ "StringEquals": { "iam:PassedToService": "lambda.amazonaws.com" } }));
    }
    let boundary = settings.permissions_boundary.as_ref().filter(|_| row.actions == BOUNDED)?;
    Some(json!({ "StringEquals": { "iam:PermissionsBoundary": boundary } }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::golden;

    fn place() -> Place {
        Place { partition: "aws".to_owned(), region: "eu-west-1".to_owned(), account: "111122223333".to_owned() }
    }

    #[test]
    fn the_policy_with_default_settings_is_the_golden_one() {
        let policy = policy(&Settings::default(), &place()).unwrap();
        golden::check("iam_policy", &serde_json::to_string_pretty(&policy).unwrap());
    }

    #[test]
    fn without_options_it_fits_into_a_managed_policy_and_roles_are_passed_to_lambda_only() {
        let boundary = "arn:aws:iam::111122223333:policy/boundary".to_owned();
        let settings = Settings { permissions_boundary: Some(boundary.clone()), ..Settings::default() };
        let policy = policy(&settings, &place()).unwrap();
        assert!(policy.to_string().len() <= MANAGED_POLICY, "{}", policy.to_string().len());
        let of = |action: &str| {
            let has = |statement: &&Value| statement["Action"].as_array().unwrap().iter().any(|one| one == action);
            policy["Statement"].as_array().unwrap().iter().find(has).unwrap().clone()
        };
        assert_eq!(of("iam:PassRole")["Condition"]["StringEquals"]["iam:PassedToService"], "lambda.amazonaws.com");
        assert_eq!(of("iam:CreateRole")["Condition"]["StringEquals"]["iam:PermissionsBoundary"], *boundary);
        assert!(of("iam:GetRole").get("Condition").is_none());
    }

    #[test]
    fn an_option_takes_its_rights_and_no_others_have_them() {
        let text = |settings: &Settings| policy(settings, &place()).unwrap().to_string();
        let domain = "[domain]\nname = 'webhook.example.com'\n\
            certificate_arn = 'arn:aws:acm:eu-west-1:111122223333:certificate/0a'\n";
        let key = "log_kms_key_arn = 'arn:aws:kms:eu-west-1:111122223333:key/0a'";
        let mutual = format!("{domain}truststore = 's3://our-trust/a/b.pem'\nclient_identity = 'c.pem'");
        let options = [
            ("reserved_concurrency = 5", "lambda:PutFunctionConcurrency"),
            ("provisioned_concurrency = 5", "lambda:PublishVersion"),
            ("provisioned_concurrency = 5", "lambda:PutProvisionedConcurrencyConfig"),
            (key, "logs:AssociateKmsKey"),
            (domain, ":eu-west-1::/domainnames/*"),
            (domain, "iam:CreateServiceLinkedRole"),
            (mutual.as_str(), "arn:aws:s3:::our-trust/a/b.pem"),
        ];
        for (option, right) in options {
            let settings = Settings::from_text(option, "t", &crate::cli::GlobalArgs::default()).unwrap();
            assert!(text(&settings).contains(right) && !text(&Settings::default()).contains(right), "{right}");
        }
        let all = format!("reserved_concurrency = 5\nprovisioned_concurrency = 5\n{key}\n{mutual}");
        let all = Settings::from_text(&all, "t", &crate::cli::GlobalArgs::default()).unwrap();
        assert!(text(&all).len() <= 10_240, "an inline policy of a role takes no {}", text(&all).len());
    }

    #[test]
    fn an_owner_who_has_a_bucket_makes_none() {
        let settings = Settings { artifact_bucket: Some("mine".to_owned()), ..Settings::default() };
        let text = policy(&settings, &place()).unwrap().to_string();
        assert!(text.contains("arn:aws:s3:::mine/") && !text.contains("s3:CreateBucket"), "{text}");
    }

    /// `.describe_stacks()` at the begin of a request in the code is `DescribeStacks`.
    fn calls(path: &Path, found: &mut BTreeSet<String>) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != "tests")
            {
                calls(&entry.unwrap().path(), found);
            }
            return;
        }
        let text: String = std::fs::read_to_string(path).unwrap().split_whitespace().collect();
        for call in text.split("client.").skip(1) {
            if let Some((name, rest)) = call.split_once("()")
                && rest.starts_with('.')
                && name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
            {
                found.insert(name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect());
            }
        }
    }

    #[test]
    fn every_call_of_ours_is_permitted_and_nothing_more() {
        // Where the action is called otherwise than the operation.
        const OTHERWISE: &[(&str, &[&str])] = &[
            ("ListObjectsV2", &["s3:ListBucket"]),
            ("ListObjectVersions", &["s3:ListBucketVersions"]),
            ("DeleteObjects", &["s3:DeleteObject", "s3:DeleteObjectVersion"]),
            ("GetObject", &["s3:GetObject"]),
            ("PutObject", &["s3:PutObject"]),
            ("CopyObject", &["s3:GetObject", "s3:PutObject"]),
            ("FilterLogEvents", &["logs:FilterLogEvents"]),
            ("GetMetricData", &["cloudwatch:GetMetricData"]),
            ("DescribeAlarms", &["cloudwatch:DescribeAlarms"]),
        ];
        let mut called = BTreeSet::new();
        for path in ["src/stack", "src/upload.rs", "src/logs", "src/cloudwatch"] {
            calls(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path), &mut called);
        }
        assert!(called.len() > 20, "the code has moved, change this test too: {called:?}");
        let mut needed: BTreeSet<String> = BTreeSet::new();
        for name in called {
            match OTHERWISE.iter().find(|(operation, _)| *operation == name) {
                Some((_, actions)) => needed.extend(actions.iter().map(|&action| action.to_owned())),
                None => drop(needed.insert(format!("cloudformation:{name}"))),
            }
        }
        // A change set with tags.
        needed.extend(["cloudformation:TagResource".to_owned(), "cloudformation:UntagResource".to_owned()]);
        let granted: BTreeSet<String> =
            CALLS.iter().flat_map(|row| row.actions).map(|&action| action.to_owned()).collect();
        assert_eq!(granted, needed);
    }
}
