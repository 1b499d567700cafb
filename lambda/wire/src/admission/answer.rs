//! The way out: an answer as the `AdmissionReview` that the API server reads. It must not decide anything.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{API_VERSION, KIND};

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
