//! A role in another account: it is assumed first, its client asks there, and may ask what that account alone may know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_ecr::config::http::{HttpRequest, HttpResponse};
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::{DateTime, Format};

use super::fake::{Answer, DEADLINE, FakeEcr, ManualClock, OTHER, OWN, REGION, healthy, key, registry};
use super::{BATCH_GET, DESCRIBE, GET_REGISTRY, repository, unavailable, wanted};
use crate::ecr::{CacheSettings, Clients, EcrFacts, Gathered, Role};
use crate::facts::{EffectiveScan, RepositoryFacts, ScanFrequency, WantedImages};

const ARN: &str = "arn:aws:iam::999988887777:role/secret-name";

/// What STS does.
#[derive(Debug, Clone, Copy)]
enum Sts {
    /// Credentials that end at that second.
    Until(i64),
    /// Credentials with that access key.
    Key(&'static str),
    Error(u16, &'static str),
    Nonsense,
    Silent,
}

/// An STS at the wire, which keeps what it was asked.
#[derive(Debug, Clone)]
struct FakeSts {
    answer: Arc<Mutex<Sts>>,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl FakeSts {
    fn new(answer: Sts) -> Self {
        Self { answer: Arc::new(Mutex::new(answer)), asked: Arc::default() }
    }

    fn becomes(&self, answer: Sts) {
        *self.answer.lock().unwrap() = answer;
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn role(&self) -> Role {
        let connector = SharedHttpConnector::new(self.clone());
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("id", "key", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build();
        Role::new(aws_sdk_sts::Client::from_conf(config), ARN.to_owned(), Some("team:7".to_owned()))
    }
}

impl HttpConnector for FakeSts {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap();
        let mut asked = self.asked.lock().unwrap();
        asked.push((request.uri().to_owned(), body));
        let nth = asked.len();
        let answer = *self.answer.lock().unwrap();
        HttpConnectorFuture::new(async move {
            let (status, body) = match answer {
                Sts::Until(end) => (200, credentials(&format!("key-{nth}"), end)),
                Sts::Key(key) => (200, credentials(key, 3600)),
                Sts::Error(status, code) => (
                    status,
                    format!(
                        "<ErrorResponse><Error><Code>{code}</Code><Message>not {ARN}</Message></Error><RequestId>request-9</RequestId></ErrorResponse>"
                    ),
                ),
                Sts::Nonsense => (200, "<html>".to_owned()),
                Sts::Silent => return std::future::pending().await,
            };
            let mut response = HttpResponse::new(u16::try_into(status).unwrap(), SdkBody::from(body));
            response.headers_mut().insert("x-amzn-requestid", "request-9");
            Ok(response)
        })
    }
}

fn credentials(key: &str, end: i64) -> String {
    let end = DateTime::from_secs(end).fmt(Format::DateTime).unwrap();
    format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{key}</AccessKeyId>\
         <SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>{end}</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
}

/// An ECR that answers for the account of the role.
fn other_account() -> FakeEcr {
    FakeEcr::new(|operation, body| {
        let Answer::Json(answer) = healthy(operation, body) else { return Answer::Broken };
        // These two take no account: they answer for that of the credentials.
        let text = answer.to_string();
        Answer::Json(serde_json::from_str(&text.replace(OWN, OTHER)).unwrap())
    })
}

struct World {
    own: FakeEcr,
    assumed: FakeEcr,
    sts: FakeSts,
    role: Role,
    clock: ManualClock,
    facts: EcrFacts,
}

impl World {
    fn new(answer: Sts) -> Self {
        Self::with(answer, other_account())
    }

    fn with(answer: Sts, assumed: FakeEcr) -> Self {
        let (own, sts, clock) = (FakeEcr::new(healthy), FakeSts::new(answer), ManualClock::default());
        let role = sts.role();
        let clients = Clients::new(OWN.to_owned(), BTreeMap::from([(REGION.to_owned(), own.client())]));
        let clients = clients.with_role(registry(OTHER), assumed.client(), role.clone());
        let facts = EcrFacts::with_clients(clients, DEADLINE).with_clock(Arc::new(clock.clone()));
        Self { own, assumed, sts, role, clock, facts }
    }

    async fn at(&self, seconds: u64) -> Gathered {
        self.clock.set(seconds);
        self.facts.gather_all(&wanted(OTHER, &["app"]), &WantedImages::default()).await
    }

    async fn held(&self) -> String {
        self.role.provide_credentials().await.unwrap().access_key_id().to_owned()
    }
}

fn is_found(gathered: &Gathered) -> bool {
    matches!(gathered.facts.get(&key(OTHER, "app")), Some(RepositoryFacts::Found(_)))
}

#[tokio::test(start_paused = true)]
async fn the_role_is_assumed_once_for_all_calls_where_its_registry_is() {
    let world = World::new(Sts::Until(3600));
    assert!(is_found(&world.at(0).await));
    let asked = world.sts.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 1, "{asked:?}");
    let (address, body) = &asked[0];
    assert!(address.starts_with("https://sts.eu-west-1.amazonaws.com"), "{address}");
    for part in ["Action=AssumeRole&", "RoleSessionName=ecr-compliance-webhook", "ExternalId=team%3A7", "secret-name"] {
        assert!(body.contains(part), "{part}: {body}");
    }
    assert_eq!(world.held().await, "key-1");
}

#[tokio::test(start_paused = true)]
async fn its_credentials_are_renewed_before_they_end_and_used_to_their_end_if_they_cannot_be() {
    let world = World::new(Sts::Until(3600));
    for (name, at, answer, calls, held) in [
        ("fresh", 0, Sts::Until(3600), 1, Some("key-1")),
        ("not yet", 3200, Sts::Until(7200), 1, Some("key-1")),
        ("before their end", 3301, Sts::Until(7200), 2, Some("key-2")),
        ("STS fails while they last", 7000, Sts::Error(500, "InternalFailure"), 3, Some("key-2")),
        ("and after", 7195, Sts::Error(403, "AccessDenied"), 4, None),
    ] {
        world.sts.becomes(answer);
        assert_eq!((is_found(&world.at(at).await), world.sts.count()), (held.is_some(), calls), "{name}");
        assert!(
            held.is_none_or(|held| futures_util::FutureExt::now_or_never(world.held()).as_deref() == Some(held)),
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn why_a_role_cannot_be_assumed_is_told_with_the_code_and_request_of_aws_and_nobody_elses_words() {
    let cases = [
        (Sts::Error(403, "AccessDenied"), "role-denied", "may not assume the role", Some("AccessDenied")),
        (Sts::Error(400, "Throttling"), "role-throttled", "STS is throttling", Some("Throttling")),
        (Sts::Error(403, "RegionDisabledException"), "role-refused", "STS refused", Some("RegionDisabledException")),
        (Sts::Error(403, "ExpiredToken"), "role-refused", "STS refused", Some("ExpiredToken")),
        (Sts::Error(500, "InternalFailure"), "role-unreachable", "could not be asked", Some("InternalFailure")),
        (Sts::Silent, "role-timeout", "no credentials in time", None),
        (Sts::Nonsense, "role-unreachable", "could not be asked", None),
    ];
    for (answer, code, words, aws_code) in cases {
        let world = World::new(answer);
        let gathered = world.at(0).await;
        let why = unavailable(&gathered.facts, OTHER, "app");
        assert_eq!((why.code, why.aws_code.as_deref()), (code, aws_code), "{answer:?}: {why}");
        assert!(why.sentence.contains(words), "{answer:?}: {why}");
        assert!(aws_code.is_none() || why.request_id.as_deref() == Some("request-9"), "{answer:?}: {why:?}");
        assert!(!why.to_string().contains("secret-name"), "{answer:?}: {why}");
        assert_eq!((world.sts.count(), world.assumed.count()), (1, 0), "{answer:?}: one question for all calls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_cannot_be_assumed_spoils_no_other_registry_and_is_tried_again_after_a_second() {
    let world = World::new(Sts::Error(403, "AccessDenied"));
    let both: BTreeSet<_> = wanted(OTHER, &["app"]).union(&wanted(OWN, &["app"])).cloned().collect();
    let facts = world.facts.gather(&both).await;
    assert!(matches!(facts.get(&key(OWN, "app")), Some(RepositoryFacts::Found(_))));
    assert_eq!(unavailable(&facts, OTHER, "app").code, "role-denied");
    world.sts.becomes(Sts::Until(3600));
    assert!(!is_found(&world.at(0).await));
    assert!(is_found(&world.at(1).await));
}

#[tokio::test(start_paused = true)]
async fn while_sts_is_out_older_facts_stand_in_but_not_after_it_said_no() {
    for (answer, stands_in) in [(Sts::Error(500, "InternalFailure"), true), (Sts::Error(403, "AccessDenied"), false)] {
        let world = World::new(Sts::Until(61));
        assert!(is_found(&world.at(0).await));
        world.sts.becomes(answer);
        let gathered = world.at(60).await;
        assert_eq!((is_found(&gathered), gathered.report.served_stale > 0), (stands_in, stands_in), "{answer:?}");
    }
    assert!(CacheSettings::default().fresh.as_secs() == 60, "so that the fact above is no longer fresh");
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_role_is_shown_when_printed_for_debugging() {
    let world = World::new(Sts::Until(3600));
    assert!(is_found(&world.at(0).await));
    let shown = format!("{:?}", world.role);
    assert!(!shown.contains("secret") && !shown.contains("key-1"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn with_a_role_there_the_scanning_of_another_account_is_known_too() {
    let world = World::new(Sts::Until(3600));
    let facts = world.at(0).await.facts;
    match repository(&facts, OTHER, "app").scan.effective {
        EffectiveScan::Known { frequency, .. } => assert_eq!(frequency, ScanFrequency::Manual),
        other => panic!("{other:?}"),
    }
    assert!([DESCRIBE, BATCH_GET, GET_REGISTRY].iter().all(|operation| world.assumed.asked(operation).len() == 1));
    assert_eq!(world.own.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_role_is_used_for_its_registry_only() {
    let world = World::new(Sts::Until(3600));
    let facts = world.facts.gather(&wanted(OWN, &["app"])).await;
    assert!(facts.get(&key(OWN, "app")).is_some());
    assert_eq!((world.own.count(), world.assumed.count(), world.sts.count()), (3, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_forbidden_to_ask_is_named_as_the_one_to_mend() {
    let assumed = FakeEcr::new(|_, _| Answer::Error(400, "AccessDeniedException"));
    let facts = World::with(Sts::Until(3600), assumed).at(0).await.facts;
    let why = unavailable(&facts, OTHER, "app");
    assert!(why.sentence.contains("the role that the webhook assumes in account 999988887777"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn credentials_that_the_registry_does_not_accept_are_given_up_and_asked_for_anew() {
    for (error, code, calls) in
        [("ExpiredTokenException", "credentials", [1, 1, 2, 3]), ("OddException", "ecr-refused", [1, 1, 1, 1])]
    {
        let world = World::with(Sts::Until(3600), FakeEcr::new(move |_, _| Answer::Error(400, error)));
        for (at, calls) in [0, 0, 2, 60].into_iter().zip(calls) {
            let why = unavailable(&world.at(at).await.facts, OTHER, "app");
            assert_eq!((why.code, world.sts.count()), (code, calls), "{error} at {at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_that_cannot_stand_in_a_header_are_none() {
    for key in ["", "a b", "a&#13;&#10;x-amz-target: y", "k\u{e9}y"] {
        let world = World::new(Sts::Key(key));
        assert_eq!(unavailable(&world.at(0).await.facts, OTHER, "app").code, "role-refused", "{key:?}");
        assert_eq!(world.assumed.count(), 0, "{key:?}");
        world.sts.becomes(Sts::Until(3600));
        assert!(is_found(&world.at(1).await), "{key:?}");
    }
}
