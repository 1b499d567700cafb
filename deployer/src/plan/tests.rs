//! Whole plans as values, and the screen that people see of them.

use serde_json::json;

use super::*;
use crate::{golden, stack::change::Action};

fn change(action: Action, id: &str, kind: &str, properties: &[(&str, Option<&str>, Option<&str>)]) -> ResourceChange {
    let property = |(path, before, after): &(&str, Option<&str>, Option<&str>)| PropertyChange {
        path: (*path).to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
        ..PropertyChange::default()
    };
    ResourceChange {
        action,
        logical_id: id.to_owned(),
        resource_type: kind.to_owned(),
        properties: properties.iter().map(property).collect(),
    }
}

fn update() -> Plan {
    let policy = |actions: &Value| {
        json!({ "Properties": { "PolicyDocument": { "Statement": [
            { "Effect": "Allow", "Action": actions, "Resource": "*" },
        ] } } })
    };
    let before =
        json!({ "Resources": { "FunctionRolePolicy": policy(&json!("ecr:DescribeRepositories")) }, "Outputs": {} });
    let after = json!({
        "Resources": { "FunctionRolePolicy": policy(&json!(["ecr:DescribeRepositories", "ecr:*"])) },
        "Outputs": { "ApiId": { "Value": "x" } },
    });
    let texts = Texts { before: &before, after: &after };
    let mut replaced =
        change(Action::Replace, "Api", "AWS::ApiGatewayV2::Api", &[("ProtocolType", Some("HTTP"), Some("WEBSOCKET"))]);
    replaced.properties[0].replaces = true;
    let long = format!("ecr-compliance-webhook/lambda/{}.zip", "0a".repeat(32));
    let mut code =
        change(Action::Change, "Function", "AWS::Lambda::Function", &[("Code.S3Key", Some(&long), Some("new.zip"))]);
    code.properties.push(PropertyChange {
        path: "Environment.Variables.LOG_LEVEL".to_owned(),
        because: Some("the parameter LogLevel".to_owned()),
        ..PropertyChange::default()
    });
    let changes = vec![
        replaced,
        code,
        change(Action::Change, "FunctionRolePolicy", "AWS::IAM::RolePolicy", &[]),
        change(Action::Add, "DenialsAlarm", "AWS::CloudWatch::Alarm", &[]),
        change(Action::Remove, "AlarmTopic", "AWS::SNS::Topic", &[]),
    ];
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let values = Layer::values(
        [
            &map(&[("LogLevel", "info"), ("RegistryId", ""), ("CallerDigests", "prod=00")]),
            &map(&[("LogLevel", "debug"), ("RegistryId", "444455556666"), ("CallerDigests", "prod=00,staging=11")]),
        ],
        [&map(&[("team", "a")]), &map(&[])],
        texts,
    );
    Plan {
        place: "account 111122223333 (aws), region eu-west-1".to_owned(),
        identity: "arn:aws:sts::111122223333:assumed-role/deploy/me".to_owned(),
        function: "arm64 0123456789ab".to_owned(),
        policy: Some("0123456789ab".to_owned()),
        bootstrap: Some(Layer {
            name: "app-bootstrap".to_owned(),
            intention: "no change (the bucket b is there)".to_owned(),
            ..Layer::default()
        }),
        stack: Layer {
            name: "app".to_owned(),
            intention: "update it (it is UPDATE_COMPLETE)".to_owned(),
            changes: true,
            values,
            resources: Layer::resources(changes, texts),
        },
        webhooks: vec![WebhookLayer {
            name: "app".to_owned(),
            context: "prod".to_owned(),
            server: "https://k8s".to_owned(),
            intention: "change it".to_owned(),
            failure_policy: "Fail".to_owned(),
            changes: true,
            fields: vec![PropertyChange {
                path: "webhooks.pods.timeoutSeconds".to_owned(),
                before: Some("5".to_owned()),
                after: Some("10".to_owned()),
                ..PropertyChange::default()
            }],
        }],
        changes: true,
    }
}

#[test]
fn the_screen_of_an_update_is_the_golden_one() {
    golden::check("plan_update", &update().to_string());
}

#[test]
fn programs_get_the_same_as_an_object() {
    let text = serde_json::to_string_pretty(&update()).unwrap();
    golden::check("plan_update_json", &text);
}

#[test]
fn a_plan_without_changes_says_so() {
    let mut plan = update();
    plan.changes = false;
    assert!(plan.to_string().ends_with("\nno changes"), "{plan}");
}

#[test]
fn outputs_that_change_alone_are_told() {
    let (before, after) =
        (json!({ "Outputs": { "A": { "Value": "1" } } }), json!({ "Outputs": { "A": { "Value": "2" } } }));
    let none = BTreeMap::new();
    let values = Layer::values([&none, &none], [&none, &none], Texts { before: &before, after: &after });
    assert_eq!(values.len(), 1);
    assert_eq!(values[0].change.path, "output A.Value");
}
