//! Whether the caller may do what a deploy takes: IAM simulates the actions of `deployer iam-policy` on the resources of
//! that policy. Nothing is tried. Simulation sees the caller's policies, its permissions boundary and the organization's
//! policies; it does not see the policies of resources and of sessions.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use aws_sdk_iam::{
    Client,
    types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType, ResourceSpecificResult},
};
use serde_json::Value;

use super::Finding;
use crate::{
    aws::{self, Aws, Identity},
    iam::{self, Place},
    settings::Settings,
};

/// IAM does a hundred actions in some hundred milliseconds; more at once are cut into pages anyway.
const AT_ONCE: usize = 100;
/// For all of them, throttling included.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who may nothing at all would get a wall of text.
const NAMED: usize = 12;

/// One statement of the policy, as a question.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    actions: Vec<String>,
    resources: Vec<String>,
    /// What the request will say of itself: key and value.
    context: Vec<(String, String)>,
}

/// Why an action is denied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// Names of the policies.
    Explicit(Vec<String>),
    Boundary,
    Organization,
    Nothing,
    /// A condition on these keys decides, and only a real request has them.
    Depends(Vec<String>),
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Explicit(policies) if policies.is_empty() => out.write_str("a policy denies it explicitly"),
            Self::Explicit(policies) => write!(out, "denied explicitly by {}", policies.join(", ")),
            Self::Boundary => out.write_str("outside the caller's permissions boundary"),
            Self::Organization => out.write_str("denied by the organization's service control policies"),
            Self::Nothing => out.write_str("no policy allows it"),
            Self::Depends(keys) => write!(out, "conditions on {} decide, which only a request has", keys.join(", ")),
        }
    }
}

type Denied = BTreeMap<Why, BTreeSet<String>>;

pub(super) async fn look(settings: &Settings, aws: &Aws, identity: &Identity) -> Vec<Finding> {
    let Identity { account, partition, arn } = identity;
    let place = Place { partition: partition.clone(), region: aws.region.clone(), account: account.clone() };
    let questions = match iam::policy(settings, &place) {
        Ok(policy) => questions(&policy),
        Err(failure) => return vec![unknown(&failure.message)],
    };
    let client = Client::new(&aws.config);
    let asked = async {
        let principal = principal(&client, partition, account, arn).await?;
        let denied = ask(&client, &principal, &questions).await?;
        Ok((principal, denied))
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok((principal, denied))) => told(&principal, &denied, &questions, &place),
        Ok(Err(note)) => vec![note],
        Err(_) => vec![unknown(&format!("IAM gave no answer within {} s", PATIENCE.as_secs()))],
    }
}

/// Statements that have nothing but `Action`, `Resource` and a `Condition` of `StringEquals`: that is how `iam` writes them.
fn questions(policy: &Value) -> Vec<Question> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let question = |statement: &Value| {
        let condition = statement["Condition"]["StringEquals"].as_object().into_iter().flatten();
        let context = condition.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect();
        Question { actions: texts(&statement["Action"]), resources: texts(&statement["Resource"]), context }
    };
    statements.map(question).collect()
}

/// Whom IAM can simulate: a user as it is, and of a session its role.
async fn principal(client: &Client, partition: &str, account: &str, arn: &str) -> Result<String, Finding> {
    let name = arn.splitn(6, ':').nth(5).unwrap_or_default();
    match name.split('/').collect::<Vec<_>>().as_slice() {
        ["user", ..] => Ok(arn.to_owned()),
        ["assumed-role", role, _] => {
            // The session's ARN leaves out the role's path, which roles of the Identity Center have.
            let asked = client.get_role().role_name(*role).send().await;
            let found = asked.ok().and_then(|answer| answer.role).map(|role| role.arn);
            Ok(found.unwrap_or_else(|| format!("arn:{partition}:iam::{account}:role/{role}")))
        }
        ["root"] => Err(Finding::note(
            "permissions",
            "these are credentials of the account's root user, to whom no policy denies anything",
            "Deploy as a role that has the policy of deployer iam-policy.",
        )),
        _ => Err(unknown(&format!("IAM cannot simulate {arn}"))),
    }
}

async fn ask(client: &Client, principal: &str, questions: &[Question]) -> Result<Denied, Finding> {
    let mut denied = Denied::new();
    for question in questions {
        for actions in question.actions.chunks(AT_ONCE) {
            let request = client
                .simulate_principal_policy()
                .policy_source_arn(principal)
                .set_action_names(Some(actions.to_vec()))
                .set_resource_arns(Some(question.resources.clone()))
                .set_context_entries(context(question));
            let results: Vec<EvaluationResult> =
                request.into_paginator().items().send().collect::<Result<_, _>>().await.map_err(|error| {
                    let why = aws::describe(&error);
                    match aws::code(&error) {
                        Some("AccessDenied" | "AccessDeniedException") => may_not_ask(principal, &why),
                        _ => unknown(&why),
                    }
                })?;
            for result in results {
                if let Some(why) = why(&result) {
                    denied.entry(why).or_default().insert(result.eval_action_name);
                }
            }
        }
    }
    Ok(denied)
}

fn context(question: &Question) -> Option<Vec<ContextEntry>> {
    let entry = |(key, value): &(String, String)| {
        ContextEntry::builder()
            .context_key_name(key)
            .context_key_values(value)
            .context_key_type(ContextKeyTypeEnum::String)
            .build()
    };
    (!question.context.is_empty()).then(|| question.context.iter().map(entry).collect())
}

/// `None`: allowed. The result stands for all resources that were asked about, and is that of the worst.
fn why(result: &EvaluationResult) -> Option<Why> {
    if result.eval_decision == PolicyEvaluationDecisionType::Allowed {
        return None;
    }
    if result.organizations_decision_detail.as_ref().is_some_and(|detail| !detail.allowed_by_organizations) {
        return Some(Why::Organization);
    }
    if result
        .permissions_boundary_decision_detail
        .as_ref()
        .is_some_and(|detail| !detail.allowed_by_permissions_boundary)
    {
        return Some(Why::Boundary);
    }
    let of_resources =
        result.resource_specific_results().iter().flat_map(ResourceSpecificResult::missing_context_values);
    let keys: BTreeSet<&String> = result.missing_context_values().iter().chain(of_resources).collect();
    if !keys.is_empty() {
        return Some(Why::Depends(keys.into_iter().cloned().collect()));
    }
    if result.eval_decision != PolicyEvaluationDecisionType::ExplicitDeny {
        return Some(Why::Nothing);
    }
    let policies: BTreeSet<&str> =
        result.matched_statements().iter().filter_map(|statement| statement.source_policy_id()).collect();
    Some(Why::Explicit(policies.into_iter().map(str::to_owned).collect()))
}

fn told(principal: &str, denied: &Denied, questions: &[Question], place: &Place) -> Vec<Finding> {
    if denied.is_empty() {
        let actions: BTreeSet<&String> = questions.iter().flat_map(|question| &question.actions).collect();
        return vec![Finding::ok(
            "permissions",
            format!("{principal} may do all {} actions of a deploy", actions.len()),
        )];
    }
    let Place { region, account, .. } = place;
    let policy = format!("deployer iam-policy --account {account} --region {region}");
    let finding = |(why, actions): (&Why, &BTreeSet<String>)| match why {
        Why::Depends(_) => Finding::note(
            "permissions",
            format!("{principal} may or may not: {} ({why})", named(actions)),
            format!("Compare the conditions of its policies with {policy}"),
        ),
        Why::Nothing => Finding::problem(
            "permissions",
            format!("{principal} may not: {} ({why})", named(actions)),
            format!("Attach the policy that this prints: {policy}"),
        ),
        _ => Finding::problem(
            "permissions",
            format!("{principal} may not: {} ({why})", named(actions)),
            format!("Ask whoever made that rule; what a deploy takes is printed by {policy}"),
        ),
    };
    denied.iter().map(finding).collect()
}

fn named(actions: &BTreeSet<String>) -> String {
    let first: Vec<&str> = actions.iter().take(NAMED).map(String::as_str).collect();
    let more = actions.len().saturating_sub(NAMED);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{rest}", first.join(", "))
}

fn may_not_ask(principal: &str, why: &str) -> Finding {
    Finding {
        fix: Some(format!("Nothing has to be done. To see it, permit iam:SimulatePrincipalPolicy on {principal}.")),
        ..unknown(why)
    }
}

fn unknown(why: &str) -> Finding {
    Finding::note(
        "permissions",
        format!("it cannot be seen whether a deploy is permitted: {why}"),
        "Compare the caller's policies with deployer iam-policy.",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
