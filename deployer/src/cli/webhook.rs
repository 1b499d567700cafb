//! The grammar of `deployer webhook …`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use super::value::{absolute, pause_span, reason};

/// `deployer webhook …`.
#[derive(Debug, Clone, Args)]
pub struct WebhookArgs {
    /// What to do with the webhook configuration.
    #[command(subcommand)]
    pub command: WebhookCommand,
}

/// The subcommands of `deployer webhook`.
#[derive(Debug, Clone, Subcommand)]
pub enum WebhookCommand {
    /// Print the webhook configuration as YAML; it holds the caller's secret
    #[command(after_help = "Example:\n  deployer webhook render --out webhook.yaml\n\n\
        The caller's secret is read from the webhook in the cluster, or from DEPLOYER_CALLER_SECRET.")]
    Render(RenderArgs),
    /// Compare the webhook configuration in the cluster, and a committed file, with what they should be
    #[command(after_help = "Example:\n  deployer webhook check webhook.yaml\n\n\
        Exit code 5 when something differs. The caller's secret is that of the file, else of the cluster, unless\n\
        DEPLOYER_CALLER_SECRET gives it.")]
    Check(CheckArgs),
    /// Admit new Pods unjudged for a while, in an emergency; it ends by itself
    #[command(after_help = "Example:\n  deployer webhook pause --for 30m --reason \"ECR is down, INC-1234\"\n\n\
        The API server itself ends the pause, at its second. Changes to Pods that exist stay judged.\n\
        Only the cluster is asked: it works when AWS does not.")]
    Pause(PauseArgs),
    /// End a pause early
    #[command(after_help = "Example:\n  deployer webhook resume")]
    Resume(ResumeArgs),
    /// Refuse Pods when the webhook cannot be reached (failurePolicy Fail), after a fresh proof
    #[command(after_help = "Example:\n  deployer webhook promote --context staging")]
    Promote,
    /// Admit Pods when the webhook cannot be reached (failurePolicy Ignore), at once
    #[command(after_help = "Example:\n  deployer webhook demote --context staging")]
    Demote,
}

/// Options of `deployer webhook render`.
#[derive(Debug, Clone, Default, Args)]
pub struct RenderArgs {
    /// Write to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write instead into this folder what an API server needs to send the secret as a token; see docs/callers.md
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    pub admission_configuration: Option<PathBuf>,
    /// Absolute path of the folder in which both files will lie on each API server
    #[arg(long, value_name = "DIR", requires = "admission_configuration", value_parser = absolute, default_value = "/etc/kubernetes/admission")]
    pub admission_path: String,
}

/// Options of `deployer webhook check`.
#[derive(Debug, Clone, Default, Args)]
pub struct CheckArgs {
    /// A committed manifest: compared with what it should be, and the cluster with it
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Do not look at the cluster: the file is compared with the settings and the stack alone
    #[arg(long, requires = "file")]
    pub no_cluster: bool,
}

/// Options of `deployer webhook pause`.
#[derive(Debug, Clone, Args)]
pub struct PauseArgs {
    /// How long: a number and s, m or h; up to 24h
    #[arg(long = "for", value_name = "DURATION", value_parser = pause_span)]
    pub span: Duration,
    /// Why, for whoever finds it; kept in the cluster
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
    /// Also where Argo CD or Flux keeps the object, and may undo it
    #[arg(long)]
    pub force: bool,
}

/// Options of `deployer webhook resume`.
#[derive(Debug, Clone, Default, Args)]
pub struct ResumeArgs {
    /// Also where Argo CD or Flux keeps the object, and may undo it
    #[arg(long)]
    pub force: bool,
}
