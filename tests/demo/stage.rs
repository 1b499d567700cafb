//! Sets the stage and clears it: whatever happens in the story, the world ends (or, once the story went well and
//! `KEEP=1` was given, is left running on purpose) and nothing stays behind.

use std::path::{Path, PathBuf};

use local_world::supervisor::{self, Supervised};
use local_world::trouble::{Context, Result, Trouble};
use local_world::{root, tools};
use tokio::signal::unix::{SignalKind, signal};

use crate::narrator::Narrator;
use crate::tale;

/// How the demo ended.
pub(crate) enum Ending {
    /// As it should.
    Well,
    /// With a trouble to tell.
    Failed(Trouble),
    /// By Ctrl-C, or a request to end.
    Interrupted,
}

impl From<Result<()>> for Ending {
    fn from(result: Result<()>) -> Self {
        result.map_or_else(Self::Failed, |()| Self::Well)
    }
}

/// Where things of the demo are: all in one folder of the checkout's `target`.
struct Places {
    root: PathBuf,
    /// Removed when the demo ends.
    demo: PathBuf,
    world: PathBuf,
}

impl Places {
    fn find() -> Result<Self> {
        let root = root::checkout()?;
        let demo = root.join("target/demo");
        Ok(Self { world: demo.join("world"), root, demo })
    }
}

/// Plays the story from an empty stage.
pub(crate) async fn play(narrator: &mut Narrator, keep: bool) -> Ending {
    let places = match prepare().await {
        Ok(places) => places,
        Err(trouble) => return Ending::Failed(trouble),
    };
    let mut world = None;
    let played = tokio::select! {
        played = play_in(narrator, &places, &mut world, keep) => Ending::from(played),
        () = interrupted() => Ending::Interrupted,
    };
    match (&played, world) {
        (Ending::Well, Some(world)) if keep => return world.keep().await.into(),
        (_, Some(world)) => {
            if matches!(played, Ending::Interrupted) {
                narrator.say("\nInterrupted: tearing down …");
            }
            let failed = matches!(played, Ending::Failed(_));
            if let Err(trouble) = clear(narrator, &places, world, failed).await {
                return Ending::Failed(trouble);
            }
        }
        (_, None) => {
            if let Err(trouble) = supervisor::remove(&places.demo).await {
                return Ending::Failed(trouble);
            }
        }
    }
    if matches!(played, Ending::Well) {
        narrator.good("Everything is gone again: no process, no port, no file.");
    }
    played
}

/// Ends a demo that was left running. None running is as good.
pub(crate) async fn stop(narrator: &mut Narrator) -> Ending {
    let stopped = async {
        let places = Places::find()?;
        let ended = supervisor::down(&places.world).await?;
        supervisor::remove(&places.demo).await?;
        Ok::<_, Trouble>(ended)
    };
    match narrator.waiting("Ending the demo", stopped).await {
        Ok(true) => narrator.good("The demo is gone: no process, no port, no file."),
        Ok(false) => narrator.good("No demo was running."),
        Err(trouble) => return Ending::Failed(trouble),
    }
    Ending::Well
}

/// Makes sure that no other demo is running, and sweeps away what a crashed one left.
async fn prepare() -> Result<Places> {
    let places = Places::find()?;
    if supervisor::lives(&places.world)? {
        return Err(Trouble::new("a demo is already running in this checkout")
            .hint("Use it (`. target/demo/env`), or end it with `make demo-stop`."));
    }
    supervisor::remove(&places.demo).await?;
    Ok(places)
}

/// The world is handed out as soon as its process exists, so that it is ended however this future ends.
async fn play_in(narrator: &mut Narrator, places: &Places, handed: &mut Option<Supervised>, keep: bool) -> Result<()> {
    let deployer = root::program("DEPLOYER", "deployer")?;
    let program = root::program("WORLD", "world")?;
    narrator.chapter("A local AWS and a real Kubernetes control plane");
    set_up(narrator, &places.root).await?;
    let world = handed.insert(Supervised::spawn(&program, &places.world)?);
    let addresses = narrator.waiting("Starting etcd, kube-apiserver, MiniStack and moto", world.ready()).await?;
    let deployer = own_copy(&deployer, &places.world)?;
    tale::tell(
        narrator,
        &tale::Props { root: &places.root, demo: &places.demo, addresses, deployer, guard: program },
        keep,
    )
    .await
}

/// A world that is left running keeps the deployer it was made with, whatever is built later.
fn own_copy(program: &Path, world: &Path) -> Result<PathBuf> {
    let copy = world.join("bin/deployer");
    std::fs::create_dir_all(world.join("bin"))
        .and_then(|()| std::fs::copy(program, &copy))
        .while_doing(|| format!("copying {} to {}", program.display(), copy.display()))?;
    Ok(copy)
}

/// Builds and installs what is not there yet; the first time takes minutes.
async fn set_up(narrator: &mut Narrator, root: &Path) -> Result<()> {
    let mut ignore = |_: &str| {};
    narrator.waiting("Python environment of the local AWS", tools::python(root, &mut ignore)).await?;
    narrator.waiting("Control plane (built once, then kept)", tools::control_plane(root, &mut ignore)).await?;
    Ok(())
}

/// Ends the world and removes all of it; of a failed run the logs are kept.
async fn clear(narrator: &mut Narrator, places: &Places, world: Supervised, failed: bool) -> Result<()> {
    let logs = places.root.join("target/demo-logs");
    let _ = std::fs::remove_dir_all(&logs);
    if failed && std::fs::rename(places.world.join("logs"), &logs).is_ok() {
        narrator.say(&format!("\nThe logs of this run are kept in {}.", logs.display()));
    }
    narrator.waiting("Ending the local world", world.stop()).await?;
    supervisor::remove(&places.demo).await
}

/// Returns on Ctrl-C, and on the other ways by which a terminal or a job ends a program.
async fn interrupted() {
    let listening = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
        .into_iter()
        .map(signal)
        .collect::<std::io::Result<Vec<_>>>()
        .while_doing(|| "listening for signals".to_owned());
    // Where signals cannot be listened to, they end the program, and its children with it.
    let Ok(mut signals) = listening else { return std::future::pending().await };
    std::future::poll_fn(|context| {
        let came = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if came { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
