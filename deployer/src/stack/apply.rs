//! Bring the stack to what is wanted, from whatever state it is in: first prepare (look, wait, make the change set), then,
//! once a person has seen it, carry it out.
//!
//! What a state asks for is decided by `status` and `recover`; this file only does it. It never deletes a stack that may
//! hold live resources unless the person asked for exactly that, and never touches one that is not ours.

use aws_sdk_cloudformation::types::ChangeSetType;

use super::{
    Stack, StackClient,
    change::Action,
    change_set::{ChangeSet, Planned, Wanted},
    events::Watcher,
    follow::Followed,
    recover::Consent,
    settle::Settled,
    status::{Goal, Operation, Progress, Step},
};
use crate::{
    console::Console,
    error::{ExitCode, Failure},
    interrupt::{Interrupt, interrupted},
};

/// What was done to the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It did not exist.
    Created,
    /// It existed and was changed.
    Updated,
    /// It was what is wanted already.
    Unchanged,
}

/// What stands between the stack and what is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// Nothing.
    Unchanged(Stack),
    /// A change set that waits for its execution. It must be carried out or abandoned.
    Ready(Box<Ready>),
    /// What an undone creation left; until it is deleted, `CloudFormation` makes no change set.
    Leftovers(Stack),
}

/// A change set with all that its execution needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// What it would do.
    pub change_set: ChangeSet,
    /// The stack as it was found; `None`: there was none.
    pub found: Option<Stack>,
    operation: Operation,
    /// It stops where it fails: the way on for a stack that stopped like that before.
    keep_on_failure: bool,
}

impl Ready {
    /// Only a shell that our own change set brought about may be removed with it.
    const fn shell_is_ours(&self) -> bool {
        self.found.is_none()
    }
}

impl StackClient {
    /// Wait until nothing else happens to the stack, get it out of where it is stuck as `consent` or the person says, and
    /// make the change set. Without `consent` nothing is changed but for the change set.
    ///
    /// # Errors
    /// `Unsafe` when a person has to decide or the stack is not ours; when `CloudFormation` refuses; when we are asked to
    /// stop. No change set of ours is left behind then.
    pub async fn prepare(
        &self,
        wanted: &Wanted<'_>,
        consent: Option<&mut Consent>,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<Prepared, Failure> {
        let Settled { step, found, retry } = Box::pin(self.settle(Goal::Deploy, consent, console, interrupt)).await?;
        let operation = match (&step, &found) {
            (Step::DeleteThenCreate, Some(stack)) => return Ok(Prepared::Leftovers(stack.clone())),
            (Step::Update, _) => Operation::Update,
            _ => Operation::Create,
        };
        let kind = if operation == Operation::Update { ChangeSetType::Update } else { ChangeSetType::Create };
        let name = wanted.change_set_name();
        let shell_is_ours = found.is_none();
        let planned = interrupt
            .unless_asked(async {
                if !shell_is_ours {
                    self.discard_stale().await;
                }
                self.plan(&name, kind, wanted).await
            })
            .await;
        let change_set = match planned {
            Some(Ok(Planned::Changes(change_set))) => change_set,
            other => {
                self.discard(&name, shell_is_ours).await;
                return self.without_change_set(other, found);
            }
        };
        let ready = Ready { change_set, found, operation, keep_on_failure: retry };
        if retry && let Some(replaced) = replaced(&ready.change_set) {
            self.abandon(&ready).await;
            return Err(self.cannot_retry(&replaced));
        }
        Ok(Prepared::Ready(Box::new(ready)))
    }

    /// Planning ended without anything to execute.
    fn without_change_set(
        &self,
        planned: Option<Result<Planned, Failure>>,
        found: Option<Stack>,
    ) -> Result<Prepared, Failure> {
        match (planned, found) {
            (None, _) => Err(interrupted(format!(
                "interrupted before anything was changed in the stack {}; the change set was removed",
                self.name
            ))),
            (Some(Err(failure)), _) => Err(failure),
            (Some(Ok(_)), Some(stack)) => Ok(Prepared::Unchanged(stack)),
            (Some(Ok(_)), None) => Err(Failure::new(format!("the template of the stack {} is empty", self.name))),
        }
    }

    /// `CloudFormation` replaces nothing in an update that stops where it fails.
    fn cannot_retry(&self, replaced: &str) -> Failure {
        Failure::new(format!(
            "the stack {} cannot be updated where it stopped: {replaced} would be replaced",
            self.name
        ))
        .with_hint("Go back to its last good state first: deployer deploy --recover rollback")
        .with_code(ExitCode::Unsafe)
    }

    /// Take a change set that is not wanted away again, and the stack's shell with it where only it brought that about.
    pub async fn abandon(&self, ready: &Ready) {
        self.discard(&ready.change_set.name, ready.shell_is_ours()).await;
    }

    /// Execute what was prepared, with live events.
    ///
    /// # Errors
    /// When `CloudFormation` refuses or fails (the root cause is the failure's sentence), or when we are asked to stop.
    pub async fn carry_out(
        &self,
        ready: &Ready,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(Applied, Stack), Failure> {
        let change_set = &ready.change_set;
        let token = format!("exec-{}", change_set.name);
        let started = async {
            let watcher = self.watcher(&change_set.stack_id, Some(&token)).await?;
            self.execute(change_set, &token, ready.keep_on_failure).await?;
            Ok(watcher)
        };
        let watcher: Watcher = match started.await {
            Ok(watcher) => watcher,
            Err(failure) => {
                self.abandon(ready).await;
                return Err(failure);
            }
        };
        let created = ready.operation == Operation::Create;
        let followed = Followed {
            stack_id: change_set.stack_id.clone(),
            operation: ready.operation,
            resources: created.then_some(change_set.changes.len()),
            watcher,
        };
        let ended = self.follow(followed, console, interrupt).await?;
        match (ended.progress, &ended.stack) {
            (Progress::Succeeded, Some(stack)) => {
                let applied = if created { Applied::Created } else { Applied::Updated };
                Ok((applied, stack.clone()))
            }
            _ => Err(self.failed(if created { "created" } else { "updated" }, &ended).await),
        }
    }

    /// Prepare and carry out in one go, for what was agreed to before.
    ///
    /// # Errors
    /// As [`StackClient::prepare`] and [`StackClient::carry_out`].
    pub async fn apply(
        &self,
        wanted: &Wanted<'_>,
        consent: &mut Consent,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(Applied, Stack), Failure> {
        loop {
            match Box::pin(self.prepare(wanted, Some(consent), console, interrupt)).await? {
                Prepared::Unchanged(stack) => return Ok((Applied::Unchanged, stack)),
                Prepared::Ready(ready) => return Box::pin(self.carry_out(&ready, console, interrupt)).await,
                Prepared::Leftovers(stack) => self.clear(&stack, console, interrupt).await?,
            }
        }
    }
}

fn replaced(change_set: &ChangeSet) -> Option<String> {
    let replaced = change_set.changes.iter().filter(|change| change.action == Action::Replace);
    let names: Vec<&str> = replaced.map(|change| change.logical_id.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
