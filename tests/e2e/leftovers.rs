//! Nothing stays behind: no process, no open port, no file, even when the supervisor is killed without a chance.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use local_world::addresses::Addresses;
use local_world::supervisor::{self, Supervised};
use local_world::trouble::{Result, Trouble};
use rustix::process::{Pid, Signal, kill_process};

/// How long a part may take to notice that its parent is gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// The folder of a world of this test run, alone in one of its own in the checkout's `target`; see [`sweep`].
pub(crate) fn folder(name: &str) -> PathBuf {
    let root = local_world::root::checkout().expect("the tests run in a checkout");
    root.join("target/e2e").join(format!("{name}-{}", std::process::id())).join("world")
}

/// Removes what is around a world's folder, once that folder is gone.
pub(crate) fn sweep(dir: &Path) {
    assert!(!dir.exists(), "{} is left behind", dir.display());
    std::fs::remove_dir_all(dir.parent().expect("a folder around it")).expect("it can be removed");
}

/// Waits until no port answers and no process mentions the world's directory.
pub(crate) async fn await_nothing(world: &Addresses) -> Result<()> {
    let since = Instant::now();
    loop {
        let mut left: Vec<String> = world.ports().into_iter().filter(|port| TcpStream::connect(port).is_ok()).collect();
        left.extend(processes(&world.dir));
        if left.is_empty() {
            return Ok(());
        }
        if since.elapsed() > PATIENCE {
            return Err(Trouble::new(format!("left behind: {}", left.join(", "))));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Processes whose command line, working directory or environment names `dir`.
fn processes(dir: &Path) -> Vec<String> {
    let needle = dir.display().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let path = entry.path();
        let ours = path.file_name().is_some_and(|name| name == std::process::id().to_string().as_str());
        let mentions = |file: &str| {
            let bytes = std::fs::read(path.join(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains(&needle)
        };
        if !ours && (mentions("cmdline") || mentions("environ")) {
            let command = std::fs::read(path.join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&command).replace('\0', " "));
        }
    }
    found
}

#[tokio::test]
async fn a_world_whose_supervisor_is_killed_leaves_no_process_and_no_port() {
    let dir = folder("killed");
    let mut world = Supervised::spawn(Path::new(env!("CARGO_BIN_EXE_world")), &dir).unwrap();
    let addresses = world.ready().await.unwrap();
    for port in addresses.ports() {
        TcpStream::connect(&port).unwrap_or_else(|error| panic!("{port} does not answer: {error}"));
    }
    assert!(supervisor::lives(&dir).unwrap());
    let pid = Pid::from_raw(addresses.pid.try_into().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    await_nothing(&addresses).await.unwrap();
    assert!(!supervisor::lives(&dir).unwrap());
    world.stop().await.unwrap();
    sweep(&dir);
}
