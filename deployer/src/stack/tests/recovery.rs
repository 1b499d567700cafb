//! Stacks that are stuck, interruptions in the middle, and stacks that are not ours.

use super::*;
use crate::{error::ExitCode, stack::recover::Choice};

/// Resources as `CloudFormation` lists them: (logical id, status, reason).
fn resources(rows: &[(&str, &str, &str)]) -> (u16, String) {
    let row = |(id, status, reason): &(&str, &str, &str)| {
        format!(
            "<member><LogicalResourceId>{id}</LogicalResourceId><ResourceType>AWS::X::Y</ResourceType><Timestamp>2026-01-01T00:00:00Z</Timestamp><ResourceStatus>{status}</ResourceStatus><ResourceStatusReason>{reason}</ResourceStatusReason></member>"
        )
    };
    let rows: String = rows.iter().map(row).collect();
    ok("DescribeStackResources", &format!("<StackResources>{rows}</StackResources>"))
}

fn stuck(statuses: &[&str]) -> Script {
    Script::default()
        .on("DescribeStacks", statuses.iter().map(|status| if *status == "ABSENT" { absent() } else { stack(status) }))
        .on("DescribeStackEvents", [events(&[])])
        .on(
            "DescribeStackResources",
            [resources(&[("Role", "UPDATE_FAILED", "is not authorized"), ("Logs", "UPDATE_COMPLETE", "")])],
        )
        .on("CreateChangeSet", [created()])
        .on("DescribeChangeSet", [change_set("CREATE_COMPLETE", "", &[("Modify", "False", "Role")], None)])
}

fn agreeing(choice: Choice) -> Consent {
    Consent::new("deploy", true).agreeing_to(Some(choice), &[], &[])
}

const DESTROYING: [&str; 3] = ["DeleteStack", "RollbackStack", "ContinueUpdateRollback"];

#[tokio::test]
async fn a_stuck_stack_stops_us_off_a_terminal_with_the_exact_commands() {
    for (status, commands) in [
        ("CREATE_FAILED", &["deployer deploy --recover retry", "deployer deploy --recover rollback"][..]),
        ("UPDATE_FAILED", &["deployer deploy --recover retry", "deployer deploy --recover rollback"]),
        ("ROLLBACK_FAILED", &["deployer deploy --recover delete"]),
        ("DELETE_FAILED", &["deployer deploy --recover delete", "deployer deploy --retain Role"]),
        ("UPDATE_ROLLBACK_FAILED", &["deployer deploy --recover continue", "deployer deploy --skip Role"]),
    ] {
        let script = stuck(&[status]);
        let failure = script.apply().await.unwrap_err();
        assert_eq!(failure.code, ExitCode::Unsafe, "{status}");
        assert!(failure.message.contains(status), "{failure:?}");
        assert!(failure.cause.unwrap().contains("Role: is not authorized"), "{status}");
        let hint = failure.hint.unwrap();
        for command in commands {
            assert!(hint.contains(command), "{status}: {hint}");
        }
        for action in DESTROYING.iter().chain(&["CreateChangeSet"]) {
            assert!(script.asked(action).is_empty(), "{status}: {action}");
        }
    }
}

#[tokio::test]
async fn yes_never_destroys() {
    for status in ["ROLLBACK_FAILED", "DELETE_FAILED"] {
        let script = stuck(&[status]);
        let failure = script.apply_agreeing(Consent::new("deploy", true), &Interrupt::never()).await.unwrap_err();
        assert_eq!(failure.code, ExitCode::Unsafe, "{status}");
        assert!(script.asked("DeleteStack").is_empty(), "{status}");
    }
}

#[tokio::test]
async fn a_stack_that_stopped_half_way_is_updated_where_it_stands_and_stops_again_where_it_fails() {
    for status in ["CREATE_FAILED", "UPDATE_FAILED"] {
        let script = stuck(&[status, "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]);
        let applied = script.apply_agreeing(agreeing(Choice::Retry), &Interrupt::never()).await;
        assert_eq!(applied, Ok(Applied::Updated), "{status}");
        assert!(script.asked("CreateChangeSet")[0].contains("ChangeSetType=UPDATE"), "{status}");
        assert!(script.asked("ExecuteChangeSet")[0].contains("DisableRollback=true"), "{status}");
    }
}

#[tokio::test]
async fn what_would_be_replaced_cannot_be_retried() {
    let script = stuck(&["UPDATE_FAILED"])
        .on("DescribeChangeSet", [change_set("CREATE_COMPLETE", "", &[("Modify", "True", "Api")], None)]);
    let failure = script.apply_agreeing(agreeing(Choice::Retry), &Interrupt::never()).await.unwrap_err();
    assert!(failure.message.contains("Api would be replaced"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("--recover rollback"));
    assert!(script.asked("ExecuteChangeSet").is_empty() && script.asked("DeleteChangeSet").len() == 1);
}

#[tokio::test]
async fn going_back_is_waited_for_even_where_the_old_state_is_read_at_first() {
    let script = stuck(&[
        "UPDATE_FAILED",
        // Read right after the call.
        "UPDATE_FAILED",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE",
    ]);
    let applied = script.apply_agreeing(agreeing(Choice::Rollback), &Interrupt::never()).await;
    assert_eq!(applied, Ok(Applied::Updated));
    assert_eq!(script.asked("RollbackStack").len(), 1);
}

#[tokio::test]
async fn a_rollback_that_is_stuck_is_continued_then_skips_what_the_person_names() {
    let statuses = [
        "UPDATE_ROLLBACK_FAILED",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_FAILED",
        "UPDATE_ROLLBACK_FAILED",
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_ROLLBACK_COMPLETE",
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE",
    ];
    let script = stuck(&statuses).typing("s\n");
    let applied = script.apply_agreeing(Consent::new("deploy", true), &Interrupt::never()).await;
    assert_eq!(applied, Ok(Applied::Updated), "{}", script.shown());
    let asked = script.asked("ContinueUpdateRollback");
    assert_eq!(asked.len(), 2);
    assert!(!asked[0].contains("ResourcesToSkip") && asked[1].contains("ResourcesToSkip.member.1=Role"), "{asked:?}");
    assert!(script.asked("DeleteStack").is_empty());
    assert!(script.shown().contains("failed: Role: is not authorized"), "{}", script.shown());
}

#[tokio::test]
async fn only_what_failed_can_be_skipped() {
    let script = stuck(&["UPDATE_ROLLBACK_FAILED"]);
    let consent = Consent::new("deploy", false).agreeing_to(None, &[], &["Logs".to_owned()]);
    let failure = script.apply_agreeing(consent, &Interrupt::never()).await.unwrap_err();
    assert!(failure.code == ExitCode::Usage && failure.message.contains("--skip Logs"), "{failure:?}");
    assert!(script.asked("ContinueUpdateRollback").is_empty());
}

#[tokio::test]
async fn leftovers_are_deleted_when_that_is_agreed_to_and_kept_by_name_when_they_cannot_be() {
    let statuses = [
        "ROLLBACK_FAILED",
        "DELETE_IN_PROGRESS",
        "DELETE_FAILED",
        "DELETE_FAILED",
        "DELETE_IN_PROGRESS",
        "DELETE_COMPLETE",
        "ABSENT",
        "CREATE_IN_PROGRESS",
        "CREATE_COMPLETE",
    ];
    let script = stuck(&statuses).on("DescribeStackResources", [resources(&[("Logs", "DELETE_FAILED", "in use")])]);
    let consent = agreeing(Choice::Delete).agreeing_to(Some(Choice::Delete), &["Logs".to_owned()], &[]);
    assert_eq!(script.apply_agreeing(consent, &Interrupt::never()).await, Ok(Applied::Created));
    let asked = script.asked("DeleteStack");
    assert!(!asked[0].contains("RetainResources") && asked[1].contains("RetainResources.member.1=Logs"), "{asked:?}");
}

#[tokio::test]
async fn any_answer_but_a_letter_of_the_menu_changes_nothing() {
    for typed in ["\n", "x\n", "yes\n", ""] {
        let script = stuck(&["CREATE_FAILED"]).typing(typed);
        let failure = script.apply().await.unwrap_err();
        assert_eq!(failure.code, ExitCode::Refused, "{typed:?}");
        assert!(script.shown().contains("EVERYTHING in the stack is deleted"), "{}", script.shown());
        for action in DESTROYING {
            assert!(script.asked(action).is_empty(), "{typed:?}: {action}");
        }
    }
}

#[tokio::test]
async fn a_deletion_that_fails_names_the_cause_and_the_command_that_keeps_it() {
    let failing = |statuses: &[&str]| {
        stuck(statuses).on("DescribeStackResources", [resources(&[("Bucket", "DELETE_FAILED", "not empty")])]).on(
            "DescribeStackEvents",
            [events(&[]), events(&[(4, "Bucket", "AWS::S3::Bucket", "DELETE_FAILED", "not empty")])],
        )
    };
    let script = failing(&["CREATE_COMPLETE", "DELETE_IN_PROGRESS", "DELETE_FAILED"]);
    let failure = script.delete().await.unwrap_err();
    assert!(failure.message.ends_with("Bucket (AWS::S3::Bucket): not empty"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("deployer destroy --retain Bucket"));

    let again = failing(&["DELETE_FAILED", "DELETE_IN_PROGRESS", "DELETE_COMPLETE"]);
    let consent = Consent::new("destroy", true).agreeing_to(None, &["Bucket".to_owned()], &[]);
    assert_eq!(again.delete_agreeing(consent).await, Ok(true));
    assert!(again.asked("DeleteStack")[0].contains("RetainResources.member.1=Bucket"));
}

#[tokio::test]
async fn a_protected_stack_of_ours_is_deleted_and_one_of_somebody_else_is_not_touched() {
    let ours = crate::synth::DESCRIPTIONS[0];
    let script = Script::default()
        .on("DescribeStacks", [stack_of("CREATE_COMPLETE", ours, true), stack("DELETE_IN_PROGRESS"), absent()])
        .on("DescribeStackEvents", [events(&[])]);
    assert_eq!(script.delete().await, Ok(true));
    assert!(script.asked("UpdateTerminationProtection")[0].contains("EnableTerminationProtection=false"));

    let theirs = || Script::default().on("DescribeStacks", [stack_of("UPDATE_COMPLETE", "A shop", true)]);
    for failure in [theirs().delete().await.unwrap_err(), theirs().apply().await.unwrap_err()] {
        assert!(failure.code == ExitCode::Unsafe && failure.message.contains("not one of ours"), "{failure:?}");
    }
    let script = theirs();
    script.delete().await.unwrap_err();
    for action in ["UpdateTerminationProtection", "DeleteStack", "CreateChangeSet"] {
        assert!(script.asked(action).is_empty(), "{action}");
    }
}

#[tokio::test]
async fn a_stack_that_works_is_protected_once() {
    let script = Script::default()
        .on("DescribeStacks", [stack("CREATE_COMPLETE")])
        .on("GetStackPolicy", [ok("GetStackPolicy", "")]);
    let client = script.stack();
    let found = client.describe().await.unwrap().unwrap();
    assert_eq!(client.protect(&found).await, Ok(true));
    assert!(script.asked("UpdateTerminationProtection")[0].contains("EnableTerminationProtection=true"));
    let sent = &script.asked("SetStackPolicy")[0];
    assert!(sent.contains("LogicalResourceId%2FApi") && sent.contains("Update%3AReplace"), "{sent}");

    let policy = "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"Update:*\",\"Resource\":\"*\"},{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":[\"Update:Replace\",\"Update:Delete\"],\"Resource\":\"LogicalResourceId/Api\"}]}";
    let again = Script::default()
        .on("DescribeStacks", [stack_of("CREATE_COMPLETE", crate::synth::DESCRIPTIONS[0], true)])
        .on("GetStackPolicy", [ok("GetStackPolicy", &format!("<StackPolicyBody>{policy}</StackPolicyBody>"))]);
    let found = again.stack().describe().await.unwrap().unwrap();
    assert_eq!(again.stack().protect(&found).await, Ok(false));
    assert!(again.asked("SetStackPolicy").is_empty() && again.asked("UpdateTerminationProtection").is_empty());
}

#[tokio::test]
async fn credentials_that_expire_in_the_middle_end_our_watching_and_say_that_the_operation_goes_on() {
    let script = stuck(&["UPDATE_COMPLETE", "UPDATE_IN_PROGRESS"]).on(
        "DescribeStackEvents",
        [events(&[]), events(&[]), error(403, "ExpiredToken", "The security token included in the request is expired")],
    );
    let failure = script.apply().await.unwrap_err();
    assert!(failure.message.contains("the credentials have expired"), "{failure:?}");
    let hint = failure.hint.unwrap();
    assert!(hint.contains("goes on in AWS") && hint.contains("aws sso login"), "{hint}");
}

#[tokio::test]
async fn a_running_update_is_cancelled_and_anything_else_is_explained() {
    let script = stuck(&["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"]);
    let ended = script.stack().cancel(&mut script.console(), &Interrupt::never()).await.unwrap();
    assert_eq!(ended.status.as_str(), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(script.asked("CancelUpdateStack").len(), 1);
    for (status, says) in [
        ("CREATE_IN_PROGRESS", "deployer destroy"),
        ("UPDATE_COMPLETE", "deployer rollback --code"),
        ("UPDATE_FAILED", "deployer rollback"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "deployer rollback --code"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "already"),
    ] {
        let script = stuck(&[status]);
        let failure = script.stack().cancel(&mut script.console(), &Interrupt::never()).await.unwrap_err();
        assert!(failure.hint.unwrap().contains(says), "{status}");
        assert!(script.asked("CancelUpdateStack").is_empty(), "{status}");
    }
}

#[tokio::test]
async fn an_interruption_in_the_middle_leaves_waits_or_cancels_as_the_person_says() {
    for (typed, ends, cancelled) in [
        (None, None, 0),
        (Some("\n"), None, 0),
        (Some("d\n"), None, 0),
        (Some("w\n"), Some("UPDATE_COMPLETE"), 0),
        (Some("c\n"), Some("UPDATE_ROLLBACK_COMPLETE"), 1),
    ] {
        let mut script = stuck(&["UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", ends.unwrap_or("UPDATE_IN_PROGRESS")]);
        script.typed = typed;
        let (pull, interrupt) = Interrupt::manual();
        script.pull_at("ExecuteChangeSet", pull);
        let result = script.apply_until(&interrupt).await;
        assert_eq!(script.asked("CancelUpdateStack").len(), cancelled, "{typed:?}");
        match (ends, result) {
            (None, Err(failure)) => {
                assert_eq!(failure.code, ExitCode::Interrupted, "{typed:?}");
                assert!(failure.hint.unwrap().contains("Run the same command again"), "{typed:?}");
            }
            (Some("UPDATE_COMPLETE"), Ok(Applied::Updated)) => (),
            (Some("UPDATE_ROLLBACK_COMPLETE"), Err(failure)) => {
                assert!(failure.message.contains("could not be updated"), "{failure:?}");
            }
            (_, other) => panic!("{typed:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn what_stopped_half_way_goes_back_when_asked_to_and_a_stack_that_is_well_does_not() {
    let roll_back = async |script: &Script, consent: &mut Consent| {
        script.stack().roll_back_stuck(consent, &mut script.console(), &Interrupt::never()).await
    };
    let consent = || Consent::new("rollback", false);
    let half = stuck(&["UPDATE_FAILED", "UPDATE_FAILED", "UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"]);
    assert_eq!(roll_back(&half, &mut consent()).await, Ok(true));
    assert_eq!(half.asked("RollbackStack").len(), 1);
    let well = stuck(&["UPDATE_COMPLETE"]);
    assert_eq!(roll_back(&well, &mut consent()).await, Ok(false));
    let created = stuck(&["CREATE_FAILED"]);
    let failure = roll_back(&created, &mut consent()).await.unwrap_err();
    assert!(failure.hint.unwrap().contains("deployer deploy --recover rollback"));
    for script in [&well, &created] {
        assert!(DESTROYING.iter().all(|action| script.asked(action).is_empty()));
    }
}
