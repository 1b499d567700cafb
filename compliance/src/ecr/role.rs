//! A role of a registry's account, assumed before that registry is asked: `AssumeRole` of AWS STS.
//!
//! Its credentials are kept and renewed before they end; those who need them at the same time wait for one answer. A role
//! that cannot be assumed makes its own registry unavailable and no other. Credentials are shown nowhere; neither is the
//! role's ARN, which the author of a Pod need not know.
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_sdk_sts::Client;
use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_sts::operation::RequestId as _;
use aws_sdk_sts::operation::assume_role::{AssumeRoleError, AssumeRoleOutput};
use tokio::time::{Instant, timeout_at};

use crate::ecr::call::Call;
use crate::ecr::clock::Moment;
use crate::ecr::error::is_throttling;
use crate::facts::Unavailable;
use crate::text::shown;

/// How the assumed role's calls are named in the other account's `CloudTrail`.
const SESSION: &str = "ecr-compliance-webhook";
/// New credentials are asked for so long before the old ones end: long enough that AWS may fail for some minutes.
const RENEW_BEFORE: Duration = Duration::from_mins(5);
/// So long before their end credentials are no longer used: a call takes time, and clocks differ.
const LAST_USE: Duration = Duration::from_secs(15);
/// How long STS is left alone after a failure, or after a registry did not accept what it gave: the calls of one decision
/// shall not each ask again.
const PAUSE: Duration = Duration::from_secs(1);

/// A role to assume, with the credentials it has given so far. Clones share them.
#[derive(Clone)]
pub struct Role(Arc<Inner>);

struct Inner {
    sts: Client,
    arn: String,
    external_id: Option<String>,
    /// With the time at which they came.
    held: Mutex<Option<(Credentials, Moment)>>,
    /// Held by whoever asks STS; the last failure, and when it was.
    asking: tokio::sync::Mutex<Option<(Moment, Unavailable)>>,
}

// Neither credentials nor names of roles belong into a log.
impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Role")
    }
}

impl Role {
    /// A role by its ARN, asked for through that client with the external id that its trust policy may want.
    #[must_use]
    pub fn new(sts: Client, arn: String, external_id: Option<String>) -> Self {
        Self(Arc::new(Inner { sts, arn, external_id, held: Mutex::default(), asking: tokio::sync::Mutex::default() }))
    }

    /// Sees to it that there are credentials, by the deadline of the call.
    pub(super) async fn ready(&self, call: &Call<'_>) -> Result<(), Unavailable> {
        if self.lasts(call, RENEW_BEFORE) {
            return Ok(());
        }
        match timeout_at(call.until, self.renew(call)).await.unwrap_or_else(|_| Err(timeout(call))) {
            // The old ones still hold: they are renewed next time.
            Err(_) if self.lasts(call, LAST_USE) => Ok(()),
            renewed => renewed,
        }
    }

    /// Whether the credentials last longer than that.
    fn lasts(&self, call: &Call<'_>, time: Duration) -> bool {
        let end = self.lock().as_ref().and_then(|(held, _)| held.expiry());
        let now = SystemTime::UNIX_EPOCH + call.clock.now().wall;
        end.is_some_and(|end| end.duration_since(now).is_ok_and(|left| left > time))
    }

    /// Asks STS, unless somebody else just did.
    async fn renew(&self, call: &Call<'_>) -> Result<(), Unavailable> {
        let mut failed = self.0.asking.lock().await;
        if self.lasts(call, RENEW_BEFORE) {
            return Ok(());
        }
        // Whoever asked before waited until the deadline that is this call's too.
        if Instant::now() >= call.until {
            return Err(timeout(call));
        }
        if let Some((_, why)) = failed.as_ref().filter(|(at, _)| call.clock.now().since(*at) < PAUSE) {
            return Err(why.clone());
        }
        let Inner { sts, arn, external_id, .. } = &*self.0;
        let request = sts.assume_role().role_arn(arn).role_session_name(SESSION);
        let answer = request.set_external_id(external_id.clone()).send().await;
        match answer.map_err(|error| unavailable(call, &error)).and_then(|output| credentials(call, output)) {
            Ok(credentials) => {
                *self.lock() = Some((credentials, call.clock.now()));
                *failed = None;
                Ok(())
            }
            Err(why) => {
                *failed = Some((call.clock.now(), why.clone()));
                Err(why)
            }
        }
    }

    /// Gives up credentials that a registry does not accept: revoked, or ended by another clock. The next call asks for new
    /// ones, unless these are.
    pub(super) fn refused(&self, now: Moment) {
        self.lock().take_if(|(_, since)| now.since(*since) >= PAUSE);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Credentials, Moment)>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the client that asks the registry, which must not keep them itself: `Role::ready` renews them.
impl ProvideCredentials for Role {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let held: provider::Result = self
            .lock()
            .as_ref()
            .map(|(held, _)| held.clone())
            .ok_or_else(|| CredentialsError::not_loaded("the role was not assumed"));
        future::ProvideCredentials::ready(held)
    }
}

fn credentials(call: &Call<'_>, output: AssumeRoleOutput) -> Result<Credentials, Unavailable> {
    let unreadable = || Unavailable::new("role-refused", format!("AWS gave no credentials {}", for_role(call)));
    let given = output.credentials.ok_or_else(unreadable)?;
    let end = SystemTime::try_from(given.expiration).map_err(|_| unreadable())?;
    let words = [&given.access_key_id, &given.secret_access_key, &given.session_token];
    if !words.into_iter().all(|word| is_word(word)) {
        return Err(unreadable());
    }
    let token = Some(given.session_token);
    Ok(Credentials::new(given.access_key_id, given.secret_access_key, token, Some(end), "role of the registry"))
}

/// Whether it can stand in a header; the SDK panics where it cannot.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn for_role(call: &Call<'_>) -> String {
    format!("for the role by which ECR of {} is asked", call.registry)
}

fn timeout(call: &Call<'_>) -> Unavailable {
    Unavailable::new("role-timeout", format!("AWS STS gave no credentials in time {}; try again", for_role(call)))
}

/// Why there are no credentials. AWS's own words name roles and accounts, so they are dropped.
fn unavailable(call: &Call<'_>, error: &SdkError<AssumeRoleError, HttpResponse>) -> Unavailable {
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let code = error.code().unwrap_or_default();
    let role = for_role(call);
    let mut why = match error {
        SdkError::TimeoutError(_) => timeout(call),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => timeout(call),
        SdkError::ServiceError(_) if is_throttling(code, status) => {
            Unavailable::new("role-throttled", format!("AWS STS is throttling requests {role}; try again"))
        }
        SdkError::ServiceError(_) if code == "AccessDenied" => Unavailable::new(
            "role-denied",
            format!(
                "the webhook may not assume the role by which ECR of {} is asked; its owner must look at that role's trust policy",
                call.registry
            ),
        ),
        SdkError::ServiceError(_) if (400..500).contains(&status) => Unavailable::new(
            "role-refused",
            format!("AWS STS refused credentials {role}; the webhook's owner must look at them"),
        ),
        _ => Unavailable::new("role-unreachable", format!("AWS STS could not be asked {role}; try again")),
    };
    why.aws_code = error.code().map(|code| shown(code, 80));
    why.request_id = error.request_id().map(|id| shown(id, 80));
    why
}
