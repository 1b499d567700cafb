//! `deployer status`: on one screen whether it works. Reads only.
//!
//! Each part is looked at by itself: what cannot be told says why, and the rest is there. The exit code is for monitors.

mod decisions;
mod drift;
mod exemptions;
mod screen;
mod stack;
#[cfg(test)]
mod tests;
pub(super) mod webhook;

use std::time::{Duration, SystemTime};

use serde::Serialize;

use self::{decisions::Decisions, drift::DriftPart, exemptions::Exemption, stack::StackPart, webhook::WebhookPart};
use crate::{
    aws::{self, Aws},
    cli::StatusArgs,
    cloudwatch::{
        CloudWatch,
        alarms::{Alarm, State},
        window::Window,
    },
    cluster::{Cluster, moment::Moment, webhook::Existing},
    console::{Console, Report},
    cost::Cost,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    settings::Settings,
    stack::{Stack, StackClient},
};

/// Between two looks while watching. Each look asks for some fifty metrics, which `CloudWatch` bills.
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
        if args.drift {
            console.say("looking for drift too: CloudFormation takes a minute or two to compare");
        }
        let status = Box::pin(Status::look(settings, args.drift)).await;
        console.report(&status)?;
        return ended(status.verdict(), console.is_for_people());
    }
    let interrupt = Interrupt::listen_and(console.reader_gone());
    loop {
        let Some(status) = interrupt.unless_asked(Box::pin(Status::look(settings, false))).await else {
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
        /// What helps.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// It could not, because of another part, which says why.
    Follows {
        /// Which, in words.
        unknown: String,
    },
}

impl<T> Part<T> {
    fn of(result: Result<T, Failure>) -> Self {
        match result {
            Ok(known) => Self::Known(known),
            Err(failure) => Self::Unknown { hint: failure.hint.clone(), unknown: told(failure) },
        }
    }

    fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Unknown { .. } | Self::Follows { .. } => None,
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
    /// Of a month, at the rate of the last day. It says nothing about whether all is well.
    cost: Part<Cost>,
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
struct InAws {
    region: Option<String>,
    deployed: Option<Stack>,
    stack: Part<StackPart>,
    decisions: Part<Decisions>,
    cost: Part<Cost>,
    alarms: Part<Vec<Alarm>>,
}

impl Status {
    /// With `drift` it is looked for anew.
    async fn look(settings: &Settings, drift: bool) -> Self {
        let each = settings.each_cluster();
        let looks = futures_util::future::join_all(each.iter().map(|one| within(look_in_cluster(one))));
        let (in_aws, found) = tokio::join!(look_in_aws(settings, drift), looks);
        let InAws { region, deployed, stack, decisions, cost, alarms } = in_aws;
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
            cost,
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
        unknown.extend(self.stack.known().into_iter().flat_map(StackPart::unknown));
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
            Self::Unknown { unknown, .. } => Err(unknown),
            Self::Follows { .. } => Ok(Vec::new()),
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

async fn look_in_aws(settings: &Settings, drift: bool) -> InAws {
    let aws = match aws::connect(settings).await {
        Ok(aws) => aws,
        Err(failure) => return InAws::without_stack(settings.region.clone(), failure),
    };
    let client = StackClient::new(&aws.config, &settings.stack_name);
    let found = match within(client.describe()).await {
        Ok(found) => found,
        Err(failure) => return InAws::without_stack(Some(aws.region), failure),
    };
    let Some(stack) = found else {
        let absent = format!("there is no stack {} in {}", settings.stack_name, aws.region);
        return InAws { stack: Part::Known(StackPart::absent()), ..InAws::nothing(Some(aws.region), &absent) };
    };
    Box::pin(look_at(settings, aws, &client, stack, drift)).await
}

async fn look_at(settings: &Settings, aws: Aws, client: &StackClient, stack: Stack, drift: bool) -> InAws {
    let cloudwatch = CloudWatch::new(&aws.config);
    let now = SystemTime::now();
    let day = Window::last(Duration::from_hours(24), now);
    let (part, drift, decisions, usage, alarms) = tokio::join!(
        within(StackPart::look(client, &stack)),
        // What takes minutes is bounded by itself.
        DriftPart::look(client, &stack, drift),
        within(Decisions::look(&cloudwatch, &stack, now)),
        within(cloudwatch.usage(&day, &stack)),
        within(cloudwatch.alarms(client.name())),
    );
    InAws {
        region: Some(aws.region),
        stack: Part::of(part.map(|part| StackPart { drift: Some(drift), ..part })),
        decisions: Part::of(decisions),
        cost: Part::of(usage.map(|usage| Cost::of(settings, &usage, &day))),
        alarms: Part::of(alarms),
        deployed: Some(stack),
    }
}

impl InAws {
    /// Where nothing can be known, all for the same reason.
    fn nothing(region: Option<String>, why: &str) -> Self {
        Self {
            region,
            deployed: None,
            stack: follows(why),
            decisions: follows(why),
            cost: follows(why),
            alarms: follows(why),
        }
    }

    fn without_stack(region: Option<String>, failure: Failure) -> Self {
        Self { stack: Part::of(Err(failure)), ..Self::nothing(region, "the stack is not known") }
    }
}

fn follows<T>(why: &str) -> Part<T> {
    Part::Follows { unknown: why.to_owned() }
}
