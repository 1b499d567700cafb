//! Two minutes of a cluster: Pods come at a changing rate, some are bad, once a team tries something that is refused
//! again and again, and for a while ECR is cut off.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_ecr::types::ImageTagMutability;
use local_world::addresses::Addresses;
use local_world::faults;
use local_world::kubernetes::Kubernetes;
use local_world::pods::pod;
use local_world::seed::{self, image};
use local_world::trouble::Result;
use serde_json::json;

/// Ticks of the play.
const TICKS: usize = 120;
const TICK: Duration = Duration::from_secs(1);
/// Ticks in which ECR is cut off.
const CUT_OFF: std::ops::Range<usize> = 75..90;
/// Ticks in which a workload tries again and again.
const STUBBORN: std::ops::Range<usize> = 35..55;

/// From when to when it was played, in seconds since 1970.
pub(crate) async fn play(world: &Addresses, cluster: &Kubernetes) -> Result<(i64, i64)> {
    for namespace in ["shop", "web", "batch"] {
        cluster.namespace(namespace).await?;
    }
    let from = seconds();
    for tick in 0..TICKS {
        if tick == CUT_OFF.start {
            faults::set(world, faults::ECR_CUT_OFF)?;
        }
        if tick == CUT_OFF.end {
            faults::set(world, faults::NONE)?;
        }
        ask(world, cluster, tick).await?;
        tokio::time::sleep(TICK).await;
    }
    Ok((from, seconds()))
}

async fn ask(world: &Addresses, cluster: &Kubernetes, tick: usize) -> Result<()> {
    let good = image(&format!("{}:v{tick}", seed::COMPLIANT));
    for at in 0..=tick % 5 {
        admit(cluster, "shop", &format!("web-{tick}-{at}"), &good).await?;
    }
    if tick.is_multiple_of(6) {
        admit(cluster, "web", &format!("front-{tick}"), "nginx:1.27").await?;
    }
    if tick.is_multiple_of(9) {
        admit(cluster, "batch", &format!("report-{tick}"), &image(&format!("{}:v1", seed::UNSCANNED))).await?;
    }
    if STUBBORN.contains(&tick) {
        admit(cluster, "shop", &format!("cart-{tick}"), &image(&format!("{}:v2", seed::MUTABLE))).await?;
    }
    if CUT_OFF.contains(&tick) && tick.is_multiple_of(3) {
        // A repository that nobody has asked about: nothing remembered can stand in.
        let name = format!("demo/new-{tick}");
        seed::create(&seed::client(&world.ecr_endpoint), &name, ImageTagMutability::Immutable, &[], true).await.ok();
        admit(cluster, "web", &format!("new-{tick}"), &image(&format!("{name}:v1"))).await?;
    }
    Ok(())
}

async fn admit(cluster: &Kubernetes, namespace: &str, name: &str, image: &str) -> Result<()> {
    let mut pod = pod(name, &[image.to_owned()]);
    pod["metadata"]["namespace"] = json!(namespace);
    cluster.create_pod(&pod, true).await.map(drop)
}

fn seconds() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()).unwrap_or_default()
}
