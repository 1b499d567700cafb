//! The edge against an ECR at the wire: batches, missing names, wrong answers, errors, deadlines.

mod fake;
mod findings;
mod images;
mod joining;
mod memory;
mod roles;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::fake::{Answer, DEADLINE, FakeEcr, OTHER, OWN, REGION, arn, healthy, key, names};
use crate::ecr::{EcrFacts, MOST_REPOSITORIES};
use crate::facts::{
    EffectiveScan, Facts, RegistryScanning, Repository, RepositoryFacts, RepositoryKey, ScanFacts, ScanFrequency,
    ScanType, ScanningRule, TagMutability, Unavailable,
};

const DESCRIBE: &str = "DescribeRepositories";
const BATCH_GET: &str = "BatchGetRepositoryScanningConfiguration";
const GET_REGISTRY: &str = "GetRegistryScanningConfiguration";

fn wanted(account: &str, names: &[&str]) -> BTreeSet<RepositoryKey> {
    names.iter().map(|name| key(account, name)).collect()
}

async fn gather(fake: &FakeEcr, account: &str, names: &[&str]) -> Facts {
    fake.facts().gather(&wanted(account, names)).await
}

fn good() -> RepositoryFacts {
    let registry = RegistryScanning { scan_type: ScanType::Basic, rules: Vec::new() };
    let effective = EffectiveScan::Known { scan_on_push: false, frequency: ScanFrequency::Manual, registry };
    RepositoryFacts::Found(Repository {
        mutability: TagMutability::Immutable,
        scan: ScanFacts { repository_flag: true, effective },
    })
}

fn repository(facts: &Facts, account: &str, name: &str) -> Repository {
    match facts.get(&key(account, name)) {
        Some(RepositoryFacts::Found(repository)) => repository.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

fn unavailable(facts: &Facts, account: &str, name: &str) -> Unavailable {
    match facts.get(&key(account, name)) {
        Some(RepositoryFacts::Unavailable(why)) => why.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

fn scan_unavailable(facts: &Facts, name: &str) -> Unavailable {
    match repository(facts, OWN, name).scan.effective {
        EffectiveScan::Unavailable(why) => why,
        other => panic!("{name} is {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn everything_about_an_own_repository_costs_one_round_trip() {
    // None of the three calls is answered before all three were made.
    let fake = FakeEcr::new(healthy).answering_together(3);
    let facts = gather(&fake, OWN, &["team/app", "team/web"]).await;
    assert_eq!(facts.get(&key(OWN, "team/app")), Some(&good()));
    assert_eq!(facts.get(&key(OWN, "team/web")), Some(&good()));
    assert_eq!(fake.asked(DESCRIBE), [json!({"registryId": OWN, "repositoryNames": ["team/app", "team/web"]})]);
    assert_eq!(fake.asked(BATCH_GET), [json!({"repositoryNames": ["team/app", "team/web"]})]);
    assert_eq!(fake.asked(GET_REGISTRY), [json!({})]);
}

#[tokio::test(start_paused = true)]
async fn of_another_account_only_the_repositories_are_asked_for() {
    let fake = FakeEcr::new(healthy);
    let facts = gather(&fake, OTHER, &["team/app"]).await;
    assert_eq!(
        repository(&facts, OTHER, "team/app").scan,
        ScanFacts { repository_flag: true, effective: EffectiveScan::OtherAccount }
    );
    assert_eq!(fake.asked(DESCRIBE), [json!({"registryId": OTHER, "repositoryNames": ["team/app"]})]);
    assert!(fake.asked(BATCH_GET).is_empty() && fake.asked(GET_REGISTRY).is_empty());
}

#[tokio::test(start_paused = true)]
async fn calls_stay_within_the_limits_of_ecr() {
    let fake = FakeEcr::new(healthy);
    let all: Vec<String> = (0..130).map(|n| format!("repository-{n}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let facts = gather(&fake, OWN, &all).await;
    assert!(all.iter().all(|name| facts.get(&key(OWN, name)) == Some(&good())));
    let sizes = |operation| {
        let mut sizes: Vec<usize> = fake.asked(operation).iter().map(|body| names(body).len()).collect();
        sizes.sort_unstable();
        sizes
    };
    assert_eq!(sizes(DESCRIBE), [30, 100]);
    assert_eq!(sizes(BATCH_GET), [5, 25, 25, 25, 25, 25]);
    assert_eq!(fake.asked(GET_REGISTRY).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_missing_name_does_not_spoil_the_others() {
    for code in ["RepositoryNotFoundException", "InvalidParameterException"] {
        let fake = FakeEcr::new(move |operation, body| {
            let is_missing = names(body).iter().any(|name| name == "missing");
            if is_missing && operation != GET_REGISTRY { Answer::Error(400, code) } else { healthy(operation, body) }
        });
        let facts = gather(&fake, OWN, &["app", "missing", "web"]).await;
        assert_eq!(facts.get(&key(OWN, "app")), Some(&good()), "{code}");
        assert_eq!(facts.get(&key(OWN, "web")), Some(&good()), "{code}");
        if code == "RepositoryNotFoundException" {
            assert_eq!(facts.get(&key(OWN, "missing")), Some(&RepositoryFacts::NotFound));
        } else {
            assert_eq!(unavailable(&facts, OWN, "missing").code, "ecr-rejected");
        }
        assert_eq!(fake.asked(DESCRIBE).len(), 4, "the batch, then each name");
    }
}

#[tokio::test(start_paused = true)]
async fn a_single_missing_name_is_asked_for_once() {
    let fake = FakeEcr::new(|operation, body| match operation {
        DESCRIBE => Answer::Error(400, "RepositoryNotFoundException"),
        _ => healthy(operation, body),
    });
    let facts = gather(&fake, OWN, &["missing"]).await;
    assert_eq!(facts.get(&key(OWN, "missing")), Some(&RepositoryFacts::NotFound));
    assert_eq!(fake.asked(DESCRIBE).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_the_list_does_not_have_does_not_exist() {
    let fake = FakeEcr::new(|operation, body| match operation {
        DESCRIBE => Answer::Json(json!({"repositories": []})),
        _ => healthy(operation, body),
    });
    let facts = gather(&fake, OWN, &["app"]).await;
    assert_eq!(facts.iter().collect::<Vec<_>>(), [(&key(OWN, "app"), &RepositoryFacts::NotFound)]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_some_other_question_is_no_fact_and_says_of_nothing_that_it_does_not_exist() {
    let repository = |name: &str, mutability: &str| {
        json!({"repositoryArn": arn(OWN, name), "registryId": OWN, "repositoryName": name,
            "imageTagMutability": mutability, "imageScanningConfiguration": {"scanOnPush": true}})
    };
    let (app, uninvited) = (repository("app", "IMMUTABLE"), repository("uninvited", "IMMUTABLE"));
    let cases = [
        ("nothing", json!({})),
        ("no list", json!({"repositories": null})),
        ("an error in a success", json!({"__type": "ThrottlingException"})),
        ("that of another operation", json!({"scanningConfigurations": [], "failures": []})),
        ("one not asked for", json!({"repositories": [uninvited]})),
        ("one not asked for besides", json!({"repositories": [app, uninvited]})),
        ("one twice", json!({"repositories": [repository("app", "MUTABLE"), app]})),
        ("one without a name", json!({"repositories": [app, {"registryId": OWN}]})),
    ];
    for (name, answer) in cases {
        let fake =
            FakeEcr::new(
                move |operation, body| {
                    if operation == DESCRIBE { Answer::Json(answer.clone()) } else { healthy(operation, body) }
                },
            );
        let why = unavailable(&gather(&fake, OWN, &["app"]).await, OWN, "app");
        assert_eq!(why.code, "unreadable-answer", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_scanning_answer_to_some_other_question_is_no_fact_either() {
    let one =
        |name: &str, scan: bool| json!({"repositoryArn": arn(OWN, name), "repositoryName": name, "scanOnPush": scan});
    for answers in [json!([one("app", false), one("app", true)]), json!([one("app", true), one("uninvited", true)])] {
        let fake = FakeEcr::new(move |operation, body| match operation {
            BATCH_GET => Answer::Json(json!({"scanningConfigurations": answers, "failures": []})),
            _ => healthy(operation, body),
        });
        assert_eq!(scan_unavailable(&gather(&fake, OWN, &["app"]).await, "app").code, "unreadable-answer");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_registry_is_no_fact() {
    let cases = [
        ("another account", json!({"registryId": OTHER, "repositoryArn": arn(OWN, "app")})),
        ("another account's ARN", json!({"registryId": OWN, "repositoryArn": arn(OTHER, "app")})),
        ("another region", json!({"registryId": OWN, "repositoryArn": arn(OWN, "app").replace(REGION, "us-east-1")})),
        ("another name", json!({"registryId": OWN, "repositoryArn": arn(OWN, "app2")})),
        ("no account", json!({"repositoryArn": arn(OWN, "app")})),
        ("no ARN", json!({"registryId": OWN})),
    ];
    for (name, mut repository) in cases {
        repository["repositoryName"] = json!("app");
        repository["imageTagMutability"] = json!("IMMUTABLE");
        let fake = FakeEcr::new(move |operation, body| match operation {
            DESCRIBE => Answer::Json(json!({"repositories": [repository]})),
            _ => healthy(operation, body),
        });
        let facts = gather(&fake, OWN, &["app"]).await;
        assert_eq!(unavailable(&facts, OWN, "app").code, "wrong-registry", "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_scanning_answer_about_another_registry_is_no_fact_either() {
    let foreign = |operation: &'static str, answer: Value| {
        FakeEcr::new(
            move |asked, body| if asked == operation { Answer::Json(answer.clone()) } else { healthy(asked, body) },
        )
    };
    let one = |arn: String| json!({"scanningConfigurations": [{"repositoryArn": arn, "repositoryName": "app", "scanOnPush": true}]});
    let fakes = [
        foreign(BATCH_GET, one(arn(OTHER, "app"))),
        foreign(BATCH_GET, json!({"scanningConfigurations": [{"repositoryName": "app", "scanOnPush": true}]})),
        foreign(GET_REGISTRY, json!({"registryId": OTHER, "scanningConfiguration": {"scanType": "BASIC"}})),
        foreign(GET_REGISTRY, json!({"scanningConfiguration": {"scanType": "BASIC"}})),
    ];
    for fake in fakes {
        assert_eq!(scan_unavailable(&gather(&fake, OWN, &["app"]).await, "app").code, "wrong-registry");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_scanning_calls_leaves_tag_mutability_known() {
    for (operation, answer, code) in [
        (GET_REGISTRY, Answer::Error as fn(u16, &'static str) -> Answer, "access-denied"),
        (BATCH_GET, Answer::Error, "access-denied"),
    ] {
        let fake =
            FakeEcr::new(
                move |asked, body| {
                    if asked == operation { answer(400, "AccessDeniedException") } else { healthy(asked, body) }
                },
            );
        let facts = gather(&fake, OWN, &["app"]).await;
        assert_eq!(repository(&facts, OWN, "app").mutability, TagMutability::Immutable, "{operation}");
        let why = scan_unavailable(&facts, "app");
        assert_eq!(why.code, code, "{operation}");
        assert!(why.sentence.contains(&format!("ecr:{operation}")), "{}", why.sentence);
    }
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_scanning_does_not_know_yet_is_undecided() {
    let fake = FakeEcr::new(|operation, body| match operation {
        BATCH_GET => Answer::Json(json!({"scanningConfigurations": [], "failures": [{"repositoryName": "app",
            "failureCode": "REPOSITORY_NOT_FOUND", "failureReason": "x"}]})),
        _ => healthy(operation, body),
    });
    assert_eq!(scan_unavailable(&gather(&fake, OWN, &["app"]).await, "app").code, "scan-facts-missing");
}

#[tokio::test(start_paused = true)]
async fn every_way_to_fail_has_its_own_code_keeps_awss_ids_and_never_shows_awss_text() {
    type Make = fn() -> Answer;
    let cases: [(&str, Make, &str, Option<&str>); 9] = [
        ("throttled", || Answer::Error(400, "ThrottlingException"), "throttled", Some("ThrottlingException")),
        ("429", || Answer::Error(429, "Odd"), "throttled", Some("Odd")),
        ("denied", || Answer::Error(400, "AccessDeniedException"), "access-denied", Some("AccessDeniedException")),
        ("expired", || Answer::Error(400, "ExpiredTokenException"), "credentials", Some("ExpiredTokenException")),
        ("server", || Answer::Error(500, "ServerException"), "ecr-error", Some("ServerException")),
        ("bare 503", || Answer::Raw(503, "<html>"), "ecr-error", None),
        ("nonsense", || Answer::Raw(200, "{\"repositories\": 7"), "unreadable-answer", None),
        ("broken", || Answer::Broken, "unreachable", None),
        ("silent", || Answer::Never, "timeout", None),
    ];
    for (name, make, code, aws_code) in cases {
        let fake = FakeEcr::new(move |_, _| make());
        let why = unavailable(&gather(&fake, OWN, &["app"]).await, OWN, "app");
        assert_eq!(why.code, code, "{name}");
        assert_eq!(why.aws_code.as_deref(), aws_code, "{name}");
        let answered = !matches!(name, "broken" | "silent");
        assert_eq!(why.request_id.as_deref(), answered.then_some("request-1"), "{name}");
        assert!(!why.to_string().contains("secret-name"), "{name}: {why}");
        assert!(why.sentence.contains(OWN), "{name} says of which registry: {why}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_account_that_forbids_the_question_gets_a_hint_to_the_repository_policy() {
    let fake = FakeEcr::new(|_, _| Answer::Error(400, "AccessDeniedException"));
    let why = unavailable(&gather(&fake, OTHER, &["app"]).await, OTHER, "app");
    assert!(why.sentence.contains("repository's policy") && why.sentence.contains(OTHER), "{why}");
}

#[tokio::test(start_paused = true)]
async fn gathering_ends_at_the_deadline_with_what_came_back_in_time() {
    let fake = FakeEcr::new(|operation, body| {
        if body["registryId"] == OTHER || operation == GET_REGISTRY { Answer::Never } else { healthy(operation, body) }
    });
    let wanted = BTreeSet::from([key(OWN, "app"), key(OTHER, "app")]);
    let start = tokio::time::Instant::now();
    let facts = fake.facts().gather(&wanted).await;
    // The clock is tokio's, which stands still but for timers.
    assert_eq!(start.elapsed().as_secs(), DEADLINE.as_secs());
    assert_eq!(unavailable(&facts, OTHER, "app").code, "timeout");
    assert_eq!(repository(&facts, OWN, "app").mutability, TagMutability::Immutable);
    assert_eq!(scan_unavailable(&facts, "app").code, "timeout");
}

#[tokio::test(start_paused = true)]
async fn mutability_is_read_in_all_its_values_and_unknown_ones_stay_unknown() {
    let filters = |kind: &str| json!([{"filterType": kind, "filter": "dev-*"}]);
    let unknown = |value: &str| TagMutability::Unrecognised(value.to_owned());
    let dev = || vec!["dev-*".to_owned()];
    let cases = [
        (json!("MUTABLE"), Value::Null, TagMutability::Mutable),
        (json!("IMMUTABLE_WITH_EXCLUSION"), filters("WILDCARD"), TagMutability::ImmutableExcept(dev())),
        (json!("MUTABLE_WITH_EXCLUSION"), filters("WILDCARD"), TagMutability::MutableExcept(dev())),
        (json!("IMMUTABLE_WITH_EXCLUSION"), filters("REGEX"), unknown("IMMUTABLE_WITH_EXCLUSION")),
        (json!("IMMUTABLE_WITH_EXCLUSION"), json!([{"filterType": "WILDCARD"}]), unknown("IMMUTABLE_WITH_EXCLUSION")),
        (json!("SOMETHING_NEW"), Value::Null, unknown("SOMETHING_NEW")),
        (Value::Null, Value::Null, unknown("none")),
    ];
    for (value, filters, expected) in cases {
        let answer = json!({"repositories": [{"repositoryArn": arn(OWN, "app"), "registryId": OWN, "repositoryName": "app",
            "imageTagMutability": value, "imageTagMutabilityExclusionFilters": filters}]});
        let fake =
            FakeEcr::new(
                move |operation, body| {
                    if operation == DESCRIBE { Answer::Json(answer.clone()) } else { healthy(operation, body) }
                },
            );
        let repository = repository(&gather(&fake, OWN, &["app"]).await, OWN, "app");
        assert_eq!(repository.mutability, expected);
        assert!(!repository.scan.repository_flag, "an absent scanning configuration asks for nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn the_registrys_scan_type_and_rules_are_read() {
    let fake = FakeEcr::new(|operation, body| match operation {
        GET_REGISTRY => {
            Answer::Json(json!({"registryId": OWN, "scanningConfiguration": {"scanType": "ENHANCED", "rules": [
            {"scanFrequency": "CONTINUOUS_SCAN", "repositoryFilters": [{"filter": "prod*", "filterType": "WILDCARD"}]}]}}))
        }
        BATCH_GET => Answer::Json(json!({"scanningConfigurations": [{"repositoryArn": arn(OWN, "app"),
            "repositoryName": "app", "scanOnPush": true, "scanFrequency": "CONTINUOUS_SCAN"}]})),
        _ => healthy(operation, body),
    });
    let rule = ScanningRule { frequency: ScanFrequency::Continuous, filters: vec!["prod*".to_owned()] };
    let registry = RegistryScanning { scan_type: ScanType::Enhanced, rules: vec![rule] };
    assert_eq!(
        repository(&gather(&fake, OWN, &["app"]).await, OWN, "app").scan.effective,
        EffectiveScan::Known { scan_on_push: true, frequency: ScanFrequency::Continuous, registry }
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_too_short_for_ecr_does_not_exist_and_is_not_asked_for() {
    let fake = FakeEcr::new(healthy);
    let facts = gather(&fake, OWN, &["a", "app"]).await;
    assert_eq!(facts.get(&key(OWN, "a")), Some(&RepositoryFacts::NotFound));
    assert_eq!(facts.get(&key(OWN, "app")), Some(&good()));
    let fake = FakeEcr::new(healthy);
    gather(&fake, OWN, &["a"]).await;
    assert!([DESCRIBE, BATCH_GET, GET_REGISTRY].iter().all(|operation| fake.asked(operation).is_empty()));
}

#[tokio::test(start_paused = true)]
async fn a_region_without_a_client_and_a_flood_of_names_are_unavailable() {
    let nobody = EcrFacts::new([].into(), OWN.to_owned(), DEADLINE);
    let facts = nobody.gather(&wanted(OWN, &["app"])).await;
    assert_eq!(unavailable(&facts, OWN, "app").code, "no-client");

    let all: Vec<String> = (0..MOST_REPOSITORIES + 5).map(|n| format!("repository-{n:04}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let facts = gather(&FakeEcr::new(healthy), OWN, &all).await;
    assert_eq!(facts.iter().count(), MOST_REPOSITORIES + 5);
    let left_out = facts.iter().filter(|(_, facts)| **facts != good()).count();
    assert_eq!(left_out, 5);
    assert_eq!(unavailable(&facts, OWN, all[MOST_REPOSITORIES]).code, "too-many-repositories");
}

#[tokio::test(start_paused = true)]
async fn nothing_wanted_asks_nothing() {
    let fake = FakeEcr::new(healthy);
    assert_eq!(gather(&fake, OWN, &[]).await, Facts::default());
    assert!(fake.asked(DESCRIBE).is_empty() && fake.asked(GET_REGISTRY).is_empty());
}

#[test]
fn a_gathering_can_run_on_any_thread() {
    fn is_send<T: Send>(_: &T) {}
    let facts = FakeEcr::new(healthy).facts();
    let wanted = BTreeSet::new();
    is_send(&facts.gather(&wanted));
}
