//! `deployer metrics`: what `CloudWatch` counted, as a table or as JSON. Reads only.

use std::{fmt, time::SystemTime};

use serde::Serialize;

use crate::{
    aws,
    cli::MetricsArgs,
    cloudwatch::{
        CloudWatch,
        readings::{Reading, subjects},
        window::Window,
    },
    console::{Console, Report},
    error::Failure,
    settings::Settings,
    stack::StackClient,
};

/// Runs the command.
///
/// # Errors
/// When the stack cannot be read, or a part of its metrics: what could be read is shown before.
pub async fn run(settings: &Settings, args: &MetricsArgs, console: &mut Console) -> Result<(), Failure> {
    let aws = aws::connect(settings).await?;
    let stack = StackClient::new(&aws.config, &settings.stack_name).existing(&aws.region).await?;
    let window = Window::last(args.since, SystemTime::now());
    let subjects = subjects(&stack, args.cluster.as_deref());
    let (readings, failure) = CloudWatch::new(&aws.config).readings(&window, &subjects).await;
    console.report(&Metrics { stack: settings.stack_name.clone(), region: aws.region, window, readings })?;
    failure.map_or(Ok(()), Err)
}

/// What the command answers with.
#[derive(Debug, Serialize)]
pub(super) struct Metrics {
    stack: String,
    region: String,
    window: Window,
    readings: Vec<Reading>,
}

impl Report for Metrics {
    const KIND: &'static str = "metrics";
}

impl fmt::Display for Metrics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} in {}, {}", self.stack, self.region, self.window.words())?;
        let mut before = None;
        for reading in &self.readings {
            let subject = (reading.of, reading.name.as_str());
            if before != Some(subject) {
                write!(out, "\n\n{} {}", reading.of, reading.name)?;
            }
            before = Some(subject);
            write!(out, "\n{reading}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
