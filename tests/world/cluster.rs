//! Starts a Kubernetes control plane: the one built from tests/control-plane (etcd, kube-apiserver, Deployment and
//! `ReplicaSet` controllers). Its webhook client is led through the tunnel by the environment alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::aws::clean_environment;
use crate::kubernetes::Kubernetes;
use crate::process::Process;
use crate::trouble::{Context, Result};

/// Three seconds on an idle machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// How an API server is led to the front.
#[derive(Clone, Debug)]
pub struct Way<'a> {
    /// `http://127.0.0.1:port` of the tunnel.
    pub proxy: &'a str,
    /// The bundle that holds the local authority.
    pub ca_bundle: &'a Path,
}

/// A control plane that answers.
#[derive(Debug, Deserialize)]
pub struct Ready {
    /// `https://127.0.0.1:port`.
    pub server: String,
    /// As `v1.37.2`.
    pub version: String,
}

/// Starts the built control plane; its state goes to `dir/control-plane`, the kubeconfig to `dir/kubeconfig`. State that is
/// there is taken up, as by an API server that was restarted. `admission` is its `--admission-control-config-file`, by
/// which it sends webhooks a token.
///
/// # Errors
/// It does not come up: with the end of its log.
pub async fn start(program: &Path, dir: &Path, way: &Way<'_>, admission: Option<&Path>) -> Result<(Process, Ready)> {
    let mut command = Command::new(program);
    command.arg("serve").arg("--dir").arg(dir.join("control-plane"));
    command.arg("--kubeconfig").arg(dir.join("kubeconfig"));
    command.arg("--log").arg(dir.join("logs/kubernetes.log"));
    if let Some(file) = admission {
        command.arg("--admission-control-config-file").arg(file);
    }
    clean_environment(&mut command, dir);
    lead(&mut command, way);
    Process::start("control-plane", command, &dir.join("logs"), PATIENCE).await
}

/// Looks at somebody's own cluster: nothing is started, and nothing will be stopped.
///
/// # Errors
/// It does not answer.
pub async fn given(kubeconfig: &Path) -> Result<Ready> {
    let version = Kubernetes::connect_with(kubeconfig).await?.version().await.map_err(|trouble| {
        trouble.hint("KUBECONFIG names a cluster that does not answer. Start it, or install Go to have one made.")
    })?;
    Ok(Ready { server: format!("the cluster of {}", kubeconfig.display()), version })
}

/// Sets what the API server's webhook client honours. `localhost` must not be in `NO_PROXY`.
pub(crate) fn lead(command: &mut Command, way: &Way<'_>) {
    command.env("HTTPS_PROXY", way.proxy);
    command.env("NO_PROXY", "127.0.0.1");
    command.env("SSL_CERT_FILE", way.ca_bundle);
}

/// Puts a `kubectl` (the control plane's binary under that name) into `dir/bin`.
///
/// # Errors
/// The link cannot be made.
pub fn kubectl(program: &Path, dir: &Path) -> Result<PathBuf> {
    let bin = dir.join("bin");
    let link = bin.join("kubectl");
    std::fs::create_dir_all(&bin).while_doing(|| format!("creating {}", bin.display()))?;
    std::os::unix::fs::symlink(program, &link).while_doing(|| format!("creating {}", link.display()))?;
    Ok(bin)
}
