//! The part of AWS: who we are there, the stack, the bucket.

use std::time::Duration;

use super::Finding;
use crate::{
    aws::{self, Aws, Identity},
    commands::site::Account,
    error::Failure,
    settings::Settings,
    stack::{
        Stack,
        status::{Goal, Step, next_step},
    },
    upload::Bucket,
};

/// The SDK tries again for a minute; whoever asks a doctor wants to know sooner.
const PATIENCE: Duration = Duration::from_secs(10);

/// The stack, if there is one that can be read.
pub(super) async fn look(settings: &Settings, findings: &mut Vec<Finding>) -> Option<Stack> {
    let identity = match identity(settings).await {
        Ok((aws, identity)) => {
            let Identity { account, partition, arn } = &identity;
            findings.push(Finding::ok(
                "credentials",
                format!("{arn}, account {account} ({partition}), region {}", aws.region),
            ));
            findings.extend(partition_of(&aws.region, partition));
            identity
        }
        Err(failure) => {
            findings.push(Finding::failed("credentials", failure));
            return None;
        }
    };
    let account = match Account::look(settings).await {
        Ok(account) => account,
        Err(failure) => {
            findings.push(Finding::failed("stack", failure));
            return None;
        }
    };
    findings.push(state_of(account.stack.name(), account.found.as_ref()));
    let name = settings.artifact_bucket.clone().unwrap_or_else(|| account.bucket_name());
    findings.push(bucket(settings, &account, &identity, &name).await);
    account.found
}

/// Whether a deploy could begin.
fn state_of(name: &str, found: Option<&Stack>) -> Finding {
    let status = found.map_or("absent", |stack| stack.status.as_str());
    let why = match next_step(found.map(|stack| &stack.status), Goal::Deploy) {
        Step::Recover(stuck) => stuck.why(),
        Step::Stop(stop) => stop.why,
        Step::WaitThenDecide => {
            return Finding::ok("stack", format!("{name} is {status}: a deploy would wait for that"));
        }
        _ => return Finding::ok("stack", format!("{name} is {status}: a deploy can begin")),
    };
    let failure = Failure::new(format!("the stack {name} is {status}: {why}"));
    Finding::failed("stack", failure.with_hint("deployer deploy says what can be done and asks."))
}

async fn identity(settings: &Settings) -> Result<(Aws, Identity), Failure> {
    let aws = aws::connect(settings).await?;
    // A clock that is wrong by more than five minutes is told here: AWS refuses the signature.
    let asked = tokio::time::timeout(PATIENCE, aws::identity(&aws)).await;
    let identity = asked.unwrap_or_else(|_| {
        Err(Failure::new(format!("AWS gave no answer within {} s", PATIENCE.as_secs())).with_hint(
            "Check the network, HTTPS_PROXY and NO_PROXY, AWS_ENDPOINT_URL if it is set, and the credentials' own source.",
        ))
    })?;
    Ok((aws, identity))
}

/// Credentials of one partition are unknown in the regions of another.
fn partition_of(region: &str, partition: &str) -> Option<Finding> {
    let expected = match region.split('-').take(2).collect::<Vec<_>>().as_slice() {
        ["cn", _] => "aws-cn",
        ["us", "gov"] => "aws-us-gov",
        ["us", "iso" | "isob" | "isof"] | ["eu", "isoe"] => return None,
        _ => "aws",
    };
    (expected != partition).then(|| {
        Finding::problem(
            "partition",
            format!("the region {region} is of {expected}, and the credentials are of {partition}"),
            "Choose --region and --profile of the same partition.",
        )
    })
}

/// Somebody else's bucket of that name is refused by the owner that every request names.
async fn bucket(settings: &Settings, account: &Account, identity: &Identity, name: &str) -> Finding {
    match Bucket::new(&account.aws.config, name, &identity.account).exists().await {
        Ok(true) => Finding::ok("bucket", format!("{name} is there, and of this account")),
        Ok(false) if settings.artifact_bucket.is_none() => {
            Finding::ok("bucket", format!("{name} will be made by the first deploy"))
        }
        Ok(false) => Finding::problem(
            "bucket",
            format!("there is no bucket {name}"),
            "Correct artifact_bucket, or leave it out for a bucket of our own.",
        ),
        Err(failure) => Finding::failed("bucket", failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_another_partition_than_the_region_are_a_problem() {
        for (region, partition, wrong) in [
            ("eu-west-1", "aws", false),
            ("us-gov-west-1", "aws-us-gov", false),
            ("cn-north-1", "aws-cn", false),
            ("cn-north-1", "aws", true),
            ("us-gov-east-1", "aws", true),
            ("us-east-1", "aws-us-gov", true),
            ("us-iso-east-1", "aws-iso", false),
        ] {
            assert_eq!(partition_of(region, partition).is_some(), wrong, "{region} {partition}");
        }
    }
}
