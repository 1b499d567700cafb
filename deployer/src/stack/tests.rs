//! The stack's operations against a scripted `CloudFormation` at the wire, with the real SDK above it. Nothing sleeps: the
//! pace is zero.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test may panic")]

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_cloudformation::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use aws_smithy_http_client::test_util::infallible_client_fn;

use super::{Pace, StackClient, apply::Applied, change_set::Wanted};
use crate::{
    console::Console,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
};

const ID: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/app/1";

type Answers = VecDeque<(u16, String)>;

/// What `CloudFormation` answers to each action, in order; the last answer is repeated.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<HashMap<String, Answers>>>,
    asked: Arc<Mutex<Vec<String>>>,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Script {
    fn on(self, action: &str, answers: impl IntoIterator<Item = (u16, String)>) -> Self {
        self.answers.lock().unwrap().insert(action.to_owned(), answers.into_iter().collect());
        self
    }

    /// Bodies of the requests for `action`.
    fn asked(&self, action: &str) -> Vec<String> {
        let prefix = format!("Action={action}&");
        self.asked.lock().unwrap().iter().filter(|body| body.starts_with(&prefix)).cloned().collect()
    }

    fn shown(&self) -> String {
        String::from_utf8(self.shown.lock().unwrap().clone()).unwrap()
    }

    fn answer(&self, body: &str) -> (u16, String) {
        self.asked.lock().unwrap().push(body.to_owned());
        let action = body.strip_prefix("Action=").and_then(|rest| rest.split('&').next()).unwrap_or_default();
        let mut answers = self.answers.lock().unwrap();
        match answers.get_mut(action) {
            Some(queue) if queue.len() > 1 => queue.pop_front().unwrap(),
            Some(queue) => queue.front().cloned().unwrap(),
            None => ok(action, ""),
        }
    }

    fn stack(&self) -> StackClient {
        let script = self.clone();
        let http = infallible_client_fn(move |request| {
            let body = String::from_utf8(request.body().bytes().unwrap_or_default().to_vec()).unwrap();
            let (status, text) = script.answer(&body);
            http::Response::builder().status(status).header("x-amzn-requestid", "req-1").body(text).unwrap()
        });
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("id", "key", None, None, "test"))
            // A retry of the SDK's would wait; what is repeated here is repeated by us.
            .retry_config(RetryConfig::disabled())
            .http_client(http)
            .build();
        StackClient::with_client(Client::from_conf(config), "app", Pace { interval: Duration::ZERO })
    }

    async fn apply(&self) -> Result<Applied, Failure> {
        let (_pull, interrupt) = Interrupt::manual();
        self.apply_until(&interrupt).await
    }

    async fn apply_until(&self, interrupt: &Interrupt) -> Result<Applied, Failure> {
        let (parameters, tags) = (BTreeMap::from([("LogLevel".to_owned(), "info".to_owned())]), BTreeMap::new());
        let wanted = Wanted { template: "Resources: {}", parameters: &parameters, tags: &tags };
        self.stack().apply(&wanted, &mut self.console(), interrupt).await.map(|(applied, _)| applied)
    }

    async fn delete(&self) -> Result<bool, Failure> {
        let (_pull, interrupt) = Interrupt::manual();
        self.stack().delete(&mut self.console(), &interrupt).await
    }

    fn console(&self) -> Console {
        Console::injected(Box::new(std::io::sink()), Box::new(Shown(self.shown.clone())), None, true)
    }
}

struct Shown(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn ok(action: &str, result: &str) -> (u16, String) {
    (
        200,
        format!(
            "<{action}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{action}Result>{result}</{action}Result></{action}Response>"
        ),
    )
}

fn error(status: u16, code: &str, message: &str) -> (u16, String) {
    let text = format!(
        "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>req-1</RequestId></ErrorResponse>"
    );
    (status, text)
}

fn absent() -> (u16, String) {
    error(400, "ValidationError", "Stack with id app does not exist")
}

fn stack(status: &str) -> (u16, String) {
    ok(
        "DescribeStacks",
        &format!(
            "<Stacks><member><StackId>{ID}</StackId><StackName>app</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>{status}</StackStatus><Outputs><member><OutputKey>ApiEndpoint</OutputKey><OutputValue>https://api</OutputValue></member></Outputs></member></Stacks>"
        ),
    )
}

fn created() -> (u16, String) {
    ok("CreateChangeSet", &format!("<Id>change</Id><StackId>{ID}</StackId>"))
}

/// A page of a change set: status, reason, (action, replacement, logical id) and the token of the next page.
fn change_set(status: &str, reason: &str, changes: &[(&str, &str, &str)], next: Option<&str>) -> (u16, String) {
    use std::fmt::Write as _;
    let mut text = format!("<Status>{status}</Status><StatusReason>{reason}</StatusReason><Changes>");
    for (action, replacement, id) in changes {
        write!(text, "<member><Type>Resource</Type><ResourceChange><Action>{action}</Action><Replacement>{replacement}</Replacement><LogicalResourceId>{id}</LogicalResourceId><ResourceType>AWS::X::Y</ResourceType></ResourceChange></member>").unwrap();
    }
    text.push_str("</Changes>");
    if let Some(next) = next {
        write!(text, "<NextToken>{next}</NextToken>").unwrap();
    }
    ok("DescribeChangeSet", &text)
}

/// Events as `CloudFormation` lists them, newest first: (second, logical id, type, status, reason).
fn events(rows: &[(u8, &str, &str, &str, &str)]) -> (u16, String) {
    use std::fmt::Write as _;
    let mut text = "<StackEvents>".to_owned();
    for (second, id, kind, status, reason) in rows {
        let physical = if *kind == STACK { ID } else { id };
        write!(text, "<member><StackId>{ID}</StackId><EventId>{id}-{status}-{second}</EventId><StackName>app</StackName><LogicalResourceId>{id}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId><ResourceType>{kind}</ResourceType><Timestamp>2026-01-01T00:00:{second:02}Z</Timestamp><ResourceStatus>{status}</ResourceStatus><ResourceStatusReason>{reason}</ResourceStatusReason></member>").unwrap();
    }
    text.push_str("</StackEvents>");
    ok("DescribeStackEvents", &text)
}

const STACK: &str = "AWS::CloudFormation::Stack";

#[tokio::test]
async fn an_absent_stack_is_created_and_every_page_of_its_changes_is_shown() {
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
    for line in ["+ First", "± Second", "- Third", "~ Fourth", "CREATE_COMPLETE       First"] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert_eq!(shown.matches("CREATE_COMPLETE       First").count(), 1, "an event was shown twice\n{shown}");
    assert!(!shown.contains("REVIEW_IN_PROGRESS"), "an event from before the execution was shown\n{shown}");
    let sent = &script.asked("CreateChangeSet")[0];
    assert!(sent.contains("ChangeSetType=CREATE") && sent.contains("ParameterKey=LogLevel"), "{sent}");
    assert!(script.asked("DescribeChangeSet").last().unwrap().contains("NextToken=more"));
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
async fn a_stack_with_live_resources_stops_us_with_the_command_that_helps() {
    for (status, command) in [
        ("CREATE_FAILED", "rollback-stack"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("ROLLBACK_FAILED", "delete-stack"),
    ] {
        let script = Script::default().on("DescribeStacks", [stack(status)]);
        let failure = script.apply().await.unwrap_err();
        assert_eq!(failure.code, ExitCode::Unsafe, "{status}");
        assert!(failure.message.contains(status), "{status}: {failure:?}");
        assert!(failure.hint.unwrap().contains(&format!("aws cloudformation {command} --stack-name app")), "{status}");
        assert!(script.asked("DeleteStack").is_empty() && script.asked("CreateChangeSet").is_empty(), "{status}");
    }
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
