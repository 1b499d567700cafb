//! Whether the API server is asked to come again: 429 with `Retry-After`, which it follows up to ten times within the
//! timeout of the webhook. What passes by itself within a second then costs the author of a Pod a second, not a denial.
//!
//! It must never end as a failed call, which the failure policy `Ignore` lets in unchecked. So it is asked only while
//! the next try still ends in time with a verdict, whatever ECR does then. Nothing is remembered for it, since the next
//! try may reach another instance: how long the API server has waited, the Pod itself says. Its `creationTimestamp` is
//! the API server's own, made just before admission and in whole seconds, so a Pod is taken for older than it is.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#timeouts>,
//! client-go `rest/with_retry.go`.

use std::time::{Duration, SystemTime};

use aws_smithy_types::date_time::{DateTime, Format};
use compliance::verdict::Verdict;

use crate::clients::FACTS_DEADLINE;

/// What `Retry-After` says. Shorter cannot be said, and a registry that throttles is left alone for as long.
pub const WAIT: Duration = Duration::from_secs(1);
/// The way there and back through the API, and as much as two good clocks differ.
const MARGIN: Duration = Duration::from_millis(500);
/// The API server comes ten times at most, and a second or more apart.
const MOST_AGE: Duration = Duration::from_secs(8);
/// However late it is, ECR has this long: it usually answers within a tenth of it.
const LEAST_TIME: Duration = Duration::from_secs(1);
/// Codes of what passes by itself.
const PASSING: [&str; 7] =
    ["throttled", "timeout", "unreachable", "ecr-error", "role-throttled", "role-timeout", "role-unreachable"];

/// How long the API server waits for this Pod's verdict, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    created: SystemTime,
    timeout: Duration,
}

impl Patience {
    /// From the time at which the Pod was made and the query of the call, `timeout=5s`. `None`: one of the two says
    /// nothing, and so nobody knows.
    #[must_use]
    pub fn of(created: Option<&str>, query: &str) -> Option<Self> {
        let created = DateTime::from_str(created?, Format::DateTime).ok()?;
        let timeout = query.split('&').find_map(|pair| pair.strip_prefix("timeout="))?;
        let seconds = timeout.strip_suffix('s')?.parse().ok()?;
        Some(Self { created: SystemTime::try_from(created).ok()?, timeout: Duration::from_secs(seconds) })
    }

    /// `None` where the clocks differ, so that nothing can be said.
    fn age(&self, now: SystemTime) -> Option<Duration> {
        now.duration_since(self.created).ok()
    }

    /// How long facts may take, so that the API server still hears the verdict.
    #[must_use]
    pub fn for_facts(&self, now: SystemTime) -> Duration {
        let left = self.age(now).map(|age| self.timeout.saturating_sub(age + MARGIN));
        left.unwrap_or(FACTS_DEADLINE).clamp(LEAST_TIME, FACTS_DEADLINE)
    }

    /// Whether one more try ends in time.
    #[must_use]
    pub fn suffices(&self, now: SystemTime) -> bool {
        self.age(now).is_some_and(|age| age < MOST_AGE && age + WAIT + FACTS_DEADLINE + MARGIN < self.timeout)
    }
}

/// Whether a Pod is refused for nothing but what may have passed in a second.
#[must_use]
pub fn may_pass(verdict: &Verdict) -> bool {
    let is_passing = |code: &&str| PASSING.contains(code);
    !verdict.allowed() && verdict.denials.iter().all(|finding| finding.undecided && is_passing(&finding.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATED: &str = "2026-11-24T20:12:33Z";
    /// The same as seconds since 1970-01-01.
    const AT: u64 = 1_795_551_153;

    fn after(milliseconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(AT * 1000 + milliseconds)
    }

    #[test]
    fn the_pod_and_the_call_say_how_long_the_api_server_waits() {
        let cases = [
            ("both", Some(CREATED), "timeout=5s", true),
            ("beside others", Some(CREATED), "a=b&timeout=30s", true),
            ("no query", Some(CREATED), "", false),
            ("another query", Some(CREATED), "timeouts=5s", false),
            ("no unit", Some(CREATED), "timeout=5", false),
            ("another unit", Some(CREATED), "timeout=1m0s", false),
            ("not a number", Some(CREATED), "timeout=-5s", false),
            ("no Pod's time", None, "timeout=5s", false),
            ("not a time", Some("yesterday"), "timeout=5s", false),
        ];
        for (name, created, query, known) in cases {
            assert_eq!(Patience::of(created, query).is_some(), known, "{name}");
        }
    }

    #[test]
    fn another_try_is_asked_for_only_if_it_ends_in_time_with_a_verdict() {
        let of = |query| Patience::of(Some(CREATED), query).unwrap();
        let cases = [
            ("at once", "timeout=5s", after(0), true),
            ("just in time", "timeout=5s", after(999), true),
            ("too late", "timeout=5s", after(1000), false),
            ("a webhook that is waited for longer", "timeout=10s", after(5999), true),
            ("too late for that too", "timeout=10s", after(6000), false),
            ("the tenth try is the last", "timeout=30s", after(8000), false),
            ("a clock that is behind", "timeout=30s", SystemTime::UNIX_EPOCH + Duration::from_secs(AT - 1), false),
        ];
        for (name, query, now, expected) in cases {
            assert_eq!(of(query).suffices(now), expected, "{name}");
        }
    }

    #[test]
    fn a_late_verdict_has_less_time_for_facts_but_never_none() {
        let of = |query| Patience::of(Some(CREATED), query).unwrap();
        let cases = [
            (of("timeout=5s"), after(0), 2500),
            (of("timeout=5s"), after(2000), 2500),
            (of("timeout=5s"), after(3000), 1500),
            (of("timeout=5s"), after(60_000), 1000),
            (of("timeout=5s"), SystemTime::UNIX_EPOCH, 2500),
        ];
        for (patience, now, expected) in cases {
            assert_eq!(patience.for_facts(now), Duration::from_millis(expected), "{now:?}");
        }
    }
}
