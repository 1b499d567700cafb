//! Bring the stack to what is wanted, or to nothing, from whatever state it is in.
//!
//! What a state asks for is decided by `status`; this file only does it. It never deletes a stack that may hold live
//! resources unless the person asked for exactly that.

use aws_sdk_cloudformation::types::ChangeSetType;

use super::{
    Stack, StackClient, cause,
    change_set::{ChangeSet, Planned, Wanted},
    events::Watcher,
    follow::Followed,
    status::{Goal, Operation, Progress, Step, Stop, next_step},
};
use crate::{
    aws,
    console::Console,
    error::{ExitCode, Failure},
    interrupt::{Interrupt, interrupted},
};

/// So many states may be walked through before an operation of ours can start; more is somebody else's loop.
const ROUNDS: usize = 10;

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

impl StackClient {
    /// What [`StackClient::apply`] would do with the stack as it was `found`, in words.
    ///
    /// # Errors
    /// `Unsafe` when the stack is in a state that a person has to resolve first.
    pub fn intention(&self, found: Option<&Stack>) -> Result<String, Failure> {
        let status = found.map_or("absent", |stack| stack.status.as_str());
        match (next_step(found.map(|stack| &stack.status), Goal::Deploy), found) {
            (Step::Stop(stop), Some(stack)) => Err(self.stopped(&stop, stack)),
            (Step::Update, _) => Ok(format!("update it (it is {status})")),
            (Step::WaitThenDecide, _) => {
                Ok(format!("wait until it is not {status} any more, then create or update it"))
            }
            (Step::DeleteThenCreate, _) => {
                Ok(format!("delete what is left of a failed creation ({status}), then create it"))
            }
            _ => Ok("create it".to_owned()),
        }
    }

    /// Make the stack what is `wanted`: change set, execution, live events.
    ///
    /// # Errors
    /// When the stack is in a state that a person has to resolve (`Unsafe`), when `CloudFormation` refuses or fails (the
    /// root cause is the failure's sentence), or when we are asked to stop.
    pub async fn apply(
        &self,
        wanted: &Wanted<'_>,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(Applied, Stack), Failure> {
        let (step, found) = self.settle(Goal::Deploy, console, interrupt).await?;
        let (kind, operation) = match step {
            Step::Update => (ChangeSetType::Update, Operation::Update),
            _ => (ChangeSetType::Create, Operation::Create),
        };
        let name = wanted.change_set_name();
        // Only a shell that our own change set brings about may be removed with it.
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
        if change_set.changes.is_empty() {
            console.say("~ (outputs, tags or parameters only)");
        }
        for line in &change_set.changes {
            console.say(&line.to_string());
        }
        let stack = self.run(&change_set, operation, shell_is_ours, console, interrupt).await?;
        Ok((if operation == Operation::Create { Applied::Created } else { Applied::Updated }, stack))
    }

    /// Planning ended without anything to execute.
    fn without_change_set(
        &self,
        planned: Option<Result<Planned, Failure>>,
        found: Option<Stack>,
    ) -> Result<(Applied, Stack), Failure> {
        match (planned, found) {
            (None, _) => Err(interrupted(format!(
                "interrupted before anything was changed in the stack {}; the change set was removed",
                self.name
            ))),
            (Some(Err(failure)), _) => Err(failure),
            (Some(Ok(_)), Some(stack)) => Ok((Applied::Unchanged, stack)),
            (Some(Ok(_)), None) => Err(Failure::new(format!("the template of the stack {} is empty", self.name))),
        }
    }

    async fn run(
        &self,
        change_set: &ChangeSet,
        operation: Operation,
        shell_is_ours: bool,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<Stack, Failure> {
        let token = format!("exec-{}", change_set.name);
        let started = async {
            let watcher = self.watcher(&change_set.stack_id, Some(&token)).await?;
            self.execute(change_set, &token).await?;
            Ok(watcher)
        };
        let watcher: Watcher = match started.await {
            Ok(watcher) => watcher,
            Err(failure) => {
                self.discard(&change_set.name, shell_is_ours).await;
                return Err(failure);
            }
        };
        let followed = Followed { stack_id: change_set.stack_id.clone(), operation, watcher };
        let ended = self.follow(followed, console, interrupt).await?;
        match (ended.progress, &ended.stack) {
            (Progress::Succeeded, Some(stack)) => Ok(stack.clone()),
            _ => Err(self.failed(if operation == Operation::Create { "created" } else { "updated" }, &ended).await),
        }
    }

    /// Delete the stack and wait until it is gone; `false` when there was none.
    ///
    /// # Errors
    /// When `CloudFormation` refuses or cannot delete some resource, or when we are asked to stop.
    pub async fn delete(&self, console: &mut Console, interrupt: &Interrupt) -> Result<bool, Failure> {
        match self.settle(Goal::Destroy, console, interrupt).await? {
            (Step::Delete, Some(stack)) => {
                self.delete_and_wait(&stack, console, interrupt).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn delete_and_wait(
        &self,
        stack: &Stack,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        // No token: of a stack that is going away, whatever still happens is worth showing.
        let watcher = self.watcher(&stack.id, None).await?;
        self.client
            .delete_stack()
            .stack_name(&stack.id)
            .send()
            .await
            .map_err(|error| aws::failure(&format!("the stack {} could not be deleted", self.name), &error))?;
        let followed = Followed { stack_id: stack.id.clone(), operation: Operation::Delete, watcher };
        let ended = self.follow(followed, console, interrupt).await?;
        match ended.progress {
            Progress::Succeeded => Ok(()),
            _ => Err(self.failed("deleted", &ended).await),
        }
    }

    /// Wait and clear away until `goal` can be started. The stack is returned as it is found then.
    async fn settle(
        &self,
        goal: Goal,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(Step, Option<Stack>), Failure> {
        for _ in 0..ROUNDS {
            let found = self.describe().await?;
            let step = next_step(found.as_ref().map(|stack| &stack.status), goal);
            match (step, found) {
                (Step::Stop(why), Some(stack)) => return Err(self.stopped(&why, &stack)),
                (Step::WaitThenDecide, Some(stack)) => {
                    console.say(&format!("the stack is {}: waiting for that to end", stack.status.as_str()));
                    let watcher = self.watcher(&stack.id, None).await?;
                    let followed = Followed { stack_id: stack.id, operation: Operation::Other, watcher };
                    self.follow(followed, console, interrupt).await?;
                }
                (Step::DeleteThenCreate, Some(stack)) => {
                    self.tell_old_cause(&stack, console).await;
                    console.say("its creation failed before and was undone: deleting what is left of it");
                    self.delete_and_wait(&stack, console, interrupt).await?;
                }
                (step, found) => return Ok((step, found)),
            }
        }
        Err(Failure::new(format!("the stack {} does not come to rest: something else keeps changing it", self.name)))
    }

    /// Deleting the stack takes its events out of sight, so say first why it had failed.
    async fn tell_old_cause(&self, stack: &Stack, console: &mut Console) {
        let events = Watcher::history(&self.client, &stack.id).await.unwrap_or_default();
        if let Some(root) = cause::root_causes(&events).first() {
            console.warn(&format!("the last attempt failed: {}", root.sentence()));
        }
    }

    fn stopped(&self, stop: &Stop, stack: &Stack) -> Failure {
        let failure = Failure::new(format!("the stack {} is in {}: {}", self.name, stack.status.as_str(), stop.why))
            .with_hint(format!(
                "Look at it, resolve it, then repeat: aws cloudformation {} --stack-name {}",
                stop.command, self.name
            ))
            .with_code(ExitCode::Unsafe);
        match &stack.reason {
            Some(reason) => failure.with_cause(reason.clone()),
            None => failure,
        }
    }
}
