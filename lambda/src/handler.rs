//! One admission, read top-down: authenticate → decode → gather → decide → encode.
//!
//! This is the one place that decides what an error means. It must not know the wire format (`admission`), the rules
//! (`compliance`) or how lines are written (`record`, `log`, `metrics`).

use std::collections::BTreeSet;
use std::time::{Instant, SystemTime};

use compliance::ecr::{EcrFacts, Gathered};
use compliance::policy::{self, Policy};
use compliance::verdict::Verdict;
use futures_util::future::BoxFuture;
use lambda_http::http::header::{CONTENT_TYPE, RETRY_AFTER};
use lambda_http::{Body, Response};
use serde_json::json;
use tokio::time::timeout;
use wire::admission::{self, Denial};
use wire::event::{Answering, Call};
use wire::refusal::{Refusal, uid_of};

use crate::caller::Callers;
use crate::clients;
use crate::decision::Decision;
use crate::log::{Level, Log};
use crate::metrics;
use crate::panic;
use crate::policy_file::Malformed;
use crate::record;
use crate::retry::{self, Patience};
use crate::settings::Settings;

/// Most errors of a policy that a log line lists.
const MOST_ERRORS: usize = 100;

/// The webhook: what it was configured to do, and where it learns and tells things.
pub struct Webhook {
    /// Who may ask.
    pub callers: Callers,
    /// What is accepted, or why nobody knows.
    pub policy: Result<Policy, Malformed>,
    /// Which policy that is.
    pub policy_version: String,
    /// What ECR says.
    pub facts: EcrFacts,
    /// Where lines go.
    pub log: Log,
}

impl Webhook {
    /// Builds the clients and judges a Pod that nobody made, while the processor is not yet throttled.
    ///
    /// # Errors
    /// When this build cannot do TLS.
    pub async fn start(settings: Settings) -> Result<Self, rustls::Error> {
        let facts = clients::ecr_facts(&settings)?;
        let rehearsed = clients::warm_up_images(&settings);
        let log = Log::stdout(settings.log_level);
        let Settings { callers, configured, .. } = settings;
        if let Err(Malformed { errors, .. }) = &configured.policy {
            let errors: Vec<&String> = errors.iter().take(MOST_ERRORS).collect();
            log.write(Level::Error, "the policy is malformed: no Pod can be checked", json!({ "errors": errors }));
        }
        let webhook = Self { callers, policy: configured.policy, policy_version: configured.version, facts, log };
        webhook.rehearse(&rehearsed).await;
        Ok(webhook)
    }

    /// A decision about images that do not exist, which nobody hears of: the first Pod waits neither for TLS nor for code
    /// that was never run. If ECR cannot be reached, the first decision will find out and say so.
    async fn rehearse(&self, images: &BTreeSet<String>) {
        if images.is_empty() {
            return;
        }
        let (started, review) = (Instant::now(), admission::rehearsal(images));
        if let Ok(decision) = timeout(clients::WARM_UP_TIMEOUT, self.decide(&review, "")).await {
            record::write(&Log::to(Level::Debug, Box::new(std::io::sink())), "rehearsal", &decision, started.elapsed());
            drop(answer(&decision));
        }
    }

    /// Answers one call. Never fails: whatever goes wrong has an answer of its own.
    pub async fn handle(&self, call: &Call) -> Response<Body> {
        let started = Instant::now();
        // First of all, so that a stranger's body costs nothing and is never looked at.
        let Some(cluster) = self.callers.authenticate(call.method(), &call.raw_path, call.authorization()) else {
            return self.turn_away(call);
        };
        let mut decision = self.decide(&call.body(), &call.raw_query_string).await;
        call.request_id().clone_into(&mut decision.api_request_id);
        record::write(&self.log, cluster, &decision, started.elapsed());
        answer(&decision)
    }

    /// A stranger learns nothing, not even whether the path or the secret was wrong.
    fn turn_away(&self, call: &Call) -> Response<Body> {
        self.log.metric(&metrics::wrong_caller(SystemTime::now()));
        self.log.write(Level::Warn, "caller not known", json!({ "apiRequestId": call.request_id() }));
        respond(404, Body::Empty)
    }

    async fn decide(&self, body: &[u8], query: &str) -> Decision {
        match panic::caught(self.judge(body, query)).await {
            Ok(decision) => decision,
            // A defect says nothing about the Pod: it could not be checked, and what was not checked is not let in.
            Err(panic::Panicked) => crashed(body),
        }
    }

    async fn judge(&self, body: &[u8], query: &str) -> Decision {
        let review = match admission::decode(body) {
            Ok(review) => review,
            Err(refusal) => return refused(body, refusal),
        };
        let request = policy::Request { namespace: &review.namespace, images: review.images() };
        let patience = Patience::of(review.created(), query);
        let (verdict, gathered) = self.verdict(&request, patience).await;
        let again = retry::may_pass(&verdict) && patience.is_some_and(|patience| patience.suffices(SystemTime::now()));
        let decision = Decision::judged(&review, &request.images, verdict, &gathered, &self.policy_version);
        Decision { again, ..decision }
    }

    async fn verdict(&self, request: &policy::Request<'_>, patience: Option<Patience>) -> (Verdict, Gathered) {
        let policy = match &self.policy {
            Ok(policy) => policy,
            Err(malformed) => return (malformed.verdict(request), Gathered::default()),
        };
        // Nothing is asked of ECR for a request that brings in no image, or none of an accepted registry.
        let (repositories, images) = policy::wanted(policy, request);
        let late = patience.map(|patience| tokio::time::Instant::now() + patience.for_facts(SystemTime::now()));
        let until = late.map_or_else(|| self.facts.until(), |late| late.min(self.facts.until()));
        let gathered = self.facts.gather_until(&repositories, &images, until).await;
        let verdict = policy::evaluate(policy, request, &gathered.facts, SystemTime::now());
        if gathered.report.cache_hits == 0 || (verdict.denials.is_empty() && verdict.warnings.is_empty()) {
            return (verdict, gathered);
        }
        // What is remembered may let a Pod in, but it keeps none out: somebody may have run the command that the last
        // denial told, and now tries again. Both gatherings have the time of one.
        let mut again = self.facts.gather_afresh(&repositories, &images, until).await;
        again.report += gathered.report;
        (policy::evaluate(policy, request, &again.facts, SystemTime::now()), again)
    }
}

impl Answering for Webhook {
    fn answer<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Response<Body>> {
        Box::pin(self.handle(call))
    }
}

/// A review that was not understood is the caller's mistake, denied with a sentence for whoever configured it. One
/// that is too long counts as undecided besides: its Pod may well be compliant.
fn refused(body: &[u8], refusal: Refusal) -> Decision {
    let undecided = refusal.code == 413;
    unjudged(body, refusal.uid, Denial { code: refusal.code, message: refusal.message }, undecided)
}

fn crashed(body: &[u8]) -> Decision {
    let message = "this Pod could not be checked: a defect in the webhook, its log says where; try again, \
                   and report the line \"defect: panic\" to those who run the webhook";
    let uid = std::str::from_utf8(body).ok().and_then(uid_of);
    unjudged(body, uid, Denial { code: 500, message: message.to_owned() }, true)
}

/// A Pod that was not judged is denied. An object that makes Pods is not: its Pods will be looked at when they come.
fn unjudged(body: &[u8], uid: Option<String>, denial: Denial, undecided: bool) -> Decision {
    match (uid, admission::template_in(body)) {
        (Some(uid), Some(template)) => Decision::unadvised(uid, template, denial.message),
        (uid, _) => Decision::denied(uid, denial, undecided),
    }
}

/// An admission answer is HTTP 200 even when it denies. Without a uid there is no admission to answer: the same code
/// as HTTP status then, which the API server treats as a failed call. One that shall come again gets no verdict yet.
fn answer(decision: &Decision) -> Response<Body> {
    if decision.again {
        let mut response = respond(429, Body::Empty);
        response.headers_mut().insert(RETRY_AFTER, retry::WAIT.as_secs().into());
        return response;
    }
    match (&decision.uid, &decision.denial) {
        (None, Some(denial)) => respond(denial.code, Body::Text(json!({ "error": denial.message }).to_string())),
        (uid, _) => admission::encode(&decision.answer(uid.as_deref().unwrap_or_default()))
            .map_or_else(|_| respond(500, Body::Empty), |text| respond(200, Body::Text(text))),
    }
}

fn respond(code: u16, body: Body) -> Response<Body> {
    let typed = !matches!(body, Body::Empty);
    let mut response = Response::new(body);
    *response.status_mut() = lambda_http::http::StatusCode::from_u16(code).unwrap_or_default();
    if typed {
        let json = lambda_http::http::HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
    }
    response
}

#[cfg(test)]
#[path = "handler_policy_tests.rs"]
mod policy_tests;
#[cfg(test)]
#[path = "handler_retry_tests.rs"]
mod retry_tests;
#[cfg(test)]
#[path = "handler_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "handler_world.rs"]
mod world;
