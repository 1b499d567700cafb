//! Findings, the verdict, and the words a person reads.
//!
//! This file must not decide what is compliant: it counts and prints findings.

mod warnings;

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::policy::Mode;
use crate::text::shown;

pub use warnings::{LONGEST_WARNING, LONGEST_WARNINGS, bounded as bounded_warning};

/// What a rule reports about one image field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where the image stands, such as `spec.containers[0].image`.
    pub path: String,
    /// The image as written: escape it before showing it.
    pub image: String,
    /// The rule's id.
    pub rule: &'static str,
    /// The stable reason code, such as `docker-hub`.
    pub code: &'static str,
    /// What is wrong, for a person: one or two sentences.
    pub message: String,
    /// What to do about it, usually a command.
    pub fix: Option<String>,
    /// Whether this says "could not be checked" and not "is not compliant".
    pub undecided: bool,
}

/// A finding that the owner has agreed to live with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exempted {
    /// The finding.
    pub finding: Finding,
    /// The id of the exemption.
    pub exemption: String,
    /// Days until its last one; 0: it ends today.
    pub days_left: i64,
    /// What the finding would have led to.
    pub mode: Mode,
}

impl Exempted {
    /// Who allowed it, and for how long: `allowed by EX-42, expires in 3 days`.
    #[must_use]
    pub fn note(&self) -> String {
        let when = match self.days_left {
            ..=0 => "today".to_owned(),
            1 => "in 1 day".to_owned(),
            days => format!("in {days} days"),
        };
        format!("allowed by {}, expires {when}", self.exemption)
    }
}

/// The outcome for one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What the request is refused for, in the order of the image fields and then of the rules. One is enough.
    pub denials: Vec<Finding>,
    /// What the user is warned about.
    pub warnings: Vec<Finding>,
    /// What only the logs are told.
    pub audits: Vec<Finding>,
    /// What would count if the owner had not agreed to it.
    pub exempted: Vec<Exempted>,
    /// Why the request was not judged at all, if it was not.
    pub skipped: Option<&'static str>,
}

/// The most bytes [`Verdict::message`] takes: enough for several findings with their commands, and short enough for a
/// terminal and for an event.
pub const LONGEST_MESSAGE: usize = 3072;
/// Kept free for the sentence about what was left out.
const RESERVED: usize = 120;
const SHOWN_IMAGE: usize = 200;
/// How many places of the same image are named.
const NAMED_PATHS: usize = 3;

impl Verdict {
    /// Whether the request may pass.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.denials.is_empty()
    }

    /// Whether it is refused for no other reason than that something could not be checked.
    #[must_use]
    pub fn undecided(&self) -> bool {
        !self.denials.is_empty() && self.denials.iter().all(|finding| finding.undecided)
    }

    /// One word for machines: the `reason` of the answer's status.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match (self.skipped, self.allowed(), self.undecided()) {
            (Some(_), _, _) => "NotJudged",
            (None, true, _) if self.warnings.is_empty() && self.exempted.is_empty() => "Compliant",
            (None, true, _) => "AllowedWithWarnings",
            (None, false, true) => "CouldNotBeChecked",
            (None, false, false) => "NotCompliant",
        }
    }

    /// All denials for a person: by image, with the places, the rules, the reasons and what to do.
    ///
    /// At most [`LONGEST_MESSAGE`] bytes; says how many findings were left out.
    #[must_use]
    pub fn message(&self) -> String {
        if let Some(why) = self.skipped {
            return format!("not judged: {why}");
        }
        if self.allowed() {
            let clean = self.warnings.is_empty() && self.exempted.is_empty();
            return if clean { "all images are compliant" } else { "all images are allowed" }.to_owned();
        }
        let groups = by_image(&self.denials);
        let mut message = self.headline(groups.len());
        let mut left_out = 0;
        for group in &groups {
            left_out += group.append_to(&mut message, LONGEST_MESSAGE - RESERVED);
        }
        if left_out > 0 {
            // Writing to a string cannot fail.
            let _ = write!(message, "\n({left_out} more findings are left out here; the function's log has all.)");
        }
        message
    }

    fn headline(&self, images: usize) -> String {
        let subject = if images == 1 { "1 image".to_owned() } else { format!("{images} images") };
        if self.undecided() {
            return format!(
                "{subject} could not be checked, so the Pod is refused; nothing is known against it. Try again; if it stays so, tell the owner of this webhook."
            );
        }
        let verb = if images == 1 { "is" } else { "are" };
        format!("{subject} {verb} refused:")
    }
}

/// The findings about one image, wherever it stands.
struct Group<'a> {
    image: &'a str,
    findings: Vec<&'a Finding>,
}

fn by_image(findings: &[Finding]) -> Vec<Group<'_>> {
    let mut places = HashMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for finding in findings {
        let at = *places.entry(finding.image.as_str()).or_insert(groups.len());
        if at == groups.len() {
            groups.push(Group { image: &finding.image, findings: Vec::new() });
        }
        groups[at].findings.push(finding);
    }
    groups
}

impl Group<'_> {
    /// Appends what fits below `limit` and returns how many findings did not.
    fn append_to(&self, message: &mut String, limit: usize) -> usize {
        let before = message.len();
        let _ = write!(message, "\n{} ({})", self.shown_image(), self.places());
        let headed = message.len();
        let mut left_out = 0;
        for entry in self.entries() {
            let text = entry.text();
            if message.len() + text.len() <= limit {
                message.push_str(&text);
            } else {
                left_out += entry.count;
            }
        }
        if message.len() == headed {
            // A heading with nothing below it says nothing.
            message.truncate(before);
        }
        left_out
    }

    fn shown_image(&self) -> String {
        if self.image.is_empty() { "(no image)".to_owned() } else { shown(self.image, SHOWN_IMAGE) }
    }

    fn places(&self) -> String {
        let mut paths: Vec<&str> = self.findings.iter().map(|finding| finding.path.as_str()).collect();
        // Findings of one field follow each other.
        paths.dedup();
        let rest = paths.len().saturating_sub(NAMED_PATHS);
        paths.truncate(NAMED_PATHS);
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        format!("{}{more}", paths.join(", "))
    }

    /// The same objection by several rules, or in several places, is said once.
    fn entries(&self) -> Vec<Entry<'_>> {
        let mut entries: Vec<Entry<'_>> = Vec::new();
        for finding in &self.findings {
            match entries.iter_mut().find(|entry| entry.says_the_same(finding)) {
                Some(entry) => entry.add(finding.rule),
                None => entries.push(Entry { finding, rules: vec![finding.rule], count: 1 }),
            }
        }
        entries
    }
}

/// One objection to one image.
struct Entry<'a> {
    finding: &'a Finding,
    rules: Vec<&'static str>,
    count: usize,
}

impl Entry<'_> {
    fn says_the_same(&self, other: &Finding) -> bool {
        self.finding.message == other.message && self.finding.fix == other.fix
    }

    fn add(&mut self, rule: &'static str) {
        self.count += 1;
        if !self.rules.contains(&rule) {
            self.rules.push(rule);
        }
    }

    fn text(&self) -> String {
        let mut text = format!("\n  [{}] {}", self.rules.join(", "), self.finding.message);
        if let Some(fix) = &self.finding.fix {
            let _ = write!(text, "\n    fix: {fix}");
        }
        text
    }
}

#[cfg(test)]
mod tests;
