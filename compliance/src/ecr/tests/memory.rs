//! What is remembered between gatherings: for how long, and what stands in when ECR fails.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_ecr::config::retry::RetryConfig;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::fake::{Answer, DEADLINE, FakeEcr, ManualClock, OTHER, OWN, REGION, arn, healthy, key, names};
use super::{BATCH_GET, DESCRIBE, GET_REGISTRY, good, repository, scan_unavailable, unavailable};
use crate::ecr::{CacheSettings, EcrFacts, GatherReport, Gathered};
use crate::facts::{Age, EffectiveScan, RepositoryFacts, RepositoryKey, TagMutability, WantedImages};

/// What ECR answers instead of the truth; `None`: the truth.
pub(super) type Fault = fn(&str, &Value) -> Option<Answer>;

/// An ECR that can be broken, and facts that are as old as the test says.
pub(super) struct World {
    pub(super) fake: FakeEcr,
    fault: Arc<Mutex<Fault>>,
    pub(super) clock: ManualClock,
    pub(super) facts: EcrFacts,
}

impl World {
    pub(super) fn new() -> Self {
        let fault: Arc<Mutex<Fault>> = Arc::new(Mutex::new(|_, _| None));
        let current = Arc::clone(&fault);
        let fake = FakeEcr::new(move |operation, body| {
            let fault = *current.lock().unwrap();
            fault(operation, body).unwrap_or_else(|| healthy(operation, body))
        });
        let clock = ManualClock::default();
        let facts = fake.facts().with_clock(Arc::new(clock.clone()));
        Self { fake, fault, clock, facts }
    }

    pub(super) fn breaks(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    pub(super) fn heals(&self) {
        self.breaks(|_, _| None);
    }

    async fn gather_at(&self, seconds: u64, wanted: &[RepositoryKey]) -> Gathered {
        self.clock.set(seconds);
        let wanted: BTreeSet<RepositoryKey> = wanted.iter().cloned().collect();
        self.facts.gather_all(&wanted, &WantedImages::default()).await
    }

    async fn app_at(&self, seconds: u64) -> Gathered {
        self.gather_at(seconds, &[app()]).await
    }
}

fn app() -> RepositoryKey {
    key(OWN, "app")
}

pub(super) fn age(seconds: u64, stale: Option<&'static str>) -> Age {
    Age { since: Duration::from_secs(seconds), stale }
}

#[tokio::test(start_paused = true)]
async fn a_fact_is_asked_for_once_a_minute() {
    let world = World::new();
    let first = world.app_at(0).await;
    assert_eq!(
        first.report,
        GatherReport { calls: 3, ecr_latency: Some(Duration::ZERO), ..GatherReport::default() },
        "tokio's clock stands still, so the calls took no time"
    );
    assert_eq!(first.facts.age(&app()), Some(age(0, None)));
    let second = world.app_at(59).await;
    assert_eq!(second.report, GatherReport { cache_hits: 3, ..GatherReport::default() });
    assert_eq!(second.facts.get(&app()), Some(&good()));
    assert_eq!(second.facts.age(&app()), Some(age(59, None)));
    assert_eq!(world.fake.count(), 3);
    let third = world.app_at(60).await;
    assert_eq!((third.report.calls, third.facts.age(&app())), (3, Some(age(0, None))));
}

#[tokio::test(start_paused = true)]
async fn only_what_is_not_known_is_asked_for() {
    let world = World::new();
    world.app_at(0).await;
    let both = world.gather_at(30, &[app(), key(OWN, "web")]).await;
    assert_eq!(both.facts.get(&key(OWN, "web")), Some(&good()));
    assert_eq!(both.facts.age(&app()), Some(age(30, None)));
    assert_eq!(both.facts.age(&key(OWN, "web")), Some(age(30, None)), "the registry's rules are the oldest part");
    let all = world.gather_at(40, &[app(), key(OTHER, "app")]).await;
    assert_eq!((all.facts.age(&key(OTHER, "app")), all.facts.oldest()), (Some(age(0, None)), Some(age(40, None))));
    let web = |operation| world.fake.asked(operation).iter().any(|body| names(body) == ["web"]);
    assert!(web(DESCRIBE) && web(BATCH_GET));
    assert_eq!(world.fake.asked(GET_REGISTRY).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_name_in_two_registries_is_two_facts() {
    let world = World::new();
    world.app_at(0).await;
    let other = world.gather_at(1, &[key(OTHER, "app")]).await;
    assert_eq!(other.report.calls, 1);
    assert_eq!(repository(&other.facts, OTHER, "app").scan.effective, EffectiveScan::OtherAccount);
}

#[tokio::test(start_paused = true)]
async fn when_ecr_fails_older_facts_stand_in_up_to_the_grace_and_say_so() {
    let faults: [(&str, Fault, &str); 5] = [
        ("throttled", |_, _| Some(Answer::Error(400, "ThrottlingException")), "throttled"),
        ("server", |_, _| Some(Answer::Error(500, "ServerException")), "ecr-error"),
        ("nonsense", |_, _| Some(Answer::Raw(200, "{\"repositories\": 7")), "unreadable-answer"),
        ("broken", |_, _| Some(Answer::Broken), "unreachable"),
        ("silent", |_, _| Some(Answer::Never), "timeout"),
    ];
    for (name, fault, code) in faults {
        let world = World::new();
        world.app_at(0).await;
        world.breaks(fault);
        let in_grace = world.app_at(659).await;
        assert_eq!(in_grace.facts.get(&app()), Some(&good()), "{name}");
        assert_eq!(in_grace.facts.age(&app()), Some(age(659, Some(code))), "{name}");
        assert_eq!(in_grace.report.served_stale, 3, "{name}");
        let after = world.app_at(670).await;
        assert_eq!(unavailable(&after.facts, OWN, "app").code, code, "{name}");
        assert_eq!(after.report.served_stale, 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn when_ecr_says_no_nothing_older_stands_in_neither_then_nor_later() {
    let faults: [(&str, Fault, &str); 5] = [
        ("denied", |_, _| Some(Answer::Error(400, "AccessDeniedException")), "access-denied"),
        ("credentials", |_, _| Some(Answer::Error(400, "ExpiredTokenException")), "credentials"),
        ("refused", |_, _| Some(Answer::Error(400, "KmsException")), "ecr-refused"),
        ("bad name", |_, _| Some(Answer::Error(400, "InvalidParameterException")), "ecr-rejected"),
        (
            "another registry's answer",
            |_, _| {
                Some(Answer::Json(json!({"registryId": OTHER, "repositories": [{"repositoryArn": arn(OTHER, "app"),
                    "registryId": OTHER, "repositoryName": "app"}]})))
            },
            "wrong-registry",
        ),
    ];
    for (name, fault, code) in faults {
        let world = World::new();
        world.app_at(0).await;
        world.breaks(fault);
        let refused = world.app_at(61).await;
        assert_eq!(unavailable(&refused.facts, OWN, "app").code, code, "{name}");
        world.breaks(|_, _| Some(Answer::Broken));
        let later = world.app_at(70).await;
        assert_eq!(unavailable(&later.facts, OWN, "app").code, "unreachable", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn that_there_is_none_is_remembered_for_five_seconds_and_never_stands_in() {
    let world = World::new();
    world.app_at(0).await;
    world.breaks(|operation, _| (operation == DESCRIBE).then(|| Answer::Error(400, "RepositoryNotFoundException")));
    assert_eq!(world.app_at(61).await.facts.get(&app()), Some(&RepositoryFacts::NotFound), "it was deleted");
    world.heals();
    assert_eq!(world.app_at(65).await.facts.get(&app()), Some(&RepositoryFacts::NotFound));
    assert_eq!(world.app_at(66).await.facts.get(&app()), Some(&good()), "and made again");
    world.breaks(|operation, _| (operation == DESCRIBE).then(|| Answer::Error(400, "RepositoryNotFoundException")));
    world.app_at(200).await;
    world.breaks(|_, _| Some(Answer::Broken));
    assert_eq!(unavailable(&world.app_at(206).await.facts, OWN, "app").code, "unreachable");
}

#[tokio::test(start_paused = true)]
async fn about_a_repository_that_does_not_exist_nothing_is_asked_for_those_five_seconds() {
    let world = World::new();
    world.breaks(|operation, _| (operation != GET_REGISTRY).then(|| Answer::Error(400, "RepositoryNotFoundException")));
    assert_eq!(world.app_at(0).await.facts.get(&app()), Some(&RepositoryFacts::NotFound));
    let again = world.app_at(4).await;
    assert_eq!((again.report.calls, again.report.cache_hits), (0, 3));
    world.heals();
    assert_eq!(world.app_at(5).await.facts.get(&app()), Some(&good()), "it was made meanwhile");
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_had_is_asked_for_again_at_once() {
    let world = World::new();
    world.breaks(|_, _| Some(Answer::Broken));
    assert_eq!(unavailable(&world.app_at(0).await.facts, OWN, "app").code, "unreachable");
    world.heals();
    assert_eq!(world.app_at(0).await.facts.get(&app()), Some(&good()));
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_throttles_is_left_alone_for_a_second() {
    let world = World::new();
    world.breaks(|operation, _| (operation == DESCRIBE).then(|| Answer::Error(400, "ThrottlingException")));
    let first = world.app_at(100).await;
    assert_eq!(unavailable(&first.facts, OWN, "app").aws_code.as_deref(), Some("ThrottlingException"));
    assert_eq!(first.report.throttled, 1);
    let calls = world.fake.count();
    world.heals();
    let second = world.app_at(100).await;
    assert_eq!(unavailable(&second.facts, OWN, "app").code, "throttled");
    assert_eq!((second.report.calls, second.report.throttled, world.fake.count()), (0, 0, calls));
    let elsewhere = world.gather_at(100, &[key(OTHER, "app")]).await;
    assert_eq!(elsewhere.report.calls, 1, "another registry is asked");
    assert_eq!(world.app_at(101).await.facts.get(&app()), Some(&good()));
}

#[tokio::test(start_paused = true)]
async fn while_ecr_is_known_to_fail_nobody_waits_for_it_to_fail_again() {
    let world = World::new();
    world.app_at(0).await;
    world.breaks(|_, _| Some(Answer::Never));
    let start = Instant::now();
    world.app_at(100).await;
    assert_eq!(start.elapsed(), DEADLINE, "the first finds out");
    let calls = world.fake.count();
    let second = world.app_at(104).await;
    assert_eq!((start.elapsed(), world.fake.count()), (DEADLINE, calls));
    assert_eq!(second.facts.age(&app()), Some(age(104, Some("timeout"))));
    assert_eq!(second.report.served_stale, 3);
    world.heals();
    assert_eq!(world.app_at(105).await.facts.age(&app()), Some(age(0, None)), "then it is tried again");
}

#[tokio::test(start_paused = true)]
async fn without_a_grace_nothing_stands_in() {
    let world = World::new();
    let settings = CacheSettings { grace: Duration::ZERO, ..CacheSettings::default() };
    let world = World { facts: world.facts.clone().with_cache(settings), ..world };
    world.app_at(0).await;
    world.breaks(|_, _| Some(Answer::Broken));
    assert_eq!(world.app_at(59).await.facts.get(&app()), Some(&good()));
    assert_eq!(unavailable(&world.app_at(60).await.facts, OWN, "app").code, "unreachable");
}

#[tokio::test(start_paused = true)]
async fn the_sides_of_a_repository_age_by_themselves() {
    let world = World::new();
    world.app_at(0).await;
    world.breaks(|operation, _| (operation == BATCH_GET).then_some(Answer::Broken));
    let half = world.app_at(100).await;
    assert_eq!(half.facts.get(&app()), Some(&good()));
    assert_eq!(half.facts.age(&app()), Some(age(100, Some("unreachable"))), "as old as its oldest side");
    assert_eq!((half.report.calls, half.report.served_stale), (3, 1));
    world.breaks(|operation, _| (operation == BATCH_GET).then(|| Answer::Error(400, "AccessDeniedException")));
    let denied = world.app_at(161).await;
    assert_eq!(scan_unavailable(&denied.facts, "app").code, "access-denied");
    assert_eq!(repository(&denied.facts, OWN, "app").mutability, TagMutability::Immutable);
}

#[tokio::test(start_paused = true)]
async fn clones_share_what_they_remember() {
    let world = World::new();
    world.app_at(0).await;
    let clone = world.facts.clone();
    assert_eq!(clone.gather_all(&BTreeSet::from([app()]), &WantedImages::default()).await.report.calls, 0);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_attempt_counts_even_if_the_next_one_succeeds() {
    let cases = [("in the body", "ThrottlingException"), ("with a namespace", "com.amazonaws.ecr#ThrottlingException")];
    for (name, code) in cases {
        let first = AtomicBool::new(true);
        let fake = FakeEcr::new(move |operation, body| {
            if first.swap(false, Ordering::SeqCst) { Answer::Error(400, code) } else { healthy(operation, body) }
        });
        let client = fake.client_with(RetryConfig::standard().with_max_attempts(2));
        let facts = EcrFacts::new([(REGION.to_owned(), client)].into(), OWN.to_owned(), DEADLINE);
        let gathered = facts.gather_all(&BTreeSet::from([app()]), &WantedImages::default()).await;
        assert_eq!(gathered.facts.get(&app()), Some(&good()), "{name}");
        assert_eq!((gathered.report.calls, gathered.report.throttled, fake.count()), (3, 1, 4), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_gathering_afresh_asks_for_what_is_remembered_and_remembers_the_answer() {
    let world = World::new();
    world.app_at(0).await;
    let wanted = BTreeSet::from([app()]);
    let again = world.facts.gather_afresh(&wanted, &WantedImages::default(), world.facts.until()).await;
    assert_eq!((again.report.calls, again.report.cache_hits), (3, 0));
    assert_eq!(world.app_at(59).await.report.cache_hits, 3);

    // Without an answer of ECR what is remembered stands in, marked.
    world.breaks(|_, _| Some(Answer::Never));
    let broken = world.facts.gather_afresh(&wanted, &WantedImages::default(), world.facts.until()).await;
    assert_eq!(broken.facts.get(&app()), Some(&good()));
    assert_eq!(broken.report.served_stale, 3);
}

#[tokio::test(start_paused = true)]
async fn a_gathering_afresh_asks_also_right_after_ecr_failed_and_what_stood_in_unasked_is_a_hit() {
    let world = World::new();
    world.app_at(0).await;
    world.breaks(|_, _| Some(Answer::Broken));
    world.app_at(100).await;
    world.heals();
    let unasked = world.app_at(101).await;
    assert_eq!((unasked.report.calls, unasked.report.served_stale, unasked.report.cache_hits), (0, 3, 3));
    let wanted = BTreeSet::from([app()]);
    let again = world.facts.gather_afresh(&wanted, &WantedImages::default(), world.facts.until()).await;
    assert_eq!((again.report.calls, again.facts.age(&app())), (3, Some(age(0, None))));
}

#[tokio::test(start_paused = true)]
async fn two_gatherings_of_one_decision_end_at_one_deadline() {
    let world = World::new();
    world.breaks(|_, _| Some(Answer::Never));
    let (wanted, images) = (BTreeSet::from([app()]), WantedImages::default());
    let started = Instant::now();
    let until = world.facts.until();
    world.facts.gather_until(&wanted, &images, until).await;
    world.facts.gather_afresh(&wanted, &images, until).await;
    assert_eq!(started.elapsed(), DEADLINE);
}
