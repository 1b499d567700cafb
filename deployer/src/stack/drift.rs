//! What somebody changed in the stack's resources behind `CloudFormation`'s back, as `CloudFormation` itself finds it. It
//! compares what the template and the Parameters say, so a Parameter that its owner turned is no drift.
//!
//! Nothing here changes a resource. What looks like a secret is never shown.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html>

use std::fmt;

use aws_sdk_cloudformation::types::{
    DifferenceType, PropertyDifference, StackDriftDetectionStatus, StackDriftStatus, StackResourceDrift,
    StackResourceDriftStatus,
};
use serde::Serialize;
use serde_json::Value;

use super::{Pace, StackClient};
use crate::{
    aws,
    cluster::{drift::Difference, moment::Moment},
    console::printable,
    error::Failure,
};

/// Looks at a detection until it is given up: some ten minutes. It takes one or two for a stack like ours.
const MOST_LOOKS: usize = 180;
/// Longest value that is shown, in characters. A whole policy document is for the console.
const LONGEST_VALUE: usize = 120;
/// Words in the name of a property, or of a variable, whose value is nobody's business here.
const SECRET_WORDS: [&str; 8] =
    ["secret", "password", "passwd", "token", "credential", "private", "access_key", "accesskey"];
const HIDDEN: &str = "(not shown)";
/// The function's environment. A variable that the template does not have is somebody else's, and so is its value.
const VARIABLES: &str = "/Environment/Variables/";

/// What `CloudFormation` found when it looked last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// `NOT_CHECKED`, `IN_SYNC`, `DRIFTED` or `UNKNOWN`.
    pub status: String,
    /// When it looked; `None`: never.
    pub checked: Option<Moment>,
    /// Why some resources could not be compared, in `CloudFormation`'s words.
    pub incomplete: Option<String>,
}

/// A resource that is not as the template says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drifted {
    /// Its name in the template.
    pub resource: String,
    /// `AWS::Lambda::Function` and the like.
    pub kind: String,
    /// Whether it is gone altogether.
    pub deleted: bool,
    /// What is different about it.
    pub differences: Vec<Difference>,
}

impl Drift {
    pub(super) fn of(stack: &aws_sdk_cloudformation::types::Stack) -> Self {
        let found = stack.drift_information();
        let status = found.and_then(|found| found.stack_drift_status()).unwrap_or(&StackDriftStatus::NotChecked);
        let checked = found.and_then(|found| found.last_check_timestamp()).map(|at| Moment::of_seconds(at.secs()));
        Self { status: status.as_str().to_owned(), checked, incomplete: None }
    }

    /// Whether something was found.
    #[must_use]
    pub fn is_drifted(&self) -> bool {
        self.status == StackDriftStatus::Drifted.as_str()
    }

    /// Whether nothing was.
    #[must_use]
    pub fn is_in_sync(&self) -> bool {
        self.status == StackDriftStatus::InSync.as_str()
    }
}

impl StackClient {
    /// Has `CloudFormation` compare every resource that it can, and waits until it has.
    ///
    /// # Errors
    /// When `CloudFormation` refuses (the stack is in the middle of something, a right is missing), when AWS does not answer
    /// several times in a row, or when the comparison takes too long; it goes on in AWS then.
    pub async fn detect_drift(&self, stack_id: &str) -> Result<Drift, Failure> {
        let failed = format!("CloudFormation could not look for drift of the stack {}", self.name);
        let started = self.client.detect_stack_drift().stack_name(stack_id).send().await;
        let started = started.map_err(|error| aws::failure(&failed, &error))?;
        let id = started.stack_drift_detection_id().unwrap_or_default();
        let mut failures = 0;
        for look in 0..MOST_LOOKS {
            tokio::time::sleep(self.pace.pause(look)).await;
            let asked = self.client.describe_stack_drift_detection_status().stack_drift_detection_id(id);
            match asked.send().await {
                Ok(seen) if seen.detection_status() == Some(&StackDriftDetectionStatus::DetectionInProgress) => {
                    failures = 0;
                }
                Ok(seen) => {
                    let is_whole = seen.detection_status() == Some(&StackDriftDetectionStatus::DetectionComplete);
                    let reason = seen.detection_status_reason().unwrap_or("CloudFormation gives no reason");
                    return Ok(Drift {
                        status: seen.stack_drift_status().map_or("UNKNOWN", StackDriftStatus::as_str).to_owned(),
                        checked: seen.timestamp().map(|at| Moment::of_seconds(at.secs())),
                        incomplete: (!is_whole).then(|| printable(reason)),
                    });
                }
                Err(error) => {
                    failures += 1;
                    let failure = aws::failure(&failed, &error);
                    let expired = failure.cause.as_deref().is_some_and(aws::says_expired);
                    if expired || failures >= Pace::LOST_AFTER {
                        return Err(failure);
                    }
                }
            }
        }
        Err(Failure::new(format!("{failed}: it takes too long, and goes on in AWS"))
            .with_hint("What it finds is shown by deployer status, without --drift."))
    }

    /// The resources that differ, as they were found last, over all pages.
    ///
    /// # Errors
    /// When `CloudFormation` does not say.
    pub async fn drifted(&self, stack_id: &str) -> Result<Vec<Drifted>, Failure> {
        let mut drifted = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .client
                .describe_stack_resource_drifts()
                .stack_name(stack_id)
                .stack_resource_drift_status_filters(StackResourceDriftStatus::Modified)
                .stack_resource_drift_status_filters(StackResourceDriftStatus::Deleted);
            let page = request.set_next_token(token.take()).send().await.map_err(|error| {
                aws::failure(&format!("which resources of the stack {} differ could not be read", self.name), &error)
            })?;
            drifted.extend(page.stack_resource_drifts().iter().map(Drifted::from_sdk));
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                drifted.sort_by(|a, b| a.resource.cmp(&b.resource));
                return Ok(drifted);
            }
        }
    }
}

impl Drifted {
    fn from_sdk(drift: &StackResourceDrift) -> Self {
        let deleted = drift.stack_resource_drift_status() == Some(&StackResourceDriftStatus::Deleted);
        let differences = if deleted { &[] } else { drift.property_differences() };
        Self {
            resource: drift.logical_resource_id().unwrap_or_default().to_owned(),
            kind: drift.resource_type().unwrap_or_default().to_owned(),
            deleted,
            differences: differences.iter().map(difference).collect(),
        }
    }
}

fn difference(difference: &PropertyDifference) -> Difference {
    let property = difference.property_path().unwrap_or_default();
    let kind = difference.difference_type();
    let is_foreign = kind == Some(&DifferenceType::Add) && property.starts_with(VARIABLES);
    let value = |text: Option<&str>| if is_foreign { HIDDEN.to_owned() } else { value(property, text) };
    Difference {
        field: printable(property),
        wanted: (kind != Some(&DifferenceType::Add)).then(|| value(difference.expected_value())),
        found: (kind != Some(&DifferenceType::Remove)).then(|| value(difference.actual_value())),
    }
}

/// A value as it may be shown. Of a structure that differs as a whole, `CloudFormation` gives the JSON.
fn value(property: &str, text: Option<&str>) -> String {
    let text = text.unwrap_or_default();
    if is_secret(property) {
        return HIDDEN.to_owned();
    }
    let text = match serde_json::from_str::<Value>(text) {
        Ok(mut tree @ (Value::Object(_) | Value::Array(_))) => {
            hide(&mut tree);
            tree.to_string()
        }
        _ => text.to_owned(),
    };
    match text.char_indices().nth(LONGEST_VALUE) {
        Some((end, _)) => format!("{}…", printable(&text[..end])),
        None => printable(&text),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

fn hide(tree: &mut Value) {
    match tree {
        Value::Object(members) => {
            for (name, member) in members {
                if is_secret(name) { *member = HIDDEN.into() } else { hide(member) }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => (),
    }
}

/// `Function (AWS::Lambda::Function)` and a line for each property: `  ~ /Timeout: 30 -> 4`, from what is to what
/// should be.
impl fmt::Display for Drifted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { resource, kind, deleted, differences } = self;
        write!(out, "{resource} ({kind}){}", if *deleted { " was deleted" } else { "" })?;
        differences.iter().try_for_each(|difference| write!(out, "\n  {difference}"))
    }
}
