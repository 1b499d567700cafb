//! Several clusters, one after another: a failure in one ends the row, and says of each how it stands. The one that failed
//! was put back by whoever worked on it; those before it stay, those after it were not touched.

use super::{register::Registration, unregister};
use crate::{
    cluster::{Cluster, proof::Proof},
    console::Console,
    error::Failure,
    interrupt::Interrupt,
    settings::Settings,
};

/// Register the webhook in each and prove it there, in the order given. A proof for each.
///
/// # Errors
/// As for [`Registration::run`]; with several, the hint names those that are registered and those that are not.
pub async fn register(
    registrations: &[Registration<'_>],
    console: &mut Console,
    interrupt: &Interrupt,
) -> Result<Vec<Proof>, Failure> {
    let mut proofs = Vec::with_capacity(registrations.len());
    for registration in registrations {
        console.step(&format!("Registering the webhook in the context {}", registration.cluster.context()));
        let result = registration.run(console, interrupt).await;
        let contexts =
            || -> Vec<&str> { registrations.iter().map(|registration| registration.cluster.context()).collect() };
        proofs.push(result.map_err(|failure| stopped(failure, &contexts(), proofs.len(), REGISTERED))?);
    }
    Ok(proofs)
}

/// Take the webhook out of each, in the order given, and see that its Pods are admitted without it.
///
/// # Errors
/// When one is not ours to delete, or the API server goes on asking; with several, as for [`register`].
pub async fn unregister(clusters: &[(&Settings, &Cluster)], console: &mut Console) -> Result<(), Failure> {
    for (at, (settings, cluster)) in clusters.iter().enumerate() {
        console.step(&format!(
            "Removing the webhook {} from the context {}",
            settings.webhook_name(),
            cluster.context()
        ));
        let contexts = || -> Vec<&str> { clusters.iter().map(|(_, cluster)| cluster.context()).collect() };
        let removed = unregister::run(settings, cluster, console).await;
        removed.map_err(|failure| stopped(failure, &contexts(), at, REMOVED))?;
    }
    Ok(())
}

const REGISTERED: &str = "Registered and proven";
const REMOVED: &str = "Removed";

/// The failure of the cluster at `at`, with how each of them stands. Of one alone there is nothing to add.
fn stopped(failure: Failure, contexts: &[&str], at: usize, done: &str) -> Failure {
    if contexts.len() < 2 {
        return failure;
    }
    let list = |contexts: &[&str]| if contexts.is_empty() { "none".to_owned() } else { contexts.join(", ") };
    let (before, context, after) = (list(&contexts[..at]), contexts[at], list(&contexts[at + 1..]));
    let told = format!(
        "{done}: {before}. Not: {context} (this failure). Not touched: {after}. The same command goes on there."
    );
    let hint = failure.hint.as_ref().map_or(told.clone(), |hint| format!("{hint}\n{told}"));
    Failure { message: format!("in the context {context}: {}", failure.message), ..failure }.with_hint(hint)
}
