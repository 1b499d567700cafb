//! Runs the real deployer, unmodified, against the local world: a settings file, the world's environment, and nothing
//! else. It runs under a guard, so that nothing of it, nor of a build it runs, outlives whoever asked for it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::addresses::Addresses;
use crate::env;
use crate::terminal::{self, Terminal};
use crate::trouble::{Context, Result, Trouble};

/// The caller name of the local cluster, and the value of the metrics' dimension.
pub const CLUSTER: &str = "demo";
/// The deployer's default stack name, and the name of the webhook configuration.
pub const STACK: &str = "ecr-compliance-webhook";

/// `alarms.denials`. Whoever tests refusals is refused more often than a cluster is: that alarm would ring all the time.
pub const DENIALS: u32 = 10_000;

/// Where the deployer gets the function from.
#[derive(Clone, Debug)]
pub enum Function {
    /// It builds it from a checkout.
    Source(PathBuf),
    /// It was built before.
    Artifact(PathBuf),
}

/// The deployer with all it needs to work on one world.
#[derive(Clone, Debug)]
pub struct Deployer {
    program: PathBuf,
    guard: PathBuf,
    dir: PathBuf,
    variables: env::Variables,
    function: Function,
}

/// How a run ended, and what it said (when it was not shown while it ran).
#[derive(Debug)]
pub struct Finished {
    /// Exit code; 255 when a signal ended it.
    pub code: i32,
    /// Standard output, then standard error.
    pub said: String,
}

impl Deployer {
    /// Writes `deployer.toml` into the world's directory. `guard` is the program `world`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn new(program: PathBuf, guard: PathBuf, function: Function, world: &Addresses) -> Result<Self> {
        let path = world.dir.join("deployer.toml");
        let text = settings(std::env::consts::ARCH) + &given(world);
        std::fs::write(&path, text).while_doing(|| format!("writing {}", path.display()))?;
        let mut variables = env::variables(world);
        variables.push(("TMPDIR", world.dir.join("tmp").display().to_string()));
        Ok(Self { program, guard, dir: world.dir.clone(), variables, function })
    }

    /// `deployer deploy --yes`; shown while it runs when `shown`.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn deploy(&self, shown: bool) -> Result<Finished> {
        let [flag, path] = self.function();
        self.run(&["deploy", "--yes", &flag, &path], shown).await
    }

    /// The same in an outage of AWS: nothing answers there.
    #[must_use]
    pub fn without_aws(&self) -> Self {
        let mut alone = self.clone();
        for (name, value) in &mut alone.variables {
            if *name == "AWS_ENDPOINT_URL" {
                // Nobody listens on the lowest port.
                "http://127.0.0.1:1".clone_into(value);
            }
        }
        alone
    }

    /// The same with the contexts of several kubeconfigs; the first one's current context is the current one.
    #[must_use]
    pub fn with_kubeconfigs(&self, paths: &[&Path]) -> Self {
        let mut other = self.clone();
        let all: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        for (name, value) in &mut other.variables {
            if *name == "KUBECONFIG" {
                *value = all.join(":");
            }
        }
        other
    }

    /// The same without credentials of AWS.
    #[must_use]
    pub fn without_credentials(&self) -> Self {
        let mut other = self.clone();
        other.variables.retain(|(name, _)| *name != "AWS_ACCESS_KEY_ID" && *name != "AWS_SECRET_ACCESS_KEY");
        // Nor those of whoever runs this.
        other.variables.extend(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(|name| (name, String::new())));
        other
    }

    /// The same with a variable more.
    #[must_use]
    pub fn with_variable(&self, name: &'static str, value: &str) -> Self {
        let mut other = self.clone();
        other.variables.push((name, value.to_owned()));
        other
    }

    /// Writes the settings again, with these sections in place of `[cluster]`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn configure_clusters(&self, sections: &str) -> Result<()> {
        self.write(&format!("{}\n{sections}", general(std::env::consts::ARCH)))
    }

    fn write(&self, text: &str) -> Result<()> {
        let path = self.dir.join("deployer.toml");
        std::fs::write(&path, text).while_doing(|| format!("writing {}", path.display()))
    }

    /// Writes the settings again, with a section of one's choice at their end.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn configure(&self, section: &str) -> Result<()> {
        self.write(&format!("{}\n{section}", settings(std::env::consts::ARCH)))
    }

    /// Writes the settings again, with keys of one's choice at their begin and a section at their end.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn configure_keys(&self, keys: &str, section: &str) -> Result<()> {
        self.write(&format!("{keys}\n{}\n{section}", settings(std::env::consts::ARCH)))
    }

    /// `deployer destroy --yes`; shown while it runs when `shown`.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn destroy(&self, shown: bool) -> Result<Finished> {
        self.run(&["destroy", "--yes"], shown).await
    }

    /// Any run of the deployer, in the world's directory (where its settings are).
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn run(&self, arguments: &[&str], shown: bool) -> Result<Finished> {
        let mut child = self.spawn(arguments, shown)?;
        // Waiting for the output would close it.
        let input = child.stdin.take();
        let output = child.wait_with_output().await.while_doing(|| "waiting for the deployer".to_owned())?;
        drop(input);
        let said = [output.stdout, output.stderr].concat();
        Ok(Finished { code: output.status.code().unwrap_or(255), said: String::from_utf8_lossy(&said).into_owned() })
    }

    /// A run with `--output json` that is killed without a chance as soon as it has said what `enough` waits for. Whether
    /// it was: a run that ends before is not.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn killed_when(&self, arguments: &[&str], mut enough: impl FnMut(&Value) -> bool) -> Result<bool> {
        let mut child = self.spawn(&[arguments, &["--output", "json"]].concat(), false)?;
        // Nobody reads its messages; a full pipe would stop it.
        drop(child.stderr.take());
        let input = child.stdin.take();
        let mut lines = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        let mut killed = false;
        while let Some(lines) = &mut lines
            && let Some(line) = lines.next_line().await.while_doing(|| "reading what the deployer says".to_owned())?
        {
            if serde_json::from_str(&line).is_ok_and(|line| enough(&line)) {
                killed = true;
                break;
            }
        }
        // The guard kills it, and all that it started, when its input ends.
        drop(input);
        child.wait().await.while_doing(|| "waiting for the deployer".to_owned())?;
        Ok(killed)
    }

    /// A run whose standard output has a reader that is gone as soon as the run has begun.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn unread(&self, arguments: &[&str]) -> Result<Finished> {
        let (reader, writer) = std::io::pipe().while_doing(|| "making a pipe".to_owned())?;
        let mut command = self.command(arguments);
        let child = command.stdout(writer).stderr(Stdio::piped()).spawn();
        let mut child = child.while_doing(|| format!("starting {}", self.program.display()))?;
        // This command holds the pipe's other end as well.
        drop((command, reader));
        let input = child.stdin.take();
        let output = child.wait_with_output().await.while_doing(|| "waiting for the deployer".to_owned())?;
        drop(input);
        Ok(Finished {
            code: output.status.code().unwrap_or(255),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn spawn(&self, arguments: &[&str], shown: bool) -> Result<Child> {
        let mut command = self.command(arguments);
        if !shown {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        command.spawn().while_doing(|| format!("starting {}", self.program.display()))
    }

    /// The arguments that say where the function comes from.
    #[must_use]
    pub fn function(&self) -> [String; 2] {
        match &self.function {
            Function::Source(path) => ["--source".to_owned(), path.display().to_string()],
            Function::Artifact(path) => ["--artifact".to_owned(), path.display().to_string()],
        }
    }
}

impl Deployer {
    /// A run that goes on until it is ended; what it says goes to a file.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&self, arguments: &[&str], output: &Path) -> Result<Running> {
        let file = std::fs::File::create(output).while_doing(|| format!("creating {}", output.display()))?;
        let mut command = self.command(arguments);
        command.stdout(file).stderr(Stdio::null());
        let child = command.spawn().while_doing(|| format!("starting {}", self.program.display()))?;
        Ok(Running { child })
    }

    /// A run on a terminal of its own, whose keyboard is ours. `python` is that of the emulators, `root` the checkout.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn on_terminal(&self, python: &Path, root: &Path, arguments: &[&str]) -> Result<Terminal> {
        let mut command = terminal::on_terminal(python, root, &self.program);
        command.args(arguments).current_dir(&self.dir);
        // What a person's shell says of terminals is not ours to know.
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        env::apply(&mut command, &self.variables);
        Terminal::start(command)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.guard);
        command.args(["guard", "--"]).arg(&self.program).args(arguments).current_dir(&self.dir);
        // Held by nobody else: however this ends, so does the deployer, and the build that it may be running.
        command.stdin(Stdio::piped()).process_group(0);
        env::apply(&mut command, &self.variables);
        command
    }
}

/// A run of the deployer that goes on.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

impl Running {
    /// Ends it.
    ///
    /// # Errors
    /// It does not end.
    pub async fn end(mut self) -> Result<()> {
        // The guard ends with its input, and the deployer with the guard.
        drop(self.child.stdin.take());
        self.child.wait().await.map(drop).while_doing(|| "waiting for the deployer".to_owned())
    }
}

impl Finished {
    /// # Errors
    /// The run did not end well: with what it said.
    pub fn well(self, what: &str) -> Result<Self> {
        match self.code {
            0 => Ok(self),
            code => Err(Trouble::new(format!("deployer {what} ended with exit code {code}\n{}", self.said))),
        }
    }
}

/// The settings of the local deployment: the machine's own architecture, since the function runs on it.
fn settings(machine: &str) -> String {
    format!("{}\n[cluster]\nname = \"{CLUSTER}\"\n", general(machine))
}

/// All of them but for the cluster.
fn general(machine: &str) -> String {
    let architecture = if machine == "aarch64" { "arm64" } else { "x86_64" };
    let alarms = format!("[alarms]\ndenials = {DENIALS}\n");
    format!("# Written by the local world.\narchitecture = \"{architecture}\"\n\n{alarms}")
}

/// The rest of `[cluster]` for a cluster that the tunnel does not lead.
fn given(world: &Addresses) -> String {
    let Some(given) = &world.given_endpoint else { return String::new() };
    format!("endpoint = \"{}\"\nca_bundle = \"{}\"\n", given.url, given.ca_bundle.display())
}

/// What a person's shell needs besides [`env::variables`].
///
/// # Errors
/// The file cannot be written.
pub fn write_env(path: &Path, world: &Addresses, deployer: &Path, webhook_url: &str) -> Result<()> {
    let mut variables = env::variables(world);
    variables.push(("STACK_NAME", STACK.to_owned()));
    variables.push(("WEBHOOK_URL", webhook_url.to_owned()));
    variables.push(("DEPLOYER", deployer.display().to_string()));
    // From any folder: the architecture and the cluster's name are not the defaults here.
    variables.push(("DEPLOYER_CONFIG", world.dir.join("deployer.toml").display().to_string()));
    env::write(path, &variables)
}
