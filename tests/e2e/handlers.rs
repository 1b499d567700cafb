//! What `deployer iam-policy` permits, held to what the handlers of each type of resource ask for: the schemas that AWS
//! publishes of its types name it, and cfn-lint carries them, beside a list of the actions that IAM knows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use deployer::cli::GlobalArgs;
use deployer::iam::{self, Place};
use deployer::settings::{Architecture, Settings};
use deployer::synth::{self, ArtifactLocation};
use local_world::root;
use serde_json::Value;

use crate::lint::{OPTIONS, linters};

/// By type: a property that the templates do not have, and the actions, or beginnings of actions, that only it takes.
const UNUSED: &[(&str, &str, &[&str])] = &[
    ("AWS::ApiGatewayV2::Api", "BodyS3Location", &["s3:getobject"]),
    ("AWS::ApiGatewayV2::DomainName", "MutualTlsAuthentication", &["s3:getobject"]),
    ("AWS::ApiGatewayV2::Integration", "CredentialsArn", &["iam:passrole"]),
    ("AWS::IAM::Role", "ManagedPolicyArns", &["iam:attachrolepolicy", "iam:detachrolepolicy"]),
    ("AWS::Lambda::Alias", "RoutingConfig", &["codedeploy:"]),
    ("AWS::Lambda::Function", "CapacityProviderConfig", &["lambda:passcapacityprovider"]),
    ("AWS::Lambda::Function", "Code.S3ObjectVersion", &["s3:getobjectversion"]),
    ("AWS::Lambda::Function", "CodeSigningConfigArn", CODE_SIGNING),
    ("AWS::Lambda::Function", "FileSystemConfigs", &["elasticfilesystem:", "s3files:"]),
    ("AWS::Lambda::Function", "FunctionScalingConfig", &["lambda:putfunctionscalingconfig"]),
    ("AWS::Lambda::Function", "KmsKeyArn", &["kms:"]),
    ("AWS::Lambda::Function", "Layers", &["lambda:getlayerversion"]),
    ("AWS::Lambda::Function", "PublishToLatestPublished", &["lambda:publishversion"]),
    ("AWS::Lambda::Function", "RecursiveLoop", &["lambda:putfunctionrecursionconfig"]),
    ("AWS::Lambda::Function", "ReservedConcurrentExecutions", &["lambda:putfunctionconcurrency"]),
    ("AWS::Lambda::Function", "RuntimeManagementConfig", &["lambda:putruntimemanagementconfig"]),
    ("AWS::Lambda::Function", "VpcConfig", &["ec2:"]),
    ("AWS::Lambda::Version", "FunctionScalingConfig", &["lambda:putfunctionscalingconfig"]),
    ("AWS::Lambda::Version", "RuntimePolicy", &["lambda:putruntimemanagementconfig"]),
    ("AWS::Logs::LogGroup", "BearerTokenAuthenticationEnabled", &["logs:putbearertokenauthentication"]),
    (
        "AWS::Logs::LogGroup",
        "DataProtectionPolicy",
        &["logs:putdataprotectionpolicy", "logs:createlogdelivery", "firehose:"],
    ),
    ("AWS::Logs::LogGroup", "DeletionProtectionEnabled", &["logs:putloggroupdeletionprotection"]),
    ("AWS::Logs::LogGroup", "FieldIndexPolicies", &["logs:putindexpolicy", "logs:deleteindexpolicy"]),
    ("AWS::Logs::LogGroup", "KmsKeyId", &["logs:associatekmskey"]),
    ("AWS::Logs::LogGroup", "ResourcePolicyDocument", &["logs:putresourcepolicy", "logs:deleteresourcepolicy"]),
    ("AWS::S3::Bucket", "AbacStatus", &["s3:putbucketabac"]),
    ("AWS::S3::Bucket", "AccelerateConfiguration", &["s3:putaccelerateconfiguration"]),
    ("AWS::S3::Bucket", "AccessControl", &["s3:putobjectacl", "s3:putbucketacl", "s3:getbucketacl"]),
    ("AWS::S3::Bucket", "AnalyticsConfigurations", &["s3:putanalyticsconfiguration"]),
    ("AWS::S3::Bucket", "CorsConfiguration", &["s3:putbucketcors"]),
    ("AWS::S3::Bucket", "IntelligentTieringConfigurations", &["s3:putintelligenttieringconfiguration"]),
    ("AWS::S3::Bucket", "InventoryConfigurations", &["s3:putinventoryconfiguration"]),
    ("AWS::S3::Bucket", "LoggingConfiguration", &["s3:putbucketlogging"]),
    ("AWS::S3::Bucket", "MetadataConfiguration", METADATA),
    ("AWS::S3::Bucket", "MetadataTableConfiguration", METADATA),
    ("AWS::S3::Bucket", "MetricsConfigurations", &["s3:putmetricsconfiguration"]),
    ("AWS::S3::Bucket", "NotificationConfiguration", &["s3:putbucketnotification"]),
    ("AWS::S3::Bucket", "ObjectLockConfiguration", &["s3:putbucketobjectlockconfiguration"]),
    ("AWS::S3::Bucket", "ReplicationConfiguration", &["s3:putreplicationconfiguration", "iam:passrole"]),
    ("AWS::S3::Bucket", "WebsiteConfiguration", &["s3:putbucketwebsite", "s3:deletebucketwebsite"]),
    ("AWS::SNS::Topic", "DataProtectionPolicy", &["sns:putdataprotectionpolicy"]),
    ("AWS::SNS::Topic", "DeliveryStatusLogging", &["iam:passrole"]),
    ("AWS::SNS::Topic", "Subscription", &["sns:subscribe", "sns:unsubscribe"]),
];
const CODE_SIGNING: &[&str] =
    &["lambda:getcodesigningconfig", "lambda:putfunctioncodesigningconfig", "lambda:deletefunctioncodesigningconfig"];
const METADATA: &[&str] =
    &["s3tables:", "s3:createbucketmetadata", "s3:deletebucketmetadata", "s3:updatebucketmetadata"];

/// Permitted although no schema asks for it: what the deployer itself calls, which a test beside the policy holds to the
/// code, and what AWS's pages, not its schemas, ask for.
const BEYOND: &[(&str, &str)] = &[
    ("cloudformation:", "called by the deployer"),
    ("cloudwatch:getmetricdata", "called by the deployer"),
    ("iam:createservicelinkedrole", "the first domain of an account, .../how-to-custom-domains.html"),
    ("iam:passrole", "called by no handler, but asked for where the function is given its role"),
    ("logs:filterlogevents", "called by the deployer"),
    ("logs:createlogdelivery", LOG_DELIVERY),
    ("logs:deletelogdelivery", LOG_DELIVERY),
    ("logs:getlogdelivery", LOG_DELIVERY),
    ("logs:listlogdeliveries", LOG_DELIVERY),
    ("logs:putresourcepolicy", LOG_DELIVERY),
    ("logs:updatelogdelivery", LOG_DELIVERY),
    ("s3:deleteobject", "called by the deployer"),
    ("s3:getobject", "called by the deployer"),
    ("s3:listbucket", "called by the deployer"),
    ("s3:putobject", "called by the deployer"),
];
const LOG_DELIVERY: &str = "an access log, apigateway/latest/developerguide/http-api-logging.html";

/// IAM has these (aws-amplify/amplify-cli#12316 shows a denial), and AWS's list of actions does not.
const UNLISTED: [&str; 2] = ["apigateway:tagresource", "apigateway:untagresource"];

#[test]
fn who_deploys_is_permitted_what_the_handlers_of_the_types_ask_for_and_nothing_more() {
    let schemas = Schemas::new(&linters(&root::checkout().expect("the tests run in a checkout")));
    let every = format!("permissions_boundary = 'arn:aws:iam::111122223333:policy/b'\n{OPTIONS}");
    for text in ["", OPTIONS, every.as_str(), "artifact_bucket = 'mine'"] {
        let settings = Settings::from_text(text, "t", &GlobalArgs::default()).expect("the settings are good");
        let granted = granted(&settings);
        let mut asked = BTreeSet::new();
        for resource in resources(&settings) {
            let kind = resource["Type"].as_str().unwrap_or_default();
            let of_type = schemas.asked(kind);
            let unused = |action: &String| {
                let only = |(of, property, actions): &(&str, &str, &[&str])| {
                    let absent = property.split('.').fold(&resource["Properties"], |value, key| &value[key]).is_null();
                    *of == kind && absent && actions.iter().any(|start| action.starts_with(start))
                };
                UNUSED.iter().any(only)
            };
            asked.extend(of_type.into_iter().filter(|action| !unused(action) && schemas.iam_knows(action)));
        }
        let missing: Vec<_> = asked.difference(&granted).collect();
        assert!(missing.is_empty(), "{text}: the policy lacks {missing:?}");
        let beyond = |action: &&String| !BEYOND.iter().any(|(start, _)| action.starts_with(start));
        let more: Vec<_> = granted.difference(&asked).filter(beyond).collect();
        assert!(more.is_empty(), "{text}: nothing asks for {more:?}");
        let unknown: Vec<_> = granted.iter().filter(|action| !schemas.iam_knows(action)).collect();
        assert!(unknown.is_empty(), "IAM does not know {unknown:?}");
    }
    for (kind, property, actions) in UNUSED {
        let asked = schemas.asked(kind);
        let stale = actions.iter().find(|start| !asked.iter().any(|action| action.starts_with(**start)));
        assert!(stale.is_none(), "{kind}: no handler asks for {stale:?} any more");
        let property = property.split('.').next().unwrap_or_default();
        assert!(schemas.of(kind)["properties"].get(property).is_some(), "{kind} has no {property}");
    }
}

/// Lower case: IAM does not tell cases apart, and the schemas mix them.
fn granted(settings: &Settings) -> BTreeSet<String> {
    let place =
        Place { partition: "aws".to_owned(), region: "eu-west-1".to_owned(), account: "111122223333".to_owned() };
    let policy = iam::policy(settings, &place).expect("every type of resource is known");
    let statements = policy["Statement"].as_array().expect("there are statements");
    let actions = statements.iter().flat_map(|statement| statement["Action"].as_array().expect("actions are a list"));
    actions.filter_map(Value::as_str).map(str::to_lowercase).collect()
}

/// Of both stacks.
fn resources(settings: &Settings) -> Vec<Value> {
    let location = ArtifactLocation { bucket: "some-bucket".to_owned(), key: "some/key.zip".to_owned() };
    let mut texts = vec![synth::stack_template(settings, &location, Architecture::Arm64).expect("it renders")];
    if settings.artifact_bucket.is_none() {
        texts.push(synth::bootstrap_template(settings).expect("it renders"));
    }
    let parsed = texts.iter().map(|text| serde_saphyr::from_str::<Value>(text).expect("a template is YAML"));
    let maps = parsed.map(|template| template["Resources"].as_object().cloned().expect("a template has resources"));
    maps.flat_map(|map| map.into_iter().map(|(_, resource)| resource)).collect()
}

/// As cfn-lint carries them.
struct Schemas {
    dir: PathBuf,
    /// From a type to the name of its file.
    files: Value,
    /// Services, and their actions in lower case.
    actions: Value,
}

impl Schemas {
    fn new(linters: &Path) -> Self {
        let version = std::fs::read_dir(linters.join("lib")).expect("it is a Python environment");
        let python = version.map(|entry| entry.expect("it can be read").path());
        let python = python.into_iter().find(|path| path.join("site-packages/cfnlint").is_dir());
        let dir = python.expect("cfn-lint is installed").join("site-packages/cfnlint/data");
        let files = read(&dir.join("schemas/providers/us-east-1.json"));
        let actions = read(&dir.join("AdditionalSpecs/Policies.json"));
        Self { dir: dir.join("schemas/resources"), files, actions }
    }

    fn of(&self, kind: &str) -> Value {
        let file = self.files[kind].as_str().unwrap_or_else(|| panic!("there is no schema of {kind}"));
        read(&self.dir.join(format!("{file}.json")))
    }

    /// For everything but listing, which a stack never does; and for tags, which those of the stack are.
    fn asked(&self, kind: &str) -> BTreeSet<String> {
        let schema = self.of(kind);
        let handlers =
            ["create", "read", "update", "delete"].map(|name| schema["handlers"][name]["permissions"].clone());
        let all: Vec<Value> = handlers.into_iter().chain([schema["tagging"]["permissions"].clone()]).collect();
        let asked: BTreeSet<String> =
            all.iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str).map(str::to_lowercase).collect();
        assert!(!asked.is_empty(), "the schema of {kind} names no permissions");
        asked
    }

    fn iam_knows(&self, action: &str) -> bool {
        let (service, name) = action.split_once(':').unwrap_or_default();
        self.actions[service]["Actions"].get(name).is_some() || UNLISTED.contains(&action)
    }
}

fn read(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
