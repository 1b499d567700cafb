//! Objects that make Pods from a template, reduced to the template's images.
//!
//! The same view as of a Pod, with the paths of the object. An image that is missing is not yielded here: a template may
//! leave it to whoever configures it later, and the Pod that comes of it is judged by itself.

use serde::Deserialize;

use crate::object::Object;
use crate::workload::{ImageField, PodView};

/// A kind of object that makes Pods from a template. Kubernetes API reference: every use of `PodTemplateSpec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateKind {
    /// The kind, such as `Deployment`.
    pub kind: &'static str,
    /// The API group; empty for the core group. The version is `v1` for all of them.
    pub group: &'static str,
    /// The resource, such as `deployments`.
    pub resource: &'static str,
    shape: Shape,
}

/// Where the template is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `spec.template`
    Spec,
    /// `spec.jobTemplate.spec.template`
    Job,
    /// `template`
    Bare,
}

impl TemplateKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::new("Deployment", "apps", "deployments", Shape::Spec),
        Self::new("StatefulSet", "apps", "statefulsets", Shape::Spec),
        Self::new("DaemonSet", "apps", "daemonsets", Shape::Spec),
        Self::new("ReplicaSet", "apps", "replicasets", Shape::Spec),
        Self::new("Job", "batch", "jobs", Shape::Spec),
        Self::new("CronJob", "batch", "cronjobs", Shape::Job),
        Self::new("ReplicationController", "", "replicationcontrollers", Shape::Spec),
        Self::new("PodTemplate", "", "podtemplates", Shape::Bare),
    ];

    const fn new(kind: &'static str, group: &'static str, resource: &'static str, shape: Shape) -> Self {
        Self { kind, group, resource, shape }
    }

    const fn path(self) -> &'static str {
        match self.shape {
            Shape::Spec => "spec.template",
            Shape::Job => "spec.jobTemplate.spec.template",
            Shape::Bare => "template",
        }
    }
}

/// An object with a template, reduced to the template's images.
#[derive(Debug, Clone)]
pub struct TemplateView<'a> {
    kind: TemplateKind,
    pod: Option<PodView<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct WithSpec<'a> {
    #[serde(default)]
    spec: Option<Object<WithTemplate<'a>>>,
}

/// A Pod's template has the members of a Pod that are looked at.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct WithTemplate<'a> {
    #[serde(default)]
    template: Option<PodView<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct WithJobSpec<'a> {
    #[serde(default)]
    spec: Option<Object<WithJobTemplate<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct WithJobTemplate<'a> {
    #[serde(default)]
    job_template: Option<Object<WithSpec<'a>>>,
}

impl<'a> TemplateView<'a> {
    /// Reads an object of that kind.
    ///
    /// # Errors
    /// As of [`PodView`]: a value of another type, or one of two equal keys, where an image can stand.
    pub fn read(kind: TemplateKind, json: &'a str) -> serde_json::Result<Self> {
        let of_spec = |Object(object): Object<WithSpec<'a>>| object.spec.and_then(|spec| spec.0.template);
        let pod = match kind.shape {
            Shape::Spec => of_spec(serde_json::from_str(json)?),
            Shape::Job => {
                let Object(object): Object<WithJobSpec<'a>> = serde_json::from_str(json)?;
                object.spec.and_then(|spec| spec.0.job_template).and_then(of_spec)
            }
            Shape::Bare => serde_json::from_str::<Object<WithTemplate<'a>>>(json)?.0.template,
        };
        Ok(Self { kind, pod })
    }

    /// Every image of the template.
    #[must_use]
    pub fn images(&self) -> Vec<ImageField<'_>> {
        self.named(self.pod.as_ref().map(PodView::images))
    }

    /// The images that the template of `old` did not have: what an update brings in.
    #[must_use]
    pub fn images_not_in(&self, old: &TemplateView<'_>) -> Vec<ImageField<'_>> {
        match &old.pod {
            Some(old) => self.named(self.pod.as_ref().map(|pod| pod.images_not_in(old))),
            None => self.images(),
        }
    }

    fn named<'s>(&self, images: Option<Vec<ImageField<'s>>>) -> Vec<ImageField<'s>> {
        let place = self.kind.path();
        let named = images.into_iter().flatten().filter(|field| !field.image.is_empty());
        named.map(|field| ImageField { path: format!("{place}.{}", field.path), ..field }).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests stand outside #[test] functions")]

    use super::{TemplateKind, TemplateView};

    const POD: &str = r#"{"metadata": {"labels": {}}, "spec": {"initContainers": [{"image": "i"}],
        "containers": [{"image": "a"}, {"name": "later"}, {"image": ""}], "volumes": [{"image": {"reference": "v"}}, {"image": {}}]}}"#;

    fn kind(name: &str) -> TemplateKind {
        TemplateKind::ALL.into_iter().find(|kind| kind.kind == name).unwrap()
    }

    fn images(view: &TemplateView<'_>) -> Vec<String> {
        view.images().iter().map(|field| format!("{} {}", field.path, field.image)).collect()
    }

    #[test]
    fn yields_the_images_of_every_kind_with_the_path_in_the_object_and_none_that_is_empty() {
        let of_spec = format!(r#"{{"spec": {{"replicas": 1, "template": {POD}}}}}"#);
        let of_job = format!(r#"{{"spec": {{"jobTemplate": {{"spec": {{"template": {POD}}}}}}}}}"#);
        let bare = format!(r#"{{"metadata": {{}}, "template": {POD}}}"#);
        for one in TemplateKind::ALL {
            let (json, place) = match one.kind {
                "CronJob" => (&of_job, "spec.jobTemplate.spec.template"),
                "PodTemplate" => (&bare, "template"),
                _ => (&of_spec, "spec.template"),
            };
            let expected = [
                format!("{place}.spec.containers[0].image a"),
                format!("{place}.spec.initContainers[0].image i"),
                format!("{place}.spec.volumes[0].image.reference v"),
            ];
            assert_eq!(images(&TemplateView::read(one, json).unwrap()), expected, "{}", one.kind);
        }
    }

    #[test]
    fn an_object_without_a_template_has_no_images() {
        for json in ["{}", r#"{"spec": null}"#, r#"{"spec": {"template": null}}"#, r#"{"spec": {"jobTemplate": null}}"#]
        {
            for one in TemplateKind::ALL {
                assert_eq!(
                    images(&TemplateView::read(one, json).unwrap()),
                    Vec::<String>::new(),
                    "{} {json}",
                    one.kind
                );
            }
        }
    }

    #[test]
    fn two_templates_in_one_object_are_an_error() {
        for (name, json) in [
            ("Deployment", r#"{"spec": {}, "spec": {}}"#),
            ("Deployment", r#"{"spec": {"template": {}, "template": {}}}"#),
            ("CronJob", r#"{"spec": {"jobTemplate": {}, "jobTemplate": {}}}"#),
            ("CronJob", r#"{"spec": {"jobTemplate": {"spec": {"template": {}, "template": {}}}}}"#),
            ("PodTemplate", r#"{"template": {}, "template": {}}"#),
        ] {
            assert!(
                TemplateView::read(kind(name), json).unwrap_err().to_string().contains("duplicate field"),
                "{json}"
            );
        }
    }

    #[test]
    fn a_list_where_an_object_stands_is_an_error_and_not_its_members_in_their_order() {
        for (name, json) in [
            ("Deployment", "[]".to_owned()),
            ("Deployment", format!(r#"{{"spec": [{POD}]}}"#)),
            ("Deployment", r#"{"spec": {"template": []}}"#.to_owned()),
            ("CronJob", format!(r#"{{"spec": [{{"spec": {{"template": {POD}}}}}]}}"#)),
            ("CronJob", format!(r#"{{"spec": {{"jobTemplate": [{{"template": {POD}}}]}}}}"#)),
            ("PodTemplate", format!("[{POD}]")),
        ] {
            let read = TemplateView::read(kind(name), &json);
            assert!(read.unwrap_err().to_string().contains("invalid type: sequence"), "{json}");
        }
    }

    #[test]
    fn an_update_brings_in_what_the_old_template_did_not_have() {
        let json = |image: &str| {
            format!(r#"{{"spec": {{"template": {{"spec": {{"containers": [{{"image": "{image}"}}]}}}}}}}}"#)
        };
        let (old, new) = (json("a"), json("b"));
        let read = |json| TemplateView::read(kind("Deployment"), json).unwrap();
        let (old, new, none) = (read(&old), read(&new), read("{}"));
        assert_eq!(new.images_not_in(&old)[0].path, "spec.template.spec.containers[0].image");
        assert!(new.images_not_in(&new).is_empty());
        assert_eq!(new.images_not_in(&none).len(), 1);
    }
}
