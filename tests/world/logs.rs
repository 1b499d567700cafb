//! Reads log groups of the local `CloudWatch Logs` back, whole.

use aws_sdk_cloudwatchlogs::Client;

use crate::addresses::Addresses;
use crate::trouble::{Context, Result};

/// Every line of a log group, oldest first.
///
/// # Errors
/// What `CloudWatch Logs` says.
pub async fn lines(world: &Addresses, group: &str) -> Result<Vec<String>> {
    let events = client(world).filter_log_events().log_group_name(group).send().await;
    let events = events.while_doing(|| format!("reading the log group {group}"))?;
    Ok(events.events().iter().filter_map(|event| event.message().map(str::to_owned)).collect())
}

/// Changes how many days a log group is kept, as somebody would who does not ask `CloudFormation`.
///
/// # Errors
/// What `CloudWatch Logs` says.
pub async fn keep(world: &Addresses, group: &str, days: i32) -> Result<()> {
    let sent = client(world).put_retention_policy().log_group_name(group).retention_in_days(days).send().await;
    sent.map(drop).while_doing(|| format!("changing the log group {group}"))
}

fn client(world: &Addresses) -> Client {
    let credentials =
        aws_sdk_cloudwatchlogs::config::Credentials::new(&world.account, "local-world", None, None, "local-world");
    let config = aws_sdk_cloudwatchlogs::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_cloudwatchlogs::config::Region::new(world.region.clone()))
        .endpoint_url(&world.aws_endpoint)
        .credentials_provider(credentials)
        // Plain HTTP and nothing else: this client cannot talk to a real AWS.
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}
