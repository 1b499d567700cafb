//! ECR clients, one per accepted region, and the chain of deadlines they live in.
//!
//! Each link must end before the one around it, or the outer one answers without saying why:
//! webhook 5 s > API integration 4.5 s > function 4 s > facts 2.5 s > one operation > one attempt. A role is assumed within
//! the same 2.5 s, and leaves ECR the time of an attempt.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::SharedHttpClient;
use compliance::ecr::{Clients, EcrFacts, Role};
use compliance::facts::RepositoryKey;
use compliance::policy::RoleToAssume;
use compliance::registry::Registry;

use crate::panic;
use crate::settings::Settings;

/// All facts of one decision.
pub const FACTS_DEADLINE: Duration = Duration::from_millis(2500);
/// One operation with all its attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_millis(2300);
/// One attempt: three round trips to the far side of the world (TCP, TLS, the call), and ECR's own time.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1100);
/// Assuming a role, with all attempts.
const ROLE_TIMEOUT: Duration = Duration::from_millis(1300);
/// Name resolution and TCP.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(900);
/// A second attempt still fits; a third would not, and throttling is not cured within milliseconds.
const MOST_ATTEMPTS: u32 = 2;
/// Longest wait for the first connection during init, which a slow ECR must not hold up.
const WARM_UP_TIMEOUT: Duration = Duration::from_millis(1500);

/// Stands in `CloudTrail` next to `RepositoryNotFoundException`, so it says what it is.
const WARM_UP_REPOSITORY: &str = "ecr-compliance-webhook/warm-up";

/// Clients for every accepted region, and for every registry with a role, behind the facts they serve.
pub async fn ecr_facts(settings: &Settings) -> EcrFacts {
    // One for all: reading the trusted roots is most of what starting costs.
    let https = compliance::https::client();
    let regions: BTreeSet<&str> = settings.accepted().iter().map(|registry| registry.region.as_str()).collect();
    let mut by_region = BTreeMap::new();
    for region in regions {
        let config = own_identity(region, &https).timeout_config(timeouts()).load().await;
        by_region.insert(region.to_owned(), Client::new(&config));
    }
    let mut clients = Clients::new(settings.own_account.clone(), by_region);
    for (registry, role) in roles(settings) {
        let (client, role) = assuming(registry, role, &https).await;
        clients = clients.with_role(registry.clone(), client, role);
    }
    EcrFacts::with_clients(clients, FACTS_DEADLINE)
}

/// Roles of registries that are accepted.
fn roles(settings: &Settings) -> impl Iterator<Item = (&Registry, &RoleToAssume)> {
    let all = settings.configured.policy.iter().flat_map(|policy| &policy.roles);
    all.filter(|(registry, _)| settings.accepted().contains(registry))
}

/// Opens connections to ECR of one region, and assumes the roles, so that the first Pod does not wait for TLS. Init is the
/// place for it: the processor is not throttled there yet. Asks what every decision asks, about a repository that does not exist.
///
/// Whatever comes of it is dropped: if ECR cannot be reached, the first decision will find out and say so.
pub async fn warm_up(facts: &EcrFacts, settings: &Settings) {
    let near =
        |registry: &&Registry| (registry.account != settings.own_account, registry.region != settings.own_region);
    let nearest = settings.accepted().iter().min_by_key(near);
    let asked: BTreeSet<RepositoryKey> = nearest
        .into_iter()
        .chain(roles(settings).map(|(registry, _)| registry))
        .map(|registry| RepositoryKey { registry: registry.clone(), name: WARM_UP_REPOSITORY.to_owned() })
        .collect();
    if !asked.is_empty() {
        let _ = tokio::time::timeout(WARM_UP_TIMEOUT, panic::caught(facts.gather(&asked))).await;
    }
}

/// A client with the credentials of a role. It must not keep them: the role itself renews them.
async fn assuming(registry: &Registry, role: &RoleToAssume, https: &SharedHttpClient) -> (Client, Role) {
    let sts = own_identity(&registry.region, https).timeout_config(role_timeouts()).load().await;
    let role = Role::new(aws_sdk_sts::Client::new(&sts), role.arn.clone(), role.external_id.clone());
    let config = loader(&registry.region, https)
        .credentials_provider(role.clone())
        .identity_cache(IdentityCache::no_cache())
        .timeout_config(timeouts());
    (Client::new(&config.load().await), role)
}

/// The function's own credentials, which are known, so that nothing is looked for on disk or in the network.
fn own_identity(region: &str, https: &SharedHttpClient) -> ConfigLoader {
    loader(region, https).credentials_provider(EnvironmentVariableCredentialsProvider::new())
}

fn loader(region: &str, https: &SharedHttpClient) -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .http_client(https.clone())
        .retry_config(retries())
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build()
}

/// For all attempts together: one that is silent is not cut off for another.
fn role_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(ROLE_TIMEOUT).build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(MOST_ATTEMPTS).with_initial_backoff(Duration::from_millis(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_deadline_ends_before_the_one_around_it() {
        const { assert!(FACTS_DEADLINE.as_millis() < 4000) };
        const { assert!(OPERATION_TIMEOUT.as_millis() < FACTS_DEADLINE.as_millis()) };
        const { assert!(ATTEMPT_TIMEOUT.as_millis() * (MOST_ATTEMPTS as u128) <= OPERATION_TIMEOUT.as_millis()) };
        const { assert!(ROLE_TIMEOUT.as_millis() + ATTEMPT_TIMEOUT.as_millis() < FACTS_DEADLINE.as_millis()) };
        const { assert!(CONNECT_TIMEOUT.as_millis() < ATTEMPT_TIMEOUT.as_millis()) };
    }
}
