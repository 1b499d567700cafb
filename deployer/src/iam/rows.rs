//! Who may do what on which resource: the data of `iam`, and nothing else. No row for a call or a type that is not there.

/// Actions on one kind of thing. In `on`, `STACK`, `GENERATED` (the stack's name as generated names begin with it),
/// `BOOTSTRAP` and `BUCKET` stand for names, `ARN(service)` for an ARN up to its resource.
pub(super) struct Row {
    pub(super) on: &'static [&'static str],
    pub(super) actions: &'static [&'static str],
}

/// What the code of `stack/`, `upload.rs`, `logs/` and `cloudwatch/` calls.
pub(super) const CALLS: &[Row] = &[
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
            "cloudformation:DescribeStackResources",
            "cloudformation:DescribeStacks",
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
    // Metrics have no resource, and alarms are described by a list of names.
    Row { on: &["*"], actions: &["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"] },
];

/// What `CloudFormation` does for a resource of each type, as the handlers of the type's schema say it, less what only
/// properties take that the templates do not have. A test holds this to those schemas.
pub(super) const TYPES: &[(&str, &[Row])] = &[
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
pub(super) const RESERVED: Row = Row { on: &[FUNCTION], actions: &["lambda:PutFunctionConcurrency"] };
pub(super) const ENCRYPTED: Row = Row {
    on: &["ARN(logs):log-group:/aws/lambda/STACK*", "ARN(logs):log-group:/aws/vendedlogs/apigateway/STACK*"],
    actions: &["logs:AssociateKmsKey"],
};
/// API Gateway reads the truststore in the person's name.
pub(super) const TRUSTED: Row =
    Row { on: &["arn:PARTITION:s3:::TRUSTSTORE"], actions: &["s3:GetObject", "s3:GetObjectVersion"] };

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
pub(super) const BOUNDED: &[&str] = &["iam:CreateRole", "iam:PutRolePermissionsBoundary"];
/// Only to Lambda.
pub(super) const PASSED: &[&str] = &["iam:PassRole"];
