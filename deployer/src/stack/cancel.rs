//! Take an update back while it runs, and get a stack out of a rollback that is stuck.
//!
//! Each call is valid in one state only; what else can be done in the others is said, never guessed.

use aws_sdk_cloudformation::types::StackStatus as Status;

use super::{
    Stack, StackClient,
    events::Watcher,
    follow::{Ended, Followed},
    guard,
    recover::{Choice, Consent, Stuck},
    status::{Goal, Operation, Step, next_step},
};
use crate::{
    aws,
    console::Console,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
};

impl StackClient {
    /// Cancel the update that runs, and wait until the stack is what it was before.
    ///
    /// # Errors
    /// When no update runs (with what helps instead), when `CloudFormation` refuses, when we are asked to stop.
    pub async fn cancel(&self, console: &mut Console, interrupt: &Interrupt) -> Result<Stack, Failure> {
        let stack = self.ours().await?;
        if stack.status != Status::UpdateInProgress {
            return Err(self.nothing_to_cancel(&stack.status));
        }
        let watcher = self.watcher(&stack.id, None).await?;
        self.cancel_update(&stack.id).await?;
        console.say("the update is cancelled: CloudFormation goes back to what was before");
        let ended = self.follow_undo(&stack, watcher, console, interrupt).await?;
        match ended.stack {
            Some(stack) if stack.status == Status::UpdateRollbackComplete => Ok(stack),
            Some(stack) if stack.status == Status::UpdateComplete => {
                Err(Failure::new("the update was over before it could be cancelled").with_hint(ROLL_BACK_CODE))
            }
            _ => Err(self.failed("rolled back", &ended).await),
        }
    }

    /// Ask for the update to be cancelled.
    pub(super) async fn cancel_update(&self, stack_id: &str) -> Result<(), Failure> {
        let sent = self.client.cancel_update_stack().stack_name(stack_id).send().await;
        sent.map(drop).map_err(|error| {
            aws::failure(&format!("the update of the stack {} could not be cancelled", self.name), &error)
        })
    }

    fn nothing_to_cancel(&self, status: &Status) -> Failure {
        let hint = match status {
            Status::CreateInProgress => {
                "A creation cannot be cancelled. Wait for its end (deployer deploy), or delete the stack: deployer destroy"
            }
            Status::UpdateCompleteCleanupInProgress => {
                "The update is through, only old resources are being deleted. To go back to the code before: deployer rollback --code"
            }
            Status::UpdateRollbackInProgress | Status::UpdateRollbackCompleteCleanupInProgress => {
                "It goes back to what was before already. To watch it: deployer deploy waits for its end."
            }
            Status::UpdateFailed | Status::CreateFailed | Status::UpdateRollbackFailed => {
                "It stopped half-way. To go back to the last good state: deployer rollback"
            }
            _ => ROLL_BACK_CODE,
        };
        let message = format!("there is no update to cancel: the stack {} is {}", self.name, status.as_str());
        Failure::new(message).with_hint(hint).with_code(ExitCode::Refused)
    }

    /// Bring a stack that stopped half-way back to its last good state; `false` when it is in one.
    ///
    /// # Errors
    /// When a person has to decide, when `CloudFormation` refuses or fails, when we are asked to stop.
    pub async fn roll_back_stuck(
        &self,
        consent: &mut Consent,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<bool, Failure> {
        let stack = self.ours().await?;
        match next_step(Some(&stack.status), Goal::Deploy) {
            // Going back is what was asked for, and nothing that was there before is lost by it.
            Step::Recover(how @ (Stuck::HalfUpdated | Stuck::UpdateRollbackFailed)) => {
                let back = if how == Stuck::HalfUpdated { Choice::Rollback } else { Choice::Continue };
                consent.recover = Some(back);
                self.settle(Goal::Deploy, Some(consent), console, interrupt).await?;
                Ok(true)
            }
            // There is no state to go back to.
            Step::Recover(how) => {
                Err(self.stuck(how, &stack, &self.failed_resources(&stack).await, &Consent::new("deploy", false)))
            }
            _ => Ok(false),
        }
    }

    pub(super) async fn roll_back(
        &self,
        stack: &Stack,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        let watcher = self.watcher(&stack.id, None).await?;
        let sent = self.client.rollback_stack().stack_name(&stack.id).retain_except_on_create(true).send().await;
        sent.map_err(|error| aws::failure(&format!("the stack {} could not be rolled back", self.name), &error))?;
        self.follow_undo(stack, watcher, console, interrupt).await.map(drop)
    }

    pub(super) async fn continue_rollback(
        &self,
        stack: &Stack,
        skip: Vec<String>,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        let watcher = self.watcher(&stack.id, None).await?;
        let request = self.client.continue_update_rollback().stack_name(&stack.id);
        let sent = request.set_resources_to_skip((!skip.is_empty()).then_some(skip)).send().await;
        sent.map_err(|error| {
            aws::failure(&format!("the rollback of the stack {} could not be continued", self.name), &error)
        })?;
        self.follow_undo(stack, watcher, console, interrupt).await.map(drop)
    }

    async fn follow_undo(
        &self,
        stack: &Stack,
        watcher: Watcher,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<Ended, Failure> {
        let followed = Followed { stack_id: stack.id.clone(), operation: Operation::Undo, resources: None, watcher };
        self.follow(followed, console, interrupt).await
    }

    /// The stack, which must exist and be ours.
    ///
    /// # Errors
    /// When it does not or is not (`Unsafe`), or when `CloudFormation` does not say.
    pub async fn ours(&self) -> Result<Stack, Failure> {
        let stack = self.describe().await?.ok_or_else(|| {
            let region = aws::region_of(&self.client);
            Failure::new(format!("there is no stack {} in {region}", self.name))
                .with_hint("Choose --stack-name, --region and --profile, or make it: deployer deploy")
        })?;
        guard::check_ours(&self.name, &stack)?;
        Ok(stack)
    }
}

const ROLL_BACK_CODE: &str = "To go back to the code that was deployed before: deployer rollback --code";
