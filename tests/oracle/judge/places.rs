//! Where a Pod names images (Kubernetes API reference, `PodSpec`), read from plain JSON.

use serde_json::Value;

/// Path and image of every place that the older Pod did not have, list by list.
pub(super) fn new_images(pod: &Value, old: Option<&Value>) -> Vec<(String, String)> {
    let mut new = Vec::new();
    for list in ["containers", "initContainers", "ephemeralContainers", "volumes"] {
        let mut before: Vec<String> =
            old.map(|old| images(old, list)).unwrap_or_default().into_iter().map(|(_, image)| image).collect();
        for (path, image) in images(pod, list) {
            // One that was there excuses one that is.
            match before.iter().position(|known| *known == image) {
                Some(at) => drop(before.swap_remove(at)),
                None => new.push((path, image)),
            }
        }
    }
    new
}

fn images(pod: &Value, list: &str) -> Vec<(String, String)> {
    let Value::Array(items) = &pod["spec"][list] else { return Vec::new() };
    let mut all = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if list != "volumes" {
            let image = item["image"].as_str().unwrap_or_default();
            all.push((format!("spec.{list}[{index}].image"), image.to_owned()));
        } else if item["image"].is_object() {
            let image = item["image"]["reference"].as_str().unwrap_or_default();
            all.push((format!("spec.volumes[{index}].image.reference"), image.to_owned()));
        }
    }
    all
}
