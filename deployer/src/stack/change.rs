//! What a change set would do to each resource, property by property, as far as `CloudFormation` tells.
//!
//! Pure: the pages that the service sent, put into our own words. What the words mean for the owner is `plan`'s.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{
    AttributeChangeType, Change as SdkChange, ChangeAction, ChangeSource, Replacement, RequiresRecreation,
    ResourceChange as SdkResourceChange, ResourceChangeDetail,
};
use serde::Serialize;

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Add,
    /// It is changed in place.
    Change,
    /// A new one is made in its place, and the old one deleted.
    Replace,
    /// Only while it runs is it decided whether it is replaced.
    MayReplace,
    /// It is deleted.
    Remove,
}

/// One resource that a change set touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResourceChange {
    /// What happens to it.
    pub action: Action,
    /// Its name in the template.
    pub logical_id: String,
    /// `AWS::Lambda::Function` and the like.
    pub resource_type: String,
    /// What changes in it, by path; empty where nobody says.
    pub properties: Vec<PropertyChange>,
}

/// One value before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PropertyChange {
    /// `Code.S3Key`.
    pub path: String,
    /// `None`: it was not there, or nobody says.
    pub before: Option<String>,
    /// `None`: it will not be there, or nobody says.
    pub after: Option<String>,
    /// Whether this is why the resource is replaced.
    pub replaces: bool,
    /// What brings it about, where it is not the template itself: `the parameter LogLevel`.
    pub because: Option<String>,
}

impl Action {
    /// As in `+ ~ - ±`.
    #[must_use]
    pub const fn mark(self) -> char {
        match self {
            Self::Add => '+',
            Self::Change => '~',
            // The worse of the two.
            Self::Replace | Self::MayReplace => '±',
            Self::Remove => '-',
        }
    }
}

impl ResourceChange {
    pub(super) fn from_sdk(change: &SdkChange) -> Option<Self> {
        let resource = change.resource_change()?;
        let action = match (resource.action()?, resource.replacement()) {
            (ChangeAction::Add | ChangeAction::Import, _) => Action::Add,
            (ChangeAction::Remove, _) => Action::Remove,
            (ChangeAction::Modify, Some(Replacement::True)) => Action::Replace,
            (ChangeAction::Modify, Some(Replacement::Conditional)) => Action::MayReplace,
            _ => Action::Change,
        };
        Some(Self {
            action,
            logical_id: resource.logical_resource_id().unwrap_or_default().to_owned(),
            resource_type: resource.resource_type().unwrap_or_default().to_owned(),
            properties: properties(resource),
        })
    }
}

/// `values` with what only `plain` has: asked for values, `CloudFormation` may leave resources out.
pub(super) fn merge(values: Vec<ResourceChange>, plain: Vec<ResourceChange>) -> Vec<ResourceChange> {
    let mut known: BTreeMap<String, ResourceChange> =
        values.into_iter().map(|change| (change.logical_id.clone(), change)).collect();
    let mut merged: Vec<ResourceChange> =
        plain.into_iter().map(|change| known.remove(&change.logical_id).unwrap_or(change)).collect();
    merged.extend(known.into_values());
    merged
}

/// One entry a path. `CloudFormation` lists a property again for each thing that it depends on.
fn properties(resource: &SdkResourceChange) -> Vec<PropertyChange> {
    let mut found: BTreeMap<String, PropertyChange> = BTreeMap::new();
    for one in resource.details().iter().filter_map(property) {
        let entry = found.entry(one.path.clone()).or_insert_with(|| one.clone());
        entry.before = entry.before.take().or(one.before);
        entry.after = entry.after.take().or(one.after);
        entry.because = entry.because.take().or(one.because);
        entry.replaces |= one.replaces;
    }
    // `Code` says nothing where `Code.S3Key` stands too.
    let paths: Vec<String> = found.keys().cloned().collect();
    found.retain(|path, change| {
        let is_parent =
            paths.iter().any(|other| other.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('.')));
        !(is_parent && change.before.is_none() && change.after.is_none())
    });
    found.into_values().collect()
}

fn property(detail: &ResourceChangeDetail) -> Option<PropertyChange> {
    let target = detail.target()?;
    let path = match (target.path(), target.name(), target.attribute()) {
        // `/Properties/Code/S3Key`
        (Some(path), _, _) if path.len() > 1 => {
            let path = path.trim_start_matches('/').replace('/', ".");
            path.strip_prefix("Properties.").map_or(path.clone(), str::to_owned)
        }
        (_, Some(name), _) => name.to_owned(),
        (_, _, Some(attribute)) => attribute.as_str().to_owned(),
        _ => return None,
    };
    let value = |value: Option<&str>| value.map(readable);
    let removed = target.attribute_change_type() == Some(&AttributeChangeType::Remove);
    Some(PropertyChange {
        path,
        before: value(target.before_value()),
        after: if removed { None } else { value(target.after_value()) },
        replaces: matches!(
            target.requires_recreation(),
            Some(RequiresRecreation::Always | RequiresRecreation::Conditionally)
        ),
        because: because(detail),
    })
}

/// What is known only after another resource was made has a text of its own in place of a value.
fn readable(value: &str) -> String {
    if value.contains("{{changeSet:KNOWN_AFTER_APPLY}}") { "(known after it)".to_owned() } else { value.to_owned() }
}

fn because(detail: &ResourceChangeDetail) -> Option<String> {
    let entity = detail.causing_entity()?;
    match detail.change_source()? {
        ChangeSource::ParameterReference => Some(format!("the parameter {entity}")),
        ChangeSource::ResourceReference | ChangeSource::ResourceAttribute => Some(format!("the resource {entity}")),
        _ => None,
    }
}
