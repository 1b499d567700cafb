//! The part about exemptions: who let in what, and for how long, from the policy in the settings. The first to end first.

use std::{fmt, time::SystemTime};

use compliance::policy::Day;
use serde::Serialize;

use crate::settings::Settings;

/// Days before its end in which an exemption is marked.
const SOON: i64 = 14;

/// An exemption of the policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Exemption {
    id: String,
    image: String,
    namespace: Option<String>,
    rules: Vec<String>,
    owner: String,
    reason: String,
    ticket: String,
    /// The last day.
    expires: String,
    /// Until the last day; negative when it has ended.
    days_left: i64,
}

/// Those of the settings.
pub(super) fn of(settings: &Settings, now: SystemTime) -> Vec<Exemption> {
    let today = Day::of(now);
    let of_policy = settings.policy.iter().flat_map(|policy| &policy.file.exemptions);
    let mut exemptions: Vec<Exemption> = of_policy
        .filter_map(|one| {
            Some(Exemption {
                id: one.id.clone(),
                image: one.image.clone(),
                namespace: one.namespace.clone(),
                rules: one.rules.clone(),
                owner: one.owner.clone(),
                reason: one.reason.clone(),
                ticket: one.ticket.clone(),
                expires: one.expires.clone(),
                // The settings were checked, so it is a day.
                days_left: today.until(Day::parse(&one.expires)?),
            })
        })
        .collect();
    exemptions.sort_by(|a, b| (a.days_left, &a.id).cmp(&(b.days_left, &b.id)));
    exemptions
}

impl fmt::Display for Exemption {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, image, rules, owner, reason, expires, .. } = self;
        match self.days_left {
            ..0 => write!(out, "ENDED {expires}")?,
            0 => out.write_str("ends today")?,
            days @ 1..=SOON => write!(out, "ends in {days} d")?,
            _ => write!(out, "until {expires}")?,
        }
        let place = self.namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
        write!(out, "  {id}: {image}{place} from {}, by {owner}: {reason}", rules.join(", "))
    }
}
