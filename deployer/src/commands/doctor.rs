//! `deployer doctor`: what would stop a deploy, or a cluster, before it does; each finding with its fix. Reads only, and
//! what one part lacks (AWS, a cluster, a stack) keeps no other from being looked at.

mod aws;
mod clock;
mod cluster;
mod concurrency;
mod permissions;
#[cfg(test)]
mod wire;

use std::fmt;

use serde::Serialize;

use crate::{
    artifact,
    cluster::Cluster,
    console::{Console, Report},
    error::{ExitCode, Failure},
    settings::Settings,
};

/// How a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// Wrong, or not there.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    /// `credentials`, `webhook` and the like.
    of: &'static str,
    state: State,
    /// What was found.
    text: String,
    /// What to do; `None` where nothing has to be done.
    fix: Option<String>,
}

impl Finding {
    fn ok(of: &'static str, text: impl Into<String>) -> Self {
        Self { of, state: State::Ok, text: text.into(), fix: None }
    }

    fn note(of: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { of, state: State::Note, text: text.into(), fix: Some(fix.into()) }
    }

    fn problem(of: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { of, state: State::Problem, text: text.into(), fix: Some(fix.into()) }
    }

    /// What stopped a look, in the failure's own words.
    fn failed(of: &'static str, failure: Failure) -> Self {
        let cause = failure.cause.map(|cause| format!(": {cause}")).unwrap_or_default();
        Self { of, state: State::Problem, text: format!("{}{cause}", failure.message), fix: failure.hint }
    }
}

/// What the command answers with.
#[derive(Serialize)]
struct Findings {
    findings: Vec<Finding>,
}

impl Report for Findings {
    const KIND: &'static str = "doctor";
}

impl fmt::Display for Findings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Finding { of, state, text, fix }) in self.findings.iter().enumerate() {
            let between = if at == 0 { "" } else { "\n" };
            let mark = match state {
                State::Ok => "ok",
                State::Note => "note",
                State::Problem => "PROBLEM",
            };
            write!(out, "{between}{mark:<8} {of:<12} {text}")?;
            if let Some(fix) = fix {
                write!(out, "\n         fix: {fix}")?;
            }
        }
        Ok(())
    }
}

/// Runs the command.
///
/// # Errors
/// `Changed` when there is a problem, after everything was shown.
pub async fn run(settings: &Settings, console: &mut Console) -> Result<(), Failure> {
    let mut findings = vec![toolchain(settings).await];
    let stack = aws::look(settings, &mut findings).await;
    match Cluster::connect(&settings.cluster).await {
        Ok(connected) => cluster::look(settings, &connected, stack.as_ref(), &mut findings).await,
        Err(failure) => findings.push(Finding::failed("cluster", failure)),
    }
    let problems = findings.iter().filter(|finding| finding.state == State::Problem).count();
    console.report(&Findings { findings })?;
    match problems {
        0 => Ok(()),
        1 => Err(Failure::new("there is one problem").with_code(ExitCode::Changed)),
        many => Err(Failure::new(format!("there are {many} problems")).with_code(ExitCode::Changed)),
    }
}

async fn toolchain(settings: &Settings) -> Finding {
    match artifact::can_build(settings).await {
        Ok(words) => Finding::ok("toolchain", words),
        // Whoever deploys a built binary needs none.
        Err(failure) => Finding::note(
            "toolchain",
            failure.message,
            failure.hint.unwrap_or_else(|| "Give a built binary with --artifact.".to_owned()),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_its_fix_another() {
        let findings = vec![
            Finding::ok("credentials", "account 111122223333"),
            Finding::problem("webhook", "it is not there", "Run deployer deploy."),
        ];
        let text = Findings { findings }.to_string();
        assert_eq!(
            text,
            "ok       credentials  account 111122223333\nPROBLEM  webhook      it is not there\n         fix: Run deployer deploy."
        );
    }
}
