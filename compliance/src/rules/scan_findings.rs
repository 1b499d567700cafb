//! Rule `scan-findings`: what the scan of the image found is within what is allowed. Off unless it is asked for.
//!
//! A scan that is not over decides nothing; one that cannot be had, each for its own reason, lets nothing in. Only the
//! numbers per severity are looked at. Of an index each image that may be pulled is judged by its own scan. This file must not ask ECR and must not look at a clock.
//!
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-scanning.html>

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::facts::{Image, ImageKey, PlatformScan, Platforms, ScanReport, ScanResult, ScanStatus, Severity};
use crate::policy::Mode;
use crate::rules::image_exists::{image_flags, pullable};
use crate::rules::{Needs, Origin, Rule, Subject};
use crate::text::{shell, shown};
use crate::verdict::Finding;

/// How far the time of a scan may lie in the future.
const CLOCKS_DIFFER: Duration = Duration::from_hours(24);

/// The rule `scan-findings`.
pub(super) struct ScanFindings;

/// What is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanFindingsOptions {
    /// The worst severity that is let in, whatever the number.
    pub worst_allowed: Severity,
    /// The most vulnerabilities of a severity: counts before `worst_allowed`. Zero allows none.
    pub most: BTreeMap<Severity, u32>,
    /// As what `UNDEFINED` and `UNTRIAGED` count, which nobody has rated.
    pub unrated_as: Severity,
    /// The age at which a scan is too old to be believed; `None`: none is. Under enhanced scanning that watches the
    /// image, the age of its list of known vulnerabilities counts.
    pub oldest_scan: Option<Duration>,
    /// Only vulnerabilities that can be fixed count. Basic scanning does not say which can: all of its count.
    pub fix_available_only: bool,
    /// The images of an index that are judged.
    pub platforms: Platforms,
}

impl Default for ScanFindingsOptions {
    /// Medium at worst, with or without a fix; what is not rated counts as high; any age; every platform.
    fn default() -> Self {
        Self {
            worst_allowed: Severity::Medium,
            most: BTreeMap::new(),
            unrated_as: Severity::High,
            oldest_scan: None,
            fix_available_only: false,
            platforms: Platforms::Every,
        }
    }
}

impl Rule for ScanFindings {
    fn id(&self) -> &'static str {
        "scan-findings"
    }

    fn summary(&self) -> &'static str {
        "The image's scan is over, is recent enough, and found no more vulnerabilities than are allowed."
    }

    fn how_to_fix(&self) -> &'static str {
        "Rebuild the image with fixed packages, which `aws ecr describe-image-scan-findings …` lists, or scan it with `aws ecr start-image-scan …`."
    }

    fn default_mode(&self) -> Mode {
        Mode::Off
    }

    fn needs(&self) -> Needs {
        Needs::Scan
    }

    fn check(&self, subject: &Subject<'_>) -> Vec<Finding> {
        let Origin::Accepted { reference, key, facts } = &subject.origin else { return Vec::new() };
        let key = ImageKey::of(reference, key.clone());
        let image = match pullable(self, subject, &key, facts) {
            Ok(image) => image,
            Err(findings) => return findings,
        };
        self.judge(subject, &key, image)
    }
}

impl ScanFindings {
    fn judge(&self, subject: &Subject<'_>, key: &ImageKey, image: &Image) -> Vec<Finding> {
        let scan = subject.about_image.as_ref().and_then(|about| about.scan);
        let whole = Scanned { key, name: format!("image {key}"), digest: &image.digest };
        match scan {
            Some(ScanResult::Index(platforms)) if platforms.is_empty() => vec![self.no_platform(subject, key)],
            Some(ScanResult::Index(platforms)) => {
                let one = |platform: &PlatformScan| {
                    let PlatformScan { platform, digest, result } = platform;
                    let scanned = Scanned { key, name: format!("image {key} for {platform}"), digest };
                    self.judge_scan(subject, &scanned, result)
                };
                platforms.iter().filter_map(one).collect()
            }
            // An index has no scan of its own, so this one is of something else.
            Some(ScanResult::Scanned(_) | ScanResult::NotScanned) | None if image.is_index() => {
                vec![subject.undecided(self, "facts-missing", "ECR was not asked about the platforms of this image")]
            }
            Some(scan) => self.judge_scan(subject, &whole, scan).into_iter().collect(),
            None => vec![subject.undecided(self, "facts-missing", "ECR was not asked about this image's scan")],
        }
    }

    fn judge_scan(&self, subject: &Subject<'_>, scanned: &Scanned<'_>, scan: &ScanResult) -> Option<Finding> {
        // `pullable` found the image in there.
        let about = subject.about_image.as_ref()?;
        let report = match scan {
            ScanResult::Scanned(report) => report,
            ScanResult::Unavailable(why) => return Some(subject.unavailable(self, why)),
            ScanResult::NotScanned => {
                let message = format!("{} was never scanned.", scanned.name);
                return Some(subject.finding(self, "scan-missing", message, Fix::StartScan.words(scanned)));
            }
            ScanResult::Index(_) => {
                return Some(subject.undecided(self, "facts-missing", "ECR was not asked about an index in an index"));
            }
        };
        let objection = status_objection(report)
            .or_else(|| counts_objection(report, about.options))
            .or_else(|| age_objection(report, about.options, about.now))?;
        Some(objection.into_finding(self, subject, scanned))
    }

    /// Nothing that is judged: nothing that may run.
    fn no_platform(&self, subject: &Subject<'_>, key: &ImageKey) -> Finding {
        let message = format!("image {key} is an index without an image for any of the platforms that are judged.");
        let fix = "build it for one of them; `docker buildx imagetools inspect` lists those it has";
        subject.finding(self, "scan-no-platform", message, Some(fix.to_owned()))
    }
}

/// What was scanned: the image that the Pod names, or one of its platforms.
struct Scanned<'a> {
    key: &'a ImageKey,
    /// With the word "image" before it.
    name: String,
    digest: &'a str,
}

/// What speaks against an image, as words that follow its name.
#[derive(Debug, PartialEq, Eq)]
struct Objection {
    code: &'static str,
    words: String,
    undecided: bool,
    fix: Fix,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fix {
    None,
    StartScan,
    Rebuild,
    OtherBase,
    Smaller,
    LookAt,
    LongerRescans,
    Restore,
}

impl Objection {
    fn into_finding(self, rule: &dyn Rule, subject: &Subject<'_>, scanned: &Scanned<'_>) -> Finding {
        let words = format!("{} {}", scanned.name, self.words);
        let mut finding = if self.undecided {
            subject.undecided(rule, self.code, &words)
        } else {
            subject.finding(rule, self.code, format!("{words}."), None)
        };
        finding.fix = self.fix.words(scanned);
        finding
    }
}

impl Fix {
    fn words(self, scanned: &Scanned<'_>) -> Option<String> {
        let Scanned { key, digest, .. } = scanned;
        let flags = image_flags(&key.repository, digest);
        let look = format!("aws ecr describe-image-scan-findings {flags}");
        match self {
            Self::None => None,
            Self::StartScan => Some(format!("aws ecr start-image-scan {flags}")),
            Self::Rebuild => Some(format!("rebuild it with fixed packages; this lists what was found: {look}")),
            Self::OtherBase => Some(format!(
                "build it on an operating system that ECR can scan; this says what ECR made of it: {look}"
            )),
            Self::Smaller => Some(format!("make the image smaller; this says what ECR made of it: {look}")),
            Self::LookAt => Some(look),
            Self::LongerRescans => Some(format!(
                "push it again, or have images watched for longer: aws inspector2 update-configuration --region {} --ecr-configuration rescanDuration=LIFETIME",
                shell(&key.repository.registry.region)
            )),
            Self::Restore => {
                Some(format!("aws ecr update-image-storage-class {flags} --target-storage-class STANDARD"))
            }
        }
    }
}

/// A scan whose findings are not its result. What will pass by itself is undecided; what will not is refused.
fn status_objection(report: &ScanReport) -> Option<Objection> {
    let refused = |code, words: &str, fix| Objection { code, words: words.to_owned(), undecided: false, fix };
    let undecided = |code, words: &str, fix| Objection { undecided: true, ..refused(code, words, fix) };
    Some(match &report.status {
        // No findings at all is not the same as none found.
        ScanStatus::Complete | ScanStatus::Active if report.counts.is_none() => {
            undecided("scan-findings-missing", "was scanned, but ECR gives no findings; try again", Fix::LookAt)
        }
        ScanStatus::Complete | ScanStatus::Active => return None,
        ScanStatus::InProgress => undecided("scan-in-progress", "is being scanned right now; try again", Fix::None),
        ScanStatus::Pending => undecided("scan-pending", "waits to be scanned; try again", Fix::None),
        ScanStatus::FindingsUnavailable => {
            undecided("scan-findings-unavailable", "was scanned, but its findings cannot be had just now", Fix::LookAt)
        }
        ScanStatus::Failed => refused("scan-failed", "could not be scanned: the scan failed", Fix::StartScan),
        ScanStatus::UnsupportedImage => refused("scan-unsupported", "holds nothing that ECR can scan", Fix::OtherBase),
        ScanStatus::EligibilityExpired => refused(
            "scan-eligibility-expired",
            "is too old to be watched by enhanced scanning, so its findings are no longer kept up to date",
            Fix::LongerRescans,
        ),
        ScanStatus::LimitExceeded => {
            refused("scan-limit-exceeded", "was not scanned, for a quota of scans is used up", Fix::StartScan)
        }
        ScanStatus::ImageArchived => refused("image-archived", "is archived, so it is not scanned", Fix::Restore),
        ScanStatus::ImageSizeExceeded => refused("scan-image-too-large", "is too large to be scanned", Fix::Smaller),
        ScanStatus::Unrecognised(value) => {
            let words = format!("has the scan status \"{}\", which this version does not know", shown(value, 60));
            undecided("scan-status-unrecognised", &words, Fix::LookAt)
        }
    })
}

/// More than is allowed is refused, whatever else there is; a severity from the future could be anything.
fn counts_objection(report: &ScanReport, options: &ScanFindingsOptions) -> Option<Objection> {
    let counts = report.counts.as_ref()?;
    let mut rated: BTreeMap<&Severity, u32> = BTreeMap::new();
    let mut unknown = None;
    let without_fix = |severity| if options.fix_available_only { report.unfixable.get(severity) } else { None };
    let counting =
        |(severity, count): (_, &u32)| (severity, count.saturating_sub(without_fix(severity).copied().unwrap_or(0)));
    for (severity, count) in counts.iter().map(counting).filter(|(_, count)| *count > 0) {
        let severity = match severity {
            Severity::Undefined => &options.unrated_as,
            Severity::Unrecognised(word) => {
                unknown = Some(word);
                continue;
            }
            rated => rated,
        };
        let sum = rated.entry(severity).or_default();
        *sum = sum.saturating_add(count);
    }
    let excess: Vec<String> =
        rated.iter().rev().filter_map(|(severity, count)| options.excess(severity, *count)).collect();
    if !excess.is_empty() {
        let of_those = if options.fix_available_only { ", counting those that can be fixed" } else { "" };
        let words = format!("has {}{of_those}", excess.join(" and "));
        return Some(Objection { code: "vulnerabilities", words, undecided: false, fix: Fix::Rebuild });
    }
    unknown.map(|word| {
        let words =
            format!("has vulnerabilities of the severity \"{}\", which this version does not know", shown(word, 60));
        Objection { code: "severity-unrecognised", words, undecided: true, fix: Fix::LookAt }
    })
}

impl ScanFindingsOptions {
    /// What is too much, in words.
    fn excess(&self, severity: &Severity, count: u32) -> Option<String> {
        let most = match self.most.get(severity) {
            Some(most) => *most,
            None if *severity > self.worst_allowed => 0,
            None => return None,
        };
        let some = if count == 1 { "vulnerability" } else { "vulnerabilities" };
        let allowed = if most == 0 { "none is allowed".to_owned() } else { format!("at most {most} allowed") };
        (count > most).then(|| format!("{count} {some} of severity {} ({allowed})", severity.as_str()))
    }
}

/// A scan knows nothing of what became known after it.
fn age_objection(report: &ScanReport, options: &ScanFindingsOptions, now: SystemTime) -> Option<Objection> {
    let oldest = options.oldest_scan?;
    let at = match report.status {
        // A watched image is scanned again only when something about it becomes known.
        ScanStatus::Active => report.completed_at.max(report.source_updated_at),
        _ => report.completed_at,
    };
    let Some(at) = at else {
        let words = "was scanned, but ECR does not say when".to_owned();
        return Some(Objection { code: "scan-time-missing", words, undecided: true, fix: Fix::LookAt });
    };
    // A time in the future is that of a clock that differs a little, or none that tells how old the scan is.
    let age = match now.duration_since(at) {
        Ok(age) => age,
        Err(ahead) if ahead.duration() <= CLOCKS_DIFFER => Duration::ZERO,
        Err(_) => {
            let words = "was scanned, but at a time that has not come yet".to_owned();
            return Some(Objection { code: "scan-time-wrong", words, undecided: true, fix: Fix::LookAt });
        }
    };
    if age <= oldest {
        return None;
    }
    let words = format!("was scanned {} ago, and a scan may be {} old at most", period(age), period(oldest));
    Some(Objection { code: "scan-too-old", words, undecided: false, fix: Fix::StartScan })
}

fn period(time: Duration) -> String {
    match time.as_secs() / 3600 {
        hours @ 0..48 => format!("{hours} h"),
        hours => format!("{} days", hours / 24),
    }
}

#[cfg(test)]
#[path = "scan_findings_tests.rs"]
mod tests;
