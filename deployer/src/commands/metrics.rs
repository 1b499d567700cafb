//! `deployer metrics`: what `CloudWatch` counted and what that costs, as tables or as JSON. Reads only.

use std::{fmt, time::SystemTime};

use serde::Serialize;

use crate::{
    aws,
    cli::MetricsArgs,
    cloudwatch::{
        CloudWatch,
        readings::{Found, Reading, subjects},
        window::Window,
    },
    console::{Console, Report},
    cost::Cost,
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
    let cloudwatch = CloudWatch::new(&aws.config);
    let (readings, failure) = cloudwatch.readings(&window, &subjects).await;
    if let Some(failure) = &failure
        && console.is_for_people()
        && readings.iter().all(|reading| matches!(reading.found, Found::Unreadable { .. }))
    {
        // The same reason in each line would be a wall.
        return Err(failure.clone());
    }
    // What one cluster costs is no part of the bill that could be told apart.
    let (cost, failure) = match (args.cluster.is_none() && failure.is_none()).then(|| cloudwatch.usage(&window, &stack))
    {
        None => (None, failure),
        Some(usage) => match usage.await {
            Ok(usage) => (Some(Cost::of(settings, &usage, &window)), None),
            Err(why) => (None, Some(why)),
        },
    };
    console.report(&Metrics { stack: settings.stack_name.clone(), region: aws.region, window, readings, cost })?;
    failure.map_or(Ok(()), Err)
}

/// What the command answers with.
#[derive(Debug, Serialize)]
pub(super) struct Metrics {
    stack: String,
    region: String,
    window: Window,
    readings: Vec<Reading>,
    /// Of a month; `None`: one cluster was asked about, or it could not be told.
    cost: Option<Cost>,
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
        self.cost.iter().try_for_each(|cost| write!(out, "\n\n{cost}"))
    }
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
