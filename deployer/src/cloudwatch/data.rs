//! `GetMetricData`: many questions in few calls, over all pages, each with its own answer or the reason why there is none.

use std::collections::HashMap;

use aws_sdk_cloudwatch::{
    primitives::DateTime,
    types::{Dimension, Metric, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode},
};

use super::{CloudWatch, window::Window};
use crate::{aws, error::Failure};

/// The service takes so many questions in a call.
const MOST_QUERIES: usize = 500;

/// One question: a metric of one thing, and a statistic of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Namespace of the metric.
    pub namespace: &'static str,
    /// Its name.
    pub metric: &'static str,
    /// Its only dimension, and the value.
    pub dimension: (&'static str, String),
    /// `Sum`, `p99` and the like.
    pub statistic: &'static str,
    /// Whether the window is asked about as one; else step by step.
    pub whole: bool,
}

/// A value and the beginning of its period, in seconds since 1970.
pub type Point = (i64, f64);

/// What was answered, question by question in the order they were asked; and the first call that failed.
#[derive(Debug)]
pub struct Answers {
    /// The points, oldest first (none: there is no data), or why they could not be read.
    pub of: Vec<Result<Vec<Point>, String>>,
    /// The first call that failed as a whole, if any did.
    pub failure: Option<Failure>,
}

impl CloudWatch {
    /// Asks about a window.
    pub async fn read(&self, window: &Window, queries: &[Query]) -> Answers {
        let mut answers = Answers { of: Vec::with_capacity(queries.len()), failure: None };
        for chunk in queries.chunks(MOST_QUERIES) {
            match self.read_chunk(window, chunk).await {
                Ok(mut found) => {
                    let answer = |at| found.remove(&id(at)).unwrap_or_default().answer();
                    answers.of.extend((0..chunk.len()).map(answer));
                }
                Err(failure) => {
                    let why = failure.cause.clone().unwrap_or_else(|| failure.message.clone());
                    answers.of.extend(chunk.iter().map(|_| Err(why.clone())));
                    answers.failure.get_or_insert(failure);
                }
            }
        }
        answers
    }

    async fn read_chunk(&self, window: &Window, queries: &[Query]) -> Result<HashMap<String, Found>, Failure> {
        let asked: Vec<MetricDataQuery> =
            queries.iter().enumerate().map(|(at, query)| as_sdk(&id(at), query, window)).collect();
        let mut found: HashMap<String, Found> = HashMap::new();
        let mut token = None;
        loop {
            let page = self
                .client
                .get_metric_data()
                .start_time(DateTime::from_secs(window.from))
                .end_time(DateTime::from_secs(window.to))
                .scan_by(ScanBy::TimestampAscending)
                .set_metric_data_queries(Some(asked.clone()))
                .set_next_token(token.take())
                .send()
                .await
                .map_err(|error| aws::failure("the metrics cannot be read (cloudwatch:GetMetricData)", &error))?;
            for result in page.metric_data_results() {
                found.entry(result.id().unwrap_or_default().to_owned()).or_default().take(result);
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(found);
            }
        }
    }
}

/// What has come of one answer so far: it may be spread over pages.
#[derive(Default)]
struct Found {
    points: Vec<Point>,
    trouble: Option<String>,
}

impl Found {
    fn take(&mut self, result: &MetricDataResult) {
        let times = result.timestamps().iter().map(DateTime::secs);
        self.points.extend(times.zip(result.values().iter().copied()));
        // "Partial data" only says that there is another page.
        let well = matches!(result.status_code(), None | Some(StatusCode::Complete | StatusCode::PartialData));
        if !well {
            let said = result.messages().iter().filter_map(|message| message.value());
            let words = said.collect::<Vec<_>>().join(", ");
            let code = result.status_code().map_or("", StatusCode::as_str);
            let why = if words.is_empty() { code.to_owned() } else { format!("{words} (code {code})") };
            self.trouble.get_or_insert(why);
        }
    }

    fn answer(mut self) -> Result<Vec<Point>, String> {
        self.points.sort_by_key(|(at, _)| *at);
        self.trouble.map_or(Ok(self.points), Err)
    }
}

/// Ids begin with a small letter.
fn id(at: usize) -> String {
    format!("q{at}")
}

fn as_sdk(id: &str, query: &Query, window: &Window) -> MetricDataQuery {
    let (name, value) = &query.dimension;
    let metric = Metric::builder()
        .namespace(query.namespace)
        .metric_name(query.metric)
        .dimensions(Dimension::builder().name(*name).value(value).build())
        .build();
    let period = if query.whole { window.whole() } else { window.step };
    let period = i32::try_from(period).unwrap_or(i32::MAX);
    let stat = MetricStat::builder().metric(metric).period(period).stat(query.statistic).build();
    MetricDataQuery::builder().id(id).metric_stat(stat).build()
}
