//! ECR clients, one per accepted region, and the chain of deadlines they live in.
//!
//! Each link must end before the one around it, or the outer one answers without saying why:
//! webhook 5 s > API integration 4.5 s > function 4 s > facts 2.5 s > one operation > one attempt. A role is assumed within
//! the same 2.5 s, and leaves ECR the time of an attempt.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::retry::RetryConfig;
use aws_sdk_ecr::config::timeout::TimeoutConfig;
use aws_sdk_ecr::config::{
    BehaviorVersion, IdentityCache, Region, SharedCredentialsProvider, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_types::SdkConfig;
use aws_types::sdk_config::Builder;
use compliance::ecr::{Clients, EcrFacts, Role};
use compliance::https;
use compliance::policy::RoleToAssume;
use compliance::registry::Registry;

use crate::settings::{Aws, Settings};

/// All facts of one decision.
pub const FACTS_DEADLINE: Duration = Duration::from_millis(2500);
/// One operation with all its attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_millis(2300);
/// One attempt: three round trips to the far side of the world (TCP, TLS, the call), and ECR's own time.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(1100);
/// Assuming a role, with all attempts.
const ROLE_TIMEOUT: Duration = Duration::from_millis(1300);
/// One TCP connection.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(900);
/// A second attempt still fits; a third would not, and throttling is not cured within milliseconds.
const MOST_ATTEMPTS: u32 = 2;
/// Before a second attempt. AWS may ask for more (`x-amz-retry-after`), which the SDK follows up to [`LONGEST_BACKOFF`]: who
/// is to wait longer is throttled, and is told so.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_millis(200);
/// Longest wait for the first connection during init, which a slow ECR must not hold up.
pub const WARM_UP_TIMEOUT: Duration = Duration::from_millis(1500);

/// Stands in `CloudTrail` next to `RepositoryNotFoundException`, so it says what it is.
const WARM_UP_REPOSITORY: &str = "ecr-compliance-webhook/warm-up";

/// Clients for every accepted region, and for every registry with a role, behind the facts they serve.
///
/// # Errors
/// When this build cannot do TLS.
pub fn ecr_facts(settings: &Settings) -> Result<EcrFacts, rustls::Error> {
    let sdk = Sdk { aws: &settings.aws, https: https::client(CONNECT_TIMEOUT)? };
    let regions: BTreeSet<&str> = settings.accepted().iter().map(|registry| registry.region.as_str()).collect();
    let by_region: BTreeMap<String, Client> =
        regions.into_iter().map(|region| (region.to_owned(), Client::new(&sdk.ecr(region).build()))).collect();
    let mut clients = Clients::new(settings.own_account.clone(), by_region);
    for (registry, role) in roles(settings) {
        let (client, role) = sdk.assuming(registry, role);
        clients = clients.with_role(registry.clone(), client, role);
    }
    Ok(EcrFacts::with_clients(clients, FACTS_DEADLINE))
}

/// Roles of registries that are accepted.
fn roles(settings: &Settings) -> impl Iterator<Item = (&Registry, &RoleToAssume)> {
    let all = settings.configured.policy.iter().flat_map(|policy| &policy.roles);
    all.filter(|(registry, _)| settings.accepted().contains(registry))
}

/// Images whose judging opens connections to ECR of one region, and assumes the roles. None of them exists.
#[must_use]
pub fn warm_up_images(settings: &Settings) -> BTreeSet<String> {
    let near =
        |registry: &&Registry| (registry.account != settings.own_account, registry.region != settings.own_region);
    let nearest = settings.accepted().iter().min_by_key(near);
    let asked = nearest.into_iter().chain(roles(settings).map(|(registry, _)| registry));
    asked.map(|registry| format!("{}/{WARM_UP_REPOSITORY}:v1", registry.host())).collect()
}

/// What the clients of one process share.
struct Sdk<'a> {
    aws: &'a Aws,
    https: SharedHttpClient,
}

impl Sdk<'_> {
    /// With the function's own credentials, which are known: nothing is looked for on disk or in the network, as
    /// `aws-config` would, which takes a seventh of the binary and part of the start. So they need no cache either, and a
    /// role renews its own. A stream that stalls for five seconds is long past every deadline here.
    fn config(&self, region: &str, endpoint: Option<&String>) -> Builder {
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .http_client(self.https.clone())
            .retry_config(retries())
            .identity_cache(IdentityCache::no_cache())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        config.set_endpoint_url(endpoint.cloned());
        config.set_credentials_provider(self.aws.credentials.clone().map(SharedCredentialsProvider::new));
        config
    }

    fn ecr(&self, region: &str) -> Builder {
        self.config(region, self.aws.ecr_endpoint.as_ref()).timeout_config(timeouts())
    }

    /// A client with the credentials of a role.
    fn assuming(&self, registry: &Registry, role: &RoleToAssume) -> (Client, Role) {
        let sts = self.config(&registry.region, self.aws.sts_endpoint.as_ref()).timeout_config(role_timeouts()).build();
        let role = Role::new(aws_sdk_sts::Client::new(&sts), role.arn.clone(), role.external_id.clone());
        let config = self.ecr(&registry.region).credentials_provider(SharedCredentialsProvider::new(role.clone()));
        (Client::new(&config.build()), role)
    }
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
    RetryConfig::standard()
        .with_max_attempts(MOST_ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LONGEST_BACKOFF)
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
