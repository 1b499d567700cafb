//! What came out of one request: the value from which answer, log line and metric line are made.
//!
//! It holds image references and identifiers, never anything else of a Pod.

use std::collections::{BTreeMap, BTreeSet};

use compliance::verdict::{Finding, Verdict};
use compliance::workload::ImageField;

use crate::admission::{Answer, Denial, Operation, Review};
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
    /// What the rules reported.
    pub findings: Vec<Finding>,
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
            findings: verdict.denials,
            unavailable,
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

    /// The answer for the API server. Its audit log is told in codes what the user is told in sentences.
    #[must_use]
    pub fn answer<'a>(&'a self, uid: &'a str) -> Answer<'a> {
        let codes: BTreeSet<String> =
            self.findings.iter().map(|finding| format!("{}/{}", finding.rule, finding.code)).collect();
        let mut audit_annotations = BTreeMap::new();
        if !codes.is_empty() {
            audit_annotations.insert("findings", codes.into_iter().collect::<Vec<_>>().join(","));
        }
        if let Some(reason) = self.skipped {
            audit_annotations.insert("skipped", reason.to_owned());
        }
        Answer { uid, denial: self.denial.as_ref(), audit_annotations }
    }
}
