//! How a webhook configuration that was found differs from the one that is wanted, field by field. Pure.
//!
//! What the API server fills in is no difference, nor is a pause, which is a state of its own (`pause`), nor a label or
//! an annotation that others put there. The URL's secret is compared and never shown.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::{Value, json};

use super::{
    caller::{Caller, hex, name_in_url},
    pause,
};

/// One field that is not as it is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where: `failurePolicy of pods.ecr-compliance.webhook`.
    pub field: String,
    /// What it should be; `None`: it should not be there.
    pub wanted: Option<String>,
    /// What it is; `None`: it is not there.
    pub found: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, wanted, found } = self;
        match (found, wanted) {
            (Some(found), Some(wanted)) => write!(out, "~ {field}: {found} -> {wanted}"),
            (None, Some(wanted)) => write!(out, "+ {field}: {wanted}"),
            (Some(found), None) => write!(out, "- {field}: {found}"),
            (None, None) => write!(out, "~ {field}"),
        }
    }
}

/// Fields of an entry that the API server fills in (API reference, `ValidatingWebhook` v1).
fn defaults() -> [(&'static str, Value); 6] {
    [
        ("failurePolicy", json!("Fail")),
        ("matchPolicy", json!("Equivalent")),
        ("namespaceSelector", json!({})),
        ("objectSelector", json!({})),
        ("timeoutSeconds", json!(10)),
        ("matchConditions", json!([])),
    ]
}

/// Every difference, ordered by where it is. Both are whole `ValidatingWebhookConfiguration` objects.
#[must_use]
pub fn differences(wanted: &Value, found: &Value) -> Vec<Difference> {
    let mut differences = labels(wanted, found);
    let (wanted, found) = (entries(wanted), entries(found));
    for (name, wanted) in &wanted {
        match found.get(name) {
            Some(found) => differences.extend(of_entry(name, wanted, found)),
            None => differences.push(whole_entry(name, Some(wanted), None)),
        }
    }
    let added = found.iter().filter(|(name, _)| !wanted.contains_key(*name));
    differences.extend(added.map(|(name, found)| whole_entry(name, None, Some(found))));
    differences
}

/// Of a label only those that are wanted: others may put theirs beside.
fn labels(wanted: &Value, found: &Value) -> Vec<Difference> {
    let wanted = wanted["metadata"]["labels"].as_object().into_iter().flatten();
    let found = &found["metadata"]["labels"];
    wanted
        .filter(|(key, value)| found[key.as_str()] != **value)
        .map(|(key, value)| difference(format!("label {key}"), plain(value), plain(&found[key.as_str()])))
        .collect()
}

type Entry = BTreeMap<String, Value>;
/// A value in words; `None` when it is not there.
type Show = fn(&Value) -> Option<String>;

/// Entries by name, each in a form in which equal means the same to the API server.
fn entries(object: &Value) -> BTreeMap<String, Entry> {
    let mut object = object.clone();
    // One that can be read as a pause only: a condition in another form is a difference.
    if pause::read(&object).is_some() {
        pause::remove(&mut object);
    }
    let entries = object["webhooks"].as_array().into_iter().flatten();
    let named = |entry: &Value| Some((entry["name"].as_str()?.to_owned(), canonical(entry)));
    entries.filter_map(named).collect()
}

fn canonical(entry: &Value) -> Entry {
    let mut fields: Entry = defaults().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    for (key, value) in entry.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let value = match key.as_str() {
            "name" => continue,
            "rules" => sorted(value, rule),
            "namespaceSelector" | "objectSelector" => selector(value),
            "matchConditions" => sorted(value, condition),
            _ => value.clone(),
        };
        fields.insert(key.clone(), value);
    }
    fields
}

/// `CREATE,UPDATE apps/v1 deployments,replicasets (Namespaced)`: neither the order of rules nor that in them matters.
fn rule(rule: &Value) -> Value {
    let joined = |key: &str| {
        let mut words: Vec<&str> = rule[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        words.sort_unstable();
        words.into_iter().map(|word| if word.is_empty() { "core" } else { word }).collect::<Vec<_>>().join(",")
    };
    let (operations, groups, versions) = (joined("operations"), joined("apiGroups"), joined("apiVersions"));
    let scope = rule["scope"].as_str().unwrap_or("*");
    json!(format!("{operations} {groups}/{versions} {} ({scope})", joined("resources")))
}

/// `name: expression`.
fn condition(condition: &Value) -> Value {
    let text = |key: &str| condition[key].as_str().unwrap_or_default();
    json!(format!("{}: {}", text("name"), text("expression")))
}

fn selector(selector: &Value) -> Value {
    let mut selector = selector.clone();
    if let Some(expressions) = selector.get_mut("matchExpressions") {
        // Keys in one order, for that is what the list is sorted by.
        *expressions = sorted(expressions, |expression| {
            let values = sorted(&expression["values"], Value::clone);
            json!({ "key": expression["key"], "operator": expression["operator"], "values": values })
        });
    }
    selector
}

fn sorted(list: &Value, form: impl Fn(&Value) -> Value) -> Value {
    let mut items: Vec<Value> = list.as_array().into_iter().flatten().map(form).collect();
    items.sort_by_key(Value::to_string);
    Value::Array(items)
}

fn of_entry(name: &str, wanted: &Entry, found: &Entry) -> Vec<Difference> {
    let nothing = Value::Null;
    let mut keys: Vec<&String> = wanted.keys().chain(found.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut differences = Vec::new();
    for key in keys {
        let (wanted, found) = (wanted.get(key).unwrap_or(&nothing), found.get(key).unwrap_or(&nothing));
        if wanted == found {
            continue;
        }
        match key.as_str() {
            "clientConfig" => differences.extend(client_config(name, wanted, found)),
            "rules" => differences.extend(items(&format!("rule of {name}"), wanted, found, plain)),
            "matchConditions" => differences.extend(items(&format!("match condition of {name}"), wanted, found, plain)),
            "namespaceSelector" => differences.extend(namespaces(name, wanted, found)),
            _ => differences.push(difference(format!("{key} of {name}"), plain(wanted), plain(found))),
        }
    }
    differences
}

/// Members of two lists that the other one lacks.
fn items(field: &str, wanted: &Value, found: &Value, show: Show) -> Vec<Difference> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (wanted, found) = (list(wanted), list(found));
    let missing = wanted.iter().filter(|item| !found.contains(item));
    let added = found.iter().filter(|item| !wanted.contains(item));
    missing
        .map(|item| difference(field.to_owned(), show(item), None))
        .chain(added.map(|item| difference(field.to_owned(), None, show(item))))
        .collect()
}

/// The usual form, one list of names that are not asked about, is told name by name; any other as a whole.
fn namespaces(name: &str, wanted: &Value, found: &Value) -> Vec<Difference> {
    match (excluded_namespaces(wanted), excluded_namespaces(found)) {
        (Some(wanted), Some(found)) => items(&format!("namespace not judged by {name}"), wanted, found, plain),
        _ => vec![difference(format!("namespaceSelector of {name}"), plain(wanted), plain(found))],
    }
}

fn excluded_namespaces(selector: &Value) -> Option<&Value> {
    let [expression] = selector["matchExpressions"].as_array()?.as_slice() else { return None };
    let usual = expression["key"] == "kubernetes.io/metadata.name" && expression["operator"] == "NotIn";
    (usual && selector.as_object()?.len() == 1).then(|| &expression["values"])
}

fn client_config(name: &str, wanted: &Value, found: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    if wanted["url"] != found["url"] {
        differences.extend(url(name, wanted["url"].as_str(), found["url"].as_str()));
    }
    let shows: [(&str, Show); 2] = [("caBundle", fingerprint), ("service", service)];
    for (key, show) in shows {
        if wanted[key] != found[key] {
            differences.push(difference(format!("{key} of {name}"), show(&wanted[key]), show(&found[key])));
        }
    }
    differences
}

/// Host, caller and secret one by one, so that the secret need not be shown to say that it is another.
fn url(name: &str, wanted: Option<&str>, found: Option<&str>) -> Vec<Difference> {
    let (Some(wanted), Some(found)) = (wanted, found) else {
        return vec![difference(format!("url of {name}"), wanted.map(shown_url), found.map(shown_url))];
    };
    let mut differences = Vec::new();
    let mut differ = |field: &str, wanted: String, found: String| {
        if wanted != found {
            differences.push(difference(format!("{field} of {name}"), Some(wanted), Some(found)));
        }
    };
    differ("endpoint", host(wanted).to_owned(), host(found).to_owned());
    match (Caller::from_url(wanted), Caller::from_url(found)) {
        (Some(wanted), Some(found)) => {
            let other_secret = wanted.secret != found.secret;
            differ("caller", wanted.name, found.name);
            if other_secret {
                differ("caller's secret", "the known one".to_owned(), "another one".to_owned());
            }
        }
        (None, None) => match (name_in_url(wanted), name_in_url(found)) {
            (Some(wanted), Some(found)) => differ("caller", wanted, found),
            _ => differ("path of the url", "the known one".to_owned(), "another one".to_owned()),
        },
        (wanted, found) => {
            let words = |caller: Option<Caller>| {
                caller.map_or("without a caller's secret".to_owned(), |caller| format!("of the caller {}", caller.name))
            };
            differ("path of the url", words(wanted), words(found));
        }
    }
    // Something differs, or nobody would ask; a port or a slash must not be passed over.
    if differences.is_empty() {
        differences.push(difference(format!("url of {name}"), None, None));
    }
    differences
}

/// `https://host:port`; of what is no URL, nothing.
pub(super) fn host(url: &str) -> &str {
    let Some(start) = url.find("://") else { return "" };
    let rest = &url[start + 3..];
    &url[..start + 3 + rest.find('/').unwrap_or(rest.len())]
}

fn shown_url(url: &str) -> String {
    let caller = Caller::from_url(url).map_or("…".to_owned(), |caller| format!("v1/{}/***", caller.name));
    format!("{}/{caller}", host(url))
}

fn fingerprint(bundle: &Value) -> Option<String> {
    use sha2::{Digest, Sha256};
    let bundle = bundle.as_str()?;
    Some(format!("sha256 of its text {}…", &hex(&Sha256::digest(bundle))[..16]))
}

/// Without its path, which may be a secret of somebody's.
fn service(service: &Value) -> Option<String> {
    let service = service.as_object()?;
    let text = |key: &str| service.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(format!("{}/{}", text("namespace"), text("name")))
}

fn whole_entry(name: &str, wanted: Option<&Entry>, found: Option<&Entry>) -> Difference {
    let show = |entry: &Entry| {
        let url = entry.get("clientConfig").and_then(|config| config["url"].as_str());
        let policy = entry.get("failurePolicy").and_then(Value::as_str).unwrap_or_default();
        format!("failurePolicy {policy}, calls {}", url.map_or("no URL".to_owned(), shown_url))
    };
    difference(format!("entry {name}"), wanted.map(show), found.map(show))
}

fn difference(field: String, wanted: Option<String>, found: Option<String>) -> Difference {
    Difference { field, wanted, found }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
#[path = "drift_tests.rs"]
mod tests;
