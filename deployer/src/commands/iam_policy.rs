//! `deployer iam-policy`: what the deploying person or pipeline must be permitted, as an IAM policy. Offline.

use crate::{
    cli::IamPolicyArgs,
    console::Console,
    error::Failure,
    iam::{self, MANAGED_POLICY, Place},
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
    let length = policy.to_string().len();
    if length > MANAGED_POLICY {
        console.warn(&format!(
            "The policy has {length} characters, and a managed one may have {MANAGED_POLICY}: make it an inline policy of a \
             role (aws iam put-role-policy), which may have 10240."
        ));
    }
    let text = serde_json::to_string_pretty(&policy)
        .map_err(|error| Failure::new("the policy cannot be written as JSON").caused_by(&error))?;
    console.document("iam-policy.json", &format!("{text}\n"))
}
