//! The story of the product, as steps that do something in the cluster and return what was seen. The demo tells it, the
//! end-to-end test asserts it; what has to come out stands here, once.

use crate::kubernetes::{Kubernetes, Outcome};
use crate::pods::{self, NAMESPACE};
use crate::seed::{self, image};
use crate::trouble::{Result, Trouble};

/// The image that everybody tries first, and that comes from Docker Hub.
pub const NGINX: &str = "nginx";

/// One Pod of the story.
#[derive(Debug)]
pub struct Scene {
    /// What it shows, as a heading.
    pub title: &'static str,
    /// The Pod's name.
    pub pod: &'static str,
    /// The images of its containers.
    pub images: Vec<String>,
    /// What has to come out.
    pub expected: Expected,
}

/// What has to come out of a scene.
#[derive(Clone, Debug)]
pub enum Expected {
    /// The Pod is created.
    Admitted,
    /// The Pod is refused, with all of these in the message.
    Denied(Vec<String>),
}

impl Expected {
    /// # Errors
    /// A sentence on how the outcome differs.
    pub fn check(&self, what: &str, seen: &Outcome) -> Result<()> {
        match (self, seen) {
            (Self::Admitted, Outcome::Admitted) => Ok(()),
            (Self::Admitted, Outcome::Denied { message, .. }) => {
                Err(Trouble::new(format!("{what} should have been admitted, but: {message}")))
            }
            (Self::Denied(_), Outcome::Admitted) => Err(Trouble::new(format!("{what} should have been denied"))),
            (Self::Denied(words), Outcome::Denied { message, .. }) => {
                let missing: Vec<&String> = words.iter().filter(|word| !message.contains(word.as_str())).collect();
                if missing.is_empty() {
                    return Ok(());
                }
                Err(Trouble::new(format!("{what}: the denial does not say {missing:?}: {message}")))
            }
        }
    }
}

/// A denial that says all of `words`.
#[must_use]
pub fn denied(words: &[&str]) -> Expected {
    Expected::Denied(words.iter().map(|&word| word.to_owned()).collect())
}

/// The Pods of the story, in order.
#[must_use]
pub fn scenes() -> Vec<Scene> {
    let scene = |title, pod, images, expected| Scene { title, pod, images, expected };
    let good = image(&format!("{}:v1", seed::COMPLIANT));
    vec![
        scene("A Pod from the compliant repository", "good", vec![good.clone()], Expected::Admitted),
        scene(
            "One good container does not excuse another",
            "mixed",
            vec![good, format!("docker.io/library/{NGINX}:1.27")],
            denied(&["spec.containers[1].image", "registry"]),
        ),
        scene(
            "Tags that can be overwritten",
            "mutable",
            vec![image(&format!("{}:v1", seed::MUTABLE))],
            denied(&["tag-immutability", "aws ecr put-image-tag-mutability", seed::MUTABLE]),
        ),
        scene(
            "Images that nobody scans",
            "unscanned",
            vec![image(&format!("{}:v1", seed::UNSCANNED))],
            denied(&["scan-on-push", "aws ecr put-image-scanning-configuration", seed::UNSCANNED]),
        ),
        scene(
            "Immutable except dev-*: this tag is immutable",
            "release-tag",
            vec![image(&format!("{}:v1", seed::IMMUTABLE_EXCEPT))],
            Expected::Admitted,
        ),
        scene(
            "Immutable except dev-*: this tag is not",
            "dev-tag",
            vec![image(&format!("{}:dev-1", seed::IMMUTABLE_EXCEPT))],
            denied(&["tag-immutability", "dev-1"]),
        ),
        scene(
            "Scanned by a rule of the registry, not of the repository",
            "registry-scanned",
            vec![image(&format!("{}:v1", seed::REGISTRY_SCANNED))],
            Expected::Admitted,
        ),
    ]
}

impl Scene {
    /// Creates the Pod, and checks what came out.
    ///
    /// # Errors
    /// The outcome is not the expected one, or the API server does not answer.
    pub async fn play(&self, cluster: &Kubernetes) -> Result<Outcome> {
        let outcome = cluster.create_pod(&pods::pod(self.pod, &self.images), false).await?;
        self.expected.check(&format!("the Pod {}", self.pod), &outcome)?;
        Ok(outcome)
    }
}

/// What became of the Deployment of nginx.
#[derive(Debug)]
pub struct NoPods {
    /// The message of its `ReplicaSet`'s `FailedCreate` event.
    pub event: String,
}

/// Creates a Deployment of nginx and waits for the event that says why it gets no Pods.
///
/// # Errors
/// It got Pods, or no event, or one without our denial.
pub async fn deployment_gets_no_pods(cluster: &Kubernetes) -> Result<NoPods> {
    cluster.create_deployment(&pods::deployment(NGINX, NGINX)).await?;
    let event = cluster.failed_create(NAMESPACE, &format!("{NGINX}-")).await?;
    let pods = cluster.list_pods(NAMESPACE, &format!("app={NGINX}")).await?;
    if !pods.is_empty() {
        return Err(Trouble::new(format!("the Deployment of {NGINX} got Pods: {pods:?}")));
    }
    let seen = Outcome::Denied { code: 403, message: event.clone() };
    denied(&["denied the request", "spec.containers[0].image", "registry"]).check("the FailedCreate event", &seen)?;
    Ok(NoPods { event })
}

/// Where there are no controllers to make Pods, the same is asked with a bare Pod of nginx.
///
/// # Errors
/// It was admitted, or the denial is not ours.
pub async fn nginx_is_denied(cluster: &Kubernetes) -> Result<Outcome> {
    let outcome = cluster.create_pod(&pods::pod(NGINX, &[NGINX.to_owned()]), false).await?;
    denied(&["denied the request", "spec.containers[0].image", "registry"]).check("the Pod of nginx", &outcome)?;
    Ok(outcome)
}

/// After the webhook is gone: nginx is admitted again.
///
/// # Errors
/// It is not.
pub async fn nginx_is_admitted_again(cluster: &Kubernetes) -> Result<()> {
    let outcome = cluster.create_pod(&pods::pod("after-destroy", &[NGINX.to_owned()]), false).await?;
    Expected::Admitted.check("nginx, after destroy,", &outcome)
}

/// How many decisions the story makes at least: scenes and the Deployment's first attempt.
#[must_use]
pub fn decisions() -> crate::counts::Counts {
    let scenes = scenes();
    let admitted = scenes.iter().filter(|scene| matches!(scene.expected, Expected::Admitted)).count() as u64;
    crate::counts::Counts { pass: admitted, deny: scenes.len() as u64 - admitted + 1 }
}
