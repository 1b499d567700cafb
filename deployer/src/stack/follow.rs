//! Follow an operation of the stack until it is at rest: one line per event, on a terminal with a board of what is in
//! progress below them, and its root cause if it failed.
//!
//! Following never changes anything, so it can be given up at any time; the operation goes on in AWS.

use std::time::{Duration, Instant};

use aws_sdk_cloudformation::types::StackStatus;

use super::{
    Pace, Stack, StackClient,
    board::Board,
    cause::{self, Cause},
    events::{Event, Watcher},
    status::{self, Operation, Progress},
    validation,
};
use crate::{
    aws,
    console::Console,
    error::Failure,
    interrupt::{Interrupt, interrupted},
};

/// Looks at rest that are believed without having seen the operation move: right after it was started, `CloudFormation`
/// may still show the state before it; an operation that changes only outputs may never be seen moving.
const STILL_AFTER: usize = 10;

const EXPIRED: &str = "The operation goes on in AWS. Log in again (for example: aws sso login), then run the same command again: it waits for the operation and goes on from there.";

/// How often a terminal's board is drawn again.
const TICK: Duration = Duration::from_secs(1);

/// What is followed.
#[derive(Debug)]
pub(super) struct Followed {
    pub(super) stack_id: String,
    pub(super) operation: Operation,
    /// How many resources a creation makes; `None` for what has no number that could be counted to.
    pub(super) resources: Option<usize>,
    pub(super) watcher: Watcher,
}

/// What was seen of it so far.
struct Sight {
    events: Vec<Event>,
    board: Board,
    since: Instant,
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// `None` when the stack is gone.
    pub(super) stack: Option<Stack>,
    pub(super) progress: Progress,
    pub(super) events: Vec<Event>,
}

impl StackClient {
    /// Begin to watch the events of `stack_id`, before the operation is started.
    pub(super) async fn watcher(&self, stack_id: &str, token: Option<&str>) -> Result<Watcher, Failure> {
        Watcher::start(&self.client, stack_id, token)
            .await
            .map_err(|error| aws::failure(&format!("the events of the stack {} could not be read", self.name), &error))
    }

    /// Show events until the operation is at rest.
    ///
    /// # Errors
    /// When we are asked to stop, or when AWS does not answer several times in a row. The operation goes on either way.
    pub(super) async fn follow(
        &self,
        followed: Followed,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<Ended, Failure> {
        let ended = self.follow_on(followed, console, interrupt).await;
        console.live(&[]);
        ended
    }

    async fn follow_on(
        &self,
        mut followed: Followed,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<Ended, Failure> {
        let mut sight = Sight { events: Vec::new(), board: Board::new(followed.resources), since: Instant::now() };
        let mut moved = followed.operation == Operation::Other;
        let (mut look, mut still, mut failures) = (0, 0, 0);
        loop {
            match self.look(&mut followed, &mut sight, console).await {
                Ok(stack) => {
                    failures = 0;
                    moved |= sight.events.iter().any(|event| event.is_about_stack(&followed.stack_id));
                    let progress = standing(stack.as_ref(), followed.operation, &mut moved);
                    still += usize::from(!moved);
                    if progress != Progress::Running && (moved || still > STILL_AFTER) {
                        // Events may come a moment after the status; what this last look misses is not worth a failure.
                        let _ = self.show_events(&mut followed, &mut sight, console).await;
                        return Ok(Ended { stack, progress, events: sight.events });
                    }
                    if !moved && still > STILL_AFTER * 3 {
                        return Err(self.lost("it was started, but the stack does not move"));
                    }
                }
                Err(cause) => {
                    failures += 1;
                    // The SDK has tried to get new credentials by then; only a person can.
                    if aws::says_expired(&cause) {
                        return Err(self.lost("the credentials have expired").with_cause(cause).with_hint(EXPIRED));
                    }
                    if failures >= Pace::LOST_AFTER {
                        return Err(self.lost("AWS does not answer").with_cause(cause));
                    }
                }
            }
            if rest(self.pace.pause(look), &sight, console, interrupt).await.is_none() {
                self.stay_or_leave(&followed, console, interrupt).await?;
            }
            look += 1;
        }
    }

    /// One look: new events, then the state. The error is text, for it is only told after several in a row.
    async fn look(
        &self,
        followed: &mut Followed,
        sight: &mut Sight,
        console: &mut Console,
    ) -> Result<Option<Stack>, String> {
        let shown = self.show_events(followed, sight, console).await;
        let stack = self.look_up(&followed.stack_id).await.map_err(|error| aws::describe(&error))?;
        // A stack that is gone by id has no events any more either; that is an answer, not a failure.
        if stack.is_some() { shown.map(|()| stack) } else { Ok(stack) }
    }

    async fn show_events(
        &self,
        followed: &mut Followed,
        sight: &mut Sight,
        console: &mut Console,
    ) -> Result<(), String> {
        let fresh = followed.watcher.poll(&self.client).await.map_err(|error| aws::describe(&error))?;
        sight.events.extend(fresh.iter().cloned());
        // Relative to the first event: this machine's clock may be wrong.
        let since = sight.events.first().map_or(0, |event| event.millis);
        for event in &fresh {
            let is_line = sight.board.take(event, event.is_about_stack(&followed.stack_id), sight.since.elapsed());
            if is_line || !console.is_live() {
                console.event("stack-event", &event.line(since), event);
            }
        }
        Ok(())
    }

    /// Ctrl-C in the middle. Off a terminal we leave; on one the person says what is meant.
    ///
    /// # Errors
    /// When we leave.
    async fn stay_or_leave(
        &self,
        followed: &Followed,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        if !console.can_ask() {
            return Err(self.detached());
        }
        // Only an update can be taken back: what a creation or deletion would go back to does not exist.
        let can_cancel = followed.operation == Operation::Update;
        let cancel = if can_cancel { "[c]ancel and roll back / " } else { "" };
        let question = format!("Stop? [d]etach, it goes on in AWS (default) / {cancel}[w]ait for it");
        // Another Ctrl-C ends the process, so this need not listen for one.
        match console.prompt(&question, &Interrupt::never()).await?.to_ascii_lowercase().as_str() {
            "c" if can_cancel => self.cancel_update(&followed.stack_id).await?,
            "w" => (),
            _ => return Err(self.detached()),
        }
        interrupt.rearm();
        Ok(())
    }

    fn lost(&self, why: &str) -> Failure {
        Failure::new(format!("lost sight of the stack {}: {why}", self.name))
            .with_hint("Whatever was started goes on in AWS. Run the same command again: it waits for it and goes on.")
    }

    fn detached(&self) -> Failure {
        interrupted(format!("stopped watching the stack {}; its operation goes on in AWS", self.name))
            .with_hint("Run the same command again: it waits for the operation and goes on from there. An update can be taken back: deployer cancel")
    }

    /// The failure of an operation, its root cause in the sentence itself.
    pub(super) async fn failed(&self, what: &str, ended: &Ended) -> Failure {
        let status = ended.stack.as_ref().map_or("gone", |stack| stack.status.as_str());
        let causes = cause::root_causes(&ended.events);
        let Some((root, others)) = causes.split_first() else {
            return Failure::new(format!("the stack {} could not be {what}: it is {status}", self.name))
                .with_cause(self.reason_without_events(ended).await);
        };
        let failure = Failure::new(format!("the stack {} could not be {what}: {}", self.name, root.sentence()));
        let failure = match others {
            [] => failure.with_cause(format!("the stack is {status} now")),
            others => {
                let others: Vec<String> = others.iter().map(Cause::sentence).collect();
                failure.with_cause(format!("the stack is {status} now; also failed: {}", others.join("; ")))
            }
        };
        match root.hint() {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }

    /// Events come late now and then: ask the other API, then take what the stack itself says.
    async fn reason_without_events(&self, ended: &Ended) -> String {
        let Some(stack) = &ended.stack else { return "the stack does not exist any more".to_owned() };
        let lines = validation::failed_events(&self.client, validation::Of::Stack(&stack.id)).await;
        if lines.is_empty() {
            stack.reason.clone().unwrap_or_else(|| "CloudFormation gives no reason".to_owned())
        } else {
            lines.join("; ")
        }
    }
}

/// The pause between two looks, in which a terminal's board goes on counting; `None` when we are asked to stop.
async fn rest(pause: Duration, sight: &Sight, console: &mut Console, interrupt: &Interrupt) -> Option<()> {
    let end = Instant::now() + pause;
    loop {
        console.live(&sight.board.lines(sight.since.elapsed()));
        let left = end.saturating_duration_since(Instant::now());
        // Also when nothing is left to wait: whoever asked to stop in the meantime is heard.
        interrupt.unless_asked(tokio::time::sleep(left.min(TICK))).await?;
        if left <= TICK {
            return Some(());
        }
    }
}

/// Where the operation stands, and whether it has been seen to move.
fn standing(stack: Option<&Stack>, operation: Operation, moved: &mut bool) -> Progress {
    let Some(stack) = stack else {
        *moved = true;
        return match operation {
            Operation::Delete | Operation::Undo | Operation::Other => Progress::Succeeded,
            // It vanished under us.
            Operation::Create | Operation::Update => Progress::Failed,
        };
    };
    let shell = stack.status == StackStatus::ReviewInProgress;
    let progress = status::progress(&stack.status, operation);
    *moved |= progress == Progress::Running && !shell;
    progress
}
