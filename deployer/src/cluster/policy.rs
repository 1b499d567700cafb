//! What a webhook configuration says about a webhook that cannot be reached: `failurePolicy` of the entry about Pods.
//! Pure.
//!
//! A deploy that keeps or sets `Fail` goes through `Ignore` while it proves. It notes that in an annotation, so that one
//! that is killed in between does not lower the policy for good: what is meant is what the annotation says.

use serde_json::{Value, json};

use super::webhook::ENTRY;
use crate::settings::{FailurePolicy, Word};

/// Annotation with the policy that follows the proof; only there while a proof is under way.
const PROVING: &str = "ecr-compliance.webhook/proving";

/// The policy that is meant; `None` where there is no entry about Pods, or a word that is not known.
#[must_use]
pub fn read(object: &Value) -> Option<FailurePolicy> {
    let noted = &object["metadata"]["annotations"][PROVING];
    parse(noted).or_else(|| in_force(object))
}

/// The policy that the API server follows now.
#[must_use]
pub fn in_force(object: &Value) -> Option<FailurePolicy> {
    let entries = object["webhooks"].as_array()?;
    parse(&entries.iter().find(|entry| entry["name"] == ENTRY)?["failurePolicy"])
}

/// Sets the policy; `false`, and nothing is changed, where there is no entry about Pods. The other entry never stops
/// anybody.
#[must_use]
pub fn set(object: &mut Value, policy: FailurePolicy) -> bool {
    let entries = object.get_mut("webhooks").and_then(Value::as_array_mut);
    let Some(entry) = entries.and_then(|entries| entries.iter_mut().find(|entry| entry["name"] == ENTRY)) else {
        return false;
    };
    entry["failurePolicy"] = json!(policy.word());
    if let Some(annotations) = object["metadata"].get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(PROVING);
    }
    true
}

/// Notes the policy that follows the proof.
pub fn note(object: &mut Value, policy: FailurePolicy) {
    object["metadata"]["annotations"][PROVING] = json!(policy.word());
}

fn parse(word: &Value) -> Option<FailurePolicy> {
    let word = word.as_str()?;
    FailurePolicy::ALL.iter().copied().find(|policy| policy.word() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_says_what_is_meant_and_setting_the_policy_takes_it_away() {
        let mut object = json!({
            "metadata": { "name": "x" },
            "webhooks": [
                { "name": "workloads.ecr-compliance.webhook", "failurePolicy": "Ignore" },
                { "name": ENTRY, "failurePolicy": "Ignore" },
            ],
        });
        assert_eq!(read(&object), Some(FailurePolicy::Ignore));
        note(&mut object, FailurePolicy::Fail);
        assert_eq!((read(&object), in_force(&object)), (Some(FailurePolicy::Fail), Some(FailurePolicy::Ignore)));
        assert!(set(&mut object, FailurePolicy::Ignore));
        assert_eq!(read(&object), Some(FailurePolicy::Ignore));
        assert!(set(&mut object, FailurePolicy::Fail));
        assert_eq!(object["webhooks"][0]["failurePolicy"], "Ignore");
        assert_eq!(object["webhooks"][1]["failurePolicy"], "Fail");
    }

    #[test]
    fn without_an_entry_about_pods_there_is_no_policy() {
        for mut object in [json!({ "metadata": {} }), json!({ "metadata": {}, "webhooks": [{ "name": "x" }] })] {
            let before = object.clone();
            assert_eq!(read(&object), None);
            assert!(!set(&mut object, FailurePolicy::Fail));
            assert_eq!(object, before);
        }
    }
}
