//! The least that a deploying person must be permitted: what this program calls, and what `CloudFormation` does in that
//! person's name for each type of resource in the two templates. Pure; nothing is asked of AWS.
//!
//! A type of resource without a row is an error here, and a call of ours without a row fails a test.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    error::Failure,
    plan::template::all_added,
    settings::{Architecture, Settings},
    synth::{self, ArtifactLocation},
};

/// Actions on one kind of thing. In `on`, `STACK`, `GENERATED` (the stack's name as generated names begin with it),
/// `BOOTSTRAP` and `BUCKET` stand for names, `ARN(service)` for an ARN up to its resource.
struct Row {
    on: &'static [&'static str],
    actions: &'static [&'static str],
}

/// What the code of `stack/`, `upload.rs`, `logs/` and `cloudwatch/` calls.
const CALLS: &[Row] = &[
    Row {
        on: &["ARN(cloudformation):stack/STACK/*", "ARN(cloudformation):stack/BOOTSTRAP/*"],
        actions: &[
            "cloudformation:CancelUpdateStack",
            "cloudformation:ContinueUpdateRollback",
            "cloudformation:CreateChangeSet",
            "cloudformation:DeleteChangeSet",
            "cloudformation:DeleteStack",
            "cloudformation:DescribeChangeSet",
            "cloudformation:DescribeEvents",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStackResourceDrifts",
            "cloudformation:DescribeStackResources",
            "cloudformation:DescribeStacks",
            "cloudformation:DetectStackDrift",
            // DetectStackDrift takes it for each resource.
            "cloudformation:DetectStackResourceDrift",
            "cloudformation:ExecuteChangeSet",
            "cloudformation:GetStackPolicy",
            "cloudformation:GetTemplate",
            "cloudformation:ListChangeSets",
            "cloudformation:RollbackStack",
            "cloudformation:SetStackPolicy",
            "cloudformation:TagResource",
            "cloudformation:UntagResource",
            "cloudformation:UpdateTerminationProtection",
        ],
    },
    Row { on: &["arn:PARTITION:s3:::BUCKET"], actions: &["s3:ListBucket", "s3:ListBucketVersions"] },
    Row {
        // CloudFormation, too, reads the zip in the person's name.
        on: &["arn:PARTITION:s3:::BUCKET/STACK/*"],
        actions: &["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetObject", "s3:PutObject"],
    },
    Row { on: &["ARN(logs):log-group:/aws/lambda/STACK:*"], actions: &["logs:FilterLogEvents"] },
    // Metrics have no resource, alarms are described by a list of names, and a detection of drift by its id. The first of
    // these belongs to DetectStackDrift (CloudFormation user guide, "Detect unmanaged configuration changes").
    Row {
        on: &["*"],
        actions: &[
            "cloudformation:BatchDescribeTypeConfigurations",
            "cloudformation:DescribeStackDriftDetectionStatus",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:GetMetricData",
        ],
    },
];

/// What `CloudFormation` does for a resource of each type, as the handlers of the type's schema say it, less what only
/// properties take that the templates do not have. A test holds this to those schemas.
const TYPES: &[(&str, &[Row])] = &[
    ("AWS::ApiGatewayV2::Api", API),
    ("AWS::ApiGatewayV2::ApiMapping", MAPPING),
    ("AWS::ApiGatewayV2::DomainName", DOMAIN),
    ("AWS::ApiGatewayV2::Integration", API),
    ("AWS::ApiGatewayV2::Route", API),
    ("AWS::ApiGatewayV2::Stage", STAGE),
    (
        "AWS::CloudWatch::Alarm",
        &[Row {
            on: &["ARN(cloudwatch):alarm:STACK-*"],
            actions: &[
                "cloudwatch:DeleteAlarms",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:ListTagsForResource",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource",
            ],
        }],
    ),
    (
        "AWS::CloudWatch::Dashboard",
        &[Row {
            on: &["arn:PARTITION:cloudwatch::ACCOUNT:dashboard/STACK-*"],
            actions: &[
                "cloudwatch:DeleteDashboards",
                "cloudwatch:GetDashboard",
                "cloudwatch:ListTagsForResource",
                "cloudwatch:PutDashboard",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource",
            ],
        }],
    ),
    (
        "AWS::IAM::Role",
        &[
            Row {
                on: &[ROLE],
                actions: &[
                    "iam:DeleteRole",
                    "iam:DeleteRolePermissionsBoundary",
                    "iam:GetRole",
                    "iam:ListAttachedRolePolicies",
                    "iam:ListRolePolicies",
                    "iam:ListRoleTags",
                    "iam:TagRole",
                    "iam:UntagRole",
                    "iam:UpdateAssumeRolePolicy",
                    "iam:UpdateRole",
                    "iam:UpdateRoleDescription",
                ],
            },
            Row { on: &[ROLE], actions: BOUNDED },
            Row { on: &[ROLE], actions: PASSED },
        ],
    ),
    (
        "AWS::IAM::RolePolicy",
        &[Row { on: &[ROLE], actions: &["iam:DeleteRolePolicy", "iam:GetRolePolicy", "iam:PutRolePolicy"] }],
    ),
    (
        "AWS::Lambda::Function",
        &[Row {
            on: &[FUNCTION],
            actions: &[
                "lambda:CreateFunction",
                "lambda:DeleteFunction",
                "lambda:DeleteFunctionConcurrency",
                "lambda:GetFunction",
                "lambda:GetFunctionCodeSigningConfig",
                "lambda:GetFunctionRecursionConfig",
                "lambda:GetFunctionScalingConfig",
                "lambda:GetRuntimeManagementConfig",
                "lambda:ListTags",
                "lambda:TagResource",
                "lambda:UntagResource",
                "lambda:UpdateFunctionCode",
                "lambda:UpdateFunctionConfiguration",
            ],
        }],
    ),
    (
        "AWS::Lambda::Alias",
        &[Row {
            on: &[FUNCTION],
            actions: &[
                "lambda:CreateAlias",
                "lambda:DeleteAlias",
                "lambda:DeleteProvisionedConcurrencyConfig",
                "lambda:GetAlias",
                "lambda:GetProvisionedConcurrencyConfig",
                "lambda:PutProvisionedConcurrencyConfig",
                "lambda:UpdateAlias",
            ],
        }],
    ),
    (
        "AWS::Lambda::Permission",
        &[Row { on: &[FUNCTION], actions: &["lambda:AddPermission", "lambda:GetPolicy", "lambda:RemovePermission"] }],
    ),
    (
        "AWS::Lambda::Version",
        &[Row {
            on: &[FUNCTION],
            actions: &[
                "lambda:DeleteFunction",
                "lambda:GetFunctionConfiguration",
                "lambda:GetFunctionScalingConfig",
                "lambda:GetProvisionedConcurrencyConfig",
                "lambda:GetRuntimeManagementConfig",
                "lambda:ListVersionsByFunction",
                "lambda:PublishVersion",
            ],
        }],
    ),
    (
        "AWS::Logs::LogGroup",
        &[
            Row {
                on: &[
                    "ARN(logs):log-group:/aws/lambda/STACK*",
                    "ARN(logs):log-group:/aws/vendedlogs/apigateway/STACK*",
                ],
                actions: &[
                    "logs:CreateLogGroup",
                    "logs:DeleteDataProtectionPolicy",
                    "logs:DeleteLogGroup",
                    "logs:DeleteRetentionPolicy",
                    "logs:DisassociateKmsKey",
                    "logs:GetDataProtectionPolicy",
                    "logs:ListTagsForResource",
                    "logs:PutRetentionPolicy",
                    "logs:TagResource",
                    "logs:UntagResource",
                ],
            },
            Row {
                on: &["*"],
                actions: &["logs:DescribeIndexPolicies", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies"],
            },
        ],
    ),
    (
        "AWS::Logs::QueryDefinition",
        &[Row {
            on: &["*"],
            actions: &["logs:DeleteQueryDefinition", "logs:DescribeQueryDefinitions", "logs:PutQueryDefinition"],
        }],
    ),
    (
        "AWS::S3::Bucket",
        &[Row {
            on: &["arn:PARTITION:s3:::BUCKET"],
            actions: &[
                "s3:CreateBucket",
                "s3:DeleteBucket",
                "s3:GetAccelerateConfiguration",
                "s3:GetAnalyticsConfiguration",
                "s3:GetBucketAbac",
                "s3:GetBucketCORS",
                "s3:GetBucketLogging",
                "s3:GetBucketMetadataTableConfiguration",
                "s3:GetBucketNotification",
                "s3:GetBucketObjectLockConfiguration",
                "s3:GetBucketOwnershipControls",
                "s3:GetBucketPublicAccessBlock",
                "s3:GetBucketTagging",
                "s3:GetBucketVersioning",
                "s3:GetBucketWebsite",
                "s3:GetEncryptionConfiguration",
                "s3:GetIntelligentTieringConfiguration",
                "s3:GetInventoryConfiguration",
                "s3:GetLifecycleConfiguration",
                "s3:GetMetricsConfiguration",
                "s3:GetReplicationConfiguration",
                "s3:ListTagsForResource",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketTagging",
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
                "s3:TagResource",
                "s3:UntagResource",
            ],
        }],
    ),
    (
        "AWS::S3::BucketPolicy",
        &[Row {
            on: &["arn:PARTITION:s3:::BUCKET"],
            actions: &["s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy"],
        }],
    ),
    (
        "AWS::SNS::Topic",
        &[Row {
            on: &[TOPIC],
            actions: &[
                "sns:CreateTopic",
                "sns:DeleteTopic",
                "sns:GetDataProtectionPolicy",
                "sns:GetTopicAttributes",
                "sns:ListSubscriptionsByTopic",
                "sns:ListTagsForResource",
                "sns:SetTopicAttributes",
                "sns:TagResource",
                "sns:UntagResource",
            ],
        }],
    ),
    ("AWS::SNS::TopicPolicy", &[Row { on: &[TOPIC], actions: &["sns:SetTopicAttributes"] }]),
];

/// The API's own paths: its id is known only after it was made.
const API: &[Row] = &[Row {
    on: &[
        "arn:PARTITION:apigateway:REGION::/apis",
        "arn:PARTITION:apigateway:REGION::/apis/*",
        "arn:PARTITION:apigateway:REGION::/tags/*",
    ],
    actions: &[
        "apigateway:DELETE",
        "apigateway:GET",
        "apigateway:PATCH",
        "apigateway:POST",
        "apigateway:PUT",
        "apigateway:TagResource",
        "apigateway:UntagResource",
    ],
}];

/// The domain's own path.
const MAPPING: &[Row] = &[Row {
    on: &["arn:PARTITION:apigateway:REGION::/domainnames", "arn:PARTITION:apigateway:REGION::/domainnames/*"],
    actions: &["apigateway:DELETE", "apigateway:GET", "apigateway:PATCH", "apigateway:POST"],
}];

/// The first domain of an account makes the role by which API Gateway reads certificates.
const DOMAIN: &[Row] = &[
    Row { on: MAPPING[0].on, actions: MAPPING[0].actions },
    Row {
        on: &["arn:PARTITION:apigateway:REGION::/domainnames", "arn:PARTITION:apigateway:REGION::/domainnames/*"],
        actions: &[
            "apigateway:AddCertificateToDomain",
            "apigateway:RemoveCertificateFromDomain",
            "apigateway:TagResource",
            "apigateway:UntagResource",
        ],
    },
    Row {
        on: &[
            "arn:PARTITION:iam::ACCOUNT:role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway",
        ],
        actions: &["iam:CreateServiceLinkedRole"],
    },
];

/// What an option takes beyond its type of resource. What takes an option back is among the rights of the type, since it is
/// needed when the settings do not have the option any more.
const RESERVED: Row = Row { on: &[FUNCTION], actions: &["lambda:PutFunctionConcurrency"] };
const ENCRYPTED: Row = Row {
    on: &["ARN(logs):log-group:/aws/lambda/STACK*", "ARN(logs):log-group:/aws/vendedlogs/apigateway/STACK*"],
    actions: &["logs:AssociateKmsKey"],
};
/// API Gateway reads the truststore in the person's name.
const TRUSTED: Row = Row { on: &["arn:PARTITION:s3:::TRUSTSTORE"], actions: &["s3:GetObject", "s3:GetObjectVersion"] };

/// A stage with an access log makes a log delivery, which has no ARN. The schema of the type does not say so:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html>.
const STAGE: &[Row] = &[
    Row { on: API[0].on, actions: API[0].actions },
    Row {
        on: &["*"],
        actions: &[
            "logs:CreateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:DescribeResourcePolicies",
            "logs:GetLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
        ],
    },
];

const ROLE: &str = "arn:PARTITION:iam::ACCOUNT:role/GENERATED*";
const FUNCTION: &str = "ARN(lambda):function:GENERATED*";
const TOPIC: &str = "ARN(sns):GENERATED*";
/// Only with the owner's permissions boundary, where there is one.
const BOUNDED: &[&str] = &["iam:CreateRole", "iam:PutRolePermissionsBoundary"];
/// Only to Lambda.
const PASSED: &[&str] = &["iam:PassRole"];

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
                .with_hint("Add its row to deployer/src/iam.rs.")
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
            (
                "DetectStackDrift",
                &[
                    "cloudformation:BatchDescribeTypeConfigurations",
                    "cloudformation:DetectStackDrift",
                    "cloudformation:DetectStackResourceDrift",
                ],
            ),
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
