//! `deployer status`: on one screen whether it works. Reads only.
//!
//! Each part is looked at by itself: what cannot be told says why, and the rest is there. The exit code is for monitors.

mod decisions;
mod exemptions;
mod screen;
mod stack;
#[cfg(test)]
mod tests;
pub(super) mod webhook;

use std::time::{Duration, SystemTime};

use serde::Serialize;

use self::{decisions::Decisions, exemptions::Exemption, stack::StackPart, webhook::WebhookPart};
use crate::{
    aws::{self, Aws},
    cli::StatusArgs,
    cloudwatch::{
        CloudWatch,
        alarms::{Alarm, State},
    },
    cluster::{Cluster, moment::Moment, webhook::Existing},
    console::{Console, Report},
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    settings::Settings,
    stack::{Stack, StackClient},
};

/// Between two looks while watching. Each look asks for some thirty metrics, which `CloudWatch` bills.
const PAUSE: Duration = Duration::from_secs(30);
/// A part that takes longer than this is given up: the others are of use now.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the command.
///
/// # Errors
/// For programs `Changed` when something needs attention, `Failed` when something could not be told; both after what is
/// known was shown. For people these are the exit code alone: the screen ends with what and why.
pub async fn run(settings: &Settings, args: &StatusArgs, console: &mut Console) -> Result<ExitCode, Failure> {
    if !args.watch {
        let status = Box::pin(Status::look(settings)).await;
        console.report(&status)?;
        return ended(status.verdict(), console.is_for_people());
    }
    let interrupt = Interrupt::listen_and(console.reader_gone());
    loop {
        let Some(status) = interrupt.unless_asked(Box::pin(Status::look(settings))).await else {
            return Ok(ExitCode::Ok);
        };
        console.redraw(&status)?;
        if interrupt.unless_asked(tokio::time::sleep(PAUSE)).await.is_none() {
            return Ok(ExitCode::Ok);
        }
    }
}

/// Says nothing twice.
fn ended(verdict: Result<(), Failure>, shown: bool) -> Result<ExitCode, Failure> {
    match verdict {
        Err(failure) if shown => Ok(failure.code),
        other => other.map(|()| ExitCode::Ok),
    }
}

/// One part: what is known, or why nothing is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Part<T> {
    /// It could be told.
    Known(T),
    /// It could not.
    Unknown {
        /// Why.
        unknown: String,
    },
}

impl<T> Part<T> {
    fn of(result: Result<T, Failure>) -> Self {
        match result {
            Ok(known) => Self::Known(known),
            Err(failure) => Self::Unknown { unknown: told(failure) },
        }
    }

    fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Unknown { .. } => None,
        }
    }
}

fn told(failure: Failure) -> String {
    match failure.cause {
        Some(cause) => format!("{}: {cause}", failure.message),
        None => failure.message,
    }
}

/// What the command answers with.
#[derive(Debug, Serialize)]
struct Status {
    at: Moment,
    stack_name: String,
    region: Option<String>,
    stack: Part<StackPart>,
    /// Of each cluster.
    webhooks: Vec<Part<WebhookPart>>,
    decisions: Part<Decisions>,
    alarms: Part<Vec<Alarm>>,
    exemptions: Vec<Exemption>,
    /// What is wrong; the exit code is 5 when there is something.
    attention: Vec<String>,
    /// What could not be told; the exit code is 1 when there is something, and nothing is wrong.
    unknown: Vec<String>,
}

impl Report for Status {
    const KIND: &'static str = "status";
}

/// The stack with its parts in AWS, all of which need it or the connection to it.
type InAws = (Option<String>, Option<Stack>, Part<StackPart>, Part<Decisions>, Part<Vec<Alarm>>);

impl Status {
    async fn look(settings: &Settings) -> Self {
        let each = settings.each_cluster();
        let looks = futures_util::future::join_all(each.iter().map(|one| within(look_in_cluster(one))));
        let (in_aws, found) = tokio::join!(look_in_aws(settings), looks);
        let (region, deployed, stack, decisions, alarms) = in_aws;
        let inspect = |(one, found): (&Settings, Result<(String, Option<Existing>), Failure>)| {
            let part = found.and_then(|(context, found)| {
                webhook::inspect(one, deployed.as_ref(), &context, found.as_ref(), Moment::here())
            });
            Part::of(part)
        };
        let webhooks = each.iter().zip(found).map(inspect).collect();
        let mut status = Self {
            at: Moment::here(),
            stack_name: settings.stack_name.clone(),
            region,
            stack,
            webhooks,
            decisions,
            alarms,
            exemptions: exemptions::of(settings, SystemTime::now()),
            attention: Vec::new(),
            unknown: Vec::new(),
        };
        status.judge();
        status
    }

    /// Exemptions are none of it: one that ends is the policy at work.
    fn judge(&mut self) {
        let mut attention = Vec::new();
        let mut unknown = Vec::new();
        let mut part = |name: &str, wrong: Result<Vec<String>, &String>| match wrong {
            Ok(wrong) => attention.extend(wrong),
            Err(why) => unknown.push(format!("{name}: {why}")),
        };
        part("stack", self.stack.concerns(StackPart::concerns));
        for webhook in &self.webhooks {
            part("webhook", webhook.concerns(WebhookPart::concerns));
        }
        part("decisions", self.decisions.concerns(|_| Vec::new()));
        part("alarms", self.alarms.concerns(|alarms| in_alarm(alarms)));
        let untold = self.stack.known().and_then(|stack| stack.untold.as_ref());
        unknown.extend(untold.map(|why| format!("published version: {why}")));
        unknown.extend(self.decisions.known().into_iter().flat_map(Decisions::unknown));
        let silent = self.alarms.known().into_iter().flatten().filter(|alarm| alarm.state == State::InsufficientData);
        unknown.extend(silent.map(|alarm| format!("alarm {}: CloudWatch has no data for it", alarm.name)));
        (self.attention, self.unknown) = (attention, unknown);
    }

    fn verdict(&self) -> Result<(), Failure> {
        let (what, list, code) = match (self.attention.as_slice(), self.unknown.as_slice()) {
            ([], []) => return Ok(()),
            ([], unknown) => ("could not be told", unknown, ExitCode::Failed),
            (attention, _) => ("needs attention", attention, ExitCode::Changed),
        };
        Err(Failure::new(format!("{what}: {}", list.join("; "))).with_code(code))
    }
}

impl<T> Part<T> {
    fn concerns(&self, of: impl Fn(&T) -> Vec<String>) -> Result<Vec<String>, &String> {
        match self {
            Self::Known(known) => Ok(of(known)),
            Self::Unknown { unknown } => Err(unknown),
        }
    }
}

fn in_alarm(alarms: &[Alarm]) -> Vec<String> {
    let ringing = alarms.iter().filter(|alarm| alarm.state == State::Alarm);
    ringing.map(|alarm| format!("the alarm {} is in ALARM", alarm.name)).collect()
}

async fn within<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let late = || Failure::new(format!("there was no answer within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(late()))
}

async fn look_in_cluster(settings: &Settings) -> Result<(String, Option<Existing>), Failure> {
    let cluster = Cluster::connect(&settings.cluster).await?;
    let found = cluster.webhook(&settings.webhook_name()).await?;
    Ok((cluster.context().to_owned(), found))
}

async fn look_in_aws(settings: &Settings) -> InAws {
    let aws = match aws::connect(settings).await {
        Ok(aws) => aws,
        Err(failure) => return without_stack(settings.region.clone(), failure),
    };
    let client = StackClient::new(&aws.config, &settings.stack_name);
    let found = match within(client.describe()).await {
        Ok(found) => found,
        Err(failure) => return without_stack(Some(aws.region), failure),
    };
    let Some(stack) = found else {
        let absent = || Failure::new(format!("there is no stack {} in {}", settings.stack_name, aws.region));
        let part = Part::Known(StackPart::absent());
        return (Some(aws.region.clone()), None, part, Part::of(Err(absent())), Part::of(Err(absent())));
    };
    let (part, decisions, alarms) = Box::pin(look_at(&aws, &client, &stack)).await;
    (Some(aws.region), Some(stack), part, decisions, alarms)
}

async fn look_at(
    aws: &Aws,
    client: &StackClient,
    stack: &Stack,
) -> (Part<StackPart>, Part<Decisions>, Part<Vec<Alarm>>) {
    let cloudwatch = CloudWatch::new(&aws.config);
    let (part, decisions, alarms) = tokio::join!(
        within(StackPart::look(client, stack)),
        within(Decisions::look(&cloudwatch, stack, SystemTime::now())),
        within(cloudwatch.alarms(client.name())),
    );
    (Part::of(part), Part::of(decisions), Part::of(alarms))
}

fn without_stack(region: Option<String>, failure: Failure) -> InAws {
    let not_looked = || Part::of(Err(Failure::new("the stack is not known")));
    (region, None, Part::of(Err(failure)), not_looked(), Part::of(Err(Failure::new("the stack is not known"))))
}
