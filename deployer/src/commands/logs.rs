//! `deployer logs`: what the function wrote: lines for people, or with `--output json` every line as it was written.
//! Reads only.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use aws_sdk_cloudwatchlogs::Client;

use crate::{
    aws,
    cli::LogsArgs,
    console::Console,
    error::Failure,
    interrupt::Interrupt,
    logs::{
        Event, Tail,
        line::{Line, Wanted},
    },
    settings::{Settings, Word as _},
    stack::StackClient,
    synth::{self, OUTPUT_FUNCTION_LOG_GROUP},
};

/// Between two looks while following; the service allows five a second for the whole account.
const PAUSE: Duration = Duration::from_secs(2);
/// So many reasons of denials are summed up.
const MOST_REASONS: usize = 10;
/// So many owners are named for each.
const MOST_OWNERS: usize = 3;
/// So many failed looks in a row are a failure; a single one is not.
const LOST_AFTER: usize = 5;

/// Runs the command.
///
/// # Errors
/// When the stack or its log group cannot be read.
pub async fn run(settings: &Settings, args: &LogsArgs, console: &mut Console) -> Result<(), Failure> {
    let aws = aws::connect(settings).await?;
    let stack = StackClient::new(&aws.config, &settings.stack_name).existing(&aws.region).await?;
    let group = stack.output(OUTPUT_FUNCTION_LOG_GROUP)?;
    let mut tail = Tail::new(Client::new(&aws.config), group, args.since, SystemTime::now());
    let wanted = Wanted {
        denied: args.denied,
        namespace: args.namespace.clone(),
        cluster: args.cluster.clone(),
        owner: args.owner.clone(),
    };
    if args.follow {
        let interrupt = Interrupt::listen_and(console.reader_gone());
        return follow(&mut tail, &wanted, console, &interrupt, PAUSE).await;
    }
    let events = tail.look(SystemTime::now()).await?;
    show(&events, &wanted, console)?;
    sum_up(&events, &wanted, console);
    let of_stack = stack.parameters.get(synth::PARAMETER_LOG_LEVEL).filter(|word| !word.is_empty());
    let level = of_stack.map_or(settings.log_level.word(), String::as_str);
    if let Some(left_out) = left_out(level, &wanted).filter(|_| console.is_for_people()) {
        console.say(left_out);
    }
    Ok(())
}

/// What the function does not log at a level: no line would look like no denial.
pub(crate) fn left_out(level: &str, wanted: &Wanted) -> Option<&'static str> {
    match level {
        "error" => Some("log_level is error: of all Pods, only those that could not be checked are in the log"),
        "warn" if !wanted.denied => Some("log_level is warn: Pods that were admitted are not in the log"),
        _ => None,
    }
}

/// Shows what there is and goes on looking, until we are asked to stop.
pub(crate) async fn follow(
    tail: &mut Tail,
    wanted: &Wanted,
    console: &mut Console,
    interrupt: &Interrupt,
    pause: Duration,
) -> Result<(), Failure> {
    // Until a look has succeeded, a failure is a wrong name or a missing permission, and final.
    let mut patience = 0;
    loop {
        let Some(found) = interrupt.unless_asked(tail.look(SystemTime::now())).await else { return Ok(()) };
        match found {
            Ok(events) => {
                show(&events, wanted, console)?;
                patience = LOST_AFTER - 1;
            }
            Err(_) if patience > 0 => patience -= 1,
            Err(failure) => return Err(failure),
        }
        if interrupt.unless_asked(tokio::time::sleep(pause)).await.is_none() {
            return Ok(());
        }
    }
}

/// Of denials what, why and whose, the most frequent first, for one Deployment makes many; and that there was nothing, for an
/// empty screen could mean anything. A message, as the lines are the data.
pub(crate) fn sum_up(events: &[Event], wanted: &Wanted, console: &mut Console) {
    if !console.is_for_people() {
        return;
    }
    let lines: Vec<Line> = chosen(events, wanted).filter(|line| line.text().is_some()).collect();
    if lines.is_empty() {
        return console.say("nothing of the kind was logged in that time");
    }
    let mut reasons: BTreeMap<String, Refused> = BTreeMap::new();
    for line in lines.iter().filter(|_| wanted.denied) {
        if let Some(reason) = line.refusal() {
            reasons.entry(reason).or_default().count(line.whose());
        }
    }
    let reasons = most_first(reasons, |refused| refused.times);
    for (reason, refused) in reasons.iter().take(MOST_REASONS) {
        console.say(&format!("{:>5} x {reason}{}", refused.times, refused.words()));
    }
    if let Some(more) = reasons.len().checked_sub(MOST_REASONS).filter(|more| *more > 0) {
        console.say(&format!("other reasons: {more}"));
    }
}

/// How often something was refused, and whose it was. A `CronJob` makes an owner a minute: the reason is what they share.
#[derive(Default)]
struct Refused {
    times: usize,
    owners: BTreeMap<String, usize>,
}

impl Refused {
    fn count(&mut self, owner: Option<String>) {
        self.times += 1;
        if let Some(owner) = owner {
            *self.owners.entry(owner).or_default() += 1;
        }
    }

    /// `  of ReplicaSet/web-5d9f (12), Job/a (3) and 2 more`; nothing where nobody owns them.
    fn words(&self) -> String {
        let owners = most_first(self.owners.clone(), |times| *times);
        let named: Vec<String> =
            owners.iter().take(MOST_OWNERS).map(|(owner, times)| format!("{owner} ({times})")).collect();
        match owners.len().saturating_sub(MOST_OWNERS) {
            0 if named.is_empty() => String::new(),
            0 => format!("  of {}", named.join(", ")),
            more => format!("  of {} and {more} more", named.join(", ")),
        }
    }
}

/// The most frequent first, and those of the same number by name.
fn most_first<T>(counted: BTreeMap<String, T>, times: impl Fn(&T) -> usize) -> Vec<(String, T)> {
    let mut all: Vec<(String, T)> = counted.into_iter().collect();
    all.sort_by_key(|(_, one)| std::cmp::Reverse(times(one)));
    all
}

fn chosen(events: &[Event], wanted: &Wanted) -> impl Iterator<Item = Line> {
    events.iter().map(Line::read).filter(|line| line.is(wanted))
}

fn show(events: &[Event], wanted: &Wanted, console: &mut Console) -> Result<(), Failure> {
    for line in chosen(events, wanted) {
        if !console.is_for_people() {
            console.event("log", "", &line);
        } else if let Some(text) = line.text() {
            console.data(&format!("{text}\n"))?;
        }
    }
    Ok(())
}
