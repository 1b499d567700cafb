//! Which registries failed a moment ago: not asked again at once when they throttle, and not waited for when an older
//! fact would be used anyway.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::ecr::clock::Moment;
use crate::facts::Unavailable;
use crate::registry::Registry;

/// How long a registry that throttled is left alone, so that a burst of Pods does not make it worse.
pub(super) const PAUSE: Duration = Duration::from_secs(1);
/// How long facts in grace are used without trying again. Without it, every Pod would wait for the same timeout.
pub(super) const WARY: Duration = Duration::from_secs(5);

/// What happened last, by registry. There are as many as are accepted.
#[derive(Debug, Default)]
pub(super) struct Trouble(Mutex<BTreeMap<Registry, Last>>);

#[derive(Debug, Clone, Copy, Default)]
struct Last {
    throttled: Option<Moment>,
    outage: Option<(Moment, &'static str)>,
}

impl Trouble {
    /// Notes a failure that was met at `now`.
    pub(super) fn note(&self, registry: &Registry, why: &Unavailable, now: Moment) {
        if !why.is_outage() {
            return;
        }
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = all.entry(registry.clone()).or_default();
        last.outage = Some((now, why.code));
        if why.code == "throttled" {
            last.throttled = Some(now);
        }
    }

    /// Whether the registry is to be left alone.
    pub(super) fn is_pausing(&self, registry: &Registry, now: Moment) -> bool {
        self.last(registry).throttled.is_some_and(|at| now.since(at) < PAUSE)
    }

    /// The code of a failure so recent that another is to be expected.
    pub(super) fn recent(&self, registry: &Registry, now: Moment) -> Option<&'static str> {
        self.last(registry).outage.filter(|(at, _)| now.since(*at) < WARY).map(|(_, code)| code)
    }

    fn last(&self, registry: &Registry) -> Last {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(registry).copied().unwrap_or_default()
    }
}
