//! `DescribeImageScanFindings`: how far the scan of an image is, and how many vulnerabilities of each severity it found.
//!
//! The first page has the counts of all, so one vulnerability per page is enough, unless it matters which can be fixed.
//! Always by digest: the answer is then about the very image that a tag meant.
//!
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImageScanFindings.html>

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use aws_sdk_ecr::operation::describe_image_scan_findings::DescribeImageScanFindingsOutput;
use aws_sdk_ecr::primitives::DateTime;
use aws_sdk_ecr::types::{FindingSeverity, ImageScanFindings};
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::ecr::MOST_AT_ONCE;
use crate::ecr::cache::Lasting;
use crate::ecr::call::Call;
use crate::ecr::error::Failure;
use crate::ecr::images::identifier;
use crate::ecr::shelf::{Answers, Question};
use crate::facts::{ImageId, ImageKey, ScanReport, ScanStatus, Severity, Unavailable};

/// The most vulnerabilities in a page, by ECR's limit.
const PAGE: i32 = 1000;
/// The most pages that are read to learn what can be fixed: what stands on later ones counts as if it could be.
const MOST_PAGES: usize = 5;

/// The question about scans. `None`: the image was never scanned.
pub(super) struct Findings<'a> {
    pub(super) call: &'a Call<'a>,
    /// Whether to learn also how many have no fix.
    pub(super) fixes: bool,
}

impl Question for Findings<'_> {
    type Key = ImageKey;
    type Fact = Option<ScanReport>;

    fn call(&self) -> &Call<'_> {
        self.call
    }

    fn lasting(&self, _: &ImageKey, fact: &Option<ScanReport>) -> Lasting {
        match fact {
            Some(report) if report.status.is_usable() => Lasting::Settled,
            // A scan may be under way or be started right now.
            _ => Lasting::Brief,
        }
    }

    async fn ask(&self, keys: &[ImageKey]) -> Answers<ImageKey, Option<ScanReport>> {
        let calls: Vec<_> = keys.iter().map(|key| ask(self.call, self.fixes, key)).collect();
        stream::iter(calls).buffer_unordered(MOST_AT_ONCE).collect().await
    }
}

async fn ask(call: &Call<'_>, fixes: bool, key: &ImageKey) -> (ImageKey, Result<Option<ScanReport>, Unavailable>) {
    let answer = match report(call, fixes, key).await {
        Err(Failure::NoScan(_)) => Ok(None),
        // That the image exists was found out before: this is about ECR being of two minds.
        Err(failure) => Err(failure.into_unavailable()),
        Ok(report) => report.map(Some),
    };
    (key.clone(), answer)
}

async fn report(call: &Call<'_>, fixes: bool, key: &ImageKey) -> Result<Result<ScanReport, Unavailable>, Failure> {
    let mut page = request(call, fixes, key, None).await?;
    let mut report = match read(call, key, &page) {
        Ok(report) => report,
        Err(why) => return Ok(Err(why)),
    };
    let (mut listed, mut last) = (Listed::default(), None);
    for left in (0..MOST_PAGES).rev() {
        listed.add(&page);
        if report.status.is_usable() && !listed.fits(report.counts.as_ref()) {
            return Ok(Err(wrong_counts(call)));
        }
        let Some(next) = page.next_token.take().filter(|_| fixes && left > 0) else { break };
        page = request(call, fixes, key, Some(next.clone())).await?;
        if !is_asked(call, key, &page) {
            return Ok(Err(call.wrong_registry()));
        }
        // Pages in a circle, or of a scan that has begun meanwhile: what they list is not what was counted.
        if last.as_ref() == Some(&next) || status(&page) != report.status {
            return Ok(Err(wrong_counts(call)));
        }
        last = Some(next);
    }
    if fixes {
        report.unfixable = listed.unfixable;
    }
    Ok(Ok(report))
}

async fn request(
    call: &Call<'_>,
    fixes: bool,
    key: &ImageKey,
    next: Option<String>,
) -> Result<DescribeImageScanFindingsOutput, Failure> {
    let request = call.client.describe_image_scan_findings().registry_id(&call.registry.account);
    let request = request.repository_name(&key.repository.name).image_id(identifier(&key.id));
    let request = request.max_results(if fixes { PAGE } else { 1 }).set_next_token(next);
    call.within("DescribeImageScanFindings", request.customize().interceptor(call.tally.clone()).send()).await
}

/// What the pages read so far list.
#[derive(Default)]
struct Listed {
    /// Those that enhanced scanning has named: what moves to the next page meanwhile is there twice.
    seen: BTreeSet<String>,
    all: BTreeMap<Severity, u32>,
    unfixable: BTreeMap<Severity, u32>,
}

impl Listed {
    fn add(&mut self, page: &DescribeImageScanFindingsOutput) {
        let Some(findings) = page.image_scan_findings() else { return };
        for finding in findings.findings() {
            let severity = finding.severity().map_or("none", FindingSeverity::as_str);
            *self.all.entry(Severity::of(severity)).or_default() += 1;
        }
        for finding in findings.enhanced_findings() {
            // ECR need not count what somebody has suppressed, or what is over.
            let is_over = matches!(finding.status(), Some("SUPPRESSED" | "CLOSED"));
            if is_over || finding.finding_arn().is_some_and(|arn| !self.seen.insert(arn.to_owned())) {
                continue;
            }
            let severity = Severity::of(finding.severity().unwrap_or_default());
            // Only where ECR says so, of a vulnerability that counts: all others count as if there were a fix.
            if (finding.fix_available(), finding.status()) == (Some("NO"), Some("ACTIVE")) {
                *self.unfixable.entry(severity.clone()).or_default() += 1;
            }
            *self.all.entry(severity).or_default() += 1;
        }
    }

    /// Whether no more of any severity is listed than was counted: else the counts would hide some.
    fn fits(&self, counts: Option<&BTreeMap<Severity, u32>>) -> bool {
        let counted = |severity| counts.and_then(|counts| counts.get(severity)).copied().unwrap_or(0);
        self.all.iter().all(|(severity, listed)| *listed <= counted(severity))
    }
}

fn read(call: &Call<'_>, key: &ImageKey, output: &DescribeImageScanFindingsOutput) -> Result<ScanReport, Unavailable> {
    if !is_asked(call, key, output) {
        return Err(call.wrong_registry());
    }
    let findings = output.image_scan_findings();
    // No counts are not the same as counts of none.
    let counts = findings.and_then(ImageScanFindings::finding_severity_counts);
    let counts = counts.map(|counts| read_counts(call, counts)).transpose()?;
    let time = |of: fn(&ImageScanFindings) -> Option<&DateTime>| findings.and_then(of).and_then(time);
    Ok(ScanReport {
        status: status(output),
        counts,
        unfixable: BTreeMap::new(),
        completed_at: time(ImageScanFindings::image_scan_completed_at),
        source_updated_at: time(ImageScanFindings::vulnerability_source_updated_at),
    })
}

fn is_asked(call: &Call<'_>, key: &ImageKey, output: &DescribeImageScanFindingsOutput) -> bool {
    let digest = output.image_id().and_then(|id| id.image_digest());
    let is_digest = matches!(&key.id, ImageId::Digest(asked) if digest == Some(asked));
    output.registry_id() == Some(call.registry.account.as_str())
        && output.repository_name() == Some(key.repository.name.as_str())
        && is_digest
}

fn status(output: &DescribeImageScanFindingsOutput) -> ScanStatus {
    let status = output.image_scan_status().and_then(|scan| scan.status());
    ScanStatus::of(status.map_or("none", |status| status.as_str()))
}

/// Counts below zero would read as "none found": such an answer is no fact.
fn read_counts(
    call: &Call<'_>,
    counts: &HashMap<FindingSeverity, i32>,
) -> Result<BTreeMap<Severity, u32>, Unavailable> {
    let mut read: BTreeMap<Severity, u32> = BTreeMap::new();
    for (severity, count) in counts {
        let count = u32::try_from(*count).map_err(|_| wrong_counts(call))?;
        let sum = read.entry(Severity::of(severity.as_str())).or_default();
        *sum = sum.saturating_add(count);
    }
    Ok(read)
}

fn wrong_counts(call: &Call<'_>) -> Unavailable {
    Unavailable::new("scan-counts-wrong", format!("ECR of {} gave vulnerabilities that do not add up", call.registry))
}

fn time(at: &DateTime) -> Option<SystemTime> {
    let seconds = u64::try_from(at.secs()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}
