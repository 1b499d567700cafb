//! Rule `scan-on-push`: images are scanned for vulnerabilities when they are pushed to the repository.
//!
//! What counts is what really happens: the repository's flag, or the registry's rules, depending on the registry's scan
//! type. This file must not ask ECR.
//!
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html>

use crate::facts::{
    EffectiveScan, RegistryScanning, RepositoryFacts, RepositoryKey, ScanFacts, ScanFrequency, ScanType, Unavailable,
};
use crate::rules::{Origin, Rule, Subject, registry_scanning, repository_flags};
use crate::text::shown;
use crate::verdict::Finding;

/// The rule `scan-on-push`.
pub(super) struct ScanOnPush;

impl Rule for ScanOnPush {
    fn id(&self) -> &'static str {
        "scan-on-push"
    }

    fn summary(&self) -> &'static str {
        "Images are scanned when they are pushed, by the repository's own setting or by a rule of its registry."
    }

    fn how_to_fix(&self) -> &'static str {
        "`aws ecr put-image-scanning-configuration … --image-scanning-configuration scanOnPush=true`, or with enhanced scanning `aws ecr put-registry-scanning-configuration …`."
    }

    fn check(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let Origin::Accepted { key, facts, .. } = &subject.origin else { return Vec::new() };
        let scan = match facts {
            RepositoryFacts::NotFound => return vec![subject.not_found(self, key)],
            RepositoryFacts::Unavailable(why) => return vec![subject.unavailable(self, why)],
            RepositoryFacts::Found(repository) => &repository.scan,
        };
        match judge(scan) {
            Answer::Scanned => Vec::new(),
            Answer::Unavailable(why) => vec![subject.unavailable(self, why)],
            Answer::Unknown(code, what, value) => {
                let why = format!("{key} has the {what} \"{}\", which this version does not know", shown(value, 60));
                vec![subject.undecided(self, code, &why)]
            }
            Answer::NotScanned(because) => {
                let message = format!("images are not scanned when pushed to repository {key}: {}.", because.words());
                vec![subject.finding(self, "not-scanned-on-push", message, Some(because.fix(key)))]
            }
        }
    }
}

enum Answer<'a> {
    Scanned,
    NotScanned(Because<'a>),
    /// A reason code, the name of the setting, and its value.
    Unknown(&'static str, &'static str, &'a str),
    Unavailable(&'a Unavailable),
}

enum Because<'a> {
    Basic,
    OtherAccount,
    Enhanced(&'a RegistryScanning),
}

fn judge(scan: &ScanFacts) -> Answer<'_> {
    let (scan_on_push, frequency, registry) = match &scan.effective {
        EffectiveScan::Unavailable(why) => return Answer::Unavailable(why),
        // Of another account only the flag can be read, so the flag decides.
        EffectiveScan::OtherAccount if scan.repository_flag => return Answer::Scanned,
        EffectiveScan::OtherAccount => return Answer::NotScanned(Because::OtherAccount),
        EffectiveScan::Known { scan_on_push, frequency, registry } => (*scan_on_push, frequency, registry),
    };
    match &registry.scan_type {
        ScanType::Unrecognised(value) => Answer::Unknown("scan-type-unrecognised", "scan type", value),
        // Basic: the repository's flag and the registry's rules add up.
        ScanType::Basic if scan.repository_flag || scan_on_push => Answer::Scanned,
        ScanType::Basic => by_frequency(frequency, Because::Basic),
        // Enhanced: what no rule matches is not scanned, whatever the old flag of the repository says.
        ScanType::Enhanced => by_frequency(frequency, Because::Enhanced(registry)),
    }
}

fn by_frequency<'a>(frequency: &'a ScanFrequency, because: Because<'a>) -> Answer<'a> {
    match frequency {
        // Continuous scanning begins with a scan at push.
        ScanFrequency::ScanOnPush | ScanFrequency::Continuous => Answer::Scanned,
        ScanFrequency::Manual => Answer::NotScanned(because),
        ScanFrequency::Unrecognised(value) => Answer::Unknown("scan-frequency-unrecognised", "scan frequency", value),
    }
}

impl Because<'_> {
    fn words(&self) -> &'static str {
        match self {
            Self::Basic => "neither the repository nor a scanning rule of its registry asks for it",
            Self::OtherAccount => {
                "the repository does not ask for it (of another account, only the repository's own setting can be seen)"
            }
            Self::Enhanced(_) => "the registry uses enhanced scanning, and none of its rules matches the repository",
        }
    }

    fn fix(&self, key: &RepositoryKey) -> String {
        match self {
            Self::Basic | Self::OtherAccount => format!(
                "aws ecr put-image-scanning-configuration {} --image-scanning-configuration scanOnPush=true",
                repository_flags(key)
            ),
            Self::Enhanced(registry) => registry_scanning::fix(key, registry),
        }
    }
}

#[cfg(test)]
#[path = "scan_on_push_tests.rs"]
mod tests;
