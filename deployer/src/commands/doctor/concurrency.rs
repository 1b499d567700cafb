//! Whether Lambda will have a place for the function: what the account has left in the region, and what a reservation takes.

use std::time::{Duration, SystemTime};

use aws_sdk_lambda::Client;

use super::Finding;
use crate::{
    aws::{self, Aws},
    cloudwatch::{CloudWatch, readings, window::Window},
    settings::Settings,
    stack::Stack,
    synth,
};

/// Lambda refuses to reserve what would leave less than this to the functions without a reservation (Lambda developer
/// guide, "Configuring reserved concurrency").
const KEPT_FREE: i32 = 100;
/// A decision for which ECR has to be asked takes a fifth of a second or so; one from the cache takes next to nothing.
const ESTIMATE_MILLISECONDS: f64 = 200.0;
/// However short its calls are, Lambda gives an instance of a function no more than this (Lambda developer guide, "Lambda
/// quotas": requests per second are ten times the concurrency).
const MOST_A_SECOND: f64 = 10.0;
/// Over which a call's time is taken.
const MEASURED_OVER: Duration = Duration::from_hours(24);
/// Lambda's "Concurrent executions" in Service Quotas.
const QUOTA: &str = "L-B99A9384";

/// Calls that Lambda answers at once in the region.
#[derive(Clone, Copy)]
struct Places {
    /// The account's quota.
    limit: i32,
    /// What no function has reserved.
    unreserved: i32,
    /// What our function has reserved.
    own: i32,
}

/// How long a call takes the function.
#[derive(Clone, Copy)]
enum Pace {
    /// Milliseconds, on average of the last day.
    Measured(f64),
    /// Nothing was measured, or it cannot be read.
    Estimated,
}

impl Pace {
    /// What so many places can do: `about 50 Pods a second (estimated: …)`.
    fn of(self, places: i32) -> String {
        let (milliseconds, how) = match self {
            Self::Measured(time) => (time, format!("measured: {} a call in the last day", readings::time(time))),
            Self::Estimated => (
                ESTIMATE_MILLISECONDS,
                format!(
                    "estimated: {} a call while ECR has to be asked; there is no measurement of the last day",
                    readings::time(ESTIMATE_MILLISECONDS)
                ),
            ),
        };
        let each = (1000.0 / milliseconds.max(1.0)).min(MOST_A_SECOND);
        format!("about {:.0} Pods a second ({how})", f64::from(places) * each)
    }
}

pub(super) async fn look(settings: &Settings, aws: &Aws, stack: Option<&Stack>) -> Finding {
    let client = Client::new(&aws.config);
    let function = stack.and_then(|stack| stack.output(synth::OUTPUT_FUNCTION_NAME).ok());
    match places(&client, function).await {
        Ok(places) => {
            let wanted = settings.reserved_concurrency.and_then(|wanted| i32::try_from(wanted).ok());
            judge(places, wanted, pace(aws, function).await, &aws.region)
        }
        Err(why) => Finding::note(
            "concurrency",
            format!("it cannot be seen how many calls Lambda has left: {why}"),
            "Nothing has to be done. To see it, permit lambda:GetAccountSettings and lambda:GetFunctionConcurrency.",
        ),
    }
}

async fn places(client: &Client, function: Option<&str>) -> Result<Places, String> {
    let account = client.get_account_settings().send().await.map_err(|error| aws::describe(&error))?;
    let limits = account.account_limit.ok_or("AWS answered lambda:GetAccountSettings without limits")?;
    let own = match function {
        None => 0,
        Some(name) => {
            let asked = client.get_function_concurrency().function_name(name).send().await;
            asked.map_err(|error| aws::describe(&error))?.reserved_concurrent_executions.unwrap_or(0)
        }
    };
    let limit = limits.concurrent_executions;
    Ok(Places { limit, unreserved: limits.unreserved_concurrent_executions.unwrap_or(limit), own })
}

/// Who may not read metrics gets the estimate: nothing else hangs on it.
async fn pace(aws: &Aws, function: Option<&str>) -> Pace {
    let Some(function) = function else { return Pace::Estimated };
    let window = Window::last(MEASURED_OVER, SystemTime::now());
    match CloudWatch::new(&aws.config).mean_duration(&window, function).await {
        Ok(Some(milliseconds)) => Pace::Measured(milliseconds),
        Ok(None) | Err(_) => Pace::Estimated,
    }
}

fn judge(places: Places, wanted: Option<i32>, pace: Pace, region: &str) -> Finding {
    let Places { limit, unreserved, own } = places;
    // A deploy sets the function's own reservation anew, or takes it back.
    let free = unreserved + own;
    let more = |missing: i32| {
        format!(
            "aws service-quotas request-service-quota-increase --service-code lambda --quota-code {QUOTA} --desired-value {} --region {region}",
            limit + missing
        )
    };
    match wanted {
        None if free < KEPT_FREE => Finding::note(
            "concurrency",
            format!(
                "Lambda answers {free} calls at once for all functions without a reservation in {region}, this one among \
                 them: {}, if nothing else runs; the rest waits or fails",
                pace.of(free)
            ),
            format!("Ask for more: {}", more(1000 - limit)),
        ),
        None => {
            Finding::ok("concurrency", format!("{free} of {limit} calls at once are not reserved by other functions"))
        }
        Some(wanted) if wanted > own && free - wanted < KEPT_FREE => {
            let most = (free - KEPT_FREE).max(own);
            let lower = if most > 0 {
                format!("Lower reserved_concurrency to {most}")
            } else {
                "Leave reserved_concurrency out".to_owned()
            };
            Finding::problem(
                "concurrency",
                format!(
                    "reserved_concurrency = {wanted} would leave {} of {limit} calls at once to the other functions in \
                     {region}, and Lambda refuses to leave less than {KEPT_FREE}",
                    free - wanted
                ),
                format!("{lower}, or ask for more: {}", more(KEPT_FREE + wanted - free)),
            )
        }
        Some(wanted) => {
            Finding::ok("concurrency", format!("reserved_concurrency = {wanted} can be had: {}", pace.of(wanted)))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{
        super::{State, wire},
        *,
    };

    #[test]
    fn what_is_left_is_judged_by_what_is_reserved_already() {
        // (limit, unreserved, own), wanted
        for (name, (limit, unreserved, own), wanted, state, words, fix) in [
            ("a new account", (10, 10, 0), None, State::Note, "about 50 Pods a second", "--desired-value 1000 "),
            ("a usual account", (1000, 1000, 0), None, State::Ok, "1000 of 1000", ""),
            ("all but a hundred taken", (1000, 100, 0), None, State::Ok, "100 of 1000", ""),
            ("our own counts", (1000, 90, 50), None, State::Ok, "140 of 1000", ""),
            ("room for it", (1000, 1000, 0), Some(900), State::Ok, "about 4500 Pods", ""),
            ("one too many", (1000, 1000, 0), Some(901), State::Problem, "would leave 99 of 1000", "to 900, "),
            ("its quota", (1000, 1000, 0), Some(901), State::Problem, "", "--desired-value 1001 --region eu-west-1"),
            ("deployed already", (1000, 100, 50), Some(50), State::Ok, "= 50 can be had", ""),
            ("less than deployed", (120, 40, 80), Some(70), State::Ok, "= 70 can be had", ""),
            ("one more than deployed", (1000, 100, 50), Some(51), State::Problem, "would leave 99", "to 50, "),
            ("a new account reserves", (10, 10, 0), Some(5), State::Problem, "would leave 5 of 10", "Leave reserved"),
        ] {
            let finding = judge(Places { limit, unreserved, own }, wanted, Pace::Estimated, "eu-west-1");
            assert_eq!(finding.state, state, "{name}: {finding:?}");
            assert!(finding.text.contains(words), "{name}: {finding:?}");
            assert!(finding.fix.clone().unwrap_or_default().contains(fix), "{name}: {finding:?}");
        }
    }

    #[test]
    fn what_can_be_done_in_a_second_is_by_a_measurement_or_said_to_be_an_estimate() {
        for (name, pace, words) in [
            (
                "estimated",
                Pace::Estimated,
                "about 50 Pods a second (estimated: 200 ms a call while ECR has to be asked",
            ),
            ("measured", Pace::Measured(250.0), "about 40 Pods a second (measured: 250 ms a call in the last day)"),
            ("no faster than Lambda allows", Pace::Measured(0.4), "about 100 Pods a second (measured: 0.4 ms a call"),
        ] {
            assert!(pace.of(10).starts_with(words), "{name}: {}", pace.of(10));
        }
    }

    #[tokio::test]
    async fn without_a_function_or_the_right_to_read_metrics_it_is_an_estimate() {
        let denied = wire::aws(|_| (403, String::new()));
        for function in [None, Some("webhook")] {
            assert!(matches!(pace(&denied, function).await, Pace::Estimated), "{function:?}");
        }
    }

    fn client(concurrency: (u16, &'static str)) -> Client {
        let aws = wire::aws(move |asked| {
            if asked.contains("account-settings") {
                (
                    200,
                    r#"{"AccountLimit":{"ConcurrentExecutions":1000,"UnreservedConcurrentExecutions":920}}"#.to_owned(),
                )
            } else {
                assert!(asked.contains("/functions/webhook/concurrency"), "{asked}");
                (concurrency.0, concurrency.1.to_owned())
            }
        });
        Client::new(&aws.config)
    }

    #[tokio::test]
    async fn the_functions_own_reservation_is_asked_for_where_there_is_a_function() {
        let reserved = (200, r#"{"ReservedConcurrentExecutions":80}"#);
        assert_eq!(places(&client(reserved), Some("webhook")).await.unwrap().own, 80);
        assert_eq!(places(&client((200, "{}")), Some("webhook")).await.unwrap().own, 0);
        let none = places(&client((500, "")), None).await.unwrap();
        assert_eq!((none.own, none.limit, none.unreserved), (0, 1000, 920));
    }

    #[tokio::test]
    async fn who_may_not_ask_is_told_that_and_nothing_worse() {
        let denied = wire::aws(|_| (403, r#"{"__type":"AccessDeniedException","message":"no"}"#.to_owned()));
        let finding = look(&Settings::default(), &denied, None).await;
        assert_eq!(finding.state, State::Note);
        assert!(finding.fix.unwrap().contains("lambda:GetAccountSettings"));
    }
}
