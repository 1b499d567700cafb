//! The stack's operations against a scripted `CloudFormation` at the wire, with the real SDK above it. Nothing sleeps: the
//! pace is zero.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test may panic")]

mod apply;
mod changes;
mod drift;
mod recovery;

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

use super::{Pace, StackClient, apply::Applied, change_set::Wanted, recover::Consent};
use crate::{console::Console, error::Failure, interrupt::Interrupt};

const ID: &str = "arn:aws:cloudformation:eu-west-1:111122223333:stack/app/1";

type Answers = VecDeque<(u16, String)>;

/// At which action Ctrl-C is pressed, and the way to press it.
type Pull = (&'static str, tokio::sync::watch::Sender<bool>);

/// What `CloudFormation` answers to each action, in order; the last answer is repeated.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<HashMap<String, Answers>>>,
    asked: Arc<Mutex<Vec<String>>>,
    shown: Arc<Mutex<Vec<u8>>>,
    typed: Option<&'static str>,
    pull: Arc<Mutex<Option<Pull>>>,
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
        if let Some((at, pull)) = &*self.pull.lock().unwrap()
            && *at == action
        {
            pull.send_replace(true);
        }
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
        self.apply_until(&Interrupt::never()).await
    }

    async fn apply_until(&self, interrupt: &Interrupt) -> Result<Applied, Failure> {
        self.apply_agreeing(Consent::new("deploy", false), interrupt).await
    }

    async fn apply_agreeing(&self, mut consent: Consent, interrupt: &Interrupt) -> Result<Applied, Failure> {
        let (parameters, tags) = (BTreeMap::from([("LogLevel".to_owned(), "info".to_owned())]), BTreeMap::new());
        let wanted = Wanted::new("Resources: {}", &parameters, &tags);
        Box::pin(self.stack().apply(&wanted, &mut consent, &mut self.console(), interrupt))
            .await
            .map(|(applied, _)| applied)
    }

    async fn delete(&self) -> Result<bool, Failure> {
        self.delete_agreeing(Consent::new("destroy", true)).await
    }

    async fn delete_agreeing(&self, mut consent: Consent) -> Result<bool, Failure> {
        Box::pin(self.stack().delete(&mut consent, &mut self.console(), &Interrupt::never())).await
    }

    fn console(&self) -> Console {
        let answers = self.typed.map(|text| Box::new(std::io::Cursor::new(text)) as Box<dyn std::io::BufRead + Send>);
        Console::injected(Box::new(std::io::sink()), Box::new(Shown(self.shown.clone())), answers, true)
    }

    /// Ctrl-C at the moment when `action` is asked for.
    fn pull_at(&self, action: &'static str, pull: tokio::sync::watch::Sender<bool>) {
        *self.pull.lock().unwrap() = Some((action, pull));
    }

    /// At a terminal, where the person types this.
    fn typing(mut self, text: &'static str) -> Self {
        self.typed = Some(text);
        self
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
    stack_of(status, crate::synth::DESCRIPTIONS[0], false)
}

fn stack_of(status: &str, description: &str, protected: bool) -> (u16, String) {
    ok(
        "DescribeStacks",
        &format!(
            "<Stacks><member><StackId>{ID}</StackId><StackName>app</StackName><Description>{description}</Description><CreationTime>2026-01-01T00:00:00Z</CreationTime><EnableTerminationProtection>{protected}</EnableTerminationProtection><StackStatus>{status}</StackStatus><Outputs><member><OutputKey>ApiEndpoint</OutputKey><OutputValue>https://api</OutputValue></member></Outputs></member></Stacks>"
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
