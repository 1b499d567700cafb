//! A role in another account: its client asks there, and may ask what that account alone may know.

use std::collections::BTreeMap;

use super::fake::{Answer, DEADLINE, FakeEcr, OTHER, OWN, REGION, healthy, key, registry};
use super::{BATCH_GET, DESCRIBE, GET_REGISTRY, repository, unavailable, wanted};
use crate::ecr::{Clients, EcrFacts};
use crate::facts::{EffectiveScan, ScanFrequency};

fn with_role(own: &FakeEcr, assumed: &FakeEcr) -> EcrFacts {
    let clients = Clients::new(OWN.to_owned(), BTreeMap::from([(REGION.to_owned(), own.client())]));
    EcrFacts::with_clients(clients.with_role(registry(OTHER), assumed.client()), DEADLINE)
}

#[tokio::test(start_paused = true)]
async fn with_a_role_there_the_scanning_of_another_account_is_known_too() {
    let own = FakeEcr::new(healthy);
    let assumed = FakeEcr::new(|operation, body| {
        let Answer::Json(answer) = healthy(operation, body) else { return Answer::Broken };
        // These two take no account: they answer for that of the credentials.
        let text = answer.to_string();
        Answer::Json(serde_json::from_str(&text.replace(OWN, OTHER)).unwrap())
    });
    let facts = with_role(&own, &assumed).gather(&wanted(OTHER, &["app"])).await;
    match repository(&facts, OTHER, "app").scan.effective {
        EffectiveScan::Known { frequency, .. } => assert_eq!(frequency, ScanFrequency::Manual),
        other => panic!("{other:?}"),
    }
    assert!([DESCRIBE, BATCH_GET, GET_REGISTRY].iter().all(|operation| assumed.asked(operation).len() == 1));
    assert_eq!(own.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_role_is_used_for_its_registry_only() {
    let (own, assumed) = (FakeEcr::new(healthy), FakeEcr::new(healthy));
    let facts = with_role(&own, &assumed).gather(&wanted(OWN, &["app"])).await;
    assert!(facts.get(&key(OWN, "app")).is_some());
    assert_eq!((own.count(), assumed.count()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_role_that_is_forbidden_to_ask_is_named_as_the_one_to_mend() {
    let assumed = FakeEcr::new(|_, _| Answer::Error(400, "AccessDeniedException"));
    let facts = with_role(&FakeEcr::new(healthy), &assumed).gather(&wanted(OTHER, &["app"])).await;
    let why = unavailable(&facts, OTHER, "app");
    assert!(why.sentence.contains("the role that the webhook assumes in account 999988887777"), "{why}");
}
