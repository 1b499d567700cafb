//! What `kubectl` prints as `Warning: …`, within the limits of Kubernetes.
//!
//! Each warning is short, cut on a word where it must be, and then points to the log line of the request. Limits: the
//! field `warnings` of `AdmissionResponse`
//! (<https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response>).

use crate::policy::Mode;
use crate::text::shown;
use crate::verdict::{Finding, Group, Verdict, by_image};

/// The most characters of one warning: what is longer may be cut anywhere by the API server.
pub const LONGEST_WARNING: usize = 256;
/// The most characters of all warnings of one answer.
pub const LONGEST_WARNINGS: usize = 4096;
/// Up to this length, as Kubernetes wishes, the way out stands in the same line.
const PREFERRED: usize = 120;
/// Kept free for the sentence about what was left out.
const RESERVED: usize = 140;
/// A uid has 36 characters; what is longer was not made by an API server.
const LONGEST_UID: usize = 64;

impl Verdict {
    /// What to warn the user about: findings of rules that warn, and exemptions with their last day.
    ///
    /// `uid` is the request's, under which the log has all.
    #[must_use]
    pub fn warning_texts(&self, uid: &str) -> Vec<String> {
        let mut lines = Lines::new(uid);
        lines.findings("", &self.warnings);
        lines.exemptions(self);
        lines.finish()
    }

    /// What to warn the author of an object about whose Pods are judged later, such as a `Deployment`.
    #[must_use]
    pub fn early_warning_texts(&self, kind: &str, uid: &str) -> Vec<String> {
        let mut lines = Lines::new(uid);
        let (unknown, known): (Vec<Finding>, Vec<Finding>) =
            self.denials.iter().cloned().partition(|finding| finding.undecided);
        lines.findings(&format!("this {kind}'s Pods will be denied: "), &known);
        lines.findings(&format!("this {kind}'s Pods may be denied: "), &unknown);
        lines.findings("", &self.warnings);
        lines.exemptions(self);
        lines.finish()
    }
}

/// Shortens one warning to what Kubernetes carries, on a word and with a pointer to the log.
#[must_use]
pub fn bounded(text: &str, uid: &str) -> String {
    if text.chars().count() <= LONGEST_WARNING {
        return text.to_owned();
    }
    let pointer = format!(" ... (log: request {})", shown(uid, LONGEST_UID));
    let room = LONGEST_WARNING.saturating_sub(pointer.chars().count());
    let end = text.char_indices().nth(room).map_or(text.len(), |(end, _)| end);
    let front = &text[..end];
    // A text without any space in reach is cut where it must be.
    let front = front.rsplit_once(' ').map_or(front, |(front, _)| front);
    format!("{front}{pointer}")
}

struct Lines<'a> {
    uid: &'a str,
    texts: Vec<String>,
    length: usize,
    left_out: usize,
}

impl<'a> Lines<'a> {
    fn new(uid: &'a str) -> Self {
        Self { uid, texts: Vec::new(), length: 0, left_out: 0 }
    }

    fn add(&mut self, text: &str) {
        let text = bounded(text, self.uid);
        let length = text.chars().count();
        // The API server sends a warning once, however often it is given.
        if self.texts.contains(&text) {
            return;
        }
        if self.left_out > 0 || self.length + length > LONGEST_WARNINGS - RESERVED {
            self.left_out += 1;
        } else {
            self.length += length;
            self.texts.push(text);
        }
    }

    fn findings(&mut self, before: &str, findings: &[Finding]) {
        for group in by_image(findings) {
            for entry in group.entries() {
                let Finding { message, fix, .. } = entry.finding;
                let text = format!("{before}[{}] {}: {message}", entry.rules.join(", "), group.place());
                let with_fix = fix.as_ref().map(|fix| format!("{text} Fix: {fix}"));
                match (with_fix, fix) {
                    (Some(one), _) if one.chars().count() <= PREFERRED => self.add(&one),
                    (_, Some(fix)) => {
                        self.add(&text);
                        self.fix(fix);
                    }
                    _ => self.add(&text),
                }
            }
        }
    }

    /// Half a command helps nobody.
    fn fix(&mut self, fix: &str) {
        let text = format!("fix: {fix}");
        if text.chars().count() <= LONGEST_WARNING {
            self.add(&text);
        }
    }

    fn exemptions(&mut self, verdict: &Verdict) {
        for exempted in verdict.exempted.iter().filter(|exempted| exempted.mode >= Mode::Warn) {
            let Finding { path, rule, .. } = &exempted.finding;
            self.add(&format!("[{rule}] {path}: {}", exempted.note()));
        }
    }

    fn finish(mut self) -> Vec<String> {
        if self.left_out > 0 {
            let uid = shown(self.uid, LONGEST_UID);
            self.texts.push(format!("{} more warnings are left out here (log: request {uid})", self.left_out));
        }
        self.texts
    }
}

impl Group<'_> {
    /// One place, and how many more there are.
    fn place(&self) -> String {
        let mut paths: Vec<&str> = self.findings.iter().map(|finding| finding.path.as_str()).collect();
        paths.dedup();
        let more = paths.len().saturating_sub(1);
        let first = paths.first().copied().unwrap_or_default();
        if more > 0 { format!("{first} and {more} more") } else { first.to_owned() }
    }
}

#[cfg(test)]
#[path = "warnings_tests.rs"]
mod tests;
