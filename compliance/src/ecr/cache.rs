//! Facts kept in the warm function: for how long, how many, and which go first.
//!
//! This file must not ask ECR and must not decide what a failure means; it only knows ages.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ecr::clock::Moment;

/// How long facts are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheSettings {
    /// So long no call is made for a fact.
    pub fresh: Duration,
    /// The same for "there is none" and for what is about to change: somebody is waiting for it to become true.
    pub brief: Duration,
    /// So much longer a fact is used when ECR fails to give a newer one. Zero: never.
    pub grace: Duration,
    /// The most facts of each kind that are kept.
    pub most: usize,
}

impl Default for CacheSettings {
    /// A minute, five seconds, ten minutes, two thousand.
    fn default() -> Self {
        Self {
            fresh: Duration::from_mins(1),
            brief: Duration::from_secs(5),
            grace: Duration::from_mins(10),
            most: 2000,
        }
    }
}

/// How long something stays true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasting {
    /// While fresh, and in grace when ECR fails.
    Settled,
    /// While fresh only: after that it may be about something else, like a tag that was moved.
    Movable,
    /// Briefly only: nothing is there yet, or something is under way.
    Brief,
}

/// What was learnt, and when.
#[derive(Debug)]
struct Entry<V> {
    value: V,
    /// When ECR was asked, not when it answered: the fact is at least as young as that.
    asked: Moment,
    fresh: Duration,
    /// The age at which it is of no use for anything.
    useless: Duration,
}

/// Facts of one kind by key.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    entries: BTreeMap<K, Entry<V>>,
    settings: CacheSettings,
}

impl<K: Ord + Clone, V: Clone> Cache<K, V> {
    pub(super) fn new(settings: CacheSettings) -> Self {
        Self { entries: BTreeMap::new(), settings }
    }

    /// A fact that needs no call, and its age.
    pub(super) fn fresh(&self, key: &K, now: Moment) -> Option<(V, Duration)> {
        self.younger(key, now, |entry| entry.fresh)
    }

    /// A fact that may be used if there is no newer one, and its age.
    pub(super) fn usable(&self, key: &K, now: Moment) -> Option<(V, Duration)> {
        self.younger(key, now, |entry| entry.useless)
    }

    fn younger(&self, key: &K, now: Moment, limit: fn(&Entry<V>) -> Duration) -> Option<(V, Duration)> {
        let entry = self.entries.get(key)?;
        let age = now.since(entry.asked);
        (age < limit(entry)).then(|| (entry.value.clone(), age))
    }

    /// Keeps a fact that was asked for at `asked`.
    pub(super) fn put(&mut self, key: K, value: V, lasting: Lasting, asked: Moment, now: Moment) {
        let CacheSettings { fresh, brief, grace, .. } = self.settings;
        let (fresh, useless) = match lasting {
            Lasting::Settled => (fresh, fresh + grace),
            Lasting::Movable => (fresh, fresh),
            Lasting::Brief => (brief, brief),
        };
        if !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        self.entries.insert(key, Entry { value, asked, fresh, useless });
    }

    /// Forgets a fact that must not be used again.
    pub(super) fn forget(&mut self, key: &K) {
        self.entries.remove(key);
    }

    /// What will be of no use soonest goes first, so that a Pod full of invented names does not drive out what is known
    /// of real repositories. A tenth goes at once: to look through all facts for each new one would cost more than to ask ECR.
    fn make_room(&mut self, now: Moment) {
        let CacheSettings { most, .. } = self.settings;
        if self.entries.len() < most {
            return;
        }
        self.entries.retain(|_, entry| now.since(entry.asked) < entry.useless);
        let left = |entry: &Entry<V>| entry.useless.saturating_sub(now.since(entry.asked));
        let go = (self.entries.len() + (most / 10).max(1)).saturating_sub(most);
        let mut all: Vec<Duration> = self.entries.values().map(left).collect();
        let Some(at) = go.checked_sub(1).filter(|at| *at < all.len()) else { return };
        let (sooner, &mut last, _) = all.select_nth_unstable(at);
        // Of those that end with the last one that goes, so many go as there are still to go.
        let mut equal = go - sooner.iter().filter(|left| **left < last).count();
        self.entries.retain(|_, entry| {
            let left = left(entry);
            let goes = left < last || (left == last && equal > 0);
            equal -= usize::from(goes && left == last);
            !goes
        });
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
