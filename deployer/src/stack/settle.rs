//! From the state a stack is found in to one that an operation of ours can start from: wait, recover, delete.
//!
//! Every destroying step was decided by a person before (`recover::Consent`, or the command `destroy` itself).

use super::{
    Stack, StackClient, cause,
    events::Watcher,
    follow::{Ended, Followed},
    guard,
    recover::{Choice, Consent, Decision, Stuck},
    status::{Goal, Operation, Progress, Step, Stop, next_step},
};
use crate::{
    aws,
    console::Console,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
};

/// So many states may be walked through before an operation of ours can start; more is somebody else's loop.
const ROUNDS: usize = 10;

/// A state that an operation of ours can start from.
pub(super) struct Settled {
    pub(super) step: Step,
    /// The stack as it is then.
    pub(super) found: Option<Stack>,
    /// Whether the person chose to go on from where it stopped.
    pub(super) retry: bool,
}

impl StackClient {
    /// Wait and clear away until `goal` can be started. Without `consent` nothing but waiting is done.
    pub(super) async fn settle(
        &self,
        goal: Goal,
        mut consent: Option<&mut Consent>,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<Settled, Failure> {
        for _ in 0..ROUNDS {
            let found = self.describe().await?;
            if let Some(stack) = &found {
                guard::check_ours(&self.name, stack)?;
            }
            match (next_step(found.as_ref().map(|stack| &stack.status), goal), found) {
                (Step::Stop(stop), Some(stack)) => return Err(self.stopped(&stop, &stack)),
                (Step::WaitThenDecide, Some(stack)) => self.wait(&stack, console, interrupt).await?,
                (Step::Recover(how), Some(stack)) => {
                    let failed = self.failed_resources(&stack).await;
                    let Some(consent) = consent.as_deref_mut() else {
                        return Err(self.stuck(how, &stack, &failed, &Consent::new("deploy", false)));
                    };
                    let choice = self.choose(how, &stack, &failed, consent, console).await?;
                    if choice == Choice::Retry {
                        return Ok(Settled { step: Step::Update, found: Some(stack), retry: true });
                    }
                    self.recover(choice, &stack, &failed, consent, console, interrupt).await?;
                }
                (step, found) => return Ok(Settled { step, found, retry: false }),
            }
        }
        Err(Failure::new(format!("the stack {} does not come to rest: something else keeps changing it", self.name)))
    }

    /// Join an operation that somebody started, we ourselves perhaps, in a run that was stopped.
    async fn wait(&self, stack: &Stack, console: &mut Console, interrupt: &Interrupt) -> Result<(), Failure> {
        console.say(&format!("the stack is {}: waiting for that to end", stack.status.as_str()));
        let watcher = self.watcher(&stack.id, None).await?;
        let followed = Followed { stack_id: stack.id.clone(), operation: Operation::Other, resources: None, watcher };
        self.follow(followed, console, interrupt).await.map(drop)
    }

    /// What the options agreed to, or what the person says now.
    async fn choose(
        &self,
        how: Stuck,
        stack: &Stack,
        failed: &[(String, String)],
        consent: &mut Consent,
        console: &mut Console,
    ) -> Result<Choice, Failure> {
        console.warn(&format!("the stack {} is in {}: {}", self.name, stack.status.as_str(), how.why()));
        for (name, reason) in failed {
            console.say(&format!("failed: {name}: {reason}"));
        }
        let names: Vec<String> = failed.iter().map(|(name, _)| name.clone()).collect();
        let choice = match consent.decide(how) {
            Decision::Do(choice) => choice,
            Decision::Ask if console.can_ask() => ask(how, &names, consent, console).await?,
            Decision::Ask => return Err(self.stuck(how, stack, failed, consent)),
        };
        console.say(&choice.line(how, &names).1);
        Ok(choice)
    }

    async fn recover(
        &self,
        choice: Choice,
        stack: &Stack,
        failed: &[(String, String)],
        consent: &Consent,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        match choice {
            // Decided before this is called: it starts an operation of its own.
            Choice::Retry => Ok(()),
            Choice::Rollback => self.roll_back(stack, console, interrupt).await,
            Choice::Continue => self.continue_rollback(stack, Vec::new(), console, interrupt).await,
            Choice::Skip => {
                let names = named("--skip", &consent.skip, failed)?;
                self.continue_rollback(stack, names, console, interrupt).await
            }
            Choice::Delete => self.try_to_delete(stack, Vec::new(), console, interrupt).await.map(drop),
            Choice::Retain => {
                let names = named("--retain", &consent.retain, failed)?;
                self.try_to_delete(stack, names, console, interrupt).await.map(drop)
            }
        }
    }

    /// Delete the stack and wait until it is gone; `false` when there was none.
    ///
    /// # Errors
    /// When it is not ours (`Unsafe`), when `CloudFormation` refuses or cannot delete some resource, or when we are asked to
    /// stop.
    pub async fn delete(
        &self,
        consent: &mut Consent,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<bool, Failure> {
        let (Step::Delete, Some(mut stack)) =
            self.settle(Goal::Destroy, None, console, interrupt).await.map(|settled| (settled.step, settled.found))?
        else {
            return Ok(false);
        };
        self.unprotect(&stack).await?;
        // A deletion that failed before is tried again whole, unless the person said what may stay.
        let mut retain = Vec::new();
        if !consent.retain.is_empty()
            && next_step(Some(&stack.status), Goal::Deploy) == Step::Recover(Stuck::DeleteFailed)
        {
            consent.decide(Stuck::DeleteFailed);
            retain = named("--retain", &consent.retain, &self.failed_resources(&stack).await)?;
        }
        loop {
            let ended = self.try_to_delete(&stack, retain, console, interrupt).await?;
            let (Progress::Failed, Some(left)) = (ended.progress, ended.stack.clone()) else { return Ok(true) };
            let failed = self.failed_resources(&left).await;
            if next_step(Some(&left.status), Goal::Deploy) != Step::Recover(Stuck::DeleteFailed) || failed.is_empty() {
                return Err(self.failed("deleted", &ended).await);
            }
            retain = match self.choose(Stuck::DeleteFailed, &left, &failed, consent, console).await {
                Ok(Choice::Retain) => named("--retain", &consent.retain, &failed)?,
                Ok(_) => Vec::new(),
                Err(told) => {
                    return Err(Failure { hint: told.hint, code: told.code, ..self.failed("deleted", &ended).await });
                }
            };
            stack = left;
        }
    }

    /// Delete what an undone creation left, saying first why that had failed: its events go out of sight with it.
    ///
    /// # Errors
    /// When `CloudFormation` refuses or cannot delete some resource, or when we are asked to stop.
    pub async fn clear(&self, stack: &Stack, console: &mut Console, interrupt: &Interrupt) -> Result<(), Failure> {
        let events = Watcher::history(&self.client, &stack.id).await.unwrap_or_default();
        if let Some(root) = cause::root_causes(&events).first() {
            console.warn(&format!("the last attempt failed: {}", root.sentence()));
        }
        console.say("its creation failed before and was undone: deleting what is left of it");
        let ended = self.try_to_delete(stack, Vec::new(), console, interrupt).await?;
        match ended.progress {
            Progress::Succeeded => Ok(()),
            _ => Err(self.failed("deleted", &ended).await),
        }
    }

    /// One attempt, to its end.
    async fn try_to_delete(
        &self,
        stack: &Stack,
        retain: Vec<String>,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<Ended, Failure> {
        // No token: of a stack that is going away, whatever still happens is worth showing.
        let watcher = self.watcher(&stack.id, None).await?;
        self.client
            .delete_stack()
            .stack_name(&stack.id)
            .set_retain_resources((!retain.is_empty()).then_some(retain))
            .send()
            .await
            .map_err(|error| aws::failure(&format!("the stack {} could not be deleted", self.name), &error))?;
        let followed = Followed { stack_id: stack.id.clone(), operation: Operation::Delete, resources: None, watcher };
        self.follow(followed, console, interrupt).await
    }

    /// Names and reasons of the resources that the last operation failed at; none where nobody says.
    pub(super) async fn failed_resources(&self, stack: &Stack) -> Vec<(String, String)> {
        let Ok(answer) = self.client.describe_stack_resources().stack_name(&stack.id).send().await else {
            return Vec::new();
        };
        let failed = answer
            .stack_resources()
            .iter()
            .filter(|resource| resource.resource_status().is_some_and(|status| status.as_str().ends_with("_FAILED")));
        let row = |resource: &aws_sdk_cloudformation::types::StackResource| {
            let reason = resource.resource_status_reason().filter(|reason| !reason.is_empty());
            Some((resource.logical_resource_id()?.to_owned(), reason.unwrap_or("no reason was given").to_owned()))
        };
        failed.filter_map(row).collect()
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

    /// Nobody can be asked, or may be.
    pub(super) fn stuck(&self, how: Stuck, stack: &Stack, failed: &[(String, String)], consent: &Consent) -> Failure {
        let names: Vec<String> = failed.iter().map(|(name, _)| name.clone()).collect();
        let reasons: Vec<String> = failed.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
        let cause = if reasons.is_empty() { stack.reason.clone() } else { Some(reasons.join("; ")) };
        let message = format!("the stack {} is in {}: {}", self.name, stack.status.as_str(), how.why());
        Failure { cause, ..Failure::new(message) }.with_hint(consent.commands(how, &names)).with_code(ExitCode::Unsafe)
    }
}

/// The person at the terminal. Anything but one of the letters stops.
async fn ask(stuck: Stuck, failed: &[String], consent: &Consent, console: &mut Console) -> Result<Choice, Failure> {
    for choice in stuck.choices() {
        let (letter, what) = choice.line(stuck, failed);
        console.say(&format!("[{letter}] {what}"));
    }
    console.say("[x] stop, and change nothing (default)");
    let answer = console.prompt("What shall be done?", &Interrupt::never()).await?;
    let chosen =
        stuck.choices().iter().find(|choice| answer.eq_ignore_ascii_case(&choice.line(stuck, failed).0.to_string()));
    chosen.copied().ok_or_else(|| {
        Failure::new("stopped: nothing was changed")
            .with_hint(consent.commands(stuck, failed))
            .with_code(ExitCode::Refused)
    })
}

/// Those that `option` names, which all must have failed; without the option, all that failed.
fn named(option: &str, names: &[String], failed: &[(String, String)]) -> Result<Vec<String>, Failure> {
    let failed: Vec<&str> = failed.iter().map(|(name, _)| name.as_str()).collect();
    match names.iter().find(|name| !failed.contains(&name.as_str())) {
        Some(stranger) => {
            Err(Failure::usage(format!("{option} {stranger}: it is not among what failed, {}", failed.join(", ")))
                .with_hint("Name only resources that CloudFormation failed at."))
        }
        None if names.is_empty() => Ok(failed.into_iter().map(str::to_owned).collect()),
        None => Ok(names.to_vec()),
    }
}
