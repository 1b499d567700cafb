//! What a registry makes of its repositories' scanning: `GetRegistryScanningConfiguration` and
//! `BatchGetRepositoryScanningConfiguration`. Both answer for the caller's own account only.
//!
//! A failure here leaves what `DescribeRepositories` said untouched: tag mutability can still be judged.
//!
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetRepositoryScanningConfiguration.html>

use aws_sdk_ecr::types::{self, RegistryScanningConfiguration, RepositoryScanningConfiguration};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;

use crate::ecr::MOST_AT_ONCE;
use crate::ecr::cache::Lasting;
use crate::ecr::call::Call;
use crate::ecr::error::Failure;
use crate::ecr::shelf::{Answers, Question};
use crate::facts::{RegistryScanning, RepositoryKey, ScanFrequency, ScanType, ScanningRule, Unavailable};
use crate::registry::Registry;

/// ECR's limit of names in a call.
const BATCH: usize = 25;

/// What the registry's rules come to for one repository.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) scan_on_push: bool,
    pub(super) frequency: ScanFrequency,
}

/// The question about single repositories. `None`: the scanning side does not know it, or not yet.
pub(super) struct RepositorySettings<'a>(pub(super) &'a Call<'a>);

impl Question for RepositorySettings<'_> {
    type Key = RepositoryKey;
    type Fact = Option<Setting>;

    fn call(&self) -> &Call<'_> {
        self.0
    }

    fn lasting(&self, _: &RepositoryKey, fact: &Option<Setting>) -> Lasting {
        if fact.is_some() { Lasting::Settled } else { Lasting::Brief }
    }

    async fn ask(&self, keys: &[RepositoryKey]) -> Answers<RepositoryKey, Option<Setting>> {
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        let batches = names.chunks(BATCH).map(|batch| settings(self.0, batch));
        let answers = join_all(batches).await.into_iter().flatten();
        answers.map(|(name, answer)| (RepositoryKey { registry: self.0.registry.clone(), name }, answer)).collect()
    }
}

/// The question about the registry itself.
pub(super) struct RegistryRules<'a>(pub(super) &'a Call<'a>);

impl Question for RegistryRules<'_> {
    type Key = Registry;
    type Fact = RegistryScanning;

    fn call(&self) -> &Call<'_> {
        self.0
    }

    fn lasting(&self, _: &Registry, _: &RegistryScanning) -> Lasting {
        Lasting::Settled
    }

    async fn ask(&self, keys: &[Registry]) -> Answers<Registry, RegistryScanning> {
        // There is one key: that of the call.
        let answer = registry(self.0).await;
        keys.iter().map(|key| (key.clone(), answer.clone())).collect()
    }
}

/// The repository exists, but the scanning side does not know it: seen right after one was made.
pub(super) fn absent() -> Unavailable {
    Unavailable::new("scan-facts-missing", "ECR does not yet say how the repository is scanned; try again")
}

async fn registry(call: &Call<'_>) -> Result<RegistryScanning, Unavailable> {
    let request = call.client.get_registry_scanning_configuration();
    let answer = call
        .within("GetRegistryScanningConfiguration", request.customize().interceptor(call.tally.clone()).send())
        .await;
    let output = answer.map_err(Failure::into_unavailable)?;
    if output.registry_id() != Some(call.registry.account.as_str()) {
        return Err(call.wrong_registry());
    }
    let Some(configuration) = output.scanning_configuration() else { return Err(absent()) };
    Ok(read_registry(configuration))
}

fn read_registry(configuration: &RegistryScanningConfiguration) -> RegistryScanning {
    let rule = |rule: &types::RegistryScanningRule| ScanningRule {
        frequency: frequency(Some(rule.scan_frequency())),
        filters: rule.repository_filters().iter().map(|filter| filter.filter().to_owned()).collect(),
    };
    RegistryScanning {
        scan_type: match configuration.scan_type() {
            Some(types::ScanType::Basic) => ScanType::Basic,
            Some(types::ScanType::Enhanced) => ScanType::Enhanced,
            Some(other) => ScanType::Unrecognised(other.as_str().to_owned()),
            None => ScanType::Unrecognised("none".to_owned()),
        },
        rules: configuration.rules().iter().map(rule).collect(),
    }
}

type Settings = Vec<(String, Result<Option<Setting>, Unavailable>)>;

async fn settings(call: &Call<'_>, names: &[&str]) -> Settings {
    match request(call, names).await {
        Ok(configurations) => read(call, names, &configurations),
        // The model lists a whole-call error for a missing name beside the answer's own list of failures.
        Err(failure) if failure.is_about_a_name() && names.len() > 1 => one_by_one(call, names).await,
        Err(failure) => names.iter().map(|name| ((*name).to_owned(), failed(failure.clone()))).collect(),
    }
}

async fn one_by_one(call: &Call<'_>, names: &[&str]) -> Settings {
    let singles: Vec<_> = names.iter().map(|name| single(call, name)).collect();
    let mut running = stream::iter(singles).buffer_unordered(MOST_AT_ONCE);
    let mut answers = Vec::with_capacity(names.len());
    while let Some(answer) = running.next().await {
        answers.extend(answer);
    }
    answers
}

async fn single(call: &Call<'_>, name: &str) -> Settings {
    match request(call, &[name]).await {
        Ok(configurations) => read(call, &[name], &configurations),
        Err(failure) => vec![(name.to_owned(), failed(failure))],
    }
}

fn failed(failure: Failure) -> Result<Option<Setting>, Unavailable> {
    match failure {
        Failure::NoRepository(_) => Ok(None),
        other => Err(other.into_unavailable()),
    }
}

async fn request(call: &Call<'_>, names: &[&str]) -> Result<Vec<RepositoryScanningConfiguration>, Failure> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let request = call.client.batch_get_repository_scanning_configuration().set_repository_names(Some(names));
    let output = call
        .within("BatchGetRepositoryScanningConfiguration", request.customize().interceptor(call.tally.clone()).send())
        .await?;
    Ok(output.scanning_configurations.unwrap_or_default())
}

/// Takes from an answer only what was asked for.
fn read(call: &Call<'_>, names: &[&str], configurations: &[RepositoryScanningConfiguration]) -> Settings {
    let answers = call.by_name(names, configurations, RepositoryScanningConfiguration::repository_name);
    let about = |name: &&str| {
        let setting = answers.as_ref().map_err(Clone::clone).and_then(|answers| match answers.get(*name) {
            None => Ok(None),
            Some(one) if !one.repository_arn().is_some_and(|arn| call.owns(arn, name)) => Err(call.wrong_registry()),
            Some(one) => {
                Ok(Some(Setting { scan_on_push: one.scan_on_push(), frequency: frequency(one.scan_frequency()) }))
            }
        });
        ((*name).to_owned(), setting)
    };
    names.iter().map(about).collect()
}

/// Absent means what ECR documents as the default.
fn frequency(value: Option<&types::ScanFrequency>) -> ScanFrequency {
    match value {
        Some(types::ScanFrequency::ScanOnPush) => ScanFrequency::ScanOnPush,
        Some(types::ScanFrequency::ContinuousScan) => ScanFrequency::Continuous,
        Some(types::ScanFrequency::Manual) | None => ScanFrequency::Manual,
        Some(other) => ScanFrequency::Unrecognised(other.as_str().to_owned()),
    }
}
