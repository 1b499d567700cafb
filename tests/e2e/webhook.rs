//! The webhook in the hands of an operator: checked, promoted, paused, kept by Argo CD. Everything is asked of the real API
//! server, whose own clock decides when a pause is over.

use local_world::deploy::{Deployer, Finished, STACK};
use local_world::kubernetes::Kubernetes;
use local_world::pods::{self, NAMESPACE};
use local_world::seed::image;
use local_world::story::{Expected, denied};
use local_world::trouble::{Result, Trouble};
use serde_json::{Value, json};

use crate::report::Report;
use crate::{reviews, vigil};

const PODS: &str = "pods.ecr-compliance.webhook";
/// Exit codes of the deployer.
const REFUSED: i32 = 3;
const UNSAFE: i32 = 4;
const CHANGED: i32 = 5;

/// To be called while the webhook is registered, and with the Pod `updated` there.
pub(crate) async fn run(cluster: &Kubernetes, deployer: &Deployer, report: &mut Report) {
    report.scenario("check: as it should be, and what somebody edited", check(cluster, deployer)).await;
    report.scenario("promote: after a proof, and the next deploy keeps it", promote(cluster, deployer)).await;
    report.scenario("pause: in an outage of everything, Pods pass", outage(cluster, deployer)).await;
    report.scenario("pause: a deploy keeps it, resume ends it", kept(cluster, deployer)).await;
    report.scenario("pause: it ends by itself at its second", ends(cluster, deployer)).await;
    report.scenario("gitops: what Argo CD keeps is not touched", gitops(cluster, deployer)).await;
    report.scenario("rotate: no call is unknown meanwhile", rotate(cluster, deployer)).await;
    report.scenario("doctor: well, and what is wrong", doctor(cluster, deployer)).await;
    report.scenario("demote: at once, without AWS", demote(cluster, deployer)).await;
    report.scenario("contexts: pinned, and confirmed by name", contexts(deployer)).await;
}

async fn check(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    ended(&deployer.run(&["webhook", "check"], false).await?, 0, &["the same as"])?;
    deployer.run(&["webhook", "render", "--out", "webhook.yaml"], false).await?.well("render")?;
    let same = ["webhook.yaml: the same as", "the webhook in the cluster: the same as webhook.yaml"];
    ended(&deployer.run(&["webhook", "check", "webhook.yaml"], false).await?, 0, &same)?;

    edit(cluster, &json!({ "timeoutSeconds": 7 })).await?;
    let differs = ["~ timeoutSeconds of pods.ecr-compliance.webhook: 7 -> 5", "deployer deploy"];
    ended(&deployer.run(&["webhook", "check"], false).await?, CHANGED, &differs)?;
    let url = cluster.webhook_url(STACK).await?.unwrap_or_default();
    edit(cluster, &json!({ "clientConfig": { "url": url.replace("/v1/", "/v2/") } })).await?;
    let finished = deployer.run(&["webhook", "check", "webhook.yaml"], false).await?;
    let secret = url.rsplit('/').next().unwrap_or_default();
    if secret.is_empty() || finished.said.contains(secret) {
        return Err(Trouble::new("the caller's secret is shown"));
    }
    ended(&finished, CHANGED, &["webhook.yaml: the same as", "path of the url"])?;

    edit(cluster, &json!({ "clientConfig": { "url": url } })).await?;
    deployer.deploy(false).await?.well("deploy")?;
    ended(&deployer.run(&["webhook", "check"], false).await?, 0, &[])
}

async fn promote(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    // Metrics come some time after the decisions; that there is an answer is what counts here.
    let told = ["Deny: ", "Undecided: ", "5xx: ", "denied the request", "failurePolicy Fail"];
    ended(&deployer.run(&["webhook", "promote", "--yes"], false).await?, 0, &told)?;
    is(cluster, "failurePolicy", &json!("Fail")).await?;
    deployer.deploy(false).await?.well("deploy")?;
    is(cluster, "failurePolicy", &json!("Fail")).await?;
    deployer.run(&["webhook", "render", "--out", "webhook.yaml"], false).await?.well("render")?;
    let same = ["the webhook in the cluster: the same as webhook.yaml"];
    ended(&deployer.run(&["webhook", "check", "webhook.yaml"], false).await?, 0, &same)
}

/// Function and AWS are both gone, and the policy is `Fail`: nothing can be created until somebody pauses.
async fn outage(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let url = cluster.webhook_url(STACK).await?.unwrap_or_default();
    let (_, path) = url.split_once("/v1/").ok_or_else(|| Trouble::new("the webhook's URL has no /v1/"))?;
    edit(cluster, &json!({ "clientConfig": { "url": format!("https://127.0.0.1:1/v1/{path}") } })).await?;
    cluster.await_no_answer(&pods::pod("outage", &[image("demo/compliant:v1")])).await?;

    let pause = ["webhook", "pause", "--yes", "--for", "10m", "--reason", "drill"];
    let deployer_alone = deployer.without_aws();
    ended(&deployer_alone.run(&pause, false).await?, 0, &["paused until", "drill"])?;
    let pod = pods::pod("outage", &[image("demo/compliant:v1")]);
    Expected::Admitted.check("a Pod in the outage", &cluster.create_pod(&pod, true).await?)?;
    let forced = deployer_alone.run(&["webhook", "resume"], false).await?;
    ended(&forced, 0, &["not paused", "failed calling webhook"])?;
    // The address is back; and what a person edited is ours again.
    edit(cluster, &json!({ "clientConfig": { "url": url } })).await
}

async fn kept(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let pause = ["webhook", "pause", "--yes", "--for", "10m", "--reason", "a deploy goes on"];
    ended(&deployer.without_aws().run(&pause, false).await?, 0, &["paused until"])?;
    let before = conditions(cluster).await?;
    ended(&deployer.deploy(false).await?, 0, &["keeps it so: paused until", "a deploy goes on"])?;
    ended(&deployer.run(&["webhook", "check"], false).await?, 0, &["paused until", "a deploy goes on"])?;
    if before.is_null() || conditions(cluster).await? != before {
        return Err(Trouble::new("the deploy did not keep the pause"));
    }
    is(cluster, "failurePolicy", &json!("Fail")).await?;
    Expected::Admitted.check("nginx, paused,", &cluster.create_pod(&nginx(None), true).await?)?;
    ended(&deployer.without_aws().run(&["webhook", "resume"], false).await?, 0, &["ending: ", "not paused"])?;
    denied(&["registry"]).check("nginx, resumed,", &cluster.create_pod(&nginx(None), true).await?)?;
    ended(&deployer.without_aws().run(&["webhook", "resume"], false).await?, 0, &["not paused"])
}

async fn ends(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let pause = ["webhook", "pause", "--yes", "--for", "12s", "--reason", "it ends by itself"];
    ended(&deployer.without_aws().run(&pause, false).await?, 0, &["paused until"])?;
    let object = cluster.webhook_object(STACK).await?;
    let until = object["metadata"]["annotations"]["ecr-compliance.webhook/paused-until"].as_str().unwrap_or_default();
    let patch = json!({ "spec": { "containers": [{ "name": "c0", "image": "nginx" }] } });
    denied(&["registry"]).check("a bad image for a Pod", &cluster.patch_pod(NAMESPACE, "updated", &patch).await?)?;
    // Both kinds of Pods at once, again and again, until the API server itself says that the time is over.
    let mut admitted = 0;
    loop {
        for pod in [nginx(None), nginx(Some("2001-01-01T00:00:00Z")), nginx(Some("2099-01-01T00:00:00Z"))] {
            match cluster.stamp(&pod).await? {
                Ok(stamp) if stamp.as_str() < until => admitted += 1,
                Ok(stamp) => return Err(Trouble::new(format!("a Pod of {stamp} was admitted; until was {until}"))),
                Err((date, message)) if date.as_str() >= until && message.contains("denied the request") => {
                    return over(cluster, admitted).await;
                }
                Err((date, message)) => {
                    return Err(Trouble::new(format!("at {date} a Pod was refused; until was {until}: {message}")));
                }
            }
        }
    }
}

/// From the named second on: whatever the sender writes, and without anybody's doing.
async fn over(cluster: &Kubernetes, admitted: usize) -> Result<()> {
    if admitted == 0 {
        return Err(Trouble::new("no Pod was admitted while it was paused"));
    }
    for pod in [nginx(None), nginx(Some("2001-01-01T00:00:00Z"))] {
        denied(&["registry"]).check("nginx, after the pause,", &cluster.create_pod(&pod, true).await?)?;
    }
    Ok(())
}

async fn gitops(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let mark = |value: Value| json!({ "metadata": { "annotations": { "argocd.argoproj.io/tracking-id": value } } });
    cluster.patch_webhook(STACK, &mark(json!("platform:x"))).await?;
    let before = cluster.webhook_object(STACK).await?;
    let way_out = ["kept by Argo CD", "hint:"];
    let pause = ["webhook", "pause", "--yes", "--for", "1m", "--reason", "x"];
    for arguments in [&pause[..], &["webhook", "demote", "--yes"], &["destroy", "--yes"]] {
        ended(&deployer.run(arguments, false).await?, UNSAFE, &way_out)?;
    }
    ended(&deployer.deploy(false).await?, 0, &["kept by Argo CD", "nothing to apply", "Proven"])?;
    if cluster.webhook_object(STACK).await? != before {
        return Err(Trouble::new("the object was changed"));
    }
    edit(cluster, &json!({ "timeoutSeconds": 7 })).await?;
    ended(&deployer.deploy(false).await?, UNSAFE, &["timeoutSeconds", "kept by Argo CD", "render --out FILE"])?;
    is(cluster, "timeoutSeconds", &json!(7)).await?;
    let forced = [&pause[..], &["--force"]].concat();
    ended(&deployer.run(&forced, false).await?, 0, &["will undo the change", "paused until"])?;
    ended(&deployer.run(&["webhook", "resume", "--force"], false).await?, 0, &["not paused"])?;
    cluster.patch_webhook(STACK, &mark(Value::Null)).await?;
    deployer.deploy(false).await?.well("deploy").map(drop)
}

/// Under `Fail`, so that a single call that is not known would refuse the compliant Pod.
async fn rotate(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let before = cluster.webhook_url(STACK).await?;
    let (compliant, _) = reviews::enhanced();
    let rotating = Box::pin(deployer.run(&["rotate", "--yes"], false));
    let finished = vigil::during(cluster, &compliant, rotating).await?;
    ended(&finished, 0, &["know both secrets", "forget the old secret", "with a new secret"])?;
    let after = cluster.webhook_url(STACK).await?;
    let secret = |url: &Option<String>| url.as_deref().and_then(|url| url.rsplit('/').next()).map(str::to_owned);
    if before == after
        || [&before, &after].into_iter().any(|url| finished.said.contains(&secret(url).unwrap_or_default()))
    {
        return Err(Trouble::new("the secret did not change, or it was shown"));
    }
    is(cluster, "failurePolicy", &json!("Fail")).await?;
    judged(cluster).await?;
    // The old one is not known any more: with it, nothing can be created.
    edit(cluster, &json!({ "clientConfig": { "url": before } })).await?;
    cluster.await_no_answer(&pods::pod("rotated", &[image("demo/compliant:v1")])).await?;
    ended(&deployer.run(&["rotate", "--yes"], false).await?, UNSAFE, &["does not know the secret"])?;
    edit(cluster, &json!({ "clientConfig": { "url": after } })).await
}

async fn doctor(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let well = [
        "ok       clock",
        "ok       credentials",
        "the account's root user",
        "ok       stack",
        "ok       bucket",
        "ok       concurrency",
        "ok       cluster",
        "ok       webhook",
    ];
    ended(&deployer.run(&["doctor"], false).await?, 0, &well)?;
    edit(cluster, &json!({ "timeoutSeconds": 2 })).await?;
    let finished = deployer.without_aws().run(&["doctor"], false).await?;
    ended(&finished, CHANGED, &["PROBLEM  credentials", "PROBLEM  timeout", "ok       cluster", "note     drift"])?;
    edit(cluster, &json!({ "timeoutSeconds": 5 })).await
}

async fn contexts(deployer: &Deployer) -> Result<()> {
    let demote = ["webhook", "demote", "--yes", "--confirm-context", "elsewhere"];
    let promote = ["webhook", "promote", "--confirm-context", "elsewhere"];
    ended(&deployer.run(&demote, false).await?, 0, &["failurePolicy Ignore"])?;
    ended(&deployer.run(&promote, false).await?, REFUSED, &["--confirm-context says elsewhere"])?;
    deployer.configure(&format!("ca_sha256 = \"{}\"\n", "ab".repeat(32)))?;
    let refused = deployer.run(&["webhook", "check"], false).await?;
    deployer.configure("")?;
    ended(&refused, UNSAFE, &["is not the cluster that is pinned"])
}

/// A compliant Pod passes, and a bad one is refused by a verdict.
async fn judged(cluster: &Kubernetes) -> Result<()> {
    let (pod, _) = reviews::enhanced();
    Expected::Admitted.check("a compliant Pod", &cluster.create_pod(&pod, true).await?)?;
    denied(&["[registry]"]).check("nginx", &cluster.create_pod(&nginx(None), true).await?)
}

async fn demote(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let finished = deployer.without_aws().run(&["webhook", "demote", "--yes"], false).await?;
    ended(&finished, 0, &["failurePolicy Ignore"])?;
    is(cluster, "failurePolicy", &json!("Ignore")).await
}

/// Merges into the entry about Pods, as `kubectl edit` would.
pub(crate) async fn edit(cluster: &Kubernetes, fields: &Value) -> Result<()> {
    let mut entry = fields.clone();
    entry["name"] = json!(PODS);
    cluster.patch_webhook(STACK, &json!({ "webhooks": [entry] })).await
}

async fn field(cluster: &Kubernetes, name: &str) -> Result<Value> {
    let object = cluster.webhook_object(STACK).await?;
    let entries = object["webhooks"].as_array().cloned().unwrap_or_default();
    Ok(entries.into_iter().find(|entry| entry["name"] == PODS).map_or(Value::Null, |entry| entry[name].clone()))
}

async fn conditions(cluster: &Kubernetes) -> Result<Value> {
    field(cluster, "matchConditions").await
}

async fn is(cluster: &Kubernetes, name: &str, expected: &Value) -> Result<()> {
    let found = field(cluster, name).await?;
    (found == *expected).then_some(()).ok_or_else(|| Trouble::new(format!("{name} is {found}, not {expected}")))
}

fn nginx(created: Option<&str>) -> Value {
    let mut pod = pods::pod("paused", &["nginx".to_owned()]);
    if let Some(created) = created {
        pod["metadata"]["creationTimestamp"] = json!(created);
    }
    pod
}

/// That a run ended as it must, and said what it must.
pub(crate) fn ended(finished: &Finished, code: i32, words: &[&str]) -> Result<()> {
    let missing: Vec<_> = words.iter().filter(|word| !finished.said.contains(**word)).collect();
    if finished.code == code && missing.is_empty() {
        return Ok(());
    }
    Err(Trouble::new(format!("exit code {}, not {code}; not said: {missing:?}\n{}", finished.code, finished.said)))
}
