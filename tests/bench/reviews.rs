//! Events as API Gateway hands them over: the fixture's, with so many images and padded to a size.

use std::path::Path;

use serde_json::{Value, json};

use crate::ecr::{ACCOUNT, REGION};
use crate::trouble::{Context, Result};

/// Makes events.
pub(crate) struct Reviews {
    event: Value,
    review: Value,
}

impl Reviews {
    /// From the fixtures of the checkout at `root`.
    pub(crate) fn load(root: &Path) -> Result<Self> {
        let read = |name: &str| -> Result<Value> {
            let path = root.join("lambda/fixtures").join(name);
            let text = std::fs::read_to_string(&path).while_doing("reading a fixture; run this in the checkout")?;
            serde_json::from_str(&text).while_doing("reading a fixture")
        };
        Ok(Self { event: read("event.json")?, review: read("review.json")? })
    }

    /// A Pod with one container for each of `repositories`, whose review is at least `size` bytes long.
    pub(crate) fn event(&self, repositories: &[String], size: usize) -> Vec<u8> {
        let mut review = self.review.clone();
        let pod = &mut review["request"]["object"];
        let container = pod["spec"]["containers"][0].clone();
        let containers = repositories.iter().enumerate().map(|(at, repository)| {
            let mut container = container.clone();
            container["name"] = json!(format!("c{at}"));
            container["image"] = json!(format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{repository}:1.0"));
            container
        });
        pod["spec"]["containers"] = containers.collect();
        pad(&mut review, size);
        let mut event = self.event.clone();
        event["body"] = json!(review.to_string());
        event.to_string().into_bytes()
    }
}

/// Long Pods are long by their environments and by what their managers are recorded to own.
fn pad(review: &mut Value, size: usize) {
    let missing = size.saturating_sub(review.to_string().len());
    let pod = &mut review["request"]["object"];
    let variable = |at: usize| json!({ "name": format!("SETTING_{at:05}"), "value": "a value of some length" });
    let variables = missing / 2 / variable(0).to_string().len();
    let field = |at: usize| (format!("f:setting-{at:05}"), json!({ ".": {}, "f:name": {}, "f:value": {} }));
    let fields = missing.div_ceil(2) / 62 + 1;
    if let Some(env) = pod["spec"]["containers"][0]["env"].as_array_mut() {
        env.extend((0..variables).map(variable));
    }
    let owned: serde_json::Map<String, Value> = (0..fields).map(field).collect();
    pod["metadata"]["managedFields"] = json!([{ "manager": "kubectl", "operation": "Apply", "fieldsV1": owned }]);
}
