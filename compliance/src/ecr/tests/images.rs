//! Images and whether they are scanned, against an ECR at the wire. What a scan comes to: findings.rs.

use std::collections::BTreeSet;
use std::slice::from_ref;

use serde_json::{Value, json};

use super::fake::{Answer, DEADLINE, DIGEST, FakeEcr, OTHER, OWN, healthy, image, key, scanned};
use super::memory::{Fault, World, age};
use crate::ecr::{EcrFacts, Gathered, MOST_IMAGES};
use crate::facts::{
    Facts, Image, ImageFacts, ImageId, ImageKey, ImageStatus, Platform, Platforms, ScanResult, ScanStatus, Severity,
    WantedImages,
};

const IMAGES: &str = "DescribeImages";
pub(super) const FINDINGS: &str = "DescribeImageScanFindings";
pub(super) const OTHER_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000002";

pub(super) fn tag(account: &str, name: &str, tag: &str) -> ImageKey {
    ImageKey { repository: key(account, name), id: ImageId::Tag(tag.to_owned()) }
}

fn digest(name: &str, digest: &str) -> ImageKey {
    ImageKey { repository: key(OWN, name), id: ImageId::Digest(digest.to_owned()) }
}

fn existing(keys: &[ImageKey]) -> WantedImages {
    WantedImages { existing: keys.iter().cloned().collect(), ..WantedImages::default() }
}

pub(super) fn with_scans(keys: &[ImageKey]) -> WantedImages {
    WantedImages { scanned: keys.iter().cloned().collect(), ..WantedImages::default() }
}

pub(super) async fn gather(facts: &EcrFacts, images: &WantedImages) -> Gathered {
    facts.gather_all(&BTreeSet::new(), images).await
}

pub(super) fn found(digest: &str) -> ImageFacts {
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

pub(super) fn scan_code(facts: &Facts, key: &ImageKey) -> &'static str {
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
async fn without_its_repository_or_in_an_empty_answer_an_image_does_not_exist() {
    let scripts: [fn(&str, &Value) -> Answer; 2] =
        [|_, _| Answer::Error(400, "RepositoryNotFoundException"), |_, _| Answer::Json(json!({"imageDetails": []}))];
    for script in scripts {
        let fake = FakeEcr::new(script);
        let keys = [tag(OWN, "app", "1"), tag(OWN, "app", "2")];
        let facts = gather(&fake.facts(), &with_scans(&keys)).await.facts;
        assert!(keys.iter().all(|key| facts.image(key) == Some(&ImageFacts::NotFound) && facts.scan(key).is_none()));
        assert_eq!(fake.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_other_images_says_of_none_that_it_does_not_exist() {
    let scripts: [fn(&str, &Value) -> Answer; 3] = [
        |_, _| Answer::Json(json!({})),
        |_, _| Answer::Json(json!({"repositories": []})),
        |_, body| Answer::Json(json!({"imageDetails": [image(OWN, body, &json!({"imageTag": "uninvited"}))]})),
    ];
    for script in scripts {
        let keys = [tag(OWN, "app", "1"), tag(OWN, "app", "2")];
        let facts = gather(&FakeEcr::new(script).facts(), &existing(&keys)).await.facts;
        assert!(keys.iter().all(|key| code(&facts, key) == "unreadable-answer"));
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
async fn an_image_that_is_told_of_twice_counts_only_if_both_say_the_same() {
    let key = tag(OWN, "app", "1");
    for (name, other, expected) in [("the same", DIGEST, None), ("another", OTHER_DIGEST, Some("unreadable-answer"))] {
        let fake = FakeEcr::new(move |operation, body| {
            if operation != IMAGES {
                return healthy(operation, body);
            }
            let first = image(OWN, body, &json!({"imageTag": "1"}));
            let mut second = first.clone();
            second["imageDigest"] = json!(other);
            Answer::Json(json!({"imageDetails": [first, second]}))
        });
        let facts = gather(&fake.facts(), &existing(from_ref(&key))).await.facts;
        match expected {
            None => assert_eq!(facts.image(&key), Some(&found(DIGEST)), "{name}"),
            Some(expected) => assert_eq!(code(&facts, &key), expected, "{name}"),
        }
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
    let cases = [
        (json!({"imageStatus": "ARCHIVED"}), ImageStatus::Archived),
        (json!({"imageStatus": "ACTIVATING"}), ImageStatus::Activating),
        (json!({"imageStatus": "FROZEN"}), ImageStatus::Unrecognised("FROZEN".to_owned())),
    ];
    for (change, status) in cases {
        let name = change.to_string();
        let fake = FakeEcr::new(move |_, body| {
            let mut detail = image(OWN, body, &json!({"imageTag": "1"}));
            detail.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            Answer::Json(json!({"imageDetails": [detail]}))
        });
        let key = tag(OWN, "app", "1");
        let facts = gather(&fake.facts(), &with_scans(from_ref(&key))).await.facts;
        let Some(ImageFacts::Found(image)) = facts.image(&key) else { panic!("{name}: {facts:?}") };
        assert_eq!(image.status, status, "{name}");
        assert_eq!((facts.scan(&key), fake.asked(FINDINGS).len()), (None, 0), "{name}");
    }
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

const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

fn numbered(number: u32) -> String {
    format!("sha256:{number:064}")
}

fn descriptor(number: u32, media_type: &str, platform: Option<&str>) -> Value {
    let platform = platform.map(|text| {
        let pieces: Vec<&str> = text.split('/').collect();
        json!({"os": pieces[0], "architecture": pieces[1], "variant": pieces.get(2)})
    });
    json!({"mediaType": media_type, "digest": numbered(number), "platform": platform})
}

fn manifest(number: u32, platform: &str) -> Value {
    descriptor(number, "application/vnd.oci.image.manifest.v1+json", Some(platform))
}

/// An ECR in which tag 1 is index 10, with these manifests by number.
fn with_indexes(indexes: impl Fn(u32) -> Option<Vec<Value>> + Send + Sync + 'static) -> FakeEcr {
    FakeEcr::new(move |operation, body| match operation {
        IMAGES => {
            let mut detail = image(OWN, body, &json!({"imageTag": "1"}));
            detail["imageDigest"] = json!(numbered(10));
            detail["imageManifestMediaType"] = json!(INDEX_TYPE);
            Answer::Json(json!({"imageDetails": [detail]}))
        }
        "BatchGetImage" => {
            let (mut images, mut failures) = (Vec::new(), Vec::new());
            for id in body["imageIds"].as_array().unwrap() {
                let number: u32 = id["imageDigest"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
                match indexes(number) {
                    Some(manifests) => images.push(json!({"registryId": OWN, "repositoryName": "app", "imageId": id,
                        "imageManifest": json!({"manifests": manifests}).to_string()})),
                    None => failures.push(json!({"imageId": id, "failureCode": "ImageNotFound"})),
                }
            }
            Answer::Json(json!({"images": images, "failures": failures}))
        }
        _ => healthy(operation, body),
    })
}

fn platforms(facts: &Facts, key: &ImageKey) -> Vec<(String, String)> {
    match facts.scan(key) {
        Some(ScanResult::Index(all)) => all.iter().map(|one| (one.platform.clone(), one.digest.clone())).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn of_an_index_the_scans_of_the_images_that_matter_are_asked_for_nested_ones_too() {
    let fake = with_indexes(|number| match number {
        10 => Some(vec![
            manifest(1, "linux/amd64"),
            manifest(2, "linux/arm/v7"),
            manifest(3, "windows/amd64"),
            manifest(4, "unknown/unknown"),
            descriptor(11, INDEX_TYPE, None),
        ]),
        11 => Some(vec![manifest(5, "linux/amd64/v3"), manifest(6, "linux/s390x")]),
        _ => None,
    });
    let key = tag(OWN, "app", "1");
    let named = ["linux/amd64", "linux/arm/v7"].iter().filter_map(|text| Platform::parse(text)).collect();
    let cases = [
        (Platforms::Named(named), vec![("linux/amd64", 1), ("linux/arm/v7", 2), ("linux/amd64/v3", 5)]),
        (
            Platforms::Every,
            vec![
                ("linux/amd64", 1),
                ("linux/arm/v7", 2),
                ("windows/amd64", 3),
                ("linux/amd64/v3", 5),
                ("linux/s390x", 6),
            ],
        ),
    ];
    for (platforms_that_matter, expected) in cases {
        let mut wanted = with_scans(from_ref(&key));
        wanted.detail.platforms = platforms_that_matter;
        let facts = gather(&fake.facts(), &wanted).await.facts;
        let expected: Vec<_> = expected.into_iter().map(|(name, number)| (name.to_owned(), numbered(number))).collect();
        assert_eq!(platforms(&facts, &key), expected);
    }
    let first = &fake.asked("BatchGetImage")[0];
    assert_eq!((&first["registryId"], &first["imageIds"]), (&json!(OWN), &json!([{"imageDigest": numbered(10)}])));
    assert_eq!(first["acceptedMediaTypes"][0], INDEX_TYPE);
}

#[tokio::test(start_paused = true)]
async fn an_index_that_cannot_be_read_or_has_no_end_is_no_fact() {
    type Indexes = fn(u32) -> Option<Vec<Value>>;
    let deeper: Indexes = |number| Some(vec![descriptor(number + 1, INDEX_TYPE, None)]);
    let wide: Indexes = |_| Some((0..65).map(|number| manifest(number, "linux/amd64")).collect());
    let cases: [(&str, Indexes, &str, usize); 4] = [
        ("gone", |_| None, "index-unreadable", 1),
        ("not of our kind", |_| Some(vec![json!({"digest": 7})]), "index-unreadable", 1),
        ("deeper and deeper", deeper, "index-too-large", 3),
        ("wider and wider", wide, "index-too-large", 1),
    ];
    let key = tag(OWN, "app", "1");
    for (name, indexes, code, reads) in cases {
        let fake = with_indexes(indexes);
        let facts = gather(&fake.facts(), &with_scans(from_ref(&key))).await.facts;
        assert_eq!((scan_code(&facts, &key), fake.asked("BatchGetImage").len()), (code, reads), "{name}");
        assert_eq!(fake.asked(FINDINGS).len(), 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_is_not_read_where_only_its_existence_matters() {
    let fake = with_indexes(|_| None);
    let key = tag(OWN, "app", "1");
    gather(&fake.facts(), &existing(from_ref(&key))).await;
    assert_eq!(fake.count(), 1);
}
