//! The command line: its grammar, its help, and which file of `commands/` a subcommand means. No command's work happens here.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    cluster::pause::LONGEST,
    commands,
    console::{Console, Output},
    error::{ExitCode, Failure},
    settings::Settings,
    stack::recover::{Choice, Consent},
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
    #[command(after_help = "Example:\n  deployer iam-policy --account 111122223333 --region eu-west-1 > policy.json")]
    IamPolicy(IamPolicyArgs),
    /// Look for what would stop a deploy or a cluster, each with its fix
    #[command(after_help = "Example:\n  deployer doctor --context staging\n\nExit code 5 when there is a problem.")]
    Doctor,
    /// Give the cluster a new secret to call with, without a gap
    #[command(after_help = "Example:\n  deployer rotate --region eu-west-1 --context staging")]
    Rotate,
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
    /// Show on one screen whether it works: stack, webhook, decisions, alarms, exemptions
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
        matches!(self, Self::Doctor | Self::Rotate | Self::Webhook(_))
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

/// Options of `deployer destroy`.
#[derive(Debug, Clone, Default, Args)]
pub struct DestroyArgs {
    /// Where deleting the stack failed: leave these resources in the account
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub retain: Vec<String>,
}

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

/// As long as a pause may be.
fn pause_span(text: &str) -> Result<Duration, String> {
    let span = duration(text)?;
    let fits = span > Duration::ZERO && span <= LONGEST;
    fits.then_some(span).ok_or_else(|| format!("\"{text}\" is not between 1s and {}h", LONGEST.as_secs() / 3600))
}

/// One line that somebody can read.
fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    let fits = (1..=256).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned()).ok_or_else(|| "give one line of 1 to 256 characters".to_owned())
}

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
}

/// A duration that `CloudWatch` keeps metrics for.
fn window(text: &str) -> Result<Duration, String> {
    const KEPT: Duration = Duration::from_hours(455 * 24);
    let duration = duration(text)?;
    let fits = (Duration::from_mins(1)..=KEPT).contains(&duration);
    fits.then_some(duration)
        .ok_or_else(|| format!("\"{text}\" is not between 1m and 455d, which is how long metrics are kept"))
}

/// `90s`, `10m`, `2h`, `1d`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("\"{text}\" is no duration; give a number and s, m, h or d, such as 10m");
    let (at, unit) = text.char_indices().last().ok_or_else(wrong)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..at].parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(wrong)
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
        // The one command that answers by its exit code too.
        Command::Plan(args) => return Box::pin(commands::plan::run(&settings, args, console)).await,
        Command::Cancel => Box::pin(commands::cancel::run(&settings, console)).await,
        Command::Rollback(args) => Box::pin(commands::rollback::run(&settings, args, console)).await,
        Command::Deploy(args) => Box::pin(commands::deploy::run(&settings, args, console)).await,
        Command::Destroy(args) => Box::pin(commands::destroy::run(&settings, args, console)).await,
        Command::Doctor => Box::pin(commands::doctor::run(&settings, console)).await,
        Command::Rotate => Box::pin(commands::rotate::run(&settings, console)).await,
        Command::Webhook(args) => Box::pin(commands::webhook::run(&settings, &args.command, console)).await,
        Command::Logs(args) => Box::pin(commands::logs::run(&settings, args, console)).await,
        Command::Status(args) => Box::pin(commands::status::run(&settings, args, console)).await,
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

    #[test]
    fn a_pause_has_an_end_and_a_reason() {
        for (text, good) in [("1s", true), ("24h", true), ("1d", true), ("0s", false), ("25h", false), ("1w", false)] {
            assert_eq!(pause_span(text).is_ok(), good, "{text}");
        }
        let long = "x".repeat(257);
        for (text, good) in [("ECR is down", true), ("", false), ("  ", false), ("a\nb", false), (long.as_str(), false)]
        {
            assert_eq!(reason(text).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        let cases = [("90s", Some(90)), ("10m", Some(600)), ("2h", Some(7200)), ("1d", Some(86_400)), ("0s", Some(0))];
        let bad =
            ["", "m", "10", "10w", "-1m", "1.5h", "10 m", "99999999999999999999d", "600000000000000000d", "1\u{e9}"];
        for (text, seconds) in cases.into_iter().chain(bad.map(|text| (text, None))) {
            assert_eq!(duration(text).ok(), seconds.map(Duration::from_secs), "{text:?}");
        }
    }

    #[test]
    fn metrics_go_back_as_far_as_they_are_kept() {
        for (text, good) in [("59s", false), ("1m", true), ("455d", true), ("456d", false), ("0s", false)] {
            assert_eq!(window(text).is_ok(), good, "{text}");
        }
    }
}
