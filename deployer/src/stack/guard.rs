//! Which stacks are ours, and what protects them once they work: against deletion, and against losing the API whose id is
//! in the webhook URL of every cluster.

use aws_sdk_cloudformation::types::StackStatus;
use serde_json::{Value, json};

use super::{Stack, StackClient};
use crate::{
    aws,
    error::{ExitCode, Failure},
    synth,
};

/// A stack of that name which somebody else made must never be touched.
///
/// # Errors
/// `Unsafe` when it is not ours.
pub(super) fn check_ours(name: &str, stack: &Stack) -> Result<(), Failure> {
    // A shell says nothing of itself yet; nothing is in it, and only change sets of ours are ever removed from it.
    let shell = stack.status == StackStatus::ReviewInProgress;
    let described = stack.description.as_deref().is_some_and(|text| synth::DESCRIPTIONS.contains(&text));
    if shell || described || stack.parameters.contains_key(synth::PARAMETER_CALLER_DIGESTS) {
        return Ok(());
    }
    Err(Failure::new(format!("the stack {name} exists and is not one of ours: it was made from another template"))
        .with_hint("Nothing was changed. Choose another name with --stack-name.")
        .with_code(ExitCode::Unsafe))
}

/// Everything may be updated, but the API neither replaced nor deleted.
fn policy() -> Value {
    json!({ "Statement": [
        { "Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*" },
        {
            "Effect": "Deny", "Principal": "*", "Action": ["Update:Replace", "Update:Delete"],
            "Resource": format!("LogicalResourceId/{}", synth::RESOURCE_API),
        },
    ] })
}

impl StackClient {
    /// Protect a stack that works; `false` when it is protected already. Never before the first success: a creation that
    /// failed could not be deleted then.
    ///
    /// # Errors
    /// When `CloudFormation` refuses.
    pub async fn protect(&self, stack: &Stack) -> Result<bool, Failure> {
        let refused = format!("the stack {} could not be protected", self.name);
        let known = self.client.get_stack_policy().stack_name(&stack.id).send().await;
        let known = known.map_err(|error| aws::failure(&refused, &error))?;
        let known: Option<Value> = known.stack_policy_body().and_then(|text| serde_json::from_str(text).ok());
        let guarded = known.as_ref() == Some(&policy());
        if !guarded {
            let request = self.client.set_stack_policy().stack_name(&stack.id);
            let sent = request.stack_policy_body(policy().to_string()).send().await;
            sent.map_err(|error| aws::failure(&refused, &error))?;
        }
        if !stack.protected {
            self.set_protection(stack, true).await.map_err(|error| Failure { message: refused, ..error })?;
        }
        Ok(!(guarded && stack.protected))
    }

    /// Before the stack is deleted by whoever asked for that.
    pub(super) async fn unprotect(&self, stack: &Stack) -> Result<(), Failure> {
        if stack.protected { self.set_protection(stack, false).await } else { Ok(()) }
    }

    async fn set_protection(&self, stack: &Stack, protect: bool) -> Result<(), Failure> {
        let request = self.client.update_termination_protection().stack_name(&stack.id);
        let sent = request.enable_termination_protection(protect).send().await;
        sent.map(drop).map_err(|error| {
            let what = if protect { "switched on" } else { "switched off" };
            aws::failure(&format!("the termination protection of the stack {} could not be {what}", self.name), &error)
        })
    }
}
