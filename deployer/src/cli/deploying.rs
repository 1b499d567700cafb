//! Options of the subcommands about the stack: synthesise, plan, deploy, go back, destroy.

use std::path::PathBuf;

use clap::Args;

use crate::{
    commands,
    stack::recover::{Choice, Consent},
    synth,
};

/// Options of `deployer synth`.
#[derive(Debug, Clone, Default, Args)]
pub struct SynthArgs {
    /// Write stack.yaml and bootstrap.yaml into this folder instead of printing the stack; with --format sam what
    /// `sam package` takes: template.yaml, README.md, LICENSE and, with --artifact, function.zip
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// A built `bootstrap` binary: its hash and architecture go into the template instead of placeholders
    #[arg(long, value_name = "FILE")]
    pub artifact: Option<PathBuf>,
    /// As it is deployed (cloudformation), or as an application to publish in the Serverless Application Repository (sam)
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "cloudformation", hide_possible_values = true)]
    pub format: synth::Format,
    /// Print the function's policy.json instead of the stack
    #[arg(long, conflicts_with_all = ["out", "artifact", "check", "format"])]
    pub policy: bool,
    /// Check the templates instead of printing them: references, duplicate keys, capabilities; with cfn-lint if it is found
    #[arg(long, conflicts_with = "out")]
    pub check: bool,
    /// Where templates of your own are.
    #[command(flatten)]
    pub templates: TemplatesArgs,
}

/// Options of `deployer completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: commands::completions::Shell,
}

/// Templates of the owner's.
#[derive(Debug, Clone, Default, Args)]
pub struct TemplatesArgs {
    /// Folder with templates that take the place of ours of the same name, such as resources/api.yaml.tera
    #[arg(long = "templates", value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Where the function comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct FunctionArgs {
    /// Deploy this built `bootstrap` binary instead of building one
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    pub artifact: Option<PathBuf>,
    /// Folder of the workspace that holds the function's source [default: the current folder]
    #[arg(long, value_name = "DIR")]
    pub source: Option<PathBuf>,
}

/// Options of `deployer plan`.
#[derive(Debug, Clone, Default, Args)]
pub struct PlanArgs {
    /// Where the function comes from.
    #[command(flatten)]
    pub function: FunctionArgs,
    /// Where templates of your own are.
    #[command(flatten)]
    pub templates: TemplatesArgs,
    /// Write the plan to this file, and the function's zip beside it, for `deployer deploy --plan`
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// End with exit code 5 when there are changes, with 0 when there are none
    #[arg(long)]
    pub exit_code: bool,
}

/// Options of `deployer deploy`.
#[derive(Debug, Clone, Default, Args)]
pub struct DeployArgs {
    /// Where the function comes from.
    #[command(flatten)]
    pub function: FunctionArgs,
    /// Where templates of your own are.
    #[command(flatten)]
    pub templates: TemplatesArgs,
    /// Carry out this saved plan, without asking; it is refused when anything has changed since
    #[arg(long, value_name = "FILE", conflicts_with_all = ["artifact", "source", "recover", "retain", "skip"])]
    pub plan: Option<PathBuf>,
    /// What to do with a stack that is stuck.
    #[command(flatten)]
    pub recovery: RecoveryArgs,
}

/// What to do with a stack that is stuck. `--yes` never answers what may destroy resources.
#[derive(Debug, Clone, Default, Args)]
pub struct RecoveryArgs {
    /// What to do with a stack that stopped half-way, instead of being asked: retry, rollback, delete or continue
    #[arg(long, value_enum, value_name = "WHAT", hide_possible_values = true)]
    pub recover: Option<Choice>,
    /// Where deleting it failed: leave these resources in the account
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub retain: Vec<String>,
    /// Where undoing an update failed: leave these resources as they are
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub skip: Vec<String>,
}

impl RecoveryArgs {
    /// What the person has agreed to.
    #[must_use]
    pub fn consent(&self, command: &'static str, yes: bool) -> Consent {
        Consent::new(command, yes).agreeing_to(self.recover, &self.retain, &self.skip)
    }
}

/// Options of `deployer iam-policy`.
#[derive(Debug, Clone, Default, Args)]
pub struct IamPolicyArgs {
    /// AWS account that it is for [default: any]
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// Partition that it is for, such as aws or aws-cn [default: any]
    #[arg(long, value_name = "NAME")]
    pub partition: Option<String>,
}

/// Options of `deployer rollback`.
#[derive(Debug, Clone, Default, Args)]
pub struct RollbackArgs {
    /// Give a stack that is well the function back that was deployed before; its settings stay
    #[arg(long, conflicts_with = "skip")]
    pub code: bool,
    /// Where undoing an update failed: leave these resources as they are
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub skip: Vec<String>,
}

/// Options of `deployer rotate`.
#[derive(Debug, Clone, Default, Args)]
pub struct RotateArgs {
    /// Where the cluster sends a token: forget every other than that of `DEPLOYER_CALLER_SECRET`, now that all of its API servers send it
    #[arg(long)]
    pub finish: bool,
}

/// Options of `deployer destroy`.
#[derive(Debug, Clone, Default, Args)]
pub struct DestroyArgs {
    /// Where deleting the stack failed: leave these resources in the account
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub retain: Vec<String>,
}
