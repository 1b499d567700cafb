//! The policy as it is written: the section `[policy]` of `deployer.toml`, and `policy.json` beside the function.
//!
//! Shapes only. A key that is not known is an error of serde; what the values may be is in [`super::check`].

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::object::{self, OfMembers};
use crate::text::shown;

/// How much of the parser's complaint is told. It repeats keys and words of the file as they are.
const LONGEST_COMPLAINT: usize = 400;

/// A policy file. Everything may be left out: what is left out has its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct PolicyFile {
    /// Accepted registries; none: that of the function's own account and region.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registries: Vec<RegistryFile>,
    /// Registries whose images pass without checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trusted_registries: Vec<TrustedFile>,
    /// Namespaces that are not judged: exact names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored_namespaces: Vec<String>,
    /// How loud a line of the function's log must be: `debug`, `info`, `warn` or `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
    /// By rule id.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    pub rules: Table<RuleFile>,
    /// By namespace: rule id to mode.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    pub namespaces: Table<Table<String>>,
    /// The farthest that the end of an exemption may lie ahead when it is deployed, in days; 90 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_exemption_days: Option<u32>,
    /// Agreed exceptions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exemptions: Vec<ExemptionFile>,
}

/// Values by name. The same name twice is an error: nobody could say which of the two was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Table<T>(pub BTreeMap<String, T>);

impl<T> Table<T> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

// Not derived, since that asks for a default of `T`.
impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Table<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor(PhantomData))
    }
}

struct TableVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TableVisitor<T> {
    type Value = Table<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut table = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, T>()? {
            if table.contains_key(&name) {
                return Err(A::Error::custom(format!("\"{}\" is given twice; give it once", shown(&name, 80))));
            }
            table.insert(name, value);
        }
        Ok(Table(table))
    }
}

/// An accepted registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct RegistryFile {
    /// The account id; the function's own when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The region; the function's own when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// ARN of a role to assume before asking this registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The external id that this role's trust policy asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Repository prefixes of pull-through caches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pull_through_cache: Vec<String>,
}

/// A trusted registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct TrustedFile {
    /// The account id.
    pub account: String,
    /// The region; all of the function's partition when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// What is chosen for one rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct RuleFile {
    /// `enforce`, `warn`, `audit` or `off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The mode for repositories of pull-through caches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_through_cache: Option<String>,
    /// `deny` or `allow`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_error: Option<String>,
    /// `tag-immutability` only: a digest satisfies the rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest_satisfies: Option<bool>,
    /// `scan-findings` only: the worst severity that is let in, `informational` to `critical`; `medium` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst_allowed: Option<String>,
    /// `scan-findings` only: the most vulnerabilities by severity; counts before `worst_allowed`.
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    pub most: Table<u32>,
    /// `scan-findings` only: the severity that unrated vulnerabilities count as; `high` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unrated_as: Option<String>,
    /// `scan-findings` only: the age in days at which a scan is too old; any age when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_scan_days: Option<u32>,
    /// `scan-findings` only: vulnerabilities that enhanced scanning knows no fix for do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix_available_only: Option<bool>,
    /// `scan-findings` only: the images of an index that are judged; every one when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platforms: Option<PlatformsFile>,
}

/// `"every"`, or a list such as `["linux/amd64", "linux/arm64"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PlatformsFile {
    /// A word.
    Word(String),
    /// Platforms by name.
    Named(Vec<String>),
}

impl PlatformsFile {
    /// All that is written there.
    pub(super) fn words(&self) -> &[String] {
        match self {
            Self::Word(word) => std::slice::from_ref(word),
            Self::Named(words) => words,
        }
    }
}

/// An agreed exception.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
pub struct ExemptionFile {
    /// The owner's name for it.
    pub id: String,
    /// A repository, a prefix with `/*`, either with a host before it, or a digest.
    pub image: String,
    /// The only namespace in which it applies; all when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Ids of the rules it lifts.
    pub rules: Vec<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Where it was agreed.
    pub ticket: String,
    /// The last day, in UTC, on which it applies: `2026-12-31`.
    pub expires: String,
}

/// Reads these from tables: derived alone, a list would do as well.
macro_rules! only_tables {
    ($($name:ident),+) => { $(
        impl<'de> OfMembers<'de> for $name {
            const EXPECTED: &'static str = "a table";

            fn of_members<A: MapAccess<'de>>(members: MapAccessDeserializer<A>) -> Result<Self, A::Error> {
                Self::deserialize(members)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                object::read(deserializer)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                Self::serialize(self, serializer)
            }
        }
    )+ };
}

only_tables!(PolicyFile, RegistryFile, TrustedFile, RuleFile, ExemptionFile);

impl PolicyFile {
    /// Reads `policy.json`.
    ///
    /// # Errors
    /// One sentence: where it is not JSON, or which key is not known, missing or of another type.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| shown(&error.to_string(), LONGEST_COMPLAINT))
    }
}
