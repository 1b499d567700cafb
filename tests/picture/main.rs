//! `picture FILE`: the stack's own dashboard as an SVG, drawn from what a local world counted while Pods were admitted,
//! refused and, with ECR cut off, could not be checked. Nothing in it is made up; only the steps are shorter than the
//! dashboard's, for a demo lasts minutes and not hours.

mod board;
mod svg;
mod traffic;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use local_world::deploy::{Deployer, Function};
use local_world::kubernetes::Kubernetes;
use local_world::pods::NAMESPACE;
use local_world::root;
use local_world::supervisor::{self, Supervised};
use local_world::trouble::{Context, Result, Trouble};

#[tokio::main]
async fn main() -> ExitCode {
    let file = std::env::args().nth(1).map(PathBuf::from).ok_or_else(|| Trouble::new("usage: picture FILE"));
    let drawn = match file {
        Ok(file) => draw(&file).await,
        Err(trouble) => Err(trouble),
    };
    let Err(trouble) = drawn else { return ExitCode::SUCCESS };
    // There is nobody to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {trouble}");
    ExitCode::FAILURE
}

async fn draw(file: &Path) -> Result<()> {
    let dir = root::checkout()?.join("target/picture");
    // What a run left that was killed.
    supervisor::remove(&dir).await?;
    let mut world = Supervised::spawn(&root::program("WORLD", "world")?, &dir.join("world"))?;
    let drawn = draw_in(&mut world, file).await;
    world.stop().await?;
    supervisor::remove(&dir).await?;
    drawn
}

async fn draw_in(world: &mut Supervised, file: &Path) -> Result<()> {
    let addresses = world.ready().await?;
    let cluster = Kubernetes::connect(&addresses).await?;
    let function = Function::Artifact(root::program("FUNCTION", "bootstrap")?);
    let (program, guard) = (root::program("DEPLOYER", "deployer")?, root::program("WORLD", "world")?);
    let deployer = Deployer::new(program, guard, function, &addresses)?;
    cluster.namespace(NAMESPACE).await?;
    deployer.deploy(false).await?.well("deploy")?;
    let span = traffic::play(&addresses, &cluster).await?;
    let board = board::read(&addresses, span).await?;
    std::fs::write(file, svg::draw(&board)).while_doing(|| format!("writing {}", file.display()))
}
