//! Two texts of a template compared: what `CloudFormation` does not tell of a change, they do. Pure.

use serde_json::{Map, Value};

use crate::stack::change::{Action, PropertyChange, ResourceChange};

/// Fill in what changes in each resource where the change set says nothing of values.
pub(super) fn enrich(changes: &mut [ResourceChange], before: &Value, after: &Value) {
    for change in changes.iter_mut().filter(|change| !matches!(change.action, Action::Add | Action::Remove)) {
        if change.properties.iter().any(|property| property.before.is_some() || property.after.is_some()) {
            continue;
        }
        let of = |template: &Value| template["Resources"][&change.logical_id]["Properties"].clone();
        let told = differences(&of(before), &of(after));
        if !told.is_empty() {
            // What the service names without a value, and is not below what the texts show, is a consequence of others.
            change.properties.retain(|property| property.because.is_some());
            change.properties.extend(told);
        }
    }
}

/// Every resource of a template as one that is made: what a stack that does not exist yet will be.
#[must_use]
pub fn all_added(template: &Value) -> Vec<ResourceChange> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    let added = |(name, resource): (&String, &Value)| ResourceChange {
        action: Action::Add,
        logical_id: name.clone(),
        resource_type: resource["Type"].as_str().unwrap_or_default().to_owned(),
        properties: Vec::new(),
    };
    resources.map(added).collect()
}

/// Leaf by leaf, in the order of the paths.
pub(super) fn differences(before: &Value, after: &Value) -> Vec<PropertyChange> {
    let mut found = Vec::new();
    walk(String::new(), Some(before), Some(after), &mut found);
    found
}

fn walk(path: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<PropertyChange>) {
    let before = before.filter(|value| !value.is_null());
    let after = after.filter(|value| !value.is_null());
    match (before, after) {
        (before, after) if before == after => (),
        (Some(Value::Object(old)), Some(Value::Object(new))) if !is_function(old) && !is_function(new) => {
            let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                walk(path, old.get(key), new.get(key), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                walk(format!("{path}[{index}]"), Some(old), Some(new), found);
            }
        }
        (before, after) => found.push(PropertyChange {
            path,
            before: before.map(text),
            after: after.map(text),
            ..PropertyChange::default()
        }),
    }
}

/// `{ Ref: … }` and `{ Fn::…: … }` are one value.
fn is_function(object: &Map<String, Value>) -> bool {
    object.len() == 1 && object.keys().all(|key| key == "Ref" || key.starts_with("Fn::"))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_told_leaf_by_leaf_and_functions_are_leaves() {
        let before =
            json!({ "Code": { "Key": "a", "Bucket": "b" }, "List": [1, 2], "Old": true, "Role": { "Ref": "A" } });
        let after =
            json!({ "Code": { "Key": "c", "Bucket": "b" }, "List": [1, 3], "New": "n", "Role": { "Ref": "B" } });
        let told: Vec<String> = differences(&before, &after)
            .into_iter()
            .map(|change| format!("{} {:?} {:?}", change.path, change.before, change.after))
            .collect();
        assert_eq!(
            told,
            [
                "Code.Key Some(\"a\") Some(\"c\")",
                "List[1] Some(\"2\") Some(\"3\")",
                "New None Some(\"n\")",
                "Old Some(\"true\") None",
                "Role Some(\"{\\\"Ref\\\":\\\"A\\\"}\") Some(\"{\\\"Ref\\\":\\\"B\\\"}\")",
            ]
        );
    }

    #[test]
    fn what_the_service_told_is_kept_and_silence_is_filled() {
        let change = |id: &str, properties| ResourceChange {
            action: Action::Change,
            logical_id: id.to_owned(),
            resource_type: String::new(),
            properties,
        };
        let told = PropertyChange { path: "X".to_owned(), before: Some("1".to_owned()), ..PropertyChange::default() };
        let silent = PropertyChange { path: "Code".to_owned(), ..PropertyChange::default() };
        let mut changes = [change("Told", vec![told.clone()]), change("Silent", vec![silent])];
        let template = |key: &str| json!({ "Resources": { "Told": { "Properties": { "Y": key } }, "Silent": { "Properties": { "Key": key } } } });
        enrich(&mut changes, &template("a"), &template("b"));
        assert_eq!(changes[0].properties, [told]);
        assert_eq!(changes[1].properties.iter().map(|p| p.path.as_str()).collect::<Vec<_>>(), ["Key"]);
    }
}
