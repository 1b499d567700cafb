//! Nothing of a Pod but its names and its images is written anywhere: secrets are planted in Pods, and everything that
//! the system wrote is searched for them. And the way from a denial to its lines in both logs.

use std::path::Path;

use local_world::addresses::Addresses;
use local_world::deploy::{Deployer, STACK};
use local_world::kubernetes::{Kubernetes, Outcome};
use local_world::pods::{NAMESPACE, deployment, pod};
use local_world::seed::{self, image};
use local_world::trouble::{Context, Result, Trouble};
use local_world::{counts, logs};
use serde_json::{Value, json};

use crate::report::Report;

/// In everything that is planted.
const CANARY: &str = "canary-4f1d";

/// To be called while the webhook is registered.
pub(crate) async fn run(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer, report: &mut Report) {
    let mut denial = String::new();
    let planted = async {
        denial = plant(world, cluster).await?;
        Ok(())
    };
    report.scenario("canaries: Pods with secrets are judged", planted).await;
    report.scenario("canaries: one id leads from the denial to both logs", joined(world, deployer, &denial)).await;
    report.scenario("canaries: nothing of them was written anywhere", silent(world, cluster, deployer, &denial)).await;
}

/// Puts a secret wherever a Pod has room for one.
fn with_secrets(pod: &mut Value, spec: &str) {
    let secret = |place: &str| format!("{CANARY}-{place}");
    pod["metadata"]["annotations"] = json!({ "note": secret("annotation") });
    let Some(spec) = pod.pointer_mut(spec) else { return };
    spec["volumes"] = json!([{ "name": "v", "secret": { "secretName": secret("volume") } }]);
    spec["imagePullSecrets"] = json!([{ "name": secret("pull") }]);
    let container = &mut spec["containers"][0];
    container["env"] = json!([{ "name": "TOKEN", "value": secret("env") }]);
    container["args"] = json!([format!("--password={}", secret("argument"))]);
    container["command"] = json!(["run", secret("command")]);
}

/// The message of the denial.
async fn plant(world: &Addresses, cluster: &Kubernetes) -> Result<String> {
    let mut good = pod("canary-good", &[image(&format!("{}:v1", seed::COMPLIANT))]);
    with_secrets(&mut good, "/spec");
    let mut bad = pod("canary-bad", &["nginx".to_owned()]);
    with_secrets(&mut bad, "/spec");
    let mut maker = deployment("canary-maker", "nginx");
    with_secrets(&mut maker, "/spec/template/spec");
    let (admitted, denied) = (cluster.create_pod(&good, true).await?, cluster.create_pod(&bad, true).await?);
    cluster.create_deployment(&maker).await?;
    if world.controllers {
        cluster.failed_create(NAMESPACE, "canary-maker").await?;
    }
    match (admitted, denied) {
        (Outcome::Admitted, Outcome::Denied { message, .. }) => Ok(message),
        other => Err(Trouble::new(format!("{other:?}"))),
    }
}

async fn joined(world: &Addresses, deployer: &Deployer, denial: &str) -> Result<()> {
    let said = deployer.run(&["logs", "--since", "1h", "--output", "json"], false).await?.well("logs")?.said;
    let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let line = lines.map(|line| line["line"].clone()).find(|line| line["name"] == "canary-bad");
    let line = line.ok_or_else(|| Trouble::new("the denial is not in the function's log"))?;
    let text = |key: &str| line[key].as_str().filter(|text| !text.is_empty()).unwrap_or("missing").to_owned();
    let (uid, api) = (text("requestUid"), text("apiRequestId"));
    let named = denial.contains(&uid);
    let access = access_log(world, deployer).await?;
    let noted = access.lines().any(|line| line.contains(&api) && line.contains("\"status\":\"200\""));
    (named && noted)
        .then_some(())
        .ok_or_else(|| Trouble::new(format!("{uid} in the denial: {named}; {api} in the access log: {noted}")))
}

/// Every line of the API's access log.
async fn access_log(world: &Addresses, deployer: &Deployer) -> Result<String> {
    let said = deployer.run(&["status", "--output", "json"], false).await?.said;
    let status =
        said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find(|line| line["kind"] == "status");
    let group = status.and_then(|status| status["stack"]["outputs"]["ApiLogGroup"].as_str().map(str::to_owned));
    let group = group.ok_or_else(|| Trouble::new(format!("status names no access log: {said}")))?;
    Ok(logs::lines(world, &group).await?.join("\n"))
}

async fn silent(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer, denial: &str) -> Result<()> {
    let url = cluster.webhook_url(STACK).await?.unwrap_or_default();
    let secret = url.rsplit('/').next().unwrap_or_default().to_owned();
    let mut written = vec![("the denial".to_owned(), denial.to_owned())];
    for command in [&["logs", "--since", "1h"][..], &["metrics"], &["status"]] {
        for format in ["text", "json"] {
            let said = deployer.run(&[command, &["--output", format]].concat(), false).await?.said;
            written.push((format!("deployer {} as {format}", command.join(" ")), said));
        }
    }
    written.push(("the access log".to_owned(), access_log(world, deployer).await?));
    written.push(("the names of metrics".to_owned(), metrics(world).await?));
    written.push(("the API server's events".to_owned(), cluster.events().await?));
    files(&world.dir.join("logs"), &mut written)?;
    let found: Vec<&str> = written
        .iter()
        .filter(|(place, text)| {
            // What the API server itself says of a call that failed is its own; see the security model.
            let ours = !place.contains("cluster");
            text.contains(CANARY) || secret.len() != 64 || (ours && text.contains(&secret))
        })
        .map(|(place, _)| place.as_str())
        .collect();
    // The Pod's own name is found, so this does look where something is written.
    let seen = written.iter().filter(|(_, text)| text.contains("canary-bad")).count();
    if seen < 2 {
        return Err(Trouble::new("not even the name of the Pod was found"));
    }
    found.is_empty().then_some(()).ok_or_else(|| Trouble::new(format!("found in {}", found.join(", "))))
}

async fn metrics(world: &Addresses) -> Result<String> {
    let metrics = counts::client(world).list_metrics().send().await.while_doing(|| "listing metrics".to_owned())?;
    Ok(format!("{:?}", metrics.metrics()))
}

fn files(dir: &Path, written: &mut Vec<(String, String)>) -> Result<()> {
    let doing = || format!("reading {}", dir.display());
    for entry in std::fs::read_dir(dir).while_doing(doing)? {
        let path = entry.while_doing(doing)?.path();
        if path.is_dir() {
            files(&path, written)?;
        } else {
            let bytes = std::fs::read(&path).while_doing(doing)?;
            written.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    Ok(())
}
