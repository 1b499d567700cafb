//! What becomes of findings: exemptions, then what to do on errors, then modes. One named step each.
//!
//! Rules know nothing of this, and these steps know nothing of what a rule looks at.

use crate::policy::day::Day;
use crate::policy::exemption::Exemption;
use crate::policy::mode::{Mode, OnError};
use crate::rules::Subject;
use crate::verdict::{Exempted, Finding, Verdict};

/// A finding on its way to the verdict.
pub(super) struct Found<'a> {
    pub(super) finding: Finding,
    /// The image it is about.
    pub(super) subject: &'a Subject<'a>,
    /// The rule's mode for this image in this namespace.
    pub(super) mode: Mode,
    pub(super) on_error: OnError,
}

/// Takes out what an exemption covers that has not expired.
pub(super) fn exempt<'a>(
    found: Vec<Found<'a>>,
    exemptions: &[Exemption],
    namespace: &str,
    today: Day,
) -> (Vec<Found<'a>>, Vec<Exempted>) {
    let mut rest = Vec::with_capacity(found.len());
    let mut exempted = Vec::new();
    for one in found {
        let covers = |exemption: &&Exemption| exemption.covers(one.finding.rule, &one.subject.origin, namespace, today);
        // Of several the one that lasts longest: that is when the finding comes back.
        match exemptions.iter().filter(covers).max_by_key(|exemption| exemption.expires) {
            None => rest.push(one),
            Some(exemption) => exempted.push(Exempted {
                exemption: exemption.id.clone(),
                days_left: today.until(exemption.expires),
                mode: one.mode,
                finding: one.finding,
            }),
        }
    }
    (rest, exempted)
}

/// What could not be checked does no more than warn where the owner chose so.
pub(super) fn on_error(mut found: Vec<Found<'_>>) -> Vec<Found<'_>> {
    for one in &mut found {
        if one.finding.undecided && one.on_error == OnError::Allow {
            one.mode = one.mode.min(Mode::Warn);
        }
    }
    found
}

/// Sorts findings by what they lead to.
pub(super) fn by_mode(found: Vec<Found<'_>>, exempted: Vec<Exempted>) -> Verdict {
    let mut verdict = Verdict { exempted, ..Verdict::default() };
    for one in found {
        match one.mode {
            Mode::Enforce => verdict.denials.push(one.finding),
            Mode::Warn => verdict.warnings.push(one.finding),
            Mode::Audit => verdict.audits.push(one.finding),
            // A rule that is off is not asked; should one have answered, nobody wants to hear it.
            Mode::Off => {}
        }
    }
    verdict
}
