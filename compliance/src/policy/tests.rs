//! The decision as a whole: the ways past the predecessor, each class of image, and everything at once.

use std::collections::BTreeSet;
use std::time::SystemTime;

use super::{IGNORED_NAMESPACE, Policy, Request, evaluate, wanted};
use crate::facts::{
    EffectiveScan, Facts, RegistryScanning, Repository, RepositoryFacts, RepositoryKey, ScanFacts, ScanFrequency,
    ScanType, TagMutability, Unavailable, WantedImages,
};
use crate::registry::{Partition, Registry};
use crate::verdict::Verdict;
use crate::workload::ImageField;

pub(super) const HOST: &str = "111122223333.dkr.ecr.eu-west-1.amazonaws.com";
const OTHER_ACCOUNT: &str = "999988887777.dkr.ecr.eu-west-1.amazonaws.com";
const OTHER_REGION: &str = "111122223333.dkr.ecr.us-east-1.amazonaws.com";
pub(super) const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub(super) fn registry() -> Registry {
    Registry { partition: Partition::Aws, account: "111122223333".to_owned(), region: "eu-west-1".to_owned() }
}

pub(super) fn policy() -> Policy {
    Policy { accepted: vec![registry()], ignored_namespaces: vec!["kube-system".to_owned()], ..Policy::default() }
}

fn repository(mutability: TagMutability, flag: bool, frequency: ScanFrequency, scan_type: ScanType) -> RepositoryFacts {
    let registry = RegistryScanning { scan_type, rules: Vec::new() };
    RepositoryFacts::Found(Repository {
        mutability,
        scan: ScanFacts {
            repository_flag: flag,
            effective: EffectiveScan::Known { scan_on_push: false, frequency, registry },
        },
    })
}

/// A registry with a repository of each kind.
pub(super) fn facts() -> Facts {
    use ScanFrequency::{Manual, ScanOnPush};
    let dev = || vec!["dev-*".to_owned()];
    let throttled = || Unavailable {
        aws_code: Some("ThrottlingException".to_owned()),
        request_id: Some("r-1".to_owned()),
        ..Unavailable::new("throttled", "ECR is throttling requests; try again")
    };
    let half = RepositoryFacts::Found(Repository {
        mutability: TagMutability::Mutable,
        scan: ScanFacts { repository_flag: true, effective: EffectiveScan::Unavailable(throttled()) },
    });
    [
        ("good", repository(TagMutability::Immutable, true, Manual, ScanType::Basic)),
        ("mutable", repository(TagMutability::Mutable, true, Manual, ScanType::Basic)),
        ("unscanned", repository(TagMutability::Immutable, false, Manual, ScanType::Basic)),
        ("both", repository(TagMutability::Mutable, false, Manual, ScanType::Basic)),
        ("except", repository(TagMutability::ImmutableExcept(dev()), true, Manual, ScanType::Basic)),
        ("only", repository(TagMutability::MutableExcept(dev()), true, Manual, ScanType::Basic)),
        ("by-rule", repository(TagMutability::Immutable, false, ScanOnPush, ScanType::Basic)),
        ("enhanced", repository(TagMutability::Immutable, true, Manual, ScanType::Enhanced)),
        ("missing", RepositoryFacts::NotFound),
        ("throttled", RepositoryFacts::Unavailable(throttled())),
        ("half", half),
    ]
    .into_iter()
    .map(|(name, facts)| (RepositoryKey { registry: registry(), name: name.to_owned() }, facts))
    .collect()
}

pub(super) fn request<'a>(namespace: &'a str, images: &[&'a str]) -> Request<'a> {
    let field =
        |(index, image): (usize, &&'a str)| ImageField { path: format!("spec.containers[{index}].image"), image };
    Request { namespace, images: images.iter().enumerate().map(field).collect() }
}

fn judge(images: &[&str]) -> Verdict {
    evaluate(&policy(), &request("default", images), &facts(), SystemTime::UNIX_EPOCH)
}

fn codes(images: &[&str]) -> Vec<String> {
    let verdict = judge(images);
    verdict.denials.iter().map(|finding| format!("{}: {}", finding.rule, finding.code)).collect()
}

#[test]
fn an_image_beside_a_good_one_is_judged_all_the_same() {
    let good = format!("{HOST}/good:1");
    assert_eq!(codes(&[&good, "nginx"]), ["registry: docker-hub"], "B1, the mixed Pod");
    assert_eq!(codes(&["nginx", &good]), ["registry: docker-hub"]);
    assert!(judge(&[&good]).allowed());
}

#[test]
fn a_host_that_continues_after_the_right_ending_is_not_ecr() {
    assert_eq!(
        codes(&[&format!("{HOST}.attacker.io/good:1")]),
        ["registry: ecr-lookalike"],
        "B2, the spoofed registry"
    );
    assert_eq!(codes(&[&format!("attacker.io/{HOST}/good:1")]), ["registry: other-registry"]);
    assert_eq!(codes(&[&format!("{HOST}:443/good:1")]), ["registry: ecr-lookalike"]);
}

#[test]
fn an_image_of_another_account_or_region_is_not_judged_by_our_repository_of_that_name() {
    assert_eq!(codes(&[&format!("{OTHER_ACCOUNT}/good:1")]), ["registry: account-not-accepted"], "B3");
    assert_eq!(codes(&[&format!("{OTHER_REGION}/good:1")]), ["registry: region-not-accepted"], "B3");
}

#[test]
fn facts_are_those_of_the_account_and_region_named_in_the_image() {
    let other = Registry { account: "999988887777".to_owned(), ..registry() };
    let policy = Policy { accepted: vec![registry(), other.clone()], ..policy() };
    let mut facts = facts();
    facts.insert(RepositoryKey { registry: other, name: "good".to_owned() }, RepositoryFacts::NotFound);
    let image = format!("{OTHER_ACCOUNT}/good:1");
    let verdict = evaluate(&policy, &request("default", &[&image]), &facts, SystemTime::UNIX_EPOCH);
    assert!(verdict.denials.iter().all(|finding| finding.code == "repository-not-found"), "{verdict:?}");
    assert_eq!(verdict.denials.len(), 2);
}

#[test]
fn exclusion_filters_are_applied_to_the_tag_in_use() {
    let cases = [
        ("except:1", ""),
        ("except:dev-1", "tag-immutability: tag-excluded"),
        ("only:1", "tag-immutability: tag-not-protected"),
        ("only:dev-1", ""),
        ("only", "tag-immutability: tag-not-protected"),
        ("mutable:1", "tag-immutability: tags-mutable"),
    ];
    for (image, expected) in cases {
        assert_eq!(codes(&[&format!("{HOST}/{image}")]).join(" "), expected, "B4, {image}");
    }
}

#[test]
fn scanning_that_a_rule_of_the_registry_asks_for_counts_and_a_dead_flag_does_not() {
    assert_eq!(codes(&[&format!("{HOST}/by-rule:1")]), Vec::<String>::new(), "B5, the false denial");
    assert_eq!(codes(&[&format!("{HOST}/enhanced:1")]), ["scan-on-push: not-scanned-on-push"]);
}

#[test]
fn a_digest_belongs_neither_to_the_repository_nor_to_the_tag() {
    for image in ["good@", "good:1@", "except@", "except:1@"] {
        assert_eq!(codes(&[&format!("{HOST}/{image}{DIGEST}")]), Vec::<String>::new(), "B6, {image}");
    }
    assert_eq!(codes(&[&format!("{HOST}/except:dev-1@{DIGEST}")]), ["tag-immutability: tag-excluded"]);
    for image in ["mutable@", "only@", "mutable:1@"] {
        assert_eq!(codes(&[&format!("{HOST}/{image}{DIGEST}")]), ["tag-immutability: tags-mutable"], "B6, {image}");
    }
}

#[test]
fn images_that_made_the_predecessor_panic_get_an_answer() {
    let cases = [
        (format!("{HOST}/good"), ""),
        (HOST.to_owned(), "registry: docker-hub"),
        (format!("{HOST}:latest"), "registry: docker-hub"),
        (format!("{HOST}/"), "registry: unparseable"),
        (format!("{HOST}//good"), "registry: unparseable"),
        ("localhost:5000/amazonaws.com/x".to_owned(), "registry: other-registry"),
        (String::new(), "registry: unparseable"),
        ("@".to_owned(), "registry: unparseable"),
        (":".to_owned(), "registry: unparseable"),
    ];
    for (image, expected) in cases {
        assert_eq!(codes(&[&image]).join(" "), expected, "B7, {image:?}");
    }
}

#[test]
fn every_place_of_a_pod_and_every_change_by_an_update_is_judged() {
    use crate::workload::PodView;
    let old: PodView<'_> = serde_json::from_str(r#"{"spec": {"containers": [{"image": "busybox"}]}}"#).unwrap();
    let new = r#"{"spec": {"containers": [{"image": "nginx"}], "initContainers": [{"image": "busybox"}],
        "ephemeralContainers": [{"image": "busybox"}], "volumes": [{"image": {"reference": "busybox"}}, {"image": {}}]}}"#;
    let new: PodView<'_> = serde_json::from_str(new).unwrap();
    let request = Request { namespace: "default", images: new.images_not_in(&old) };
    let verdict = evaluate(&policy(), &request, &facts(), SystemTime::UNIX_EPOCH);
    let places: Vec<&str> = verdict.denials.iter().map(|finding| finding.path.as_str()).collect();
    let expected = [
        "spec.containers[0].image",
        "spec.initContainers[0].image",
        "spec.ephemeralContainers[0].image",
        "spec.volumes[0].image.reference",
        "spec.volumes[1].image.reference",
    ];
    assert_eq!(places, expected, "B9");
    let request = Request { namespace: "default", images: old.images_not_in(&old) };
    assert!(
        evaluate(&policy(), &request, &facts(), SystemTime::UNIX_EPOCH).allowed(),
        "an update that changes no image passes"
    );
}

#[test]
fn every_class_of_registry_has_a_reason_code_of_its_own_and_the_other_rules_are_silent() {
    let cases = [
        ("nginx", "docker-hub"),
        ("public.ecr.aws/a/b:1", "ecr-public"),
        ("vpce-0a.dkr.ecr.eu-west-1.vpce.amazonaws.com/good:1", "vpc-endpoint"),
        ("myalias.dkr.ecr.eu-west-1.amazonaws.com/good:1", "ecr-lookalike"),
        ("ghcr.io/a/b:1", "other-registry"),
        ("999988887777.dkr.ecr.eu-west-1.amazonaws.com/good:1", "account-not-accepted"),
        ("111122223333.dkr.ecr.us-east-1.amazonaws.com/good:1", "region-not-accepted"),
        ("UPPER", "unparseable"),
    ];
    for (image, code) in cases {
        let verdict = judge(&[image]);
        assert_eq!(codes(&[image]), [format!("registry: {code}")], "{image}");
        assert!(!verdict.undecided() && !verdict.allowed());
        let finding = &verdict.denials[0];
        assert!(finding.message.contains("111122223333 in eu-west-1") || code == "unparseable", "{}", finding.message);
        assert!(finding.fix.as_ref().is_some_and(|fix| fix.contains(HOST)), "{image} says how to fix it");
    }
}

#[test]
fn a_host_in_upper_case_is_the_same_registry() {
    assert_eq!(codes(&[&format!("{}/good:1", HOST.to_uppercase())]), Vec::<String>::new());
}

#[test]
fn the_repositorys_commands_can_be_pasted() {
    let fixes: Vec<String> = judge(&[&format!("{HOST}/both:1"), &format!("{HOST}/missing:1")])
        .denials
        .into_iter()
        .filter_map(|finding| finding.fix)
        .collect();
    let flags = "--registry-id 111122223333 --region eu-west-1 --repository-name";
    let create = format!(
        "aws ecr create-repository {flags} missing --image-tag-mutability IMMUTABLE --image-scanning-configuration scanOnPush=true"
    );
    assert_eq!(
        fixes,
        [
            format!("aws ecr put-image-tag-mutability {flags} both --image-tag-mutability IMMUTABLE"),
            format!(
                "aws ecr put-image-scanning-configuration {flags} both --image-scanning-configuration scanOnPush=true"
            ),
            create.clone(),
            create,
        ]
    );
}

#[test]
fn what_could_not_be_had_is_not_called_not_compliant() {
    let verdict = judge(&[&format!("{HOST}/throttled:1")]);
    assert!(verdict.undecided() && !verdict.allowed());
    assert_eq!(verdict.reason(), "CouldNotBeChecked");
    for finding in &verdict.denials {
        assert_eq!(finding.code, "throttled");
        assert!(finding.message.starts_with("could not be checked:"), "{}", finding.message);
        assert!(finding.message.contains("ThrottlingException, request r-1"), "{}", finding.message);
    }
    assert!(!verdict.message().contains("compliant"), "{}", verdict.message());
}

#[test]
fn facts_that_nobody_gathered_are_refused_and_not_guessed() {
    let image = format!("{HOST}/good:1");
    let verdict = evaluate(&policy(), &request("default", &[&image]), &Facts::default(), SystemTime::UNIX_EPOCH);
    assert!(verdict.undecided());
    assert!(verdict.denials.iter().all(|finding| finding.code == "facts-missing"));
}

#[test]
fn mutable_tags_are_found_even_where_scanning_could_not_be_checked() {
    let verdict = judge(&[&format!("{HOST}/half:1")]);
    let outcome: Vec<(&str, bool)> = verdict.denials.iter().map(|one| (one.code, one.undecided)).collect();
    assert_eq!(outcome, [("tags-mutable", false), ("throttled", true)]);
    assert!(!verdict.undecided(), "something definite was found");
}

#[test]
fn a_namespace_is_ignored_by_its_exact_name_only() {
    let judged = |namespace| evaluate(&policy(), &request(namespace, &["nginx"]), &facts(), SystemTime::UNIX_EPOCH);
    let ignored = judged("kube-system");
    assert_eq!((ignored.allowed(), ignored.skipped), (true, Some(IGNORED_NAMESPACE)));
    for namespace in ["kube-system2", "kube", "Kube-System", "kube-system ", ""] {
        assert!(!judged(namespace).allowed(), "{namespace:?}");
    }
    assert!(wanted(&policy(), &request("kube-system", &[&format!("{HOST}/good:1")])).0.is_empty());
}

#[test]
fn facts_are_wanted_of_accepted_registries_only_and_once_each() {
    let images = [
        format!("{HOST}/good:1"),
        format!("{HOST}/good:2"),
        format!("{OTHER_ACCOUNT}/good:1"),
        format!("{HOST}.attacker.io/good:1"),
        "nginx".to_owned(),
        "@".to_owned(),
    ];
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let expected = BTreeSet::from([RepositoryKey { registry: registry(), name: "good".to_owned() }]);
    assert_eq!(wanted(&policy(), &request("default", &images)), (expected, WantedImages::default()));
}

#[test]
fn with_no_accepted_registry_everything_is_refused() {
    let image = format!("{HOST}/good:1");
    let verdict = evaluate(&Policy::default(), &request("default", &[&image]), &facts(), SystemTime::UNIX_EPOCH);
    assert_eq!(verdict.denials[0].code, "account-not-accepted");
    assert!(verdict.denials[0].message.contains("no registry is accepted"));
}

#[test]
fn the_way_to_an_accepted_registry_is_spelt_out_in_commands() {
    let fix = |image: &str| judge(&[image]).denials[0].fix.clone().unwrap_or_default();
    assert_eq!(
        fix("nginx:1.27"),
        format!(
            "docker pull docker.io/library/nginx:1.27 && docker tag docker.io/library/nginx:1.27 {HOST}/nginx:1.27 && docker push {HOST}/nginx:1.27"
        )
    );
    let by_digest = fix(&format!("ghcr.io/a/b@{DIGEST}"));
    assert!(by_digest.ends_with(&format!("docker push {HOST}/a/b:sha256-0123456789ab")), "{by_digest}");
    assert!(fix("[::1]/a/b").starts_with("docker pull '[::1]/a/b' "), "{}", fix("[::1]/a/b"));
    assert!(fix("a").ends_with("/library/a:latest"), "{}", fix("a"));
    assert!(fix(&format!("ghcr.io/{}", "x".repeat(250))).len() < 200);
}
