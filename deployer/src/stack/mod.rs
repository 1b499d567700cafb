//! The stack as `CloudFormation` has it: read it, bring it to what is wanted, delete it.
//!
//! Who may import whom: `apply` puts the others together; `status` and `cause` are pure. Only this folder (and `aws`,
//! for errors) knows the `CloudFormation` SDK.

pub mod apply;
mod board;
pub mod cancel;
pub mod cause;
pub mod change;
pub mod change_set;
pub mod drift;
pub mod events;
pub mod follow;
pub mod guard;
mod history;
pub mod recover;
mod settle;
pub mod status;
#[cfg(test)]
mod tests;
mod validation;

use std::{collections::BTreeMap, time::Duration};

use aws_config::SdkConfig;
use aws_sdk_cloudformation::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::describe_stacks::DescribeStacksError,
    types::StackStatus,
};

use crate::{aws, error::Failure};

/// One stack, by name, in one account and region.
#[derive(Clone, Debug)]
pub struct StackClient {
    client: Client,
    name: String,
    pace: Pace,
}

/// How often to look. A test makes it short.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two looks, in the middle of an operation.
    pub interval: Duration,
}

impl Pace {
    /// So many failed looks in a row are a failure; a single one is not.
    const LOST_AFTER: usize = 5;

    /// The pause after the look number `look` (from 0): short at first, for many operations take a moment only; long in
    /// the end, for those that take minutes must not use up the account's request rate.
    fn pause(self, look: usize) -> Duration {
        match look {
            0..8 => self.interval / 4,
            8..40 => self.interval,
            _ => self.interval * 2,
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self { interval: Duration::from_secs(2) }
    }
}

/// A stack as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Its id (ARN), which still answers when the stack is deleted.
    pub id: String,
    /// Where it stands.
    pub status: StackStatus,
    /// Why, where `CloudFormation` says so.
    pub reason: Option<String>,
    /// Its outputs by name.
    pub outputs: BTreeMap<String, String>,
    /// Its parameters by name, as they were given last.
    pub parameters: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// `Description` of its template; `None` of a shell.
    pub description: Option<String>,
    /// When it was updated last, or made; milliseconds since 1970.
    pub changed_millis: Option<i64>,
    /// Whether it is protected against deletion.
    pub protected: bool,
    /// What `CloudFormation` found when it looked for drift last.
    pub drift: drift::Drift,
}

impl Stack {
    /// The output `key`.
    ///
    /// # Errors
    /// When the stack has none of that name: it is not one of ours, or its creation never finished.
    pub fn output(&self, key: &str) -> Result<&str, Failure> {
        self.outputs.get(key).map(String::as_str).ok_or_else(|| {
            // arn:…:stack/NAME/ID
            let name = self.id.split('/').nth(1).unwrap_or(&self.id);
            Failure::new(format!("the stack {name} ({}) has no output {key}", self.status.as_str()))
                .with_hint("Is --stack-name right? If it is, run deployer deploy to bring the stack up to date.")
        })
    }
}

impl StackClient {
    /// For the stack `name`.
    #[must_use]
    pub fn new(config: &SdkConfig, name: &str) -> Self {
        Self::with_client(aws::cloudformation(config), name, Pace::default())
    }

    /// As [`StackClient::new`], over a client and at a pace of the caller's.
    #[must_use]
    pub fn with_client(client: Client, name: &str, pace: Pace) -> Self {
        Self { client, name: name.to_owned(), pace }
    }

    /// The stack's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The stack of that name, or `None` when there is none.
    ///
    /// # Errors
    /// When `CloudFormation` does not say. "Access denied" is not "absent": taking it for that would create a second stack.
    pub async fn describe(&self) -> Result<Option<Stack>, Failure> {
        self.look_up(&self.name)
            .await
            .map_err(|error| aws::failure(&format!("the stack {} could not be read", self.name), &error))
    }

    /// The template that the stack was given last, as text; `None` of a stack that has none.
    ///
    /// # Errors
    /// When `CloudFormation` does not say.
    pub async fn template(&self) -> Result<Option<String>, Failure> {
        let answer = self
            .client
            .get_template()
            .stack_name(&self.name)
            .template_stage(aws_sdk_cloudformation::types::TemplateStage::Original)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(answer.template_body().filter(|text| !text.trim().is_empty()).map(str::to_owned)),
            Err(error) if aws::code(&error) == Some("ValidationError") => Ok(None),
            Err(error) => {
                Err(aws::failure(&format!("the template of the stack {} could not be read", self.name), &error))
            }
        }
    }

    /// As [`StackClient::describe`], but there has to be one of ours; `region` is for the message.
    ///
    /// # Errors
    /// Also when there is no such stack, or when it is somebody else's (`Unsafe`).
    pub async fn existing(&self, region: &str) -> Result<Stack, Failure> {
        let stack = self.describe().await?.ok_or_else(|| {
            Failure::new(format!("there is no stack {} in {region}", self.name))
                .with_hint("Run deployer deploy first, or choose --stack-name, --region and --profile.")
        })?;
        guard::check_ours(&self.name, &stack)?;
        Ok(stack)
    }

    async fn look_up(&self, name_or_id: &str) -> Result<Option<Stack>, SdkError<DescribeStacksError>> {
        match self.client.describe_stacks().stack_name(name_or_id).send().await {
            Ok(answer) => Ok(answer.stacks().first().and_then(read)),
            Err(error) if says_absent(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn read(stack: &aws_sdk_cloudformation::types::Stack) -> Option<Stack> {
    let output = |output: &aws_sdk_cloudformation::types::Output| {
        Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))
    };
    let parameter = |parameter: &aws_sdk_cloudformation::types::Parameter| {
        Some((parameter.parameter_key()?.to_owned(), parameter.parameter_value()?.to_owned()))
    };
    let tag = |tag: &aws_sdk_cloudformation::types::Tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()));
    Some(Stack {
        id: stack.stack_id().or(stack.stack_name())?.to_owned(),
        status: stack.stack_status()?.clone(),
        reason: stack.stack_status_reason().map(str::to_owned),
        outputs: stack.outputs().iter().filter_map(output).collect(),
        parameters: stack.parameters().iter().filter_map(parameter).collect(),
        tags: stack.tags().iter().filter_map(tag).collect(),
        description: stack.description().filter(|text| !text.is_empty()).map(str::to_owned),
        changed_millis: stack.last_updated_time().or(stack.creation_time()).and_then(|time| time.to_millis().ok()),
        protected: stack.enable_termination_protection().unwrap_or_default(),
        drift: drift::Drift::of(stack),
    })
}

/// `CloudFormation` has no error of its own for this: code and message together say it.
fn says_absent(error: &SdkError<DescribeStacksError>) -> bool {
    aws::code(error) == Some("ValidationError")
        && error
            .as_service_error()
            .and_then(ProvideErrorMetadata::message)
            .is_some_and(|message| message.contains("does not exist"))
}
