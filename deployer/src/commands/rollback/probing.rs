//! Whether the code from before works at the live endpoint: as in a deploy, where a caller's secret is known here. A cluster
//! that cannot be asked stops nothing, for whoever goes back is in a hurry; that it was not probed is said.

use std::time::Duration;

use compliance::policy::PolicyFile;

use crate::{
    cluster::{Cluster, caller::Caller},
    commands::site,
    console::Console,
    error::Failure,
    interrupt::Interrupt,
    patience::Patience,
    probe,
    settings::{Credentials, OwnPolicy, Settings},
    stack::Stack,
};

/// A cluster that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A cluster as whose API server the endpoint is asked.
pub(super) struct Asker {
    settings: Settings,
    caller: Caller,
}

/// Every cluster of the settings whose secret is known; of the others it is said why not.
pub(super) async fn askers(settings: &Settings, console: &mut Console) -> Vec<Asker> {
    let mut askers = Vec::new();
    for settings in settings.each_cluster() {
        let looked = tokio::time::timeout(PATIENCE, caller(&settings)).await;
        let late = || Failure::new(format!("there was no answer within {} s", PATIENCE.as_secs()));
        match looked.unwrap_or_else(|_| Err(late())) {
            Ok(caller) => askers.push(Asker { settings, caller }),
            Err(failure) => {
                let context = settings.cluster.context.as_deref().unwrap_or("current");
                console.warn(&format!("the endpoint will not be probed as the context {context}: {}", failure.message));
            }
        }
    }
    askers
}

async fn caller(settings: &Settings) -> Result<Caller, Failure> {
    let cluster = Cluster::connect(&settings.cluster).await?;
    let existing = cluster.registered_webhook(&settings.webhook_name()).await?;
    match existing.caller() {
        Some(caller) => Ok(caller),
        None => Ok(Caller {
            name: site::caller_name(settings, &cluster, Some(&existing)),
            secret: site::token()?,
            credentials: Credentials::Bearer,
        }),
    }
}

/// Probe as each of them, under the policy of the zip.
///
/// # Errors
/// As for [`probe::run`].
pub(super) async fn run(
    askers: &[Asker],
    policy: Option<&str>,
    stack: &Stack,
    console: &mut Console,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let Ok(policy) = policy.map(|text| PolicyFile::from_json(text.as_bytes())).transpose() else {
        console.warn("the endpoint was not probed: this deployer cannot read the policy of that zip");
        return Ok(());
    };
    for Asker { settings, caller } in askers {
        let given = stack.parameters.get("IgnoredNamespaces").map_or("", String::as_str);
        let settings = in_force(settings, policy.clone(), given);
        let endpoint = site::endpoint(&settings, stack)?;
        console.step(&format!("Probing {endpoint} as {}", caller.name));
        let target = probe::Target::of(&settings, caller, endpoint);
        probe::run(&target, Patience::UPDATED, console, interrupt).await?;
    }
    Ok(())
}

/// What the function goes by: the policy in its zip, and over it the Parameters of the stack.
fn in_force(settings: &Settings, policy: Option<PolicyFile>, given: &str) -> Settings {
    let given: Vec<String> = given.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let ignored = if given.is_empty() {
        policy.as_ref().map(|file| file.ignored_namespaces.clone()).unwrap_or_default()
    } else {
        given
    };
    Settings { policy: policy.map(|file| OwnPolicy { file }), ignored_namespaces: ignored, ..settings.clone() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_follows_the_zip_and_the_stack_and_not_the_settings_of_today() {
        let json = r#"{"ignored_namespaces":["old"],"rules":{"registry":{"mode":"audit"}}}"#;
        let file = PolicyFile::from_json(json.as_bytes()).unwrap();
        let today = Settings { ignored_namespaces: vec!["today".to_owned()], ..Settings::default() };
        let (namespace, image) = probe::PROBED;
        for (case, policy, parameter, refuses, ignored) in [
            ("neither says anything", None, "", true, vec![]),
            ("the Parameter", None, "a,b", true, vec!["a", "b"]),
            ("the policy", Some(file.clone()), "", false, vec!["old"]),
            ("the Parameter over the policy", Some(file), "a", false, vec!["a"]),
        ] {
            let settings = in_force(&today, policy, parameter);
            assert_eq!(settings.ignored_namespaces, ignored, "{case}");
            assert_eq!(settings.refuses(namespace, image), refuses, "{case}");
        }
    }
}
