//! Ties a program that knows nothing of us (etcd, kube-apiserver, the deployer) to its parent's life: when standard input
//! ends, the program ends, and all that it started with it. `world guard -- PROGRAM ARGS` is this file as a process, and
//! the only thing that outlives a parent killed without a chance, for as long as it takes to clean up.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use crate::trouble::{Context, Result, Trouble};

/// What kind of program is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A server: `{"ready":true}` is said once it has been started (which does not mean that it answers), its own output
    /// goes to standard error, and it is given time to end.
    Server,
    /// A command: its output is ours, and it is ended at once.
    Command,
}

/// How long a server may take to end.
const LONGEST_END: Duration = Duration::from_secs(10);

/// Runs `program` in a process group of its own; its exit code, or 0 when standard input ended before.
///
/// # Errors
/// It cannot be started, or is a server and ends by itself.
pub async fn guard(program: &[String], kind: Kind) -> Result<u8> {
    let (name, arguments) = program.split_first().ok_or_else(|| Trouble::new("no program to guard"))?;
    let mut command = Command::new(name);
    command.args(arguments).stdin(Stdio::null()).process_group(0).kill_on_drop(true);
    if kind == Kind::Server {
        command.stdout(std::io::stderr());
    }
    let mut child = command.spawn().while_doing(|| format!("starting {name}"))?;
    if kind == Kind::Server {
        crate::supervisor::announce("{\"ready\":true}").await?;
    }
    let ended = tokio::select! {
        status = child.wait() => Some(status.while_doing(|| format!("waiting for {name}"))?),
        () = input_ended() => None,
    };
    match (ended, kind) {
        (Some(status), Kind::Server) => Err(Trouble::new(format!("{name} ended by itself ({status})"))),
        // 255 stands for the end by a signal.
        (Some(status), Kind::Command) => Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(255)),
        (None, kind) => end(&mut child, kind).await.map(|()| 0),
    }
}

/// The child has not been reaped yet, so its id, and its group's, is still its own.
async fn end(child: &mut Child, kind: Kind) -> Result<()> {
    let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) else { return Ok(()) };
    if kind == Kind::Server {
        kill_process(pid, Signal::TERM).while_doing(|| "ending the guarded program".to_owned())?;
        if tokio::time::timeout(LONGEST_END, child.wait()).await.is_ok() {
            return Ok(());
        }
    }
    kill_process_group(pid, Signal::KILL).while_doing(|| "killing the guarded program".to_owned())?;
    child.wait().await.map(drop).while_doing(|| "waiting for the guarded program".to_owned())
}

async fn input_ended() {
    let mut input = tokio::io::stdin();
    let mut byte = [0];
    while matches!(input.read(&mut byte).await, Ok(1)) {}
}
