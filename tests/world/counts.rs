//! Reads the counts of decisions back from `CloudWatch`, as a dashboard would.

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, Statistic};

use crate::addresses::Addresses;
use crate::kubernetes::until;
use crate::trouble::{Context, Result};

/// The namespace of the function's metrics.
pub const NAMESPACE: &str = "EcrComplianceWebhook";
/// The dimension that tells clusters apart.
pub const DIMENSION: &str = "Cluster";
/// The metrics read here.
pub const METRICS: &[&str] = &[PASS, DENY, WRONG_CALLER];
const PASS: &str = "Pass";
const DENY: &str = "Deny";
const WRONG_CALLER: &str = "WrongCaller";
/// The cluster of whoever is not known, in metrics.
const UNKNOWN: &str = "unknown";
/// One period that holds the whole life of a local world, in seconds.
const PERIOD: i32 = 3600;

/// Decisions since the world began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Admitted.
    pub pass: u64,
    /// Denied.
    pub deny: u64,
}

/// A client of the local `CloudWatch`.
#[must_use]
pub fn client(world: &Addresses) -> Client {
    let credentials =
        aws_sdk_cloudwatch::config::Credentials::new(&world.account, "local-world", None, None, "local-world");
    let config = aws_sdk_cloudwatch::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_cloudwatch::config::Region::new(world.region.clone()))
        .endpoint_url(&world.aws_endpoint)
        .credentials_provider(credentials)
        // Plain HTTP and nothing else: this client cannot talk to a real AWS.
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// What `CloudWatch` has counted for a cluster so far.
///
/// # Errors
/// What `CloudWatch` says.
pub async fn read(client: &Client, cluster: &str) -> Result<Counts> {
    Ok(Counts { pass: sum(client, cluster, PASS).await?, deny: sum(client, cluster, DENY).await? })
}

/// Waits until `CloudWatch` has counted exactly so many callers that are not known.
///
/// # Errors
/// As [`await_at_least`].
pub async fn await_strangers(client: &Client, expected: u64) -> Result<()> {
    until(&format!("count of {expected} strangers in CloudWatch"), async || {
        Ok((sum(client, UNKNOWN, WRONG_CALLER).await? == expected).then_some(()))
    })
    .await
}

/// Callers that are not known, as counted so far.
///
/// # Errors
/// What `CloudWatch` says.
pub async fn strangers(client: &Client) -> Result<u64> {
    sum(client, UNKNOWN, WRONG_CALLER).await
}

/// Waits until at least `expected` has been counted: metrics arrive some time after the decisions.
///
/// # Errors
/// They do not arrive in time.
pub async fn await_at_least(client: &Client, cluster: &str, expected: Counts) -> Result<Counts> {
    until(&format!("count of {} passes and {} denials in CloudWatch", expected.pass, expected.deny), async || {
        let counts = read(client, cluster).await?;
        Ok((counts.pass >= expected.pass && counts.deny >= expected.deny).then_some(counts))
    })
    .await
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts is a small whole number")]
async fn sum(client: &Client, cluster: &str, metric: &str) -> Result<u64> {
    let now = SystemTime::now();
    let hour = Duration::from_hours(1);
    let statistics = client
        .get_metric_statistics()
        .namespace(NAMESPACE)
        .metric_name(metric)
        .dimensions(Dimension::builder().name(DIMENSION).value(cluster).build())
        .start_time(DateTime::from(now - hour * 24))
        .end_time(DateTime::from(now + hour))
        .period(PERIOD)
        .statistics(Statistic::Sum)
        .send()
        .await
        .while_doing(|| format!("reading the metric {metric}"))?;
    Ok(statistics.datapoints().iter().filter_map(aws_sdk_cloudwatch::types::Datapoint::sum).sum::<f64>().round() as u64)
}
