//! `deployer completions`: what completes the commands in a shell. Made from the grammar; no settings are read.

use clap::CommandFactory;
use clap_complete::aot;

use crate::{cli::Cli, console::Console, error::Failure};

/// A shell that people use the deployer in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Runs the command.
///
/// # Errors
/// When stdout cannot be written.
pub fn run(shell: Shell, console: &mut Console) -> Result<(), Failure> {
    let name = match shell {
        Shell::Bash => "deployer.bash",
        Shell::Zsh => "_deployer",
        Shell::Fish => "deployer.fish",
    };
    console.document(name, &script(shell))
}

fn script(shell: Shell) -> String {
    let generator = match shell {
        Shell::Bash => aot::Shell::Bash,
        Shell::Zsh => aot::Shell::Zsh,
        Shell::Fish => aot::Shell::Fish,
    };
    let mut script = Vec::new();
    aot::generate(generator, &mut Cli::command(), "deployer", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_knows_every_subcommand() {
        let grammar = Cli::command();
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for name in grammar.get_subcommands().map(clap::Command::get_name).chain(["resume", "confirm-context"]) {
                assert!(script.contains(name), "{shell:?}: {name}");
            }
        }
    }
}
