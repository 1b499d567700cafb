//! Starts a control plane from the programs `etcd` and `kube-apiserver` of a folder (`KUBEBUILDER_ASSETS`), for machines
//! without Go. There are no controllers then: Pods are admitted or denied, but Deployments make none.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{KeyPair, PublicKeyData};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::aws::clean_environment;
use crate::cluster::{Ready, Way, lead};
use crate::kubernetes::{Kubernetes, until};
use crate::process::Process;
use crate::trouble::{Context, Result, Trouble};

/// A guard says that it has started its program at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// The folder to use, when there is one.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    std::env::var_os("KUBEBUILDER_ASSETS").filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Starts etcd and kube-apiserver; the processes in the order in which they have to be stopped.
///
/// # Errors
/// A program is missing, or does not come up.
pub async fn start(assets: &Path, dir: &Path, way: &Way<'_>) -> Result<(Vec<Process>, Ready)> {
    let state = dir.join("control-plane");
    std::fs::create_dir_all(&state).while_doing(|| format!("creating {}", state.display()))?;
    let (etcd_port, api_port) = (free_port()?, free_port()?);
    let server = format!("https://127.0.0.1:{api_port}");
    write_credentials(&state)?;

    let etcd = guarded("etcd", &assets.join("etcd"), &etcd_flags(&state, etcd_port), dir, way).await?;
    let flags = api_flags(&state, etcd_port, api_port);
    let api = guarded("kube-apiserver", &assets.join("kube-apiserver"), &flags, dir, way).await?;
    let certificate = state.join("certs/apiserver.crt");
    until("certificate of kube-apiserver", async || Ok(certificate.exists().then_some(()))).await?;
    let kubeconfig = dir.join("kubeconfig");
    write_kubeconfig(&kubeconfig, &server, &certificate)?;
    let version = until("answer of kube-apiserver", async || {
        let client = Kubernetes::connect_with(&kubeconfig).await?;
        Ok(client.version().await.ok())
    })
    .await?;
    Ok((vec![api, etcd], Ready { server, version }))
}

async fn guarded(name: &'static str, program: &Path, flags: &[String], dir: &Path, way: &Way<'_>) -> Result<Process> {
    if !program.is_file() {
        return Err(Trouble::new(format!("KUBEBUILDER_ASSETS has no program {}", program.display()))
            .hint("Set it to a folder that holds the programs etcd and kube-apiserver, or install Go."));
    }
    let own = std::env::current_exe().while_doing(|| "finding the running program".to_owned())?;
    let mut command = Command::new(own);
    command.args(["guard", "--server", "--"]).arg(program).args(flags);
    clean_environment(&mut command, dir);
    lead(&mut command, way);
    let (process, _) = Process::start::<Value>(name, command, &dir.join("logs"), PATIENCE).await?;
    Ok(process)
}

fn etcd_flags(state: &Path, port: u16) -> Vec<String> {
    let client = format!("http://127.0.0.1:{port}");
    vec![
        format!("--data-dir={}", state.join("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        "--listen-peer-urls=http://127.0.0.1:0".to_owned(),
        "--unsafe-no-fsync".to_owned(),
    ]
}

fn api_flags(state: &Path, etcd_port: u16, port: u16) -> Vec<String> {
    let file = |name: &str| state.join(name).display().to_string();
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd_port}"),
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--cert-dir={}", file("certs")),
        format!("--token-auth-file={}", file("tokens.csv")),
        "--authorization-mode=RBAC".to_owned(),
        "--service-account-issuer=https://local-world.invalid".to_owned(),
        format!("--service-account-key-file={}", file("accounts.pub")),
        format!("--service-account-signing-key-file={}", file("accounts.key")),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        "--disable-admission-plugins=ServiceAccount".to_owned(),
    ]
}

/// The administrator's token and the key of service accounts; both are of use on this machine alone.
fn write_credentials(state: &Path) -> Result<()> {
    let key = KeyPair::generate().while_doing(|| "making the key of service accounts".to_owned())?;
    let public = pem::encode(&pem::Pem::new("PUBLIC KEY", key.subject_public_key_info()));
    for (name, text) in [
        ("tokens.csv", format!("{TOKEN},local-world,local-world,system:masters\n")),
        ("accounts.key", key.serialize_pem()),
        ("accounts.pub", public),
    ] {
        let path = state.join(name);
        std::fs::write(&path, text).while_doing(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// The API server listens on 127.0.0.1 only, and lives for minutes.
const TOKEN: &str = "local-world";

fn write_kubeconfig(path: &Path, server: &str, certificate: &Path) -> Result<()> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "local-world",
        "clusters": [{ "name": "local-world", "cluster": { "server": server, "certificate-authority": certificate } }],
        "users": [{ "name": "local-world", "user": { "token": TOKEN } }],
        "contexts": [{ "name": "local-world", "context": { "cluster": "local-world", "user": "local-world" } }],
    });
    // JSON is YAML.
    crate::env::write_private(path, &config.to_string())
}

/// Free now, though somebody else may take it before it is used: etcd and kube-apiserver must be told a number.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).while_doing(|| "finding a free port".to_owned())?;
    Ok(listener.local_addr().while_doing(|| "finding a free port".to_owned())?.port())
}
