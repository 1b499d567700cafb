//! `policy.json` beside the function's binary, and the environment variables that override it.
//!
//! A policy that cannot be read must not end the process: a function that crashes says nothing, and with `Ignore` as
//! failure policy lets everything in. It is answered as "could not be checked" instead. What a policy may say is
//! decided in `compliance`.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use compliance::policy::{self, Home, IGNORED_NAMESPACE, Policy, PolicyFile, Request};
use compliance::registry::{Partition, Registry};
use compliance::verdict::{Finding, Verdict};
use sha2::{Digest, Sha256};

use crate::log::{Level, bounded};

/// The file's name.
pub const FILE_NAME: &str = "policy.json";
/// Where Lambda unpacked the function; set by Lambda.
pub const TASK_ROOT: &str = "LAMBDA_TASK_ROOT";
/// The rule that a malformed policy is reported under.
pub const RULE: &str = "policy";
/// The reason code of a malformed policy.
pub const CODE: &str = "policy-malformed";
/// [`Configured::version`] where there is no file.
pub const NO_FILE: &str = "default";

/// How much of what is wrong is told to the user; the log has all.
const LONGEST_TROUBLE: usize = 400;

/// A region with the partition it belongs to.
pub type Region = (String, Partition);

/// The policy in force, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// The policy.
    pub policy: Result<Policy, Malformed>,
    /// What the file says of the log.
    pub log_level: Option<Level>,
    /// Which policy this is: twelve digits of the SHA-256 digest of the file, and, if the environment overrides
    /// anything, eight of the digest of that.
    pub version: String,
}

/// A policy that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// All that is wrong with it.
    pub errors: Vec<String>,
    /// What the environment says of namespaces holds all the same, so that a cluster's own Pods are not locked out.
    pub ignored_namespaces: Vec<String>,
}

/// What the environment says of the policy; empty sets say nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Accepted accounts.
    pub accounts: BTreeSet<String>,
    /// Accepted regions.
    pub regions: BTreeSet<Region>,
    /// Namespaces that are not judged.
    pub ignored_namespaces: BTreeSet<String>,
}

/// What stands in the file; `None` when there is none.
///
/// # Errors
/// When there is one that cannot be read.
pub fn read(lookup: impl Fn(&str) -> Option<String>) -> io::Result<Option<Vec<u8>>> {
    let beside = || std::env::current_exe().ok().and_then(|path| path.parent().map(Path::to_owned));
    let Some(folder) = lookup(TASK_ROOT).filter(|root| !root.is_empty()).map(PathBuf::from).or_else(beside) else {
        return Ok(None);
    };
    match std::fs::read(folder.join(FILE_NAME)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the policy in force out of file and environment.
#[must_use]
pub fn configure(file: &io::Result<Option<Vec<u8>>>, overrides: &Overrides, home: &Home<'_>) -> Configured {
    let read = match file {
        Ok(None) => Ok(PolicyFile::default()),
        Ok(Some(bytes)) => PolicyFile::from_json(bytes)
            .map_err(|trouble| vec![bounded(&format!("{FILE_NAME}: {trouble}"), LONGEST_TROUBLE)]),
        // The kind alone: the rest of the message names a path of the machine.
        Err(error) => Err(vec![format!("{FILE_NAME}: it cannot be read ({})", error.kind())]),
    };
    let log_level = read.as_ref().ok().and_then(|file| file.log_level.as_deref()).and_then(Level::from_word);
    let checked = read.and_then(|file| file.validate(home, None).map_err(|errors| errors.0));
    let policy = checked.map(|policy| overrides.apply(policy)).map_err(|errors| Malformed {
        errors,
        ignored_namespaces: overrides.ignored_namespaces.iter().cloned().collect(),
    });
    let bytes = file.as_ref().ok().and_then(Option::as_deref);
    Configured { policy, log_level, version: version(bytes, overrides) }
}

impl Overrides {
    /// Accounts and regions are overridden each by itself, and accepted in every combination; what the file says of a
    /// registry (its role, its caches) stays with it.
    fn apply(&self, mut policy: Policy) -> Policy {
        if !(self.accounts.is_empty() && self.regions.is_empty()) {
            let of_file = std::mem::take(&mut policy.accepted);
            let accounts = or(&self.accounts, of_file.iter().map(|registry| registry.account.clone()));
            let regions = or(&self.regions, of_file.iter().map(|one| (one.region.clone(), one.partition)));
            policy.accepted = registries(&accounts, &regions);
        }
        if !self.ignored_namespaces.is_empty() {
            policy.ignored_namespaces = self.ignored_namespaces.iter().cloned().collect();
        }
        policy
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn or<T: Ord + Clone>(chosen: &BTreeSet<T>, otherwise: impl Iterator<Item = T>) -> BTreeSet<T> {
    if chosen.is_empty() { otherwise.collect() } else { chosen.clone() }
}

/// Every accepted account in every accepted region.
fn registries(accounts: &BTreeSet<String>, regions: &BTreeSet<Region>) -> Vec<Registry> {
    regions
        .iter()
        .flat_map(|(region, partition)| {
            accounts.iter().map(|account| Registry {
                partition: *partition,
                account: account.clone(),
                region: region.clone(),
            })
        })
        .collect()
}

fn version(file: Option<&[u8]>, overrides: &Overrides) -> String {
    let of_file = file.map_or_else(|| NO_FILE.to_owned(), |bytes| digest(bytes, 12));
    if overrides.is_empty() {
        return of_file;
    }
    let list = |items: Vec<&str>| items.join(",");
    let text = [
        list(overrides.accounts.iter().map(String::as_str).collect()),
        list(overrides.regions.iter().map(|(region, _)| region.as_str()).collect()),
        list(overrides.ignored_namespaces.iter().map(String::as_str).collect()),
    ]
    .join("\n");
    format!("{of_file}+{}", digest(text.as_bytes(), 8))
}

/// The first digits of the SHA-256 digest: they name a policy, nobody relies on them for anything else.
fn digest(bytes: &[u8], digits: usize) -> String {
    let half_bytes = |byte: &u8| [byte >> 4, byte & 0xf];
    let hex = Sha256::digest(bytes);
    hex.iter().flat_map(half_bytes).filter_map(|half| char::from_digit(half.into(), 16)).take(digits).collect()
}

impl Malformed {
    /// What is said instead of a judgement: whatever would have been judged could not be.
    #[must_use]
    pub fn verdict(&self, request: &policy::Request<'_>) -> Verdict {
        let Request { namespace, images } = request;
        if self.ignored_namespaces.iter().any(|ignored| ignored == namespace) {
            return Verdict { skipped: Some(IGNORED_NAMESPACE), ..Verdict::default() };
        }
        let message = format!("could not be checked: the policy is malformed ({}).", self.words());
        let finding = |field: &compliance::workload::ImageField<'_>| Finding {
            path: field.path.clone(),
            image: field.image.to_owned(),
            rule: RULE,
            code: CODE,
            message: message.clone(),
            fix: None,
            undecided: true,
        };
        Verdict { denials: images.iter().map(finding).collect(), ..Verdict::default() }
    }

    fn words(&self) -> String {
        let first = bounded(self.errors.first().map_or("", String::as_str), LONGEST_TROUBLE);
        match self.errors.len() {
            0 | 1 => first,
            all => format!("{first}; and {} more", all - 1),
        }
    }
}

#[cfg(test)]
#[path = "policy_file_tests.rs"]
mod tests;
