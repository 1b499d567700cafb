//! Facts of one kind: looked up, asked for where needed, and shared by all who want them at the same time.
//!
//! Every key is asked for by one gathering only; the others wait for its answer. Whoever asks may be cancelled at any
//! await: its claims are then released, and one of those who waited asks itself. This file must not know what is asked.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::timeout_at;

use crate::ecr::cache::{Cache, CacheSettings, Lasting};
use crate::ecr::call::Call;
use crate::ecr::clock::Moment;
use crate::ecr::error;
use crate::facts::{Age, Unavailable};

/// What ECR says to one question, key by key.
pub(super) type Answers<K, V> = Vec<(K, Result<V, Unavailable>)>;

/// One question to ECR about any number of keys of one registry.
pub(super) trait Question: Sync {
    type Key: Clone + Ord + Send + Sync;
    type Fact: Clone + Send + Sync;

    /// The way to the registry.
    fn call(&self) -> &Call<'_>;
    /// How long a fact stays true.
    fn lasting(&self, key: &Self::Key, fact: &Self::Fact) -> Lasting;
    /// Asks ECR; the answer has every key.
    fn ask(&self, keys: &[Self::Key]) -> impl Future<Output = Answers<Self::Key, Self::Fact>> + Send;
}

/// A fact or why there is none, with its age.
#[derive(Debug, Clone)]
pub(super) struct Known<V> {
    pub(super) value: Result<V, Unavailable>,
    pub(super) age: Age,
}

/// All facts of one kind.
#[derive(Debug)]
pub(super) struct Shelf<K, V>(Mutex<State<K, V>>);

#[derive(Debug)]
struct State<K, V> {
    cache: Cache<K, V>,
    in_flight: BTreeMap<K, watch::Receiver<Option<Known<V>>>>,
}

impl<K: Clone + Ord + Send + Sync, V: Clone + Send + Sync> Shelf<K, V> {
    pub(super) fn new(settings: CacheSettings) -> Self {
        Self(Mutex::new(State { cache: Cache::new(settings), in_flight: BTreeMap::new() }))
    }

    /// Finds out about all keys.
    pub(super) async fn gather<Q>(&self, question: &Q, keys: Vec<K>) -> BTreeMap<K, Known<V>>
    where
        Q: Question<Key = K, Fact = V>,
    {
        let mut known = BTreeMap::new();
        let mut wanted = keys;
        while !wanted.is_empty() {
            let plan = self.plan(question.call(), wanted, &mut known);
            self.ask(question, plan.claims, &mut known).await;
            // What somebody else asked for and gave up is wanted again.
            wanted = join(question.call(), plan.others, &mut known).await;
        }
        known
    }

    /// Takes what is fresh, claims what nobody asks for, and notes who asks for the rest.
    fn plan(&self, call: &Call<'_>, keys: Vec<K>, known: &mut BTreeMap<K, Known<V>>) -> Plan<'_, K, V> {
        let now = call.clock.now();
        // Whoever asks afresh would be refused by what is remembered, so ECR has to fail once more for that to count.
        let trouble = if call.afresh { None } else { call.recent_outage() };
        let mut plan = Plan { claims: Claims { shelf: self, senders: BTreeMap::new() }, others: Vec::new() };
        let mut state = self.lock();
        for key in keys {
            let fresh = if call.afresh { None } else { state.cache.fresh(&key, now) };
            if let Some((value, since)) = fresh {
                call.tally.hit();
                known.insert(key, Known { value: Ok(value), age: Age { since, stale: None } });
            } else if let Some(old) = trouble.and_then(|why| state.stale(&key, now, why)) {
                // ECR failed a moment ago: waiting for it to fail again would only delay the same answer.
                call.tally.hit();
                call.tally.stale();
                known.insert(key, old);
            } else if let Some(receiver) = state.in_flight.get(&key).filter(|one| one.has_changed().is_ok()) {
                call.tally.hit();
                plan.others.push((key, receiver.clone()));
            } else {
                let (sender, receiver) = watch::channel(None);
                state.in_flight.insert(key.clone(), receiver);
                plan.claims.senders.insert(key, sender);
            }
        }
        plan
    }

    async fn ask<Q>(&self, question: &Q, mut claims: Claims<'_, K, V>, known: &mut BTreeMap<K, Known<V>>)
    where
        Q: Question<Key = K, Fact = V>,
    {
        let keys: Vec<K> = claims.senders.keys().cloned().collect();
        if keys.is_empty() {
            return;
        }
        let asked = question.call().clock.now();
        for (key, answer) in question.ask(&keys).await {
            let fact = self.settle(question, &key, answer, asked);
            claims.publish(&key, &fact);
            known.insert(key, fact);
        }
    }

    /// Keeps a fact, or finds an older one where ECR failed.
    fn settle<Q>(&self, question: &Q, key: &K, answer: Result<V, Unavailable>, asked: Moment) -> Known<V>
    where
        Q: Question<Key = K, Fact = V>,
    {
        let call = question.call();
        let now = call.clock.now();
        let mut state = self.lock();
        match answer {
            Ok(value) => {
                let lasting = question.lasting(key, &value);
                state.cache.put(key.clone(), value.clone(), lasting, asked, now);
                Known { value: Ok(value), age: Age { since: now.since(asked), stale: None } }
            }
            Err(why) if why.is_outage() => match state.stale(key, now, why.code) {
                Some(old) => {
                    call.tally.stale();
                    old
                }
                None => Known { value: Err(why), age: Age::NOW },
            },
            // ECR said no: what it said before is no longer ours to use, not even if it fails later.
            Err(why) => {
                state.cache.forget(key);
                Known { value: Err(why), age: Age::NOW }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<K, V>> {
        // Nothing panics while it is held, and no change is made by halves.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Ord, V: Clone> State<K, V> {
    fn stale(&self, key: &K, now: Moment, why: &'static str) -> Option<Known<V>> {
        let (value, since) = self.cache.usable(key, now)?;
        Some(Known { value: Ok(value), age: Age { since, stale: Some(why) } })
    }
}

/// Who asks for what.
struct Plan<'a, K: Ord + Clone, V> {
    claims: Claims<'a, K, V>,
    others: Vec<(K, watch::Receiver<Option<Known<V>>>)>,
}

/// The keys that this gathering asks for. Dropping it releases those without an answer.
struct Claims<'a, K: Ord + Clone, V> {
    shelf: &'a Shelf<K, V>,
    senders: BTreeMap<K, watch::Sender<Option<Known<V>>>>,
}

impl<K: Ord + Clone, V: Clone> Claims<'_, K, V> {
    fn publish(&mut self, key: &K, fact: &Known<V>) {
        if let Some(sender) = self.senders.remove(key) {
            self.shelf.0.lock().unwrap_or_else(PoisonError::into_inner).in_flight.remove(key);
            sender.send_replace(Some(fact.clone()));
        }
    }
}

impl<K: Ord + Clone, V> Drop for Claims<'_, K, V> {
    fn drop(&mut self) {
        let mut state = self.shelf.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in self.senders.keys() {
            state.in_flight.remove(key);
        }
        // The senders go after this, so whoever then wakes up finds the keys free.
    }
}

/// Waits for what others ask for, and returns what they gave up.
async fn join<K: Ord, V: Clone>(
    call: &Call<'_>,
    others: Vec<(K, watch::Receiver<Option<Known<V>>>)>,
    known: &mut BTreeMap<K, Known<V>>,
) -> Vec<K> {
    let mut given_up = Vec::new();
    for (key, mut receiver) in others {
        let answer = timeout_at(call.until, receiver.wait_for(Option::is_some)).await;
        let fact = answer.map(|answer| answer.ok().and_then(|fact| fact.clone()));
        match fact {
            Ok(Some(fact)) => {
                known.insert(key, fact);
            }
            Ok(None) => given_up.push(key),
            Err(_) => {
                let why = error::timeout(call).into_unavailable();
                known.insert(key, Known { value: Err(why), age: Age::NOW });
            }
        }
    }
    given_up
}
