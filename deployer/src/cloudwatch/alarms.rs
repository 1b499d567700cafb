//! The alarms of a stack, as they stand.

use std::fmt;

use aws_sdk_cloudwatch::types::{MetricAlarm, StateValue};
use serde::Serialize;

use super::{CloudWatch, window::moment};
use crate::{aws, error::Failure, synth};

/// One alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// Its name, which begins with that of the stack.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// Since when, in seconds since 1970.
    pub since: Option<i64>,
    /// Why, in `CloudWatch`'s words.
    pub reason: String,
    /// What it means and what to do, in ours.
    pub meaning: String,
}

/// How an alarm stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Something is wrong.
    Alarm,
    /// `CloudWatch` cannot tell.
    InsufficientData,
    /// Nothing is wrong.
    Ok,
}

impl CloudWatch {
    /// The alarms of the stack, those in alarm first; none when it has none.
    ///
    /// # Errors
    /// When `CloudWatch` does not say.
    pub async fn alarms(&self, stack_name: &str) -> Result<Vec<Alarm>, Failure> {
        let names: Vec<String> = synth::ALARMS.iter().map(|alarm| format!("{stack_name}-{alarm}")).collect();
        let mut alarms = Vec::new();
        let mut token = None;
        loop {
            // By name: a prefix would find those of a stack whose name only begins like this one's.
            let request = self.client.describe_alarms().set_alarm_names(Some(names.clone()));
            let page = request
                .set_next_token(token.take())
                .send()
                .await
                .map_err(|error| aws::failure("the alarms cannot be read (cloudwatch:DescribeAlarms)", &error))?;
            alarms.extend(page.metric_alarms().iter().map(Alarm::from_sdk));
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                alarms.sort_by(|a, b| (a.state as u8, &a.name).cmp(&(b.state as u8, &b.name)));
                return Ok(alarms);
            }
        }
    }
}

impl Alarm {
    fn from_sdk(alarm: &MetricAlarm) -> Self {
        Self {
            name: alarm.alarm_name().unwrap_or_default().to_owned(),
            state: match alarm.state_value() {
                Some(StateValue::Alarm) => State::Alarm,
                Some(StateValue::Ok) => State::Ok,
                _ => State::InsufficientData,
            },
            since: alarm
                .state_transitioned_timestamp()
                .or_else(|| alarm.state_updated_timestamp())
                .map(aws_sdk_cloudwatch::primitives::DateTime::secs),
            reason: alarm.state_reason().unwrap_or_default().to_owned(),
            meaning: alarm.alarm_description().unwrap_or_default().to_owned(),
        }
    }
}

/// `ALARM app-undecided since 2026-11-24 18:25: Pods were refused because …`.
impl fmt::Display for Alarm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Alarm => "ALARM",
            State::InsufficientData => "no data",
            State::Ok => "OK",
        };
        write!(out, "{state} {}", self.name)?;
        if let Some(since) = self.since {
            write!(out, " since {} UTC", moment(since))?;
        }
        if self.state != State::Ok && !self.meaning.is_empty() {
            write!(out, ": {}", self.meaning)?;
        }
        Ok(())
    }
}
