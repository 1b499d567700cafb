//! Gatherings at the same time: one call for all, and nobody depends on another's life.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fake::{Answer, DEADLINE, FakeEcr, OWN, healthy, key};
use super::{DESCRIBE, good, unavailable, wanted};
use crate::ecr::EcrFacts;
use crate::facts::WantedImages;

async fn until_asked(fake: &FakeEcr, calls: usize) {
    while fake.count() < calls {
        tokio::task::yield_now().await;
    }
}

/// Lets every other task run as far as it can.
async fn let_others_run() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn gatherings_at_the_same_time_share_one_call_per_fact() {
    let fake = FakeEcr::new(healthy).answering_together(5);
    let facts = fake.facts();
    let (first, second) = (wanted(OWN, &["app"]), wanted(OWN, &["app", "web"]));
    let none = WantedImages::default();
    // The second asks for `web` alone: three calls and two, and none is answered before all were made.
    let (first, second) = tokio::join!(facts.gather_all(&first, &none), facts.gather_all(&second, &none));
    assert_eq!(first.facts.get(&key(OWN, "app")), Some(&good()));
    assert_eq!(second.facts.get(&key(OWN, "app")), Some(&good()));
    assert_eq!(second.facts.get(&key(OWN, "web")), Some(&good()));
    assert_eq!((first.report.calls, second.report.calls, second.report.cache_hits), (3, 2, 3));
    assert_eq!(fake.count(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_as_well() {
    let fake = FakeEcr::new(|_, _| Answer::Never);
    let facts = fake.facts();
    let app = wanted(OWN, &["app"]);
    let start = tokio::time::Instant::now();
    let (first, second) = tokio::join!(facts.gather(&app), facts.gather(&app));
    assert_eq!(unavailable(&first, OWN, "app").code, "timeout");
    assert_eq!(unavailable(&second, OWN, "app").code, "timeout");
    assert_eq!((start.elapsed(), fake.count()), (DEADLINE, 3));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_gathering_that_is_cancelled_asks_itself() {
    let silent = Arc::new(AtomicBool::new(true));
    let is_silent = Arc::clone(&silent);
    let fake = FakeEcr::new(
        move |operation, body| {
            if is_silent.load(Ordering::SeqCst) { Answer::Never } else { healthy(operation, body) }
        },
    );
    let facts = fake.facts();
    let gather = |facts: EcrFacts| {
        tokio::spawn(async move { facts.gather_all(&wanted(OWN, &["app"]), &WantedImages::default()).await })
    };
    let leader = gather(facts.clone());
    until_asked(&fake, 3).await;
    let followers = [gather(facts.clone()), gather(facts.clone())];
    let_others_run().await;
    assert_eq!(fake.asked(DESCRIBE).len(), 1, "the followers wait");
    silent.store(false, Ordering::SeqCst);
    leader.abort();
    let mut calls = 0;
    for follower in followers {
        let gathered = follower.await.unwrap();
        assert_eq!(gathered.facts.get(&key(OWN, "app")), Some(&good()));
        calls += gathered.report.calls;
    }
    assert_eq!(calls, 3, "one of them asked");
}

#[tokio::test(start_paused = true)]
async fn a_gathering_that_was_cancelled_alone_leaves_nothing_behind() {
    let fake = FakeEcr::new(|_, _| Answer::Never);
    let facts = fake.facts();
    let app: BTreeSet<_> = wanted(OWN, &["app"]);
    let half = DEADLINE / 2;
    assert!(tokio::time::timeout(half, facts.gather(&app)).await.is_err());
    let gathered = facts.gather_all(&app, &WantedImages::default()).await;
    assert_eq!(gathered.report.calls, 3, "it asks anew");
}
