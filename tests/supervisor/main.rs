//! `world`: the process that holds a local world. `up` starts one and keeps it, `down` ends one that was kept.
//! Prints one line of JSON when everything answers (see `Addresses`), and nothing else on standard output.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use local_world::guard::Kind;
use local_world::trouble::{Context, Result};
use local_world::world::Options;
use local_world::{guard, root, supervisor};

/// Local stand-ins for AWS and a Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(name = "world")]
struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start a world; it ends when standard input does.
    Up {
        /// Where everything it writes goes.
        #[arg(long)]
        dir: PathBuf,
        /// Go on when standard input ends, until `world down`.
        #[arg(long)]
        keep: bool,
    },
    /// End the world of a directory and wait until all of it is gone.
    Down {
        /// The directory it was started with.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Run a program until standard input ends (for programs that do not watch it themselves).
    #[command(hide = true)]
    Guard {
        /// It is a server: say when it has been started, and give it time to end.
        #[arg(long)]
        server: bool,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        program: Vec<String>,
    },
}

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("starting the runtime: {error}")),
    };
    let ended = runtime.block_on(run(Arguments::parse().command));
    // Not dropped: that would wait for the thread that still reads standard input.
    runtime.shutdown_background();
    ended.map_or_else(|trouble| failed(&trouble.to_string()), ExitCode::from)
}

fn failed(why: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "world: {why}");
    ExitCode::FAILURE
}

/// The exit code, which is 0 but for a guarded command that ended with another.
async fn run(verb: Verb) -> Result<u8> {
    match verb {
        Verb::Up { dir, keep } => {
            let dir = std::path::absolute(dir).while_doing(|| "finding the world's directory".to_owned())?;
            supervisor::up(&Options { root: root::checkout()?, dir }, keep).await.map(|()| 0)
        }
        Verb::Down { dir } => supervisor::down(&dir).await.map(|_| 0),
        Verb::Guard { server, program } => {
            guard::guard(&program, if server { Kind::Server } else { Kind::Command }).await
        }
    }
}
