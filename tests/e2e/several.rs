//! Other ways to be called than by one cluster with its secret in the URL. Several clusters behind one stack, in one run: a second control plane beside the world's own. First one
//! that cannot reach the endpoint, so that the run fails in the middle, then one that can.

use std::path::{Path, PathBuf};

use local_world::addresses::Addresses;
use local_world::cluster::{self, Way};
use local_world::deploy::{Deployer, STACK};
use local_world::kubernetes::Kubernetes;
use local_world::pods::{self, NAMESPACE};
use local_world::process::Process;
use local_world::story::{self, denied};
use local_world::tools::ControlPlane;
use local_world::trouble::{Context, Result, Trouble};
use local_world::{root, tools};
use serde_json::{Value, json};

use crate::report::Report;
use crate::webhook::{edit, ended};

/// The context of the world's own cluster.
const FIRST: &str = "local-world";
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
    let token = Box::pin(token(world, first, deployer));
    report.scenario("token: the function takes it, and an API server without it is put back", token).await;
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
    let lost = Second::start(program, world, "lost", "http://127.0.0.1:1").await?;
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

    let second = Second::start(program, world, "second", &world.proxy).await?;
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

/// A control plane of this test's own.
struct Second {
    process: Process,
    cluster: Kubernetes,
    kubeconfig: PathBuf,
}

impl Second {
    async fn start(program: &Path, world: &Addresses, name: &str, proxy: &str) -> Result<Self> {
        let dir = world.dir.join(name);
        for folder in ["logs", "tmp"] {
            let folder = dir.join(folder);
            std::fs::create_dir_all(&folder).while_doing(|| format!("creating {}", folder.display()))?;
        }
        let way = Way { proxy, ca_bundle: &world.ca_bundle };
        let (process, _) = cluster::start(program, &dir, &way).await?;
        let own = dir.join("kubeconfig");
        let cluster = Kubernetes::connect_with(&own).await?;
        cluster.namespace(NAMESPACE).await?;
        let kubeconfig = renamed(&own, &dir.join("kubeconfig-renamed"), name)?;
        Ok(Self { process, cluster, kubeconfig })
    }
}

/// A copy in which cluster, user and context have another name.
fn renamed(from: &Path, to: &Path, name: &str) -> Result<PathBuf> {
    let text = std::fs::read_to_string(from).while_doing(|| format!("reading {}", from.display()))?;
    std::fs::write(to, text.replace(FIRST, name)).while_doing(|| format!("writing {}", to.display()))?;
    Ok(to.to_owned())
}

fn configure(deployer: &Deployer, contexts: &[&str]) -> Result<()> {
    let clusters: Vec<String> =
        contexts.iter().map(|context| format!("[[clusters]]\ncontext = \"{context}\"\n")).collect();
    deployer.configure_clusters(&clusters.join("\n"))
}

async fn refused(cluster: &Kubernetes) -> Result<()> {
    let pod = pods::pod("several", &[story::NGINX.to_owned()]);
    denied(&["denied the request", "registry"]).check("nginx", &cluster.create_pod(&pod, true).await?)
}

fn check(holds: bool, what: &str) -> Result<()> {
    holds.then_some(()).ok_or_else(|| Trouble::new(format!("it does not hold: {what}")))
}

/// The local API servers have no file with a token, so the function's own answer is seen and the cluster's proof fails.
async fn token(world: &Addresses, first: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let token = "0123456789abcdef".repeat(4);
    deployer.deploy(false).await?.well("deploy")?;
    let in_url = first.webhook_url(STACK).await?;
    deployer.configure("credentials = \"bearer\"")?;
    ended(&deployer.deploy(false).await?, USAGE, &["needs the token in DEPLOYER_CALLER_SECRET"])?;
    let given = deployer.with_variable("DEPLOYER_CALLER_SECRET", &token);
    let finished = given.deploy(false).await?;
    let says = ["a wrong caller: expected 404", "does not ask the webhook", "--admission-configuration DIR"];
    ended(&finished, FAILED, &says)?;
    check(!finished.said.contains(&token), "the token is not shown")?;
    check(first.webhook_url(STACK).await? == in_url, "the webhook was put back")?;
    let render = ["webhook", "render", "--admission-configuration", "admission"];
    ended(&given.run(&render, false).await?, 0, &["kubeconfig.yaml (it holds the token)"])?;
    let path = world.dir.join("admission/kubeconfig.yaml");
    let text = std::fs::read_to_string(&path).while_doing(|| format!("reading {}", path.display()))?;
    check(text.contains(&token) && text.contains(".execute-api."), "the file names the host and the token")?;
    ended(&deployer.run(&["webhook", "render"], false).await?, 0, &["/v1/demo\"\n"])?;

    two_secrets(first, deployer, &given).await?;
    deployer.configure("")?;
    deployer.deploy(false).await?.well("deploy")?;
    refused(first).await?;
    deployer.destroy(false).await?.well("destroy").map(drop)
}

/// The stack knows the secret in the URL and the token; the API server calls by the URL all along.
async fn two_secrets(first: &Kubernetes, deployer: &Deployer, given: &Deployer) -> Result<()> {
    let [flag, path] = deployer.function();
    let probing =
        |line: &Value| line["kind"] == "step" && line["text"].as_str().is_some_and(|text| text.starts_with("Probing"));
    check(given.killed_when(&["deploy", "--yes", &flag, &path], probing).await?, "the stack was deployed again")?;
    refused(first).await?;
    ended(&given.run(&["rotate", "--finish", "--yes"], false).await?, USAGE, &["has its secret in the webhook's URL"])?;

    // As if the API servers had been given a token.
    let in_url = first.webhook_url(STACK).await?.unwrap_or_default();
    let bare = in_url.rsplit_once('/').map(|(bare, _)| bare.to_owned()).unwrap_or_default();
    edit(first, &json!({ "clientConfig": { "url": bare } })).await?;
    let third = deployer.with_variable("DEPLOYER_CALLER_SECRET", &"9".repeat(64));
    ended(&third.deploy(false).await?, UNSAFE, &["the stack knows 2 secrets of demo already", "rotate --finish"])?;
    ended(&third.run(&["rotate", "--finish", "--yes"], false).await?, UNSAFE, &["does not know the token"])?;
    let finished = given.run(&["rotate", "--finish", "--yes"], false).await?;
    ended(&finished, FAILED, &["forget the others", "know again what it knew", "All secrets are known again"])?;
    edit(first, &json!({ "clientConfig": { "url": in_url } })).await?;
    refused(first).await
}
