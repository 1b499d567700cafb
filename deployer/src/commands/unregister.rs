//! Take the webhook out of the cluster, and see that its Pods are admitted without it: only then may the stack go.

use crate::{
    cluster::{Cluster, proof, webhook::Existing},
    console::Console,
    error::Failure,
    patience::Patience,
    settings::Settings,
};

/// Deletes our webhook configuration; one that is not there is as good.
///
/// # Errors
/// When it is not ours to delete, when the API server refuses, or when it goes on asking.
pub(super) async fn run(settings: &Settings, cluster: &Cluster, console: &mut Console) -> Result<(), Failure> {
    let name = settings.webhook_name();
    // Before it is gone: the API server may quote its URL, which holds the secret.
    let caller = cluster.our_webhook(&name).await?.as_ref().and_then(Existing::caller);
    let deleted = cluster.delete_webhook(&name).await?;
    console.say(if deleted { "deleted" } else { "there is none any more" });
    let refuses = |namespace: &str| settings.refuses(namespace, proof::IMAGE);
    let trial = proof::Trial {
        refuses: &refuses,
        secret: caller.as_ref().map(|caller| &caller.secret),
        patience: Patience::API_SERVER,
    };
    let seen = cluster.see_through(&trial).await.map_err(|failure| {
        failure
            .with_hint("The stack was not touched: with it gone, these Pods might be refused. Run the command again.")
    })?;
    console.say(if seen {
        "a Pod that was refused before is admitted now"
    } else {
        "no namespace was found in which that can be seen"
    });
    Ok(())
}
