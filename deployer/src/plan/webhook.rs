//! What registering would change in the cluster's webhook configuration, field by field. Pure; the secret is never shown.

use serde_json::Value;

use crate::{cluster::caller::Caller, stack::change::PropertyChange};

use super::template;

/// What applying `manifest` changes in the object as the cluster has it; `None`: there is none.
#[must_use]
pub fn diff(existing: Option<&Value>, manifest: &Value) -> Vec<PropertyChange> {
    let wanted = comparable(manifest);
    let Some(existing) = existing else { return template::differences(&Value::Null, &Value::Null) };
    let mut found = template::differences(&only(&comparable(existing), &wanted), &wanted);
    // A list that became shorter or longer is one value; an entry about which both sides agree is not worth showing.
    found.retain(|change| change.before != change.after);
    found
}

/// Names and labels that people read; entries by their name; URLs without what nobody may see.
fn comparable(object: &Value) -> Value {
    let mut entries = serde_json::Map::new();
    for entry in object["webhooks"].as_array().into_iter().flatten() {
        let mut entry = entry.clone();
        if let Some(url) = entry["clientConfig"]["url"].as_str().map(masked) {
            entry["clientConfig"]["url"] = Value::String(url);
        }
        entries.insert(entry["name"].as_str().unwrap_or_default().to_owned(), entry);
    }
    serde_json::json!({ "metadata": { "labels": object["metadata"]["labels"] }, "webhooks": entries })
}

/// The URL with its secret covered.
#[must_use]
pub fn masked(url: &str) -> String {
    match (Caller::from_url(url), url.split("/v1/").next()) {
        (Some(caller), Some(endpoint)) => format!("{endpoint}/v1/{}/***", caller.name),
        // Not one of ours: of whatever it is, only the host.
        _ => url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/"),
    }
}

/// `existing` without what `wanted` does not speak of: the API server's own defaults, and what others own.
fn only(existing: &Value, wanted: &Value) -> Value {
    match (existing, wanted) {
        (Value::Object(existing), Value::Object(wanted)) => existing
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), only(value, wanted.get(key)?))))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        (Value::Array(existing), Value::Array(wanted)) if existing.len() == wanted.len() => {
            existing.iter().zip(wanted).map(|(existing, wanted)| only(existing, wanted)).collect()
        }
        (existing, _) => existing.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn object(timeout: u8, host: &str) -> Value {
        json!({
            "metadata": { "name": "x", "labels": { "a": "b" }, "resourceVersion": "7" },
            "webhooks": [{
                "name": "pods", "timeoutSeconds": timeout,
                "clientConfig": { "url": format!("https://{host}/v1/prod/{SECRET}") },
                "rules": [{ "operations": ["CREATE"] }],
            }],
        })
    }

    #[test]
    fn only_what_registering_changes_is_told_and_the_secret_never() {
        let mut existing = object(5, "old");
        existing["webhooks"][0]["objectSelector"] = json!({});
        existing["metadata"]["labels"]["theirs"] = json!("stays");
        assert_eq!(diff(Some(&existing), &object(5, "old")), []);
        let told = diff(Some(&existing), &object(10, "new"));
        let text = format!("{told:?}");
        assert!(!text.contains(SECRET), "{text}");
        let paths: Vec<&str> = told.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(paths, ["webhooks.pods.clientConfig.url", "webhooks.pods.timeoutSeconds"]);
        assert_eq!(told[0].before.as_deref(), Some("https://old/v1/prod/***"));
        assert_eq!((told[1].before.as_deref(), told[1].after.as_deref()), (Some("5"), Some("10")));
    }

    #[test]
    fn an_entry_more_is_told() {
        let mut wanted = object(5, "old");
        wanted["webhooks"].as_array_mut().unwrap().push(json!({ "name": "workloads", "timeoutSeconds": 5 }));
        let told = diff(Some(&object(5, "old")), &wanted);
        assert_eq!(told.iter().map(|change| change.path.as_str()).collect::<Vec<_>>(), ["webhooks.workloads"]);
    }

    #[test]
    fn of_a_url_that_is_not_ours_only_the_host_is_shown() {
        assert_eq!(masked("https://host/some/token"), "https://host");
        assert_eq!(masked(&format!("https://host/v1/prod/{SECRET}")), "https://host/v1/prod/***");
    }
}
