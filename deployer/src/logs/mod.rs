//! What the function logged, in order and each line once, although `CloudWatch Logs` shows lines late and out of order:
//! each look reaches back a little, and what was given out in that stretch is remembered. Reads only.

pub mod line;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_sdk_cloudwatchlogs::{Client, types::FilteredLogEvent};

use crate::{aws, error::Failure};

/// How late a line may become visible and still be given out.
const REACH_BACK: Duration = Duration::from_mins(1);

/// A line as it is in a log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its time, milliseconds since 1970.
    pub at: i64,
    /// What was written, without the line's end.
    pub text: String,
}

/// A log group, and how far it was read.
#[derive(Debug)]
pub struct Tail {
    client: Client,
    group: String,
    /// Milliseconds since 1970: the next look begins here. It never goes back.
    reach: i64,
    /// What was given out since then, with the time of it.
    given: BTreeMap<String, i64>,
}

impl Tail {
    /// From so long before `now`.
    #[must_use]
    pub fn new(client: Client, group: &str, since: Duration, now: SystemTime) -> Self {
        let since = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        let reach = milliseconds(now).saturating_sub(since).max(0);
        Self { client, group: group.to_owned(), reach, given: BTreeMap::new() }
    }

    /// The lines that were not given out yet, oldest first.
    ///
    /// # Errors
    /// When the log group cannot be read; then none is lost, the next look gives them.
    pub async fn look(&mut self, now: SystemTime) -> Result<Vec<Event>, Failure> {
        let mut found = self.found().await?;
        // Stable: lines of the same moment keep the order in which they came.
        found.sort_by_key(|event| event.timestamp);
        let mut times: HashMap<String, usize> = HashMap::new();
        let mut fresh = Vec::new();
        let mut newest = self.reach;
        for event in found {
            let at = event.timestamp.unwrap_or(self.reach);
            newest = newest.max(at);
            if self.given.insert(identity(&event, &mut times), at).is_none() {
                let text = event.message.unwrap_or_default();
                fresh.push(Event { at, text: text.trim_end().to_owned() });
            }
        }
        self.advance(newest, now);
        Ok(fresh)
    }

    /// A line may carry a time to come; those until then are not to be passed over for it.
    fn advance(&mut self, newest: i64, now: SystemTime) {
        let reach_back = i64::try_from(REACH_BACK.as_millis()).unwrap_or(i64::MAX);
        self.reach = self.reach.max(newest.min(milliseconds(now)).saturating_sub(reach_back));
        let reach = self.reach;
        self.given.retain(|_, at| *at >= reach);
    }

    /// Every event in reach, over all pages: a page may be empty and yet not the last.
    async fn found(&self) -> Result<Vec<FilteredLogEvent>, Failure> {
        let mut events = Vec::new();
        let mut token = None;
        loop {
            let request = self.client.filter_log_events().log_group_name(&self.group).start_time(self.reach);
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
}

/// The service's id of an event. It is an optional member of the answer, and not everything that speaks this API gives
/// it: then a line is known by where, when, what, and as which of several that are alike in these.
fn identity(event: &FilteredLogEvent, times: &mut HashMap<String, usize>) -> String {
    if let Some(id) = &event.event_id {
        return id.clone();
    }
    let stream = event.log_stream_name.as_deref().unwrap_or_default();
    let message = event.message.as_deref().unwrap_or_default();
    let alike = format!("{stream} {} {message}", event.timestamp.unwrap_or_default());
    let before = times.entry(alike.clone()).or_default();
    *before += 1;
    format!("{before} {alike}")
}

fn milliseconds(at: SystemTime) -> i64 {
    i64::try_from(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}
