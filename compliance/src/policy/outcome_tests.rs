//! What findings lead to: trusted registries, caches, modes, errors, options and exemptions, in the decision as a whole.

#![allow(clippy::unwrap_used, reason = "helpers of tests stand outside #[test] functions")]

use std::time::Duration;

use super::tests::{DIGEST, HOST, facts, policy, registry, request};
use super::*;
use crate::facts::{Age, Image, ImageFacts, ImageStatus};
use crate::verdict::Finding;

const TODAY: &str = "2026-11-24";

/// Of [`TODAY`].
fn noon() -> SystemTime {
    let days = Day::of(SystemTime::UNIX_EPOCH).until(Day::parse(TODAY).unwrap());
    SystemTime::UNIX_EPOCH + Duration::from_hours(u64::try_from(days).unwrap() * 24 + 12)
}

fn with(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = policy();
    change(&mut policy);
    policy
}

fn rule(mode: Mode) -> RulePolicy {
    RulePolicy { mode, pull_through_cache: None, on_error: OnError::Deny }
}

fn judge(policy: &Policy, namespace: &str, images: &[&str]) -> Verdict {
    evaluate(policy, &request(namespace, images), &facts(), noon())
}

/// Denials, warnings, audits and exemptions, as words.
fn outcome(verdict: &Verdict) -> String {
    let list = |name: &str, findings: &[Finding]| {
        findings.iter().map(|one| format!("{name} {}/{}", one.rule, one.code)).collect::<Vec<_>>()
    };
    let mut all = list("deny", &verdict.denials);
    all.extend(list("warn", &verdict.warnings));
    all.extend(list("audit", &verdict.audits));
    all.extend(verdict.exempted.iter().map(|one| format!("{} {}", one.finding.rule, one.note())));
    all.join("; ")
}

#[test]
fn a_rules_mode_decides_what_its_findings_lead_to() {
    let image = format!("{HOST}/both:1");
    let cases = [
        (Mode::Enforce, "deny tag-immutability/tags-mutable; deny scan-on-push/not-scanned-on-push", false),
        (Mode::Warn, "deny scan-on-push/not-scanned-on-push; warn tag-immutability/tags-mutable", false),
        (Mode::Audit, "deny scan-on-push/not-scanned-on-push; audit tag-immutability/tags-mutable", false),
        (Mode::Off, "deny scan-on-push/not-scanned-on-push", false),
    ];
    for (mode, expected, allowed) in cases {
        let policy = with(|policy| policy.rules = BTreeMap::from([("tag-immutability", rule(mode))]));
        let verdict = judge(&policy, "default", &[&image]);
        assert_eq!((outcome(&verdict).as_str(), verdict.allowed()), (expected, allowed), "{mode:?}");
    }
}

#[test]
fn deny_wins_over_warn_whatever_the_order_of_the_images() {
    let policy = with(|policy| policy.rules = BTreeMap::from([("tag-immutability", rule(Mode::Warn))]));
    let mutable = format!("{HOST}/mutable:1");
    for images in [[mutable.as_str(), "nginx"], ["nginx", mutable.as_str()]] {
        let verdict = judge(&policy, "default", &images);
        assert_eq!(outcome(&verdict), "deny registry/docker-hub; warn tag-immutability/tags-mutable");
        assert!(!verdict.allowed());
    }
    let verdict = judge(&policy, "default", &[&mutable]);
    assert!(verdict.allowed() && verdict.reason() == "AllowedWithWarnings");
}

#[test]
fn a_namespace_has_modes_of_its_own_by_its_exact_name() {
    let sandbox = BTreeMap::from([("registry", Mode::Warn), ("digest-pinned", Mode::Enforce)]);
    let policy = with(|policy| policy.namespaces = BTreeMap::from([("sandbox".to_owned(), sandbox)]));
    let judged = |namespace| outcome(&judge(&policy, namespace, &["nginx"]));
    assert_eq!(judged("sandbox"), "deny digest-pinned/no-digest; warn registry/docker-hub");
    assert_eq!(judged("sandbox2"), "deny registry/docker-hub");
}

#[test]
fn a_trusted_registry_passes_unseen_in_its_region_only() {
    let trusted = |region: Option<&str>| Trusted {
        partition: Partition::Aws,
        account: "602401143452".to_owned(),
        region: region.map(str::to_owned),
    };
    let here = "602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/coredns:1";
    let there = "602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/coredns:1";
    let china = "602401143452.dkr.ecr.cn-north-1.amazonaws.com.cn/eks/coredns:1";
    let refused = "deny registry/account-not-accepted";
    for (region, outcomes) in [(Some("eu-west-1"), ["", refused, refused]), (None, ["", "", refused])] {
        let policy = with(|policy| {
            policy.trusted = vec![trusted(region)];
            policy.rules = BTreeMap::from([("digest-pinned", rule(Mode::Enforce))]);
        });
        for (image, expected) in [here, there, china].into_iter().zip(outcomes) {
            let found = outcome(&judge(&policy, "default", &[image]));
            let expected =
                if expected.is_empty() { String::new() } else { format!("{expected}; deny digest-pinned/no-digest") };
            assert_eq!(found, expected, "{region:?} {image}");
            assert!(wanted(&policy, &request("default", &[image])).0.is_empty(), "ECR is not asked about {image}");
        }
    }
}

#[test]
fn a_registry_that_is_accepted_and_trusted_is_checked() {
    let policy = with(|policy| {
        policy.trusted = vec![Trusted { partition: Partition::Aws, account: registry().account, region: None }];
    });
    assert_eq!(
        outcome(&judge(&policy, "default", &[&format!("{HOST}/mutable:1")])),
        "deny tag-immutability/tags-mutable"
    );
}

#[test]
fn repositories_of_a_pull_through_cache_have_a_mode_of_their_own_per_rule() {
    let policy = with(|policy| {
        policy.pull_through_cache = BTreeMap::from([(registry(), vec!["docker-hub".to_owned()])]);
        let off = RulePolicy { pull_through_cache: Some(Mode::Off), ..rule(Mode::Enforce) };
        let warn = RulePolicy { pull_through_cache: Some(Mode::Warn), ..rule(Mode::Enforce) };
        policy.rules = BTreeMap::from([("tag-immutability", off), ("scan-on-push", warn)]);
    });
    // None of these exists: before the first pull no cached repository does.
    let mut facts = facts();
    for name in ["docker-hub/library/nginx", "docker-hub", "docker-hubx/nginx"] {
        facts.insert(RepositoryKey { registry: registry(), name: name.to_owned() }, RepositoryFacts::NotFound);
    }
    let strict = "deny tag-immutability/repository-not-found; deny scan-on-push/repository-not-found";
    let cases = [
        ("docker-hub/library/nginx:1", "warn scan-on-push/repository-not-found"),
        ("docker-hub:1", strict),
        ("docker-hubx/nginx:1", strict),
    ];
    for (image, expected) in cases {
        let image = format!("{HOST}/{image}");
        let verdict = evaluate(&policy, &request("default", &[&image]), &facts, noon());
        assert_eq!(outcome(&verdict), expected, "{image}");
    }
}

#[test]
fn ecr_is_asked_only_if_some_rule_that_is_on_wants_to_know() {
    let image = format!("{HOST}/good:1");
    let asked = |policy: &Policy, namespace| wanted(policy, &request(namespace, &[&image])).0.len();
    let off = with(|policy| {
        policy.rules = BTreeMap::from([("tag-immutability", rule(Mode::Off)), ("scan-on-push", rule(Mode::Off))]);
        policy.namespaces = BTreeMap::from([("strict".to_owned(), BTreeMap::from([("scan-on-push", Mode::Audit)]))]);
    });
    assert_eq!((asked(&policy(), "default"), asked(&off, "default"), asked(&off, "strict")), (1, 0, 1));
    assert!(judge(&off, "default", &[&image]).allowed());
}

#[test]
fn what_could_not_be_checked_is_a_warning_where_the_owner_chose_so() {
    let allow = |mode| RulePolicy { on_error: OnError::Allow, ..rule(mode) };
    let cases = [
        ("neither", Mode::Enforce, OnError::Deny, "deny tag-immutability/throttled; deny scan-on-push/throttled"),
        ("one", Mode::Enforce, OnError::Allow, "deny scan-on-push/throttled; warn tag-immutability/throttled"),
        (
            "a rule that audits",
            Mode::Audit,
            OnError::Allow,
            "deny scan-on-push/throttled; audit tag-immutability/throttled",
        ),
    ];
    let image = format!("{HOST}/throttled:1");
    for (name, mode, on_error, expected) in cases {
        let policy = with(|policy| {
            policy.rules = BTreeMap::from([("tag-immutability", RulePolicy { on_error, ..allow(mode) })]);
        });
        assert_eq!(outcome(&judge(&policy, "default", &[&image])), expected, "{name}");
    }
    // What is known to be wrong stays wrong.
    let policy = with(|policy| policy.rules = BTreeMap::from([("tag-immutability", allow(Mode::Enforce))]));
    assert_eq!(
        outcome(&judge(&policy, "default", &[&format!("{HOST}/mutable:1")])),
        "deny tag-immutability/tags-mutable"
    );
}

#[test]
fn a_digest_satisfies_immutability_only_if_the_owner_says_so() {
    let policy = with(|policy| policy.options.digest_satisfies = true);
    let by_digest = format!("{HOST}/mutable:1@{DIGEST}");
    assert_eq!(outcome(&judge(&policy, "default", &[&by_digest])), "");
    assert_eq!(
        outcome(&judge(&policy, "default", &[&format!("{HOST}/mutable:1")])),
        "deny tag-immutability/tags-mutable"
    );
    assert_eq!(
        outcome(&judge(&super::tests::policy(), "default", &[&by_digest])),
        "deny tag-immutability/tags-mutable"
    );
    let missing = format!("{HOST}/missing@{DIGEST}");
    assert_eq!(outcome(&judge(&policy, "default", &[&missing])), "deny scan-on-push/repository-not-found");
}

#[test]
fn digest_pinned_is_off_until_it_is_wanted_and_then_asks_of_every_image() {
    let on = with(|policy| policy.rules = BTreeMap::from([("digest-pinned", rule(Mode::Enforce))]));
    let pinned = format!("{HOST}/good:1@{DIGEST}");
    let tagged = format!("{HOST}/good:1");
    let hub = format!("nginx@{DIGEST}");
    let cases = [
        (pinned.as_str(), ""),
        (tagged.as_str(), "deny digest-pinned/no-digest"),
        ("nginx", "deny registry/docker-hub; deny digest-pinned/no-digest"),
        (hub.as_str(), "deny registry/docker-hub"),
        ("UPPER", "deny registry/unparseable"),
    ];
    for (image, expected) in cases {
        assert_eq!(outcome(&judge(&on, "default", &[image])), expected, "{image}");
    }
    assert_eq!(outcome(&judge(&policy(), "default", &[&tagged])), "");
    let fix = judge(&on, "default", &[&tagged]).denials[0].fix.clone().unwrap();
    assert!(fix.contains("--repository-name good --image-ids imageTag=1 --query"), "{fix}");
}

fn exemption(id: &str, image: &str, rules: &[&'static str], expires: &str) -> Exemption {
    Exemption {
        id: id.to_owned(),
        image: Pattern::parse(image).unwrap(),
        namespace: None,
        rules: rules.to_vec(),
        reason: "r".to_owned(),
        owner: "o".to_owned(),
        ticket: "t".to_owned(),
        expires: Day::parse(expires).unwrap(),
    }
}

#[test]
fn an_exempted_finding_becomes_a_note_and_an_expired_exemption_does_nothing() {
    let image = format!("{HOST}/mutable:1");
    let denied = "deny tag-immutability/tags-mutable";
    let rules: &[&'static str] = &["tag-immutability"];
    let cases = [
        (
            "in force",
            vec![exemption("EX-42", "mutable", rules, "2026-11-27")],
            "tag-immutability allowed by EX-42, expires in 3 days",
        ),
        (
            "one day left",
            vec![exemption("EX-42", "mutable", rules, "2026-11-25")],
            "tag-immutability allowed by EX-42, expires in 1 day",
        ),
        (
            "the last day",
            vec![exemption("EX-42", "mutable", rules, TODAY)],
            "tag-immutability allowed by EX-42, expires today",
        ),
        ("expired", vec![exemption("EX-42", "mutable", rules, "2026-11-23")], denied),
        ("another image", vec![exemption("EX-42", "mutable/*", rules, "2026-11-27")], denied),
        ("another rule", vec![exemption("EX-42", "mutable", &["scan-on-push"], "2026-11-27")], denied),
        (
            "the one that lasts longest",
            vec![
                exemption("EX-1", "mutable", rules, "2026-11-25"),
                exemption("EX-2", "mutable", rules, "2026-11-30"),
                exemption("EX-3", "mutable", rules, "2026-11-20"),
            ],
            "tag-immutability allowed by EX-2, expires in 6 days",
        ),
    ];
    for (name, exemptions, expected) in cases {
        let policy = with(|policy| policy.exemptions = exemptions);
        assert_eq!(outcome(&judge(&policy, "default", &[&image])), expected, "{name}");
    }
}

#[test]
fn an_exemption_lifts_what_could_not_be_checked_too_and_only_for_its_image() {
    let policy = with(|policy| {
        policy.exemptions = vec![exemption("EX-1", "throttled", &["tag-immutability", "scan-on-push"], "2026-12-01")];
    });
    let images = [format!("{HOST}/throttled:1"), format!("{HOST}/unscanned:1")];
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let verdict = judge(&policy, "default", &images);
    assert_eq!((verdict.denials.len(), verdict.exempted.len()), (1, 2), "{}", outcome(&verdict));
    assert!(!verdict.allowed());
}

#[test]
fn an_image_is_looked_at_only_if_a_rule_about_images_is_on() {
    let image = format!("{HOST}/good:1");
    let key = ImageKey::of(
        &ImageReference::parse(&image).unwrap(),
        RepositoryKey { registry: registry(), name: "good".to_owned() },
    );
    let wanted = |policy: &Policy| wanted(policy, &request("default", &[&image, "nginx"])).1;
    let on = |id: &'static str| with(|policy| policy.rules = BTreeMap::from([(id, rule(Mode::Audit))]));
    let one = || BTreeSet::from([key.clone()]);
    assert_eq!(wanted(&policy()), WantedImages::default());
    assert_eq!(wanted(&on("image-exists")), WantedImages { existing: one(), ..WantedImages::default() });
    assert_eq!(wanted(&on("scan-findings")), WantedImages { scanned: one(), ..WantedImages::default() });
}

#[test]
fn rules_about_images_judge_what_was_learnt_and_refuse_what_was_not() {
    let image = format!("{HOST}/good:1");
    let policy = with(|policy| policy.rules = BTreeMap::from([("image-exists", rule(Mode::Enforce))]));
    let key = ImageKey::of(
        &ImageReference::parse(&image).unwrap(),
        RepositoryKey { registry: registry(), name: "good".to_owned() },
    );
    let found = Image { digest: DIGEST.to_owned(), media_type: None, status: ImageStatus::Active };
    let cases = [
        ("found", Some(ImageFacts::Found(found)), ""),
        ("not found", Some(ImageFacts::NotFound), "deny image-exists/image-not-found"),
        ("not asked", None, "deny image-exists/facts-missing"),
    ];
    for (name, known, expected) in cases {
        let mut facts = facts();
        if let Some(known) = known {
            facts.insert_image(key.clone(), known, Age::NOW);
        }
        let verdict = evaluate(&policy, &request("default", &[&image]), &facts, noon());
        assert_eq!(outcome(&verdict), expected, "{name}");
    }
}
