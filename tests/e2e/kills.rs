//! The deployer is killed without a chance once, from a known state, and one run of the same command makes it good: in a
//! deploy from nothing, in an update of what is registered under `Fail`, and in a destroy. killed.rs goes on from what one
//! kill left to the next; here each step is a case of its own. At no instant is a compliant Pod refused.
//!
//! A seeded handful of the steps in `make test`, all of them in `make kills`; `KILLS_SEED=… cargo test --workspace --test
//! e2e -- one_kill` brings a handful back.

use std::path::Path;

use local_world::addresses::Addresses;
use local_world::deploy::{Deployer, Function, STACK};
use local_world::kubernetes::{Kubernetes, Outcome};
use local_world::pods::{self, NAMESPACE};
use local_world::root;
use local_world::seed::image;
use local_world::supervisor::Supervised;
use local_world::trouble::Result;

use crate::killed::{is_point, require};
use crate::report::Report;
use crate::{cloud, leftovers, vigil};

/// Among the events of a stack, so many lie between two at which it is killed.
const EVENTS: usize = 6;
/// Rounds of `make test`, each with a kill in a deploy, in an update and in a destroy.
const HANDFUL: usize = 2;
const FAIL: &str = "failure_policy = \"Fail\"\n";
/// What the update changes: the function's zip, in which the policy is.
const CHANGED: &str = "failure_policy = \"Fail\"\n[policy]\nlog_level = \"debug\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn one_kill_at_any_step_is_made_good_by_one_more_run() {
    let program = root::program("DEPLOYER", "deployer").unwrap();
    let function = Function::Artifact(root::program("FUNCTION", "bootstrap").unwrap());
    let mut world = Supervised::spawn(Path::new(env!("CARGO_BIN_EXE_world")), &leftovers::folder("kills")).unwrap();
    let addresses = world.ready().await.unwrap();
    let cluster = Kubernetes::connect(&addresses).await.unwrap();
    let deployer = Deployer::new(program, env!("CARGO_BIN_EXE_world").into(), function, &addresses).unwrap();
    cluster.namespace(NAMESPACE).await.unwrap();

    let mut report = Report::default();
    let pod = pods::pod("killing", &[image("demo/compliant:v1")]);
    let playing = Box::pin(async {
        play(&addresses, &cluster, &deployer, &mut report).await;
        Ok(())
    });
    let watched = vigil::during(&cluster, &pod, playing).await;
    report.scenario("kills: a compliant Pod was never refused", async { watched }).await;
    drop(cluster);
    world.stop().await.unwrap();
    leftovers::await_nothing(&addresses).await.unwrap();
    leftovers::sweep(&addresses.dir);
    report.conclude();
}

/// A command that is killed, and the settings before and with which it runs.
struct Act {
    name: &'static str,
    section: &'static str,
    arguments: Vec<String>,
    /// At how many points it can be killed.
    points: usize,
}

async fn play(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer, report: &mut Report) {
    let [flag, path] = deployer.function();
    let deploy = vec!["deploy".to_owned(), "--yes".to_owned(), flag, path];
    let destroy = vec!["destroy".to_owned(), "--yes".to_owned()];
    let act = |name, section, arguments| Act { name, section, arguments, points: 0 };
    let mut acts =
        [act("a deploy", FAIL, deploy.clone()), act("an update", CHANGED, deploy), act("a destroy", CHANGED, destroy)];
    let counted = async {
        for act in &mut acts {
            deployer.configure(act.section)?;
            let mut point = is_point(EVENTS);
            let arguments: Vec<&str> = act.arguments.iter().map(String::as_str).collect();
            deployer
                .killed_when(&arguments, |line| {
                    act.points += usize::from(point(line));
                    false
                })
                .await?;
        }
        let points = acts.iter().map(|act| act.points);
        require(points.clone().all(|points| points >= 5), "there are too few steps to be killed at")?;
        Ok(())
    };
    if !report.scenario("kills: how many steps there are", counted).await {
        return;
    }
    let rounds = acts.iter().map(|act| act.points).max().unwrap_or_default();
    for round in chosen(rounds) {
        let at: Vec<String> = acts.iter().map(|act| format!("{} of {}", round % act.points + 1, act.points)).collect();
        let name = format!("kills: a deploy at {}, an update at {}, a destroy at {}", at[0], at[1], at[2]);
        report.scenario(&name, one_round(world, cluster, deployer, &acts, round)).await;
    }
}

/// Begins and ends with nothing deployed.
async fn one_round(
    world: &Addresses,
    cluster: &Kubernetes,
    deployer: &Deployer,
    acts: &[Act],
    round: usize,
) -> Result<()> {
    for act in acts {
        deployer.configure(act.section)?;
        let (mut point, mut points) = (is_point(EVENTS), 0);
        let arguments: Vec<&str> = act.arguments.iter().map(String::as_str).collect();
        let enough = |line: &serde_json::Value| {
            points += usize::from(point(line));
            points > round % act.points
        };
        // A run that was over before is good as well: how many events there are differs a little.
        deployer.killed_when(&arguments, enough).await?;
        deployer.run(&arguments, false).await?.well(&format!("after a kill in {}", act.name))?;
        let registered = act.name != "a destroy";
        require((cluster.webhook_url(STACK).await?.is_some()) == registered, "the webhook is not as it must be")?;
        let bad = cluster.create_pod(&pods::pod("bad", &["nginx".to_owned()]), true).await?;
        require((bad != Outcome::Admitted) == registered, &format!("after {}, nginx: {bad:?}", act.name))?;
        let stack = cloud::exists(world).await?;
        require(stack == registered, &format!("after {}, is there a stack: {stack}", act.name))?;
    }
    Ok(())
}

/// All, or as many of them as `make test` plays, by the seed.
fn chosen(rounds: usize) -> Vec<usize> {
    if std::env::var("KILLS").is_ok_and(|kills| kills == "all") {
        return (0..rounds).collect();
    }
    let seed = std::env::var("KILLS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    // Apart from each other, and other ones with each seed.
    (0..HANDFUL).map(|nth| (seed * 7 + nth * rounds / HANDFUL) % rounds).collect()
}
