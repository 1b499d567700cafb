//! What a deployment has used in a window, of what AWS bills by use: the part of its cost that only `CloudWatch` knows.

use serde::Serialize;

use super::{
    CloudWatch,
    data::{Point, Query},
    readings::clusters_of,
    window::Window,
};
use crate::{error::Failure, stack::Stack, synth};

/// Amounts; `None`: nothing was counted, which need not mean that there was nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Calls of the API.
    pub calls: Option<f64>,
    /// Requests of the function.
    pub requests: Option<f64>,
    /// Milliseconds in the function.
    pub milliseconds: Option<f64>,
    /// Bytes that were written to both log groups.
    pub log_bytes: Option<f64>,
    /// Clusters that asked: each has its metrics.
    pub clusters: usize,
}

impl CloudWatch {
    /// Reads it. A stack whose creation never finished has used nothing.
    ///
    /// # Errors
    /// When any of it is not told: a part of a bill says nothing.
    pub async fn usage(&self, window: &Window, stack: &Stack) -> Result<Usage, Failure> {
        let outputs = [
            synth::OUTPUT_API_ID,
            synth::OUTPUT_FUNCTION_NAME,
            synth::OUTPUT_FUNCTION_LOG_GROUP,
            synth::OUTPUT_API_LOG_GROUP,
        ];
        let [Some(api), Some(function), Some(log), Some(access_log)] = outputs.map(|key| stack.outputs.get(key)) else {
            return Ok(Usage::default());
        };
        let mut queries = vec![
            sum("AWS/ApiGateway", "Count", ("ApiId", api)),
            sum("AWS/Lambda", "Invocations", ("FunctionName", function)),
            sum("AWS/Lambda", "Duration", ("FunctionName", function)),
            sum("AWS/Logs", "IncomingBytes", ("LogGroupName", log)),
            sum("AWS/Logs", "IncomingBytes", ("LogGroupName", access_log)),
        ];
        queries.extend(clusters_of(stack).iter().map(|name| sum(synth::METRIC_NAMESPACE, "Deny", ("Cluster", name))));
        let sums = self.sums(window, &queries).await?;
        let [calls, requests, milliseconds, log, access_log, clusters @ ..] = sums.as_slice() else {
            return Ok(Usage::default());
        };
        Ok(Usage {
            calls: *calls,
            requests: *requests,
            milliseconds: *milliseconds,
            log_bytes: log.iter().chain(access_log).copied().reduce(|a, b| a + b),
            clusters: clusters.iter().flatten().count(),
        })
    }

    /// Milliseconds that a call took the function in a window, on average; `None`: there was no call.
    ///
    /// # Errors
    /// When `CloudWatch` does not say.
    pub async fn mean_duration(&self, window: &Window, function: &str) -> Result<Option<f64>, Failure> {
        let query = |statistic| Query { statistic, ..sum("AWS/Lambda", "Duration", ("FunctionName", function)) };
        let sums = self.sums(window, &[query("Sum"), query("SampleCount")]).await?;
        let [Some(total), Some(calls)] = sums.as_slice() else { return Ok(None) };
        Ok((*calls > 0.0).then(|| total / calls))
    }

    /// The sum of each answer; `None`: there is no data.
    async fn sums(&self, window: &Window, queries: &[Query]) -> Result<Vec<Option<f64>>, Failure> {
        let answers = self.read(window, queries).await;
        if let Some(failure) = answers.failure {
            return Err(failure);
        }
        let added = |points: Vec<Point>| points.iter().map(|(_, value)| *value).reduce(|a, b| a + b);
        let sums: Result<Vec<Option<f64>>, String> = answers.of.into_iter().map(|points| points.map(added)).collect();
        sums.map_err(|why| Failure::new("the metrics cannot be read (cloudwatch:GetMetricData)").with_cause(why))
    }
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatch-Logs-Monitoring-CloudWatch-Metrics.html> has those of
/// a log group.
fn sum(namespace: &'static str, metric: &'static str, (dimension, value): (&'static str, &str)) -> Query {
    Query { namespace, metric, dimension: (dimension, value.to_owned()), statistic: "Sum", whole: false }
}
