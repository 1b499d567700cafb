//! How the deployer reaches AWS: the SDK's own resolution of credentials, region and endpoints, and AWS errors in words.
//!
//! Nothing here decides what to deploy. Credentials are never read or printed by us.

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_sts::{
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};

use crate::{
    error::{Failure, chain},
    https,
    settings::Settings,
};

/// The SDK's configuration together with the region it settled on.
#[derive(Clone, Debug)]
pub struct Aws {
    /// What every client is made from.
    pub config: SdkConfig,
    /// `eu-west-1` and the like.
    pub region: String,
}

/// Who we are, as STS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov` …
    pub partition: String,
    /// The caller's ARN.
    pub arn: String,
}

/// Resolve region, profile, credentials and endpoints as the SDK does; flags and `deployer.toml` win over them.
///
/// # Errors
/// When no region is configured anywhere.
pub async fn connect(settings: &Settings) -> Result<Aws, Failure> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(https::client())
        // CloudFormation throttles readily while a stack is watched; a short burst must not end a deployment.
        .retry_config(RetryConfig::standard().with_max_attempts(10));
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    let config = loader.load().await;
    let Some(region) = config.region().map(ToString::to_string) else {
        return Err(Failure::usage("no AWS region is configured").with_hint(
            "Give --region, set AWS_REGION, or put region = \"…\" into deployer.toml or into the AWS profile.",
        ));
    };
    Ok(Aws { config, region })
}

/// Ask STS who we are.
///
/// # Errors
/// When there are no credentials, or they are not accepted.
pub async fn identity(aws: &Aws) -> Result<Identity, Failure> {
    let answer = aws_sdk_sts::Client::new(&aws.config)
        .get_caller_identity()
        .send()
        .await
        .map_err(|error| failure("AWS did not say whose credentials these are (sts:GetCallerIdentity)", &error))?;
    let (Some(account), Some(arn)) = (answer.account, answer.arn) else {
        return Err(Failure::new("AWS answered sts:GetCallerIdentity without an account or an ARN"));
    };
    // arn:PARTITION:sts::ACCOUNT:…: the only place that says which partition these credentials belong to.
    let partition = arn.split(':').nth(1).unwrap_or("aws").to_owned();
    Ok(Identity { account, partition, arn })
}

/// `message` with the AWS error's code and request id kept as its cause, and a way out where one is known.
pub fn failure<E>(message: &str, error: &SdkError<E>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let failure = Failure::new(message).with_cause(describe(error));
    match way_out(error) {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

/// One line: the service's message, its code and the request id; or the chain of what went wrong before an answer came.
pub fn describe<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let Some(service) = error.as_service_error() else { return chain(error) };
    format!(
        "{} (code {}, request id {})",
        service.message().unwrap_or("no message"),
        service.code().unwrap_or("none"),
        error.request_id().unwrap_or("none"),
    )
}

/// The service's error code, when the service answered.
pub fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// Whether [`describe`] told of credentials that are not valid any more.
#[must_use]
pub fn says_expired(described: &str) -> bool {
    EXPIRED.iter().any(|code| described.contains(&format!("code {code},")))
}

const EXPIRED: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"];

fn way_out<E>(error: &SdkError<E>) -> Option<&'static str>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match code(error) {
        Some(code) if EXPIRED.contains(&code) => {
            Some("The credentials have expired. Log in again (for example: aws sso login), then repeat the command.")
        }
        Some("InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch") => {
            Some("AWS does not accept these credentials. Check AWS_PROFILE or the AWS_… variables.")
        }
        Some("AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation") => {
            Some("These credentials lack that permission. Use another --profile, or ask for the permission.")
        }
        Some(_) => None,
        None => no_answer(&chain(error)),
    }
}

/// What to do when no answer came, from the text of the chain: the SDK keeps these causes private.
fn no_answer(chain: &str) -> Option<&'static str> {
    let chain = chain.to_ascii_lowercase();
    if ["credential", "sso", "token"].iter().any(|word| chain.contains(word)) {
        return Some(
            "No usable AWS credentials were found. Log in (for example: aws sso login), set AWS_PROFILE, or give --profile.",
        );
    }
    ["dns", "connect", "timed out", "timeout"].iter().any(|word| chain.contains(word)).then_some(
        "AWS could not be reached. Check the network, HTTPS_PROXY and NO_PROXY, and AWS_ENDPOINT_URL if it is set.",
    )
}

#[cfg(test)]
mod tests {
    use super::no_answer;

    #[test]
    fn missing_credentials_and_a_missing_network_are_told_apart() {
        assert!(
            no_answer("dispatch failure: other: no providers in chain provided credentials")
                .unwrap()
                .contains("--profile")
        );
        assert!(
            no_answer("dispatch failure: io error: error trying to connect: dns error")
                .unwrap()
                .contains("HTTPS_PROXY")
        );
        assert_eq!(no_answer("the moon"), None);
    }
}
