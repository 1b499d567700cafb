//! Pods as JSON, with images in all four places, and what they looked like before an update.

use serde_json::{Map, Value, json};

use crate::generate::images::Images;
use crate::random::Random;

const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

pub(crate) fn pod(random: &mut Random, images: &mut Images) -> Value {
    let mut spec = Map::new();
    for (list, most) in CONTAINERS.into_iter().zip([3, 2, 2]) {
        let least = usize::from(list == "containers");
        // Most Pods have a single container.
        let count = if random.percent(60) { least } else { random.below(most + 1) };
        let mut items: Vec<Value> = (0..count).map(|_| container(random, images)).collect();
        if random.percent(15) {
            // The same image twice: before an update it may have been there once.
            items.extend(items.first().cloned());
        }
        put(random, &mut spec, list, items);
    }
    let count = if random.percent(70) { 0 } else { random.below(3) };
    let volumes: Vec<Value> = (0..count).map(|_| volume(random, images)).collect();
    put(random, &mut spec, "volumes", volumes);
    let mut pod = json!({ "kind": "Pod", "metadata": { "name": "p", "labels": { "image": "evil.example/x" } } });
    if !random.percent(1) {
        pod["spec"] = if random.percent(1) { Value::Null } else { Value::Object(spec) };
    }
    pod
}

fn put(random: &mut Random, spec: &mut Map<String, Value>, list: &str, items: Vec<Value>) {
    match (items.is_empty(), random.below(4)) {
        (true, 0) => drop(spec.insert(list.to_owned(), Value::Null)),
        (true, 1) => {}
        _ => drop(spec.insert(list.to_owned(), Value::Array(items))),
    }
}

fn container(random: &mut Random, images: &mut Images) -> Value {
    match random.below(100) {
        0 => Value::Null,
        1 => json!({ "name": "c" }),
        2 => json!({ "name": "c", "image": null }),
        _ => json!({ "name": "c", "image": images.one(random), "env": [{ "name": "image", "value": "quay.io/x" }] }),
    }
}

fn volume(random: &mut Random, images: &mut Images) -> Value {
    match random.below(20) {
        0 => Value::Null,
        1 => json!({ "name": "v", "image": null }),
        2 => json!({ "name": "v", "image": {} }),
        3..8 => json!({ "name": "v", "emptyDir": {} }),
        _ => json!({ "name": "v", "image": { "reference": images.one(random), "pullPolicy": "Always" } }),
    }
}

/// The Pod before an update: some images were others, some were elsewhere or not there.
pub(crate) fn older(random: &mut Random, pod: &Value, images: &mut Images) -> Value {
    let mut old = pod.clone();
    for list in CONTAINERS.into_iter().chain(["volumes"]) {
        let Some(items) = old["spec"].get_mut(list).and_then(Value::as_array_mut) else { continue };
        match random.below(6) {
            0 if !items.is_empty() => drop(items.remove(0)),
            1 => items.reverse(),
            2 => items.extend(items.first().cloned()),
            3 if list != "volumes" => items.push(container(random, images)),
            4 if !items.is_empty() && list != "volumes" => items[0] = container(random, images),
            _ => {}
        }
    }
    if random.percent(20) && old["spec"].is_object() {
        // The same images in another list are not the same thing.
        let moved = old["spec"]["containers"].take();
        old["spec"]["containers"] = old["spec"]["initContainers"].take();
        old["spec"]["initContainers"] = moved;
    }
    old
}
