//! What `CloudFormation`'s own validation found: `DescribeEvents`, restricted to what failed.
//!
//! It only adds detail. Where the call does not exist (other partitions, emulators) or is not permitted, there is none.

use aws_sdk_cloudformation::{
    Client,
    types::{EventFilter, OperationEvent},
};

/// What the events belong to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Of<'a> {
    /// A change set that failed.
    ChangeSet { id: &'a str, stack_id: &'a str },
    /// The stack's operations.
    Stack(&'a str),
}

/// One line per failed event, oldest first.
pub(super) async fn failed_events(client: &Client, of: Of<'_>) -> Vec<String> {
    let request = client.describe_events().filters(EventFilter::builder().failed_events(true).build());
    let request = match of {
        Of::ChangeSet { id, stack_id } => request.change_set_name(id).stack_name(stack_id),
        Of::Stack(id) => request.stack_name(id),
    };
    let Ok(answer) = request.send().await else { return Vec::new() };
    answer.operation_events().iter().rev().filter_map(line).collect()
}

fn line(event: &OperationEvent) -> Option<String> {
    let reason = event
        .validation_status_reason()
        .or_else(|| event.resource_status_reason())
        .or_else(|| event.hook_status_reason())?;
    let resource = event.logical_resource_id().unwrap_or("the template");
    Some(match event.validation_path() {
        Some(path) => format!("{resource}{path}: {reason}"),
        None => format!("{resource}: {reason}"),
    })
}
