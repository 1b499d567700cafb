//! Change sets: make one, read what it would do, throw it away, execute it.
//!
//! Nothing here watches the stack while a change set runs; that is `follow`. A change set that we do not execute is
//! removed again, and so is the empty shell of a stack which only it brought about. Other people's are left alone.

use std::{borrow::Cow, collections::BTreeMap, time::SystemTime};

use aws_sdk_cloudformation::{
    error::SdkError,
    operation::describe_change_set::{DescribeChangeSetError, DescribeChangeSetOutput},
    types::{Capability, ChangeSetStatus, ChangeSetType, ExecutionStatus, Parameter, StackStatus, Tag},
};
use sha2::{Digest, Sha256};

use super::{
    Pace, StackClient,
    change::{self, ResourceChange},
    validation,
};
use crate::{
    aws,
    error::{ExitCode, Failure},
    synth,
};

/// Our change sets' names begin with this; only such are ever removed.
const PREFIX: &str = "deployer-";

/// How the reason of a change set begins whose changes, asked for with their values, are not all there.
const INCOMPLETE: &str = "[WARN] --include-property-values option can return incomplete ChangeSet data";

/// What the stack shall become.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    template: &'a str,
    parameters: Cow<'a, BTreeMap<String, String>>,
    tags: &'a BTreeMap<String, String>,
}

/// A change set that can be executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSet {
    /// Its name: known before it exists, so that it can be removed even when creating it was interrupted.
    pub name: String,
    /// Its id (ARN), once it exists.
    pub id: String,
    /// Id (ARN) of the stack.
    pub stack_id: String,
    /// What it would do.
    pub changes: Vec<ResourceChange>,
}

/// What came of planning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planned {
    /// The stack is already what we want.
    NoChanges,
    /// It is not, and this would make it so.
    Changes(ChangeSet),
}

impl<'a> Wanted<'a> {
    /// `template`: its text, of which `CloudFormation` takes up to 51,200 bytes. `parameters`: every one that the template
    /// has; the digest of a published version is set here, so that no update can leave it at that of before. `tags`: of the
    /// stack, whose resources inherit them.
    #[must_use]
    pub fn new(
        template: &'a str,
        parameters: &'a BTreeMap<String, String>,
        tags: &'a BTreeMap<String, String>,
    ) -> Self {
        Self { template, parameters: synth::sealed(template, parameters), tags }
    }

    /// Every parameter, the digest included.
    #[must_use]
    pub fn parameters(&self) -> &BTreeMap<String, String> {
        &self.parameters
    }

    /// `deployer-<8 hex of what is wanted>-<seconds since 1970>`.
    #[must_use]
    pub fn change_set_name(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.template);
        for (key, value) in self.parameters.iter().chain(self.tags) {
            // Length-free concatenation would let two different maps hash alike; a separator that no value can hold will do.
            hash.update(format!("\0{key}\0{value}"));
        }
        let digest = crate::cluster::caller::hex(&hash.finalize()[..4]);
        let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        format!("{PREFIX}{digest}-{seconds}")
    }

    fn sdk_parameters(&self) -> Vec<Parameter> {
        let parameter =
            |(key, value): (&String, &String)| Parameter::builder().parameter_key(key).parameter_value(value).build();
        self.parameters.iter().map(parameter).collect()
    }

    fn tags(&self) -> Vec<Tag> {
        self.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
    }
}

/// The least that `CloudFormation` wants acknowledged for this template.
#[must_use]
pub fn capabilities(template: &str) -> Vec<String> {
    let mut needed = Vec::new();
    if names_an_iam_resource(template) {
        needed.push(Capability::CapabilityNamedIam);
    } else if template.contains("AWS::IAM::") {
        needed.push(Capability::CapabilityIam);
    }
    // What a macro makes of the template is not in its text.
    if template.lines().any(|line| line.starts_with("Transform:")) {
        needed.push(Capability::CapabilityAutoExpand);
    }
    needed.iter().map(|capability| capability.as_str().to_owned()).collect()
}

/// Whether an IAM resource is given a fixed name. Read line by line: our templates are YAML with `Type` first, and
/// `RoleName` of an `AWS::IAM::RolePolicy` only refers to a role.
fn names_an_iam_resource(template: &str) -> bool {
    const NAMING: &[(&str, &str)] = &[
        ("AWS::IAM::Role", "RoleName:"),
        ("AWS::IAM::User", "UserName:"),
        ("AWS::IAM::Group", "GroupName:"),
        ("AWS::IAM::ManagedPolicy", "ManagedPolicyName:"),
        ("AWS::IAM::InstanceProfile", "InstanceProfileName:"),
    ];
    let mut current = "";
    template.lines().map(str::trim).any(|line| {
        if let Some(kind) = line.strip_prefix("Type:") {
            current = kind.trim();
        }
        NAMING.iter().any(|(kind, property)| *kind == current && line.starts_with(property))
    })
}

impl StackClient {
    /// Make the change set `name` and wait until `CloudFormation` has worked out what it would do.
    ///
    /// # Errors
    /// When `CloudFormation` refuses it or it fails; it is removed again then.
    pub async fn plan(&self, name: &str, kind: ChangeSetType, wanted: &Wanted<'_>) -> Result<Planned, Failure> {
        let created = self
            .client
            .create_change_set()
            .stack_name(&self.name)
            .change_set_name(name)
            .client_token(name)
            .change_set_type(kind)
            .template_body(wanted.template)
            .set_parameters(Some(wanted.sdk_parameters()))
            .set_tags(Some(wanted.tags()))
            .set_capabilities(Some(
                capabilities(wanted.template).iter().map(|word| Capability::from(word.as_str())).collect(),
            ))
            .send()
            .await
            .map_err(|error| {
                aws::failure(&format!("no change set could be made for the stack {}", self.name), &error)
            })?;
        let stack_id = created.stack_id().unwrap_or(&self.name).to_owned();
        let id = created.id().unwrap_or(name).to_owned();
        let described = self.settled_change_set(&id, &stack_id).await?;
        if described.status() == Some(&ChangeSetStatus::CreateComplete) {
            let changes = self.all_changes(&id, &stack_id).await?;
            return Ok(Planned::Changes(ChangeSet { name: name.to_owned(), id, stack_id, changes }));
        }
        let reason = described.status_reason().unwrap_or("no reason was given").to_owned();
        if says_no_changes(&reason) {
            return Ok(Planned::NoChanges);
        }
        let details =
            validation::failed_events(&self.client, validation::Of::ChangeSet { id: &id, stack_id: &stack_id }).await;
        Err(refused(&self.name, &reason, &details))
    }

    /// Poll until the change set is neither pending nor in progress.
    async fn settled_change_set(&self, id: &str, stack_id: &str) -> Result<DescribeChangeSetOutput, Failure> {
        let (mut look, mut failures) = (0, 0);
        loop {
            let answer = self.client.describe_change_set().change_set_name(id).stack_name(stack_id).send().await;
            match answer {
                Ok(described) => match described.status() {
                    Some(ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress) => failures = 0,
                    _ => return Ok(described),
                },
                Err(error) => {
                    failures += 1;
                    if failures >= Pace::LOST_AFTER {
                        return Err(aws::failure(&format!("the change set {id} could not be read"), &error));
                    }
                }
            }
            tokio::time::sleep(self.pace.pause(look)).await;
            look += 1;
        }
    }

    /// With the values before and after. Where those are refused (elsewhere than in the commercial partition they may not
    /// be known) or incomplete, what a plain look shows counts.
    async fn all_changes(&self, id: &str, stack_id: &str) -> Result<Vec<ResourceChange>, Failure> {
        let unreadable = |error| aws::failure(&format!("the change set {id} could not be read"), &error);
        match self.pages(id, stack_id, true).await {
            Ok((values, false)) => Ok(values),
            Ok((values, true)) => {
                let (plain, _) = self.pages(id, stack_id, false).await.map_err(unreadable)?;
                Ok(change::merge(values, plain))
            }
            Err(error) if aws::code(&error) == Some("ValidationError") => {
                self.pages(id, stack_id, false).await.map(|(plain, _)| plain).map_err(unreadable)
            }
            Err(error) => Err(unreadable(error)),
        }
    }

    /// Every page of the changes, and whether `CloudFormation` warns that some are missing.
    async fn pages(
        &self,
        id: &str,
        stack_id: &str,
        values: bool,
    ) -> Result<(Vec<ResourceChange>, bool), SdkError<DescribeChangeSetError>> {
        let (mut changes, mut incomplete, mut token) = (Vec::new(), false, None);
        loop {
            let page = self
                .client
                .describe_change_set()
                .change_set_name(id)
                .stack_name(stack_id)
                .set_include_property_values(values.then_some(true))
                .set_next_token(token)
                .send()
                .await?;
            changes.extend(page.changes().iter().filter_map(ResourceChange::from_sdk));
            incomplete |= page.status_reason().is_some_and(|reason| reason.starts_with(INCOMPLETE));
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok((changes, incomplete));
            }
        }
    }

    /// Start what was planned. `token` comes back on every event of it. With `keep_on_failure` it stops where it fails
    /// instead of undoing what it did.
    ///
    /// # Errors
    /// When `CloudFormation` refuses, for instance because somebody else changed the stack meanwhile.
    pub async fn execute(&self, change_set: &ChangeSet, token: &str, keep_on_failure: bool) -> Result<(), Failure> {
        let sent = self
            .client
            .execute_change_set()
            .change_set_name(&change_set.id)
            .stack_name(&change_set.stack_id)
            .client_request_token(token)
            // What is kept after a deletion must not stand in the way of the next attempt when it was only just made.
            .retain_except_on_create(true)
            .set_disable_rollback(keep_on_failure.then_some(true))
            .send()
            .await;
        let Err(error) = sent else { return Ok(()) };
        let outdated = matches!(
            aws::code(&error),
            Some(
                "InvalidChangeSetStatus"
                    | "InvalidChangeSetStatusException"
                    | "ChangeSetNotFound"
                    | "ChangeSetNotFoundException"
            )
        );
        let failure = aws::failure(&format!("the change set of the stack {} was not executed", self.name), &error);
        Err(if outdated {
            failure
                .with_hint("Somebody else changed the stack meanwhile. Run the command again to plan afresh.")
                .with_code(ExitCode::Unsafe)
        } else {
            failure
        })
    }

    /// Remove the change set `name` and, where `shell_is_ours`, the stack's empty shell. Failing to is not worth a failure.
    pub async fn discard(&self, name: &str, shell_is_ours: bool) {
        let _ = self.client.delete_change_set().change_set_name(name).stack_name(&self.name).send().await;
        if shell_is_ours && self.is_bare_shell().await {
            let _ = self.client.delete_stack().stack_name(&self.name).send().await;
        }
    }

    /// A shell on which nobody else has planned anything.
    async fn is_bare_shell(&self) -> bool {
        let described = self.describe().await;
        let shell = matches!(&described, Ok(Some(stack)) if stack.status == StackStatus::ReviewInProgress);
        shell && self.change_sets(&self.name).await.is_some_and(|names| names.is_empty())
    }

    /// Remove what earlier, interrupted runs of ours left behind.
    pub async fn discard_stale(&self) {
        let names = self.change_sets(&self.name).await.unwrap_or_default();
        for name in names.iter().filter(|name| name.starts_with(PREFIX)) {
            let _ = self.client.delete_change_set().change_set_name(name).stack_name(&self.name).send().await;
        }
    }

    /// Names of the change sets that wait on the stack; `None` when they cannot be listed.
    async fn change_sets(&self, stack: &str) -> Option<Vec<String>> {
        let mut names = Vec::new();
        let mut token = None;
        loop {
            let page = self.client.list_change_sets().stack_name(stack).set_next_token(token).send().await.ok()?;
            let waiting = page
                .summaries()
                .iter()
                .filter(|summary| summary.execution_status() != Some(&ExecutionStatus::ExecuteInProgress));
            names.extend(waiting.filter_map(|summary| summary.change_set_name().map(str::to_owned)));
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Some(names);
            }
        }
    }
}

/// "Nothing to do" arrives as a failure. Its `Changes` are no guide: a change of outputs alone has none either.
fn says_no_changes(reason: &str) -> bool {
    ["The submitted information didn't contain changes.", "No updates are to be performed."]
        .iter()
        .any(|prefix| reason.starts_with(prefix))
}

fn refused(stack: &str, reason: &str, details: &[String]) -> Failure {
    let failure = Failure::new(format!("CloudFormation refused the change of the stack {stack}: {reason}"));
    let failure = if details.is_empty() { failure } else { failure.with_cause(details.join("; ")) };
    match super::cause::hint(reason) {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_named_iam_resource_needs_the_wider_capability_and_a_macro_one_more() {
        let cases: [(&str, &str, Vec<&str>); 5] = [
            ("no IAM at all", "Type: AWS::S3::Bucket", vec![]),
            ("an unnamed role", "Type: AWS::IAM::Role\nProperties:\n  Path: /", vec!["CAPABILITY_IAM"]),
            (
                "a policy that refers to a role",
                "Type: AWS::IAM::RolePolicy\n  RoleName: {Ref: Role}",
                vec!["CAPABILITY_IAM"],
            ),
            (
                "a named role",
                "  Type: AWS::IAM::Role\n  Properties:\n    RoleName: admin",
                vec!["CAPABILITY_NAMED_IAM"],
            ),
            (
                "a macro",
                "Transform: AWS::Serverless-2016-10-31\nResources:\n  R:\n    Type: AWS::IAM::Role",
                vec!["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            ),
        ];
        for (name, template, expected) in cases {
            assert_eq!(capabilities(template), expected, "{name}");
        }
    }

    #[test]
    fn the_name_follows_what_is_wanted() {
        let (parameters, tags) = (BTreeMap::new(), BTreeMap::new());
        let other = BTreeMap::from([("LogLevel".to_owned(), "debug".to_owned())]);
        let name = |parameters| Wanted::new("T", parameters, &tags).change_set_name()[..17].to_owned();
        assert_eq!(name(&parameters), name(&parameters));
        assert_ne!(name(&parameters), name(&other));
        assert!(name(&other).starts_with(PREFIX));
    }

    #[test]
    fn no_changes_is_told_from_a_failure_by_its_beginning() {
        assert!(says_no_changes(
            "The submitted information didn't contain changes. Submit different information to create a change set."
        ));
        assert!(says_no_changes("No updates are to be performed."));
        assert!(!says_no_changes("Template error: No updates are to be performed."));
    }
}
