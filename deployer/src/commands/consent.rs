//! The question before a cluster is changed. A yes is enough where nobody can mean another cluster: it is pinned by its
//! authority's fingerprint, and does not look like production. Else its name is the answer.

use crate::{
    cluster::Cluster,
    console::Console,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    settings::Settings,
};

/// What it takes to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consent {
    /// A yes.
    Yes,
    /// The context's name; `--yes` is as good.
    NameOrYes,
    /// The context's name, whatever else was said.
    Name,
}

/// Asks, with what was decided on the command line in mind; `false` is a no.
///
/// # Errors
/// `Refused` when nobody can be asked, or when `--confirm-context` names another context.
pub(super) fn ask(
    settings: &Settings,
    cluster: &Cluster,
    question: &str,
    console: &mut Console,
) -> Result<bool, Failure> {
    if confirmed(settings, cluster, question, console)? {
        return Ok(true);
    }
    let context = cluster.context();
    match needed(context, settings.cluster.ca_sha256.is_some()) {
        Consent::Yes => console.ask(question),
        Consent::NameOrYes => console.ask_for(question, context, true),
        Consent::Name => console.ask_for(question, context, false),
    }
}

/// The same, but Ctrl-C is heard while we wait for the answer.
///
/// # Errors
/// As [`ask`]; `Interrupted` when we are asked to stop.
pub(super) async fn ask_until(
    settings: &Settings,
    cluster: &Cluster,
    question: &str,
    console: &mut Console,
    interrupt: &Interrupt,
) -> Result<bool, Failure> {
    if confirmed(settings, cluster, question, console)? {
        return Ok(true);
    }
    let context = cluster.context();
    match needed(context, settings.cluster.ca_sha256.is_some()) {
        Consent::Yes => console.ask_until(question, interrupt).await,
        Consent::NameOrYes => console.ask_for_until(question, context, true, interrupt).await,
        Consent::Name => console.ask_for_until(question, context, false, interrupt).await,
    }
}

/// Whether the command line has named this very context.
fn confirmed(settings: &Settings, cluster: &Cluster, question: &str, console: &mut Console) -> Result<bool, Failure> {
    let context = cluster.context();
    match settings.cluster.confirmed.as_deref() {
        None => Ok(false),
        Some(confirmed) if confirmed == context => {
            console.say(&format!("{question} yes (--confirm-context {context})"));
            Ok(true)
        }
        Some(confirmed) => {
            Err(Failure::new(format!("--confirm-context says {confirmed}, but the context is {context}"))
                .with_hint("Nothing was changed. Choose the cluster with --context.")
                .with_code(ExitCode::Refused))
        }
    }
}

fn needed(context: &str, pinned: bool) -> Consent {
    if context.to_ascii_lowercase().contains("prod") {
        Consent::Name
    } else if pinned {
        Consent::Yes
    } else {
        Consent::NameOrYes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_wants_its_name_and_so_does_what_is_not_pinned() {
        for (context, pinned, expected) in [
            ("arn:aws:eks:eu-west-1:111122223333:cluster/PROD-1", true, Consent::Name),
            ("production", false, Consent::Name),
            ("staging", true, Consent::Yes),
            ("staging", false, Consent::NameOrYes),
        ] {
            assert_eq!(needed(context, pinned), expected, "{context} {pinned}");
        }
    }
}
