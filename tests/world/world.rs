//! A world from start to stop: the order in which its parts come up and go away. Runs inside the supervisor, which is
//! the parent of every process of the world.

use std::path::{Path, PathBuf};
use std::task::Poll;

use tokio::task::JoinHandle;

use crate::addresses::{ACCOUNT, Addresses, GivenEndpoint, NAME, REGION, dns};
use crate::log::Log;
use crate::process::Process;
use crate::tools::ControlPlane;
use crate::trouble::{Context, Result, Trouble};
use crate::{aws, cluster, cluster_assets, front, seed, tls, tools, tunnel};

/// A running world.
#[derive(Debug)]
pub struct World {
    /// Where its parts are.
    pub addresses: Addresses,
    aws: Process,
    /// In the order in which they are stopped.
    cluster: Vec<Process>,
    tasks: Vec<JoinHandle<()>>,
}

/// What is to be started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The checkout.
    pub root: PathBuf,
    /// Everything the world writes goes here; it exists and is empty.
    pub dir: PathBuf,
}

impl World {
    /// Starts everything, in the order in which one part needs another.
    ///
    /// # Errors
    /// The first part that does not come up; those before it end with this process.
    pub async fn start(options: &Options) -> Result<Self> {
        let dir = &options.dir;
        for folder in ["logs", "tmp"] {
            let folder = dir.join(folder);
            std::fs::create_dir_all(&folder).while_doing(|| format!("creating {}", folder.display()))?;
        }
        let log = Log::create(&dir.join("logs/world.log"))?;
        let mut listener = |line: &str| log.line(line);
        let source = tools::control_plane(&options.root, &mut listener).await?;
        let python = tools::python(&options.root, &mut listener).await?;

        let (aws, aws_ready) = aws::start(&python, &options.root, dir).await?;
        let (ca_bundle, front, front_task) = start_front(dir, &aws_ready.endpoint, &log).await?;
        let (tunnel, tunnel_task) = tunnel::start(REGION, front, dns(dir), log.clone()).await?;
        let proxy = format!("http://{tunnel}");
        let way = cluster::Way { proxy: &proxy, ca_bundle: &ca_bundle };
        let (seeded, cluster) = tokio::join!(seed_ecr(&aws_ready.ecr_endpoint), start_cluster(&source, dir, &way));
        seeded?;
        let (cluster, cluster_ready) = cluster?;

        let addresses = Addresses {
            ready: true,
            dir: dir.clone(),
            pid: std::process::id(),
            account: ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            aws_endpoint: aws_ready.endpoint,
            ecr_endpoint: aws_ready.ecr_endpoint,
            proxy,
            front: front.to_string(),
            ca_bundle,
            server: cluster_ready.server,
            kubeconfig: match &source {
                ControlPlane::Given(kubeconfig) => kubeconfig.clone(),
                ControlPlane::Built(_) | ControlPlane::Assets(_) => dir.join("kubeconfig"),
            },
            version: cluster_ready.version,
            controllers: !matches!(source, ControlPlane::Assets(_)),
            given_endpoint: matches!(source, ControlPlane::Given(_)).then(|| given_endpoint(dir, front)),
            kubectl_dir: match &source {
                ControlPlane::Built(program) => Some(cluster::kubectl(program, dir)?),
                ControlPlane::Assets(_) | ControlPlane::Given(_) => None,
            },
        };
        addresses.write()?;
        Ok(Self { addresses, aws, cluster, tasks: vec![front_task, tunnel_task] })
    }

    /// Waits for a part to end by itself, which none should; the answer is the error to tell.
    pub async fn broken(&mut self) -> Trouble {
        tokio::select! {
            trouble = self.aws.ended() => trouble,
            trouble = first_ended(&mut self.cluster) => trouble,
        }
    }

    /// Stops everything: the cluster first, because it calls the rest.
    pub async fn stop(self) {
        for process in self.cluster {
            process.stop().await;
        }
        for task in self.tasks {
            task.abort();
            // An aborted task ends in an error by design; once it is awaited its port is closed.
            let _ = task.await;
        }
        self.aws.stop().await;
    }
}

async fn start_cluster(
    source: &ControlPlane,
    dir: &Path,
    way: &cluster::Way<'_>,
) -> Result<(Vec<Process>, cluster::Ready)> {
    match source {
        ControlPlane::Built(program) => {
            let (process, ready) = cluster::start(program, dir, way, None).await?;
            Ok((vec![process], ready))
        }
        ControlPlane::Assets(folder) => cluster_assets::start(folder, dir, way).await,
        ControlPlane::Given(kubeconfig) => Ok((Vec::new(), cluster::given(kubeconfig).await?)),
    }
}

async fn first_ended(processes: &mut [Process]) -> Trouble {
    let mut waiting: Vec<_> = processes.iter_mut().map(|process| Box::pin(process.ended())).collect();
    std::future::poll_fn(|context| {
        let ended = waiting.iter_mut().find_map(|one| match one.as_mut().poll(context) {
            Poll::Ready(trouble) => Some(trouble),
            Poll::Pending => None,
        });
        ended.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

async fn start_front(dir: &Path, endpoint: &str, log: &Log) -> Result<(PathBuf, std::net::SocketAddr, JoinHandle<()>)> {
    let upstream = front::Upstream::new(endpoint, REGION)?;
    let identity = tls::identity(&[format!("*.{}", upstream.domain), NAME.to_owned(), "127.0.0.1".to_owned()])?;
    let authority = dir.join(AUTHORITY);
    std::fs::write(&authority, &identity.authority_pem).while_doing(|| format!("writing {}", authority.display()))?;
    let ca_bundle = dir.join("ca-bundle.pem");
    tls::write_bundle(&ca_bundle, &identity.authority_pem)?;
    let (front, task) = front::start(identity.server, upstream, log.clone()).await?;
    Ok((ca_bundle, front, task))
}

/// The local authority's certificate, in the world's directory.
const AUTHORITY: &str = "authority.pem";

fn given_endpoint(dir: &Path, front: std::net::SocketAddr) -> GivenEndpoint {
    GivenEndpoint { url: format!("https://{front}"), ca_bundle: dir.join(AUTHORITY) }
}

async fn seed_ecr(endpoint: &str) -> Result<()> {
    seed::seed(&seed::client(endpoint)).await
}
