//! The break-glass: for a while the API server does not ask about Pods that are created. Pure; it only reads and edits
//! objects.
//!
//! A match condition in the entry about Pods, evaluated by the API server itself: it stamps `creationTimestamp` before it
//! asks anybody, over whatever the sender wrote, so the pause ends at its second without anybody's doing. Everything
//! that is no creation stays judged. It needs neither the function nor AWS.

use std::{fmt, time::Duration};

use serde::Serialize;
use serde_json::{Value, json};

use super::{moment::Moment, webhook::ENTRY};

/// Name of the match condition that is a pause.
pub const CONDITION: &str = "pause.ecr-compliance.webhook";
/// A pause is for an incident, not for a release: longer ones are not made, and not kept when somebody else made one.
pub const LONGEST: Duration = Duration::from_hours(24);

const BY: &str = "ecr-compliance.webhook/paused-by";
const REASON: &str = "ecr-compliance.webhook/paused-reason";
const UNTIL: &str = "ecr-compliance.webhook/paused-until";

/// A pause of the webhook, running or over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// The first second whose Pods are judged again, by the API server's clock.
    pub until: Moment,
    /// Who paused, as the cluster knows that person; empty where it is not recorded.
    pub by: String,
    /// Why; empty where it is not recorded.
    pub reason: String,
}

impl Pause {
    /// Whether Pods are judged again.
    #[must_use]
    pub fn is_over(&self, now: Moment) -> bool {
        now >= self.until
    }

    /// Whether it runs, and no longer than one that is made here could.
    #[must_use]
    pub fn is_kept(&self, now: Moment) -> bool {
        !self.is_over(now) && self.until <= now.after(LONGEST)
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_unknown = |text: &str| if text.is_empty() { "not recorded".to_owned() } else { text.to_owned() };
        write!(out, "paused until {} by {}: {}", self.until, or_unknown(&self.by), or_unknown(&self.reason))
    }
}

/// The pause that a webhook configuration is in. A condition of that name in any other form is none: `drift` tells it.
#[must_use]
pub fn read(object: &Value) -> Option<Pause> {
    let conditions = entry(object)?["matchConditions"].as_array()?;
    let condition = conditions.iter().find(|condition| condition["name"] == CONDITION)?;
    let text = condition["expression"].as_str()?;
    let until = Moment::parse(text.split("timestamp('").nth(1)?.split('\'').next()?)?;
    let annotation = |key: &str| object["metadata"]["annotations"][key].as_str().unwrap_or_default().to_owned();
    (text == expression(until)).then(|| Pause { until, by: annotation(BY), reason: annotation(REASON) })
}

/// Puts a webhook configuration into a pause, in the place of one that it may be in. `false`, and nothing is changed,
/// where it has no entry about Pods.
#[must_use]
pub fn add(object: &mut Value, pause: &Pause) -> bool {
    remove(object);
    let Some(entry) = entry_mut(object) else { return false };
    let condition = json!({ "name": CONDITION, "expression": expression(pause.until) });
    match &mut entry["matchConditions"] {
        Value::Array(conditions) => conditions.push(condition),
        absent => *absent = json!([condition]),
    }
    let annotations = &mut object["metadata"]["annotations"];
    if !annotations.is_object() {
        *annotations = json!({});
    }
    for (key, text) in [(BY, pause.by.clone()), (REASON, pause.reason.clone()), (UNTIL, pause.until.to_string())] {
        annotations[key] = json!(text);
    }
    true
}

/// Takes everything of a pause out of a webhook configuration, also a condition of that name in another form.
pub fn remove(object: &mut Value) {
    if let Some(entry) = entry_mut(object)
        && let Some(conditions) = entry["matchConditions"].as_array_mut()
    {
        conditions.retain(|condition| condition["name"] != CONDITION);
        if conditions.is_empty()
            && let Some(entry) = entry.as_object_mut()
        {
            entry.remove("matchConditions");
        }
    }
    if let Some(metadata) = object["metadata"].as_object_mut()
        && let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
    {
        annotations.retain(|key, _| ![BY, REASON, UNTIL].contains(&key.as_str()));
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
}

/// What the API server evaluates. Not the whole second before `until`: the time it stamps has whole seconds.
fn expression(until: Moment) -> String {
    format!("request.operation != 'CREATE' || timestamp(object.metadata.creationTimestamp) >= timestamp('{until}')")
}

fn entry(object: &Value) -> Option<&Value> {
    object["webhooks"].as_array()?.iter().find(|entry| entry["name"] == ENTRY)
}

fn entry_mut(object: &mut Value) -> Option<&mut Value> {
    // Not by index: that would put a null into an object without it.
    let entries = object.get_mut("webhooks")?.as_array_mut()?;
    entries.iter_mut().find(|entry| entry["name"] == ENTRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object() -> Value {
        json!({
            "metadata": { "name": "x", "annotations": { "theirs": "stays" } },
            "webhooks": [
                { "name": "workloads.ecr-compliance.webhook" },
                { "name": ENTRY, "matchConditions": [{ "name": "theirs", "expression": "true" }] },
            ],
        })
    }

    fn pause(until: &str) -> Pause {
        let until = Moment::parse(until).unwrap();
        Pause { until, by: "ann".to_owned(), reason: "ECR is down".to_owned() }
    }

    #[test]
    fn a_pause_is_a_match_condition_of_the_entry_about_pods_and_says_who_and_why() {
        let (mut object, pause) = (object(), pause("2026-11-24T20:15:00Z"));
        assert!(add(&mut object, &pause));
        assert_eq!(
            object["webhooks"][1]["matchConditions"],
            json!([
                { "name": "theirs", "expression": "true" },
                {
                    "name": "pause.ecr-compliance.webhook",
                    "expression": "request.operation != 'CREATE' || timestamp(object.metadata.creationTimestamp) >= timestamp('2026-11-24T20:15:00Z')",
                },
            ])
        );
        assert_eq!(object["webhooks"][0], json!({ "name": "workloads.ecr-compliance.webhook" }));
        assert_eq!(object["metadata"]["annotations"]["ecr-compliance.webhook/paused-until"], "2026-11-24T20:15:00Z");
        assert_eq!(read(&object), Some(pause.clone()));
        assert_eq!(pause.to_string(), "paused until 2026-11-24T20:15:00Z by ann: ECR is down");
    }

    #[test]
    fn a_second_pause_replaces_the_first_and_removing_it_leaves_what_is_not_ours() {
        let before = object();
        let mut object = before.clone();
        assert!(add(&mut object, &pause("2026-11-24T20:15:00Z")) && add(&mut object, &pause("2026-11-24T21:00:00Z")));
        assert_eq!(read(&object), Some(pause("2026-11-24T21:00:00Z")));
        remove(&mut object);
        assert_eq!(object, before);
    }

    #[test]
    fn nothing_of_a_pause_is_left_where_nothing_was_before() {
        let before = json!({ "metadata": { "name": "x" }, "webhooks": [{ "name": ENTRY }] });
        let mut object = before.clone();
        assert!(add(&mut object, &pause("2026-11-24T20:15:00Z")));
        remove(&mut object);
        assert_eq!(object, before);
    }

    #[test]
    fn what_has_no_entry_about_pods_cannot_be_paused_and_is_not_changed() {
        for before in [json!({ "metadata": {} }), json!({ "metadata": {}, "webhooks": [{ "name": "other" }] })] {
            let mut object = before.clone();
            assert!(!add(&mut object, &pause("2026-11-24T20:15:00Z")));
            assert_eq!((object, read(&before)), (before, None));
        }
    }

    #[test]
    fn a_condition_of_that_name_that_says_something_else_is_no_pause() {
        for other in ["false", "true || timestamp('2026-11-24T20:15:00Z') < timestamp('2026-11-24T20:15:00Z')"] {
            let mut object = object();
            object["webhooks"][1]["matchConditions"] = json!([{ "name": CONDITION, "expression": other }]);
            assert_eq!(read(&object), None, "{other}");
        }
    }

    #[test]
    fn a_pause_is_kept_while_it_runs_unless_it_is_longer_than_the_longest() {
        let pause = pause("2026-11-24T20:15:00Z");
        for (now, over, kept) in [
            ("2026-11-24T20:14:59Z", false, true),
            ("2026-11-24T20:15:00Z", true, false),
            ("2026-11-23T20:15:00Z", false, true),
            ("2026-11-23T20:14:59Z", false, false),
        ] {
            let now = Moment::parse(now).unwrap();
            assert_eq!((pause.is_over(now), pause.is_kept(now)), (over, kept), "{now}");
        }
    }
}
