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
    /// Reads it.
    ///
    /// # Errors
    /// When any of it is not told: a part of a bill says nothing.
    pub async fn usage(&self, window: &Window, stack: &Stack) -> Result<Usage, Failure> {
        let output = |key: &str| stack.outputs.get(key).cloned().unwrap_or_default();
        let (api, function) = (output(synth::OUTPUT_API_ID), output(synth::OUTPUT_FUNCTION_NAME));
        let logs = [synth::OUTPUT_FUNCTION_LOG_GROUP, synth::OUTPUT_API_LOG_GROUP].map(output);
        let of_log = |group: &String| sum("AWS/Logs", "IncomingBytes", ("LogGroupName", group.clone()));
        let mut queries = vec![
            sum("AWS/ApiGateway", "Count", ("ApiId", api)),
            sum("AWS/Lambda", "Invocations", ("FunctionName", function.clone())),
            sum("AWS/Lambda", "Duration", ("FunctionName", function)),
        ];
        queries.extend(logs.iter().map(of_log));
        let own = queries.len();
        let of_cluster = |name| sum(synth::METRIC_NAMESPACE, "Deny", ("Cluster", name));
        queries.extend(clusters_of(stack).into_iter().map(of_cluster));
        let answers = self.read(window, &queries).await;
        if let Some(failure) = answers.failure {
            return Err(failure);
        }
        let read: Result<Vec<Vec<Point>>, String> = answers.of.into_iter().collect();
        let read = read.map_err(|why| Failure::new("what was used cannot be read").with_cause(why))?;
        let total = |at: usize| read.get(at).and_then(|points| added(points));
        let log_bytes = [3, 4].map(total).into_iter().flatten().reduce(|a, b| a + b);
        let clusters = read.iter().skip(own).filter(|points| !points.is_empty()).count();
        Ok(Usage { calls: total(0), requests: total(1), milliseconds: total(2), log_bytes, clusters })
    }

    /// Milliseconds that a call took the function in a window, on average; `None`: there was no call.
    ///
    /// # Errors
    /// When `CloudWatch` does not say.
    pub async fn mean_duration(&self, window: &Window, function: &str) -> Result<Option<f64>, Failure> {
        let query =
            |statistic| Query { statistic, ..sum("AWS/Lambda", "Duration", ("FunctionName", function.to_owned())) };
        let answers = self.read(window, &[query("Sum"), query("SampleCount")]).await;
        if let Some(failure) = answers.failure {
            return Err(failure);
        }
        let read: Result<Vec<Vec<Point>>, String> = answers.of.into_iter().collect();
        let read = read.map_err(|why| Failure::new("the function's duration cannot be read").with_cause(why))?;
        let [total, calls] = [0, 1].map(|at| read.get(at).and_then(|points| added(points)));
        Ok(total.zip(calls).filter(|(_, calls)| *calls > 0.0).map(|(total, calls)| total / calls))
    }
}

fn sum(namespace: &'static str, metric: &'static str, dimension: (&'static str, String)) -> Query {
    Query { namespace, metric, dimension, statistic: "Sum", whole: false }
}

fn added(points: &[Point]) -> Option<f64> {
    points.iter().map(|(_, value)| *value).reduce(|a, b| a + b)
}
