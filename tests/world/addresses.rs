//! Where the parts of a running world are: what the supervisor prints when it is ready and leaves in `world.json`.
//! Holds no secret: the credentials that go with it are fakes made from the account (see `env`).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::trouble::{Context, Result};

/// The AWS account of the local world.
pub const ACCOUNT: &str = "111122223333";
/// The AWS region of the local world.
pub const REGION: &str = "eu-west-1";

/// The name that an owner may give the endpoint.
pub const NAME: &str = "webhook.example.com";

/// The addresses of a running world.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Addresses {
    /// Always true: the line means that everything answers.
    pub ready: bool,
    /// The world's directory, absolute.
    pub dir: PathBuf,
    /// The supervisor's process id.
    pub pid: u32,
    /// The AWS account, 12 digits.
    pub account: String,
    /// The AWS region.
    pub region: String,
    /// Everything but ECR, `http://127.0.0.1:port`.
    pub aws_endpoint: String,
    /// ECR, `http://127.0.0.1:port`.
    pub ecr_endpoint: String,
    /// The CONNECT tunnel, `http://127.0.0.1:port`.
    pub proxy: String,
    /// The TLS front, `127.0.0.1:port`.
    pub front: String,
    /// System roots and the local authority, PEM.
    pub ca_bundle: PathBuf,
    /// The API server, `https://127.0.0.1:port`.
    pub server: String,
    /// Administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// Version of the API server, as `v1.37.2`.
    pub version: String,
    /// Whether Deployments make Pods; false with bare `KUBEBUILDER_ASSETS` binaries.
    pub controllers: bool,
    /// Of somebody's own cluster, which the tunnel does not lead: what it has to call instead of the stack's endpoint.
    pub given_endpoint: Option<GivenEndpoint>,
    /// A folder with a `kubectl`, for users who have none.
    pub kubectl_dir: Option<PathBuf>,
}

/// How a cluster reaches the front without the tunnel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GivenEndpoint {
    /// `https://127.0.0.1:port` of the front.
    pub url: String,
    /// The local authority alone, PEM.
    pub ca_bundle: PathBuf,
}

/// Of the world in this directory.
pub(crate) fn dns(dir: &Path) -> PathBuf {
    dir.join("dns-points-to-api-gateway")
}

impl Addresses {
    /// Reads what the supervisor of `dir` left.
    ///
    /// # Errors
    /// No file, or not one of ours.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("world.json");
        let text = std::fs::read_to_string(&path).while_doing(|| format!("reading {}", path.display()))?;
        serde_json::from_str(&text).while_doing(|| format!("understanding {}", path.display()))
    }

    /// Leaves them in `world.json`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self) -> Result<()> {
        let path = self.dir.join("world.json");
        let text = serde_json::to_string(self).while_doing(|| "writing the addresses as JSON".to_owned())?;
        std::fs::write(&path, text).while_doing(|| format!("writing {}", path.display()))
    }

    /// The owner's DNS: while this file is there, [`NAME`] points to API Gateway.
    #[must_use]
    pub fn dns(&self) -> PathBuf {
        dns(&self.dir)
    }

    /// The ports that are open while the world runs, as `127.0.0.1:port`.
    #[must_use]
    pub fn ports(&self) -> Vec<String> {
        let ours = [&self.aws_endpoint, &self.ecr_endpoint, &self.proxy];
        let server = self.given_endpoint.is_none().then_some(&self.server);
        let mut ports: Vec<String> = ours
            .into_iter()
            .chain(server)
            .filter_map(|url| url.split_once("://"))
            .map(|(_, authority)| authority.to_owned())
            .collect();
        ports.push(self.front.clone());
        ports
    }
}
