//! ECR is busy for a moment: the API server is asked to come again, does so within the timeout of the webhook, and the
//! Pod is judged then. The API server is the real one; nothing here knows how it retries.

use std::time::{Duration, SystemTime};

use aws_sdk_ecr::types::ImageTagMutability;
use local_world::addresses::Addresses;
use local_world::kubernetes::Kubernetes;
use local_world::pods;
use local_world::seed::{self, image};
use local_world::story::Expected;
use local_world::trouble::{Result, Trouble};

use crate::http;

/// Never asked about before, so that nothing about it is remembered.
const BUSY: &str = "demo/busy";
/// As often as the function tries for one answer.
const ATTEMPTS: u32 = 2;

/// A Pod is admitted at its second try: the first had no other answer than that ECR throttles.
pub(crate) async fn comes_again(world: &Addresses, cluster: &Kubernetes) -> Result<()> {
    let ecr = seed::client(&world.ecr_endpoint);
    seed::create(&ecr, BUSY, ImageTagMutability::Immutable, &[], true).await?;
    throttle(world, "POST", &format!("&times={ATTEMPTS}")).await?;
    beginning_of_a_second().await;
    let pod = pods::pod("busy", &[image(&format!("{BUSY}:v1"))]);
    Expected::Admitted.check("the Pod", &cluster.create_pod(&pod, true).await?)?;
    let left = throttle(world, "GET", "").await?;
    (left == "0").then_some(()).ok_or_else(|| Trouble::new(format!("ECR was to throttle {left} times more")))
}

/// The API server tells the time of a Pod in whole seconds, so a Pod that is made late in a second looks old at once, and
/// is denied rather than kept waiting. Not to wait for anything, but to be early in a second.
async fn beginning_of_a_second() {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(1020 - u64::from(since.subsec_millis()))).await;
}

/// Speaks with the local ECR's switch for throttling: see `tests/world/aws/patches/throttling.py`.
async fn throttle(world: &Addresses, method: &str, more: &str) -> Result<String> {
    let line = format!("{method} /local-world/throttle?name={BUSY}{more}");
    http::send(&world.ecr_endpoint, None, &[&line], "").await.map(|(_, answer)| answer)
}
