//! One case of the contract, played: the function's own process between a faulty ECR and a runtime API.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use local_world::faulty_ecr::{ACCOUNT, Fault, FaultyEcr, REGION};
use local_world::root;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::contract::{Before, Case};
use crate::runtime::Runtime;

/// Of the secret in lambda/fixtures/event.json.
const CALLER: &str = "blue=2a8abfa8cb9906290437854193ca6bca41d4d4e26d1d454bd66a35158095e737";
/// A function that is not back by then is lost; nothing is measured with it.
const PATIENCE: Duration = Duration::from_mins(1);

/// What came out.
pub(crate) struct Seen {
    /// HTTP status.
    pub(crate) status: Value,
    /// The admission response; nothing where there is none.
    pub(crate) response: Value,
    /// The metric line.
    pub(crate) metrics: Value,
}

pub(crate) async fn play(case: &Case) -> Seen {
    let folder = std::env::temp_dir().join(format!("bad-hour-{}-{}", std::process::id(), case.name.replace(' ', "-")));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let played = tokio::time::timeout(PATIENCE, play_in(case, &folder)).await;
    std::fs::remove_dir_all(&folder).expect("the temporary folder goes again");
    played.unwrap_or_else(|_| panic!("{}: the function never answered", case.name))
}

async fn play_in(case: &Case, folder: &Path) -> Seen {
    if case.before == Before::BadPolicy {
        std::fs::write(folder.join("policy.json"), "{ rules: none }").expect("a policy file");
    }
    if case.before == Before::Role {
        let policy = json!({ "registries": [{ "role_arn": format!("arn:aws:iam::{ACCOUNT}:role/reader") }] });
        std::fs::write(folder.join("policy.json"), policy.to_string()).expect("a policy file");
    }
    let is_ecrs = !matches!(case.before, Before::SamePod | Before::Role);
    let ecr = FaultyEcr::start(if is_ecrs { case.fault } else { Fault::None }).await.expect("a faulty ECR");
    let mut runtime = Runtime::start().await;
    let endpoint = ecr.endpoint();
    let ecr = (case.before != Before::NoEcr).then_some(ecr);
    if let (Some(ecr), Before::Role) = (&ecr, case.before) {
        ecr.set_sts(case.fault);
    }
    let mut function = start(&runtime, &endpoint, folder);
    if case.before == Before::SamePod {
        let before = judge(&mut runtime, &mut function, case.before).await;
        assert_eq!(before.response["allowed"], true, "{}: {}", case.name, before.response);
    }
    if let Some(ecr) = ecr.as_ref().filter(|_| case.before != Before::Role) {
        ecr.set(case.fault);
    }
    judge(&mut runtime, &mut function, case.before).await
}

struct Function {
    lines: Lines<BufReader<ChildStdout>>,
    /// Killed when it goes.
    _process: Child,
}

fn start(runtime: &Runtime, ecr: &str, folder: &Path) -> Function {
    let mut command = Command::new(bootstrap());
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", runtime.address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "webhook")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("LAMBDA_TASK_ROOT", folder)
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_ENDPOINT_URL_ECR", ecr)
        .env("AWS_ENDPOINT_URL_STS", ecr)
        .env("OWN_ACCOUNT_ID", ACCOUNT)
        .env("CALLER_DIGESTS", CALLER);
    let mut process =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("the function starts");
    let stdout = process.stdout.take().expect("its output");
    Function { lines: BufReader::new(stdout).lines(), _process: process }
}

/// `FUNCTION` as the Makefile sets it, or the one that `make programs` built beside this test.
fn bootstrap() -> PathBuf {
    root::program("FUNCTION", "bootstrap").unwrap_or_else(|trouble| panic!("{trouble}"))
}

async fn judge(runtime: &mut Runtime, function: &mut Function, before: Before) -> Seen {
    let (path, answer) = runtime.invoke(&event(before)).await;
    assert!(path.ends_with("/response"), "the function ended with an error: {path} {answer}");
    let body = answer["body"].as_str().filter(|body| !body.is_empty()).unwrap_or("null");
    let review: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
    let asks = answer["headers"]["retry-after"] == "1" || answer["multiValueHeaders"]["retry-after"][0] == "1";
    assert_eq!(asks, answer["statusCode"] == 429, "{answer}");
    // The line is written before the answer, so it is there or the output ends.
    loop {
        let line = function.lines.next_line().await.expect("the function's output").expect("a metric line");
        if let Ok(metrics) = serde_json::from_str::<Value>(&line)
            && metrics.get("_aws").is_some()
        {
            return Seen { status: answer["statusCode"].clone(), response: review["response"].clone(), metrics };
        }
    }
}

/// API Gateway's event with the review of a compliant Pod.
fn event(before: Before) -> Value {
    let fixtures = root::checkout().expect("a checkout").join("lambda/fixtures");
    let read = |name: &str| -> Value {
        let text = std::fs::read_to_string(fixtures.join(name)).expect("a fixture");
        serde_json::from_str(&text).expect("JSON")
    };
    let (mut event, mut review) = (read("event.json"), read("review.json"));
    let image = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team/app:1.0");
    review["request"]["object"]["spec"]["containers"][0]["image"] = json!(image);
    if before == Before::Patience {
        let now = lambda::log::timestamp(std::time::SystemTime::now());
        review["request"]["object"]["metadata"]["creationTimestamp"] = json!(format!("{}Z", &now[..19]));
        event["rawQueryString"] = json!("timeout=30s");
        event["queryStringParameters"] = json!({ "timeout": "30s" });
    }
    event["body"] = json!(review.to_string());
    event
}
