//! The rendered stack against golden files and against what must hold of it
//! (how to update those: `golden.rs`).

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;

use super::*;
use crate::{
    golden,
    settings::{Alarms, Domain},
};

fn location() -> ArtifactLocation {
    ArtifactLocation { bucket: "artefacts".to_owned(), key: "stack/lambda/0123.zip".to_owned() }
}

fn rendered(settings: &Settings) -> String {
    stack_template(settings, &location(), Architecture::Arm64).unwrap()
}

fn document(settings: &Settings) -> Value {
    serde_saphyr::from_str(&rendered(settings)).unwrap()
}

/// An owner who uses everything, in one partition.
fn everything(partition: &str, region: &str) -> Settings {
    Settings {
        region: Some(region.to_owned()),
        registry_ids: vec!["111122223333".to_owned(), "444455556666".to_owned()],
        registry_regions: vec![region.to_owned()],
        ignored_namespaces: vec!["kube-system".to_owned(), "monitoring".to_owned()],
        log_retention_days: 30,
        memory_mib: 512,
        tracing: true,
        reserved_concurrency: Some(50),
        provisioned_concurrency: Some(5),
        log_kms_key_arn: Some(format!("arn:{partition}:kms:{region}:111122223333:key/0a")),
        domain: Domain {
            name: Some("webhook.example.com".to_owned()),
            certificate_arn: Some(format!("arn:{partition}:acm:{region}:111122223333:certificate/0a")),
            truststore: Some("s3://our-trust/clients.pem".to_owned()),
            truststore_version: Some("v1".to_owned()),
            client_identity: Some("client.pem".into()),
            default_endpoint: false,
        },
        permissions_boundary: Some(format!("arn:{partition}:iam::111122223333:policy/boundary")),
        alarms: Alarms {
            topic_arn: Some(format!("arn:{partition}:sns:{region}:111122223333:on-call")),
            silence_hours: 6,
            ..Alarms::default()
        },
        ..Settings::default()
    }
}

#[test]
fn the_stack_with_default_settings_is_the_golden_one() {
    golden::check("stack", &rendered(&Settings::default()));
}

#[test]
fn tracing_is_asked_for_only_with_the_rights_that_it_takes() {
    for tracing in [false, true] {
        let text = rendered(&Settings { tracing, ..Settings::default() });
        for word in ["Mode: Active", "xray:PutTraceSegments", "xray:PutTelemetryRecords"] {
            assert_eq!(text.contains(word), tracing, "{word}");
        }
    }
}

#[test]
fn the_key_of_the_logs_is_that_of_both_groups_and_only_without_one_is_its_absence_excused() {
    for settings in [Settings::default(), everything("aws", "eu-west-1")] {
        let document = document(&settings);
        for group in ["FunctionLogGroup", "ApiLogGroup"] {
            let group = &document["Resources"][group];
            assert_eq!(group["Properties"]["KmsKeyId"].as_str(), settings.log_kms_key_arn.as_deref());
            let excuses = group["Metadata"].to_string();
            for excuse in ["CKV_AWS_158", "CLOUDWATCH_LOG_GROUP_ENCRYPTED"] {
                assert_eq!(excuses.contains(excuse), settings.log_kms_key_arn.is_none(), "{excuse}");
            }
        }
    }
}

#[test]
fn concurrency_is_reserved_only_when_the_owner_says_how_much() {
    for reserved_concurrency in [None, Some(7)] {
        let settings = Settings { reserved_concurrency, ..Settings::default() };
        let function = &document(&settings)["Resources"]["Function"];
        let reserved = function["Properties"]["ReservedConcurrentExecutions"].as_u64();
        assert_eq!(reserved, reserved_concurrency.map(u64::from));
        assert_eq!(function["Metadata"].to_string().contains("CKV_AWS_115"), reserved_concurrency.is_none());
    }
}

#[test]
fn provisioned_concurrency_is_that_of_an_alias_which_the_api_calls_and_may_call() {
    let without = document(&Settings::default());
    assert_eq!(without["Resources"]["ApiIntegration"]["Properties"]["IntegrationUri"]["Fn::GetAtt"][0], "Function");
    for name in ["FunctionVersion", "FunctionAlias", "FunctionAliasPermission"] {
        assert!(without["Resources"].get(name).is_none(), "{name}");
    }
    let with = document(&Settings { provisioned_concurrency: Some(5), ..Settings::default() });
    let resource = |name: &str| with["Resources"][name].clone();
    let alias = resource("FunctionAlias");
    assert_eq!(alias["Properties"]["ProvisionedConcurrencyConfig"]["ProvisionedConcurrentExecutions"], 5);
    assert_eq!(alias["Properties"]["FunctionVersion"]["Fn::GetAtt"][0], "FunctionVersion");
    assert_eq!(resource("ApiIntegration")["Properties"]["IntegrationUri"]["Ref"], "FunctionAlias");
    // First permitted, then called; and what it takes to go back to the function stays permitted.
    assert_eq!(resource("ApiIntegration")["DependsOn"], "FunctionAliasPermission");
    assert_eq!(resource("FunctionAliasPermission")["Properties"]["FunctionName"]["Ref"], "FunctionAlias");
    assert_eq!(resource("FunctionPermission"), without["Resources"]["FunctionPermission"]);
}

#[test]
fn the_digest_is_in_the_version_and_in_the_function_so_that_there_is_something_to_publish() {
    let with = document(&Settings { provisioned_concurrency: Some(5), ..Settings::default() });
    let properties = |name: &str| with["Resources"][name]["Properties"].clone();
    assert_eq!(properties("FunctionVersion")["Description"], serde_json::json!({ "Ref": PARAMETER_SETTINGS_DIGEST }));
    let described = properties("Function")["Description"]["Fn::Sub"].as_str().unwrap().to_owned();
    assert!(described.contains(&format!("${{{PARAMETER_SETTINGS_DIGEST}}}")), "{described}");
    let parameter = &with["Parameters"][PARAMETER_SETTINGS_DIGEST];
    assert!(parameter.get("Default").is_none() && parameter["Description"].as_str().unwrap().len() <= 4000);
}

#[test]
fn with_a_domain_it_is_the_endpoint_and_the_apis_own_stays_open_until_the_owner_closes_it() {
    let own = serde_json::json!({ "Fn::GetAtt": ["Api", "ApiEndpoint"] });
    let without = document(&Settings::default());
    assert_eq!(without["Outputs"][OUTPUT_API_ENDPOINT]["Value"], own);
    for kind in ["DomainName", "ApiMapping", "MutualTls"] {
        assert!(!without["Resources"].to_string().contains(kind), "{kind}");
    }
    let name = Some("webhook.example.com".to_owned());
    let certificate_arn = Some("arn:aws:acm:eu-west-1:111122223333:certificate/0a".to_owned());
    let open = Domain { name, certificate_arn, ..Domain::default() };
    let closed = Domain { default_endpoint: false, ..open.clone() };
    for (domain, disabled) in [(Domain::default(), false), (open, false), (closed, true)] {
        let named = domain.name.is_some();
        let document = document(&Settings { domain, ..Settings::default() });
        assert_eq!(document["Resources"][RESOURCE_API]["Properties"]["DisableExecuteApiEndpoint"], disabled);
        if named {
            let endpoint = &document["Outputs"][OUTPUT_API_ENDPOINT]["Value"];
            assert_eq!(endpoint, &serde_json::json!({ "Fn::Sub": "https://${ApiDomain}" }));
            assert_eq!(document["Outputs"][OUTPUT_DEFAULT_ENDPOINT]["Value"], own);
            assert!(document["Outputs"].get(OUTPUT_DNS_TARGET).is_some());
            assert!(document["Resources"]["ApiDomain"]["Properties"].get("MutualTlsAuthentication").is_none());
        }
    }
}

#[test]
fn mutual_tls_asks_for_certificates_of_the_owners_authorities() {
    let document = document(&everything("aws", "eu-west-1"));
    let asked = &document["Resources"]["ApiDomain"]["Properties"]["MutualTlsAuthentication"];
    assert_eq!(asked, &serde_json::json!({ "TruststoreUri": "s3://our-trust/clients.pem", "TruststoreVersion": "v1" }));
    assert!(!document.to_string().contains("client.pem"), "the probe's key is no matter of the stack");
}

#[test]
fn the_stack_of_each_partition_is_the_golden_one() {
    for (partition, region) in [("aws", "eu-west-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")] {
        golden::check(&format!("stack_{partition}"), &rendered(&everything(partition, region)));
    }
}

#[test]
fn the_role_reaches_the_registries_of_the_policy_and_no_others() {
    let text = "[[policy.registries]]\n[[policy.registries]]\naccount = '444455556666'\nregion = 'eu-central-1'";
    let settings = Settings::from_text(text, "t", &crate::cli::GlobalArgs::default()).unwrap();
    let document = document(&settings);
    let statement = &document["Resources"]["FunctionRolePolicy"]["Properties"]["PolicyDocument"]["Statement"][0];
    let empty = |key: &str| statement["Condition"]["StringEquals"][key]["Fn::If"][1].clone();
    assert_eq!(empty("aws:ResourceAccount"), serde_json::json!([{ "Ref": "AWS::AccountId" }, "444455556666"]));
    assert_eq!(empty("aws:RequestedRegion"), serde_json::json!([{ "Ref": "AWS::Region" }, "eu-central-1"]));
    assert_eq!(document["Parameters"]["RegistryId"]["Default"], "");
}

#[test]
fn the_bootstrap_stack_is_the_golden_one() {
    golden::check("bootstrap", &bootstrap_template(&Settings::default()).unwrap());
}

#[test]
fn the_descriptions_and_the_api_are_the_ones_that_the_deployer_knows_its_stacks_by() {
    let bootstrap: Value = serde_saphyr::from_str(&bootstrap_template(&Settings::default()).unwrap()).unwrap();
    let stack = document(&Settings::default());
    assert_eq!([&stack["Description"], &bootstrap["Description"]], DESCRIPTIONS);
    assert_eq!(stack["Resources"][RESOURCE_API]["Type"], "AWS::ApiGatewayV2::Api");
    assert!(stack["Parameters"].get(PARAMETER_CALLER_DIGESTS).is_some());
}

#[test]
fn the_same_settings_give_the_same_bytes() {
    let settings = everything("aws", "eu-west-1");
    assert_eq!(rendered(&settings), rendered(&settings));
}

#[test]
fn no_template_names_a_partition() {
    let texts = [rendered(&Settings::default()), bootstrap_template(&Settings::default()).unwrap()];
    for text in texts {
        assert!(!text.contains("arn:aws"), "an ARN must begin with arn:${{AWS::Partition}}");
        assert!(!text.contains("amazonaws.com."), "a suffix must not be spelt out");
    }
}

#[test]
fn every_parameter_is_passed_and_only_the_callers_and_the_digest_have_no_default() {
    for provisioned_concurrency in [None, Some(1)] {
        let settings = Settings { provisioned_concurrency, ..Settings::default() };
        let (text, document) = (rendered(&settings), document(&settings));
        let declared = document["Parameters"].as_object().unwrap();
        let given = parameters(&settings, "staging=00");
        let passed = sealed(&text, &given);
        assert_eq!(declared.keys().collect::<BTreeSet<_>>(), passed.keys().collect::<BTreeSet<_>>());
        for (name, parameter) in declared {
            match parameter.get("Default") {
                None => assert!([PARAMETER_CALLER_DIGESTS, PARAMETER_SETTINGS_DIGEST].contains(&name.as_str())),
                Some(default) => assert_eq!(default, &passed[name], "{name}"),
            }
        }
    }
}

#[test]
fn the_defaults_are_the_owners_values() {
    let document = document(&everything("aws", "eu-west-1"));
    assert_eq!(document["Parameters"]["RegistryId"]["Default"], "111122223333,444455556666");
    assert_eq!(document["Parameters"]["RegistryRegion"]["Default"], "eu-west-1");
}

#[test]
fn the_outputs_are_the_ones_the_deployer_reads() {
    let document = document(&Settings::default());
    let outputs: BTreeSet<&str> = document["Outputs"].as_object().unwrap().keys().map(String::as_str).collect();
    let read = [
        OUTPUT_ALARM_TOPIC_ARN,
        OUTPUT_API_ENDPOINT,
        OUTPUT_API_ID,
        OUTPUT_API_LOG_GROUP,
        OUTPUT_FUNCTION_CODE,
        OUTPUT_FUNCTION_LOG_GROUP,
        OUTPUT_FUNCTION_NAME,
        OUTPUT_METRIC_NAMESPACE,
    ];
    assert_eq!(outputs, BTreeSet::from(read));
    let bootstrap: Value = serde_saphyr::from_str(&bootstrap_template(&Settings::default()).unwrap()).unwrap();
    assert!(bootstrap["Outputs"].get(OUTPUT_BUCKET_NAME).is_some());
}

#[test]
fn the_access_log_is_json_and_never_holds_the_path() {
    let document = document(&Settings::default());
    let format = document["Resources"]["ApiStage"]["Properties"]["AccessLogSettings"]["Format"].as_str().unwrap();
    let fields: Value = serde_json::from_str(format).unwrap();
    for (name, value) in fields.as_object().unwrap() {
        let variable = value.as_str().unwrap();
        assert!(!variable.to_lowercase().contains("path"), "{name} would log the caller's secret");
    }
    assert!(!format.contains('\n'), "one record is one line");
}

#[test]
fn each_link_of_the_timeout_chain_waits_longer_than_the_next() {
    let document = document(&Settings::default());
    let function = document["Resources"]["Function"]["Properties"]["Timeout"].as_u64().unwrap() * 1000;
    let integration = document["Resources"]["ApiIntegration"]["Properties"]["TimeoutInMillis"].as_u64().unwrap();
    let webhook = u64::from(Settings::default().cluster.timeout_seconds) * 1000;
    assert!(function < integration && integration < webhook, "{function} {integration} {webhook}");
}

#[test]
fn a_boundary_is_there_only_when_the_owner_gives_one() {
    let role = |settings: &Settings| document(settings)["Resources"]["FunctionRole"]["Properties"].clone();
    assert!(role(&Settings::default()).get("PermissionsBoundary").is_none());
    let boundary = &role(&everything("aws-cn", "cn-north-1"))["PermissionsBoundary"];
    assert_eq!(boundary, "arn:aws-cn:iam::111122223333:policy/boundary");
}

#[test]
fn a_broken_template_is_refused_before_aws_sees_it() {
    let context = stack_context(&Settings::default(), &location(), Architecture::Arm64);
    for (case, old, new) in [
        ("unknown variable", "<< parameters.LogLevel >>", "<< parameters.LogLevle >>"),
        ("dangling Ref", "Ref: Api\n", "Ref: Apis\n"),
        ("key twice", "  ApiId:\n    Description", "  ApiEndpoint:\n    Description"),
        ("unknown condition", "  OwnRegionOnly:\n", "  OwnRegion:\n"),
    ] {
        let stack = engine::EMBEDDED.iter().find(|(name, _)| *name == "stack.yaml.tera").unwrap().1;
        assert!(stack.contains(old), "{case}: the template has changed, change this test too");
        let broken = stack.replace(old, new);
        let templates: Vec<(&str, &str)> = engine::EMBEDDED
            .iter()
            .map(|&(name, text)| (name, if name == "stack.yaml.tera" { broken.as_str() } else { text }))
            .collect();
        assert!(cloudformation(&templates, "stack.yaml.tera", &context).is_err(), "{case}");
    }
}

/// `client.describe_repositories()` in the code is `ecr:DescribeRepositories` in the role.
fn ecr_calls(dir: &Path, found: &mut BTreeSet<String>) {
    for path in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "tests") {
                ecr_calls(&path, found);
            }
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for call in text.split("client.").skip(1) {
            if let Some((name, _)) = call.split_once("()")
                && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            {
                let camel = name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect::<String>();
                found.insert(format!("ecr:{camel}"));
            }
        }
    }
}

#[test]
fn the_role_grants_exactly_the_ecr_actions_that_the_code_calls() {
    let mut called = BTreeSet::new();
    ecr_calls(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../compliance/src/ecr"), &mut called);
    assert!(called.len() > 1, "the code has moved, change this test too: {called:?}");

    let document = document(&Settings::default());
    let statements = document["Resources"]["FunctionRolePolicy"]["Properties"]["PolicyDocument"]["Statement"].clone();
    let mut granted = BTreeSet::new();
    for statement in statements.as_array().unwrap() {
        match &statement["Action"] {
            Value::String(action) => granted.extend([action.clone()]),
            Value::Array(actions) => granted.extend(actions.iter().map(|action| action.as_str().unwrap().to_owned())),
            other => panic!("{other}"),
        }
    }
    called.extend(["logs:CreateLogStream".to_owned(), "logs:PutLogEvents".to_owned()]);
    assert_eq!(granted, called);
}

/// The alarms of a rendered stack by name.
fn alarms(settings: &Settings) -> Vec<(String, Value)> {
    let document = document(settings);
    let resources = document["Resources"].as_object().unwrap().clone().into_iter();
    resources.filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm").collect()
}

#[test]
fn every_alarm_says_what_to_do_and_tells_somebody_and_what_to_make_of_no_data() {
    for (name, alarm) in alarms(&Settings::default()) {
        let alarm = &alarm["Properties"];
        let description = alarm["AlarmDescription"].as_str().unwrap();
        assert!(description.contains(" Do: ") && description.len() <= 1024, "{name}: {description}");
        for list in ["AlarmActions", "OKActions"] {
            assert_eq!(alarm[list], serde_json::json!([{ "Ref": "AlarmTopic" }]), "{name} {list}");
        }
        let missing = if name == "SilenceAlarm" { "breaching" } else { "notBreaching" };
        assert_eq!(alarm["TreatMissingData"], missing, "{name}");
    }
}

#[test]
fn the_names_of_the_alarms_are_the_ones_the_deployer_knows() {
    let names = alarms(&Settings::default()).into_iter().map(|(_, alarm)| {
        let name = alarm["Properties"]["AlarmName"]["Fn::Sub"].as_str().unwrap().to_owned();
        name.strip_prefix("${AWS::StackName}-").unwrap().to_owned()
    });
    assert_eq!(names.collect::<BTreeSet<_>>(), ALARMS.iter().map(|&name| name.to_owned()).collect());
}

#[test]
fn the_owners_topic_is_used_instead_of_one_of_the_stack() {
    let settings = everything("aws-cn", "cn-north-1");
    for (name, alarm) in alarms(&settings) {
        let topic = "arn:aws-cn:sns:cn-north-1:111122223333:on-call";
        assert_eq!(alarm["Properties"]["AlarmActions"], serde_json::json!([topic]), "{name}");
    }
    assert!(document(&settings)["Resources"].get("AlarmTopic").is_none());
}

#[test]
fn alarms_can_be_left_out_one_by_one_and_together() {
    let count = |alarms: Alarms| self::alarms(&Settings { alarms, ..Settings::default() }).len();
    let all = count(Alarms::default());
    assert_eq!(count(Alarms { silence_hours: 0, ..Alarms::default() }), all - 1);
    assert_eq!(count(Alarms { denials: 0, ..Alarms::default() }), all - 1);
    assert_eq!(count(Alarms { enabled: false, ..Alarms::default() }), 0);
    let without = document(&Settings { alarms: Alarms { enabled: false, ..Alarms::default() }, ..Settings::default() });
    assert!(without["Resources"].get("AlarmTopic").is_none() && without["Outputs"].get("AlarmTopicArn").is_none());
}
