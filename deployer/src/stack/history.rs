//! What the stack's own events say of its last operation, for whoever was not there.

use super::{
    StackClient,
    cause::{self, Cause},
    events::{Event, Watcher},
};
use crate::{aws, error::Failure};

impl StackClient {
    /// The root cause of the failure of the last operation, if it failed and its events are still there (90 days).
    ///
    /// # Errors
    /// When `CloudFormation` does not tell the events.
    pub async fn last_failure(&self, stack_id: &str) -> Result<Option<Cause>, Failure> {
        let events = Watcher::history(&self.client, stack_id).await.map_err(|error| {
            aws::failure(&format!("the events of the stack {} could not be read", self.name), &error)
        })?;
        Ok(last_failure(&events, stack_id))
    }
}

/// Of the events, oldest first.
fn last_failure(events: &[Event], stack_id: &str) -> Option<Cause> {
    const STARTS: [&str; 4] = ["CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS"];
    let begins = |event: &Event| event.is_about_stack(stack_id) && STARTS.contains(&event.status.as_str());
    let last = events.iter().rposition(begins).unwrap_or_default();
    cause::root_causes(&events[last..]).into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(at: i64, id: &str, status: &str, reason: Option<&str>) -> Event {
        let kind = if id == "app" { "AWS::CloudFormation::Stack" } else { "AWS::Lambda::Function" };
        Event::for_test(at, id, kind, status, reason).of_stack((id == "app").then_some("arn"))
    }

    #[test]
    fn only_the_last_operation_counts() {
        let mut events = vec![
            row(1, "app", "UPDATE_IN_PROGRESS", None),
            row(2, "Function", "UPDATE_FAILED", Some("old")),
            row(3, "app", "UPDATE_ROLLBACK_COMPLETE", None),
            row(4, "app", "UPDATE_IN_PROGRESS", None),
            row(5, "Function", "UPDATE_FAILED", Some("new")),
            row(6, "app", "UPDATE_ROLLBACK_COMPLETE", None),
        ];
        assert_eq!(last_failure(&events, "arn").unwrap().reason, "new");
        events.truncate(4);
        assert_eq!(last_failure(&events, "arn"), None);
        assert_eq!(last_failure(&[], "arn"), None);
    }
}
