//! The second judge. Slow, literal, and written from the documents: it must not import `compliance`, and whoever
//! changes it must not look there first.

mod exemptions;
mod host;
mod places;
pub(crate) mod reference;
mod rules;
mod settings;
mod wildcard;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::case::{Case, Line, Outcome};
use crate::generate::RULES;
use host::Host;
use reference::Reference;

/// What an image is, as far as can be told from its name and the policy.
enum Kind {
    Unreadable,
    Elsewhere(Reference, Host),
    Trusted(Reference),
    /// With account, region.
    Accepted(Reference, String, String),
}

/// What the oracle makes of a case.
pub(crate) fn judge(case: &Case) -> Outcome {
    let ignored =
        case.policy["ignored_namespaces"].as_array().is_some_and(|all| all.contains(&case.namespace.clone().into()));
    if ignored {
        return Outcome { skipped: true, reason: "NotJudged".to_owned(), ..Outcome::default() };
    }
    let (mut denied, mut warned, mut audited, mut exempted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut asked = BTreeSet::new();
    for (path, image) in places::new_images(&case.pod, case.old.as_ref()) {
        let kind = kind(case, &image);
        let is_cached = settings::is_cached(case, &kind);
        ask(case, &kind, is_cached, &mut asked);
        for rule in RULES {
            let mode = settings::mode(case, rule, is_cached);
            if mode == "off" {
                continue;
            }
            for (code, undecided) in rules::check(case, rule, &kind) {
                let line = |lane: &str| Line {
                    lane: lane.to_owned(),
                    path: path.clone(),
                    rule: rule.to_owned(),
                    code: code.clone(),
                    undecided,
                };
                if let Some((id, days)) = exemptions::longest(case, rule, &kind) {
                    exempted.push(line(&format!("exempt {id} {days} {mode}")));
                    continue;
                }
                let lets_pass = undecided && settings::allows_on_error(case, rule);
                match mode.as_str() {
                    "enforce" if !lets_pass => denied.push(line("deny")),
                    "enforce" | "warn" => warned.push(line("warn")),
                    _ => audited.push(line("audit")),
                }
            }
        }
    }
    let reason = reason(&denied, warned.is_empty() && exempted.is_empty()).to_owned();
    let findings = [denied, warned, audited, exempted].concat();
    Outcome { skipped: false, findings, asked: asked.into_iter().collect(), reason }
}

fn reason(denied: &[Line], silent: bool) -> &'static str {
    match denied {
        [] if silent => "Compliant",
        [] => "AllowedWithWarnings",
        _ if denied.iter().all(|line| line.undecided) => "CouldNotBeChecked",
        _ => "NotCompliant",
    }
}

fn kind(case: &Case, image: &str) -> Kind {
    let Some(reference) = reference::read(image) else { return Kind::Unreadable };
    match host::of(&reference.domain) {
        Host::Ecr { account, region } if settings::is_accepted(case, &account, &region) => {
            Kind::Accepted(reference, account, region)
        }
        Host::Ecr { account, region } if settings::is_trusted(case, &account, &region) => Kind::Trusted(reference),
        host => Kind::Elsewhere(reference, host),
    }
}

/// ECR is asked only about accepted registries, and only what a rule that is on looks at.
fn ask(case: &Case, kind: &Kind, is_cached: bool, asked: &mut BTreeSet<String>) {
    let Kind::Accepted(reference, account, region) = kind else { return };
    let on = |rules: &[&str]| rules.iter().any(|rule| settings::mode(case, rule, is_cached) != "off");
    let name = format!("{account} {region} {}", reference.path);
    let image = format!("{name} {}", reference.id());
    if on(&["scan-findings"]) {
        asked.insert(format!("scan {image}"));
    } else if on(&["image-exists"]) {
        asked.insert(format!("image {image}"));
    }
    if on(&["tag-immutability", "scan-on-push", "image-exists", "scan-findings"]) {
        asked.insert(format!("repository {name}"));
    }
}

/// The last state that is about all of these.
fn state<'a>(states: &'a [Value], wanted: &[(&str, &str)]) -> Option<&'a Value> {
    states.iter().rfind(|state| wanted.iter().all(|(name, value)| state[*name] == *value))
}
