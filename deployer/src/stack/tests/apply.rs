//! From a state to the wanted one: the ordinary ways, and those that end in a failure.

use super::*;
use crate::error::ExitCode;

#[tokio::test]
async fn an_absent_stack_is_created_and_its_events_are_shown_once() {
    let script = Script::default()
        .on(
            "DescribeStacks",
            [absent(), stack("REVIEW_IN_PROGRESS"), stack("CREATE_IN_PROGRESS"), stack("CREATE_COMPLETE")],
        )
        .on("CreateChangeSet", [created()])
        .on(
            "DescribeChangeSet",
            [
                change_set("CREATE_IN_PROGRESS", "", &[], None),
                change_set("CREATE_COMPLETE", "", &[("Add", "", "First")], Some("more")),
                change_set(
                    "CREATE_COMPLETE",
                    "",
                    &[("Modify", "True", "Second"), ("Remove", "", "Third"), ("Modify", "False", "Fourth")],
                    None,
                ),
            ],
        )
        .on(
            "DescribeStackEvents",
            [
                events(&[(1, "app", STACK, "REVIEW_IN_PROGRESS", "")]),
                events(&[
                    (3, "First", "AWS::X::Y", "CREATE_COMPLETE", ""),
                    (2, "app", STACK, "CREATE_IN_PROGRESS", ""),
                    (1, "app", STACK, "REVIEW_IN_PROGRESS", ""),
                ]),
            ],
        );
    assert_eq!(script.apply().await, Ok(Applied::Created));
    let shown = script.shown();
    assert_eq!(shown.matches("CREATE_COMPLETE       First").count(), 1, "an event was shown twice\n{shown}");
    assert!(!shown.contains("REVIEW_IN_PROGRESS"), "an event from before the execution was shown\n{shown}");
    let sent = &script.asked("CreateChangeSet")[0];
    assert!(sent.contains("ChangeSetType=CREATE") && sent.contains("ParameterKey=LogLevel"), "{sent}");
}

#[tokio::test]
async fn no_changes_is_success_and_removes_the_change_set() {
    for reason in [
        "The submitted information didn't contain changes. Submit different information to create a change set.",
        "No updates are to be performed.",
    ] {
        let script = Script::default()
            .on("DescribeStacks", [stack("UPDATE_COMPLETE")])
            .on("CreateChangeSet", [created()])
            .on("DescribeChangeSet", [change_set("FAILED", reason, &[], None)]);
        assert_eq!(script.apply().await, Ok(Applied::Unchanged), "{reason}");
        assert!(script.asked("ExecuteChangeSet").is_empty());
        assert_eq!(script.asked("DeleteChangeSet").len(), 1);
        assert!(script.asked("DeleteStack").is_empty());
    }
}

#[tokio::test]
async fn a_failed_change_set_gives_its_reason_and_what_validation_found_and_takes_its_own_shell_away() {
    let found = "<OperationEvents><member><EventId>1</EventId><StackId>x</StackId><LogicalResourceId>Role</LogicalResourceId><ValidationPath>/Properties/Path</ValidationPath><ValidationStatusReason>wrong type</ValidationStatusReason></member></OperationEvents>";
    let script = Script::default()
        .on("DescribeStacks", [absent(), stack("REVIEW_IN_PROGRESS")])
        .on("CreateChangeSet", [created()])
        .on(
            "DescribeChangeSet",
            [change_set(
                "FAILED",
                "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]",
                &[],
                None,
            )],
        )
        .on("DescribeEvents", [ok("DescribeEvents", found)])
        .on("ListChangeSets", [ok("ListChangeSets", "<Summaries></Summaries>")]);
    let failure = script.apply().await.unwrap_err();
    assert!(failure.message.contains("AWS::EarlyValidation"), "{failure:?}");
    assert_eq!(failure.cause.as_deref(), Some("Role/Properties/Path: wrong type"));
    assert_eq!(script.asked("DeleteStack").len(), 1);
}

#[tokio::test]
async fn a_shell_that_somebody_else_made_is_never_deleted() {
    let script = Script::default()
        .on("DescribeStacks", [stack("REVIEW_IN_PROGRESS")])
        .on("CreateChangeSet", [created()])
        .on("DescribeChangeSet", [change_set("FAILED", "Template error", &[], None)])
        .on("DescribeEvents", [error(400, "UnknownOperation", "what?")])
        .on("ListChangeSets", [ok("ListChangeSets", "<Summaries><member><ChangeSetName>colleague</ChangeSetName></member><member><ChangeSetName>deployer-00-1</ChangeSetName></member></Summaries>")]);
    let failure = script.apply().await.unwrap_err();
    assert!(failure.message.ends_with("Template error"), "{failure:?}");
    assert!(script.asked("DeleteStack").is_empty());
    let deleted = script.asked("DeleteChangeSet");
    assert!(deleted.iter().all(|body| !body.contains("colleague")), "{deleted:?}");
    assert!(deleted.iter().any(|body| body.contains("deployer-00-1")), "a stale one of ours stays: {deleted:?}");
}

#[tokio::test]
async fn a_bare_shell_that_was_there_before_us_stays() {
    let script = Script::default()
        .on("DescribeStacks", [stack("REVIEW_IN_PROGRESS")])
        .on("CreateChangeSet", [created()])
        .on("DescribeChangeSet", [change_set("FAILED", "Template error", &[], None)])
        .on("ListChangeSets", [ok("ListChangeSets", "<Summaries></Summaries>")]);
    assert!(script.apply().await.is_err());
    assert!(script.asked("DeleteStack").is_empty());
}

#[tokio::test]
async fn access_denied_is_not_absent() {
    let script = Script::default()
        .on("DescribeStacks", [error(403, "AccessDenied", "no cloudformation:DescribeStacks for you")]);
    let failure = script.apply().await.unwrap_err();
    assert!(script.asked("CreateChangeSet").is_empty());
    assert!(failure.cause.as_deref().unwrap().contains("code AccessDenied, request id req-1"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("--profile"));
    let other = Script::default().on("DescribeStacks", [error(400, "ValidationError", "1 validation error detected")]);
    assert!(other.apply().await.unwrap_err().message.contains("could not be read"));
    assert!(other.asked("CreateChangeSet").is_empty(), "another validation error is not absence either");
}

#[tokio::test]
async fn a_few_throttled_looks_are_not_fatal_and_many_are() {
    let throttled = || error(400, "Throttling", "Rate exceeded");
    let script = |looks: Vec<(u16, String)>| {
        Script::default()
            .on("DescribeStacks", looks)
            .on("CreateChangeSet", [created()])
            .on("DescribeChangeSet", [throttled(), change_set("CREATE_COMPLETE", "", &[("Add", "", "First")], None)])
            .on("DescribeStackEvents", [events(&[])])
    };
    let bumpy = script(vec![
        stack("UPDATE_COMPLETE"),
        throttled(),
        stack("UPDATE_IN_PROGRESS"),
        throttled(),
        throttled(),
        throttled(),
        throttled(),
        stack("UPDATE_COMPLETE"),
    ]);
    assert_eq!(bumpy.apply().await, Ok(Applied::Updated));
    let lost = script(vec![stack("UPDATE_COMPLETE"), throttled()]);
    let failure = lost.apply().await.unwrap_err();
    assert!(failure.message.contains("lost sight") && failure.hint.unwrap().contains("goes on in AWS"));
}

#[tokio::test]
async fn the_old_state_read_right_after_the_execution_is_not_taken_for_the_end() {
    let script = Script::default()
        .on(
            "DescribeStacks",
            [
                stack("UPDATE_COMPLETE"),
                stack("UPDATE_COMPLETE"),
                stack("UPDATE_COMPLETE"),
                stack("UPDATE_IN_PROGRESS"),
                stack("UPDATE_ROLLBACK_COMPLETE"),
            ],
        )
        .on("CreateChangeSet", [created()])
        .on("DescribeChangeSet", [change_set("CREATE_COMPLETE", "", &[("Modify", "False", "First")], None)])
        .on("DescribeStackEvents", [events(&[])]);
    assert!(script.apply().await.unwrap_err().message.contains("could not be updated"));
}

#[tokio::test]
async fn the_root_cause_is_the_sentence_of_a_failed_creation() {
    let rows = [
        (9, "app", STACK, "ROLLBACK_COMPLETE", ""),
        (6, "Api", "AWS::ApiGatewayV2::Api", "CREATE_FAILED", "Resource creation cancelled"),
        (5, "Logs", "AWS::Logs::LogGroup", "CREATE_FAILED", "Log group /aws/lambda/app already exists"),
        (2, "app", STACK, "CREATE_IN_PROGRESS", ""),
    ];
    let script = Script::default()
        .on("DescribeStacks", [absent(), stack("CREATE_IN_PROGRESS"), stack("ROLLBACK_COMPLETE")])
        .on("CreateChangeSet", [created()])
        .on("DescribeChangeSet", [change_set("CREATE_COMPLETE", "", &[("Add", "", "Logs")], None)])
        .on("DescribeStackEvents", [events(&[]), events(&rows)]);
    let failure = script.apply().await.unwrap_err();
    assert_eq!(
        failure.message,
        "the stack app could not be created: Logs (AWS::Logs::LogGroup): Log group /aws/lambda/app already exists"
    );
    assert!(failure.hint.unwrap().contains("aws logs delete-log-group"));
}

#[tokio::test]
async fn what_is_left_of_a_failed_creation_is_deleted_and_then_created() {
    let old = [
        (5, "Role", "AWS::IAM::Role", "CREATE_FAILED", "no such boundary"),
        (1, "app", STACK, "CREATE_IN_PROGRESS", ""),
    ];
    let script = Script::default()
        .on(
            "DescribeStacks",
            [
                stack("ROLLBACK_COMPLETE"),
                stack("DELETE_IN_PROGRESS"),
                stack("DELETE_COMPLETE"),
                absent(),
                stack("CREATE_IN_PROGRESS"),
                stack("CREATE_COMPLETE"),
            ],
        )
        .on("CreateChangeSet", [created()])
        .on("DescribeChangeSet", [change_set("CREATE_COMPLETE", "", &[("Add", "", "Role")], None)])
        .on("DescribeStackEvents", [events(&old)]);
    assert_eq!(script.apply().await, Ok(Applied::Created));
    assert!(
        script.shown().contains("the last attempt failed: Role (AWS::IAM::Role): no such boundary"),
        "{}",
        script.shown()
    );
    assert!(script.asked("DeleteStack")[0].contains("stack%2Fapp%2F1"), "not deleted by id");
}

#[tokio::test]
async fn an_operation_of_somebody_else_is_waited_for_and_then_decided_again() {
    let script = Script::default()
        .on(
            "DescribeStacks",
            [
                stack("UPDATE_IN_PROGRESS"),
                stack("UPDATE_IN_PROGRESS"),
                stack("UPDATE_ROLLBACK_COMPLETE"),
                stack("UPDATE_ROLLBACK_COMPLETE"),
            ],
        )
        .on("CreateChangeSet", [created()])
        .on("DescribeStackEvents", [events(&[])])
        .on("DescribeChangeSet", [change_set("FAILED", "No updates are to be performed.", &[], None)]);
    assert_eq!(script.apply().await, Ok(Applied::Unchanged));
    assert!(script.asked("CreateChangeSet")[0].contains("ChangeSetType=UPDATE"));
}

#[tokio::test]
async fn an_interruption_before_the_execution_takes_everything_back() {
    let script = Script::default()
        .on("DescribeStacks", [absent(), stack("REVIEW_IN_PROGRESS")])
        .on("CreateChangeSet", [created()])
        .on("ListChangeSets", [ok("ListChangeSets", "<Summaries></Summaries>")]);
    let (pull, interrupt) = Interrupt::manual();
    pull.send(true).unwrap();
    let failure = script.apply_until(&interrupt).await.unwrap_err();
    assert_eq!(failure.code, ExitCode::Interrupted);
    assert_eq!(script.asked("DeleteChangeSet").len(), 1);
    assert_eq!(script.asked("DeleteStack").len(), 1);
    assert!(script.asked("ExecuteChangeSet").is_empty());
}

#[tokio::test]
async fn deleting_waits_until_the_stack_is_gone_and_an_absent_one_is_success() {
    let gone = Script::default().on("DescribeStacks", [absent()]);
    assert_eq!(gone.delete().await, Ok(false));
    assert!(gone.asked("DeleteStack").is_empty());
    for end in [stack("DELETE_COMPLETE"), absent()] {
        let script = Script::default()
            .on("DescribeStacks", [stack("CREATE_COMPLETE"), stack("DELETE_IN_PROGRESS"), end])
            .on("DescribeStackEvents", [events(&[])]);
        assert_eq!(script.delete().await, Ok(true));
    }
    let stuck = Script::default()
        .on("DescribeStacks", [stack("CREATE_COMPLETE"), stack("DELETE_IN_PROGRESS"), stack("DELETE_FAILED")])
        .on(
            "DescribeStackEvents",
            [events(&[]), events(&[(4, "Bucket", "AWS::S3::Bucket", "DELETE_FAILED", "The bucket is not empty")])],
        );
    assert!(stuck.delete().await.unwrap_err().message.ends_with("Bucket (AWS::S3::Bucket): The bucket is not empty"));
}
