//! Where clusters call a published version of the function: one short text that changes with anything of the function, so
//! that whoever updates the stack publishes another version. Pure.
//!
//! A version keeps the environment it was published with, and the stack's Parameters are in the environment. `CloudFormation`
//! publishes when a property of the version changes, so this stands in its `Description`.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::parse;
use crate::artifact::hex;

/// Parameter that holds the text; only of a stack with a published version.
pub const PARAMETER_SETTINGS_DIGEST: &str = "SettingsDigest";

/// What is to be said where [`is_out_of_date`].
pub const OUT_OF_DATE: &str =
    "its Parameters were turned by other means than the deployer, and the version that clusters call may not have them";

/// So many bytes of the hash are enough to tell one deploy from another.
const BYTES: usize = 8;

/// The Parameters with the digest that belongs to them and to the function of `template`; as they are where the template
/// has no Parameter for it.
#[must_use]
pub fn sealed<'a>(template: &str, parameters: &'a BTreeMap<String, String>) -> Cow<'a, BTreeMap<String, String>> {
    let Some(digest) = digest(template, parameters) else { return Cow::Borrowed(parameters) };
    let mut sealed = parameters.clone();
    sealed.insert(PARAMETER_SETTINGS_DIGEST.to_owned(), digest);
    Cow::Owned(sealed)
}

/// Whether a deployed stack has Parameters that its published version may not have: somebody turned one by other means.
#[must_use]
pub fn is_out_of_date(template: &str, parameters: &BTreeMap<String, String>) -> bool {
    digest(template, parameters).is_some_and(|digest| parameters.get(PARAMETER_SETTINGS_DIGEST) != Some(&digest))
}

/// 16 hex digits over the function in the template and every other Parameter.
fn digest(template: &str, parameters: &BTreeMap<String, String>) -> Option<String> {
    // Most have none, and reading YAML takes a while.
    if !template.contains(PARAMETER_SETTINGS_DIGEST) {
        return None;
    }
    let template: Value = parse(template).ok()?;
    template["Parameters"].get(PARAMETER_SETTINGS_DIGEST)?;
    let mut hash = Sha256::new();
    hash.update(template["Resources"]["Function"].to_string());
    for (name, value) in parameters.iter().filter(|(name, _)| *name != PARAMETER_SETTINGS_DIGEST) {
        // A separator that no value can hold: "a", "bc" is not "ab", "c".
        hash.update(format!("\0{name}\0{value}"));
    }
    Some(hex(&hash.finalize()[..BYTES]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        settings::{Architecture, Settings},
        synth::{ArtifactLocation, parameters, stack_template},
    };

    fn template(settings: &Settings, key: &str) -> String {
        let location = ArtifactLocation { bucket: "b".to_owned(), key: key.to_owned() };
        stack_template(settings, &location, Architecture::Arm64).unwrap()
    }

    fn provisioned() -> Settings {
        Settings { provisioned_concurrency: Some(2), ..Settings::default() }
    }

    fn of(template: &str, parameters: &BTreeMap<String, String>) -> Option<String> {
        sealed(template, parameters).get(PARAMETER_SETTINGS_DIGEST).cloned()
    }

    #[test]
    fn whatever_changes_of_the_function_or_a_parameter_changes_the_digest() {
        let settings = provisioned();
        let known = parameters(&settings, "prod=00");
        let digest = of(&template(&settings, "k"), &known).unwrap();
        assert_eq!(digest.len(), 16);
        assert_eq!(of(&template(&settings, "k"), &known).as_ref(), Some(&digest), "the same twice");
        let debug = Settings { log_level: crate::settings::LogLevel::Debug, ..provisioned() };
        let memory = Settings { memory_mib: 512, ..provisioned() };
        for (case, template, parameters) in [
            ("another caller", template(&settings, "k"), parameters(&settings, "prod=01")),
            ("another log level", template(&settings, "k"), parameters(&debug, "prod=00")),
            ("another code", template(&settings, "l"), known.clone()),
            ("more memory", template(&memory, "k"), known.clone()),
        ] {
            assert_ne!(of(&template, &parameters), Some(digest.clone()), "{case}");
        }
        let alarms = Settings { dashboard: false, ..provisioned() };
        assert_eq!(of(&template(&alarms, "k"), &known), Some(digest), "what is not the function's publishes nothing");
    }

    #[test]
    fn without_a_published_version_there_is_no_digest() {
        let known = parameters(&Settings::default(), "prod=00");
        let template = template(&Settings::default(), "k");
        assert!(matches!(sealed(&template, &known), Cow::Borrowed(_)));
        assert!(!is_out_of_date(&template, &known));
    }

    #[test]
    fn a_parameter_that_was_turned_by_hand_is_noticed() {
        let template = template(&provisioned(), "k");
        let mut deployed = sealed(&template, &parameters(&provisioned(), "prod=00")).into_owned();
        assert!(!is_out_of_date(&template, &deployed));
        assert_eq!(*sealed(&template, &deployed), deployed, "its own value is no part of it");
        deployed.insert("LogLevel".to_owned(), "debug".to_owned());
        assert!(is_out_of_date(&template, &deployed));
    }
}
