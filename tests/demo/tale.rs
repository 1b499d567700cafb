//! The story, told: what is done, as a person would type it, and what came back. What has to come out is decided in
//! `local_world::story`; this file only finds words for it.

use std::path::{Path, PathBuf};

use local_world::addresses::Addresses;
use local_world::deploy::{self, CLUSTER, Deployer, Function, STACK};
use local_world::kubernetes::{Kubernetes, Outcome};
use local_world::pods::NAMESPACE;
use local_world::story::{self, NGINX, Scene};
use local_world::trouble::{Result, Trouble};
use local_world::{counts, seed};

use crate::narrator::Narrator;

/// What the story is played with.
pub(crate) struct Props<'a> {
    pub(crate) root: &'a Path,
    pub(crate) demo: &'a Path,
    pub(crate) addresses: Addresses,
    pub(crate) deployer: PathBuf,
    /// The program `world`.
    pub(crate) guard: PathBuf,
}

/// Tells the whole story; with `keep` it ends before the destruction.
pub(crate) async fn tell(narrator: &mut Narrator, props: &Props<'_>, keep: bool) -> Result<()> {
    let world = &props.addresses;
    narrator.good(&format!("kube-apiserver {} at {}", world.version, world.server));
    narrator.good(&format!("AWS account {} in {} at {}", world.account, world.region, world.aws_endpoint));
    narrator.good(&format!("ECR at {} with these repositories:", world.ecr_endpoint));
    for (name, what) in REPOSITORIES {
        narrator.answer(&format!("    {name:<24} {what}"));
    }
    let cluster = Kubernetes::connect(world).await?;
    cluster.namespace(NAMESPACE).await?;

    narrator.chapter("Deploy the webhook");
    let deployer =
        Deployer::new(props.deployer.clone(), props.guard.clone(), Function::Source(props.root.to_owned()), world)?;
    narrator.command("deployer deploy --yes");
    deployer.deploy(true).await?.well("deploy")?;

    tell_nginx(narrator, &cluster, world.controllers).await?;
    for scene in story::scenes() {
        narrator.chapter(scene.title);
        tell_scene(narrator, &cluster, &scene).await?;
    }
    narrator.chapter("What CloudWatch counted");
    tell_counts(narrator, world).await?;
    if keep {
        return tell_kept(narrator, props, &cluster).await;
    }
    narrator.chapter("Destroy: the webhook first, then the stack");
    narrator.command("deployer destroy --yes");
    deployer.destroy(true).await?.well("destroy")?;
    story::nginx_is_admitted_again(&cluster).await?;
    narrator.command(&format!("kubectl -n {NAMESPACE} run after-destroy --image={NGINX}"));
    narrator.answer("pod/after-destroy created");
    narrator.good("The cluster admits Pods as before.");
    Ok(())
}

const REPOSITORIES: &[(&str, &str)] = &[
    (seed::COMPLIANT, "immutable tags, scanned on push"),
    (seed::MUTABLE, "tags can be overwritten"),
    (seed::UNSCANNED, "not scanned"),
    (seed::IMMUTABLE_EXCEPT, "immutable tags, except dev-*"),
    (seed::REGISTRY_SCANNED, "scanned by a rule of the registry"),
];

async fn tell_nginx(narrator: &mut Narrator, cluster: &Kubernetes, controllers: bool) -> Result<()> {
    if controllers {
        narrator.chapter("A Deployment of nginx gets no Pods");
        return tell_deployment(narrator, cluster).await;
    }
    narrator.chapter("A Pod of nginx is denied");
    narrator.say("(The control plane of KUBEBUILDER_ASSETS has no controllers: a bare Pod instead of a Deployment.)");
    narrator.command(&format!("kubectl -n {NAMESPACE} run {NGINX} --image={NGINX}"));
    let outcome = story::nginx_is_denied(cluster).await?;
    narrator.answer(&format!("Error from server: {}", outcome.message()));
    narrator.good("denied");
    Ok(())
}

async fn tell_deployment(narrator: &mut Narrator, cluster: &Kubernetes) -> Result<()> {
    narrator.command(&format!("kubectl -n {NAMESPACE} create deployment {NGINX} --image={NGINX}"));
    narrator.answer(&format!("deployment.apps/{NGINX} created"));
    let seen = story::deployment_gets_no_pods(cluster).await?;
    narrator.command(&format!("kubectl -n {NAMESPACE} get pods -l app={NGINX}"));
    narrator.answer(&format!("No resources found in {NAMESPACE} namespace."));
    narrator.command(&format!("kubectl -n {NAMESPACE} get events --field-selector reason=FailedCreate"));
    narrator.answer(&format!("Warning  FailedCreate  {}", seen.event));
    narrator.good("No Pod was made, and the event says why.");
    Ok(())
}

async fn tell_scene(narrator: &mut Narrator, cluster: &Kubernetes, scene: &Scene) -> Result<()> {
    match scene.images.as_slice() {
        [image] => narrator.command(&format!("kubectl -n {NAMESPACE} run {} --image={image}", scene.pod)),
        images => {
            narrator.command(&format!("kubectl -n {NAMESPACE} apply -f {}.yaml", scene.pod));
            for (i, image) in images.iter().enumerate() {
                narrator.answer(&format!("  # spec.containers[{i}].image: {image}"));
            }
        }
    }
    match scene.play(cluster).await? {
        Outcome::Admitted => {
            narrator.answer(&format!("pod/{} created", scene.pod));
            narrator.good("admitted");
        }
        Outcome::Denied { message, .. } => {
            narrator.answer(&format!("Error from server: {message}"));
            narrator.good("denied");
        }
    }
    Ok(())
}

async fn tell_counts(narrator: &mut Narrator, world: &Addresses) -> Result<()> {
    let cloudwatch = counts::client(world);
    let arriving = counts::await_at_least(&cloudwatch, CLUSTER, story::decisions());
    let counted = narrator.waiting("Waiting for the metrics to arrive", arriving).await?;
    narrator.answer(&format!(
        "{:<24} {:>6} {:>6}",
        format!("{} / Cluster={CLUSTER}", counts::NAMESPACE),
        "Pass",
        "Deny"
    ));
    narrator.answer(&format!("{:<36} {:>6} {:>6}", "since the deployment", counted.pass, counted.deny));
    narrator.good("The deployer's own probes and the ReplicaSet's retries are counted too.");
    Ok(())
}

async fn tell_kept(narrator: &mut Narrator, props: &Props<'_>, cluster: &Kubernetes) -> Result<()> {
    let missing = || Trouble::new(format!("the webhook configuration {STACK} has no URL"));
    let url = cluster.webhook_url(STACK).await?.ok_or_else(missing)?;
    let path = props.demo.join("env");
    deploy::write_env(&path, &props.addresses, &props.deployer, &url)?;
    narrator.chapter("Left running (KEEP=1)");
    narrator.command(&format!(". {}", path.display()));
    narrator.say("Then kubectl, the aws CLI and \"$DEPLOYER\" work against it from this shell.");
    narrator.say("`make demo-stop` ends it.");
    Ok(())
}
