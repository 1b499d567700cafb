//! What happens to Pods that exist: images changed, labels changed, ephemeral containers added.

use local_world::kubernetes::Kubernetes;
use local_world::pods::{self, NAMESPACE};
use local_world::seed::image;
use local_world::story::{Expected, denied};
use local_world::trouble::Result;
use serde_json::json;

use crate::report::Report;

/// A Pod with an image that is not compliant, created before there was a webhook.
const LEGACY: &str = "legacy";

/// To be called before the deployment.
pub(crate) async fn prepare(cluster: &Kubernetes) -> Result<()> {
    let pod = pods::pod(LEGACY, &["nginx".to_owned()]);
    Expected::Admitted.check("a Pod before the deployment", &cluster.create_pod(&pod, false).await?)
}

/// To be called while the webhook is registered.
pub(crate) async fn run(cluster: &Kubernetes, report: &mut Report) {
    let label = json!({ "metadata": { "labels": { "touched": "yes" } } });
    report
        .scenario("update: a label of a Pod from before is nobody's business", async {
            Expected::Admitted.check("the update", &cluster.patch_pod(NAMESPACE, LEGACY, &label).await?)
        })
        .await;
    report
        .scenario("update: an image of a Pod from before to another bad one", async {
            let patch = json!({ "spec": { "containers": [{ "name": "c0", "image": "httpd" }] } });
            let expected = denied(&["spec.containers[0].image", "registry"]);
            expected.check("the update", &cluster.patch_pod(NAMESPACE, LEGACY, &patch).await?)
        })
        .await;

    let created = report
        .scenario("update: a compliant Pod to update", async {
            let pod = pods::pod("updated", &[image("demo/compliant:v1")]);
            Expected::Admitted.check("the Pod", &cluster.create_pod(&pod, false).await?)
        })
        .await;
    if !created {
        return;
    }
    for (name, image, expected) in [
        ("update: to another compliant image", image("demo/compliant:v2"), Expected::Admitted),
        ("update: to a bad image", "nginx".to_owned(), denied(&["spec.containers[0].image", "registry"])),
        ("update: to a mutable repository", image("demo/mutable:v1"), denied(&["tag-immutability"])),
    ] {
        report
            .scenario(name, async {
                let patch = json!({ "spec": { "containers": [{ "name": "c0", "image": image }] } });
                expected.check("the update", &cluster.patch_pod(NAMESPACE, "updated", &patch).await?)
            })
            .await;
    }
    report
        .scenario("debug: a bad ephemeral container", async {
            let outcome = cluster.debug_pod(NAMESPACE, "updated", "bad", "busybox").await?;
            denied(&["spec.ephemeralContainers[0].image", "registry"]).check("the ephemeral container", &outcome)
        })
        .await;
    report
        .scenario("debug: a compliant ephemeral container", async {
            let outcome = cluster.debug_pod(NAMESPACE, "updated", "good", &image("demo/compliant:v1")).await?;
            Expected::Admitted.check("the ephemeral container", &outcome)
        })
        .await;
}
