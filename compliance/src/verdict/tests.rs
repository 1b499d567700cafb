//! The words a person reads, and their bounds.

use super::{Finding, LONGEST_MESSAGE, Verdict};

fn finding(path: &str, image: &str, rule: &'static str, message: &str, fix: Option<&str>) -> Finding {
    Finding {
        path: path.to_owned(),
        image: image.to_owned(),
        rule,
        code: "code",
        message: message.to_owned(),
        fix: fix.map(str::to_owned),
        undecided: false,
    }
}

fn verdict(findings: Vec<Finding>) -> Verdict {
    Verdict { denials: findings, ..Verdict::default() }
}

#[test]
fn findings_are_grouped_by_image_and_said_once() {
    let message = verdict(vec![
        finding("spec.containers[0].image", "app", "one", "is bad.", Some("do this")),
        finding("spec.containers[0].image", "app", "two", "is bad.", Some("do this")),
        finding("spec.containers[1].image", "nginx", "one", "is worse.", None),
        finding("spec.initContainers[0].image", "app", "one", "is bad.", Some("do this")),
        finding("spec.initContainers[0].image", "app", "two", "is bad.", Some("do this")),
    ])
    .message();
    let expected = "2 images are refused:
app (spec.containers[0].image, spec.initContainers[0].image)
  [one, two] is bad.
    fix: do this
nginx (spec.containers[1].image)
  [one] is worse.";
    assert_eq!(message, expected);
}

#[test]
fn a_message_is_bounded_and_counts_what_it_leaves_out() {
    let findings: Vec<Finding> = (0..5000)
        .map(|n| {
            finding(&format!("spec.containers[{n}].image"), &format!("image-{n}"), "one", "is bad.", Some("fix it"))
        })
        .collect();
    let message = verdict(findings).message();
    assert!(message.len() <= LONGEST_MESSAGE, "{}", message.len());
    let shown = message.matches("is bad.").count();
    assert!(shown > 20, "{shown}");
    assert!(
        message.ends_with(&format!("({} more findings are left out here; the function's log has all.)", 5000 - shown))
    );
}

#[test]
fn one_image_in_many_places_names_some_of_them() {
    let findings = (0..2000).map(|n| finding(&format!("p{n}"), "x", "one", "is bad.", None)).collect();
    let message = verdict(findings).message();
    assert_eq!(message, "1 image is refused:\nx (p0, p1, p2 and 1997 more)\n  [one] is bad.");
}

#[test]
fn an_image_is_shown_escaped_and_cut() {
    let image = format!("a\n\u{1b}[2J{}", "z".repeat(100_000));
    let message = verdict(vec![finding("p", &image, "one", "is bad.", None)]).message();
    assert!(message.contains(r"a\n\u{1b}[2Jzzz") && message.contains("z… (p)"), "{message}");
    assert!(message.len() < 300, "{}", message.len());
    let empty = verdict(vec![finding("p", "", "one", "is bad.", None)]).message();
    assert!(empty.contains("(no image) (p)"), "{empty}");
}

#[test]
fn a_finding_too_long_to_show_is_counted_and_leaves_no_bare_heading() {
    let long = "x".repeat(5000);
    let message =
        verdict(vec![finding("p", "app", "one", &long, None), finding("q", "b", "one", "short.", None)]).message();
    assert_eq!(
        message,
        "2 images are refused:\nb (q)\n  [one] short.\n(1 more findings are left out here; the function's log has all.)"
    );
}

#[test]
fn the_reason_tells_refused_from_unknown_and_from_not_judged() {
    let mut verdict = verdict(vec![finding("p", "a", "one", "x.", None), finding("p", "a", "two", "y.", None)]);
    assert_eq!((verdict.reason(), verdict.allowed(), verdict.undecided()), ("NotCompliant", false, false));
    verdict.denials[0].undecided = true;
    assert_eq!((verdict.reason(), verdict.undecided()), ("NotCompliant", false));
    verdict.denials[1].undecided = true;
    assert_eq!((verdict.reason(), verdict.undecided()), ("CouldNotBeChecked", true));
    verdict.denials.clear();
    assert_eq!((verdict.reason(), verdict.allowed(), verdict.undecided()), ("Compliant", true, false));
    verdict.warnings.push(finding("p", "a", "one", "x.", None));
    assert_eq!((verdict.reason(), verdict.message().as_str()), ("AllowedWithWarnings", "all images are allowed"));
    verdict.skipped = Some("ignored namespace");
    assert_eq!((verdict.reason(), verdict.message().as_str()), ("NotJudged", "not judged: ignored namespace"));
}
