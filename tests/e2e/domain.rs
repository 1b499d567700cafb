//! A name of the owner's for the endpoint, from the deploy that makes it to its end: the two steps by which the API's own
//! endpoint is closed, the way back, and the certificate that nobody sees here. Begins and ends with nothing deployed.
//!
//! What the local AWS does not show: that ACM has the certificate, that API Gateway presents it, and mutual TLS
//! (mutual.rs has the probe's side of that).

use local_world::addresses::{Addresses, NAME};
use local_world::deploy::{Deployer, STACK};
use local_world::kubernetes::Kubernetes;
use local_world::story;
use local_world::trouble::{Context, Result, Trouble};
use serde_json::Value;

use crate::killed::require;
use crate::webhook::ended;
use crate::{caller, reviews, vigil};

const FAIL: &str = "failure_policy = \"Fail\"\n";
const DOMAIN: &str = "[domain]\nname = \"webhook.example.com\"\n\
    certificate_arn = \"arn:aws:acm:eu-west-1:111122223333:certificate/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f\"\n";

pub(crate) async fn run(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    // Somebody's own cluster calls the front by its address, whatever the stack's endpoint is.
    if world.given_endpoint.is_some() {
        return Ok(());
    }
    deployer.configure(FAIL)?;
    deployer.deploy(false).await?.well("deploy")?;
    // Compliant of how the registry is scanned by now.
    let (pod, _) = reviews::enhanced();
    let moved = vigil::during(cluster, &pod, Box::pin(to_the_name_and_back(world, cluster, deployer))).await;
    let _ = std::fs::remove_file(world.dns());
    // Whatever became of it, what comes next begins with nothing.
    deployer.destroy(false).await?.well("destroy")?;
    moved?;
    require(cluster.webhook_url(STACK).await?.is_none(), "the webhook is still registered")
}

async fn to_the_name_and_back(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let own = called(cluster).await?;
    let named = format!("{FAIL}{DOMAIN}");
    deployer.configure(&named)?;
    // DNS does not have the name yet: it says what that needs, and tries for a minute, which nobody waits for here.
    let [flag, path] = deployer.function();
    let mut told = false;
    let waits = |line: &Value| {
        let text = line["text"].as_str().unwrap_or_default();
        told |= text.contains("webhook.example.com must point to d-");
        text.starts_with("Probing https://webhook.example.com")
    };
    let waited = deployer.killed_when(&["deploy", "--yes", &flag, &path], waits).await?;
    require(waited && told, "it was not said that DNS must have the name, or the name was not probed")?;
    require(called(cluster).await? == own, "the cluster was moved to a name that leads nowhere")?;
    std::fs::write(world.dns(), "").while_doing(|| "setting DNS".to_owned())?;
    ended(&deployer.deploy(false).await?, 0, &["Probing https://webhook.example.com as demo"])?;
    judges_by_name(cluster).await?;
    let by_name = called(cluster).await?;
    require(caller::call(world, &own, None).await? == 200, "the API's own endpoint is closed already")?;

    // Closed in a deploy of its own.
    deployer.configure(&format!("{named}default_endpoint = false\n"))?;
    let [flag, path] = deployer.function();
    ended(
        &deployer.run(&["plan", "--exit-code", &flag, &path], false).await?,
        5,
        &["~ DisableExecuteApiEndpoint", "!"],
    )?;
    deployer.deploy(false).await?.well("deploy that closes the API's own endpoint")?;
    judges_by_name(cluster).await?;
    require(caller::call(world, &own, None).await? == 404, "the API's own endpoint is still open")?;

    ended(&deployer.run(&["rotate", "--yes"], false).await?, 0, &["with a new secret"])?;
    judges_by_name(cluster).await?;
    require(caller::call(world, &by_name, None).await? == 404, "a former secret is known yet")?;
    ended(&deployer.deploy(false).await?, 0, &["no changes"])?;

    // And back: the endpoint first, the name after it.
    deployer.configure(&format!("{FAIL}endpoint = \"{}\"\n{DOMAIN}", origin(&own)))?;
    deployer.deploy(false).await?.well("deploy back to the API's own endpoint")?;
    require(origin(&called(cluster).await?) == origin(&own), "the cluster was not moved back")?;
    deployer.configure(FAIL)?;
    ended(&deployer.deploy(false).await?, 0, &["- ApiDomain "])?;
    story::nginx_is_denied(cluster).await?;
    require(origin(&called(cluster).await?) == origin(&own), "the cluster is not called by the API's own endpoint")
}

async fn judges_by_name(cluster: &Kubernetes) -> Result<()> {
    require(origin(&called(cluster).await?) == format!("https://{NAME}"), "the cluster does not call the name")?;
    story::nginx_is_denied(cluster).await?;
    let (pod, expected) = reviews::enhanced();
    expected.check("the Pod", &cluster.create_pod(&pod, true).await?)
}

async fn called(cluster: &Kubernetes) -> Result<String> {
    cluster.webhook_url(STACK).await?.ok_or_else(|| Trouble::new("the webhook is not registered"))
}

fn origin(url: &str) -> String {
    url.split('/').take(3).collect::<Vec<_>>().join("/")
}
