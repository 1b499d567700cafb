//! The command line: its grammar, its help, and which file of `commands/` a subcommand means. No command's work happens here.

mod deploying;
mod reading;
mod value;
mod webhook;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

pub use self::{
    deploying::{
        CompletionsArgs, DeployArgs, DestroyArgs, FunctionArgs, IamPolicyArgs, PlanArgs, RecoveryArgs, RollbackArgs,
        RotateArgs, SynthArgs, TemplatesArgs,
    },
    reading::{LogsArgs, MetricsArgs, StatusArgs},
    webhook::{CheckArgs, PauseArgs, RenderArgs, ResumeArgs, WebhookArgs, WebhookCommand},
};
use crate::{
    commands,
    console::{Console, Output},
    error::{ExitCode, Failure},
    settings::Settings,
    synth,
};

/// Deploy a Kubernetes admission webhook that admits only Pods with compliant ECR images.
#[derive(Debug, Parser)]
#[command(name = "deployer", version, max_term_width = 100, propagate_version = true, arg_required_else_help = true)]
pub struct Cli {
    /// What every subcommand understands.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every subcommand. An option beats its environment variable, which beats `deployer.toml`.
#[derive(Debug, Clone, Default, Args)]
pub struct GlobalArgs {
    /// Settings file [default: ./deployer.toml if it exists]
    #[arg(long, global = true, value_name = "FILE", env = "DEPLOYER_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,
    /// Name of the stack [default: ecr-compliance-webhook]
    #[arg(long, global = true, value_name = "NAME", env = "DEPLOYER_STACK_NAME", hide_env_values = true)]
    pub stack_name: Option<String>,
    /// AWS region to deploy to [default: as the AWS SDK finds it]
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// AWS profile to use [default: as the AWS SDK finds it]
    #[arg(long, global = true, value_name = "PROFILE")]
    pub profile: Option<String>,
    /// Context of the kubeconfig to register the webhook in [default: the current one, or each that the settings list]
    #[arg(long, global = true, value_name = "CONTEXT")]
    pub context: Option<String>,
    /// Confirm the cluster by the name of its context; one that looks like production needs this, or the name typed
    #[arg(long, global = true, value_name = "CONTEXT")]
    pub confirm_context: Vec<String>,
    /// Answer every question with yes
    #[arg(long, short, global = true)]
    pub yes: bool,
    /// Answer for people (text) or for programs (json: one object a line, on stdout)
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub output: Output,
}

/// The subcommands; each has a file in `commands/`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the stack's template, without any connection
    #[command(after_help = "Example:\n  deployer synth --out target/synth && cfn-lint target/synth/*.yaml")]
    Synth(SynthArgs),
    /// Show what a deploy would do to the stacks and the webhook, and do nothing
    #[command(after_help = "Example:\n  deployer plan --save plan.json && deployer deploy --plan plan.json\n\n\
        The file holds no secret. It is carried out as it is, or refused when the world has moved since.")]
    Plan(PlanArgs),
    /// Build the function, deploy the stack, probe it and register the webhook
    #[command(after_help = "Example:\n  deployer deploy --region eu-west-1 --context staging")]
    Deploy(DeployArgs),
    /// Take back the update of the stack that runs
    #[command(after_help = "Example:\n  deployer cancel --region eu-west-1")]
    Cancel,
    /// Bring a stack that stopped half-way back to its last good state, or the code that was deployed before
    #[command(after_help = "Example:\n  deployer rollback --code")]
    Rollback(RollbackArgs),
    /// Remove the webhook from the cluster, then the stack from AWS
    #[command(after_help = "Example:\n  deployer destroy --region eu-west-1 --context staging")]
    Destroy(DestroyArgs),
    /// Print the least that whoever deploys must be permitted, as an IAM policy
    #[command(
        after_help = "Example:\n  deployer iam-policy --account 111122223333 --region eu-west-1 > policy.json\n\n\
        deployer doctor tells whether it is all there. For that it needs iam:SimulatePrincipalPolicy (and iam:GetRole) on\n\
        whoever deploys, lambda:GetAccountSettings and lambda:GetFunctionConcurrency besides; a deploy does without them."
    )]
    IamPolicy(IamPolicyArgs),
    /// Look for what would stop a deploy or a cluster, each with its fix
    #[command(after_help = "Example:\n  deployer doctor --context staging\n\nExit code 5 when there is a problem.")]
    Doctor,
    /// Give the cluster a new secret to call with, without a gap
    #[command(after_help = "Example:\n  deployer rotate --region eu-west-1 --context staging")]
    Rotate(RotateArgs),
    /// Work with the webhook configuration of the cluster
    Webhook(WebhookArgs),
    /// Print what the function decided and logged, a line each; with --output json as it wrote it
    #[command(after_help = "Example:\n  deployer logs --denied --since 1h\n\n\
        With --output json each line is {\"schema\":…,\"kind\":\"log\",\"line\":…}, also those that are not for people:\n  \
        deployer logs --follow --output json | jq -c '.line | select(.allowed == false)'")]
    Logs(LogsArgs),
    /// Print what CloudWatch counted: verdicts, latencies, what ECR was asked
    #[command(after_help = "Example:\n  deployer metrics --since 1d --cluster staging")]
    Metrics(MetricsArgs),
    /// Show on one screen whether it works: stack, drift, webhook, decisions, alarms, exemptions
    #[command(after_help = "Example:\n  deployer status --watch\n\n\
        Exit code: 0 all is well, 1 something could not be told, 5 something needs attention.")]
    Status(StatusArgs),
    /// Print what completes the deployer's commands in a shell
    #[command(
        after_help = "Example:\n  deployer completions bash > ~/.local/share/bash-completion/completions/deployer\n  \
        deployer completions zsh > ~/.zfunc/_deployer\n  \
        deployer completions fish > ~/.config/fish/completions/deployer.fish"
    )]
    Completions(CompletionsArgs),
}

impl Command {
    /// Whether it works on one cluster, which has to be chosen where there are several.
    const fn is_about_one_cluster(&self) -> bool {
        matches!(self, Self::Doctor | Self::Rotate(_) | Self::Webhook(_))
    }

    /// `--templates`, of the commands that have it.
    fn templates(&self) -> Option<&Path> {
        match self {
            Self::Synth(args) => args.templates.dir.as_deref(),
            Self::Plan(args) => args.templates.dir.as_deref(),
            Self::Deploy(args) => args.templates.dir.as_deref(),
            _ => None,
        }
    }
}

/// Reads the settings and runs the subcommand.
///
/// # Errors
/// Whatever the subcommand fails with; `Usage` when the settings are wrong.
pub async fn run(cli: Cli, console: &mut Console) -> Result<ExitCode, Failure> {
    // It is asked for when a shell starts: wrong settings are no matter of it.
    if let Command::Completions(args) = &cli.command {
        return commands::completions::run(args.shell, console).map(|()| ExitCode::Ok);
    }
    let mut settings = Settings::load(&cli.global)?;
    if let Some(dir) = cli.command.templates() {
        settings.templates = synth::read_overrides(dir)?;
    }
    if cli.command.is_about_one_cluster() {
        settings.one_cluster()?;
    }
    let done = match &cli.command {
        Command::Synth(args) => commands::synth::run(&settings, args, console),
        // On the heap: the futures of the long commands are large.
        Command::IamPolicy(args) => commands::iam_policy::run(&settings, args, console),
        Command::Completions(args) => commands::completions::run(args.shell, console),
        // The two commands that answer by their exit code too.
        Command::Plan(args) => return Box::pin(commands::plan::run(&settings, args, console)).await,
        Command::Status(args) => return Box::pin(commands::status::run(&settings, args, console)).await,
        Command::Cancel => Box::pin(commands::cancel::run(&settings, console)).await,
        Command::Rollback(args) => Box::pin(commands::rollback::run(&settings, args, console)).await,
        Command::Deploy(args) => Box::pin(commands::deploy::run(&settings, args, console)).await,
        Command::Destroy(args) => Box::pin(commands::destroy::run(&settings, args, console)).await,
        Command::Doctor => Box::pin(commands::doctor::run(&settings, console)).await,
        Command::Rotate(args) => Box::pin(commands::rotate::run(&settings, args, console)).await,
        Command::Webhook(args) => Box::pin(commands::webhook::run(&settings, &args.command, console)).await,
        Command::Logs(args) => Box::pin(commands::logs::run(&settings, args, console)).await,
        Command::Metrics(args) => Box::pin(commands::metrics::run(&settings, args, console)).await,
    };
    done.map(|()| ExitCode::Ok)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::golden;

    #[test]
    fn the_grammar_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_of_every_subcommand_is_the_golden_one() {
        for path in [
            &[][..],
            &["synth"],
            &["plan"],
            &["deploy"],
            &["cancel"],
            &["completions"],
            &["rollback"],
            &["destroy"],
            &["doctor"],
            &["rotate"],
            &["webhook"],
            &["webhook", "render"],
            &["webhook", "check"],
            &["webhook", "pause"],
            &["webhook", "resume"],
            &["webhook", "promote"],
            &["webhook", "demote"],
            &["logs"],
            &["metrics"],
            &["status"],
            &["iam-policy"],
        ] {
            let mut command = Cli::command();
            command.build();
            let mut command = &mut command;
            for name in path {
                command = command.find_subcommand_mut(name).unwrap();
            }
            let name = [&["help"], path].concat().join("_");
            golden::check(&name, &command.render_long_help().to_string());
        }
    }

    #[test]
    fn every_subcommand_that_does_something_shows_an_example() {
        fn walk(command: &clap::Command, found: &mut usize) {
            if command.has_subcommands() {
                command.get_subcommands().filter(|sub| sub.get_name() != "help").for_each(|sub| walk(sub, found));
            } else {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example:\n  deployer "), "{}", command.get_name());
                *found += 1;
            }
        }
        let mut found = 0;
        walk(&Cli::command(), &mut found);
        assert_eq!(found, 19, "each subcommand was looked at");
    }

    #[test]
    fn global_options_may_stand_on_either_side_of_the_subcommand() {
        for line in ["deployer --stack-name a synth", "deployer synth --stack-name a"] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(cli.global.stack_name.as_deref(), Some("a"), "{line}");
        }
    }
}
