//! `DescribeRepositories`: does a repository exist, can its tags be moved, does it ask to be scanned.
//!
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html>

use aws_sdk_ecr::types::{
    ImageScanningConfiguration, ImageTagMutability, ImageTagMutabilityExclusionFilter,
    ImageTagMutabilityExclusionFilterType, Repository,
};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;

use crate::ecr::MOST_AT_ONCE;
use crate::ecr::cache::Lasting;
use crate::ecr::call::Call;
use crate::ecr::error::{self, Failure};
use crate::ecr::shelf::{Answers, Question};
use crate::facts::{RepositoryKey, TagMutability, Unavailable};

/// ECR's limit of names in a call.
const BATCH: usize = 100;

/// What the call says about one repository.
#[derive(Debug, Clone)]
pub(super) enum Described {
    Found { mutability: TagMutability, scan_on_push: bool },
    NotFound,
}

type Descriptions = Vec<(String, Result<Described, Unavailable>)>;

/// The question about repositories.
pub(super) struct Repositories<'a>(pub(super) &'a Call<'a>);

impl Question for Repositories<'_> {
    type Key = RepositoryKey;
    type Fact = Described;

    fn call(&self) -> &Call<'_> {
        self.0
    }

    fn lasting(&self, _: &RepositoryKey, fact: &Described) -> Lasting {
        match fact {
            Described::Found { .. } => Lasting::Settled,
            // Somebody may be creating it right now.
            Described::NotFound => Lasting::Brief,
        }
    }

    async fn ask(&self, keys: &[RepositoryKey]) -> Answers<RepositoryKey, Described> {
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        let batches = names.chunks(BATCH).map(|batch| describe(self.0, batch));
        let answers = join_all(batches).await.into_iter().flatten();
        answers.map(|(name, answer)| (RepositoryKey { registry: self.0.registry.clone(), name }, answer)).collect()
    }
}

async fn describe(call: &Call<'_>, names: &[&str]) -> Descriptions {
    match request(call, names).await {
        Ok(repositories) => read(call, names, &repositories),
        // One bad name fails the whole call, so each has to be asked for by itself.
        Err(failure) if failure.is_about_a_name() && names.len() > 1 => one_by_one(call, names).await,
        Err(failure) => names.iter().map(|name| ((*name).to_owned(), failed(failure.clone()))).collect(),
    }
}

async fn one_by_one(call: &Call<'_>, names: &[&str]) -> Descriptions {
    let mut answers = Vec::with_capacity(names.len());
    let singles: Vec<_> = names.iter().map(|name| single(call, name)).collect();
    let mut running = stream::iter(singles).buffer_unordered(MOST_AT_ONCE);
    while let Some(answer) = running.next().await {
        answers.extend(answer);
    }
    answers
}

async fn single(call: &Call<'_>, name: &str) -> Descriptions {
    match request(call, &[name]).await {
        Ok(repositories) => read(call, &[name], &repositories),
        Err(failure) => vec![(name.to_owned(), failed(failure))],
    }
}

/// One call. `nextToken` must not occur together with names, and there is always a list.
async fn request(call: &Call<'_>, names: &[&str]) -> Result<Vec<Repository>, Failure> {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let request = call.client.describe_repositories();
    let request = request.registry_id(&call.registry.account).set_repository_names(Some(names));
    let output =
        call.within("DescribeRepositories", request.customize().interceptor(call.tally.clone()).send()).await?;
    let whole = output.repositories.filter(|_| output.next_token.is_none());
    whole.ok_or_else(|| Failure::Other(error::unreadable_answer(call)))
}

fn failed(failure: Failure) -> Result<Described, Unavailable> {
    match failure {
        Failure::NoRepository(_) => Ok(Described::NotFound),
        other => Err(other.into_unavailable()),
    }
}

/// Takes from an answer only what was asked for. A name it does not have does not exist.
fn read(call: &Call<'_>, names: &[&str], repositories: &[Repository]) -> Descriptions {
    let answers = call.by_name(names, repositories, Repository::repository_name);
    let about = |name: &&str| {
        let described = answers.as_ref().map_err(Clone::clone).and_then(|answers| match answers.get(*name) {
            None => Ok(Described::NotFound),
            Some(repository) => described(call, name, repository),
        });
        ((*name).to_owned(), described)
    };
    names.iter().map(about).collect()
}

fn described(call: &Call<'_>, name: &str, repository: &Repository) -> Result<Described, Unavailable> {
    if !is_asked(call, name, repository) {
        return Err(call.wrong_registry());
    }
    let scan_on_push = repository.image_scanning_configuration().is_some_and(ImageScanningConfiguration::scan_on_push);
    Ok(Described::Found { mutability: mutability(repository), scan_on_push })
}

/// An answer about another account's repository of the same name is no fact about this one.
fn is_asked(call: &Call<'_>, name: &str, repository: &Repository) -> bool {
    repository.registry_id() == Some(call.registry.account.as_str())
        && repository.repository_arn().is_some_and(|arn| call.owns(arn, name))
}

fn mutability(repository: &Repository) -> TagMutability {
    let filters = || {
        let filters = repository.image_tag_mutability_exclusion_filters().iter();
        filters.map(|filter| filter.filter().to_owned()).collect()
    };
    // A filter without a text would match nothing, and so let in what it was meant to except.
    let is_known = |filter: &ImageTagMutabilityExclusionFilter| {
        *filter.filter_type() == ImageTagMutabilityExclusionFilterType::Wildcard && !filter.filter().is_empty()
    };
    let filters_are_known = repository.image_tag_mutability_exclusion_filters().iter().all(is_known);
    match repository.image_tag_mutability() {
        Some(ImageTagMutability::Immutable) => TagMutability::Immutable,
        Some(ImageTagMutability::Mutable) => TagMutability::Mutable,
        Some(ImageTagMutability::ImmutableWithExclusion) if filters_are_known => {
            TagMutability::ImmutableExcept(filters())
        }
        Some(ImageTagMutability::MutableWithExclusion) if filters_are_known => TagMutability::MutableExcept(filters()),
        Some(other) => TagMutability::Unrecognised(other.as_str().to_owned()),
        None => TagMutability::Unrecognised("none".to_owned()),
    }
}
