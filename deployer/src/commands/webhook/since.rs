//! What `CloudWatch` counted since the webhook was registered: what a person should know before Pods are refused because
//! the webhook cannot be reached. Reads only, and what cannot be read stops nobody.

use std::time::{Duration, SystemTime};

use crate::{
    aws,
    cloudwatch::{
        CloudWatch,
        readings::{Found, Known, OF_API, OF_CLUSTER, Reading, Subject},
        window::Window,
    },
    cluster::{moment::Moment, webhook::Existing},
    console::Console,
    error::Failure,
    settings::Settings,
    stack::StackClient,
    synth,
};

/// Longer than this nobody waits for numbers.
const PATIENCE: Duration = Duration::from_secs(20);
/// Metrics are kept for 455 days.
const LONGEST: Duration = Duration::from_hours(455 * 24);

/// What is counted, in the order in which it is told, and what it means.
const TOLD: &[(&str, &[Known], &str, &str)] = &[
    ("cluster", OF_CLUSTER, "Pass", "Pods admitted"),
    ("cluster", OF_CLUSTER, "Deny", "Pods refused, with either policy"),
    ("cluster", OF_CLUSTER, "Undecided", "of these because ECR could not be asked"),
    ("api", OF_API, "5xx", "calls without a verdict (of all clusters): admitted so far, refused from now on"),
];

/// Tells it, line by line.
pub(super) async fn tell(settings: &Settings, existing: &Existing, console: &mut Console) {
    console.step("Looking at what was decided since the webhook is there");
    let asked = tokio::time::timeout(PATIENCE, read(settings, existing)).await;
    let asked =
        asked.unwrap_or_else(|_| Err(Failure::new(format!("AWS gave no answer within {} s", PATIENCE.as_secs()))));
    match asked {
        Ok(lines) => lines.iter().for_each(|line| console.say(line)),
        Err(failure) => {
            let cause = failure.cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            console.warn(&format!("what was decided so far is not known: {}{cause}", failure.message));
        }
    }
}

async fn read(settings: &Settings, existing: &Existing) -> Result<Vec<String>, Failure> {
    let created = existing.object()["metadata"]["creationTimestamp"].as_str().and_then(Moment::parse);
    let created = created.ok_or_else(|| Failure::new("the cluster does not say since when the webhook is there"))?;
    let caller = existing.caller_name().ok_or_else(|| Failure::new("the webhook's URL names no caller"))?;
    let aws = aws::connect(settings).await?;
    let stack = StackClient::new(&aws.config, &settings.stack_name).existing(&aws.region).await?;
    let age = u64::try_from(Moment::here().since(created)).unwrap_or_default();
    let window = Window::last(Duration::from_secs(age).min(LONGEST), SystemTime::now());
    let api = stack.output(synth::OUTPUT_API_ID)?;
    let subjects = [("cluster", caller.as_str()), ("api", api)].map(|(kind, name)| subject(kind, name));
    let (readings, _) = CloudWatch::new(&aws.config).readings(&window, &subjects).await;
    let since = format!("since {created}{}", if age > LONGEST.as_secs() { ", of the last 455 days" } else { "" });
    Ok(std::iter::once(since).chain(TOLD.iter().map(|told| line(told, &readings))).collect())
}

/// Only what is told of it.
fn subject(kind: &'static str, name: &str) -> Subject {
    let told = |known: &&Known| TOLD.iter().any(|(of, _, metric, _)| *of == kind && *metric == known.name);
    let all = TOLD.iter().find(|(of, ..)| *of == kind).map_or(&[][..], |(_, all, ..)| all);
    Subject { kind, name: name.to_owned(), metrics: all.iter().filter(told).copied().collect() }
}

fn line((of, _, metric, meaning): &(&str, &[Known], &str, &str), readings: &[Reading]) -> String {
    let reading = readings.iter().find(|reading| reading.of == *of && reading.metric == *metric);
    let count = match reading.map(|reading| &reading.found) {
        Some(Found::Data { statistics, .. }) => {
            statistics.get("Sum").map_or("not known".to_owned(), |sum| format!("{sum:.0}"))
        }
        Some(Found::NoData) => "none counted".to_owned(),
        Some(Found::Unreadable { why }) => return format!("{metric}: not known ({why}); {meaning}"),
        None => "not known".to_owned(),
    };
    format!("{metric}: {count}, {meaning}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn nothing_counted_and_not_known_are_told_apart_from_a_number() {
        let reading = |found| [Reading { of: "cluster", name: "staging".to_owned(), metric: "Deny", found }];
        let data = Found::Data { statistics: BTreeMap::from([("Sum", 12.0)]), points: Vec::new() };
        for (found, expected) in [
            (data, "Deny: 12, Pods refused, with either policy"),
            (Found::NoData, "Deny: none counted, Pods refused, with either policy"),
            (
                Found::Unreadable { why: "denied (code AccessDenied)".to_owned() },
                "Deny: not known (denied (code AccessDenied)); Pods refused, with either policy",
            ),
        ] {
            assert_eq!(line(&TOLD[1], &reading(found)), expected);
        }
    }

    #[test]
    fn everything_that_is_told_is_a_metric_that_is_read() {
        assert_eq!(subject("cluster", "x").metrics.len(), 3);
        assert_eq!(subject("api", "x").metrics.len(), 1);
    }
}
