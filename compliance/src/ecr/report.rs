//! What a gathering cost: numbers for metrics. Nothing here is a fact, and nothing judges.

use std::ops::AddAssign;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What one gathering did. All counts are of this gathering alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GatherReport {
    /// Operations asked of ECR. The SDK may have tried each of them more than once.
    pub calls: u32,
    /// Attempts that ECR throttled, also those whose next attempt succeeded.
    pub throttled: u32,
    /// Answers that needed no call of this gathering: remembered and fresh, or shared with another gathering.
    pub cache_hits: u32,
    /// Answers that were remembered and no longer fresh, used because ECR failed.
    pub served_stale: u32,
    /// From the first call sent to the last answer; `None` without calls.
    pub ecr_latency: Option<Duration>,
}

impl AddAssign for GatherReport {
    /// Two gatherings for one decision, one after the other.
    fn add_assign(&mut self, later: Self) {
        self.calls += later.calls;
        self.throttled += later.throttled;
        self.cache_hits += later.cache_hits;
        self.served_stale += later.served_stale;
        self.ecr_latency = match (self.ecr_latency, later.ecr_latency) {
            (Some(first), Some(second)) => Some(first + second),
            (first, second) => first.or(second),
        };
    }
}

/// Counts while a gathering runs. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    report: GatherReport,
    first_call: Option<Instant>,
}

impl Tally {
    pub(super) fn sent(&self) {
        self.change(|counts| {
            counts.report.calls += 1;
            counts.first_call.get_or_insert_with(Instant::now);
        });
    }

    pub(super) fn answered(&self) {
        self.change(|counts| counts.report.ecr_latency = counts.first_call.map(|first| first.elapsed()));
    }

    pub(super) fn throttled(&self) {
        self.change(|counts| counts.report.throttled += 1);
    }

    pub(super) fn hit(&self) {
        self.change(|counts| counts.report.cache_hits += 1);
    }

    pub(super) fn stale(&self) {
        self.change(|counts| counts.report.served_stale += 1);
    }

    pub(super) fn report(&self) -> GatherReport {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).report
    }

    fn change(&self, how: impl FnOnce(&mut Counts)) {
        how(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
