//! An error of the SDK → a reason code, a sentence for whoever made the Pod, and what AWS support asks for.
//!
//! The text of AWS's message is dropped: it may name roles and accounts the author of a Pod need not know.

use aws_sdk_ecr::config::http::HttpResponse;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::operation::RequestId as _;
use aws_smithy_runtime_api::client::result::DispatchFailure;

use crate::ecr::call::Call;
use crate::ecr::clients::Standing;
use crate::facts::Unavailable;
use crate::text::shown;

/// The reason code of credentials that a registry does not accept.
pub(super) const CREDENTIALS: &str = "credentials";

/// Why a call gave no answer.
#[derive(Debug, Clone)]
pub(super) enum Failure {
    /// A repository of the call does not exist.
    NoRepository(Unavailable),
    /// An image of the call does not exist.
    NoImage(Unavailable),
    /// The image of the call was never scanned.
    NoScan(Unavailable),
    /// ECR does not take the parameters, of which the names are the only ones that vary.
    BadName(Unavailable),
    /// Anything else.
    Other(Unavailable),
}

impl Failure {
    /// Whether another name in the same call may have been the only fault.
    pub(super) fn is_about_a_name(&self) -> bool {
        matches!(self, Self::NoRepository(_) | Self::NoImage(_) | Self::BadName(_))
    }

    pub(super) fn why(&self) -> &Unavailable {
        match self {
            Self::NoRepository(why)
            | Self::NoImage(why)
            | Self::NoScan(why)
            | Self::BadName(why)
            | Self::Other(why) => why,
        }
    }

    pub(super) fn into_unavailable(self) -> Unavailable {
        self.why().clone()
    }
}

/// Nothing came back by the deadline.
pub(super) fn timeout(call: &Call<'_>) -> Failure {
    Failure::Other(Unavailable::new("timeout", format!("ECR of {} did not answer in time; try again", call.registry)))
}

/// The registry throttled a moment ago, so it was not asked.
pub(super) fn throttled(call: &Call<'_>) -> Failure {
    Failure::Other(Unavailable::new("throttled", throttling(call)))
}

fn throttling(call: &Call<'_>) -> String {
    format!("ECR of {} is throttling requests; try again", call.registry)
}

/// Reads what the SDK reports.
pub(super) fn read<E: ProvideErrorMetadata>(
    call: &Call<'_>,
    action: &'static str,
    error: &SdkError<E, HttpResponse>,
) -> Failure {
    let registry = call.registry;
    let plain = |code, sentence: String| Failure::Other(Unavailable::new(code, sentence));
    match error {
        SdkError::TimeoutError(_) => timeout(call),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => timeout(call),
        SdkError::DispatchFailure(failure) if failure.is_io() || !is_about_identity(failure) => {
            plain("unreachable", format!("ECR of {registry} could not be reached; try again"))
        }
        // No connection was tried: credentials could not be had, or the request could not be made.
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => plain(
            "not-sent",
            format!("the webhook could not send its question to ECR of {registry}; its owner must look at its log"),
        ),
        SdkError::ServiceError(_) => answered(call, action, error),
        _ => with_ids(error, unreadable_answer(call), Failure::Other),
    }
}

/// Whether it failed before a connection was tried. A connection that breaks after the question was sent is of the same
/// kind to the SDK; only the causes tell the two apart, and the SDK keeps their types to itself.
fn is_about_identity(failure: &DispatchFailure) -> bool {
    let mut next = failure.as_connector_error().map(|error| error as &(dyn std::error::Error + 'static));
    while let Some(error) = next {
        let text = error.to_string().to_ascii_lowercase();
        if ["credential", "identity"].iter().any(|word| text.contains(word)) {
            return true;
        }
        next = error.source();
    }
    failure.is_user()
}

/// A success that answers some other question, or half of this one.
pub(super) fn unreadable_answer(call: &Call<'_>) -> Unavailable {
    Unavailable::new("unreadable-answer", unreadable(call))
}

fn unreadable(call: &Call<'_>) -> String {
    format!("ECR of {} answered something unreadable; try again", call.registry)
}

/// ECR answered with an error.
fn answered<E: ProvideErrorMetadata>(
    call: &Call<'_>,
    action: &'static str,
    error: &SdkError<E, HttpResponse>,
) -> Failure {
    let registry = call.registry;
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let code = error.code().unwrap_or_default();
    let (reason, sentence, failure): (_, _, fn(Unavailable) -> Failure) = match code {
        "RepositoryNotFoundException" => {
            ("scan-facts-missing", format!("ECR of {registry} does not yet know the repository"), Failure::NoRepository)
        }
        "ImageNotFoundException" => {
            ("image-facts-missing", format!("ECR of {registry} does not yet know the image"), Failure::NoImage)
        }
        "ScanNotFoundException" => {
            ("scan-missing", format!("ECR of {registry} has no scan of the image"), Failure::NoScan)
        }
        "InvalidParameterException" | "ValidationException" => (
            "ecr-rejected",
            format!("ECR of {registry} does not take the repository's name, or the image's tag or digest"),
            Failure::BadName,
        ),
        _ if is_throttling(code, status) => ("throttled", throttling(call), Failure::Other),
        "AccessDeniedException" | "AccessDenied" => ("access-denied", denied(call, action), Failure::Other),
        _ if is_about_credentials(code) => (
            CREDENTIALS,
            format!("ECR of {registry} does not accept the webhook's credentials; its owner must look at them"),
            Failure::Other,
        ),
        // A success that the SDK could not read.
        _ if (200..300).contains(&status) => ("unreadable-answer", unreadable(call), Failure::Other),
        _ if status >= 500 => {
            ("ecr-error", format!("ECR of {registry} answered with an error; try again"), Failure::Other)
        }
        _ => ("ecr-refused", format!("ECR of {registry} refused the question"), Failure::Other),
    };
    with_ids(error, Unavailable::new(reason, sentence), failure)
}

fn denied(call: &Call<'_>, action: &str) -> String {
    let registry = call.registry;
    match call.standing {
        Standing::Own => {
            format!("the webhook's role may not call ecr:{action} in {registry}; its policy must allow it")
        }
        Standing::Assumed => format!(
            "the role that the webhook assumes in account {} may not call ecr:{action} in {}; its policy must allow it",
            registry.account, registry.region
        ),
        Standing::Foreign => format!(
            "account {} does not let the webhook call ecr:{action} in {}; the repository's policy there must allow it to the webhook's role",
            registry.account, registry.region
        ),
    }
}

/// ECR's model does not list throttling; these are the codes the AWS SDKs treat as such.
pub(super) fn is_throttling(code: &str, status: u16) -> bool {
    let is_known = matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "SlowDown"
    );
    is_known || status == 429
}

fn is_about_credentials(code: &str) -> bool {
    matches!(
        code,
        "UnrecognizedClientException"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "RequestExpired"
    )
}

/// Adds AWS's code and request id, which come from the network like everything else.
fn with_ids<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
    mut why: Unavailable,
    failure: fn(Unavailable) -> Failure,
) -> Failure {
    why.aws_code = error.code().map(|code| shown(code, 80));
    why.request_id = error.request_id().map(|id| shown(id, 80));
    failure(why)
}
