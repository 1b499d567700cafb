//! The part of AWS: who we are there and what we may do, its clock, the stack, the bucket, what Lambda has left.

use std::time::Duration;

use super::{Finding, clock, concurrency, permissions};
use crate::{
    aws::{self, Aws, Identity, Lead},
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
    let (aws, identity) = match who(settings, findings).await {
        Ok(known) => known,
        Err(failure) => {
            findings.push(Finding::failed("credentials", failure));
            return None;
        }
    };
    let Identity { account, partition, arn } = &identity;
    let who = format!("{arn}, account {account} ({partition}), region {}", aws.region);
    findings.push(Finding::ok("credentials", who));
    findings.extend(partition_of(&aws.region, partition));
    findings.extend(permissions::look(settings, &aws, &identity).await);
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
    findings.push(concurrency::look(settings, &aws, account.found.as_ref()).await);
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

async fn who(settings: &Settings, findings: &mut Vec<Finding>) -> Result<(Aws, Identity), Failure> {
    let aws = aws::connect(settings).await?;
    let identity = identity(&aws, findings).await?;
    Ok((aws, identity))
}

/// The clock is looked at on the way: AWS says its time also where it refuses.
async fn identity(aws: &Aws, findings: &mut Vec<Finding>) -> Result<Identity, Failure> {
    let lead = Lead::default();
    let asked = tokio::time::timeout(PATIENCE, aws::identity_and_lead(aws, &lead)).await;
    findings.extend(lead.seconds().map(clock::aws));
    asked.unwrap_or_else(|_| {
        Err(Failure::new(format!("AWS gave no answer within {} s", PATIENCE.as_secs())).with_hint(
            "Check the network, HTTPS_PROXY and NO_PROXY, AWS_ENDPOINT_URL if it is set, and the credentials' own source.",
        ))
    })
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
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{
        super::{State, wire},
        *,
    };

    #[tokio::test]
    async fn a_wrong_clock_is_told_also_where_aws_refuses_the_signature_for_it() {
        // A time that no machine has which runs this.
        let aws = wire::dated("Wed, 01 Jan 2020 00:00:00 GMT", |_| {
            let words = "Signature not yet current: 20261124T200000Z is still later than 20200101T000500Z";
            let error = format!("<Error><Code>SignatureDoesNotMatch</Code><Message>{words}</Message></Error>");
            (403, format!("<ErrorResponse>{error}</ErrorResponse>"))
        });
        let mut findings = Vec::new();
        let failure = identity(&aws, &mut findings).await.unwrap_err();
        assert!(failure.hint.as_deref().unwrap().starts_with("This machine's clock is wrong"), "{failure:?}");
        let [clock] = findings.as_slice() else { panic!("{findings:?}") };
        assert!(clock.state == State::Problem && clock.text.contains(" s ahead of that of AWS"), "{clock:?}");
    }

    #[tokio::test]
    async fn an_answer_without_a_date_says_nothing_of_clocks() {
        let aws = wire::aws(|_| {
            let known = "<Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/alice</Arn>";
            let result = format!("<GetCallerIdentityResult>{known}</GetCallerIdentityResult>");
            (200, format!("<GetCallerIdentityResponse>{result}</GetCallerIdentityResponse>"))
        });
        let mut findings = Vec::new();
        assert_eq!(identity(&aws, &mut findings).await.unwrap().account, "111122223333");
        assert_eq!(findings, []);
    }

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
