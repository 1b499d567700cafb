//! What an owner configures, and what helps before and after a denial: early warnings, a fix that counts at once, a
//! deployment with a `[policy]`.

use aws_sdk_ecr::types::ImageTagMutability;
use local_world::addresses::Addresses;
use local_world::deploy::Deployer;
use local_world::kubernetes::{Kubernetes, Outcome};
use local_world::pods::{self, NAMESPACE};
use local_world::seed::{self, image};
use local_world::story::{Expected, denied};
use local_world::trouble::{Context, Result, Trouble};
use serde_json::{Value, json};

use crate::report::Report;

/// Mutable until the fix command of the denial is run.
const MENDED: &str = "demo/mended";

/// The owner of this one asks the registry by a role, tries the rules in one namespace, has agreed to one image, and
/// wants digests.
const POLICY: &str = r#"
[[policy.registries]]
role_arn = "arn:aws:iam::111122223333:role/reader"
external_id = "team-web"
[policy.rules.digest-pinned]
mode = "enforce"
[policy.namespaces.lab]
registry = "warn"
digest-pinned = "off"
[[policy.exemptions]]
id = "EX-7"
image = "docker.io/library/httpd"
rules = ["registry", "digest-pinned"]
reason = "until it is mirrored"
owner = "team web"
ticket = "WEB-7"
expires = EXPIRES
"#;

/// To be called while the webhook is registered without a policy.
pub(crate) async fn without(world: &Addresses, cluster: &Kubernetes, report: &mut Report) {
    report.scenario("early: what makes bad Pods is admitted with a warning", early(cluster)).await;
    report.scenario("fix: the Pod of a mended repository is admitted at once", fix(world, cluster)).await;
}

/// Deploys with a policy and looks at what it does; the registry is scanned as `reviews::enhanced` wants it.
pub(crate) async fn with(cluster: &Kubernetes, deployer: &Deployer, report: &mut Report) {
    let rollout = async {
        cluster.namespace("lab").await?;
        deployer.configure(&POLICY.replace("EXPIRES", &in_a_month()))?;
        let said = deployer.deploy(false).await?.well("deploy with a policy")?.said;
        let named = said.lines().any(|line| line.trim_start().starts_with("policy: "));
        named.then_some(()).ok_or_else(|| Trouble::new(format!("the plan names no policy:\n{said}")))
    };
    if !report.scenario("policy: deploy", rollout).await {
        return;
    }
    let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
    let cases = [
        ("warned about in one namespace", "lab", "nginx".to_owned(), Expected::Admitted, Some("registry")),
        ("refused in the others", NAMESPACE, "nginx".to_owned(), denied(&["registry", "digest-pinned"]), None),
        ("an exemption", NAMESPACE, "httpd:2".to_owned(), Expected::Admitted, Some("EX-7")),
        ("without a digest", NAMESPACE, image(seed::COMPLIANT), denied(&["digest-pinned"]), None),
        ("with a digest", NAMESPACE, image(&format!("{}@{digest}", seed::COMPLIANT)), Expected::Admitted, None),
    ];
    for (name, namespace, image, expected, warning) in cases {
        let asked = async {
            let mut pod = pods::pod("asked", &[image]);
            pod["metadata"]["namespace"] = json!(namespace);
            let path = format!("/api/v1/namespaces/{namespace}/pods");
            let (outcome, warnings) = cluster.try_out(&path, &pod).await?;
            expected.check("the Pod", &outcome)?;
            told(&warnings, warning)
        };
        report.scenario(&format!("policy: {name}"), asked).await;
    }
}

async fn early(cluster: &Kubernetes) -> Result<()> {
    let deployments = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments");
    let jobs = format!("/apis/batch/v1/namespaces/{NAMESPACE}/jobs");
    for (path, object, warning) in [
        (&deployments, pods::deployment("early", "nginx"), Some("[registry]")),
        (&deployments, pods::deployment("early", &image("demo/compliant:v1")), None),
        (&jobs, job("nginx"), Some("[registry]")),
    ] {
        let (outcome, warnings) = cluster.try_out(path, &object).await?;
        if outcome != Outcome::Admitted {
            return Err(Trouble::new(format!("it was not admitted: {outcome:?}")));
        }
        told(&warnings, warning)?;
    }
    Ok(())
}

async fn fix(world: &Addresses, cluster: &Kubernetes) -> Result<()> {
    let ecr = seed::client(&world.ecr_endpoint);
    seed::create(&ecr, MENDED, ImageTagMutability::Mutable, &[], true).await?;
    let pod = pods::pod("mended", &[image(&format!("{MENDED}:v1"))]);
    let refused = denied(&["tag-immutability", "aws ecr put-image-tag-mutability"]);
    refused.check("the Pod", &cluster.create_pod(&pod, true).await?)?;
    let command = ecr.put_image_tag_mutability().repository_name(MENDED);
    let command = command.image_tag_mutability(ImageTagMutability::Immutable).send();
    command.await.while_doing(|| "running the fix command".to_owned())?;
    Expected::Admitted.check("the Pod, tried again", &cluster.create_pod(&pod, true).await?)
}

fn told(warnings: &[String], expected: Option<&str>) -> Result<()> {
    let good = match expected {
        Some(word) => warnings.iter().any(|warning| warning.contains(word)),
        None => warnings.is_empty(),
    };
    good.then_some(()).ok_or_else(|| Trouble::new(format!("expected the warning {expected:?}, came {warnings:?}")))
}

fn job(image: &str) -> Value {
    let pod = json!({ "restartPolicy": "Never", "containers": [{ "name": "c0", "image": image }] });
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": "early", "namespace": NAMESPACE },
        "spec": { "template": { "spec": pod } },
    })
}

/// A day that is near enough for an exemption.
fn in_a_month() -> String {
    compliance::policy::Day::of(std::time::SystemTime::now()).plus(30).to_string()
}
