//! The wire format: `AdmissionReview` of `admission.k8s.io/v1` in and out. Nothing else in this crate knows it.
//!
//! The review is read in place: of a Pod, or of an object that makes Pods, only the image fields are looked at, the rest
//! is skipped without being copied.
//! This file must not judge: it says what was asked, or in one sentence why that cannot be understood.
//! Shapes: <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>

use std::borrow::Cow;
use std::collections::BTreeMap;

use compliance::workload::{ImageField, PodView, TemplateKind, TemplateView};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::refusal::{Refusal, first_member, uid_of, unreadable};

/// The only version spoken.
pub const API_VERSION: &str = "admission.k8s.io/v1";
/// The only kind spoken.
pub const KIND: &str = "AdmissionReview";
/// Longest review that is judged. An API server takes objects of up to 1.5 MiB or so; a real Pod has a few KiB.
pub const LIMIT_BYTES: usize = 2 * 1024 * 1024;

/// `operation` of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A new Pod.
    Create,
    /// A change of a Pod, also through a sub-resource such as `ephemeralcontainers`.
    Update,
    /// A removal.
    Delete,
    /// `exec`, `attach`, `port-forward`.
    Connect,
}

impl Operation {
    /// The word of the wire format.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// What an API server asks.
pub struct Review<'a> {
    /// `request.uid`, to be echoed.
    pub uid: Cow<'a, str>,
    /// `request.namespace`: the API server's word. The one inside the object is the user's and is not read.
    pub namespace: Cow<'a, str>,
    /// `request.name`; empty for a Pod whose name is generated.
    pub name: Cow<'a, str>,
    /// `request.operation`.
    pub operation: Operation,
    /// `request.dryRun`.
    pub dry_run: bool,
    /// What it is about, if not a Pod: an object whose Pods will be judged later. It is never denied.
    pub template: Option<TemplateKind>,
    object: Object<'a>,
}

/// What there is to look at.
enum Object<'a> {
    Nothing,
    Pod { new: PodView<'a>, old: Option<PodView<'a>> },
    Template { new: TemplateView<'a>, old: Option<TemplateView<'a>> },
}

impl Review<'_> {
    /// The images that this request brings in: all of a new Pod, on an update only those that were not there before.
    /// Otherwise a Pod admitted under older rules could not even lose a finalizer.
    #[must_use]
    pub fn images(&self) -> Vec<ImageField<'_>> {
        match &self.object {
            Object::Nothing => Vec::new(),
            Object::Pod { new, old: None } => new.images(),
            Object::Pod { new, old: Some(old) } => new.images_not_in(old),
            Object::Template { new, old: None } => new.images(),
            Object::Template { new, old: Some(old) } => new.images_not_in(old),
        }
    }
}

impl Review<'_> {
    /// When the API server made the Pod that is to be created: its own time, not the user's.
    #[must_use]
    pub fn created(&self) -> Option<&str> {
        match &self.object {
            Object::Pod { new, .. } if self.operation == Operation::Create => new.created(),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    request: Option<Request<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
    #[serde(default)]
    kind: GroupVersion<'a>,
    #[serde(default)]
    resource: GroupVersion<'a>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    operation: Cow<'a, str>,
    #[serde(default)]
    dry_run: bool,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    old_object: Option<&'a RawValue>,
}

/// Kind and resource with their group and version, in one type: the last member is named differently, all else is the same.
#[derive(Deserialize, Default)]
struct GroupVersion<'a> {
    #[serde(borrow, default)]
    group: Cow<'a, str>,
    #[serde(borrow, default)]
    version: Cow<'a, str>,
    #[serde(borrow, default, alias = "resource")]
    kind: Cow<'a, str>,
}

/// Reads a review.
///
/// # Errors
/// One sentence that names the field and the way out, and the uid if there is one to answer to.
pub fn decode(body: &[u8]) -> Result<Review<'_>, Refusal> {
    let text = std::str::from_utf8(body).map_err(|error| {
        Refusal::bad_request(None, format!("the body is not UTF-8 text (byte {}); send JSON", error.valid_up_to()))
    })?;
    let envelope: Envelope<'_> = serde_json::from_str(text)
        .map_err(|error| Refusal::bad_request(uid_of(text), unreadable("the AdmissionReview", &error)))?;
    let missing =
        |what: &str| Refusal::bad_request(None, format!("{what} is missing; send an AdmissionReview of {API_VERSION}"));
    let request = envelope.request.ok_or_else(|| missing("`request`"))?;
    if request.uid.is_empty() {
        return Err(missing("`request.uid`"));
    }
    let uid = request.uid.clone();
    let review = check_envelope(&envelope.api_version, &envelope.kind)
        .and_then(|()| check_size(body.len()))
        .and_then(|()| read_request(request));
    review.map_err(|(code, message)| Refusal { uid: Some(uid.into_owned()), code, message })
}

fn check_envelope(api_version: &str, kind: &str) -> Result<(), (u16, String)> {
    if api_version != API_VERSION {
        return Err((
            400,
            format!(
                "`apiVersion` is {api_version:?}, only {API_VERSION:?} is understood; \
                 set admissionReviewVersions: [\"v1\"] in the ValidatingWebhookConfiguration"
            ),
        ));
    }
    if kind != KIND {
        return Err((400, format!("`kind` is {kind:?}; send an {KIND}")));
    }
    Ok(())
}

/// A longer review was read in place only to find its uid; nothing of it was copied.
fn check_size(bytes: usize) -> Result<(), (u16, String)> {
    if bytes <= LIMIT_BYTES {
        return Ok(());
    }
    Err((
        413,
        format!(
            "this Pod could not be checked: its AdmissionReview has {bytes} bytes, the limit is {LIMIT_BYTES}; \
             make the Pod smaller (long annotations, commands and environment values belong into a ConfigMap)"
        ),
    ))
}

fn read_request(request: Request<'_>) -> Result<Review<'_>, (u16, String)> {
    let operation = read_operation(&request.operation)?;
    let template = template_of(&request.kind, &request.resource);
    let object = match operation {
        // Nothing starts because of these, so there is no image to judge; `object` is empty or not a Pod at all.
        Operation::Delete | Operation::Connect => Object::Nothing,
        Operation::Create | Operation::Update => read_objects(&request, operation, template)?,
    };
    Ok(Review {
        uid: request.uid,
        namespace: request.namespace,
        name: request.name,
        operation,
        dry_run: request.dry_run,
        template,
        object,
    })
}

fn read_operation(word: &str) -> Result<Operation, (u16, String)> {
    [Operation::Create, Operation::Update, Operation::Delete, Operation::Connect]
        .into_iter()
        .find(|operation| operation.name() == word)
        .ok_or_else(|| {
            (400, format!("`request.operation` is {word:?}; CREATE, UPDATE, DELETE and CONNECT are understood"))
        })
}

/// The new object and, of an update, the old one. Without an old object every image counts as new: the stricter reading.
fn read_objects<'a>(
    request: &Request<'a>,
    operation: Operation,
    template: Option<TemplateKind>,
) -> Result<Object<'a>, (u16, String)> {
    let old_object = request.old_object.filter(|_| operation == Operation::Update);
    if let Some(kind) = template {
        let read = |json| TemplateView::read(kind, json);
        let new = read_object("request.object", request.object, read)?;
        let new = new.ok_or_else(|| without_object(operation, kind.kind))?;
        return Ok(Object::Template { new, old: read_object("request.oldObject", old_object, read)? });
    }
    check_is_pod(&request.kind, &request.resource)?;
    let new = read_object("request.object", request.object, serde_json::from_str)?;
    let new = new.ok_or_else(|| without_object(operation, "Pod"))?;
    Ok(Object::Pod { new, old: read_object("request.oldObject", old_object, serde_json::from_str)? })
}

fn read_object<'a, T>(
    field: &str,
    object: Option<&'a RawValue>,
    read: impl Fn(&'a str) -> serde_json::Result<T>,
) -> Result<Option<T>, (u16, String)> {
    object
        .map(|object| read(object.get()).map_err(|error| (400, unreadable(&format!("`{field}`"), &error))))
        .transpose()
}

fn without_object(operation: Operation, kind: &str) -> (u16, String) {
    (400, format!("`request.object` is missing; a {} without the {kind} cannot be checked", operation.name()))
}

/// The kind of an object that makes Pods, if it is one by kind and resource both.
fn template_of(kind: &GroupVersion<'_>, resource: &GroupVersion<'_>) -> Option<TemplateKind> {
    let of = |found: &GroupVersion<'_>, group: &str, name: &str| {
        (&*found.group, &*found.version, &*found.kind) == (group, "v1", name)
    };
    let is = |known: &TemplateKind| of(kind, known.group, known.kind) && of(resource, known.group, known.resource);
    TemplateKind::ALL.into_iter().find(is)
}

/// The same of a review that could not be understood otherwise: whatever is wrong with it, it is not to be denied.
#[must_use]
pub fn template_in(body: &[u8]) -> Option<TemplateKind> {
    let request = first_member(std::str::from_utf8(body).ok()?, "request")?;
    let read = |name| serde_json::from_str(first_member(request.get(), name)?.get()).ok();
    template_of(&read("kind")?, &read("resource")?)
}

fn check_is_pod(kind: &GroupVersion<'_>, resource: &GroupVersion<'_>) -> Result<(), (u16, String)> {
    for (field, found, expected) in [("request.kind", kind, "Pod"), ("request.resource", resource, "pods")] {
        if (&*found.group, &*found.version, &*found.kind) != ("", "v1", expected) {
            let named = [&*found.group, &*found.version, &*found.kind].join("/");
            return Err((
                400,
                format!(
                    "`{field}` is {:?}, only core v1 {expected} and the workloads that make them can be checked; \
                     narrow the rules of the ValidatingWebhookConfiguration to these",
                    named.trim_start_matches('/')
                ),
            ));
        }
    }
    Ok(())
}

/// Why a request is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// HTTP status code for the user, 400 to 599.
    pub code: u16,
    /// What kubectl prints.
    pub message: String,
}

/// What the API server is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<'a> {
    /// `request.uid` again.
    pub uid: &'a str,
    /// `None` allows.
    pub denial: Option<&'a Denial>,
    /// What `kubectl` prints, whether it is allowed or not: up to 256 characters each and 4096 in all.
    pub warnings: &'a [String],
    /// Written to the API server's audit log. A key has at most 63 characters, none of them `/`.
    pub audit_annotations: BTreeMap<&'static str, String>,
}

/// Writes an answer.
///
/// # Errors
/// Never, in practice: strings and numbers can always be written.
pub fn encode(answer: &Answer<'_>) -> serde_json::Result<String> {
    serde_json::to_string(&ReviewOut {
        api_version: API_VERSION,
        kind: KIND,
        response: ResponseOut {
            uid: answer.uid,
            allowed: answer.denial.is_none(),
            status: answer.denial.map(status),
            warnings: answer.warnings,
            audit_annotations: &answer.audit_annotations,
        },
    })
}

fn status(denial: &Denial) -> StatusOut<'_> {
    let reason = match denial.code {
        400 => "BadRequest",
        413 => "RequestEntityTooLarge",
        500 => "InternalError",
        _ => "Forbidden",
    };
    StatusOut { status: "Failure", message: &denial.message, reason, code: denial.code }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReviewOut<'a> {
    api_version: &'static str,
    kind: &'static str,
    response: ResponseOut<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseOut<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatusOut<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: &'a BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct StatusOut<'a> {
    status: &'static str,
    message: &'a str,
    reason: &'static str,
    code: u16,
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
