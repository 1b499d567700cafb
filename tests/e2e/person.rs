//! A person at a terminal: who has to type the name of a production cluster, presses Ctrl-C now and then, and looks at a
//! board while CloudFormation works. And a pipe, which gets plain lines.

use std::path::PathBuf;

use local_world::addresses::Addresses;
use local_world::deploy::{Deployer, STACK};
use local_world::kubernetes::Kubernetes;
use local_world::terminal::Terminal;
use local_world::trouble::{Result, Trouble};
use local_world::{faults, root, tools};

use crate::cloud;
use crate::report::Report;
use crate::second::renamed;
use crate::several::check;
use crate::webhook::ended;

/// Exit codes of the deployer.
const REFUSED: i32 = 3;
const INTERRUPTED: i32 = 130;
/// A parameter of the stack, and with it the function and its role.
const MORE_REGISTRIES: &str = "[registry]\nids = [\"111122223333\", \"444455556666\"]\n";
/// Long enough to press keys in.
const SLOW: &str = r#"{"step_delay_ms": 3000}"#;
const QUESTION: &str = "Deploy? Type production to go on:";
const MENU: &str = "[d]etach, it goes on in AWS (default) / [c]ancel and roll back / [w]ait for it";
/// A row of the board, of the first resource that is updated.
const ROW: &str = "UPDATE_IN_PROGRESS    Function";
/// How the board is drawn, and how a step is coloured.
const DRAWN: &str = "\u{1b}[?7l";
const COLOUR: &str = "\u{1b}[1;36m==>";

/// To be called with stack and webhook there; leaves them so.
pub(crate) async fn run(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer, report: &mut Report) {
    let person = match Person::new(world, cluster, deployer).await {
        Ok(person) => person,
        Err(trouble) => {
            report.scenario("terminal", async { Err(trouble) }).await;
            return;
        }
    };
    report.scenario("terminal: production is typed, and another word changes nothing", person.another_word()).await;
    report.scenario("terminal: Ctrl-C at the question leaves no change set", person.no_answer()).await;
    report.scenario("terminal: the board, Ctrl-C, wait, Ctrl-C, detach", person.detaches()).await;
    report.scenario("terminal: the second Ctrl-C ends at once", person.ends()).await;
}

struct Person<'a> {
    world: &'a Addresses,
    cluster: &'a Kubernetes,
    /// Its cluster is called production.
    deployer: Deployer,
    python: PathBuf,
    root: PathBuf,
}

impl<'a> Person<'a> {
    async fn new(world: &'a Addresses, cluster: &'a Kubernetes, deployer: &Deployer) -> Result<Self> {
        let root = root::checkout()?;
        let python = tools::python(&root, &mut |_: &str| ()).await?;
        let kubeconfig = renamed(&world.kubeconfig, &world.dir.join("kubeconfig-production"), "production")?;
        Ok(Self { world, cluster, deployer: deployer.with_kubeconfigs(&[&kubeconfig]), python, root })
    }

    async fn another_word(&self) -> Result<()> {
        self.deployer.configure(MORE_REGISTRIES)?;
        let before = self.state().await?;
        let mut terminal = self.asked(&self.deployer).await?;
        terminal.answer("yes").await?;
        ended(&terminal.ended().await?, REFUSED, &["nothing was changed: the plan was declined"])?;
        self.is_as(&before).await
    }

    async fn no_answer(&self) -> Result<()> {
        let before = self.state().await?;
        let mut terminal = self.asked(&self.deployer).await?;
        terminal.interrupt().await?;
        ended(&terminal.ended().await?, INTERRUPTED, &["nothing was changed"])?;
        self.is_as(&before).await
    }

    async fn detaches(&self) -> Result<()> {
        faults::set(self.world, SLOW)?;
        let mut terminal = self.updating(&self.deployer).await?;
        terminal.interrupt().await?;
        terminal.until(MENU).await?;
        terminal.answer("w").await?;
        terminal.until(ROW).await?;
        terminal.interrupt().await?;
        terminal.until(MENU).await?;
        terminal.answer("d").await?;
        let finished = terminal.ended().await?;
        let status = cloud::status(self.world).await?;
        let way_back = ["its operation goes on in AWS", "Run the same command again", "deployer cancel", DRAWN, COLOUR];
        ended(&finished, INTERRUPTED, &way_back)?;
        check(status == "UPDATE_IN_PROGRESS", &format!("the operation goes on: it is {status}"))?;
        self.piped().await
    }

    /// The same command again, into a pipe: it waits for what still goes on, and goes on.
    async fn piped(&self) -> Result<()> {
        let [flag, path] = self.deployer.function();
        let deploy = ["deploy", "--confirm-context", "production", &flag, &path];
        let finished = self.deployer.run(&deploy, false).await?;
        faults::set(self.world, faults::NONE)?;
        ended(&finished, 0, &["it is UPDATE_COMPLETE", "no changes", "Done"])?;
        check(!finished.said.contains('\u{1b}'), "a pipe gets plain lines")
    }

    async fn ends(&self) -> Result<()> {
        self.deployer.configure("")?;
        faults::set(self.world, SLOW)?;
        let plain = self.deployer.with_variable("NO_COLOR", "1");
        let mut terminal = self.updating(&plain).await?;
        terminal.interrupt().await?;
        terminal.until(MENU).await?;
        terminal.interrupt().await?;
        let finished = terminal.ended().await?;
        let status = cloud::status(self.world).await?;
        ended(&finished, INTERRUPTED, &[DRAWN])?;
        check(!finished.said.contains("stopped watching"), "nothing more is done or said")?;
        check(!is_coloured(&finished.said), &format!("without colour:\n{:?}", finished.said))?;
        check(status == "UPDATE_IN_PROGRESS", &format!("the operation goes on: it is {status}"))?;
        self.piped().await
    }

    /// A deploy up to its question.
    async fn asked(&self, deployer: &Deployer) -> Result<Terminal> {
        let [flag, path] = deployer.function();
        let mut terminal = deployer.on_terminal(&self.python, &self.root, &["deploy", &flag, &path])?;
        terminal.until(QUESTION).await?;
        Ok(terminal)
    }

    /// One that was agreed to, in the middle of its update.
    async fn updating(&self, deployer: &Deployer) -> Result<Terminal> {
        let mut terminal = self.asked(deployer).await?;
        terminal.answer("production").await?;
        terminal.until(ROW).await?;
        Ok(terminal)
    }

    /// Of stack and webhook.
    async fn state(&self) -> Result<(String, String)> {
        Ok((cloud::stack(self.world).await?, self.cluster.webhook_object(STACK).await?.to_string()))
    }

    async fn is_as(&self, before: &(String, String)) -> Result<()> {
        let now = self.state().await?;
        if now != *before {
            return Err(Trouble::new(format!("it was {before:?} and is {now:?}")));
        }
        check(!cloud::has_change_sets(self.world).await?, "no change set is left")
    }
}

/// Whether there is an escape sequence that sets a colour: `ESC [ numbers m`.
fn is_coloured(text: &str) -> bool {
    let ends = |rest: &str| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m');
    text.split("\u{1b}[").skip(1).any(ends)
}
