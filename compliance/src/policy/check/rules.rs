//! What is chosen for single rules, and the options that only one of them has.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Errors;
use crate::facts::{Platform, Platforms, Severity};
use crate::policy::Options;
use crate::policy::file::{PlatformsFile, RuleFile, Table};
use crate::policy::mode::{OnError, RulePolicy};
use crate::rules::ScanFindingsOptions;
use crate::text::shown;

const IMMUTABILITY: &str = "tag-immutability";
const FINDINGS: &str = "scan-findings";
/// The severities that somebody rated, from the least.
const SEVERITIES: [Severity; 5] =
    [Severity::Informational, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
/// What ECR does not remember, nobody can ask for.
const LONGEST_SCAN_DAYS: u32 = 3650;

/// Modes and options by rule.
pub(super) fn read(errors: &mut Errors, files: &Table<RuleFile>) -> (BTreeMap<&'static str, RulePolicy>, Options) {
    let mut rules = BTreeMap::new();
    let mut options = Options::default();
    for (id, file) in &files.0 {
        let Some(rule) = errors.rule(&format!("rules.{}", shown(id, 40)), id) else { continue };
        let key = |name: &str| format!("rules.{id}.{name}");
        let default = RulePolicy::default_of(rule);
        let mode = errors.mode(&key("mode"), file.mode.as_deref());
        let pull_through_cache = errors.mode(&key("pull_through_cache"), file.pull_through_cache.as_deref());
        let on_error = file.on_error.as_deref().and_then(|word| {
            let trouble = "is not known; give deny or allow";
            errors.parsed(&key("on_error"), word, OnError::from_word(word), trouble)
        });
        errors.foreign_options(id, file);
        match id.as_str() {
            IMMUTABILITY => options.digest_satisfies = file.digest_satisfies.unwrap_or_default(),
            FINDINGS => options.scan_findings = errors.scan_findings(file),
            _ => {}
        }
        let chosen = RulePolicy {
            mode: mode.unwrap_or(default.mode),
            pull_through_cache,
            on_error: on_error.unwrap_or(default.on_error),
        };
        rules.insert(rule.id(), chosen);
    }
    (rules, options)
}

impl Errors {
    /// An option of another rule would do nothing, and its author believe that it did.
    fn foreign_options(&mut self, id: &str, file: &RuleFile) {
        let most = file.most.0.keys().next().map(String::as_str);
        let options = [
            ("digest_satisfies", file.digest_satisfies.map(|value| value.to_string()), IMMUTABILITY),
            ("worst_allowed", file.worst_allowed.clone(), FINDINGS),
            ("most", most.map(str::to_owned), FINDINGS),
            ("unrated_as", file.unrated_as.clone(), FINDINGS),
            ("oldest_scan_days", file.oldest_scan_days.map(|value| value.to_string()), FINDINGS),
            ("fix_available_only", file.fix_available_only.map(|value| value.to_string()), FINDINGS),
            ("platforms", file.platforms.as_ref().map(|platforms| platforms.words().join(", ")), FINDINGS),
        ];
        for (name, value, owner) in options {
            if let Some(value) = value.filter(|_| id != owner) {
                let trouble = format!("is an option of {owner} only; leave it out here");
                self.add(&format!("rules.{id}.{name}"), &value, &trouble);
            }
        }
    }

    fn scan_findings(&mut self, file: &RuleFile) -> ScanFindingsOptions {
        let default = ScanFindingsOptions::default();
        let key = |name: &str| format!("rules.{FINDINGS}.{name}");
        let worst_allowed = file.worst_allowed.as_deref().and_then(|word| self.severity(&key("worst_allowed"), word));
        let unrated_as = file.unrated_as.as_deref().and_then(|word| self.severity(&key("unrated_as"), word));
        let mut most = BTreeMap::new();
        for (word, count) in &file.most.0 {
            most.extend(self.severity(&key("most"), word).map(|severity| (severity, *count)));
        }
        if let Some(days) = file.oldest_scan_days {
            let trouble = format!("is out of range; give 1 to {LONGEST_SCAN_DAYS} days");
            let good = (1..=LONGEST_SCAN_DAYS).contains(&days);
            self.check(&key("oldest_scan_days"), &days.to_string(), good, &trouble);
        }
        ScanFindingsOptions {
            worst_allowed: worst_allowed.unwrap_or(default.worst_allowed),
            most,
            unrated_as: unrated_as.unwrap_or(default.unrated_as),
            oldest_scan: file.oldest_scan_days.map(|days| Duration::from_hours(u64::from(days) * 24)),
            fix_available_only: file.fix_available_only.unwrap_or_default(),
            platforms: file.platforms.as_ref().map(|file| self.platforms(&key("platforms"), file)).unwrap_or_default(),
        }
    }

    /// An empty list would judge nothing and refuse every index.
    fn platforms(&mut self, key: &str, file: &PlatformsFile) -> Platforms {
        let trouble = "is not a platform; give \"every\" or a list such as [\"linux/amd64\", \"linux/arm64\"]";
        match file {
            PlatformsFile::Word(word) => {
                self.check(key, word, word == "every", trouble);
                Platforms::Every
            }
            PlatformsFile::Named(words) => {
                self.check(key, "", !words.is_empty(), trouble);
                let named = words.iter().filter_map(|word| self.parsed(key, word, Platform::parse(word), trouble));
                Platforms::Named(named.collect())
            }
        }
    }

    fn severity(&mut self, key: &str, word: &str) -> Option<Severity> {
        let known = SEVERITIES.into_iter().find(|severity| severity.as_str().to_ascii_lowercase() == word);
        self.parsed(key, word, known, "is not a severity; give informational, low, medium, high or critical")
    }
}
