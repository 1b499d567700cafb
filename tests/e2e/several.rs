//! Several clusters behind one stack, in one run: a second control plane beside the world's own. First one that cannot
//! reach the endpoint, so that the run fails in the middle, then one that can.

use std::path::Path;

use local_world::addresses::Addresses;
use local_world::deploy::{Deployer, STACK};
use local_world::kubernetes::Kubernetes;
use local_world::pods;
use local_world::story::{self, denied};
use local_world::tools::ControlPlane;
use local_world::trouble::{Result, Trouble};
use local_world::{root, tools};

use crate::report::Report;
use crate::second::{FIRST, Second, renamed};
use crate::webhook::ended;

/// Exit codes of the deployer.
const FAILED: i32 = 1;
const USAGE: i32 = 2;
const UNSAFE: i32 = 4;

/// To be called with no stack and no webhook there.
pub(crate) async fn run(world: &Addresses, first: &Kubernetes, deployer: &Deployer, report: &mut Report) {
    report.scenario("several: one cluster by two names is refused", doubled(world, deployer)).await;
    let whole = async {
        match tools::control_plane(&root::checkout()?, &mut |_: &str| ()).await? {
            ControlPlane::Built(program) => in_two(&program, world, first, deployer).await,
            // Without Go there is one control plane, and nothing to start another one from.
            ControlPlane::Assets(_) | ControlPlane::Given(_) => Ok(()),
        }
    };
    report.scenario("several: a failure in the second, then both, then none", Box::pin(whole)).await;
    report.scenario("several: the settings from before", async { deployer.configure("") }).await;
}

async fn doubled(world: &Addresses, deployer: &Deployer) -> Result<()> {
    let alias = renamed(&world.kubeconfig, &world.dir.join("kubeconfig-alias"), "alias")?;
    let deployer = deployer.with_kubeconfigs(&[&world.kubeconfig, &alias]);
    configure(&deployer, &[FIRST, "alias"])?;
    let finished = deployer.deploy(false).await?;
    ended(&finished, UNSAFE, &["the contexts local-world and alias are the same cluster"])
}

async fn in_two(program: &Path, world: &Addresses, first: &Kubernetes, deployer: &Deployer) -> Result<()> {
    // Nobody listens on the lowest port.
    let lost = Second::start(program, world, "lost", "http://127.0.0.1:1", None).await?;
    let both = deployer.with_kubeconfigs(&[&world.kubeconfig, &lost.kubeconfig]);
    configure(&both, &[FIRST, "lost"])?;
    let finished = both.deploy(false).await?;
    let says =
        ["in the context lost: ", "Registered and proven: local-world. Not: lost (this failure). Not touched: none"];
    let failed = ended(&finished, FAILED, &says);
    let put_back = lost.cluster.webhook(STACK).await?.is_none();
    lost.process.stop().await;
    failed?;
    check(put_back, "the webhook was not put back in the second cluster")?;
    refused(first).await?;
    let unreachable = both.deploy(false).await?;
    ended(&unreachable, FAILED, &["the cluster of the context lost cannot be used"])?;

    let second = Second::start(program, world, "second", &world.proxy, None).await?;
    let both = deployer.with_kubeconfigs(&[&world.kubeconfig, &second.kubeconfig]);
    configure(&both, &[FIRST, "second"])?;
    let result = registered_and_gone(first, &second.cluster, &both).await;
    second.process.stop().await;
    result
}

async fn registered_and_gone(first: &Kubernetes, second: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let asked = ["The API server of local-world asks", "The API server of second asks"];
    ended(&deployer.deploy(false).await?, 0, &asked)?;
    refused(first).await?;
    refused(second).await?;
    let [one, other] = [first.webhook_url(STACK).await?, second.webhook_url(STACK).await?];
    let named = |url: &Option<String>, name: &str| url.as_ref().is_some_and(|url| url.contains(name));
    check(named(&one, "/v1/local-world/") && named(&other, "/v1/second/"), "each calls by its own name")?;
    let status = deployer.run(&["status", "--output", "json"], false).await?;
    for context in ["\"context\":\"local-world\"", "\"context\":\"second\""] {
        check(status.said.contains(context), &format!("status shows {context}"))?;
    }

    ended(&deployer.run(&["webhook", "check"], false).await?, USAGE, &["--context: local-world, second"])?;
    ended(&deployer.run(&["webhook", "check", "--context", "second"], false).await?, 0, &["the same as"])?;
    let partly = deployer.run(&["destroy", "--yes", "--context", "second"], false).await?;
    ended(&partly, USAGE, &["leaves out local-world"])?;

    let gone = deployer.destroy(false).await?;
    let seen = "a Pod that was refused before is admitted now";
    ended(&gone, 0, &["from the context local-world", "from the context second", seen])?;
    check(gone.said.matches(seen).count() == 2, "it was looked in both whether Pods are admitted")?;
    check(second.webhook(STACK).await?.is_none(), "the webhook is gone from the second")?;
    check(first.webhook(STACK).await?.is_none(), "the webhook is gone from the first")
}

fn configure(deployer: &Deployer, contexts: &[&str]) -> Result<()> {
    let clusters: Vec<String> =
        contexts.iter().map(|context| format!("[[clusters]]\ncontext = \"{context}\"\n")).collect();
    deployer.configure_clusters(&clusters.join("\n"))
}

/// A Pod of nginx is, by a verdict.
pub(crate) async fn refused(cluster: &Kubernetes) -> Result<()> {
    let pod = pods::pod("several", &[story::NGINX.to_owned()]);
    denied(&["denied the request", "registry"]).check("nginx", &cluster.create_pod(&pod, true).await?)
}

pub(crate) fn check(holds: bool, what: &str) -> Result<()> {
    holds.then_some(()).ok_or_else(|| Trouble::new(format!("it does not hold: {what}")))
}
