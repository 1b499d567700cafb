//! What every call to one registry has in common: the way there, the deadline, and what is noted about it.

use std::collections::BTreeMap;

use aws_sdk_ecr::Client;
use aws_sdk_ecr::config::http::HttpResponse;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use tokio::time::{Instant, timeout_at};

use crate::ecr::clients::Standing;
use crate::ecr::clock::Clock;
use crate::ecr::error::{self, Failure};
use crate::ecr::report::Tally;
use crate::ecr::role::Role;
use crate::ecr::trouble::Trouble;
use crate::facts::Unavailable;
use crate::registry::Registry;

/// The way to one registry, for one gathering.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) client: &'a Client,
    pub(super) registry: &'a Registry,
    pub(super) standing: Standing,
    /// The role to assume first.
    pub(super) role: Option<&'a Role>,
    pub(super) until: Instant,
    /// Whether to ask also for what is remembered and fresh.
    pub(super) afresh: bool,
    pub(super) clock: &'a dyn Clock,
    pub(super) tally: &'a Tally,
    pub(super) trouble: &'a Trouble,
}

impl Call<'_> {
    /// Waits for an answer until the deadline. `action` is the name of the operation, as in an IAM policy.
    pub(super) async fn within<T, E: ProvideErrorMetadata>(
        &self,
        action: &'static str,
        answer: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failure> {
        if self.trouble.is_pausing(self.registry, self.clock.now()) {
            return Err(error::throttled(self));
        }
        let result = match self.role {
            Some(role) => role.ready(self).await.map_err(Failure::Other),
            None => Ok(()),
        };
        let result = match result {
            Ok(()) => self.ask(action, answer).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = &result {
            self.trouble.note(self.registry, failure.why(), self.clock.now());
            if let (Some(role), error::CREDENTIALS) = (self.role, failure.why().code) {
                role.refused(self.clock.now());
            }
        }
        result
    }

    async fn ask<T, E: ProvideErrorMetadata>(
        &self,
        action: &'static str,
        answer: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failure> {
        self.tally.sent();
        let result = match timeout_at(self.until, answer).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(error)) => Err(error::read(self, action, &error)),
            Err(_) => Err(error::timeout(self)),
        };
        self.tally.answered();
        result
    }

    /// The code of a failure of this registry so recent that another is to be expected.
    pub(super) fn recent_outage(&self) -> Option<&'static str> {
        self.trouble.recent(self.registry, self.clock.now())
    }

    /// Whether the registry's scanning configuration can be read: ECR tells it to nobody but the account itself.
    pub(super) fn is_within_account(&self) -> bool {
        self.standing != Standing::Foreign
    }

    /// Whether an ARN in an answer is that of the repository that was asked for.
    pub(super) fn owns(&self, arn: &str, name: &str) -> bool {
        let Registry { partition, account, region } = self.registry;
        arn == format!("arn:{}:ecr:{region}:{account}:repository/{name}", partition.id())
    }

    /// What an answer says of each name, where it says no name twice and none that was not asked for: else it is the answer
    /// to some other question, and what it lacks need not be missing.
    pub(super) fn by_name<'a, T>(
        &self,
        names: &[&str],
        all: &'a [T],
        name: fn(&T) -> Option<&str>,
    ) -> Result<BTreeMap<&'a str, &'a T>, Unavailable> {
        let said: BTreeMap<&str, &T> = all.iter().filter_map(|one| Some((name(one)?, one))).collect();
        let fits = said.len() == all.len() && said.keys().all(|name| names.contains(name));
        if fits { Ok(said) } else { Err(error::unreadable_answer(self)) }
    }

    /// What an answer about another registry's repository is worth.
    pub(super) fn wrong_registry(&self) -> Unavailable {
        Unavailable::new("wrong-registry", format!("ECR answered for another registry than {}", self.registry))
    }
}
