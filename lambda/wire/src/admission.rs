//! The wire format: `AdmissionReview` of `admission.k8s.io/v1` in and out. Nothing else in this crate knows it.
//!
//! The review is read in place: of a Pod, or of an object that makes Pods, only the image fields are looked at, the rest
//! is skipped without being copied; of a Pod also when and by what it was made.
//! This file must not judge: it says what was asked, or in one sentence why that cannot be understood.
//! Shapes: <https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/>

mod answer;

use std::borrow::Cow;
use std::collections::BTreeSet;

use compliance::object::Object as JsonObject;
use compliance::workload::{ImageField, Owner, PodView, TemplateKind, TemplateView};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

pub use self::answer::{Answer, Denial, encode};
use crate::refusal::{Refusal, only_member, quoted, uid_of, unreadable};

/// The only version spoken.
pub const API_VERSION: &str = "admission.k8s.io/v1";
/// The only kind spoken.
pub const KIND: &str = "AdmissionReview";
/// Longest review that is judged: as long as an event of Lambda can be. A real Pod has a few KiB, but an API server takes
/// requests of 3 MiB, and an update holds its object twice.
pub const LIMIT_BYTES: usize = 6 * 1024 * 1024;

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

/// The review of a Pod of these images, as an API server would send it.
#[must_use]
pub fn rehearsal(images: &BTreeSet<String>) -> Vec<u8> {
    let containers: Vec<Value> = images.iter().map(|image| json!({ "name": "rehearsal", "image": image })).collect();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "rehearsal" }, "spec": { "containers": containers },
    });
    let review = json!({ "apiVersion": API_VERSION, "kind": KIND, "request": {
        "uid": "rehearsal",
        "kind": { "group": "", "version": "v1", "kind": "Pod" },
        "resource": { "group": "", "version": "v1", "resource": "pods" },
        "namespace": "rehearsal", "name": "rehearsal", "operation": "CREATE", "object": pod,
    } });
    review.to_string().into_bytes()
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

/// Whether a Pod has an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owned<'a> {
    /// It has this one.
    By(Owner<'a>),
    /// Somebody made it by itself, or whose it is cannot be read.
    ByNobody,
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
    /// What controls the Pod, as the Pod says; `None` of what is no Pod.
    #[must_use]
    pub fn owner(&self) -> Option<Owned<'_>> {
        match &self.object {
            Object::Pod { new, .. } => Some(new.owner().map_or(Owned::ByNobody, Owned::By)),
            Object::Nothing | Object::Template { .. } => None,
        }
    }

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
struct Envelope<'a, O> {
    #[serde(borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    request: Option<JsonObject<Request<'a, O>>>,
}

/// `O` is what its objects are read as.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a, O> {
    #[serde(borrow, default)]
    uid: Cow<'a, str>,
    #[serde(default)]
    kind: JsonObject<GroupVersion<'a>>,
    #[serde(default)]
    resource: JsonObject<GroupVersion<'a>>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    operation: Cow<'a, str>,
    #[serde(default)]
    dry_run: bool,
    object: Option<O>,
    old_object: Option<O>,
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
    // A Pod, nearly always. Its images are picked out while the review is read, which goes through its text once. Only a
    // review that is understood in that way is taken; any other is read again to find out what is right or wrong with it.
    match serde_json::from_str::<JsonObject<Envelope<'_, PodView<'_>>>>(text) {
        Ok(JsonObject(envelope)) if is_about_a_running_pod(&envelope) => review(envelope, body.len()),
        _ => serde_json::from_str::<JsonObject<Envelope<'_, &RawValue>>>(text)
            .map_err(|error| Refusal::bad_request(uid_of(text), unreadable("the AdmissionReview", &error)))
            .and_then(|JsonObject(envelope)| review(envelope, body.len())),
    }
}

/// Whether `object` is a Pod that starts or changes, so that reading it as one was right.
fn is_about_a_running_pod(envelope: &Envelope<'_, PodView<'_>>) -> bool {
    envelope.request.as_ref().is_some_and(|JsonObject(request)| {
        matches!(read_operation(&request.operation), Ok(Operation::Create | Operation::Update))
            && check_is_pod(&request.kind.0, &request.resource.0).is_ok()
    })
}

fn review<'a, O: ReadObjects<'a>>(envelope: Envelope<'a, O>, bytes: usize) -> Result<Review<'a>, Refusal> {
    let missing =
        |what: &str| Refusal::bad_request(None, format!("{what} is missing; send an AdmissionReview of {API_VERSION}"));
    let JsonObject(request) = envelope.request.ok_or_else(|| missing("`request`"))?;
    if request.uid.is_empty() {
        return Err(missing("`request.uid`"));
    }
    let uid = request.uid.clone();
    let review = check_envelope(&envelope.api_version, &envelope.kind)
        .and_then(|()| check_size(bytes))
        .and_then(|()| read_request(request));
    review.map_err(|(code, message)| Refusal { uid: Some(uid.into_owned()), code, message })
}

fn check_envelope(api_version: &str, kind: &str) -> Result<(), (u16, String)> {
    if api_version != API_VERSION {
        return Err((
            400,
            format!(
                "`apiVersion` is {}, only {API_VERSION:?} is understood; \
                 set admissionReviewVersions: [\"v1\"] in the ValidatingWebhookConfiguration",
                quoted(api_version)
            ),
        ));
    }
    if kind != KIND {
        return Err((400, format!("`kind` is {}; send an {KIND}", quoted(kind))));
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

fn read_request<'a, O: ReadObjects<'a>>(mut request: Request<'a, O>) -> Result<Review<'a>, (u16, String)> {
    let operation = read_operation(&request.operation)?;
    let template = template_of(&request.kind.0, &request.resource.0);
    let object = match operation {
        // Nothing starts because of these, so there is no image to judge; `object` is empty or not a Pod at all.
        Operation::Delete | Operation::Connect => Object::Nothing,
        Operation::Create | Operation::Update => read_objects(&mut request, operation, template)?,
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
            (400, format!("`request.operation` is {}; CREATE, UPDATE, DELETE and CONNECT are understood", quoted(word)))
        })
}

/// The new object and, of an update, the old one. Without an old object every image counts as new: the stricter reading.
fn read_objects<'a, O: ReadObjects<'a>>(
    request: &mut Request<'a, O>,
    operation: Operation,
    template: Option<TemplateKind>,
) -> Result<Object<'a>, (u16, String)> {
    let old = request.old_object.take().filter(|_| operation == Operation::Update);
    let new = request.object.take();
    if let Some(kind) = template {
        let new = new.ok_or_else(|| without_object(operation, kind.kind))?.template(kind, "request.object")?;
        let old = old.map(|old| old.template(kind, "request.oldObject")).transpose()?;
        return Ok(Object::Template { new, old });
    }
    check_is_pod(&request.kind.0, &request.resource.0)?;
    let new = new.ok_or_else(|| without_object(operation, "Pod"))?.pod("request.object")?;
    if !new.has_containers() {
        // Whatever this is, what it would run is not known.
        return Err((
            400,
            "`request.object` has no `spec.containers`; a Pod without them cannot be checked".to_owned(),
        ));
    }
    let old = old.map(|old| old.pod("request.oldObject")).transpose()?;
    Ok(Object::Pod { new, old })
}

/// What `object` and `oldObject` are read as while the review around them is read.
trait ReadObjects<'a>: Sized {
    /// As a Pod.
    fn pod(self, field: &str) -> Result<PodView<'a>, (u16, String)>;
    /// As an object that makes Pods.
    fn template(self, kind: TemplateKind, field: &str) -> Result<TemplateView<'a>, (u16, String)>;
}

/// Text that has not been looked at.
impl<'a> ReadObjects<'a> for &'a RawValue {
    fn pod(self, field: &str) -> Result<PodView<'a>, (u16, String)> {
        serde_json::from_str(self.get()).map_err(|error| (400, unreadable(&format!("`{field}`"), &error)))
    }

    fn template(self, kind: TemplateKind, field: &str) -> Result<TemplateView<'a>, (u16, String)> {
        TemplateView::read(kind, self.get()).map_err(|error| (400, unreadable(&format!("`{field}`"), &error)))
    }
}

/// Read already.
impl<'a> ReadObjects<'a> for PodView<'a> {
    fn pod(self, _: &str) -> Result<Self, (u16, String)> {
        Ok(self)
    }

    fn template(self, kind: TemplateKind, field: &str) -> Result<TemplateView<'a>, (u16, String)> {
        Err((400, format!("`{field}` was read as a Pod and not as a {}", kind.kind)))
    }
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
    let request = only_member(std::str::from_utf8(body).ok()?, "request")?;
    let read = |name| serde_json::from_str(only_member(request.get(), name)?.get()).ok();
    let (JsonObject(kind), JsonObject(resource)) = (read("kind")?, read("resource")?);
    template_of(&kind, &resource)
}

fn check_is_pod(kind: &GroupVersion<'_>, resource: &GroupVersion<'_>) -> Result<(), (u16, String)> {
    for (field, found, expected) in [("request.kind", kind, "Pod"), ("request.resource", resource, "pods")] {
        if (&*found.group, &*found.version, &*found.kind) != ("", "v1", expected) {
            let named = [&*found.group, &*found.version, &*found.kind].join("/");
            return Err((
                400,
                format!(
                    "`{field}` is {}, only core v1 {expected} and the workloads that make them can be checked; \
                     narrow the rules of the ValidatingWebhookConfiguration to these",
                    quoted(named.trim_start_matches('/'))
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
