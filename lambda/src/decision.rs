//! What came out of one request: the value from which answer, log line and metric line are made.
//!
//! It holds image references and identifiers, never anything else of a Pod.

use compliance::verdict::{Exempted, Finding, Verdict};
use compliance::workload::ImageField;

use crate::admission::{Answer, Denial, Operation, Review};
use crate::annotations;
use crate::record::UnavailableFact;

/// One request, decided.
#[derive(Debug, Default)]
pub struct Decision {
    /// `request.uid`; `None` if there was none to be found.
    pub uid: Option<String>,
    /// `request.namespace`.
    pub namespace: String,
    /// `request.name`, often empty.
    pub name: String,
    /// `request.operation`, if the review was understood.
    pub operation: Option<Operation>,
    /// `request.dryRun`.
    pub dry_run: bool,
    /// Path and reference of each image that was judged.
    pub images: Vec<(String, String)>,
    /// Why it was denied; `None` if it was allowed.
    pub denial: Option<Denial>,
    /// Denied because it could not be checked.
    pub undecided: bool,
    /// What it was denied for.
    pub findings: Vec<Finding>,
    /// What rules that warn reported, and what could not be checked where the owner lets that pass.
    pub warned: Vec<Finding>,
    /// What rules that audit reported.
    pub audited: Vec<Finding>,
    /// What the owner has agreed to.
    pub exempted: Vec<Exempted>,
    /// What the user is told besides.
    pub warnings: Vec<String>,
    /// Which policy decided.
    pub policy_version: String,
    /// Facts that could not be had.
    pub unavailable: Vec<UnavailableFact>,
    /// Why it was allowed without judging its images.
    pub skipped: Option<&'static str>,
}

impl Decision {
    /// A decision by the rules.
    #[must_use]
    pub fn judged(
        review: &Review<'_>,
        images: &[ImageField<'_>],
        verdict: Verdict,
        unavailable: Vec<UnavailableFact>,
        policy_version: &str,
    ) -> Self {
        let denial = (!verdict.allowed()).then(|| Denial { code: 403, message: verdict.message() });
        Self {
            uid: Some(review.uid.clone().into_owned()),
            namespace: review.namespace.clone().into_owned(),
            name: review.name.clone().into_owned(),
            operation: Some(review.operation),
            dry_run: review.dry_run,
            images: images.iter().map(|field| (field.path.clone(), field.image.to_owned())).collect(),
            denial,
            undecided: verdict.undecided(),
            skipped: verdict.skipped.or_else(|| images.is_empty().then_some("no new image")),
            warnings: verdict.warning_texts(&review.uid),
            findings: verdict.denials,
            warned: verdict.warnings,
            audited: verdict.audits,
            exempted: verdict.exempted,
            unavailable,
            policy_version: policy_version.to_owned(),
        }
    }

    /// A denial without a judgement.
    #[must_use]
    pub fn denied(uid: Option<String>, denial: Denial, undecided: bool) -> Self {
        Self { uid, denial: Some(denial), undecided, ..Self::default() }
    }

    /// Whether the request was let in.
    #[must_use]
    pub const fn allowed(&self) -> bool {
        self.denial.is_none()
    }

    /// Whether it was allowed although something could not be checked, by the owner's choice.
    #[must_use]
    pub fn unchecked(&self) -> bool {
        self.allowed() && self.warned.iter().any(|finding| finding.undecided)
    }

    /// The answer for the API server.
    #[must_use]
    pub fn answer<'a>(&'a self, uid: &'a str) -> Answer<'a> {
        let denial = self.denial.as_ref();
        Answer { uid, denial, warnings: &self.warnings, audit_annotations: annotations::of(self) }
    }
}
