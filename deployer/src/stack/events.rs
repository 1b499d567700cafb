//! A stack's events while an operation runs: which of them are ours and new, and the line a person reads for each.
//!
//! Nothing here decides whether the operation has ended; that is `status`.

use std::collections::HashSet;

use aws_sdk_cloudformation::{
    Client, error::SdkError, operation::describe_stack_events::DescribeStackEventsError, types::StackEvent,
};
use serde::Serialize;

/// What we keep of a stack event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Unique within the stack.
    pub id: String,
    /// Time of the event, milliseconds since 1970.
    pub millis: i64,
    /// Name of the resource in the template; the stack's own name for the stack itself.
    pub logical_id: String,
    /// `AWS::Lambda::Function` and the like.
    pub resource_type: String,
    /// `CREATE_IN_PROGRESS` and the like.
    pub status: String,
    /// Why, where `CloudFormation` says so.
    pub reason: Option<String>,
    /// The token of the request that started the operation.
    #[serde(skip)]
    token: Option<String>,
    /// For a row about a stack: its id.
    #[serde(skip)]
    physical_id: Option<String>,
}

impl Event {
    fn from_sdk(event: &StackEvent) -> Option<Self> {
        Some(Self {
            id: event.event_id()?.to_owned(),
            millis: event.timestamp().and_then(|time| time.to_millis().ok()).unwrap_or_default(),
            logical_id: event.logical_resource_id().unwrap_or_default().to_owned(),
            resource_type: event.resource_type().unwrap_or_default().to_owned(),
            status: event.resource_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            reason: event.resource_status_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
            token: event.client_request_token().map(str::to_owned),
            physical_id: event.physical_resource_id().map(str::to_owned),
        })
    }

    /// Whether this is the row about the stack `id` itself.
    #[must_use]
    pub fn is_about_stack(&self, id: &str) -> bool {
        self.physical_id.as_deref() == Some(id)
    }

    /// `  12s  CREATE_COMPLETE     Function  reason`; `since` is in milliseconds since 1970.
    #[must_use]
    pub fn line(&self, since: i64) -> String {
        let seconds = (self.millis - since).max(0) / 1000;
        let line = format!("{seconds:>4}s  {:<20}  {}", self.status, self.logical_id);
        match &self.reason {
            Some(reason) => format!("{line}  {reason}"),
            None => line,
        }
    }

    #[cfg(test)]
    pub(crate) fn for_test(
        millis: i64,
        logical_id: &str,
        resource_type: &str,
        status: &str,
        reason: Option<&str>,
    ) -> Self {
        Self {
            id: format!("{logical_id}-{millis}"),
            millis,
            logical_id: logical_id.to_owned(),
            resource_type: resource_type.to_owned(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            token: None,
            physical_id: None,
        }
    }

    #[cfg(test)]
    pub(crate) fn of_stack(mut self, id: Option<&str>) -> Self {
        self.physical_id = id.map(str::to_owned);
        self
    }
}

/// Reads a stack's events from a marker on, each of them once.
#[derive(Debug)]
pub struct Watcher {
    stack_id: String,
    token: Option<String>,
    seen: HashSet<String>,
}

impl Watcher {
    /// Everything that `stack_id` shows now is old; what comes later is ours if it carries `token`, or no token at all
    /// (not everything that speaks this API passes it on). `None` takes every later event.
    ///
    /// # Errors
    /// As `DescribeStackEvents`.
    pub async fn start(
        client: &Client,
        stack_id: &str,
        token: Option<&str>,
    ) -> Result<Self, SdkError<DescribeStackEventsError>> {
        let mut watcher = Self { stack_id: stack_id.to_owned(), token: token.map(str::to_owned), seen: HashSet::new() };
        // One page suffices as the marker: reading stops at the first event that was seen.
        let page = client.describe_stack_events().stack_name(stack_id).send().await?;
        watcher.seen.extend(page.stack_events().iter().filter_map(|event| event.event_id().map(str::to_owned)));
        Ok(watcher)
    }

    /// Our events that came since the last call, oldest first.
    ///
    /// # Errors
    /// As `DescribeStackEvents`; nothing is lost, the next call returns them.
    pub async fn poll(&mut self, client: &Client) -> Result<Vec<Event>, SdkError<DescribeStackEventsError>> {
        let mut fresh = Vec::new();
        let mut next_token = None;
        loop {
            let page =
                client.describe_stack_events().stack_name(&self.stack_id).set_next_token(next_token).send().await?;
            let events: Vec<Event> = page.stack_events().iter().filter_map(Event::from_sdk).collect();
            let known = events.iter().position(|event| self.seen.contains(&event.id));
            let reached = known.is_some();
            fresh.extend(events.into_iter().take(known.unwrap_or(usize::MAX)));
            next_token = page.next_token().map(str::to_owned);
            if reached || next_token.is_none() {
                break;
            }
        }
        self.seen.extend(fresh.iter().map(|event| event.id.clone()));
        // CloudFormation lists the newest first.
        fresh.reverse();
        fresh.retain(|event| self.is_ours(event));
        Ok(fresh)
    }

    /// Every event of the stack, oldest first.
    ///
    /// # Errors
    /// As `DescribeStackEvents`.
    pub async fn history(client: &Client, stack_id: &str) -> Result<Vec<Event>, SdkError<DescribeStackEventsError>> {
        Self { stack_id: stack_id.to_owned(), token: None, seen: HashSet::new() }.poll(client).await
    }

    fn is_ours(&self, event: &Event) -> bool {
        match (&self.token, &event.token) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => true,
        }
    }
}
