//! What a deploy will do, in three layers (the bucket's stack, the stack, the webhook), as one value: a screen for people,
//! an object for programs. Pure: what was found is given, nothing is asked.

mod meaning;
pub mod saved;
mod screen;
pub mod template;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::{
    console::Report,
    stack::change::{PropertyChange, ResourceChange},
    synth,
};

/// The whole plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// `account 111122223333 (aws), region eu-west-1`.
    pub place: String,
    /// ARN of whose credentials are used.
    pub identity: String,
    /// Architecture and hash of the function.
    pub function: String,
    /// How the function calls its policy; `None`: it decides by its defaults.
    pub policy: Option<String>,
    /// The stack of the bucket; `None` where the owner gave a bucket.
    pub bootstrap: Option<Layer>,
    /// The stack.
    pub stack: Layer,
    /// The webhook configuration in each cluster.
    pub webhooks: Vec<WebhookLayer>,
    /// Whether anything would be changed at all.
    pub changes: bool,
}

/// A `CloudFormation` stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// What will be done to it, `update it (it is UPDATE_COMPLETE)`.
    pub intention: String,
    /// Whether that changes anything.
    pub changes: bool,
    /// Parameters, tags and outputs that change: `parameter LogLevel`.
    pub values: Vec<Touched<PropertyChange>>,
    /// Resources that change.
    pub resources: Vec<Touched<ResourceChange>>,
}

/// A change, and what it means where that is more than it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Touched<T> {
    /// The change.
    #[serde(flatten)]
    pub change: T,
    /// Sentences that an owner must not miss.
    pub means: Vec<String>,
}

/// The webhook configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhookLayer {
    /// Its name.
    pub name: String,
    /// The kubeconfig's context.
    pub context: String,
    /// The API server.
    pub server: String,
    /// `create it`, `change it`, `no change`.
    pub intention: String,
    /// What the API server does with Pods while the webhook cannot be reached.
    pub failure_policy: String,
    /// Whether anything changes in it.
    pub changes: bool,
    /// Field by field; the caller's secret is covered.
    pub fields: Vec<PropertyChange>,
}

impl Report for Plan {
    const KIND: &'static str = "plan";
}

/// What a stack has, and what it shall have.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    /// Its template; JSON null: it has none.
    pub before: &'a Value,
    /// The template it shall have.
    pub after: &'a Value,
}

impl Layer {
    /// Resources with the values that the templates add and with what they mean.
    #[must_use]
    pub fn resources(mut changes: Vec<ResourceChange>, texts: Texts<'_>) -> Vec<Touched<ResourceChange>> {
        template::enrich(&mut changes, texts.before, texts.after);
        let touched = |change| Touched { means: meaning::of(&change, texts.before, texts.after), change };
        changes.into_iter().map(touched).collect()
    }

    /// Parameters, tags and outputs that differ.
    #[must_use]
    pub fn values(
        parameters: [&BTreeMap<String, String>; 2],
        tags: [&BTreeMap<String, String>; 2],
        texts: Texts<'_>,
    ) -> Vec<Touched<PropertyChange>> {
        let mut found = Vec::new();
        let [old, new] = parameters.map(|map| serde_json::json!(map));
        for change in template::differences(&old, &new) {
            let means = meaning::of_parameter(&change);
            found.push(Touched { change: callers(change).named("parameter"), means });
        }
        let [old, new] = tags.map(|map| serde_json::json!(map));
        let tags = template::differences(&old, &new).into_iter().map(|change| change.named("tag"));
        let outputs = template::differences(&texts.before["Outputs"], &texts.after["Outputs"]);
        let outputs = outputs.into_iter().map(|change| change.named("output"));
        // Of a stack that is made, every output is new.
        let outputs = outputs.filter(|_| !texts.before.is_null());
        found.extend(tags.chain(outputs).map(|change| Touched { change, means: Vec::new() }));
        found
    }
}

impl PropertyChange {
    fn named(mut self, what: &str) -> Self {
        self.path = format!("{what} {}", self.path);
        self
    }
}

/// Digests say nothing to a person; who may call does.
fn callers(mut change: PropertyChange) -> PropertyChange {
    if change.path == synth::PARAMETER_CALLER_DIGESTS {
        let names = |value: String| {
            let names: Vec<&str> = value.split(',').filter_map(|entry| Some(entry.split_once('=')?.0)).collect();
            names.join(", ")
        };
        let before = change.before.take().map(names);
        let after = change.after.take().map(names);
        // The same cluster with another secret.
        let rotated = before == after;
        change.before = before;
        change.after = after.map(|after| if rotated { format!("{after} (a new secret)") } else { after });
    }
    change
}

#[cfg(test)]
mod tests;
