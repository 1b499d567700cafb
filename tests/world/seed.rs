//! Fills the local ECR with the repositories that the story and the scenarios are about. They are settings only: the
//! webhook judges repositories, so no image is ever pushed.

use aws_sdk_ecr::Client;
use aws_sdk_ecr::types::{
    ImageScanningConfiguration, ImageTagMutability, ImageTagMutabilityExclusionFilter,
    ImageTagMutabilityExclusionFilterType, RegistryScanningRule, ScanFrequency, ScanType, ScanningRepositoryFilter,
    ScanningRepositoryFilterType,
};

use crate::addresses::{ACCOUNT, REGION};
use crate::trouble::{Context, Result};

/// Immutable tags, scanned on push.
pub const COMPLIANT: &str = "demo/compliant";
/// Tags can be overwritten.
pub const MUTABLE: &str = "demo/mutable";
/// Not scanned by anything.
pub const UNSCANNED: &str = "demo/unscanned";
/// Immutable tags, but those that match `dev-*`.
pub const IMMUTABLE_EXCEPT: &str = "demo/immutable-except";
/// Mutable tags, but those that match `release-*`.
pub const MUTABLE_EXCEPT: &str = "demo/mutable-except";
/// Scanned by a rule of the registry, not by a setting of its own.
pub const REGISTRY_SCANNED: &str = "demo/registry-scanned";
/// Scanned only once the registry's scanning is ENHANCED with a rule that matches it (a scenario does that).
pub const ENHANCED_SCANNED: &str = "demo/enhanced-scanned";

/// The reference of an image in the local registry; `rest` is repository and tag or digest.
#[must_use]
pub fn image(rest: &str) -> String {
    format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{rest}")
}

/// A client of the local ECR.
#[must_use]
pub fn client(endpoint: &str) -> Client {
    let credentials = aws_sdk_ecr::config::Credentials::new(ACCOUNT, "local-world", None, None, "local-world");
    let config = aws_sdk_ecr::Config::builder()
        .behavior_version_latest()
        .region(aws_sdk_ecr::config::Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(credentials)
        // Plain HTTP and nothing else: this client cannot talk to a real AWS.
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// Creates the repositories and the registry's scanning rule.
///
/// # Errors
/// What the local ECR refuses.
pub async fn seed(ecr: &Client) -> Result<()> {
    use ImageTagMutability::{Immutable, ImmutableWithExclusion, Mutable, MutableWithExclusion};
    create(ecr, COMPLIANT, Immutable, &[], true).await?;
    create(ecr, MUTABLE, Mutable, &[], true).await?;
    create(ecr, UNSCANNED, Immutable, &[], false).await?;
    create(ecr, IMMUTABLE_EXCEPT, ImmutableWithExclusion, &["dev-*"], true).await?;
    create(ecr, MUTABLE_EXCEPT, MutableWithExclusion, &["release-*"], true).await?;
    create(ecr, REGISTRY_SCANNED, Immutable, &[], false).await?;
    create(ecr, ENHANCED_SCANNED, Immutable, &[], false).await?;
    scan_registry(ecr, ScanType::Basic, &[(ScanFrequency::ScanOnPush, "demo/registry-*")]).await
}

/// Replaces the registry's scanning configuration; each rule is a frequency and a wildcard filter.
///
/// # Errors
/// What the local ECR refuses.
pub async fn scan_registry(ecr: &Client, scan_type: ScanType, rules: &[(ScanFrequency, &str)]) -> Result<()> {
    let rules = rules
        .iter()
        .map(|(frequency, filter)| {
            let filter = ScanningRepositoryFilter::builder()
                .filter(*filter)
                .filter_type(ScanningRepositoryFilterType::Wildcard)
                .build()?;
            RegistryScanningRule::builder().scan_frequency(frequency.clone()).repository_filters(filter).build()
        })
        .collect::<std::result::Result<Vec<_>, _>>()
        .while_doing(|| "describing the registry's scanning rules".to_owned())?;
    let call = ecr.put_registry_scanning_configuration().scan_type(scan_type).set_rules(Some(rules));
    call.send().await.while_doing(|| "setting the registry's scanning rules".to_owned())?;
    Ok(())
}

/// Creates a repository; `exclusions` are the filters of the kinds of mutability that have some.
///
/// # Errors
/// What the local ECR refuses.
pub async fn create(
    ecr: &Client,
    name: &str,
    mutability: ImageTagMutability,
    exclusions: &[&str],
    scan_on_push: bool,
) -> Result<()> {
    let filters = exclusions
        .iter()
        .map(|filter| {
            ImageTagMutabilityExclusionFilter::builder()
                .filter(*filter)
                .filter_type(ImageTagMutabilityExclusionFilterType::Wildcard)
                .build()
        })
        .collect::<std::result::Result<Vec<_>, _>>()
        .while_doing(|| format!("describing the exclusions of {name}"))?;
    ecr.create_repository()
        .repository_name(name)
        .image_tag_mutability(mutability)
        .set_image_tag_mutability_exclusion_filters((!filters.is_empty()).then_some(filters))
        .image_scanning_configuration(ImageScanningConfiguration::builder().scan_on_push(scan_on_push).build())
        .send()
        .await
        .while_doing(|| format!("creating the repository {name}"))?;
    Ok(())
}
