//! The section `[policy]`: the same shape as the function's `policy.json`, read piece by piece so that every error is told
//! at once.
//!
//! What a policy may say is decided in `compliance`, once for the function and for us; this file must not know a rule.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::SystemTime;

use compliance::facts::Facts;
use compliance::policy::{Day, Home, PolicyErrors, PolicyFile, Request, UNKNOWN_ACCOUNT, evaluate};
use compliance::registry::Partition;
use compliance::workload::ImageField;
use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{LogLevel, Settings, check};

/// Stands for the region where nobody named one yet.
const SOME_REGION: &str = "us-east-1";
/// Digits of the digest that name a policy, as the function names it in logs and audit annotations.
const VERSION_DIGITS: usize = 12;

/// Where it stands in the text, the key, and what is wrong with it.
pub(super) type Wrong = (Range<usize>, String, String);

/// The owner's policy, and the bytes that the function gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPolicy {
    /// As it is written in `[policy]`.
    pub file: PolicyFile,
}

impl OwnPolicy {
    /// `policy.json`: the same policy gives the same bytes.
    #[must_use]
    pub fn json(&self) -> String {
        // Strings, numbers and maps with keys of text: there is nothing that JSON could not hold.
        let mut text = serde_json::to_string_pretty(&self.file).unwrap_or_default();
        text.push('\n');
        text
    }

    /// How the function calls it, in twelve hex digits.
    #[must_use]
    pub fn version(&self) -> String {
        let mut hex = crate::artifact::hex(&Sha256::digest(self.json()));
        hex.truncate(VERSION_DIGITS);
        hex
    }

    /// Checks it for where it will be in force, on this day.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn check(&self, account: &str, region: &str) -> Result<(), PolicyErrors> {
        self.file.validate(&Home { account, region }, Some(Day::of(SystemTime::now()))).map(|_| ())
    }

    /// ARNs of the roles that the function assumes, each once.
    pub(crate) fn roles(file: Option<&Self>) -> BTreeSet<&str> {
        let registries = file.map_or(&[][..], |own| &own.file.registries);
        registries.iter().filter_map(|registry| registry.role_arn.as_deref()).collect()
    }

    /// Whether it refuses a Pod with this image, which is of no accepted registry, in this namespace; what is not valid
    /// refuses everything.
    #[must_use]
    pub(super) fn refuses(&self, namespace: &str, image: &str) -> bool {
        let home = Home { account: UNKNOWN_ACCOUNT, region: &some_region(&self.file) };
        let Ok(policy) = self.file.validate(&home, None) else { return true };
        let images = vec![ImageField { path: String::new(), image }];
        !evaluate(&policy, &Request { namespace, images }, &Facts::default(), SystemTime::now()).allowed()
    }

    /// Accounts (`true`) or regions of the accepted registries as a role's condition needs them, each once; an empty text
    /// is that of the stack. One empty text where the policy names no registry.
    pub(crate) fn accepted(file: Option<&Self>, accounts: bool) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for registry in file.map_or(&[][..], |own| &own.file.registries) {
            let one = if accounts { &registry.account } else { &registry.region };
            let one = one.clone().unwrap_or_default();
            if !found.contains(&one) {
                found.push(one);
            }
        }
        if found.is_empty() { vec![String::new()] } else { found }
    }
}

/// Checks the policy of settings as far as they alone can tell, and lets it say what it says of other settings.
pub(super) fn finish(settings: &mut Settings, name: &str) -> Vec<String> {
    let Some(policy) = settings.policy.clone() else { return Vec::new() };
    if !policy.file.ignored_namespaces.is_empty() {
        settings.ignored_namespaces.clone_from(&policy.file.ignored_namespaces);
    }
    if let Some(level) = policy.file.log_level.as_deref().and_then(|word| check::word::<LogLevel>(word).ok()) {
        settings.log_level = level;
    }
    let region = settings.region.clone().unwrap_or_else(|| some_region(&policy.file));
    match policy.check(UNKNOWN_ACCOUNT, &region) {
        Ok(()) => Vec::new(),
        Err(PolicyErrors(errors)) => errors.into_iter().map(|error| format!("{name}: {error}")).collect(),
    }
}

/// A region that may be the stack's: of the partition that the policy names, and where it speaks of the stack's own besides,
/// none of those that it names.
fn some_region(file: &PolicyFile) -> String {
    let mut named = file.registries.iter().filter_map(|registry| registry.region.as_deref());
    match named.find(|region| Partition::of_region(region).is_some()) {
        Some(region) if file.registries.iter().any(|registry| registry.region.is_none()) => {
            format!("{}99", region.trim_end_matches(|digit: char| digit.is_ascii_digit()))
        }
        region => region.unwrap_or(SOME_REGION).to_owned(),
    }
}

/// Reads the section out of the whole file.
pub(super) fn read(root: &DeTable<'_>, section: &Spanned<DeValue<'_>>) -> Result<OwnPolicy, Vec<Wrong>> {
    let DeValue::Table(table) = section.get_ref() else {
        return Err(vec![(section.span(), "policy".to_owned(), "write it as a section, [policy]".to_owned())]);
    };
    let mut wrong = Vec::new();
    for (key, value) in table {
        pieces(&[key.get_ref().to_string()], value, &mut wrong);
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let whole = json(section.get_ref()).and_then(shape);
    let file = whole.map_err(|what| vec![(section.span(), "policy".to_owned(), what)])?;
    let twice = said_twice(root, &file);
    if twice.is_empty() { Ok(OwnPolicy { file }) } else { Err(twice) }
}

/// Holds the smallest pieces that stand for themselves to the shape of a policy: each option of a rule, each exemption.
fn pieces(path: &[String], value: &Spanned<DeValue<'_>>, wrong: &mut Vec<Wrong>) {
    match value.get_ref() {
        DeValue::Table(table) if !table.is_empty() && path.len() < 3 => {
            for (key, value) in table {
                pieces(&[path, &[key.get_ref().to_string()]].concat(), value, wrong);
            }
        }
        DeValue::Array(items) if path.len() == 1 && items.iter().all(|item| item.get_ref().is_table()) => {
            for (index, item) in items.iter().enumerate() {
                let piece = json(item.get_ref()).map(|item| Value::Array(vec![item]));
                hold(path, &format!("[{index}]"), item.span(), piece, wrong);
            }
        }
        other => hold(path, "", value.span(), json(other), wrong),
    }
}

fn hold(path: &[String], index: &str, span: Range<usize>, piece: Result<Value, String>, wrong: &mut Vec<Wrong>) {
    let nested = |inner: Value| {
        path.iter().rev().fold(inner, |inner, key| Value::Object(Map::from_iter([(key.clone(), inner)])))
    };
    if let Err(what) = piece.map(nested).and_then(shape) {
        wrong.push((span, format!("policy.{}{index}", path.join(".")), what));
    }
}

fn shape(value: Value) -> Result<PolicyFile, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

/// TOML as JSON; a date stands for the text that it is.
fn json(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(integer) => {
            let number = i64::from_str_radix(integer.as_str(), integer.radix());
            Value::Number(number.map_err(|_| "use a smaller number".to_owned())?.into())
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(Number::from_f64);
            Value::Number(number.ok_or("use a whole number")?)
        }
        DeValue::Boolean(is) => Value::Bool(*is),
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| json(item.get_ref())).collect::<Result<_, _>>()?),
        DeValue::Table(table) => Value::Object(
            table
                .iter()
                .map(|(key, value)| Ok((key.get_ref().to_string(), json(value.get_ref())?)))
                .collect::<Result<_, String>>()?,
        ),
    })
}

/// The same thing here and in the rest of the file: nobody could say which of the two was meant.
fn said_twice(root: &DeTable<'_>, file: &PolicyFile) -> Vec<Wrong> {
    let both = [
        ("ignored_namespaces", "ignored_namespaces", !file.ignored_namespaces.is_empty()),
        ("log_level", "log_level", file.log_level.is_some()),
        ("registry", "registries", !file.registries.is_empty()),
    ];
    let mut wrong = Vec::new();
    for (outside, inside, said) in both {
        if let (Some((key, _)), true) = (root.iter().find(|(key, _)| key.get_ref() == outside), said) {
            let what = format!("policy.{inside} says the same: keep one of the two");
            wrong.push((key.span(), outside.to_owned(), what));
        }
    }
    wrong
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
