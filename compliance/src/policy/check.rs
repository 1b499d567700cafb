//! From a policy file to a policy, with every error at once: key, value, way out.
//!
//! This file must not decide anything about an image, and must not look at a clock: a day is handed in.

mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::image::ImageReference;
use crate::policy::day::Day;
use crate::policy::exemption::{Exemption, NOT_A_PATTERN, Pattern};
use crate::policy::file::{ExemptionFile, PolicyFile, RegistryFile, Table, TrustedFile};
use crate::policy::mode::Mode;
use crate::policy::{Policy, RoleToAssume, Trusted};
use crate::registry::{Partition, Registry};
use crate::rules::{RULES, Rule};
use crate::text::shown;

/// How far ahead the end of an exemption may lie where the file says nothing.
pub const MOST_EXEMPTION_DAYS: u32 = 90;
/// The most that the file can say.
const LONGEST_EXEMPTION_DAYS: u32 = 366;
/// Words that name something, such as an exemption's owner.
const LONGEST_TEXT: usize = 200;
const LONGEST_ID: usize = 40;
/// Stands for the function's account where it is not known yet; it may own no registry.
pub const UNKNOWN_ACCOUNT: &str = "000000000000";
const LOG_LEVELS: [&str; 4] = ["debug", "info", "warn", "error"];
const NOT_A_MODE: &str = "is not a mode; give enforce, warn, audit or off";
const NOT_AN_ACCOUNT: &str = "is not an account id; give its 12 digits, as a string";
const NOT_A_REGION: &str = "is not the name of a region; give one such as eu-west-1";
const NOT_A_NAMESPACE: &str = "is not the name of a namespace; give exact names, patterns are not understood";

/// Where the function runs, or will run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Home<'a> {
    /// Its account id. Where it is not known yet, [`UNKNOWN_ACCOUNT`] does for checking a file.
    pub account: &'a str,
    /// Its region.
    pub region: &'a str,
}

/// Everything that is wrong with a policy, one sentence each: key, value, way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyErrors(pub Vec<String>);

impl fmt::Display for PolicyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for PolicyErrors {}

impl PolicyFile {
    /// Checks the file and makes a policy of it.
    ///
    /// With a day (that of the deployment), exemptions must end within the file's `max_exemption_days` from it. Without
    /// one (in the function, where the file has been checked) they need not. One that has ended is no error: it does
    /// nothing any more.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn validate(&self, home: &Home<'_>, today: Option<Day>) -> Result<Policy, PolicyErrors> {
        let mut errors = Errors::default();
        let mut policy =
            Policy { accepted: Vec::new(), ignored_namespaces: self.ignored_namespaces.clone(), ..Policy::default() };
        errors.registries(&self.registries, home, &mut policy);
        policy.trusted = errors.trusted(&self.trusted_registries, home, &policy.accepted);
        for (index, namespace) in self.ignored_namespaces.iter().enumerate() {
            errors.check(&format!("ignored_namespaces[{index}]"), namespace, is_namespace(namespace), NOT_A_NAMESPACE);
        }
        if let Some(level) = &self.log_level {
            let known = LOG_LEVELS.contains(&level.as_str());
            errors.check("log_level", level, known, "is not a level; give debug, info, warn or error");
        }
        (policy.rules, policy.options) = rules::read(&mut errors, &self.rules);
        policy.namespaces = errors.namespaces(&self.namespaces);
        policy.exemptions = errors.exemptions(self, today);
        if errors.0.is_empty() { Ok(policy) } else { Err(PolicyErrors(errors.0)) }
    }
}

/// Whether it can be the name of a namespace (RFC 1123).
#[must_use]
pub fn is_namespace(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// Collects what is wrong while reading goes on.
#[derive(Default)]
struct Errors(Vec<String>);

impl Errors {
    fn add(&mut self, key: &str, value: &str, trouble: &str) {
        self.0.push(format!("policy.{key}: \"{}\" {trouble}", shown(value, 120)));
    }

    fn check(&mut self, key: &str, value: &str, good: bool, trouble: &str) {
        if !good {
            self.add(key, value, trouble);
        }
    }

    fn parsed<T>(&mut self, key: &str, value: &str, parsed: Option<T>, trouble: &str) -> Option<T> {
        self.check(key, value, parsed.is_some(), trouble);
        parsed
    }

    fn registries(&mut self, files: &[RegistryFile], home: &Home<'_>, policy: &mut Policy) {
        let own = [RegistryFile::default()];
        for (index, file) in if files.is_empty() { &own } else { files }.iter().enumerate() {
            let key = format!("registries[{index}]");
            let Some(registry) = self.registry(&key, file, home) else { continue };
            if policy.accepted.contains(&registry) {
                self.add(&key, &registry.to_string(), "is listed twice; list it once");
            }
            if let Some(role) = self.role(&key, file, &registry) {
                policy.roles.insert(registry.clone(), role);
            }
            for (index, prefix) in file.pull_through_cache.iter().enumerate() {
                let trouble =
                    "is not a prefix of repositories; give it without a slash or a star at its end, such as docker-hub";
                self.check(&format!("{key}.pull_through_cache[{index}]"), prefix, is_repository(prefix), trouble);
            }
            if !file.pull_through_cache.is_empty() {
                policy.pull_through_cache.insert(registry.clone(), file.pull_through_cache.clone());
            }
            policy.accepted.push(registry);
        }
    }

    fn registry(&mut self, key: &str, file: &RegistryFile, home: &Home<'_>) -> Option<Registry> {
        let account = file.account.as_deref().unwrap_or(home.account);
        let region = file.region.as_deref().unwrap_or(home.region);
        self.check(&format!("{key}.account"), account, is_account(account), NOT_AN_ACCOUNT);
        self.region(&format!("{key}.region"), region, home)?;
        Registry::new(account, region).ok()
    }

    /// ECR tells how a registry is scanned to its own account only, so a role of a third one would be of no use.
    fn role(&mut self, key: &str, file: &RegistryFile, registry: &Registry) -> Option<RoleToAssume> {
        if let Some(id) = &file.external_id {
            let name = format!("{key}.external_id");
            let trouble = "is not an external id; give 2 to 1224 letters, digits and + = , . @ : / _ -";
            self.check(&name, id, is_external_id(id), trouble);
            self.check(&name, id, file.role_arn.is_some(), "is for a role; give role_arn too, or leave it out");
        }
        let arn = file.role_arn.as_ref()?;
        let name = format!("{key}.role_arn");
        let trouble =
            "is not the ARN of a role of this partition; give one such as arn:aws:iam::111122223333:role/ecr-reader";
        let account = self.parsed(&name, arn, role_account(arn, registry.partition), trouble)?;
        let trouble =
            format!("is not a role of account {}, whose registry this is; give one of that", registry.account);
        let fits = account == registry.account || registry.account == UNKNOWN_ACCOUNT;
        self.check(&name, arn, fits, &trouble);
        Some(RoleToAssume { arn: arn.clone(), external_id: file.external_id.clone() })
    }

    /// The function's credentials are of one partition, and no other one would know them.
    fn region(&mut self, key: &str, region: &str, home: &Home<'_>) -> Option<Partition> {
        let partition = self.parsed(key, region, Partition::of_region(region), NOT_A_REGION)?;
        let own = Partition::of_region(home.region)?;
        let trouble = format!(
            "is in another partition than {} ({}), where this function runs; deploy a stack of its own there",
            home.region,
            own.id()
        );
        self.check(key, region, partition == own, &trouble);
        Some(partition)
    }

    fn trusted(&mut self, files: &[TrustedFile], home: &Home<'_>, accepted: &[Registry]) -> Vec<Trusted> {
        let mut all = Vec::new();
        for (index, file) in files.iter().enumerate() {
            let key = format!("trusted_registries[{index}]");
            self.check(&format!("{key}.account"), &file.account, is_account(&file.account), NOT_AN_ACCOUNT);
            if let Some(region) = &file.region {
                self.region(&format!("{key}.region"), region, home);
            }
            let same = |one: &&Registry| {
                one.account == file.account && file.region.as_ref().is_none_or(|region| *region == one.region)
            };
            if let Some(registry) = accepted.iter().find(same) {
                let trouble = "is in registries too, where it would be checked; list it in one of the two";
                self.add(&key, &registry.to_string(), trouble);
            }
            all.extend(Partition::of_region(home.region).map(|partition| Trusted {
                partition,
                account: file.account.clone(),
                region: file.region.clone(),
            }));
        }
        all
    }

    fn rule(&mut self, key: &str, id: &str) -> Option<&'static dyn Rule> {
        let rule = RULES.iter().copied().find(|rule| rule.id() == id);
        let known: Vec<&str> = RULES.iter().map(|rule| rule.id()).collect();
        self.parsed(key, id, rule, &format!("is not a rule; the rules are {}", known.join(", ")))
    }

    fn mode(&mut self, key: &str, word: Option<&str>) -> Option<Mode> {
        let word = word?;
        self.parsed(key, word, Mode::from_word(word), NOT_A_MODE)
    }

    fn namespaces(&mut self, files: &Table<Table<String>>) -> BTreeMap<String, BTreeMap<&'static str, Mode>> {
        let mut all = BTreeMap::new();
        for (namespace, file) in &files.0 {
            let key = format!("namespaces.{}", shown(namespace, 70));
            self.check(&key, namespace, is_namespace(namespace), NOT_A_NAMESPACE);
            let mut modes = BTreeMap::new();
            for (id, word) in &file.0 {
                let key = format!("{key}.{}", shown(id, 40));
                let rule = self.rule(&key, id);
                let mode = self.mode(&key, Some(word));
                modes.extend(rule.map(Rule::id).zip(mode));
            }
            all.insert(namespace.clone(), modes);
        }
        all
    }

    fn exemptions(&mut self, file: &PolicyFile, today: Option<Day>) -> Vec<Exemption> {
        let most = file.max_exemption_days.unwrap_or(MOST_EXEMPTION_DAYS);
        let trouble = format!("is out of range; give 1 to {LONGEST_EXEMPTION_DAYS} days");
        let in_range = (1..=LONGEST_EXEMPTION_DAYS).contains(&most);
        self.check("max_exemption_days", &most.to_string(), in_range, &trouble);
        let last = today.map(|today| (today.plus(most), most));
        let mut ids = BTreeSet::new();
        let mut all = Vec::new();
        for (index, one) in file.exemptions.iter().enumerate() {
            let key = format!("exemptions[{index}]");
            if !ids.insert(one.id.as_str()) {
                self.add(&format!("{key}.id"), &one.id, "is used twice; give each exemption an id of its own");
            }
            all.extend(self.exemption(&key, one, last));
        }
        all
    }

    fn exemption(&mut self, key: &str, file: &ExemptionFile, last: Option<(Day, u32)>) -> Option<Exemption> {
        let name = |field: &str| format!("{key}.{field}");
        let trouble = "is not an id; give 1 to 40 letters, digits and . _ -, such as EX-42";
        self.check(&name("id"), &file.id, is_id(&file.id), trouble);
        if let Some(namespace) = &file.namespace {
            self.check(&name("namespace"), namespace, is_namespace(namespace), NOT_A_NAMESPACE);
        }
        for (field, text) in [("reason", &file.reason), ("owner", &file.owner), ("ticket", &file.ticket)] {
            let trouble = "must say something, on one line of up to 200 characters";
            self.check(&name(field), text, is_text(text), trouble);
        }
        let image = self.parsed(&name("image"), &file.image, Pattern::parse(&file.image), NOT_A_PATTERN);
        let rules = self.exempted_rules(&name("rules"), file, image.as_ref());
        let trouble = "is not a date; give the last day of the exemption, such as \"2026-12-31\"";
        let expires = self.parsed(&name("expires"), &file.expires, Day::parse(&file.expires), trouble)?;
        if let Some((last, days)) = last {
            let trouble = format!("is too far ahead; end it by {last}, within {days} days (max_exemption_days)");
            self.check(&name("expires"), &file.expires, expires <= last, &trouble);
        }
        Some(Exemption {
            id: file.id.clone(),
            image: image?,
            namespace: file.namespace.clone(),
            rules,
            reason: file.reason.clone(),
            owner: file.owner.clone(),
            ticket: file.ticket.clone(),
            expires,
        })
    }

    fn exempted_rules(&mut self, key: &str, file: &ExemptionFile, image: Option<&Pattern>) -> Vec<&'static str> {
        if file.rules.is_empty() {
            self.add(key, "", "is empty; name the rules that are lifted");
        }
        let rules: Vec<&'static str> = file.rules.iter().filter_map(|id| self.rule(key, id)).map(Rule::id).collect();
        // Otherwise "team/app" of anybody's registry would pass.
        if rules.contains(&"registry") && image.is_some_and(|image| !image.is_anchored()) {
            let trouble = "must name the host to lift the rule registry, such as docker.io/library/nginx";
            self.add(&key.replace(".rules", ".image"), &file.image, trouble);
        }
        rules
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_repository(text: &str) -> bool {
    let reference = ImageReference::parse(&format!("registry.invalid/{text}"));
    reference.is_ok_and(|reference| reference.repository() == text)
}

/// The account of a role of that partition.
fn role_account(arn: &str, partition: Partition) -> Option<&str> {
    let pieces: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", of, "iam", "", account, resource] = pieces.as_slice() else { return None };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"/+=,.@_-".contains(&byte);
    let is_role = resource.strip_prefix("role/").is_some_and(|name| !name.is_empty() && name.bytes().all(good));
    (*of == partition.id() && is_account(account) && is_role).then_some(*account)
}

fn is_external_id(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@:/_-".contains(&byte);
    (2..=1224).contains(&text.len()) && text.bytes().all(good)
}

fn is_id(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=LONGEST_ID).contains(&text.len()) && text.bytes().all(good)
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= LONGEST_TEXT && !text.chars().any(char::is_control)
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
