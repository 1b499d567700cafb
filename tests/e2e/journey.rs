//! The whole way on one local world, in order: deploy, the story, everything that may be asked of the webhook, deploy
//! again, destroy, nothing left.

use std::path::Path;

use aws_sdk_ecr::types::{ScanFrequency, ScanType};
use local_world::addresses::Addresses;
use local_world::deploy::{CLUSTER, Deployer, Function, STACK};
use local_world::kubernetes::Kubernetes;
use local_world::pods::NAMESPACE;
use local_world::supervisor::Supervised;
use local_world::trouble::{Result, Trouble};
use local_world::{counts, root, seed, story};

use crate::report::Report;
use crate::tail::{self, Tail};
use crate::{
    busy, canaries, domain, killed, leftovers, operating, permitted, pipes, policy, provisioned, recovery, reviews,
    several, updates, webhook,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_product_works_from_deploy_to_destroy_on_a_local_world() {
    let program = root::program("DEPLOYER", "deployer").unwrap();
    let function = Function::Artifact(root::program("FUNCTION", "bootstrap").unwrap());
    let mut world = Supervised::spawn(Path::new(env!("CARGO_BIN_EXE_world")), &leftovers::folder("journey")).unwrap();
    let addresses = world.ready().await.unwrap();
    let cluster = Kubernetes::connect(&addresses).await.unwrap();
    let deployer = Deployer::new(program, env!("CARGO_BIN_EXE_world").into(), function, &addresses).unwrap();

    let mut report = Report::default();
    Box::pin(act(&mut report, &addresses, &cluster, &deployer)).await;
    drop(cluster);
    let stopped = async {
        world.stop().await?;
        leftovers::await_nothing(&addresses).await
    };
    report.scenario("the end: no process, no port, no file is left", stopped).await;
    leftovers::sweep(&addresses.dir);
    report.conclude();
}

async fn act(report: &mut Report, world: &Addresses, cluster: &Kubernetes, deployer: &Deployer) {
    let prepared = async {
        cluster.namespace(NAMESPACE).await?;
        updates::prepare(cluster).await
    };
    report.scenario("a Pod from before the deployment", prepared).await;
    report.scenario("deploy: a wrong context is named, with those there are", wrong_context(deployer)).await;
    if !report.scenario("deploy", async { deployer.deploy(false).await?.well("deploy").map(drop) }).await {
        return;
    }
    tell_story(report, world, cluster).await;
    reviews::run(cluster, report).await;
    updates::run(cluster, report).await;
    policy::without(world, cluster, report).await;
    report.scenario("busy: ECR throttles, and the Pod comes again by itself", busy::comes_again(world, cluster)).await;
    report.scenario("deploy: again, with no changes, is a success", again(cluster, deployer)).await;
    canaries::run(world, cluster, deployer, report).await;
    operating::well(world, deployer, report).await;
    pipes::run(deployer, report).await;
    let tail = Tail::start(world, deployer);
    tail::burst(cluster, report, "before").await;
    operating::trouble(world, cluster, deployer, report).await;
    policy::with(cluster, deployer, report).await;
    tail::burst(cluster, report, "after").await;
    report
        .scenario("logs: followed over bursts and a new version, each line once", async { tail?.complete().await })
        .await;
    report.scenario("deploy: without that policy", plain(deployer)).await;
    report.scenario("create: scanned by ENHANCED scanning of the registry", enhanced(world, cluster)).await;
    // Outages, in which the API server itself logs the URL that it cannot reach: after the search for secrets.
    webhook::run(cluster, deployer, report).await;
    report.scenario("doctor: by who has the least policy, and less", permitted::run(world, deployer)).await;
    report.scenario("destroy: webhook and stack are gone, Pods are admitted", destroy(cluster, deployer)).await;
    report
        .scenario("destroy: again is a success", async { deployer.destroy(false).await?.well("destroy").map(drop) })
        .await;
    Box::pin(several::run(world, cluster, deployer, report)).await;
    let provisioned = Box::pin(provisioned::run(world, cluster, deployer));
    report.scenario("provisioned: a version that is published whenever something changes", provisioned).await;
    let named = Box::pin(domain::run(world, cluster, deployer));
    report.scenario("domain: to a name of the owner's, and back", named).await;
    recovery::run(world, deployer, report).await;
    Box::pin(killed::run(cluster, deployer, report)).await;
}

async fn tell_story(report: &mut Report, world: &Addresses, cluster: &Kubernetes) {
    let cloudwatch = counts::client(world);
    let nginx = async {
        if world.controllers {
            return story::deployment_gets_no_pods(cluster).await.map(drop);
        }
        story::nginx_is_denied(cluster).await.map(drop)
    };
    report.scenario("story: a Deployment of nginx gets no Pods", nginx).await;
    for scene in story::scenes() {
        report.scenario(&format!("story: {}", scene.title), async { scene.play(cluster).await.map(drop) }).await;
    }
    let counted = async { counts::await_at_least(&cloudwatch, CLUSTER, story::decisions()).await.map(drop) };
    report.scenario("story: CloudWatch counts passes and denials", counted).await;
}

/// Back to the settings that the journey began with.
async fn plain(deployer: &Deployer) -> Result<()> {
    deployer.configure("")?;
    deployer.deploy(false).await?.well("deploy").map(drop)
}

async fn wrong_context(deployer: &Deployer) -> Result<()> {
    let finished = deployer.run(&["deploy", "--yes", "--context", "no-such-context"], false).await?;
    let known = "local-world";
    if finished.code != 0 && finished.said.contains("no-such-context") && finished.said.contains(known) {
        return Ok(());
    }
    Err(Trouble::new(format!("exit code {}: {}", finished.code, finished.said)))
}

async fn enhanced(world: &Addresses, cluster: &Kubernetes) -> Result<()> {
    let ecr = seed::client(&world.ecr_endpoint);
    let rules = [(ScanFrequency::ContinuousScan, "demo/enhanced-*"), (ScanFrequency::ScanOnPush, "demo/registry-*")];
    seed::scan_registry(&ecr, ScanType::Enhanced, &rules).await?;
    let (pod, expected) = reviews::enhanced();
    let outcome = cluster.create_pod(&pod, true).await?;
    expected.check("the Pod", &outcome)
}

/// The caller's secret is reused: the webhook's URL stays what it was.
async fn again(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let before = cluster.webhook_url(STACK).await?;
    deployer.deploy(false).await?.well("deploy")?;
    let same = before.is_some() && cluster.webhook_url(STACK).await? == before;
    same.then_some(()).ok_or_else(|| Trouble::new("the webhook's URL is not the one from before"))
}

async fn destroy(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let finished = deployer.destroy(false).await?.well("destroy")?;
    if !finished.said.contains("a Pod that was refused before is admitted now") {
        return Err(Trouble::new(format!("it was not looked whether Pods are admitted: {}", finished.said)));
    }
    if cluster.webhook(STACK).await?.is_some() {
        return Err(Trouble::new("the webhook configuration is still there"));
    }
    story::nginx_is_admitted_again(cluster).await
}
