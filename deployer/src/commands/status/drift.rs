//! The part about drift: what was changed in the stack's resources without `CloudFormation`.

use std::fmt;

use serde::Serialize;

use super::{told, within};
use crate::stack::{
    Stack, StackClient,
    drift::{Drift, Drifted},
};

const LOOK: &str = "deployer status --drift";

/// What was found, now or earlier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct DriftPart {
    #[serde(flatten)]
    pub(super) found: Drift,
    /// Whether the stack was changed after that.
    pub(super) outdated: bool,
    /// The resources that are not as the template says.
    pub(super) resources: Vec<Drifted>,
    /// What could not be told, and why.
    pub(super) untold: Vec<String>,
}

impl DriftPart {
    /// What was found last; with `detect` it is looked for anew, which takes a minute or more.
    pub(super) async fn look(client: &StackClient, stack: &Stack, detect: bool) -> Self {
        let mut untold = Vec::new();
        let mut found = stack.drift.clone();
        if detect {
            match client.detect_drift(&stack.id).await {
                Ok(now) => found = now,
                Err(failure) => untold.push(told(failure)),
            }
        }
        untold.extend(found.incomplete.iter().map(|why| format!("not everything could be compared: {why}")));
        let mut resources = Vec::new();
        if found.checked.is_some() && !found.is_in_sync() {
            match within(client.drifted(&stack.id)).await {
                Ok(drifted) => resources = drifted,
                Err(failure) => untold.push(told(failure)),
            }
        }
        let checked = found.checked.map_or(0, |checked| checked.seconds().saturating_mul(1000));
        let outdated = found.checked.is_some() && stack.changed_millis.is_some_and(|changed| changed > checked);
        Self { found, outdated, resources, untold }
    }

    pub(super) fn concerns(&self) -> Option<String> {
        let drifts = self.found.is_drifted() || !self.resources.is_empty();
        drifts.then(|| format!("the stack has drifted: {}", self.counted()))
    }

    fn counted(&self) -> String {
        match self.resources.len() {
            0 => "resources are not as the template says".to_owned(),
            1 => "1 resource is not as the template says".to_owned(),
            many => format!("{many} resources are not as the template says"),
        }
    }
}

impl fmt::Display for DriftPart {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(checked) = self.found.checked else {
            return write!(out, "CloudFormation has never looked; to have it look: {LOOK}");
        };
        match self.concerns() {
            Some(_) => write!(out, "{}, as of {checked}", self.counted())?,
            None if self.found.is_in_sync() => write!(out, "none, as of {checked}")?,
            None => write!(out, "not known, as of {checked}")?,
        }
        if self.outdated {
            write!(out, "\nthe stack was changed after that; to look again: {LOOK}")?;
        }
        self.resources.iter().try_for_each(|resource| write!(out, "\n{resource}"))?;
        if !self.resources.is_empty() {
            out.write_str("\na deploy leaves alone what the template does not change: put it back by hand")?;
        }
        Ok(())
    }
}
