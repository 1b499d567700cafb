//! A control plane of a test's own, beside the one of its world, behind the same tunnel.

use std::path::{Path, PathBuf};

use local_world::addresses::Addresses;
use local_world::cluster::{self, Way};
use local_world::kubernetes::Kubernetes;
use local_world::pods::NAMESPACE;
use local_world::process::Process;
use local_world::trouble::{Context, Result};

/// The context of the world's own cluster.
pub(crate) const FIRST: &str = "local-world";

/// It runs until its process is stopped.
pub(crate) struct Second {
    pub(crate) process: Process,
    pub(crate) cluster: Kubernetes,
    /// In which cluster, user and context have its name.
    pub(crate) kubeconfig: PathBuf,
}

impl Second {
    /// Starts it, or starts it again: by its name, its state is found. `admission` is the file by which its API server
    /// sends webhooks a token.
    pub(crate) async fn start(
        program: &Path,
        world: &Addresses,
        name: &str,
        proxy: &str,
        admission: Option<&Path>,
    ) -> Result<Self> {
        let dir = world.dir.join(name);
        for folder in ["logs", "tmp"] {
            let folder = dir.join(folder);
            std::fs::create_dir_all(&folder).while_doing(|| format!("creating {}", folder.display()))?;
        }
        let way = Way { proxy, ca_bundle: &world.ca_bundle };
        let (process, _) = cluster::start(program, &dir, &way, admission).await?;
        let own = dir.join("kubeconfig");
        let cluster = Kubernetes::connect_with(&own).await?;
        cluster.namespace(NAMESPACE).await?;
        let kubeconfig = renamed(&own, &dir.join("kubeconfig-renamed"), name)?;
        Ok(Self { process, cluster, kubeconfig })
    }
}

/// A copy in which cluster, user and context have another name.
pub(crate) fn renamed(from: &Path, to: &Path, name: &str) -> Result<PathBuf> {
    let text = std::fs::read_to_string(from).while_doing(|| format!("reading {}", from.display()))?;
    std::fs::write(to, text.replace(FIRST, name)).while_doing(|| format!("writing {}", to.display()))?;
    Ok(to.to_owned())
}
