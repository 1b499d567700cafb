//! What a stack's status means for us: one pure table for where an operation may start, one for where it ends.
//!
//! Nothing here talks to AWS. Every arm says why. The list of statuses is that of the API model
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html>); a status that it does not
//! name yet is waited for when it ends in `_IN_PROGRESS` and stops us otherwise: guessing could destroy resources.

use aws_sdk_cloudformation::types::StackStatus as Status;

use super::recover::Stuck;

/// What the person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The stack shall exist with the template we have.
    Deploy,
    /// The stack shall be gone.
    Destroy,
}

/// What to do with a stack as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make a CREATE change set.
    Create,
    /// Make a CREATE change set on the empty shell which an earlier, never executed change set left behind.
    CreateOnShell,
    /// Make an UPDATE change set.
    Update,
    /// Another operation runs: wait for it by the stack's id, then look again.
    WaitThenDecide,
    /// Only an undone creation is left, with no live resources: delete it, then create.
    DeleteThenCreate,
    /// Delete the stack.
    Delete,
    /// What was asked for is already so.
    Nothing,
    /// It is stuck with resources that may be live: a person has to choose.
    Recover(Stuck),
    /// Nothing of ours helps; a person has to look.
    Stop(Stop),
}

/// Why we stop, and the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// One clause that completes "the stack … is in STATUS: ".
    pub why: &'static str,
    /// `aws cloudformation` subcommand that helps, without the stack's name and region.
    pub command: &'static str,
}

/// Decide what `goal` asks for on a stack in `status`; `None` is a stack that does not exist.
#[must_use]
pub fn next_step(status: Option<&Status>, goal: Goal) -> Step {
    let Some(status) = status else {
        return match goal {
            Goal::Deploy => Step::Create,
            // An absent thing is success.
            Goal::Destroy => Step::Nothing,
        };
    };
    match goal {
        Goal::Deploy => deploy_from(status),
        Goal::Destroy => destroy_from(status),
    }
}

fn deploy_from(status: &Status) -> Step {
    match status {
        // Gone: only its id still answers.
        Status::DeleteComplete => Step::Create,
        // A shell without template or resources. Deleting it would also kill the pending change set of a colleague, and
        // waiting for it never ends, so we create on it.
        Status::ReviewInProgress => Step::CreateOnShell,
        // The first two are good, stable states. In the third the last update was undone: the resources are those of the
        // last good template, and an update may start. In the others resources were taken in, or that was undone.
        Status::CreateComplete
        | Status::UpdateComplete
        | Status::UpdateRollbackComplete
        | Status::ImportComplete
        | Status::ImportRollbackComplete => Step::Update,
        // The creation failed and was undone: nothing lives in it, and CloudFormation accepts no update of it.
        Status::RollbackComplete => Step::DeleteThenCreate,
        // Another operation runs; what is right depends on how it ends.
        Status::CreateInProgress
        | Status::RollbackInProgress
        | Status::DeleteInProgress
        | Status::UpdateInProgress
        | Status::UpdateCompleteCleanupInProgress
        | Status::UpdateRollbackInProgress
        | Status::UpdateRollbackCompleteCleanupInProgress
        | Status::ImportInProgress
        | Status::ImportRollbackInProgress => Step::WaitThenDecide,
        // Paused with live resources: deleting it unasked would destroy them.
        Status::CreateFailed => Step::Recover(Stuck::HalfCreated),
        // Creation and its undoing failed: some resources could not be deleted, and no update may start.
        Status::RollbackFailed => Step::Recover(Stuck::RollbackFailed),
        // Someone wanted it gone and something is in the way: creating over it would hide that.
        Status::DeleteFailed => Step::Recover(Stuck::DeleteFailed),
        // Paused update, rollback disabled: the live resources are a mixture of old and new.
        Status::UpdateFailed => Step::Recover(Stuck::HalfUpdated),
        // The rollback itself is stuck; it must be completed before anything else, and never by deleting.
        Status::UpdateRollbackFailed => Step::Recover(Stuck::UpdateRollbackFailed),
        // No call completes this one; a person has to look at what failed.
        Status::ImportRollbackFailed => {
            Step::Stop(Stop { why: "an import of resources could not be undone", command: "describe-stack-events" })
        }
        unknown => unknown_status(unknown),
    }
}

fn destroy_from(status: &Status) -> Step {
    match status {
        Status::DeleteComplete => Step::Nothing,
        // Deleting in the middle of another operation leaves more behind than it removes.
        Status::CreateInProgress
        | Status::RollbackInProgress
        | Status::DeleteInProgress
        | Status::UpdateInProgress
        | Status::UpdateCompleteCleanupInProgress
        | Status::UpdateRollbackInProgress
        | Status::UpdateRollbackCompleteCleanupInProgress
        | Status::ImportInProgress
        | Status::ImportRollbackInProgress => Step::WaitThenDecide,
        // The person was asked and said yes. Every state at rest may be deleted, a failed deletion may be tried again,
        // and a shell holds nothing.
        Status::ReviewInProgress
        | Status::CreateComplete
        | Status::CreateFailed
        | Status::RollbackComplete
        | Status::RollbackFailed
        | Status::DeleteFailed
        | Status::UpdateComplete
        | Status::UpdateFailed
        | Status::UpdateRollbackComplete
        | Status::UpdateRollbackFailed
        | Status::ImportComplete
        | Status::ImportRollbackComplete
        | Status::ImportRollbackFailed => Step::Delete,
        unknown => unknown_status(unknown),
    }
}

/// A status newer than this program.
fn unknown_status(status: &Status) -> Step {
    if status.as_str().ends_with("_IN_PROGRESS") {
        return Step::WaitThenDecide;
    }
    Step::Stop(Stop { why: "this deployer does not know that state and will not guess", command: "describe-stacks" })
}

/// The operation we started and now watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A CREATE change set was executed.
    Create,
    /// An UPDATE change set was executed.
    Update,
    /// The stack is being deleted.
    Delete,
    /// What was done is being undone: any state at rest is an end, and it decides what comes next.
    Undo,
    /// Somebody else's operation: any state at rest is an end.
    Other,
}

/// How far the operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not at rest yet.
    Running,
    /// At rest, and it did what was asked.
    Succeeded,
    /// At rest, and it did not.
    Failed,
}

/// Where `operation` stands when the stack shows `status`.
#[must_use]
pub fn progress(status: &Status, operation: Operation) -> Progress {
    let good = match operation {
        Operation::Create => matches!(status, Status::CreateComplete),
        Operation::Update => matches!(status, Status::UpdateComplete | Status::ImportComplete),
        Operation::Delete => matches!(status, Status::DeleteComplete),
        Operation::Undo | Operation::Other => !status.as_str().ends_with("_IN_PROGRESS"),
    };
    match status {
        _ if good => Progress::Succeeded,
        // Read right after the execution this is the shell's old state: the operation has not shown itself yet.
        Status::ReviewInProgress => Progress::Running,
        other if other.as_str().ends_with("_IN_PROGRESS") => Progress::Running,
        _ => Progress::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row per status: what `deploy` does, what `destroy` does, and how a create and an update end there.
    #[allow(clippy::match_same_arms, reason = "a table: one row per status, to be read beside the API's list")]
    fn row(name: &str) -> (Step, Step, Progress, Progress) {
        use Progress::{Failed, Running, Succeeded};
        let stop = |command: &'static str| {
            // The words may change; the command is what the person types.
            Step::Stop(Stop { why: "", command })
        };
        let wait = || (Step::WaitThenDecide, Step::WaitThenDecide, Running, Running);
        match name {
            "CREATE_COMPLETE" => (Step::Update, Step::Delete, Succeeded, Failed),
            "CREATE_FAILED" => (Step::Recover(Stuck::HalfCreated), Step::Delete, Failed, Failed),
            "CREATE_IN_PROGRESS" => wait(),
            "DELETE_COMPLETE" => (Step::Create, Step::Nothing, Failed, Failed),
            "DELETE_FAILED" => (Step::Recover(Stuck::DeleteFailed), Step::Delete, Failed, Failed),
            "DELETE_IN_PROGRESS" => wait(),
            "IMPORT_COMPLETE" => (Step::Update, Step::Delete, Failed, Succeeded),
            "IMPORT_IN_PROGRESS" => wait(),
            "IMPORT_ROLLBACK_COMPLETE" => (Step::Update, Step::Delete, Failed, Failed),
            "IMPORT_ROLLBACK_FAILED" => (stop("describe-stack-events"), Step::Delete, Failed, Failed),
            "IMPORT_ROLLBACK_IN_PROGRESS" => wait(),
            "REVIEW_IN_PROGRESS" => (Step::CreateOnShell, Step::Delete, Running, Running),
            "ROLLBACK_COMPLETE" => (Step::DeleteThenCreate, Step::Delete, Failed, Failed),
            "ROLLBACK_FAILED" => (Step::Recover(Stuck::RollbackFailed), Step::Delete, Failed, Failed),
            "ROLLBACK_IN_PROGRESS" => wait(),
            "UPDATE_COMPLETE" => (Step::Update, Step::Delete, Failed, Succeeded),
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" => wait(),
            "UPDATE_FAILED" => (Step::Recover(Stuck::HalfUpdated), Step::Delete, Failed, Failed),
            "UPDATE_IN_PROGRESS" => wait(),
            "UPDATE_ROLLBACK_COMPLETE" => (Step::Update, Step::Delete, Failed, Failed),
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS" => wait(),
            "UPDATE_ROLLBACK_FAILED" => (Step::Recover(Stuck::UpdateRollbackFailed), Step::Delete, Failed, Failed),
            "UPDATE_ROLLBACK_IN_PROGRESS" => wait(),
            // A status that the SDK learnt and this table has not: the test must say so.
            other => panic!("{other} has no row: decide what it means first"),
        }
    }

    /// The step without its words.
    fn bare(step: Step) -> Step {
        match step {
            Step::Stop(known) => Step::Stop(Stop { why: "", ..known }),
            other => other,
        }
    }

    #[test]
    fn every_status_of_the_api_is_decided_by_name() {
        assert_eq!(Status::values().len(), 23, "the SDK knows other statuses now: give each a row");
        for name in Status::values() {
            let status = Status::from(*name);
            let (deploy, destroy, create, update) = row(name);
            assert_eq!(bare(next_step(Some(&status), Goal::Deploy)), deploy, "deploy from {name}");
            assert_eq!(bare(next_step(Some(&status), Goal::Destroy)), destroy, "destroy from {name}");
            assert_eq!(progress(&status, Operation::Create), create, "a create at {name}");
            assert_eq!(progress(&status, Operation::Update), update, "an update at {name}");
        }
    }

    #[test]
    fn an_absent_stack_is_created_or_already_destroyed() {
        assert_eq!(next_step(None, Goal::Deploy), Step::Create);
        assert_eq!(next_step(None, Goal::Destroy), Step::Nothing);
    }

    #[test]
    fn an_unknown_status_is_waited_for_or_stops_us() {
        let running = Status::from("TELEPORT_IN_PROGRESS");
        let at_rest = Status::from("TELEPORT_COMPLETE");
        for goal in [Goal::Deploy, Goal::Destroy] {
            assert_eq!(next_step(Some(&running), goal), Step::WaitThenDecide);
            assert!(matches!(next_step(Some(&at_rest), goal), Step::Stop(_)));
        }
        assert_eq!(progress(&running, Operation::Update), Progress::Running);
        assert_eq!(progress(&at_rest, Operation::Update), Progress::Failed);
    }

    #[test]
    fn deploy_never_deletes_a_stack_that_may_hold_live_resources() {
        for name in Status::values() {
            let step = next_step(Some(&Status::from(*name)), Goal::Deploy);
            let deletes = matches!(step, Step::DeleteThenCreate | Step::Delete);
            assert!(!deletes || *name == "ROLLBACK_COMPLETE", "{name} would be deleted by deploy");
        }
    }

    #[test]
    fn a_deletion_ends_only_when_the_stack_is_gone() {
        assert_eq!(progress(&Status::DeleteComplete, Operation::Delete), Progress::Succeeded);
        assert_eq!(progress(&Status::DeleteFailed, Operation::Delete), Progress::Failed);
        assert_eq!(progress(&Status::DeleteInProgress, Operation::Delete), Progress::Running);
    }
}
