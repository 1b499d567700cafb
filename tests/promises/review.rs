//! Reviews: what is understood is what plain JSON says, no image is overlooked, and what is not understood is refused.

use std::time::SystemTime;

use compliance::ecr::Gathered;
use compliance::facts::Facts;
use compliance::policy::{self, Request};
use compliance::workload::TemplateKind;
use lambda::decision::Decision;
use serde_json::Value;
use wire::admission::{self, Operation, Owned, Review};
use wire::refusal::{Refusal, uid_of};

use crate::answer::{assert_keeps_secrets, lets_in};
use crate::places;
use crate::{IGNORED, assert_printable, home_only};

/// Bytes of a refusal: it goes into an answer and into the log.
const LONGEST_REFUSAL: usize = 1024;

/// Reads a review as the webhook does.
///
/// # Panics
/// When a promise is not kept.
#[must_use]
pub fn review(body: &[u8]) -> bool {
    // Not everything that the decoder passes over is JSON to others: very deep lists, numbers that no float can hold.
    let written: Option<Value> = serde_json::from_slice(body).ok();
    match admission::decode(body) {
        Ok(review) => {
            understood(body, &review, written.as_ref());
            true
        }
        Err(refusal) => {
            refused(body, &refusal, written.as_ref());
            false
        }
    }
}

fn refused(body: &[u8], refusal: &Refusal, written: Option<&Value>) {
    let Refusal { uid, code, message } = refusal;
    assert!((400..500).contains(code) && !message.is_empty() && message.len() <= LONGEST_REFUSAL, "{code} {message:?}");
    assert!(!message.contains('\n'), "more than a sentence: {message:?}");
    assert_printable(message);
    if uid.is_some() {
        assert_eq!(*uid, std::str::from_utf8(body).ok().and_then(uid_of), "another request's uid");
    }
    let Some(written) = written else { return };
    assert_keeps_secrets(written, message);
    // Of what makes Pods a refusal is a warning. A Pod must never be taken for that.
    let request = &written["request"];
    if request["kind"]["kind"] == "Pod" || request["resource"]["resource"] == "pods" {
        assert_eq!(admission::template_in(body), None, "a Pod that is not understood would be let in");
    }
}

fn understood(body: &[u8], review: &Review<'_>, written: Option<&Value>) {
    assert!(!review.uid.is_empty(), "nobody to answer to");
    assert_eq!(uid_of(std::str::from_utf8(body).expect("text")).as_deref(), Some(&*review.uid));
    assert_eq!(admission::template_in(body), review.template, "what it is about is read in two ways");
    let text = decide(review);
    let Some(written) = written else { return };
    assert_keeps_secrets(written, &text);

    let request = &written["request"];
    let word = |name: &str| request[name].as_str().unwrap_or_default();
    assert_eq!((&*review.uid, &*review.namespace, &*review.name), (word("uid"), word("namespace"), word("name")));
    assert_eq!(review.operation.name(), word("operation"));
    assert_eq!(review.dry_run, request["dryRun"].as_bool().unwrap_or_default());
    let found: Vec<(String, String)> =
        review.images().into_iter().map(|field| (field.path, field.image.to_owned())).collect();
    assert_eq!(found, images(review, request), "images are overlooked or made up");
    if let Some(Owned::By(owner)) = review.owner() {
        let owners = request["object"]["metadata"]["ownerReferences"].as_array().expect("owners");
        assert!(owners.iter().any(|one| one["kind"] == *owner.kind && one["name"] == *owner.name), "{owner:?}");
    }
}

/// The images that a request brings in, as plain JSON has them.
fn images(review: &Review<'_>, request: &Value) -> Vec<(String, String)> {
    let (pointer, path) = review.template.map_or(("", ""), place);
    let pod = |object: &str| request[object].pointer(pointer).unwrap_or(&Value::Null).clone();
    let old = match review.operation {
        Operation::Create => None,
        Operation::Update => Some(pod("oldObject")),
        Operation::Delete | Operation::Connect => return Vec::new(),
    };
    let mut all = places::new_images(&pod("object"), old.as_ref());
    if review.template.is_some() {
        // A template may leave an image to somebody else.
        all.retain(|(_, image)| !image.is_empty());
    }
    all.into_iter().map(|(at, image)| (format!("{path}{at}"), image)).collect()
}

/// Where the template of a Pod stands: to find it, and to say so.
fn place(kind: TemplateKind) -> (&'static str, &'static str) {
    match kind.kind {
        "CronJob" => ("/spec/jobTemplate/spec/template", "spec.jobTemplate.spec.template."),
        "PodTemplate" => ("/template", "template."),
        _ => ("/spec/template", "spec.template."),
    }
}

/// The answer while nothing is known of any repository: no image gets in.
fn decide(review: &Review<'_>) -> String {
    let request = Request { namespace: &review.namespace, images: review.images() };
    let verdict = policy::evaluate(&home_only(), &request, &Facts::default(), SystemTime::UNIX_EPOCH);
    let decision = Decision::judged(review, &request.images, verdict, &Gathered::default(), "v");
    let text = admission::encode(&decision.answer(&review.uid)).expect("an answer");
    let passes = request.images.is_empty() || review.template.is_some() || review.namespace == IGNORED;
    assert_eq!(lets_in(&text, &review.uid), passes, "{text}");
    let denial = decision.denial.map(|denial| denial.message).unwrap_or_default();
    // The API server's uid ends it as it is.
    assert_printable(denial.split("\nrequest: ").next().unwrap_or_default());
    text
}
