//! The stack, told which secrets of a cluster it is to know.

use std::collections::BTreeMap;

use crate::{
    cluster::caller::digests_with,
    commands::site::Account,
    console::Console,
    error::Failure,
    interrupt::Interrupt,
    settings::Settings,
    stack::{Stack, change_set::Wanted, recover::Consent},
    synth,
};

/// What an update of the callers brings with it.
pub(super) fn beside(stack: &Stack) -> &'static str {
    if stack.parameters.contains_key(synth::PARAMETER_SETTINGS_DIGEST) {
        "each of which publishes a version of the function, nothing else"
    } else {
        "nothing else"
    }
}

/// Exactly these entries of the name; those of other clusters stay, and so does the template.
///
/// # Errors
/// When `CloudFormation` refuses or fails, or when we are asked to stop.
pub(super) async fn exactly(
    settings: &Settings,
    account: &Account,
    (name, entries): (&str, &[String]),
    step: &str,
    console: &mut Console,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    console.step(step);
    // Read again: another cluster may have come in the meantime.
    let now = account.stack.existing(&account.aws.region).await?;
    let template = account.stack.template().await?;
    let template =
        template.ok_or_else(|| Failure::new(format!("the stack {} has no template", account.stack.name())))?;
    let mut parameters: BTreeMap<String, String> = now.parameters;
    let before = parameters.get(synth::PARAMETER_CALLER_DIGESTS).map_or("", String::as_str);
    let digests = digests_with(name, entries.iter().cloned(), before);
    parameters.insert(synth::PARAMETER_CALLER_DIGESTS.to_owned(), digests);
    let wanted = Wanted::new(&template, &parameters, &settings.tags);
    let mut consent = Consent::new("rotate", console.assumes_yes());
    Box::pin(account.stack.apply(&wanted, &mut consent, console, interrupt)).await.map(drop)
}
