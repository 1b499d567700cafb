//! What was learnt about images: whether they exist, and what their scans found.
//!
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html>
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html>

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::SystemTime;

use crate::facts::{Platforms, RepositoryKey, Unavailable};
use crate::image::ImageReference;
use crate::text::shown;

/// One image of one repository, as a Pod names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageKey {
    /// Where it is.
    pub repository: RepositoryKey,
    /// Which it is.
    pub id: ImageId,
}

/// What an image is named by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageId {
    /// A tag, which may be moved to another image.
    Tag(String),
    /// A digest with its algorithm, which always means the same image.
    Digest(String),
}

impl ImageKey {
    /// The image that a reference means. With a tag and a digest, the digest is what is pulled, so it counts.
    #[must_use]
    pub fn of(reference: &ImageReference, repository: RepositoryKey) -> Self {
        let tag = || ImageId::Tag(reference.effective_tag().unwrap_or_default().to_owned());
        let id = reference.digest().map_or_else(tag, |digest| ImageId::Digest(digest.to_owned()));
        Self { repository, id }
    }
}

impl fmt::Display for ImageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RepositoryKey { registry, name } = &self.repository;
        match &self.id {
            ImageId::Tag(tag) => write!(f, "{name}:{} of {registry}", shown(tag, 128)),
            ImageId::Digest(digest) => write!(f, "{name}@{} of {registry}", shown(digest, 140)),
        }
    }
}

/// The images a verdict needs facts about: none, unless a rule that looks at images is on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedImages {
    /// Those whose existence matters.
    pub existing: BTreeSet<ImageKey>,
    /// Those whose vulnerabilities matter; that they exist is found out on the way.
    pub scanned: BTreeSet<ImageKey>,
    /// What matters about their scans.
    pub detail: ScanDetail,
}

/// How closely scans are looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanDetail {
    /// Whether it matters which vulnerabilities can be fixed: costs a page for each 1000 of them.
    pub fixes: bool,
    /// Which images of an index matter.
    pub platforms: Platforms,
}

/// What is known about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageFacts {
    /// It exists.
    Found(Image),
    /// The repository answered that it has no such image, or the registry that it has no such repository.
    NotFound,
    /// It could not be found out.
    Unavailable(Unavailable),
}

/// An image that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its digest, with the algorithm: what the tag meant when ECR was asked.
    pub digest: String,
    /// `imageManifestMediaType`, if ECR said it.
    pub media_type: Option<String>,
    /// Whether it can be pulled.
    pub status: ImageStatus,
}

impl Image {
    /// Whether it is an index (a manifest list): one image per platform behind one name, which ECR does not scan as
    /// such.
    #[must_use]
    pub fn is_index(&self) -> bool {
        self.media_type.as_deref().is_some_and(is_index_type)
    }
}

/// Media types of an index.
pub(crate) const INDEX_MEDIA_TYPES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

pub(crate) fn is_index_type(media_type: &str) -> bool {
    INDEX_MEDIA_TYPES.contains(&media_type)
}

/// `imageStatus` of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageStatus {
    /// `ACTIVE`: it can be pulled.
    Active,
    /// `ARCHIVED`: it cannot be pulled until somebody restores it.
    Archived,
    /// `ACTIVATING`: it is being restored.
    Activating,
    /// A value this version does not know.
    Unrecognised(String),
}

/// What is known about the vulnerabilities in an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanResult {
    /// ECR has a scan of it, in whatever state.
    Scanned(ScanReport),
    /// ECR answered that it never scanned it.
    NotScanned,
    /// It is an index, which has no scan itself: those of its images that matter.
    Index(Vec<PlatformScan>),
    /// It could not be found out.
    Unavailable(Unavailable),
}

/// The scan of one image of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformScan {
    /// What it is for, such as `linux/amd64`, as a person reads it.
    pub platform: String,
    /// Its digest.
    pub digest: String,
    /// Its scan; never that of an index.
    pub result: ScanResult,
}

/// The scan of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanReport {
    /// How far it is.
    pub status: ScanStatus,
    /// How many vulnerabilities of each severity: `findingSeverityCounts`. `None` when ECR gave no findings at all,
    /// which is something else than none found.
    pub counts: Option<BTreeMap<Severity, u32>>,
    /// How many of those no fix is known for. Enhanced scanning alone tells; empty unless that was asked for.
    pub unfixable: BTreeMap<Severity, u32>,
    /// When the last scan was completed.
    pub completed_at: Option<SystemTime>,
    /// As of when the list of known vulnerabilities was used (`vulnerabilitySourceUpdatedAt`).
    pub source_updated_at: Option<SystemTime>,
}

/// `imageScanStatus.status` of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanStatus {
    /// `COMPLETE`: its findings can be used.
    Complete,
    /// `ACTIVE`: enhanced scanning watches the image; its findings can be used.
    Active,
    /// `IN_PROGRESS`
    InProgress,
    /// `PENDING`
    Pending,
    /// `FAILED`
    Failed,
    /// `UNSUPPORTED_IMAGE`: no operating system or packages that ECR knows.
    UnsupportedImage,
    /// `SCAN_ELIGIBILITY_EXPIRED`: enhanced scanning no longer watches the image, for it is too old.
    EligibilityExpired,
    /// `FINDINGS_UNAVAILABLE`
    FindingsUnavailable,
    /// `LIMIT_EXCEEDED`: a quota of scans is used up.
    LimitExceeded,
    /// `IMAGE_ARCHIVED`
    ImageArchived,
    /// `IMAGE_SIZE_EXCEEDED`
    ImageSizeExceeded,
    /// A value this version does not know.
    Unrecognised(String),
}

impl ScanStatus {
    /// From ECR's own word.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "COMPLETE" => Self::Complete,
            "ACTIVE" => Self::Active,
            "IN_PROGRESS" => Self::InProgress,
            "PENDING" => Self::Pending,
            "FAILED" => Self::Failed,
            "UNSUPPORTED_IMAGE" => Self::UnsupportedImage,
            "SCAN_ELIGIBILITY_EXPIRED" => Self::EligibilityExpired,
            "FINDINGS_UNAVAILABLE" => Self::FindingsUnavailable,
            "LIMIT_EXCEEDED" => Self::LimitExceeded,
            "IMAGE_ARCHIVED" => Self::ImageArchived,
            "IMAGE_SIZE_EXCEEDED" => Self::ImageSizeExceeded,
            other => Self::Unrecognised(other.to_owned()),
        }
    }

    /// Whether the findings of a scan in this state are its result.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(self, Self::Complete | Self::Active)
    }
}

/// How bad a vulnerability is. The rated ones are ordered: `Informational` is the least.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// `INFORMATIONAL`
    Informational,
    /// `LOW`
    Low,
    /// `MEDIUM`
    Medium,
    /// `HIGH`
    High,
    /// `CRITICAL`
    Critical,
    /// `UNDEFINED`, or `UNTRIAGED` where enhanced scanning lists it: nobody rated it yet. ECR's model has but the first to
    /// count by, so the two are one.
    Undefined,
    /// A word this version does not know.
    Unrecognised(String),
}

impl Severity {
    /// From ECR's own word.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "INFORMATIONAL" => Self::Informational,
            "LOW" => Self::Low,
            "MEDIUM" => Self::Medium,
            "HIGH" => Self::High,
            "CRITICAL" => Self::Critical,
            "UNDEFINED" | "UNTRIAGED" => Self::Undefined,
            other => Self::Unrecognised(other.to_owned()),
        }
    }

    /// ECR's own word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Informational => "INFORMATIONAL",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
            Self::Undefined => "UNDEFINED",
            Self::Unrecognised(word) => word,
        }
    }
}
