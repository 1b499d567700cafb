//! The local world: stand-ins for AWS (local processes) and a real Kubernetes control plane, joined the way production
//! is, so that end-to-end tests and `make demo` run the same programs against the same thing.
//!
//! ```text
//! deployer ──HTTP──▶ local AWS (CloudFormation, API Gateway, Lambda, …; ECR)          addresses, env
//!    │                   ▲
//!    └─HTTPS_PROXY─┐     │ plain HTTP
//!                  ▼     │
//!               tunnel ─▶ front (TLS, *.execute-api.<region>.amazonaws.com)
//!                  ▲
//! kube-apiserver ──┘ HTTPS_PROXY, SSL_CERT_FILE: the cluster gets the manifest that a production cluster would get
//! ```
//!
//! A `world` process (`supervisor`) holds all of it; `demo` and the tests start that process and play the [`story`].
//! Nothing here may reach a real AWS account or a cluster that it did not start.

pub mod addresses;
pub mod aws;
pub mod cluster;
pub mod cluster_assets;
pub mod counts;
pub mod deploy;
pub mod env;
pub mod faults;
pub mod faulty_ecr;
pub mod front;
pub mod guard;
pub mod kubernetes;
pub mod log;
pub mod logs;
pub mod pods;
pub mod process;
pub mod root;
pub mod seed;
pub mod story;
pub mod supervisor;
pub mod terminal;
pub mod tls;
pub mod tools;
pub mod trouble;
pub mod tunnel;
pub mod world;
