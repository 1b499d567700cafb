//! What a change means for the owner: what is lost when a resource is replaced, and which rights grow. Pure.

use std::{collections::BTreeSet, fmt};

use serde_json::Value;

use crate::stack::change::{Action, PropertyChange, ResourceChange};

/// What is lost when a resource is replaced or deleted, by its type.
const LOST: &[(&str, &str)] = &[
    (
        "AWS::ApiGatewayV2::Api",
        "clusters lose the endpoint: each of them must be deployed for again, and until then its failurePolicy decides about Pods",
    ),
    ("AWS::ApiGatewayV2::Stage", "the endpoint is gone for a moment, and the failurePolicy decides about Pods"),
    ("AWS::ApiGatewayV2::Route", "the endpoint is gone for a moment, and the failurePolicy decides about Pods"),
    ("AWS::ApiGatewayV2::Integration", "the endpoint is gone for a moment, and the failurePolicy decides about Pods"),
    (
        "AWS::ApiGatewayV2::ApiMapping",
        "clusters that call the custom domain get 404, and the failurePolicy decides about Pods",
    ),
    ("AWS::ApiGatewayV2::DomainName", "clusters lose the custom domain until DNS points to the new one"),
    ("AWS::Lambda::Function", "the function is another one: metrics and logs begin anew"),
    ("AWS::Logs::LogGroup", "its log lines are lost"),
    ("AWS::SNS::Topic", "its subscriptions are lost: nobody is told of alarms until they subscribe again"),
    ("AWS::S3::Bucket", "a bucket that holds anything stays behind"),
];

/// What `change` means, each in one sentence; `before` and `after` are the templates.
pub(super) fn of(change: &ResourceChange, before: &Value, after: &Value) -> Vec<String> {
    let mut means = Vec::new();
    let lost = LOST.iter().find(|(kind, _)| *kind == change.resource_type).map(|(_, what)| *what);
    let what = match change.action {
        Action::Replace => "is replaced by a new one",
        Action::MayReplace => "may be replaced by a new one",
        Action::Remove => "is deleted",
        Action::Add | Action::Change => "",
    };
    if let (false, Some(lost)) = (what.is_empty(), lost) {
        means.push(format!("it {what}: {lost}"));
    }
    if change.resource_type == "AWS::ApiGatewayV2::Api" {
        let closed = |template: &Value| {
            template["Resources"][&change.logical_id]["Properties"]["DisableExecuteApiEndpoint"] == true
        };
        if closed(after) && !closed(before) && before.get("Resources").is_some() {
            means.push("the API's own endpoint is closed: clusters that still call it lose the webhook, and the failurePolicy decides about Pods".to_owned());
        }
    }
    if change.resource_type.starts_with("AWS::IAM::") && change.action != Action::Remove {
        let of = |template: &Value| template["Resources"][&change.logical_id]["Properties"].clone();
        // Of a whole stack that is made, every right is new; that is no news.
        if before.get("Resources").is_some() {
            means.extend(broadened(&of(before), &of(after)));
        }
    }
    means
}

/// What an IAM resource allows after a change and did not before.
fn broadened(before: &Value, after: &Value) -> Vec<String> {
    let (old, new) = (statements(before, "Allow"), statements(after, "Allow"));
    // What was allowed without a condition is not allowed more by one.
    let known =
        |grant: &Grant| old.contains(grant) || old.contains(&Grant { condition: String::new(), ..grant.clone() });
    let more = new.iter().filter(|grant| !known(grant));
    let mut means: Vec<String> = more.map(|grant| format!("more rights: {grant}")).collect();
    let (old, new) = (statements(before, "Deny"), statements(after, "Deny"));
    means.extend(old.difference(&new).map(|denial| format!("more rights: no longer refused is {denial}")));
    let (old, new) = (&before["PermissionsBoundary"], &after["PermissionsBoundary"]);
    if !old.is_null() && old != new {
        means.push("more rights, perhaps: another permissions boundary, or none".to_owned());
    }
    for policy in after["ManagedPolicyArns"].as_array().into_iter().flatten() {
        if !before["ManagedPolicyArns"].as_array().is_some_and(|known| known.contains(policy)) {
            means.push(format!("more rights: the managed policy {}", shown(policy)));
        }
    }
    means
}

/// One action on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    /// `action on resource by principal`.
    what: String,
    /// Empty: always.
    condition: String,
}

impl fmt::Display for Grant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.what)?;
        if self.condition.is_empty() { Ok(()) } else { write!(out, ", where {}", self.condition) }
    }
}

/// What the resource's policies say with that effect.
fn statements(resource: &Value, effect: &str) -> BTreeSet<Grant> {
    let inline = resource["Policies"].as_array().into_iter().flatten().map(|policy| &policy["PolicyDocument"]);
    let documents = [&resource["PolicyDocument"], &resource["AssumeRolePolicyDocument"]].into_iter().chain(inline);
    let statements = documents.flat_map(|document| each(&document["Statement"]));
    statements.filter(|statement| statement["Effect"] == effect).flat_map(of_statement).collect()
}

fn of_statement(statement: &Value) -> Vec<Grant> {
    let optional = |value: &Value| if value.is_null() { String::new() } else { shown(value) };
    let condition = optional(&statement["Condition"]);
    let who = match &statement["Principal"] {
        Value::Null => String::new(),
        principal => format!(" by {}", shown(principal)),
    };
    let actions = each(&statement["Action"]).into_iter().map(shown);
    let all_but = each(&statement["NotAction"]).into_iter().map(|action| format!("all but {}", shown(action)));
    let mut found = Vec::new();
    for action in actions.chain(all_but) {
        let resources = each(&statement["Resource"]);
        let places = if resources.is_empty() {
            vec![String::new()]
        } else {
            resources.into_iter().map(|resource| format!(" on {}", shown(resource))).collect()
        };
        found.extend(
            places
                .into_iter()
                .map(|place| Grant { what: format!("{action}{place}{who}"), condition: condition.clone() }),
        );
    }
    found
}

fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a Parameter that decides about rights means when it changes: the registries that the function may read.
pub(super) fn of_parameter(change: &PropertyChange) -> Vec<String> {
    let what = match change.path.as_str() {
        "RegistryId" => "registries of the account",
        "RegistryRegion" => "registries in the region",
        _ => return Vec::new(),
    };
    let entries = |value: &Option<String>| -> BTreeSet<String> {
        value.as_deref().unwrap_or_default().split(',').filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
    };
    let (old, new) = (entries(&change.before), entries(&change.after));
    new.difference(&old)
        .map(|entry| format!("more rights: the function may read {what} {entry}, and accepts them"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(statements: &Value) -> Value {
        json!({ "PolicyDocument": { "Statement": statements } })
    }

    #[test]
    fn rights_that_grow_are_named_and_rights_that_shrink_are_not() {
        let read = json!({ "Effect": "Allow", "Action": ["ecr:A"], "Resource": "r/*" });
        let cases = [
            (
                "another action",
                json!({ "Effect": "Allow", "Action": ["ecr:A", "ecr:B"], "Resource": "r/*" }),
                Some("ecr:B on r/*"),
            ),
            (
                "another resource",
                json!({ "Effect": "Allow", "Action": "ecr:A", "Resource": ["r/*", "*"] }),
                Some("ecr:A on *"),
            ),
            (
                "all but some",
                json!({ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" }),
                Some("all but iam:* on *"),
            ),
            ("the same", read.clone(), None),
            (
                "a condition more",
                json!({ "Effect": "Allow", "Action": ["ecr:A"], "Resource": "r/*", "Condition": { "Bool": { "x": "y" } } }),
                None,
            ),
            ("nothing", json!([]), None),
        ];
        for (name, after, expected) in cases {
            let means = broadened(&policy(&read), &policy(&after));
            match expected {
                None => assert!(means.is_empty(), "{name}: {means:?}"),
                Some(word) => assert!(means.len() == 1 && means[0].contains(word), "{name}: {means:?}"),
            }
        }
        let denied = json!([read, { "Effect": "Deny", "Action": "ecr:A", "Resource": "r/x" }]);
        assert!(broadened(&policy(&denied), &policy(&read))[0].contains("no longer refused is ecr:A on r/x"));
    }

    #[test]
    fn a_role_that_others_may_take_on_or_that_loses_its_boundary_has_more_rights() {
        let role = |principal: &str, boundary: Option<&str>| {
            json!({
                "AssumeRolePolicyDocument": { "Statement": [
                    { "Effect": "Allow", "Principal": { "Service": principal }, "Action": "sts:AssumeRole" },
                ] },
                "PermissionsBoundary": boundary,
            })
        };
        let before = role("lambda.amazonaws.com", Some("arn"));
        assert!(broadened(&before, &before).is_empty());
        assert!(broadened(&before, &role("ec2.amazonaws.com", Some("arn")))[0].contains("ec2"));
        assert!(broadened(&before, &role("lambda.amazonaws.com", None))[0].contains("boundary"));
    }

    #[test]
    fn a_replaced_api_says_that_clusters_lose_the_endpoint() {
        let change = |action, kind: &str| ResourceChange {
            action,
            logical_id: "Api".to_owned(),
            resource_type: kind.to_owned(),
            properties: Vec::new(),
        };
        let nothing = json!({});
        for action in [Action::Replace, Action::MayReplace, Action::Remove] {
            let means = of(&change(action, "AWS::ApiGatewayV2::Api"), &nothing, &nothing);
            assert!(means[0].contains("clusters lose the endpoint"), "{means:?}");
        }
        assert!(of(&change(Action::Change, "AWS::ApiGatewayV2::Api"), &nothing, &nothing).is_empty());
        let api =
            |closed: bool| json!({ "Resources": { "Api": { "Properties": { "DisableExecuteApiEndpoint": closed } } } });
        let changed = change(Action::Change, "AWS::ApiGatewayV2::Api");
        assert!(of(&changed, &api(false), &api(true))[0].contains("own endpoint is closed"));
        assert!(of(&changed, &api(true), &api(true)).is_empty() && of(&changed, &nothing, &api(true)).is_empty());
    }

    #[test]
    fn another_registry_is_more_rights() {
        let change = |path: &str, before: &str, after: &str| PropertyChange {
            path: path.to_owned(),
            before: Some(before.to_owned()),
            after: Some(after.to_owned()),
            ..PropertyChange::default()
        };
        assert!(of_parameter(&change("RegistryId", "1", "1,2"))[0].contains("account 2"));
        assert!(of_parameter(&change("RegistryId", "1,2", "1")).is_empty());
        assert!(of_parameter(&change("LogLevel", "info", "debug")).is_empty());
    }
}
