//! `deployer iam-policy`: what the deploying person or pipeline must be permitted, as an IAM policy. Offline.

use crate::{
    cli::IamPolicyArgs,
    console::Console,
    error::Failure,
    iam::{self, Place},
    settings::Settings,
};

/// Runs the command.
///
/// # Errors
/// When a template is broken.
pub fn run(settings: &Settings, args: &IamPolicyArgs, console: &mut Console) -> Result<(), Failure> {
    let star = || "*".to_owned();
    let place = Place {
        partition: args.partition.clone().unwrap_or_else(star),
        region: settings.region.clone().unwrap_or_else(star),
        account: args.account.clone().unwrap_or_else(star),
    };
    let policy = iam::policy(settings, &place)?;
    let text = serde_json::to_string_pretty(&policy)
        .map_err(|error| Failure::new("the policy cannot be written as JSON").caused_by(&error))?;
    console.document("iam-policy.json", &format!("{text}\n"))
}
