//! The part about the stack: where it stands, what runs in it, and why its last operation failed.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::drift::DriftPart;
use crate::{
    error::Failure,
    stack::{Stack, StackClient},
    synth,
};

/// The stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct StackPart {
    /// `CREATE_COMPLETE` and the like; `None`: there is no stack.
    pub(super) status: Option<String>,
    /// Why, in `CloudFormation`'s words.
    pub(super) reason: Option<String>,
    /// The root cause of the last operation's failure.
    pub(super) cause: Option<String>,
    /// What helps against it.
    pub(super) hint: Option<&'static str>,
    /// The hash of the code and the policy that run; `None` of a stack that an older deployer made.
    pub(super) version: Option<String>,
    /// Whether clusters call a published version that may lack the stack's Parameters.
    pub(super) out_of_date: bool,
    /// Why that could not be told.
    pub(super) untold: Option<String>,
    /// What was changed without `CloudFormation`; `None`: there is no stack.
    pub(super) drift: Option<DriftPart>,
    /// All outputs.
    pub(super) outputs: BTreeMap<String, String>,
}

impl StackPart {
    pub(super) fn absent() -> Self {
        Self {
            status: None,
            reason: None,
            cause: None,
            hint: None,
            version: None,
            out_of_date: false,
            untold: None,
            drift: None,
            outputs: BTreeMap::new(),
        }
    }

    pub(super) async fn look(client: &StackClient, stack: &Stack) -> Result<Self, Failure> {
        let status = stack.status.as_str();
        // Only of a stack that says so: reading all events of a healthy one is for nothing.
        let cause = if is_good(status) { None } else { client.last_failure(&stack.id).await? };
        // Whoever may not read templates sees the rest.
        let (out_of_date, untold) = match is_out_of_date(client, stack).await {
            Ok(is) => (is, None),
            Err(failure) => (false, Some(super::told(failure))),
        };
        Ok(Self {
            status: Some(status.to_owned()),
            reason: stack.reason.clone().filter(|reason| !reason.is_empty()),
            hint: cause.as_ref().and_then(crate::stack::cause::Cause::hint),
            cause: cause.map(|cause| cause.sentence()),
            version: stack.outputs.get(synth::OUTPUT_FUNCTION_CODE).and_then(|key| version(key)),
            out_of_date,
            untold,
            drift: None,
            outputs: stack.outputs.clone(),
        })
    }

    pub(super) fn concerns(&self) -> Vec<String> {
        self.concern().into_iter().chain(self.drift.as_ref().and_then(DriftPart::concerns)).collect()
    }

    /// An operation that runs is none, nor is a creation of which only the change set is there.
    fn concern(&self) -> Option<String> {
        match self.status.as_deref() {
            None => Some("there is no stack".to_owned()),
            Some(_) if self.out_of_date => Some(format!("the stack: {}; run deployer deploy", synth::OUT_OF_DATE)),
            Some(status) if is_good(status) || status.ends_with("_IN_PROGRESS") => None,
            Some(status) => {
                let why = self.cause.as_ref().or(self.reason.as_ref()).map(|why| format!(": {why}"));
                Some(format!("the stack is in {status}{}", why.unwrap_or_default()))
            }
        }
    }

    /// What could not be told although the stack could be read.
    pub(super) fn unknown(&self) -> Vec<String> {
        let version = self.untold.iter().map(|why| format!("published version: {why}"));
        let drift = self.drift.iter().flat_map(|drift| &drift.untold).map(|why| format!("drift: {why}"));
        version.chain(drift).collect()
    }
}

/// While an operation runs, nobody can tell.
async fn is_out_of_date(client: &StackClient, stack: &Stack) -> Result<bool, Failure> {
    if !is_good(stack.status.as_str()) || !stack.parameters.contains_key(synth::PARAMETER_SETTINGS_DIGEST) {
        return Ok(false);
    }
    let template = client.template().await?;
    Ok(template.is_some_and(|text| synth::is_out_of_date(&text, &stack.parameters)))
}

fn is_good(status: &str) -> bool {
    matches!(status, "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE" | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
}

/// The hash in the key of the zip, as far as people compare it.
fn version(key: &str) -> Option<String> {
    let name = key.rsplit('/').next()?.strip_suffix(".zip")?;
    name.get(..12).map(str::to_owned)
}

impl fmt::Display for StackPart {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.status.as_deref().unwrap_or("there is none: run deployer deploy"))?;
        if let Some(version) = &self.version {
            write!(out, ", version {version}")?;
        }
        for (word, line) in
            [("because", &self.cause.as_ref().or(self.reason.as_ref())), ("do", &self.hint.map(str::to_owned).as_ref())]
        {
            if let Some(line) = line {
                write!(out, "\n{word}: {line}")?;
            }
        }
        for (name, value) in &self.outputs {
            write!(out, "\n{name:<17} {value}")?;
        }
        Ok(())
    }
}
