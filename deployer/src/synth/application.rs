//! The stack as an application of the AWS Serverless Application Repository: a folder that `sam package` and `sam publish`
//! take. The same resources as the stack's; what differs: where the function's code comes from, what the repository shows,
//! and what it does not take (saved queries, and a role's policy by its newer type).
//! The names and patterns: AWS SAM developer guide, "AWS SAM template Metadata section properties".

use serde_json::{Value, json};
use tera::Context;

use super::{
    ArtifactLocation, DESCRIPTIONS, WebhookManifest, cloudformation, engine, overrides, stack_context, webhook_manifest,
};
use crate::{
    error::Failure,
    settings::{Architecture, FailurePolicy, Settings},
};

/// The function's zip, as the template calls it.
pub const CODE_FILE: &str = "function.zip";
/// What the repository shows of the application.
pub const README_FILE: &str = "README.md";
/// The text of the licence.
pub const LICENSE_FILE: &str = "LICENSE";
/// Of this project.
pub const LICENSE: &str = include_str!("../../../LICENSE");

/// Where the readme's manifest has what only its reader knows.
const ENDPOINT: &str = "https://endpoint.invalid";
const CLUSTER: &str = "staging";
const SECRET: &str = "SECRET";

/// How `synth` writes the stack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// As the deployer deploys it.
    #[default]
    Cloudformation,
    /// With the metadata of the Serverless Application Repository.
    Sam,
}

/// The template of the application, whose code is [`CODE_FILE`] beside it.
///
/// # Errors
/// As for `stack_template`; and `Usage` with provisioned concurrency.
pub fn application_template(settings: &Settings, architecture: Architecture) -> Result<String, Failure> {
    if settings.provisioned_concurrency.is_some() {
        return Err(Failure::usage("provisioned_concurrency cannot be published as an application: whoever deploys that has no deployer to publish a version for each change")
            .with_hint("Leave the key out of the settings that the application is made of."));
    }
    // There is no bucket yet: `sam package` chooses it.
    let nowhere = ArtifactLocation { bucket: String::new(), key: String::new() };
    let mut context = stack_context(settings, &nowhere, architecture);
    context.insert("application", &metadata(settings));
    cloudformation(&overrides::lay_over(&settings.templates), "stack.yaml.tera", &context)
}

/// What [`README_FILE`] holds: how to deploy the application and register the webhook, without this program.
///
/// # Errors
/// When a template is broken.
pub fn application_readme(settings: &Settings) -> Result<String, Failure> {
    let url = format!("{ENDPOINT}/v1/{CLUSTER}/{SECRET}");
    let failure_policy = settings.cluster.failure_policy.unwrap_or(FailurePolicy::Ignore);
    let webhook = webhook_manifest(settings, &WebhookManifest { url: &url, ca_bundle: None, failure_policy })?;
    let mut context = Context::new();
    context.insert("name", &settings.application.name);
    context.insert("webhook", webhook.trim_end());
    context.insert("endpoint", ENDPOINT);
    context.insert("cluster", CLUSTER);
    context.insert("secret", SECRET);
    engine::render(&overrides::lay_over(&settings.templates), "application.md.tera", &context)
}

fn metadata(settings: &Settings) -> Value {
    let application = &settings.application;
    json!({
        "code": format!("./{CODE_FILE}"),
        "name": application.name,
        "description": DESCRIPTIONS[0],
        "author": application.author,
        "home_page": application.home_page,
        "license": env!("CARGO_PKG_LICENSE"),
        "license_file": LICENSE_FILE,
        "readme_file": README_FILE,
        "labels": ["admission-webhook", "ecr", "kubernetes", "security"],
        "version": env!("CARGO_PKG_VERSION"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden;

    fn document(settings: &Settings) -> Value {
        serde_saphyr::from_str(&application_template(settings, Architecture::Arm64).unwrap()).unwrap()
    }

    #[test]
    fn the_application_and_its_readme_are_the_golden_ones() {
        golden::check("application", &application_template(&Settings::default(), Architecture::Arm64).unwrap());
        golden::check("application_readme", &application_readme(&Settings::default()).unwrap());
    }

    #[test]
    fn it_is_the_stack_but_for_where_the_code_comes_from() {
        let settings = Settings { tracing: true, ..Settings::default() };
        let location = ArtifactLocation { bucket: "b".to_owned(), key: "k".to_owned() };
        let stack = super::super::stack_template(&settings, &location, Architecture::Arm64).unwrap();
        let mut stack: Value = serde_saphyr::from_str(&stack).unwrap();
        let mut application = document(&settings);
        for (name, document) in [("Roles", &mut application), ("RoleName", &mut stack)] {
            let policy = document["Resources"]["FunctionRolePolicy"].as_object_mut().unwrap();
            policy.remove("Type");
            policy.remove("Metadata");
            policy["Properties"].as_object_mut().unwrap().remove(name).unwrap();
        }
        stack["Resources"].as_object_mut().unwrap().retain(|_, one| one["Type"] != "AWS::Logs::QueryDefinition");
        let properties = |document: &mut Value, names: [&str; 2]| {
            let function = document["Resources"]["Function"].as_object_mut().unwrap();
            function.remove("Type");
            let properties = function["Properties"].as_object_mut().unwrap();
            names.map(|name| properties.remove(name).unwrap())
        };
        assert_eq!(properties(&mut application, ["CodeUri", "Tracing"]), ["./function.zip", "Active"]);
        properties(&mut stack, ["Code", "TracingConfig"]);
        assert_eq!(application["Resources"], stack["Resources"]);
        assert_eq!(application["Parameters"], stack["Parameters"]);
        stack["Outputs"].as_object_mut().unwrap().remove(super::super::OUTPUT_FUNCTION_CODE);
        assert_eq!(application["Outputs"], stack["Outputs"]);
    }

    #[test]
    fn a_published_version_that_nobody_would_publish_anew_is_refused() {
        let settings = Settings { provisioned_concurrency: Some(1), ..Settings::default() };
        let failure = application_template(&settings, Architecture::Arm64).unwrap_err();
        assert!(failure.message.contains("provisioned_concurrency") && failure.hint.is_some(), "{failure:?}");
    }

    #[test]
    fn the_repository_takes_every_type_of_resource() {
        // Of its "List of Supported AWS Resources", what we use.
        const TAKEN: &[&str] = &[
            "AWS::ApiGatewayV2::Api",
            "AWS::ApiGatewayV2::Integration",
            "AWS::ApiGatewayV2::Route",
            "AWS::ApiGatewayV2::Stage",
            "AWS::CloudWatch::Alarm",
            "AWS::CloudWatch::Dashboard",
            "AWS::IAM::Policy",
            "AWS::IAM::Role",
            "AWS::Lambda::Permission",
            "AWS::Logs::LogGroup",
            "AWS::SNS::Topic",
            "AWS::SNS::TopicPolicy",
            "AWS::Serverless::Function",
        ];
        for (name, resource) in document(&Settings::default())["Resources"].as_object().unwrap() {
            assert!(TAKEN.contains(&resource["Type"].as_str().unwrap()), "{name}: {resource}");
        }
    }

    #[test]
    fn the_metadata_is_what_the_repository_takes() {
        let text =
            "[application]\nauthor = 'our-team'\nname = 'Our-Webhook'\nhome_page = 'https://example.com/webhook'";
        let settings = Settings::from_text(text, "t", &crate::cli::GlobalArgs::default()).unwrap();
        for settings in [&settings, &Settings::default()] {
            let document = document(settings);
            assert_eq!(document["Transform"], "AWS::Serverless-2016-10-31");
            let shown = &document["Metadata"]["AWS::ServerlessRepo::Application"];
            assert_eq!(shown["Name"], settings.application.name);
            assert_eq!(shown["Author"], settings.application.author);
            assert_eq!(shown["HomePageUrl"].as_str(), settings.application.home_page.as_deref());
            assert!((1..=256).contains(&shown["Description"].as_str().unwrap().len()));
            assert_eq!((&shown["SpdxLicenseId"], &shown["LicenseUrl"]), (&"Apache-2.0".into(), &"LICENSE".into()));
            assert_eq!(shown["SemanticVersion"].as_str().unwrap().split('.').count(), 3);
        }
        assert!(LICENSE.contains("Apache License"));
    }
}
