//! What each state of an image means, to both rules that look at images.

#![allow(clippy::unwrap_used, reason = "helpers of tests stand outside #[test] functions")]

use std::time::SystemTime;

use super::ImageExists;
use crate::facts::{Image, ImageFacts, ImageStatus, RepositoryFacts, RepositoryKey, Unavailable};
use crate::image::ImageReference;
use crate::policy::Options;
use crate::registry::Registry;
use crate::rules::scan_findings::{ScanFindings, ScanFindingsOptions};
use crate::rules::{AboutImage, Origin, Rule, Subject};
use crate::verdict::Finding;

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";

fn found(status: ImageStatus) -> ImageFacts {
    ImageFacts::Found(Image { digest: DIGEST.to_owned(), media_type: None, status })
}

fn check(rule: &dyn Rule, image: &str, facts: Option<&ImageFacts>, repository: &RepositoryFacts) -> Vec<Finding> {
    let options = ScanFindingsOptions::default();
    let registry = Registry::new("111122223333", "eu-west-1").unwrap();
    let text = format!("{}/{image}", registry.host());
    let reference = ImageReference::parse(&text).unwrap();
    let key = RepositoryKey { registry, name: reference.repository().to_owned() };
    let about = |image| AboutImage { image, scan: None, options: &options, now: SystemTime::UNIX_EPOCH };
    let subject = Subject {
        path: "spec.containers[0].image",
        image: &text,
        accepted: &[],
        options: &Options::default(),
        origin: Origin::Accepted { reference, key, facts: repository },
        about_image: facts.map(about),
    };
    rule.check(&subject)
}

/// What is known of the repository does not matter here, as long as it may exist.
fn repository() -> RepositoryFacts {
    RepositoryFacts::Unavailable(Unavailable::new("throttled", "x"))
}

#[test]
fn an_image_that_can_be_pulled_exists() {
    assert_eq!(check(&ImageExists, "team/app:1", Some(&found(ImageStatus::Active)), &repository()), []);
}

#[test]
fn what_cannot_be_pulled_or_is_not_known_is_refused_by_both_rules_about_images() {
    let unavailable = ImageFacts::Unavailable(Unavailable::new("timeout", "x"));
    let cases = [
        ("missing", Some(ImageFacts::NotFound), "image-not-found", false),
        ("archived", Some(found(ImageStatus::Archived)), "image-archived", false),
        ("being restored", Some(found(ImageStatus::Activating)), "image-activating", true),
        ("new", Some(found(ImageStatus::Unrecognised("FROZEN".to_owned()))), "image-status-unrecognised", true),
        ("unavailable", Some(unavailable), "timeout", true),
        ("not asked for", None, "facts-missing", true),
    ];
    for (name, facts, code, undecided) in cases {
        for rule in [&ImageExists as &dyn Rule, &ScanFindings] {
            let findings = check(rule, "team/app:1", facts.as_ref(), &repository());
            assert_eq!(findings.len(), 1, "{name}");
            assert_eq!((findings[0].code, findings[0].undecided), (code, undecided), "{name}");
            assert_eq!(findings[0].rule, rule.id(), "{name}");
            assert_eq!(findings[0].fix.is_some(), !undecided, "{name}: what is refused says what to do");
        }
    }
}

#[test]
fn a_repository_that_does_not_exist_is_said_in_the_words_of_the_other_rules() {
    let findings = check(&ImageExists, "team/app:1", Some(&ImageFacts::NotFound), &RepositoryFacts::NotFound);
    assert_eq!(findings[0].code, "repository-not-found");
}

#[test]
fn the_words_name_the_image_and_the_command_names_its_digest() {
    let missing = check(&ImageExists, "team/app:1", Some(&ImageFacts::NotFound), &repository());
    assert_eq!(missing[0].message, "image team/app:1 of 111122223333 in eu-west-1 does not exist.");
    let archived =
        check(&ImageExists, &format!("team/app:1@{DIGEST}"), Some(&found(ImageStatus::Archived)), &repository());
    assert!(archived[0].message.starts_with(&format!("image team/app@{DIGEST} of")), "{}", archived[0].message);
    assert_eq!(
        archived[0].fix.as_deref(),
        Some(&*format!(
            "aws ecr update-image-storage-class --registry-id 111122223333 --region eu-west-1 --repository-name team/app --image-id imageDigest={DIGEST} --target-storage-class STANDARD"
        ))
    );
}
