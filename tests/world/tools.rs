//! The programs that the local world is made of and that have to be built or installed once: the control plane and the
//! Python environment of the emulators. The scripts that do it keep them in the per-user cache; this only runs them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::cluster_assets;
use crate::trouble::{Context, Result, Trouble};

/// How many lines of a script that failed are shown.
const SHOWN_LINES: usize = 12;

/// Called with each line that a script says on its standard error.
pub type Listener<'a> = &'a mut (dyn FnMut(&str) + Send);

/// Where a control plane comes from.
#[derive(Clone, Debug)]
pub enum ControlPlane {
    /// The program built from tests/control-plane.
    Built(PathBuf),
    /// A folder with etcd and kube-apiserver: no controllers.
    Assets(PathBuf),
    /// Somebody's own cluster on this machine, by its kubeconfig.
    Given(PathBuf),
}

/// Makes sure that there is a control plane: built with Go, or, without Go, the one that `KUBEBUILDER_ASSETS` or
/// `KUBECONFIG` names.
///
/// # Errors
/// Neither is possible, or the build fails: with what would help.
pub async fn control_plane(root: &Path, listener: Listener<'_>) -> Result<ControlPlane> {
    match cluster_assets::folder() {
        Some(folder) if !has_go() => return Ok(ControlPlane::Assets(folder)),
        _ => {}
    }
    // Never with Go: a kubeconfig that merely happens to be set must not have a demo played in it.
    if let Some(kubeconfig) = std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty() && !has_go()) {
        return Ok(ControlPlane::Given(PathBuf::from(kubeconfig)));
    }
    let script = root.join("tests/control-plane/build.sh");
    let mut command = Command::new(&script);
    command.arg(cache().join("tools"));
    run(command, "building the control plane", listener).await.map(ControlPlane::Built).map_err(|trouble| {
        trouble.hint(
            "The control plane is built with Go 1.26 or newer (go.dev/doc/install).\n\
             Without Go, set KUBEBUILDER_ASSETS to a folder that holds the programs etcd and kube-apiserver,\n\
             or KUBECONFIG to a cluster whose API server runs on this machine and may be played with.",
        )
    })
}

/// Makes sure that the emulators are installed; the path of their Python.
///
/// # Errors
/// Python is missing, or the installation fails.
pub async fn python(root: &Path, listener: Listener<'_>) -> Result<PathBuf> {
    let mut command = Command::new(root.join("tests/world/aws/install.sh"));
    command.arg("emulators");
    let environment = run(command, "installing the local AWS", listener).await?;
    Ok(environment.join("bin/python"))
}

fn has_go() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join("go").is_file())
}

fn cache() -> PathBuf {
    match std::env::var_os("ECR_WEBHOOK_CACHE") {
        Some(cache) if !cache.is_empty() => PathBuf::from(cache),
        _ => PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/ecr-compliance-webhook"),
    }
}

/// Runs a script that prints one path; everything it says on standard error goes to the listener.
async fn run(mut command: Command, doing: &str, listener: Listener<'_>) -> Result<PathBuf> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .while_doing(|| doing.to_owned())?;
    let errors = child.stderr.take().ok_or_else(|| Trouble::new(format!("{doing}: no standard error")))?;
    let mut lines = BufReader::new(errors).lines();
    let mut said = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        listener(&line);
        said.push(line);
    }
    let output = child.wait_with_output().await.while_doing(|| doing.to_owned())?;
    if !output.status.success() {
        let end = said[said.len().saturating_sub(SHOWN_LINES)..].join("\n    ");
        return Err(Trouble::new(format!("{doing} failed ({}):\n    {end}", output.status)));
    }
    let path = String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().trim().to_owned();
    Ok(PathBuf::from(path))
}
