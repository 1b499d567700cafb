//! A child that says when it is ready and ends when its standard input closes. The write end of that input lives in
//! this process alone, so however this process ends, `kill -9` included, its children end too. Output goes to log
//! files, whose last lines are shown when a child fails.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::trouble::{Context, Result, Trouble};

/// How long a child may take to end by itself before it is killed.
const LONGEST_END: Duration = Duration::from_secs(30);
/// How many lines of its log a failed child leaves in the error.
const SHOWN_LINES: usize = 20;

/// A running child.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    stdin: Option<ChildStdin>,
    /// Until it is ready.
    stdout: Option<Lines<BufReader<ChildStdout>>>,
    log: PathBuf,
}

impl Process {
    /// Starts `command`. What it prints, but for the line that [`Process::ready`] reads, goes to `<logs>/<name>.log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(name: &'static str, mut command: Command, logs: &Path) -> Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let errors = File::create(&log).while_doing(|| format!("creating {}", log.display()))?;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            // Out of the terminal's group: Ctrl-C must reach the one that tears down, not its children.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .while_doing(|| format!("starting {name} ({})", command.as_std().get_program().display()))?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        Ok(Self { name, child, stdin, stdout, log })
    }

    /// Waits for the child's first line of JSON on standard output, read as `R`.
    ///
    /// # Errors
    /// It ends early, or is not ready in time (it is killed then): with the end of its log.
    pub async fn ready<R: DeserializeOwned>(&mut self, patience: Duration) -> Result<R> {
        let Some(mut lines) = self.stdout.take() else {
            return Err(Trouble::new(format!("{} was ready before", self.name)));
        };
        match tokio::time::timeout(patience, first_json(&mut lines)).await {
            Ok(Some(ready)) => {
                tokio::spawn(drain(lines, self.log.clone()));
                Ok(ready)
            }
            Ok(None) => Err(self.failed("ended before it was ready").await),
            Err(_) => Err(self.failed(&format!("was not ready after {} s", patience.as_secs())).await),
        }
    }

    /// [`Process::spawn`] and [`Process::ready`] in one.
    ///
    /// # Errors
    /// As these two.
    pub async fn start<R: DeserializeOwned>(
        name: &'static str,
        command: Command,
        logs: &Path,
        patience: Duration,
    ) -> Result<(Self, R)> {
        let mut process = Self::spawn(name, command, logs)?;
        let ready = process.ready(patience).await?;
        Ok((process, ready))
    }

    /// Says one line to the child.
    ///
    /// # Errors
    /// The child no longer listens.
    pub async fn say(&mut self, line: &str) -> Result<()> {
        let name = self.name;
        let stdin = self.stdin.as_mut().ok_or_else(|| Trouble::new(format!("{name} no longer listens")))?;
        stdin.write_all(format!("{line}\n").as_bytes()).await.while_doing(|| format!("speaking to {name}"))?;
        stdin.flush().await.while_doing(|| format!("speaking to {name}"))
    }

    /// Waits for the child to end by itself, which it should not; the answer is the error to tell.
    pub async fn ended(&mut self) -> Trouble {
        let status = self.child.wait().await;
        let what = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        Trouble::new(format!("{} ended by itself ({what})\n{}", self.name, tail(&self.log)))
    }

    /// Closes the child's standard input and waits for its end; after half a minute it is killed.
    pub async fn stop(mut self) {
        drop(self.stdin.take());
        if tokio::time::timeout(LONGEST_END, self.child.wait()).await.is_err() {
            // Nothing more can be done when even this fails.
            let _ = self.child.kill().await;
        }
    }

    /// Lets the child live on after this process: it must have been told to, with [`Process::say`].
    pub fn release(mut self) {
        drop(self.stdin.take());
        // `kill_on_drop` acts in Drop, which must therefore not run; the process is about to end anyway.
        std::mem::forget(self);
    }

    async fn failed(&mut self, what: &str) -> Trouble {
        drop(self.stdin.take());
        let status = match tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await {
            Ok(Ok(status)) => format!(" ({status})"),
            _ => String::new(),
        };
        let _ = self.child.kill().await;
        Trouble::new(format!("{} {what}{status}\n{}", self.name, tail(&self.log)))
    }
}

async fn first_json<R: DeserializeOwned>(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<R> {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(ready) = serde_json::from_str(&line) {
            return Some(ready);
        }
    }
    None
}

/// Keeps reading, so that the child never blocks on a full pipe.
async fn drain(mut lines: Lines<BufReader<ChildStdout>>, log: PathBuf) {
    use std::io::Write;
    let mut file = File::options().append(true).open(log).ok();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(file) = file.as_mut() {
            let _ = writeln!(file, "{line}");
        }
    }
}

/// The last lines of a log, indented, headed by the file's path.
#[must_use]
pub fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
    format!("  the end of {}:\n    {}", log.display(), shown.join("\n    "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use serde_json::Value;

    fn logs(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("local-world-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn waits_for_the_ready_line_and_ends_with_its_input() {
        let dir = logs("ready");
        let script = "echo noise; echo '{\"ready\":true,\"port\":7}'; cat; echo ended >> \"$0.ended\"";
        let mut command = shell(script);
        command.arg(dir.join("child"));
        let (process, ready): (_, Value) =
            Process::start("child", command, &dir, Duration::from_secs(20)).await.unwrap();
        assert_eq!(ready["port"], 7);
        process.stop().await;
        assert_eq!(std::fs::read_to_string(dir.join("child.ended")).unwrap(), "ended\n");
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[tokio::test]
    async fn shows_the_end_of_the_log_of_a_child_that_fails() {
        let dir = logs("fails");
        let script = "for i in $(seq 1 50); do echo \"line $i\" >&2; done; exit 3";
        let started = Process::start::<Value>("child", shell(script), &dir, Duration::from_secs(20)).await;
        let text = started.err().unwrap().to_string();
        assert!(text.starts_with("child ended before it was ready (exit status: 3)"), "{text}");
        assert!(text.ends_with("line 50") && !text.contains("line 30\n"), "{text}");
        std::fs::remove_dir_all(dir).unwrap();
    }
}
