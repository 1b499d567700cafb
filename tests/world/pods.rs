//! Pods and Deployments as the API server takes them, built from names and images alone.

use serde_json::{Value, json};

/// The namespace of the story and the scenarios.
pub const NAMESPACE: &str = "demo";

/// A Pod whose containers carry `images`, named `c0`, `c1`, ….
#[must_use]
pub fn pod(name: &str, images: &[String]) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": { "containers": containers("c", images) },
    })
}

/// A list of containers named `<prefix>0`, `<prefix>1`, ….
#[must_use]
pub fn containers(prefix: &str, images: &[String]) -> Value {
    images.iter().enumerate().map(|(i, image)| json!({ "name": format!("{prefix}{i}"), "image": image })).collect()
}

/// A Deployment of one replica, its Pods labelled `app=<name>`.
#[must_use]
pub fn deployment(name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": name, "image": image }] },
            },
        },
    })
}
