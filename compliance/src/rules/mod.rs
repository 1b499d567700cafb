//! The rules: one file each, listed in [`RULES`]. A rule is a pure function of an image and the facts about it.
//!
//! To add one: a file here, a line in [`RULES`]. The README's table is generated from this slice.
//! A rule must not do I/O, must not panic, and must say in every finding how to fix it where that is possible.

mod digest_pinned;
mod image_exists;
mod registry;
mod registry_scanning;
mod scan_findings;
mod scan_on_push;
mod tag_immutability;

use std::time::SystemTime;

pub use self::scan_findings::ScanFindingsOptions;
use crate::facts::{ImageFacts, RepositoryFacts, RepositoryKey, ScanResult, Unavailable};
use crate::image::{ImageReference, ParseImageError};
use crate::policy::{Mode, Options};
use crate::registry::{Registry, RegistryHost};
use crate::text::shell;
use crate::verdict::Finding;

/// Something an image must satisfy.
pub trait Rule: Sync {
    /// The stable id, such as `scan-on-push`.
    fn id(&self) -> &'static str;
    /// What it checks: one sentence, for the README's table.
    fn summary(&self) -> &'static str;
    /// How to satisfy it: one sentence, for the README's table.
    fn how_to_fix(&self) -> &'static str;
    /// How seriously it is taken where the owner says nothing.
    fn default_mode(&self) -> Mode {
        Mode::Enforce
    }
    /// What ECR must be asked for it: what no rule that is on needs, ECR is not asked for.
    fn needs(&self) -> Needs {
        Needs::Repository
    }
    /// Judges one image. Nothing means nothing to object.
    fn check(&self, subject: &Subject<'_>) -> Vec<Finding>;
}

/// What a rule looks at. Each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// The reference alone.
    Reference,
    /// The repository's settings.
    Repository,
    /// Whether the image exists.
    Image,
    /// What the image's scan found.
    Scan,
}

/// Every rule, in the order in which findings are reported.
pub static RULES: &[&dyn Rule] = &[
    &registry::FromAcceptedRegistry,
    &tag_immutability::TagImmutability,
    &scan_on_push::ScanOnPush,
    &digest_pinned::DigestPinned,
    &image_exists::ImageExists,
    &scan_findings::ScanFindings,
];

/// One image to judge, with everything a rule may look at.
#[derive(Debug)]
pub struct Subject<'a> {
    /// Where the image stands in the Pod.
    pub path: &'a str,
    /// The image as written.
    pub image: &'a str,
    /// The accepted registries.
    pub accepted: &'a [Registry],
    /// Options of single rules.
    pub options: &'a Options,
    /// What the image turned out to be.
    pub origin: Origin<'a>,
    /// What rules about the image itself look at: for images from an accepted registry, and only if such a rule is on.
    pub about_image: Option<AboutImage<'a>>,
}

/// What is known about the image itself, and what is allowed of it.
#[derive(Debug, Clone, Copy)]
pub struct AboutImage<'a> {
    /// Whether it exists.
    pub image: &'a ImageFacts,
    /// What its scan found, if that was asked for.
    pub scan: Option<&'a ScanResult>,
    /// What a scan may have found.
    pub options: &'a ScanFindingsOptions,
    /// Now: ages of scans end here.
    pub now: SystemTime,
}

/// What an image turned out to be.
#[derive(Debug)]
pub enum Origin<'a> {
    /// Not an image reference.
    Unparseable(ParseImageError),
    /// Not from an accepted registry.
    NotAccepted {
        /// The image.
        reference: ImageReference,
        /// Its registry.
        host: RegistryHost,
    },
    /// From a registry that is trusted without looking.
    Trusted {
        /// The image.
        reference: ImageReference,
    },
    /// From an accepted registry.
    Accepted {
        /// The image.
        reference: ImageReference,
        /// Its repository.
        key: RepositoryKey,
        /// What is known of the repository.
        facts: &'a RepositoryFacts,
    },
}

impl Subject<'_> {
    /// A finding against this image.
    fn finding(&self, rule: &dyn Rule, code: &'static str, message: String, fix: Option<String>) -> Finding {
        Finding {
            path: self.path.to_owned(),
            image: self.image.to_owned(),
            rule: rule.id(),
            code,
            message,
            fix,
            undecided: false,
        }
    }

    /// A finding that says that this image could not be judged.
    fn undecided(&self, rule: &dyn Rule, code: &'static str, why: &str) -> Finding {
        let message = format!("could not be checked: {why}.");
        Finding { undecided: true, ..self.finding(rule, code, message, None) }
    }

    /// The same for facts that could not be had.
    fn unavailable(&self, rule: &dyn Rule, why: &Unavailable) -> Finding {
        self.undecided(rule, why.code, &why.to_string())
    }

    /// A repository that does not exist: every rule about its settings says so in the same words.
    fn not_found(&self, rule: &dyn Rule, key: &RepositoryKey) -> Finding {
        let message = format!("repository {key} does not exist.");
        let fix = format!(
            "aws ecr create-repository {} --image-tag-mutability IMMUTABLE --image-scanning-configuration scanOnPush=true",
            repository_flags(key)
        );
        self.finding(rule, "repository-not-found", message, Some(fix))
    }
}

/// The flags that name a repository in an `aws ecr` command.
fn repository_flags(key: &RepositoryKey) -> String {
    format!(
        "--registry-id {} --region {} --repository-name {}",
        shell(&key.registry.account),
        shell(&key.registry.region),
        shell(&key.name)
    )
}

/// The README's table of rules.
#[must_use]
pub fn rules_markdown() -> String {
    let mut table = String::from("| rule | by default | what it checks | how to fix |\n|---|---|---|---|\n");
    for rule in RULES {
        let default = format!("`{}`", rule.default_mode().word());
        for cell in [&format!("`{}`", rule.id()), &default, rule.summary(), rule.how_to_fix()] {
            table.push_str("| ");
            table.push_str(cell);
            table.push(' ');
        }
        table.push_str("|\n");
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{RULES, rules_markdown};

    #[test]
    fn every_rule_has_its_own_id_and_says_what_it_checks_and_how_to_fix_it() {
        let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id()).collect();
        assert_eq!(ids.len(), RULES.len(), "ids are unique");
        for rule in RULES {
            assert!(rule.id().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", rule.id());
            assert!(rule.summary().ends_with('.') && rule.how_to_fix().ends_with('.'), "{}", rule.id());
            assert!(!format!("{}{}", rule.summary(), rule.how_to_fix()).contains(['|', '\n']), "{}", rule.id());
        }
    }

    #[test]
    fn the_table_has_one_line_per_rule() {
        let table = rules_markdown();
        assert_eq!(table.lines().count(), RULES.len() + 2);
        assert!(table.contains("| `scan-on-push` | `enforce` |"), "{table}");
        assert!(table.lines().all(|line| line.matches('|').count() == 5), "{table}");
    }
}
