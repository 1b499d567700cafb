//! `deployer logs`: what the function wrote, one JSON object a line on stdout, as it wrote it. Reads only.
//!
//! Following must neither miss nor repeat a line although `CloudWatch` shows lines late and out of order: each look
//! reaches back a little, and the ids of what was shown in that stretch are remembered.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_sdk_cloudwatchlogs::{Client, types::FilteredLogEvent};

use crate::{
    aws, cli::LogsArgs, console::Console, error::Failure, interrupt::Interrupt, settings::Settings, stack::StackClient,
    synth::OUTPUT_FUNCTION_LOG_GROUP,
};

/// How late a line may become visible and still be shown.
const REACH_BACK: Duration = Duration::from_mins(1);
/// Between two looks while following; the service allows five a second for the whole account.
const PAUSE: Duration = Duration::from_secs(2);
/// So many failed looks in a row are a failure; a single one is not.
const LOST_AFTER: usize = 5;

/// Runs the command.
///
/// # Errors
/// When the stack or its log group cannot be read.
pub async fn run(settings: &Settings, args: &LogsArgs, console: &mut Console) -> Result<(), Failure> {
    let aws = aws::connect(settings).await?;
    let stack = StackClient::new(&aws.config, &settings.stack_name).describe().await?.ok_or_else(|| {
        Failure::new(format!("there is no stack {} in {}", settings.stack_name, aws.region))
            .with_hint("Run deployer deploy first, or choose --stack-name, --region and --profile.")
    })?;
    let group = stack.output(OUTPUT_FUNCTION_LOG_GROUP)?;
    let mut tail = Tail::new(Client::new(&aws.config), group, args.since, SystemTime::now());
    if args.follow {
        return tail.follow(console, &Interrupt::listen(), PAUSE).await;
    }
    tail.show(console).await
}

/// A log group, and how far it was shown.
struct Tail {
    client: Client,
    group: String,
    /// Milliseconds since 1970: nothing older is shown.
    from: i64,
    /// The newest timestamp shown.
    newest: i64,
    /// Ids shown, with their timestamps, as far back as a look reaches.
    shown: BTreeMap<String, i64>,
}

impl Tail {
    fn new(client: Client, group: &str, since: Duration, now: SystemTime) -> Self {
        let from = milliseconds(now.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(since));
        Self { client, group: group.to_owned(), from, newest: from, shown: BTreeMap::new() }
    }

    /// Shows what there is and goes on looking, until we are asked to stop.
    async fn follow(&mut self, console: &mut Console, interrupt: &Interrupt, pause: Duration) -> Result<(), Failure> {
        // Until a look has succeeded, a failure is a wrong name or a missing permission, and final.
        let mut patience = 0;
        loop {
            let Some(shown) = interrupt.unless_asked(self.show(console)).await else { return Ok(()) };
            match shown {
                Ok(()) => patience = LOST_AFTER - 1,
                Err(_) if patience > 0 => patience -= 1,
                Err(failure) => return Err(failure),
            }
            if interrupt.unless_asked(tokio::time::sleep(pause)).await.is_none() {
                return Ok(());
            }
        }
    }

    /// Shows the lines that were not shown yet, oldest first.
    async fn show(&mut self, console: &mut Console) -> Result<(), Failure> {
        let mut events = self.events().await?;
        events.sort_by_key(|event| event.timestamp);
        for event in events {
            if let Some(line) = self.fresh(&event) {
                console.data(&format!("{}\n", line.trim_end()))?;
            }
        }
        let reach = self.reach();
        self.shown.retain(|_, timestamp| *timestamp >= reach);
        Ok(())
    }

    /// Every event in reach, over all pages: a page may be empty and yet not the last.
    async fn events(&self) -> Result<Vec<FilteredLogEvent>, Failure> {
        let mut events = Vec::new();
        let mut token = None;
        loop {
            let request = self.client.filter_log_events().log_group_name(&self.group).start_time(self.reach());
            let page = request.set_next_token(token.take()).send().await.map_err(|error| {
                aws::failure(&format!("the log group {} cannot be read (logs:FilterLogEvents)", self.group), &error)
            })?;
            events.extend(page.events.unwrap_or_default());
            token = page.next_token;
            if token.is_none() {
                return Ok(events);
            }
        }
    }

    fn reach(&self) -> i64 {
        (self.newest - milliseconds(REACH_BACK)).max(self.from)
    }

    /// The line, if it was not shown before.
    fn fresh<'e>(&mut self, event: &'e FilteredLogEvent) -> Option<&'e str> {
        let timestamp = event.timestamp.unwrap_or(self.newest);
        if self.shown.insert(identity(event), timestamp).is_some() {
            return None;
        }
        self.newest = self.newest.max(timestamp);
        event.message.as_deref()
    }
}

/// The service's id of an event. It is an optional member of the answer, and not everything that speaks this API gives
/// it: then a line is known by where, when and what.
fn identity(event: &FilteredLogEvent) -> String {
    let spelled_out = || {
        let stream = event.log_stream_name.as_deref().unwrap_or_default();
        let message = event.message.as_deref().unwrap_or_default();
        format!("{stream} {} {message}", event.timestamp.unwrap_or_default())
    };
    event.event_id.clone().unwrap_or_else(spelled_out)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "logs_tests.rs"]
mod tests;
