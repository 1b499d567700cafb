//! How the deployer reaches AWS: the SDK's own resolution of credentials, region and endpoints, and AWS errors in words.
//!
//! Nothing here decides what to deploy. Credentials are never read or printed by us.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU32, Ordering},
};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_sdk_sts::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextRef as Answered,
    },
    error::{BoxError, ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    orchestrator::OrchestratorError,
    retries::classifiers::{ClassifyRetry, RetryAction},
};

use crate::{
    cluster::moment::Moment,
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

/// So many attempts at what nobody answers.
const UNANSWERED: u32 = 4;
/// So many at what `CloudFormation` answers: it throttles readily while a stack is watched, and a short burst must not end
/// a deployment.
const THROTTLED: u32 = 10;

/// A `CloudFormation` client that outlasts throttling, and still says soon that nobody answers.
#[must_use]
pub fn cloudformation(config: &SdkConfig) -> aws_sdk_cloudformation::Client {
    let config = aws_sdk_cloudformation::config::Builder::from(config)
        .retry_config(RetryConfig::standard().with_max_attempts(THROTTLED))
        .retry_classifier(UnansweredSoon::default());
    aws_sdk_cloudformation::Client::from_conf(config.build())
}

/// The region that a client asks.
pub fn region_of(cloudformation: &aws_sdk_cloudformation::Client) -> &str {
    cloudformation.config().region().map_or("no region", AsRef::as_ref)
}

/// Ends the attempts at what no connection can be made to, [`UNANSWERED`] of them in a row.
#[derive(Debug, Default)]
struct UnansweredSoon(AtomicU32);

impl ClassifyRetry for UnansweredSoon {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let failure = context.output_or_error().and_then(Result::err);
        if failure.and_then(OrchestratorError::as_connector_error).is_none() {
            self.0.store(0, Ordering::Relaxed);
            return RetryAction::NoActionIndicated;
        }
        if self.0.fetch_add(1, Ordering::Relaxed) + 1 < UNANSWERED {
            return RetryAction::NoActionIndicated;
        }
        // The next call has its own attempts.
        self.0.store(0, Ordering::Relaxed);
        RetryAction::RetryForbidden
    }

    fn name(&self) -> &'static str {
        "UnansweredSoon"
    }
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
        // Seconds, not a minute, until a person is told that nobody answers.
        .retry_config(RetryConfig::standard().with_max_attempts(UNANSWERED));
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
    identity_and_lead(aws, &Lead::default()).await
}

/// The same, and `lead` knows afterwards what time AWS has, also when there is no identity.
///
/// # Errors
/// Those of [`identity`].
pub async fn identity_and_lead(aws: &Aws, lead: &Lead) -> Result<Identity, Failure> {
    let answer = aws_sdk_sts::Client::new(&aws.config)
        .get_caller_identity()
        .customize()
        .interceptor(lead.clone())
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

/// How far the clock of AWS is ahead of this machine's, by the header `Date` of its first answer.
#[derive(Clone, Debug, Default)]
pub struct Lead(Arc<OnceLock<i64>>);

impl Lead {
    /// Seconds, negative where AWS is behind; `None` while AWS has not answered.
    #[must_use]
    pub fn seconds(&self) -> Option<i64> {
        self.0.get().copied()
    }
}

impl Intercept for Lead {
    fn name(&self) -> &'static str {
        "Lead"
    }

    fn read_before_deserialization(
        &self,
        answered: &Answered<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = answered.response().headers().get("date").and_then(Moment::of_http_date) {
            self.0.get_or_init(|| date.since(Moment::here()));
        }
        Ok(())
    }
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
    let Some(service) = error.as_service_error() else { return unanswered(&chain(error)) };
    format!(
        "{} (code {}, request id {})",
        service.message().unwrap_or("no message"),
        service.code().unwrap_or("none"),
        error.request_id().unwrap_or("none"),
    )
}

/// The SDK lists every source of credentials that it tried, a line each: of that a person needs the first.
fn unanswered(chain: &str) -> String {
    match chain.split_once("no credentials found in chain") {
        Some(_) => "no credentials were found: not in the environment, in a profile, nor from a role of this machine"
            .to_owned(),
        None => chain.replace('\n', " "),
    }
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
        _ if error.as_service_error().is_some_and(|error| about_the_clock(error.code(), error.message())) => Some(
            "This machine's clock is wrong: AWS refuses signatures of another time than its own. Have it set by NTP (timedatectl set-ntp true), then repeat the command.",
        ),
        Some(code) if EXPIRED.contains(&code) => {
            Some("The credentials have expired. Log in again (for example: aws sso login), then repeat the command.")
        }
        Some("InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch") => {
            Some("AWS does not accept these credentials. Check AWS_PROFILE or the AWS_… variables.")
        }
        Some("AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation") => {
            Some("These credentials lack that permission. Use another --profile, or ask for the permission.")
        }
        Some("Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException") => {
            Some("AWS throttles the account: something asks it too often. Repeat the command in a minute.")
        }
        Some(_) => None,
        None => no_answer(&chain(error)),
    }
}

/// The same code tells of a wrong key and of a wrong clock; the words tell which (IAM user guide, "Troubleshoot Signature
/// Version 4").
fn about_the_clock(code: Option<&str>, message: Option<&str>) -> bool {
    let words = ["Signature expired", "Signature not yet current"];
    matches!(code, Some("RequestTimeTooSkewed" | "RequestInTheFuture"))
        || message.is_some_and(|message| words.iter().any(|words| message.contains(words)))
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
    use aws_smithy_runtime_api::client::{
        interceptors::context::{Input, InterceptorContext},
        orchestrator::OrchestratorError,
        result::ConnectorError,
        retries::classifiers::{ClassifyRetry, RetryAction},
    };

    use super::{UNANSWERED, UnansweredSoon, about_the_clock, no_answer, unanswered};

    #[test]
    fn what_nobody_answers_is_given_up_soon_and_an_answer_begins_the_count_anew() {
        let outcome = |error| {
            let mut context = InterceptorContext::new(Input::doesnt_matter());
            context.set_output_or_error(Err(error));
            context
        };
        let unanswered = outcome(OrchestratorError::connector(ConnectorError::io("refused".into())));
        let answered = outcome(OrchestratorError::other("throttled"));
        let classifier = UnansweredSoon::default();
        let given_up = |context: &InterceptorContext| classifier.classify_retry(context) == RetryAction::RetryForbidden;
        for _ in 0..2 {
            for attempt in 1..=UNANSWERED {
                assert_eq!(given_up(&unanswered), attempt == UNANSWERED, "{attempt}");
            }
        }
        for context in [&unanswered, &unanswered, &unanswered, &answered, &unanswered, &answered, &answered] {
            assert!(!given_up(context));
        }
    }

    #[test]
    fn an_error_is_one_line_whatever_the_sdk_lists() {
        let listed =
            "dispatch failure: other: no credentials found in chain. Attempted:\nEnvironment: not set\nProfile: none";
        assert!(unanswered(listed).starts_with("no credentials were found") && !unanswered(listed).contains('\n'));
        assert_eq!(unanswered("a\nb"), "a b");
    }

    #[test]
    fn a_wrong_clock_is_told_from_a_wrong_key() {
        for (name, code, message, clock) in [
            ("S3", "RequestTimeTooSkewed", "The difference between the request time and ours is too large.", true),
            ("late", "SignatureDoesNotMatch", "Signature expired: 20260101T000000Z is now earlier than", true),
            ("early", "SignatureDoesNotMatch", "Signature not yet current: 20270101T000000Z is still later", true),
            ("JSON", "InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than", true),
            ("key", "SignatureDoesNotMatch", "The request signature we calculated does not match", false),
            ("token", "ExpiredToken", "The security token included in the request is expired", false),
        ] {
            assert_eq!(about_the_clock(Some(code), Some(message)), clock, "{name}");
        }
        assert!(!about_the_clock(None, None));
    }

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
