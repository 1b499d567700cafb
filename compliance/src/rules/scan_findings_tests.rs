//! What each state of a scan means, what is too much, and what is too old.

#![allow(clippy::unwrap_used, reason = "helpers of tests stand outside #[test] functions")]

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::{ScanFindings, ScanFindingsOptions};
use crate::facts::{
    Image, ImageFacts, ImageStatus, PlatformScan, RepositoryFacts, RepositoryKey, ScanReport, ScanResult, ScanStatus,
    Severity, Unavailable,
};
use crate::image::ImageReference;
use crate::policy::Options;
use crate::registry::Registry;
use crate::rules::{AboutImage, Origin, Rule, Subject};
use crate::verdict::Finding;

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000001";
const DAY: u64 = 24 * 3600;

fn day(days: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(days * DAY)
}

fn report(status: ScanStatus, counts: &[(Severity, u32)]) -> ScanReport {
    let counts = Some(counts.iter().cloned().collect());
    ScanReport { status, counts, completed_at: Some(day(100)), source_updated_at: None, unfixable: BTreeMap::new() }
}

fn check_all(media_type: Option<&str>, scan: Option<&ScanResult>, options: &ScanFindingsOptions) -> Vec<Finding> {
    let registry = Registry::new("111122223333", "eu-west-1").unwrap();
    let text = format!("{}/team/app:1", registry.host());
    let reference = ImageReference::parse(&text).unwrap();
    let key = RepositoryKey { registry, name: "team/app".to_owned() };
    let media_type = media_type.map(str::to_owned);
    let image = ImageFacts::Found(Image { digest: DIGEST.to_owned(), media_type, status: ImageStatus::Active });
    let subject = Subject {
        path: "spec.containers[0].image",
        image: &text,
        accepted: &[],
        options: &Options::default(),
        origin: Origin::Accepted { reference, key, facts: &RepositoryFacts::Unavailable(Unavailable::new("x", "x")) },
        about_image: Some(AboutImage { image: &image, scan, options, now: day(110) }),
    };
    ScanFindings.check(&subject)
}

fn check_image(media_type: Option<&str>, scan: Option<&ScanResult>, options: &ScanFindingsOptions) -> Option<Finding> {
    let mut findings = check_all(media_type, scan, options);
    assert!(findings.len() <= 1);
    findings.pop()
}

fn check(report: ScanReport, options: &ScanFindingsOptions) -> Option<Finding> {
    check_image(None, Some(&ScanResult::Scanned(report)), options)
}

fn outcome(finding: Option<Finding>) -> (&'static str, bool) {
    finding.map_or(("pass", false), |finding| (finding.code, finding.undecided))
}

#[test]
fn every_state_of_a_scan_has_its_meaning() {
    let cases = [
        ("COMPLETE", "pass", false),
        ("ACTIVE", "pass", false),
        ("IN_PROGRESS", "scan-in-progress", true),
        ("PENDING", "scan-pending", true),
        ("FINDINGS_UNAVAILABLE", "scan-findings-unavailable", true),
        ("FAILED", "scan-failed", false),
        ("UNSUPPORTED_IMAGE", "scan-unsupported", false),
        ("SCAN_ELIGIBILITY_EXPIRED", "scan-eligibility-expired", false),
        ("LIMIT_EXCEEDED", "scan-limit-exceeded", false),
        ("IMAGE_ARCHIVED", "image-archived", false),
        ("IMAGE_SIZE_EXCEEDED", "scan-image-too-large", false),
        ("SOMETHING_NEW", "scan-status-unrecognised", true),
        ("complete", "scan-status-unrecognised", true),
    ];
    for (word, code, undecided) in cases {
        let finding = check(report(ScanStatus::of(word), &[]), &ScanFindingsOptions::default());
        if code != "pass" && !undecided {
            let fix = finding.as_ref().and_then(|finding| finding.fix.as_deref()).unwrap_or_default();
            assert!(fix.contains("aws "), "{word} says what to do: {fix}");
        }
        assert_eq!(outcome(finding), (code, undecided), "{word}");
    }
}

#[test]
fn an_image_without_a_scan_is_refused_and_one_whose_scan_is_not_known_is_undecided() {
    let options = ScanFindingsOptions::default();
    let without_findings = ScanReport { counts: None, ..report(ScanStatus::Complete, &[]) };
    let cases = [
        ("never", Some(ScanResult::NotScanned), "scan-missing", false),
        ("unavailable", Some(ScanResult::Unavailable(Unavailable::new("throttled", "x"))), "throttled", true),
        ("no findings at all", Some(ScanResult::Scanned(without_findings)), "scan-findings-missing", true),
        ("not asked for", None, "facts-missing", true),
    ];
    for (name, scan, code, undecided) in cases {
        assert_eq!(outcome(check_image(None, scan.as_ref(), &options)), (code, undecided), "{name}");
    }
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn index(platforms: &[(&str, ScanResult)]) -> ScanResult {
    let one = |(platform, result): &(&str, ScanResult)| PlatformScan {
        platform: (*platform).to_owned(),
        digest: format!("sha256:{platform}"),
        result: result.clone(),
    };
    ScanResult::Index(platforms.iter().map(one).collect())
}

#[test]
fn an_index_is_as_good_as_each_of_its_images() {
    let clean = || ScanResult::Scanned(report(ScanStatus::Complete, &[]));
    let bad = || ScanResult::Scanned(report(ScanStatus::Complete, &[(Severity::Critical, 1)]));
    let archived = || ScanResult::Scanned(report(ScanStatus::ImageArchived, &[]));
    let gone = || ScanResult::Unavailable(Unavailable::new("image-facts-missing", "x"));
    let cases = [
        ("all clean", index(&[("linux/amd64", clean()), ("linux/arm64", clean())]), vec![]),
        ("one bad", index(&[("linux/amd64", clean()), ("linux/arm64", bad())]), vec![("vulnerabilities", false)]),
        (
            "each for itself",
            index(&[("linux/amd64", ScanResult::NotScanned), ("linux/arm64", archived()), ("linux/arm/v7", gone())]),
            vec![("scan-missing", false), ("image-archived", false), ("image-facts-missing", true)],
        ),
        ("none that is judged", index(&[]), vec![("scan-no-platform", false)]),
        ("an index in it after all", index(&[("linux/amd64", index(&[]))]), vec![("facts-missing", true)]),
        ("a scan of its own", clean(), vec![("facts-missing", true)]),
        ("could not be read", gone(), vec![("image-facts-missing", true)]),
    ];
    for (name, scan, expected) in cases {
        let findings = check_all(Some(INDEX), Some(&scan), &ScanFindingsOptions::default());
        let found: Vec<_> = findings.iter().map(|finding| (finding.code, finding.undecided)).collect();
        assert_eq!(found, expected, "{name}");
    }
    let finding = check_image(Some(INDEX), Some(&index(&[("linux/arm64", bad())])), &ScanFindingsOptions::default());
    let Finding { message, fix, .. } = finding.unwrap();
    assert!(
        message.starts_with("image team/app:1 of 111122223333 in eu-west-1 for linux/arm64 has 1 vuln"),
        "{message}"
    );
    assert!(fix.as_deref().is_some_and(|fix| fix.ends_with("--image-id imageDigest=sha256:linux/arm64")), "{fix:?}");
}

#[test]
fn where_only_what_can_be_fixed_counts_what_has_no_fix_does_not() {
    let with_fix = ScanFindingsOptions { fix_available_only: true, ..ScanFindingsOptions::default() };
    let unfixable = |count| BTreeMap::from([(Severity::High, count)]);
    let found =
        |count| ScanReport { unfixable: unfixable(count), ..report(ScanStatus::Active, &[(Severity::High, 3)]) };
    let cases = [
        ("none of them can be fixed", found(3), &with_fix, "pass"),
        ("one can", found(2), &with_fix, "vulnerabilities"),
        ("nobody says which", found(0), &with_fix, "vulnerabilities"),
        ("all count", found(3), &ScanFindingsOptions::default(), "vulnerabilities"),
        ("more without a fix than there are", found(9), &with_fix, "pass"),
    ];
    for (name, report, options, code) in cases {
        assert_eq!(outcome(check(report, options)).0, code, "{name}");
    }
    assert!(
        check(found(2), &with_fix).unwrap().message.ends_with("(none is allowed), counting those that can be fixed.")
    );
}

/// A name, what is allowed, what was found, and the code.
type Case = (&'static str, ScanFindingsOptions, Vec<(Severity, u32)>, &'static str);

#[test]
fn what_is_too_much_depends_on_severity_and_number() {
    use Severity::{Critical, High, Informational, Low, Medium, Undefined, Unrecognised};
    let default = ScanFindingsOptions::default();
    let most = |pairs: &[(Severity, u32)]| ScanFindingsOptions {
        most: pairs.iter().cloned().collect::<BTreeMap<_, _>>(),
        ..ScanFindingsOptions::default()
    };
    let lenient = ScanFindingsOptions { unrated_as: Low, ..ScanFindingsOptions::default() };
    let new = || Unrecognised("APOCALYPTIC".to_owned());
    let cases: Vec<Case> = vec![
        ("nothing found", default.clone(), vec![], "pass"),
        ("as bad as allowed", default.clone(), vec![(Medium, 900), (Low, 1), (Informational, 7)], "pass"),
        ("worse", default.clone(), vec![(High, 1)], "vulnerabilities"),
        ("none of the worse", default.clone(), vec![(High, 0), (Critical, 0)], "pass"),
        ("as many as allowed", most(&[(High, 3)]), vec![(High, 3)], "pass"),
        ("more", most(&[(High, 3)]), vec![(High, 4)], "vulnerabilities"),
        ("the worst is not loosened by it", most(&[(High, 3)]), vec![(Critical, 1)], "vulnerabilities"),
        ("a stricter number below the worst", most(&[(Low, 0)]), vec![(Low, 1)], "vulnerabilities"),
        ("not rated counts as high", default.clone(), vec![(Undefined, 1)], "vulnerabilities"),
        ("unless told otherwise", lenient, vec![(Undefined, 9)], "pass"),
        ("they add up", most(&[(High, 2)]), vec![(High, 1), (Undefined, 2)], "vulnerabilities"),
        ("unknown word", default.clone(), vec![(new(), 1)], "severity-unrecognised"),
        ("unknown word, none of it", default.clone(), vec![(new(), 0)], "pass"),
        ("unknown word beside too much", default, vec![(new(), 1), (High, 1)], "vulnerabilities"),
    ];
    for (name, options, counts, code) in cases {
        let (found, undecided) = outcome(check(report(ScanStatus::Complete, &counts), &options));
        assert_eq!(found, code, "{name}");
        assert_eq!(undecided, code == "severity-unrecognised", "{name}");
    }
}

#[test]
fn too_much_is_said_in_numbers_the_worst_first() {
    let options = ScanFindingsOptions { most: BTreeMap::from([(Severity::High, 2)]), ..ScanFindingsOptions::default() };
    let counts = [(Severity::High, 5), (Severity::Critical, 1), (Severity::Low, 40)];
    let finding = check(report(ScanStatus::Complete, &counts), &options).unwrap();
    assert_eq!(
        finding.message,
        "image team/app:1 of 111122223333 in eu-west-1 has 1 vulnerability of severity CRITICAL (none is allowed) and 5 vulnerabilities of severity HIGH (at most 2 allowed)."
    );
    assert!(finding.fix.unwrap().ends_with(&format!("--image-id imageDigest={DIGEST}")));
}

#[test]
fn a_scan_may_be_too_old() {
    // It was completed ten days ago.
    let at_most = |days| ScanFindingsOptions {
        oldest_scan: Some(Duration::from_secs(days * DAY)),
        ..ScanFindingsOptions::default()
    };
    let complete = || report(ScanStatus::Complete, &[]);
    let watched = |source| ScanReport { source_updated_at: source, ..report(ScanStatus::Active, &[]) };
    let cases = [
        ("any age", complete(), ScanFindingsOptions::default(), "pass"),
        ("exactly as old as allowed", complete(), at_most(10), "pass"),
        ("older", complete(), at_most(9), "scan-too-old"),
        (
            "newer data do not renew a scan that is over",
            ScanReport { source_updated_at: Some(day(110)), ..complete() },
            at_most(9),
            "scan-too-old",
        ),
        ("watched, with recent data", watched(Some(day(109))), at_most(9), "pass"),
        ("watched, with old data", watched(Some(day(50))), at_most(9), "scan-too-old"),
        ("no time", ScanReport { completed_at: None, ..complete() }, at_most(9), "scan-time-missing"),
        ("in the future", ScanReport { completed_at: Some(day(111)), ..complete() }, at_most(9), "pass"),
        ("far in the future", ScanReport { completed_at: Some(day(112)), ..complete() }, at_most(9), "scan-time-wrong"),
    ];
    for (name, report, options, code) in cases {
        assert_eq!(outcome(check(report, &options)).0, code, "{name}");
    }
}
