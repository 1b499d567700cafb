//! The deployer is killed without a chance at every step of deploys and of destroys. The next run goes on from there, the
//! last one ends well, and at no instant does the API server refuse a compliant Pod, although the webhook may say `Fail`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use local_world::deploy::{Deployer, STACK};
use local_world::kubernetes::{Kubernetes, Outcome};
use local_world::pods;
use local_world::trouble::{Result, Trouble};
use serde_json::Value;

use crate::report::Report;
use crate::reviews;

/// Among the stack's events, so many lie between two at which it is killed.
const EVENTS: usize = 20;
/// More kills than any command has steps: something does not converge.
const TOO_MANY: usize = 60;

pub(crate) async fn run(cluster: &Kubernetes, deployer: &Deployer, report: &mut Report) {
    Box::pin(report.scenario("killed: at every step of a deploy and of a destroy", everywhere(cluster, deployer)))
        .await;
}

async fn everywhere(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    deployer.configure("failure_policy = \"Fail\"\n")?;
    let over = AtomicBool::new(false);
    let played = async {
        let result = play(cluster, deployer).await;
        over.store(true, Ordering::Relaxed);
        result
    };
    let (watched, played) = tokio::join!(watch(cluster, &over), played);
    played.and(watched)
}

async fn play(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let [flag, path] = deployer.function();
    let kills = kill_at_every_step(deployer, &["deploy", "--yes", &flag, &path]).await?;
    require(kills >= 8, &format!("a deploy was killed at {kills} steps only"))?;
    deployer.deploy(false).await?.well("deploy after the last kill")?;
    require(cluster.webhook_url(STACK).await?.is_some(), "the webhook is not registered")?;
    let refused = cluster.create_pod(&pods::pod("bad", &["nginx".to_owned()]), true).await?;
    require(refused != Outcome::Admitted, "nginx is admitted after the deploy")?;

    let kills = kill_at_every_step(deployer, &["destroy", "--yes"]).await?;
    require(kills >= 5, &format!("a destroy was killed at {kills} steps only"))?;
    deployer.destroy(false).await?.well("destroy after the last kill")?;
    require(cluster.webhook_url(STACK).await?.is_none(), "the webhook is still registered")
}

/// Runs it again and again, each time a step further, until it ends by itself. How often it was killed.
async fn kill_at_every_step(deployer: &Deployer, arguments: &[&str]) -> Result<usize> {
    for kills in 0..TOO_MANY {
        let (mut points, mut events) = (0, 0);
        let enough = |line: &Value| {
            let is_point = match line["kind"].as_str() {
                Some("step" | "plan") => true,
                Some("stack-event") => {
                    events += 1;
                    events % EVENTS == 1
                }
                _ => false,
            };
            points += usize::from(is_point);
            points > kills
        };
        if !deployer.killed_when(arguments, enough).await? {
            return Ok(kills);
        }
    }
    Err(Trouble::new("it does not come to its end"))
}

/// Asks about a compliant Pod all the time.
async fn watch(cluster: &Kubernetes, over: &AtomicBool) -> Result<()> {
    // Of how the registry is scanned by now.
    let (pod, _) = reviews::enhanced();
    let mut asked = 0;
    while !over.load(Ordering::Relaxed) {
        if let Outcome::Denied { message, .. } = cluster.create_pod(&pod, true).await? {
            return Err(Trouble::new(format!(
                "after {asked} that were admitted, a compliant Pod was refused: {message}"
            )));
        }
        asked += 1;
        // Only so that there is something left of the processor for the others.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    require(asked > 50, "too few Pods were asked about")
}

fn require(holds: bool, otherwise: &str) -> Result<()> {
    holds.then_some(()).ok_or_else(|| Trouble::new(otherwise))
}
