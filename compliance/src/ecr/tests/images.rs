//! Images and their scans against an ECR at the wire.

use std::collections::BTreeSet;
use std::slice::from_ref;

use serde_json::{Value, json};

use super::fake::{Answer, DEADLINE, DIGEST, FakeEcr, OTHER, OWN, healthy, image, key, scanned};
use super::memory::{Fault, World, age};
use crate::ecr::{EcrFacts, Gathered, MOST_IMAGES};
use crate::facts::{
    Facts, Image, ImageFacts, ImageId, ImageKey, ImageStatus, ScanResult, ScanStatus, Severity, WantedImages,
};

const IMAGES: &str = "DescribeImages";
const FINDINGS: &str = "DescribeImageScanFindings";
const OTHER_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000002";

fn tag(account: &str, name: &str, tag: &str) -> ImageKey {
    ImageKey { repository: key(account, name), id: ImageId::Tag(tag.to_owned()) }
}

fn digest(name: &str, digest: &str) -> ImageKey {
    ImageKey { repository: key(OWN, name), id: ImageId::Digest(digest.to_owned()) }
}

fn existing(keys: &[ImageKey]) -> WantedImages {
    WantedImages { existing: keys.iter().cloned().collect(), ..WantedImages::default() }
}

fn with_scans(keys: &[ImageKey]) -> WantedImages {
    WantedImages { scanned: keys.iter().cloned().collect(), ..WantedImages::default() }
}

async fn gather(facts: &EcrFacts, images: &WantedImages) -> Gathered {
    facts.gather_all(&BTreeSet::new(), images).await
}

fn found(digest: &str) -> ImageFacts {
    ImageFacts::Found(Image {
        digest: digest.to_owned(),
        media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
        status: ImageStatus::Active,
    })
}

fn code(facts: &Facts, key: &ImageKey) -> &'static str {
    match facts.image(key) {
        Some(ImageFacts::Unavailable(why)) => why.code,
        other => panic!("{key} is {other:?}"),
    }
}

fn scan_code(facts: &Facts, key: &ImageKey) -> &'static str {
    match facts.scan(key) {
        Some(ScanResult::Unavailable(why)) => why.code,
        other => panic!("{key} is {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn images_are_asked_for_by_repository_archived_ones_included_and_no_scan_with_them() {
    let fake = FakeEcr::new(healthy);
    let keys = [tag(OWN, "app", "1"), digest("app", OTHER_DIGEST), tag(OTHER, "app", "1")];
    let gathered = gather(&fake.facts(), &existing(&keys)).await;
    assert_eq!(gathered.facts.image(&keys[0]), Some(&found(DIGEST)));
    assert_eq!(gathered.facts.image(&keys[1]), Some(&found(OTHER_DIGEST)));
    assert_eq!(gathered.facts.image(&keys[2]), Some(&found(DIGEST)));
    let all = json!({"imageStatus": "ANY"});
    assert_eq!(
        fake.asked(IMAGES),
        [
            json!({"registryId": OWN, "repositoryName": "app", "filter": all,
                "imageIds": [{"imageTag": "1"}, {"imageDigest": OTHER_DIGEST}]}),
            json!({"registryId": OTHER, "repositoryName": "app", "filter": all, "imageIds": [{"imageTag": "1"}]}),
        ]
    );
    assert_eq!(fake.count(), 2, "nothing else is asked for");
}

#[tokio::test(start_paused = true)]
async fn images_cost_no_round_trip_of_their_own_beside_repositories() {
    // None of the four calls is answered before all four were made.
    let fake = FakeEcr::new(healthy).answering_together(4);
    let image = tag(OWN, "app", "1");
    let gathered = fake.facts().gather_all(&BTreeSet::from([key(OWN, "app")]), &existing(from_ref(&image))).await;
    assert_eq!(gathered.facts.image(&image), Some(&found(DIGEST)));
}

#[tokio::test(start_paused = true)]
async fn one_missing_image_does_not_spoil_the_others() {
    let fake = FakeEcr::new(|operation, body| {
        let is_missing = body["imageIds"].as_array().unwrap().contains(&json!({"imageTag": "missing"}));
        if is_missing { Answer::Error(400, "ImageNotFoundException") } else { healthy(operation, body) }
    });
    let keys = [tag(OWN, "app", "1"), tag(OWN, "app", "missing")];
    let facts = gather(&fake.facts(), &existing(&keys)).await.facts;
    assert_eq!(facts.image(&keys[0]), Some(&found(DIGEST)));
    assert_eq!(facts.image(&keys[1]), Some(&ImageFacts::NotFound));
    assert_eq!(fake.count(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_its_repository_or_in_an_answer_without_it_an_image_does_not_exist() {
    let scripts: [fn(&str, &Value) -> Answer; 2] = [
        |_, _| Answer::Error(400, "RepositoryNotFoundException"),
        |_, body| Answer::Json(json!({"imageDetails": [image(OWN, body, &json!({"imageTag": "uninvited"}))]})),
    ];
    for script in scripts {
        let fake = FakeEcr::new(script);
        let keys = [tag(OWN, "app", "1"), tag(OWN, "app", "2")];
        let facts = gather(&fake.facts(), &with_scans(&keys)).await.facts;
        assert!(keys.iter().all(|key| facts.image(key) == Some(&ImageFacts::NotFound) && facts.scan(key).is_none()));
        assert_eq!(fake.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn calls_about_images_stay_within_the_limits_of_ecr_and_of_ours() {
    let fake = FakeEcr::new(healthy);
    let keys: Vec<ImageKey> = (0..MOST_IMAGES + 5).map(|n| tag(OWN, "app", &format!("{n:04}"))).collect();
    let facts = gather(&fake.facts(), &existing(&keys)).await.facts;
    let sizes: Vec<usize> = fake.asked(IMAGES).iter().map(|body| body["imageIds"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [100, 100, 100]);
    assert_eq!(facts.image(&keys[0]), Some(&found(DIGEST)));
    assert_eq!(code(&facts, &keys[MOST_IMAGES]), "too-many-images");
    assert_eq!(facts.images().count(), MOST_IMAGES + 5);
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_image_is_no_fact() {
    let key = tag(OWN, "app", "1");
    let cases = [
        ("another account", json!({"registryId": OTHER}), "wrong-registry"),
        ("no account", json!({"registryId": null}), "wrong-registry"),
        ("another repository", json!({"repositoryName": "app2"}), "wrong-registry"),
        ("no digest", json!({"imageDigest": null}), "digest-missing"),
    ];
    for (name, change, expected) in cases {
        let fake = FakeEcr::new(move |_, body| {
            let mut detail = image(OWN, body, &json!({"imageTag": "1"}));
            detail.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            Answer::Json(json!({"imageDetails": [detail]}))
        });
        assert_eq!(code(&gather(&fake.facts(), &existing(from_ref(&key))).await.facts, &key), expected, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_scan_is_asked_for_by_the_digest_that_the_tag_means() {
    let fake = FakeEcr::new(|operation, body| match operation {
        FINDINGS => {
            Answer::Json(scanned(OWN, body, "ACTIVE", &json!({"CRITICAL": 1, "UNDEFINED": 3, "APOCALYPTIC": 2})))
        }
        _ => healthy(operation, body),
    });
    let keys = [tag(OWN, "app", "1"), tag(OWN, "app", "2"), digest("app", OTHER_DIGEST)];
    let gathered = gather(&fake.facts(), &with_scans(&keys)).await;
    let Some(ScanResult::Scanned(report)) = gathered.facts.scan(&keys[0]) else { panic!("{:?}", gathered.facts) };
    assert_eq!(report.status, ScanStatus::Active);
    let unknown = Severity::Unrecognised("APOCALYPTIC".to_owned());
    let counts = [(Severity::Critical, 1), (Severity::Undefined, 3), (unknown, 2)];
    assert_eq!(report.counts, Some(counts.into_iter().collect()));
    let completed = report.completed_at.unwrap().duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!((completed.as_secs(), report.source_updated_at), (1_700_000_000, None));
    let asked = |digest| json!({"registryId": OWN, "repositoryName": "app", "imageId": {"imageDigest": digest}, "maxResults": 1});
    assert_eq!(fake.asked(FINDINGS), [asked(DIGEST), asked(OTHER_DIGEST)], "two tags of one image are one question");
    assert!(keys.iter().all(|key| gathered.facts.scan(key).is_some()));
    assert_eq!(gathered.report.calls, 3);
}

#[tokio::test(start_paused = true)]
async fn of_what_ecr_does_not_scan_no_scan_is_asked_for() {
    let index = "application/vnd.oci.image.index.v1+json";
    let cases = [
        (json!({"imageStatus": "ARCHIVED"}), ImageStatus::Archived, false),
        (json!({"imageStatus": "ACTIVATING"}), ImageStatus::Activating, false),
        (json!({"imageStatus": "FROZEN"}), ImageStatus::Unrecognised("FROZEN".to_owned()), false),
        (json!({"imageStatus": null, "imageManifestMediaType": index}), ImageStatus::Active, true),
    ];
    for (change, status, is_index) in cases {
        let name = change.to_string();
        let fake = FakeEcr::new(move |_, body| {
            let mut detail = image(OWN, body, &json!({"imageTag": "1"}));
            detail.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            Answer::Json(json!({"imageDetails": [detail]}))
        });
        let key = tag(OWN, "app", "1");
        let facts = gather(&fake.facts(), &with_scans(from_ref(&key))).await.facts;
        let Some(ImageFacts::Found(image)) = facts.image(&key) else { panic!("{name}: {facts:?}") };
        assert_eq!((&image.status, image.is_index()), (&status, is_index), "{name}");
        assert_eq!((facts.scan(&key), fake.asked(FINDINGS).len()), (None, 0), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_cannot_be_had_or_does_not_add_up_is_no_clean_one() {
    type Script = fn(&Value) -> Answer;
    let cases: [(&str, Script, &str); 6] = [
        ("throttled", |_| Answer::Error(400, "ThrottlingException"), "throttled"),
        ("denied", |_| Answer::Error(400, "AccessDeniedException"), "access-denied"),
        ("of two minds", |_| Answer::Error(400, "ImageNotFoundException"), "image-facts-missing"),
        (
            "less than none",
            |body| Answer::Json(scanned(OWN, body, "COMPLETE", &json!({"HIGH": -1}))),
            "scan-counts-wrong",
        ),
        (
            "vulnerabilities without counts",
            |body| {
                let mut answer = scanned(OWN, body, "COMPLETE", &Value::Null);
                answer["imageScanFindings"]["enhancedFindings"] = json!([{"severity": "HIGH"}]);
                Answer::Json(answer)
            },
            "scan-counts-wrong",
        ),
        (
            "another image's",
            |body| {
                let mut answer = scanned(OWN, body, "COMPLETE", &json!({}));
                answer["imageId"] = json!({"imageDigest": OTHER_DIGEST});
                Answer::Json(answer)
            },
            "wrong-registry",
        ),
    ];
    let key = tag(OWN, "app", "1");
    for (name, script, expected) in cases {
        let fake = FakeEcr::new(
            move |operation, body| if operation == FINDINGS { script(body) } else { healthy(operation, body) },
        );
        let facts = gather(&fake.facts(), &with_scans(from_ref(&key))).await.facts;
        assert_eq!(scan_code(&facts, &key), expected, "{name}");
        assert_eq!(facts.image(&key), Some(&found(DIGEST)), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn never_scanned_and_scanned_without_findings_are_told_apart() {
    let key = tag(OWN, "app", "1");
    let never = FakeEcr::new(|operation, body| match operation {
        FINDINGS => Answer::Error(400, "ScanNotFoundException"),
        _ => healthy(operation, body),
    });
    let facts = gather(&never.facts(), &with_scans(from_ref(&key))).await.facts;
    assert_eq!(facts.scan(&key), Some(&ScanResult::NotScanned));
    let bare = FakeEcr::new(|operation, body| match operation {
        FINDINGS => Answer::Json(json!({"registryId": OWN, "repositoryName": "app", "imageId": body["imageId"]})),
        _ => healthy(operation, body),
    });
    let facts = gather(&bare.facts(), &with_scans(from_ref(&key))).await.facts;
    let Some(ScanResult::Scanned(report)) = facts.scan(&key) else { panic!("{facts:?}") };
    assert_eq!((&report.status, &report.counts), (&ScanStatus::Unrecognised("none".to_owned()), &None));
}

#[tokio::test(start_paused = true)]
async fn beyond_its_freshness_a_digest_may_stand_in_but_a_tag_never() {
    let world = World::new();
    let keys = [tag(OWN, "app", "1"), digest("app", OTHER_DIGEST)];
    let wanted = with_scans(&keys);
    gather(&world.facts, &wanted).await;
    world.clock.set(59);
    assert_eq!(gather(&world.facts, &wanted).await.report.calls, 0);
    world.breaks(|_, _| Some(Answer::Broken));
    world.clock.set(60);
    let gathered = gather(&world.facts, &wanted).await;
    assert_eq!(code(&gathered.facts, &keys[0]), "unreachable");
    assert_eq!(gathered.facts.scan(&keys[0]), None, "without the image there is no scan of it");
    assert_eq!(gathered.facts.image(&keys[1]), Some(&found(OTHER_DIGEST)));
    assert_eq!(gathered.facts.image_age(&keys[1]), Some(age(60, Some("unreachable"))));
    assert!(matches!(gathered.facts.scan(&keys[1]), Some(ScanResult::Scanned(_))));
}

#[tokio::test(start_paused = true)]
async fn what_is_about_to_change_is_asked_for_again_after_five_seconds() {
    let faults: [(&str, Fault); 3] = [
        ("no image", |operation, _| (operation == IMAGES).then(|| Answer::Error(400, "ImageNotFoundException"))),
        ("no scan", |operation, _| (operation == FINDINGS).then(|| Answer::Error(400, "ScanNotFoundException"))),
        ("a scan under way", |operation, body| {
            (operation == FINDINGS).then(|| Answer::Json(scanned(OWN, body, "IN_PROGRESS", &json!({}))))
        }),
    ];
    let key = digest("app", DIGEST);
    let wanted = with_scans(from_ref(&key));
    let is_complete = |facts: &Facts| matches!(facts.scan(&key), Some(ScanResult::Scanned(report)) if report.status == ScanStatus::Complete);
    for (name, fault) in faults {
        let world = World::new();
        world.breaks(fault);
        assert!(!is_complete(&gather(&world.facts, &wanted).await.facts), "{name}");
        world.heals();
        world.clock.set(4);
        assert!(!is_complete(&gather(&world.facts, &wanted).await.facts), "{name}");
        world.clock.set(5);
        assert!(is_complete(&gather(&world.facts, &wanted).await.facts), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_client_images_are_unavailable_and_short_names_do_not_exist() {
    let nobody = EcrFacts::new([].into(), OWN.to_owned(), DEADLINE);
    let (app, short) = (tag(OWN, "app", "1"), tag(OWN, "a", "1"));
    let facts = gather(&nobody, &with_scans(&[app.clone(), short.clone()])).await.facts;
    assert_eq!(code(&facts, &app), "no-client");
    assert_eq!(facts.image(&short), Some(&ImageFacts::NotFound));
}
