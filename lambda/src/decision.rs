//! What came out of one request: the value from which answer, log line and metric line are made.
//!
//! It holds image references and identifiers, never anything else of a Pod.

use compliance::ecr::{GatherReport, Gathered};
use compliance::facts::Age;
use compliance::text::shown;
use compliance::verdict::{Exempted, Finding, LONGEST_WARNINGS, Verdict, bounded_warning};
use compliance::workload::{ImageField, Owner, TemplateKind};

use crate::annotations;
use crate::record::{self, UnavailableFact};
use wire::admission::{Answer, Denial, Operation, Owned, Review};

/// A uid has 36 characters; what is longer was not made by an API server.
const LONGEST_UID: usize = 64;

/// Said of a Pod that somebody made by itself. No owner is called so: theirs have a slash.
pub const NO_OWNER: &str = "none";

/// One request, decided.
#[derive(Debug, Default)]
pub struct Decision {
    /// `request.uid`; `None` if there was none to be found.
    pub uid: Option<String>,
    /// `request.namespace`.
    pub namespace: String,
    /// `request.name`, often empty.
    pub name: String,
    /// What controls the Pod (`ReplicaSet/web-5d9f`), or that nothing does; `None` of what is no Pod or was not understood.
    pub owner: Option<String>,
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
    /// The API server is asked to come again instead of being told.
    pub again: bool,
    /// How old the oldest fact is that was used, and why there is no newer one; `None`: no fact was needed.
    pub oldest_fact: Option<Age>,
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
    /// The kind of object whose Pods are judged later, such as `Deployment`: warned about and never denied.
    pub early: Option<&'static str>,
    /// Why no early warning could be given.
    pub failure: Option<String>,
    /// Which policy decided.
    pub policy_version: String,
    /// What it cost to ask ECR.
    pub ecr: GatherReport,
    /// The digests that ECR gave for tags.
    pub digests: Vec<String>,
    /// Facts that could not be had.
    pub unavailable: Vec<UnavailableFact>,
    /// API Gateway's id of the request, as its access log has it; empty if there was none.
    pub api_request_id: String,
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
        gathered: &Gathered,
        policy_version: &str,
    ) -> Self {
        // Only Pods are denied; of what will make Pods the author is told what would become of them.
        let (denied, mut warnings) = match review.template {
            None => (!verdict.allowed(), verdict.warning_texts(&review.uid)),
            Some(template) => (false, verdict.early_warning_texts(template.kind, &review.uid)),
        };
        let oldest_fact = gathered.facts.oldest();
        let stale = oldest_fact.filter(|age| age.stale.is_some()).map(|age| format!("ECR was asked {age}"));
        let length: usize = warnings.iter().map(|warning| warning.chars().count()).sum();
        let room = LONGEST_WARNINGS.saturating_sub(length);
        warnings.extend(stale.clone().filter(|text| !denied && text.chars().count() <= room));
        Self {
            uid: Some(review.uid.clone().into_owned()),
            namespace: review.namespace.clone().into_owned(),
            name: review.name.clone().into_owned(),
            owner: review.owner().map(owner),
            operation: Some(review.operation),
            dry_run: review.dry_run,
            images: images.iter().map(|field| (field.path.clone(), field.image.to_owned())).collect(),
            denial: denied.then(|| Denial { code: 403, message: told(&verdict, stale.as_deref(), &review.uid) }),
            undecided: denied && verdict.undecided(),
            again: false,
            oldest_fact,
            skipped: verdict.skipped.or_else(|| images.is_empty().then_some("no new image")),
            warnings,
            early: review.template.map(|template| template.kind),
            failure: None,
            findings: verdict.denials,
            warned: verdict.warnings,
            audited: verdict.audits,
            exempted: verdict.exempted,
            unavailable: record::unavailable(&gathered.facts),
            digests: record::digests(&gathered.facts),
            api_request_id: String::new(),
            ecr: gathered.report,
            policy_version: policy_version.to_owned(),
        }
    }

    /// A denial without a judgement.
    #[must_use]
    pub fn denied(uid: Option<String>, denial: Denial, undecided: bool) -> Self {
        Self { uid, denial: Some(denial), undecided, ..Self::default() }
    }

    /// An early warning that could not be given: said, and nobody is held up by it.
    #[must_use]
    pub fn unadvised(uid: String, template: TemplateKind, why: String) -> Self {
        let kind = template.kind;
        let warning = format!("whether this {kind}'s Pods will be denied could not be checked: {why}");
        Self {
            warnings: vec![bounded_warning(&warning, &uid)],
            uid: Some(uid),
            early: Some(kind),
            failure: Some(why),
            ..Self::default()
        }
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

fn owner(owned: Owned<'_>) -> String {
    match owned {
        Owned::By(Owner { kind, name }) => format!("{kind}/{name}"),
        Owned::ByNobody => NO_OWNER.to_owned(),
    }
}

/// The denial in words, how old what was known is if ECR could not be asked, and under which id the function's log has
/// more about it.
fn told(verdict: &Verdict, stale: Option<&str>, uid: &str) -> String {
    let stale = stale.map(|stale| format!("\n({stale}.)")).unwrap_or_default();
    // Whoever calls is known, but a terminal shows this: nothing in it may be more than text.
    format!("{}{stale}\nrequest: {}", verdict.message(), shown(uid, LONGEST_UID))
}
