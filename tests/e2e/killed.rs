//! The deployer is killed without a chance at every step, one after another, of deploys, of destroys and of rotations. The next run goes on from
//! there, the last one ends well, and at no instant does the API server refuse a compliant Pod, although the webhook may
//! say `Fail`.

use local_world::addresses::Addresses;
use local_world::deploy::{Deployer, STACK};
use local_world::kubernetes::{Kubernetes, Outcome};
use local_world::pods;
use local_world::seed::image;
use local_world::trouble::{Result, Trouble};
use serde_json::Value;

use crate::report::Report;
use crate::{caller, reviews, vigil};

/// Among the many events of a stack that comes or goes, so many lie between two at which it is killed.
const EVENTS: usize = 20;
/// Among the few of an update: one in each of the two updates of a rotation.
const EVENTS_OF_UPDATE: usize = 5;
/// More kills than any command has steps: something does not converge.
const TOO_MANY: usize = 60;

pub(crate) async fn run(cluster: &Kubernetes, deployer: &Deployer, report: &mut Report) {
    Box::pin(report.scenario("killed: at every step of a deploy and of a destroy", everywhere(cluster, deployer)))
        .await;
}

/// To be called while the webhook is registered, and nothing else is known to the stack; leaves it so.
pub(crate) async fn rotating(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer, report: &mut Report) {
    let rotated = Box::pin(rotated(world, cluster, deployer));
    report.scenario("killed: at every step of a rotation", rotated).await;
}

async fn everywhere(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    deployer.configure("failure_policy = \"Fail\"\n")?;
    // Of how the registry is scanned by now.
    vigil::during(cluster, &reviews::enhanced().0, Box::pin(play(cluster, deployer))).await
}

/// Under `Fail`. After every second kill a deploy brings it to an end; in between, the next rotation goes on from what is
/// left.
async fn rotated(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    deployer.configure("failure_policy = \"Fail\"\n")?;
    deployer.deploy(false).await?.well("deploy")?;
    let url = async || cluster.webhook_url(STACK).await.map(Option::unwrap_or_default);
    let mut former = vec![url().await?];
    let mut runs = 0;
    let converge = async || {
        runs += 1;
        if runs % 2 == 0 {
            return Ok(());
        }
        deployer.deploy(false).await?.well("deploy after a kill")?;
        former.push(url().await?);
        caller::is_the_only_one(world, cluster).await
    };
    let pod = pods::pod("rotating", &[image("demo/compliant:v1")]);
    let played = kill_at_every_step(deployer, &["rotate", "--yes"], EVENTS_OF_UPDATE, converge);
    let kills = vigil::during(cluster, &pod, played).await?;
    require(kills >= 8, &format!("a rotation was killed at {kills} steps only"))?;
    // The run that was not killed.
    caller::is_the_only_one(world, cluster).await?;
    let now = url().await?;
    former.retain(|one| *one != now);
    require(former.len() > 2, "the secret was changed")?;
    for one in former {
        require(caller::call(world, &one, None).await? == 404, "a former secret is known yet")?;
    }
    require(caller::call(world, &now, None).await? == 200, "the secret is known")?;
    let object = cluster.webhook_object(STACK).await?;
    require(object["webhooks"].to_string().contains("\"Fail\""), "the failure policy is Fail again")
}

async fn play(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let [flag, path] = deployer.function();
    let kills = kill_at_every_step(deployer, &["deploy", "--yes", &flag, &path], EVENTS, async || Ok(())).await?;
    require(kills >= 8, &format!("a deploy was killed at {kills} steps only"))?;
    deployer.deploy(false).await?.well("deploy after the last kill")?;
    require(cluster.webhook_url(STACK).await?.is_some(), "the webhook is not registered")?;
    let refused = cluster.create_pod(&pods::pod("bad", &["nginx".to_owned()]), true).await?;
    require(refused != Outcome::Admitted, "nginx is admitted after the deploy")?;

    let kills = kill_at_every_step(deployer, &["destroy", "--yes"], EVENTS, async || Ok(())).await?;
    require(kills >= 5, &format!("a destroy was killed at {kills} steps only"))?;
    deployer.destroy(false).await?.well("destroy after the last kill")?;
    require(cluster.webhook_url(STACK).await?.is_none(), "the webhook is still registered")
}

/// Runs it again and again, each time a step further, until it ends by itself; `after` each kill, something else. How often
/// it was killed.
async fn kill_at_every_step(
    deployer: &Deployer,
    arguments: &[&str],
    spacing: usize,
    mut after: impl AsyncFnMut() -> Result<()>,
) -> Result<usize> {
    for kills in 0..TOO_MANY {
        let (mut points, mut point) = (0, is_point(spacing));
        let enough = |line: &Value| {
            points += usize::from(point(line));
            points > kills
        };
        if !deployer.killed_when(arguments, enough).await? {
            return Ok(kills);
        }
        after().await?;
    }
    Err(Trouble::new("it does not come to its end"))
}

/// Whether a line of the deployer's is one at which it is killed: a step, and of the stack's events each so many.
pub(crate) fn is_point(spacing: usize) -> impl FnMut(&Value) -> bool {
    let mut events = 0;
    move |line| match line["kind"].as_str() {
        Some("step" | "plan") => true,
        Some("stack-event") => {
            events += 1;
            events % spacing == 1
        }
        _ => false,
    }
}

pub(crate) fn require(holds: bool, otherwise: &str) -> Result<()> {
    holds.then_some(()).ok_or_else(|| Trouble::new(otherwise))
}
