//! Every image field of a Pod, and of the template of one, with the path where it stands.
//!
//! A view that borrows from the request's bytes: only image fields, the time of creation and the owner are read, everything
//! else is skipped without being built. Two equal keys where an image can stand are an error, so that nobody can show one image
//! to us and another to the API server. This file must not judge an image, not even an empty one: what is there is
//! yielded.

mod template;

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::object::Object;

pub use template::{TemplateKind, TemplateView};

/// A Pod, reduced to its images, to when it was made and to what made it.
///
/// Deserialise it from the `object` or `oldObject` of an admission review. Lists and items that are `null` count as
/// absent or empty, as the API server reads them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent, bound(deserialize = "'de: 'a"))]
pub struct PodView<'a>(Object<Pod<'a>>);

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Pod<'a> {
    #[serde(default)]
    metadata: Option<Object<Metadata<'a>>>,
    #[serde(default)]
    spec: Option<Object<PodSpec<'a>>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct Metadata<'a> {
    #[serde(default)]
    creation_timestamp: Option<Text<'a>>,
    /// Read only when somebody asks whose the Pod is: whatever stands here, it is no reason to refuse a Pod.
    #[serde(borrow, default)]
    owner_references: Option<&'a RawValue>,
}

/// Kubernetes API reference: `OwnerReference`. Its author may have written anything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Reference<'a> {
    #[serde(default)]
    kind: Option<Text<'a>>,
    #[serde(default)]
    name: Option<Text<'a>>,
    #[serde(default)]
    controller: Option<bool>,
}

/// What controls a Pod, as the Pod says: its author may have made it up, so this is for reading and never for judging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner<'a> {
    /// `ReplicaSet`, `Job` and the like.
    pub kind: Cow<'a, str>,
    /// Its name; that of a Deployment's `ReplicaSet` is not the Deployment's.
    pub name: Cow<'a, str>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct PodSpec<'a> {
    #[serde(default)]
    containers: Items<Container<'a>>,
    #[serde(default)]
    init_containers: Items<Container<'a>>,
    #[serde(default)]
    ephemeral_containers: Items<Container<'a>>,
    #[serde(default)]
    volumes: Items<Volume<'a>>,
}

/// A list in which the list itself and each item may be `null`.
type Items<T> = Option<Vec<Option<Object<T>>>>;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Container<'a> {
    #[serde(default)]
    image: Option<Text<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Volume<'a> {
    #[serde(default)]
    image: Option<Object<ImageVolume<'a>>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct ImageVolume<'a> {
    #[serde(default)]
    reference: Option<Text<'a>>,
}

/// Borrowed unless the JSON string contains escapes. A type of its own because serde borrows a `Cow` only where it
/// stands directly in a field, not inside an `Option`.
#[derive(Debug, Clone, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// One place of a Pod that names an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageField<'a> {
    /// Where, such as `spec.containers[1].image` or `spec.volumes[0].image.reference`.
    pub path: String,
    /// What is written there; empty when nothing is.
    pub image: &'a str,
}

/// The four places where a Pod can name images. Kubernetes API reference: `PodSpec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Containers,
    InitContainers,
    EphemeralContainers,
    Volumes,
}

impl Kind {
    fn path(self, index: usize) -> String {
        match self {
            Self::Containers => format!("spec.containers[{index}].image"),
            Self::InitContainers => format!("spec.initContainers[{index}].image"),
            Self::EphemeralContainers => format!("spec.ephemeralContainers[{index}].image"),
            Self::Volumes => format!("spec.volumes[{index}].image.reference"),
        }
    }
}

impl<'a> PodView<'a> {
    fn metadata(&self) -> Option<&Metadata<'a>> {
        self.0.0.metadata.as_ref().map(|Object(metadata)| metadata)
    }

    fn spec(&self) -> Option<&PodSpec<'a>> {
        self.0.0.spec.as_ref().map(|Object(spec)| spec)
    }

    /// What controls it; `None` when nothing does, or when that cannot be read.
    #[must_use]
    pub fn owner(&self) -> Option<Owner<'a>> {
        let references = self.metadata()?.owner_references?;
        let references: Items<Reference<'a>> = serde_json::from_str(references.get()).ok()?;
        // The API server lets one of them be the controller.
        let controller = references?.into_iter().flatten().find(|one| one.0.controller == Some(true))?.0;
        Some(Owner { kind: controller.kind?.0, name: controller.name?.0 })
    }
}

impl PodView<'_> {
    /// When it was made, in RFC 3339 with whole seconds; `None` of a template. The API server writes it, over whatever the
    /// Pod's author did.
    #[must_use]
    pub fn created(&self) -> Option<&str> {
        Some(&*self.metadata()?.creation_timestamp.as_ref()?.0)
    }

    /// Whether it has what every Pod has: an API server sends none without a container.
    #[must_use]
    pub fn has_containers(&self) -> bool {
        let containers = self.spec().and_then(|spec| spec.containers.as_ref());
        containers.is_some_and(|containers| !containers.is_empty())
    }

    /// Every image field, in the order of the lists. A container or image volume that names no image is yielded with
    /// an empty one: it is for the rules to refuse what cannot be read.
    #[must_use]
    pub fn images(&self) -> Vec<ImageField<'_>> {
        self.entries().map(|(kind, index, image)| ImageField { path: kind.path(index), image }).collect()
    }

    /// The image fields that `old` did not have: what an update brings in.
    ///
    /// Compared as a multiset of (list, image): each old occurrence excuses one new occurrence in the same list, so
    /// that a Pod admitted before a rule existed can still be labelled, finalised and deleted.
    #[must_use]
    pub fn images_not_in(&self, old: &PodView<'_>) -> Vec<ImageField<'_>> {
        let mut excused: HashMap<(Kind, &str), usize> = HashMap::new();
        for (kind, _, image) in old.entries() {
            *excused.entry((kind, image)).or_default() += 1;
        }
        let mut new = Vec::new();
        for (kind, index, image) in self.entries() {
            match excused.get_mut(&(kind, image)) {
                Some(left) if *left > 0 => *left -= 1,
                _ => new.push(ImageField { path: kind.path(index), image }),
            }
        }
        new
    }

    fn entries(&self) -> impl Iterator<Item = (Kind, usize, &str)> {
        self.spec().into_iter().flat_map(|spec| {
            containers(Kind::Containers, spec.containers.as_deref())
                .chain(containers(Kind::InitContainers, spec.init_containers.as_deref()))
                .chain(containers(Kind::EphemeralContainers, spec.ephemeral_containers.as_deref()))
                .chain(volumes(spec.volumes.as_deref()))
        })
    }
}

fn containers<'s>(
    kind: Kind,
    items: Option<&'s [Option<Object<Container<'_>>>]>,
) -> impl Iterator<Item = (Kind, usize, &'s str)> {
    items.into_iter().flatten().enumerate().map(move |(index, item)| {
        let image = item.as_ref().and_then(|container| container.0.image.as_ref());
        (kind, index, text(image))
    })
}

fn volumes<'s>(items: Option<&'s [Option<Object<Volume<'_>>>]>) -> impl Iterator<Item = (Kind, usize, &'s str)> {
    items.into_iter().flatten().enumerate().filter_map(|(index, item)| {
        let volume = item.as_ref()?.0.image.as_ref()?;
        Some((Kind::Volumes, index, text(volume.0.reference.as_ref())))
    })
}

fn text<'s>(value: Option<&'s Text<'_>>) -> &'s str {
    value.map_or("", |text| text.0.as_ref())
}

#[cfg(test)]
mod tests;
