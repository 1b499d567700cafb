//! Wrong things, to every command: each ends with a sentence that names the thing, a way out and its exit code, soon, and
//! changes nothing.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use local_world::addresses::Addresses;
use local_world::deploy::{Deployer, Finished, STACK};
use local_world::kubernetes::Kubernetes;
use local_world::trouble::{Context, Result, Trouble};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::cloud;
use crate::report::Report;

/// So long a command may take to see that it cannot be done, on a busy machine too. An endless retry takes longer.
const PATIENCE: Duration = Duration::from_mins(1);
/// So many at a time: other tests run beside this one.
const AT_ONCE: usize = 6;
const FOREIGN_STACK: &str = "somebody-elses-stack";
const FOREIGN_WEBHOOK: &str = "somebody-elses-webhook";
const ELSEWHERE: &str = "eu-central-1";
/// Exit codes of the deployer.
const OK: i32 = 0;
const FAILED: i32 = 1;
const UNSAFE: i32 = 4;
const CHANGED: i32 = 5;
/// It is not in this table: it needs nothing of what is wrong.
const APART: i32 = -1;
const KINDS: usize = 7;

/// Every command, and how it ends with: no credentials; nobody who answers as AWS; a region without the stack; no cluster;
/// a cluster for reading only; somebody else's stack of that name; somebody else's webhook of that name.
/// `FUNCTION` stands for the arguments that say where the function comes from.
const COMMANDS: [(&str, [i32; KINDS]); 20] = [
    ("synth", [OK, OK, OK, OK, OK, OK, OK]),
    ("iam-policy", [OK, OK, OK, OK, OK, OK, OK]),
    ("completions bash", [OK, OK, OK, OK, OK, OK, OK]),
    ("plan FUNCTION", [FAILED, FAILED, OK, FAILED, FAILED, UNSAFE, UNSAFE]),
    // Whoever deploys to another region may mean it: the plan shows it, and asks.
    ("deploy --yes FUNCTION", [FAILED, FAILED, APART, FAILED, FAILED, UNSAFE, UNSAFE]),
    // These ask AWS alone.
    ("cancel", [FAILED, FAILED, FAILED, APART, APART, UNSAFE, FAILED]),
    ("rollback --yes", [FAILED, FAILED, FAILED, APART, APART, UNSAFE, FAILED]),
    ("rollback --code --yes", [FAILED, FAILED, FAILED, APART, APART, UNSAFE, FAILED]),
    ("destroy --yes", [FAILED, FAILED, UNSAFE, UNSAFE, UNSAFE, UNSAFE, OK]),
    ("doctor", [CHANGED, CHANGED, OK, CHANGED, CHANGED, CHANGED, CHANGED]),
    ("rotate --yes", [FAILED, FAILED, FAILED, FAILED, FAILED, UNSAFE, FAILED]),
    ("webhook render", [FAILED, FAILED, FAILED, FAILED, FAILED, FAILED, UNSAFE]),
    ("webhook check", [FAILED, FAILED, FAILED, FAILED, FAILED, FAILED, UNSAFE]),
    // These ask the cluster alone: `webhook.rs` has them work in an outage of AWS.
    ("webhook pause --yes --for 1m --reason x", [APART, APART, APART, FAILED, FAILED, FAILED, UNSAFE]),
    ("webhook resume --yes", [APART, APART, APART, FAILED, FAILED, FAILED, UNSAFE]),
    ("webhook promote --yes", [APART, APART, APART, FAILED, FAILED, FAILED, UNSAFE]),
    ("webhook demote --yes", [APART, APART, APART, FAILED, FAILED, FAILED, UNSAFE]),
    ("logs", [FAILED, FAILED, FAILED, OK, OK, UNSAFE, FAILED]),
    ("metrics", [FAILED, FAILED, FAILED, OK, OK, UNSAFE, FAILED]),
    ("status", [FAILED, FAILED, CHANGED, FAILED, FAILED, CHANGED, CHANGED]),
];

/// What is wrong.
struct Wrong {
    name: &'static str,
    deployer: Deployer,
    /// Further arguments.
    arguments: &'static [&'static str],
    /// What a command that fails names: one of these.
    named: &'static [&'static str],
}

/// To be called with stack and webhook there; leaves them so.
pub(crate) async fn run(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer, report: &mut Report) {
    let all = match prepare(world, cluster, deployer).await {
        Ok(all) => all,
        Err(trouble) => {
            report.scenario("wrong: what is prepared", async { Err(trouble) }).await;
            return;
        }
    };
    for (kind, wrong) in all.iter().enumerate() {
        report.scenario(&format!("wrong: {}", wrong.name), wrong.tried(kind, world, cluster)).await;
    }
}

async fn prepare(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer) -> Result<[Wrong; KINDS]> {
    cloud::make_foreign_stack(world, FOREIGN_STACK).await?;
    cluster.create_webhook(&foreign_webhook()).await?;
    let readonly = world.dir.join("control-plane/readonly.kubeconfig");
    let gone = world.dir.join("kubeconfig-gone");
    let text = std::fs::read_to_string(&world.kubeconfig).while_doing(|| "reading the kubeconfig".to_owned())?;
    // Nobody listens on the lowest port.
    let written = std::fs::write(&gone, text.replace(&world.server, "https://127.0.0.1:1"));
    written.while_doing(|| "writing a kubeconfig".to_owned())?;
    let plain = |name, arguments, named| Wrong { name, deployer: deployer.clone(), arguments, named };
    Ok([
        Wrong {
            deployer: deployer.without_credentials(),
            ..plain("no credentials", &[], &["no credentials were found"])
        },
        Wrong { deployer: deployer.without_aws(), ..plain("nobody answers as AWS", &[], &["refused", "within"]) },
        plain("another region", &["--region", ELSEWHERE], &[ELSEWHERE]),
        Wrong {
            deployer: deployer.with_kubeconfigs(&[&gone]),
            ..plain("no cluster", &[], &["the context local-world"])
        },
        Wrong {
            deployer: deployer.with_kubeconfigs(&[&readonly]),
            ..plain("a cluster for reading only", &[], &["local-world-readonly"])
        },
        plain("somebody else's stack", &["--stack-name", FOREIGN_STACK], &[FOREIGN_STACK]),
        plain("somebody else's webhook", &["--stack-name", FOREIGN_WEBHOOK], &[FOREIGN_WEBHOOK]),
    ])
}

impl Wrong {
    /// Some commands at once, for most of them only wait.
    async fn tried(&self, kind: usize, world: &Addresses, cluster: &Kubernetes) -> Result<()> {
        let before = state(world, cluster).await?;
        let url = cluster.webhook_url(STACK).await?.unwrap_or_default();
        let secret = url.rsplit('/').next().filter(|secret| secret.len() == 64);
        let secret = secret.ok_or_else(|| Trouble::new("the webhook's URL holds no secret"))?;
        let (mut running, turns) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
        for (command, expected) in COMMANDS.iter().map(|(command, expected)| (*command, expected[kind])) {
            if expected != APART {
                let (deployer, more, turns) = (self.deployer.clone(), self.arguments, Arc::clone(&turns));
                running.spawn(async move {
                    let _turn = turns.acquire().await;
                    (command, expected, carried_out(&deployer, command, more).await)
                });
            }
        }
        let mut complaints = String::new();
        while let Some(done) = running.join_next().await {
            let (command, expected, finished) = done.while_doing(|| "running a command".to_owned())?;
            let finished = finished?;
            for complaint in self.complaints(command, expected, &finished, secret) {
                let _ = write!(complaints, "\ndeployer {command}: {complaint}\n{}", finished.said);
            }
        }
        if state(world, cluster).await? != before {
            complaints.push_str("\na stack or a webhook was changed");
        }
        if complaints.is_empty() { Ok(()) } else { Err(Trouble::new(complaints)) }
    }

    fn complaints(&self, command: &str, expected: i32, finished: &Finished, secret: &str) -> Vec<String> {
        let Finished { code, said } = finished;
        let mut complaints = Vec::new();
        let mut must = |holds: bool, what: &str| {
            if !holds {
                complaints.push(what.to_owned());
            }
        };
        must(*code == expected, &format!("exit code {code}, not {expected}"));
        must(!said.contains(secret) || command == "webhook render", "it shows the caller's secret");
        must(!said.contains("panicked") && !said.contains("backtrace"), "it panics");
        if *code != OK {
            // `doctor` and `status` name things, and ways out, in what they answer: of these a sentence may follow.
            let answers = ["doctor", "status"].contains(&command);
            let sentences = said.lines().filter(|line| line.starts_with("error: ")).count();
            must(sentences == 1 || (answers && sentences == 0), "one sentence");
            must(answers || said.contains("\nhint: "), "a way out");
            must(self.named.iter().any(|name| said.contains(name)), &format!("it names none of {:?}", self.named));
        }
        complaints
    }
}

async fn carried_out(deployer: &Deployer, command: &str, more: &[&str]) -> Result<Finished> {
    let function = deployer.function();
    let words = command.split(' ').flat_map(|word| match word {
        "FUNCTION" => function.iter().map(String::as_str).collect(),
        word => vec![word],
    });
    let arguments: Vec<&str> = words.chain(more.iter().copied()).collect();
    let finished = tokio::time::timeout(PATIENCE, deployer.run(&arguments, false)).await;
    finished.unwrap_or_else(|_| Err(Trouble::new(format!("deployer {command} does not end"))))
}

/// Every stack, and both webhooks.
async fn state(world: &Addresses, cluster: &Kubernetes) -> Result<(String, Value, Value)> {
    let webhooks = (cluster.webhook_object(STACK).await?, cluster.webhook_object(FOREIGN_WEBHOOK).await?);
    Ok((cloud::stacks(world).await?, webhooks.0, webhooks.1))
}

/// It lacks our label, and matches nothing.
fn foreign_webhook() -> Value {
    json!({
        "metadata": { "name": FOREIGN_WEBHOOK },
        "webhooks": [{
            "name": "pods.somebody.else",
            "clientConfig": { "url": "https://somebody.invalid/" },
            "rules": [],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }],
    })
}
