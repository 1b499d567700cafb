//! The limits of Kubernetes, and the words.

use super::{LONGEST_WARNING, LONGEST_WARNINGS, bounded};
use crate::policy::Mode;
use crate::verdict::{Exempted, Finding, Verdict};

fn finding(path: &str, message: &str, fix: Option<&str>) -> Finding {
    Finding {
        path: path.to_owned(),
        image: "app".to_owned(),
        rule: "one",
        code: "code",
        message: message.to_owned(),
        fix: fix.map(str::to_owned),
        undecided: false,
    }
}

fn warned(warnings: Vec<Finding>) -> Verdict {
    Verdict { warnings, ..Verdict::default() }
}

#[test]
fn a_warning_says_rule_place_reason_and_the_way_out_if_that_is_short() {
    let verdict =
        warned(vec![finding("p[0]", "is bad.", Some("do this")), finding("p[1]", "is bad.", Some("do this"))]);
    assert_eq!(verdict.warning_texts("u-1"), ["[one] p[0] and 1 more: is bad. Fix: do this"]);
    let command = "c".repeat(200);
    let verdict = warned(vec![finding("p", "is bad.", Some(&command))]);
    assert_eq!(verdict.warning_texts("u-1"), ["[one] p: is bad.".to_owned(), format!("fix: {command}")]);
    let verdict = warned(vec![finding("p", "is bad.", Some(&"c".repeat(300)))]);
    assert_eq!(verdict.warning_texts("u-1"), ["[one] p: is bad."], "half a command helps nobody");
}

#[test]
fn a_long_warning_is_cut_on_a_word_and_points_to_the_log() {
    let text = bounded(&"some words here ".repeat(40), "u-1");
    assert!(text.chars().count() <= LONGEST_WARNING, "{text}");
    assert!(text.chars().count() > LONGEST_WARNING - 10, "{text}");
    let front = text.strip_suffix(" ... (log: request u-1)").unwrap_or_default();
    assert!(front.ends_with("some") || front.ends_with("words") || front.ends_with("here"), "{text}");
    assert_eq!(bounded(&"x".repeat(LONGEST_WARNING), "u-1").len(), LONGEST_WARNING, "what fits stays whole");
    let unbroken = bounded(&"é".repeat(1000), "u-1");
    assert_eq!(unbroken.chars().count(), LONGEST_WARNING, "{unbroken}");
    assert!(bounded(&"x ".repeat(500), &"\n".repeat(1000)).chars().count() <= LONGEST_WARNING);
}

#[test]
fn all_warnings_together_stay_within_the_limit_and_say_how_many_are_missing() {
    let many: Vec<Finding> = (0..500).map(|n| finding(&format!("p[{n}]"), &format!("{n} is bad."), None)).collect();
    let texts = warned(many).warning_texts(&"u".repeat(5000));
    assert!(texts.iter().map(|text| text.chars().count()).sum::<usize>() <= LONGEST_WARNINGS);
    assert!(texts.iter().all(|text| text.chars().count() <= LONGEST_WARNING));
    assert!(texts.len() > 100, "{}", texts.len());
    let left_out = 500 - (texts.len() - 1);
    assert!(texts[texts.len() - 1].starts_with(&format!("{left_out} more warnings are left out here")));
}

#[test]
fn an_exemption_is_told_with_its_end_unless_the_rule_only_audits() {
    let exempted =
        |mode| Exempted { finding: finding("p", "x.", None), exemption: "EX-42".to_owned(), days_left: 3, mode };
    let verdict = Verdict { exempted: vec![exempted(Mode::Enforce), exempted(Mode::Audit)], ..Verdict::default() };
    assert_eq!(verdict.warning_texts("u-1"), ["[one] p: allowed by EX-42, expires in 3 days"]);
}

#[test]
fn an_early_warning_says_what_will_happen_to_the_pods() {
    let unknown = Finding { undecided: true, ..finding("q", "could not be checked: x.", None) };
    let verdict = Verdict {
        denials: vec![unknown, finding("p", "is bad.", None)],
        warnings: vec![finding("r", "is not nice.", None)],
        ..Verdict::default()
    };
    let expected = [
        "this Deployment's Pods will be denied: [one] p: is bad.",
        "this Deployment's Pods may be denied: [one] q: could not be checked: x.",
        "[one] r: is not nice.",
    ];
    assert_eq!(verdict.early_warning_texts("Deployment", "u-1"), expected);
    assert_eq!(verdict.warning_texts("u-1"), ["[one] r: is not nice."], "a denial says itself");
    assert_eq!(Verdict::default().early_warning_texts("Deployment", "u-1"), Vec::<String>::new());
}
