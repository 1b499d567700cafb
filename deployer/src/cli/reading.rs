//! Options of the subcommands that only read: logs, metrics, status.

use std::time::Duration;

use clap::Args;

use super::value::{duration, window};

/// Options of `deployer logs`.
#[derive(Debug, Clone, Args)]
pub struct LogsArgs {
    /// Go on with new lines until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// How far to go back: a number and s, m, h or d
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    pub since: Duration,
    /// Only Pods that were refused
    #[arg(long)]
    pub denied: bool,
    /// Only decisions about this namespace
    #[arg(long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Only decisions for this cluster, by its name in the settings
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Only decisions about Pods that this controls, as the lines say it: ReplicaSet/web-5d9f, none
    #[arg(long, value_name = "KIND/NAME")]
    pub owner: Option<String>,
}

/// Options of `deployer metrics`.
#[derive(Debug, Clone, Args)]
pub struct MetricsArgs {
    /// How far to go back: a number and s, m, h or d
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = window)]
    pub since: Duration,
    /// Only this cluster, by its name in the settings [default: all, the function and the API]
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
}

/// Options of `deployer status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Look again every half minute until Ctrl-C
    #[arg(long, short)]
    pub watch: bool,
    /// Have CloudFormation compare the resources with the template, which takes a minute or two
    #[arg(long, conflicts_with = "watch")]
    pub drift: bool,
}
