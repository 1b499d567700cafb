//! Both ends of the `world` process. Inside it: [`up`], which holds a world until it is told to end. Outside:
//! [`Supervised`], which starts that process, and [`down`], which ends one that was left running.
//!
//! A lock on `world.lock` says whether a world lives: the kernel lets go of it however the supervisor ends, so neither
//! a stale file nor a reused process id can be mistaken for a running world.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::addresses::Addresses;
use crate::process::Process;
use crate::trouble::{Context, Result, Trouble};
use crate::world::{Options, World};

/// The line by which a starter lets a world outlive it.
const KEEP: &str = "keep";
/// First starts build the control plane; everybody who shows progress does that before.
const PATIENCE: Duration = Duration::from_mins(20);

/// Runs a world in this process: says its addresses on standard output, and ends it when standard input does (unless
/// `keep`, or the line `keep` came before), on SIGTERM, on SIGINT, or when a part of it breaks.
///
/// # Errors
/// Another world lives in the directory, a part does not come up, or one breaks.
pub async fn up(options: &Options, keep: bool) -> Result<()> {
    let _lock = claim(&options.dir)?;
    let mut terminate = signal(SignalKind::terminate()).while_doing(|| "listening for SIGTERM".to_owned())?;
    let mut interrupt = signal(SignalKind::interrupt()).while_doing(|| "listening for SIGINT".to_owned())?;
    let mut asked = std::pin::pin!(async {
        tokio::select! {
            () = input_ended(keep) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
    let mut world = tokio::select! {
        world = World::start(options) => world?,
        // What has been started ends with this process: its standard input closes.
        () = &mut asked => return Ok(()),
    };
    let line = serde_json::to_string(&world.addresses).while_doing(|| "writing the addresses as JSON".to_owned())?;
    announce(&line).await?;
    let broken = tokio::select! {
        trouble = world.broken() => Some(trouble),
        () = asked => None,
    };
    world.stop().await;
    broken.map_or(Ok(()), Err)
}

/// Says one line on standard output, which is what a starter waits for.
pub(crate) async fn announce(line: &str) -> Result<()> {
    let mut stdout = tokio::io::stdout();
    let said = stdout.write_all(format!("{line}\n").as_bytes()).await;
    said.while_doing(|| "saying that everything is ready".to_owned())?;
    stdout.flush().await.while_doing(|| "saying that everything is ready".to_owned())
}

/// Returns when standard input ends; never once the world is to be kept.
async fn input_ended(mut keep: bool) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while !keep {
        match lines.next_line().await {
            Ok(Some(line)) => keep = line == KEEP,
            Ok(None) | Err(_) => return,
        }
    }
    std::future::pending::<()>().await;
}

/// Makes the directory this process's own: locked, and empty but for the lock and the process id.
fn claim(dir: &Path) -> Result<File> {
    std::fs::create_dir_all(dir).while_doing(|| format!("creating {}", dir.display()))?;
    let lock = open_lock(dir)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Trouble::new(format!("a world is already running in {}", dir.display())),
        TryLockError::Error(error) => Trouble::new(format!("locking {}: {error}", dir.display())),
    })?;
    for entry in std::fs::read_dir(dir).while_doing(|| format!("reading {}", dir.display()))?.flatten() {
        // The leftovers of a world that crashed.
        let path = entry.path();
        if path.is_dir() {
            let _ = std::fs::remove_dir_all(path);
        } else if entry.file_name() != "world.lock" {
            let _ = std::fs::remove_file(path);
        }
    }
    let pid = dir.join("world.pid");
    std::fs::write(&pid, std::process::id().to_string()).while_doing(|| format!("writing {}", pid.display()))?;
    Ok(lock)
}

fn open_lock(dir: &Path) -> Result<File> {
    let path = dir.join("world.lock");
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(false).open(&path);
    file.while_doing(|| format!("opening {}", path.display()))
}

/// Whether a world lives in `dir`.
///
/// # Errors
/// The lock cannot be looked at.
pub fn lives(dir: &Path) -> Result<bool> {
    if !dir.join("world.lock").exists() {
        return Ok(false);
    }
    match open_lock(dir)?.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => {
            Err(Trouble::new(format!("looking at the lock of {}: {error}", dir.display())))
        }
    }
}

/// Ends the world of `dir`, if one lives, and waits until all of it is gone. Whether there was one.
///
/// # Errors
/// It does not end in time.
pub async fn down(dir: &Path) -> Result<bool> {
    if !lives(dir)? {
        return Ok(false);
    }
    let pid =
        std::fs::read_to_string(dir.join("world.pid")).while_doing(|| "reading the world's process id".to_owned())?;
    let number: i32 = pid.trim().parse().while_doing(|| format!("reading the process id {pid:?}"))?;
    let pid = Pid::from_raw(number).ok_or_else(|| Trouble::new("the world's process id is 0"))?;
    // The lock is held, so its holder lives and this id is still its own.
    kill_process(pid, Signal::TERM).while_doing(|| format!("ending the world (process {number})"))?;
    let lock = open_lock(dir)?;
    // The supervisor lets go of the lock last.
    let gone = tokio::task::spawn_blocking(move || lock.lock());
    match tokio::time::timeout(Duration::from_mins(2), gone).await {
        Ok(_) => Ok(true),
        Err(_) => Err(Trouble::new(format!("the world (process {number}) does not end"))
            .hint(format!("See the logs in {}.", dir.join("logs").display()))),
    }
}

/// A world in a process of its own, seen from outside.
#[derive(Debug)]
pub struct Supervised {
    process: Process,
    dir: PathBuf,
}

impl Supervised {
    /// Starts `program up --dir dir`; what it says goes to a file in the folder above `dir`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn spawn(program: &Path, dir: &Path) -> Result<Self> {
        let above = dir.parent().unwrap_or(dir);
        std::fs::create_dir_all(above).while_doing(|| format!("creating {}", above.display()))?;
        let mut command = Command::new(program);
        command.arg("up").arg("--dir").arg(dir);
        Ok(Self { process: Process::spawn("world", command, above)?, dir: dir.to_owned() })
    }

    /// Waits until everything answers.
    ///
    /// # Errors
    /// What the supervisor says, such as that a world already lives in the directory.
    pub async fn ready(&mut self) -> Result<Addresses> {
        self.process.ready(PATIENCE).await
    }

    /// Ends the world, waits until all of it is gone, and removes its directory.
    ///
    /// # Errors
    /// The directory cannot be removed.
    pub async fn stop(self) -> Result<()> {
        self.process.stop().await;
        remove(&self.dir).await
    }

    /// Lets the world outlive this process.
    ///
    /// # Errors
    /// The supervisor no longer listens.
    pub async fn keep(mut self) -> Result<()> {
        self.process.say(KEEP).await?;
        self.process.release();
        Ok(())
    }
}

/// Removes a world's directory. Where a start was interrupted, the last child may still be writing into it.
///
/// # Errors
/// It is still there after some seconds.
pub async fn remove(dir: &Path) -> Result<()> {
    let mut attempts = 50;
    loop {
        match std::fs::remove_dir_all(dir) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(_) if attempts > 0 => tokio::time::sleep(Duration::from_millis(100)).await,
            Err(error) => return Err(error).while_doing(|| format!("removing {}", dir.display())),
        }
        attempts -= 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_directory_belongs_to_one_world_and_is_emptied_of_a_dead_one() {
        let dir = std::env::temp_dir().join(format!("local-world-claim-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("left/over")).unwrap();
        assert!(!lives(&dir).unwrap());
        let lock = claim(&dir).unwrap();
        assert!(!dir.join("left").exists());
        assert!(lives(&dir).unwrap());
        assert!(claim(&dir).err().unwrap().to_string().contains("already running"));
        drop(lock);
        assert!(!lives(&dir).unwrap());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
