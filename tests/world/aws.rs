//! Starts the local AWS: one Python process that is `CloudFormation`, API Gateway, Lambda and the rest on one port, and
//! ECR on another. It gets an environment of its own, so no credentials and no proxy of the user's reach it.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::addresses::{ACCOUNT, REGION};
use crate::process::Process;
use crate::trouble::Result;

/// Half a second on an idle machine; a machine that compiles at the same time is another matter.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where the local AWS answers.
#[derive(Debug, Deserialize)]
pub struct Ready {
    /// Everything but ECR.
    pub endpoint: String,
    /// ECR.
    pub ecr_endpoint: String,
}

/// Starts it; its state goes to `dir/aws`.
///
/// # Errors
/// It does not come up: with the end of its log.
pub async fn start(python: &Path, root: &Path, dir: &Path) -> Result<(Process, Ready)> {
    let mut command = Command::new(python);
    command.arg("-B").arg(root.join("tests/world/aws/local_aws.py"));
    command.arg("--dir").arg(dir.join("aws"));
    command.arg("--log").arg(dir.join("logs/aws-services.log"));
    command.args(["--account", ACCOUNT, "--region", REGION]);
    clean_environment(&mut command, dir);
    Process::start("aws", command, &dir.join("logs"), PATIENCE).await
}

/// Leaves a child nothing of the user's environment but what finds programs; temporary files go into the world.
pub(crate) fn clean_environment(command: &mut Command, dir: &Path) {
    command.env_clear();
    for name in ["PATH", "HOME", "LANG"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("TMPDIR", dir.join("tmp"));
}
