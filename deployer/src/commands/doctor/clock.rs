//! Whose clock is wrong: AWS and clusters judge signatures, certificates and tokens by their own. Pure.
//!
//! The SDK signs anew with the time of AWS once it was refused, so this program goes on; others do not.

use super::Finding;

/// Clocks that are kept by NTP differ by less than a second; an answer's `Date` and its way here add some.
const NOTABLE: i64 = 60;
/// AWS refuses signatures of another time than its own, give or take this (IAM user guide, "Signature Version 4").
const REFUSED: i64 = 300;

/// Of AWS, `lead` seconds ahead of this machine; negative: behind it.
pub(super) fn aws(lead: i64) -> Finding {
    let fix = "Have this machine's clock set by NTP (timedatectl set-ntp true).";
    match lead.abs() {
        off if off <= NOTABLE => Finding::ok("clock", "this machine's and that of AWS agree"),
        off if off <= REFUSED => Finding::note("clock", format!("this machine's is {} that of AWS", apart(lead)), fix),
        _ => Finding::problem(
            "clock",
            format!(
                "this machine's is {} that of AWS, which refuses signatures that are {REFUSED} s off: whatever does not \
                 correct itself fails, such as aws eks get-token, by which kubectl signs in",
                apart(lead)
            ),
            fix,
        ),
    }
}

/// Of the API server, `lead` seconds ahead of this machine.
pub(super) fn cluster(lead: i64) -> Option<Finding> {
    (lead.abs() > NOTABLE).then(|| {
        Finding::note(
            "clock",
            format!(
                "this machine's is {} the API server's, which judges certificates and tokens, and by which deployer \
                 webhook pause --for ends",
                apart(lead)
            ),
            "Set the clock that is wrong: this machine's or the control plane's.",
        )
    })
}

fn apart(lead: i64) -> String {
    let side = if lead > 0 { "behind" } else { "ahead of" };
    format!("{} s {side}", lead.abs())
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};

    #[test]
    fn a_minute_is_noted_and_five_are_a_problem_with_aws() {
        for (lead, state, words) in [
            (0, State::Ok, "agree"),
            (60, State::Ok, "agree"),
            (-60, State::Ok, "agree"),
            (61, State::Note, "61 s behind"),
            (-300, State::Note, "300 s ahead of"),
            (301, State::Problem, "301 s behind"),
            (-3600, State::Problem, "3600 s ahead of"),
        ] {
            let finding = aws(lead);
            assert_eq!(finding.state, state, "{lead}");
            assert!(finding.text.contains(words), "{lead}: {}", finding.text);
            assert_eq!(finding.fix.is_some(), state != State::Ok, "{lead}");
        }
    }

    #[test]
    fn another_time_in_the_cluster_is_noted() {
        assert_eq!((cluster(60), cluster(-60)), (None, None));
        for (lead, words) in [(61, "61 s behind the API server's"), (-3600, "3600 s ahead of the API server's")] {
            let finding = cluster(lead).unwrap();
            assert!(finding.state == State::Note && finding.text.contains(words), "{finding:?}");
        }
    }
}
