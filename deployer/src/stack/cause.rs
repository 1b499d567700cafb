//! Why a stack operation failed: which of its events is the root cause, and what a person can do about it.
//!
//! Pure. One failure makes `CloudFormation` cancel whatever else was running and then fail the stack itself, so most
//! `…_FAILED` events are echoes. The first that is neither is what the person needs to read.

use super::events::Event;

/// A failed resource, in the words of the service that refused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Name of the resource in the template.
    pub logical_id: String,
    /// `AWS::Lambda::Function` and the like.
    pub resource_type: String,
    /// What `CloudFormation` reports, unchanged.
    pub reason: String,
}

impl Cause {
    /// The line a person reads.
    #[must_use]
    pub fn sentence(&self) -> String {
        format!("{} ({}): {}", self.logical_id, self.resource_type, self.reason)
    }

    /// What usually helps, when this reason is a known one.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        hint(&self.reason)
    }
}

/// The independent failures among `events`, oldest first: the first is the root cause, others may be real as well.
#[must_use]
pub fn root_causes(events: &[Event]) -> Vec<Cause> {
    let mut failed: Vec<&Event> = events.iter().filter(|event| is_root(event)).collect();
    // Stable: events of the same moment keep the order in which CloudFormation listed them.
    failed.sort_by_key(|event| event.millis);
    failed
        .into_iter()
        .map(|event| Cause {
            logical_id: event.logical_id.clone(),
            resource_type: event.resource_type.clone(),
            reason: event.reason.clone().unwrap_or_default(),
        })
        .collect()
}

fn is_root(event: &Event) -> bool {
    let cancelled = event.reason.as_deref().is_some_and(|reason| reason.to_ascii_lowercase().contains("cancelled"));
    event.status.ends_with("_FAILED") && !cancelled && event.resource_type != "AWS::CloudFormation::Stack"
}

/// Known reasons (all needles must occur, compared without case) and what helps.
const HINTS: &[(&[&str], &str)] = &[
    (
        &["log", "already exists"],
        "A log group of that name is left from an earlier stack. Keep it by importing it, or delete it: aws logs delete-log-group --log-group-name NAME",
    ),
    (
        &["already exists"],
        "Something of that name exists outside of this stack. Delete it, or choose another name with --stack-name.",
    ),
    (
        &["unreservedconcurrentexecution"],
        "The account has too little unreserved concurrency left. Ask for a higher Lambda quota, or reserve less.",
    ),
    (
        &["provisioned", "concurren"],
        "Ask for a higher Lambda quota, or lower provisioned_concurrency: the account, or reserved_concurrency, leaves too little.",
    ),
    (
        &["access denied", "getobject"],
        "CloudFormation could not read the function's zip. The bucket must be in the stack's region, and its policy must let the deploying role read it.",
    ),
    (
        &["explicit deny", "service control policy"],
        "A service control policy of the organisation forbids this. Ask who owns it, or deploy into another account or region.",
    ),
    (
        &["not authorized to perform: iam:"],
        "The deploying role may not manage IAM roles; deployer iam-policy prints all that it must be permitted. Where that is tied to a permissions boundary, set permissions_boundary in deployer.toml.",
    ),
    (
        &["not authorized to perform"],
        "The deploying role lacks that permission; deployer iam-policy prints all that it must have. Add it, then run deployer deploy again.",
    ),
    (&["cannot be assumed by lambda"], "A new role is not known everywhere at once. Run deployer deploy again."),
    (&["rate exceeded"], "AWS throttled the account. Run deployer deploy again in a minute."),
    (
        &["limit exceeded"],
        "A quota of the account is used up. Ask for more in Service Quotas, or delete what is not needed.",
    ),
];

/// What helps against `reason`, if it is a known one.
#[must_use]
pub fn hint(reason: &str) -> Option<&'static str> {
    let reason = reason.to_ascii_lowercase();
    HINTS.iter().find(|(needles, _)| needles.iter().all(|needle| reason.contains(needle))).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::events::Event;

    #[test]
    fn echoes_are_dropped_and_the_oldest_real_failure_comes_first() {
        let stack = "AWS::CloudFormation::Stack";
        let events = [
            Event::for_test(
                50,
                "app",
                stack,
                "ROLLBACK_IN_PROGRESS",
                Some("The following resource(s) failed to create: [Role]"),
            ),
            Event::for_test(40, "Alias", "AWS::Lambda::Alias", "CREATE_FAILED", Some("Resource creation cancelled")),
            Event::for_test(30, "Api", "AWS::ApiGatewayV2::Api", "CREATE_FAILED", Some("Rate exceeded")),
            Event::for_test(
                20,
                "Role",
                "AWS::IAM::Role",
                "CREATE_FAILED",
                Some("is not authorized to perform: iam:CreateRole"),
            ),
            Event::for_test(10, "Role", "AWS::IAM::Role", "CREATE_IN_PROGRESS", None),
            Event::for_test(5, "app", stack, "CREATE_FAILED", Some("whatever the stack itself says")),
        ];
        let causes = root_causes(&events);
        let names: Vec<&str> = causes.iter().map(|cause| cause.logical_id.as_str()).collect();
        assert_eq!(names, ["Role", "Api"]);
        assert!(causes[0].hint().is_some_and(|hint| hint.contains("permissions_boundary")));
    }

    #[test]
    fn every_hint_can_be_reached() {
        let reasons = [
            "Resource handler returned message: \"Log group /aws/lambda/x already exists\"",
            "role-x already exists in stack arn",
            "Specified ReservedConcurrentExecutions decreases account's UnreservedConcurrentExecution below its minimum value of [10].",
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
            "Your access has been denied by S3: Access Denied. S3 Error Code: AccessDenied GetObject",
            "User is not authorized to perform: s3:X with an explicit deny in a service control policy",
            "User: arn is not authorized to perform: iam:CreateRole on resource",
            "User: arn is not authorized to perform: lambda:CreateFunction on resource",
            "The role defined for the function cannot be assumed by Lambda.",
            "Rate exceeded",
            "Limit Exceeded for resource of type",
        ];
        let mut found: Vec<&str> = reasons.iter().filter_map(|reason| hint(reason)).collect();
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), HINTS.len());
    }

    #[test]
    fn an_unknown_reason_gets_no_invented_hint() {
        assert_eq!(hint("the moon was in the wrong house"), None);
    }
}
