//! Who may call: what the endpoint says to a URL and a token, and whose digests the stack holds.

use deployer::cluster::caller::Caller;
use local_world::addresses::Addresses;
use local_world::deploy::STACK;
use local_world::kubernetes::Kubernetes;
use local_world::trouble::{Result, Trouble};

use crate::{cloud, http};

/// A review of a Pod that is not compliant, as an API server sends it.
const REVIEW: &str = include_str!("../../lambda/fixtures/review.json");

/// The status that the endpoint answers an API server with which calls this URL, and sends this token.
pub(crate) async fn call(world: &Addresses, url: &str, token: Option<&str>) -> Result<u16> {
    let (host, path) = url.trim_start_matches("https://").split_once('/').unwrap_or_default();
    let line = format!("POST /{path}");
    let authorization = token.map(|token| format!("Authorization: Bearer {token}"));
    let head = [
        &[line.as_str(), "Content-Type: application/json"][..],
        &authorization.as_deref().into_iter().collect::<Vec<_>>(),
    ];
    http::send(&world.aws_endpoint, Some(host), &head.concat(), REVIEW).await.map(|(status, _)| status)
}

/// The stack knows the secret with which the cluster calls, and no other.
pub(crate) async fn is_the_only_one(world: &Addresses, cluster: &Kubernetes) -> Result<()> {
    let url = cluster.webhook_url(STACK).await?.unwrap_or_default();
    let caller = Caller::from_url(&url).ok_or_else(|| Trouble::new("the webhook's URL holds no secret"))?;
    let (known, wanted) = (cloud::parameter(world, "CallerDigests").await?, caller.entry());
    (known == wanted).then_some(()).ok_or_else(|| Trouble::new(format!("the stack knows {known}, not {wanted} alone")))
}
