//! The only reader of environment variables, which override `policy.json`. Reports every error at once, so that one deployment mends them all.
//!
//! The only secrets are the function's own credentials, whose `Debug` hides them. Callers are given as digests, and even a
//! digest is never repeated in an error.

use std::collections::BTreeSet;
use std::fmt;
use std::io;

use aws_credential_types::Credentials;
use compliance::policy::{Home, is_namespace};
use compliance::registry::{Partition, Registry};

use crate::caller::Callers;
use crate::log::Level;
use crate::policy_file::{self, Configured, Overrides, Region};

/// Account that owns the function, 12 digits.
pub const OWN_ACCOUNT_ID: &str = "OWN_ACCOUNT_ID";
/// Region the function runs in; set by Lambda.
pub const AWS_REGION: &str = "AWS_REGION";
/// Accepted registry accounts, comma-separated; empty means those of the policy file, or the own account.
pub const REGISTRY_ID: &str = "REGISTRY_ID";
/// Accepted registry regions, comma-separated; empty means those of the policy file, or the own region.
pub const REGISTRY_REGION: &str = "REGISTRY_REGION";
/// Namespaces that are not judged, comma-separated exact names; empty means those of the policy file.
pub const IGNORED_NAMESPACES: &str = "IGNORED_NAMESPACES";
/// `debug`, `info`, `warn` or `error`; empty means what the policy file says, or `info`.
pub const LOG_LEVEL: &str = "LOG_LEVEL";
/// Accepted callers, comma-separated `cluster=hexsha256`.
pub const CALLER_DIGESTS: &str = "CALLER_DIGESTS";

/// Every variable of our own. The stack's template must set all of them but `AWS_REGION`, which Lambda sets as it does the
/// credentials. Besides, `LAMBDA_TASK_ROOT` says where the policy file is, and stand-ins for AWS set [`ECR_ENDPOINT`] and
/// [`STS_ENDPOINT`].
pub const VARIABLES: &[&str] =
    &[OWN_ACCOUNT_ID, AWS_REGION, REGISTRY_ID, REGISTRY_REGION, IGNORED_NAMESPACES, LOG_LEVEL, CALLER_DIGESTS];

/// What the C library's allocator reads before anything of ours runs. As it is by itself, it gives what a review of 300 KB
/// took back to the system after each, and a third of the time of such a review goes into getting it again. More than 1 MiB
/// at once it still gives back. <https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html>
pub const ALLOCATOR: (&str, &str) =
    ("GLIBC_TUNABLES", "glibc.malloc.mmap_threshold=1048576:glibc.malloc.trim_threshold=4194304");

/// Another place than AWS to ask ECR; named as every SDK names it.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
pub const ECR_ENDPOINT: &str = "AWS_ENDPOINT_URL_ECR";
/// Another place than AWS to assume roles.
pub const STS_ENDPOINT: &str = "AWS_ENDPOINT_URL_STS";
/// Another place than AWS for both.
const ANY_ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// As whom AWS is asked, and where.
#[derive(Debug)]
pub struct Aws {
    /// Of the function's role. Lambda gives them to the process once, for as long as it lives; without them every call fails.
    pub credentials: Option<Credentials>,
    /// Instead of ECR's own endpoints.
    pub ecr_endpoint: Option<String>,
    /// Instead of STS's own endpoints.
    pub sts_endpoint: Option<String>,
}

impl Aws {
    fn read(value: impl Fn(&str) -> String) -> Self {
        let given = |name: &str| Some(value(name)).filter(|text| !text.is_empty());
        let credentials = given("AWS_ACCESS_KEY_ID").zip(given("AWS_SECRET_ACCESS_KEY"));
        Self {
            credentials: credentials
                .map(|(id, secret)| Credentials::new(id, secret, given("AWS_SESSION_TOKEN"), None, "environment")),
            ecr_endpoint: given(ECR_ENDPOINT).or_else(|| given(ANY_ENDPOINT)),
            sts_endpoint: given(STS_ENDPOINT).or_else(|| given(ANY_ENDPOINT)),
        }
    }
}

/// What the function was configured to do.
#[derive(Debug)]
pub struct Settings {
    /// Account whose credentials the function has.
    pub own_account: String,
    /// Region the function runs in.
    pub own_region: String,
    /// As whom AWS is asked, and where.
    pub aws: Aws,
    /// What is accepted and what is not judged, or why nobody knows.
    pub configured: Configured,
    /// Who may ask.
    pub callers: Callers,
    /// How loud a log line must be.
    pub log_level: Level,
}

impl Settings {
    /// The accepted registries; none while the policy is malformed.
    #[must_use]
    pub fn accepted(&self) -> &[Registry] {
        self.configured.policy.as_ref().map_or(&[], |policy| &policy.accepted)
    }

    /// Reads the environment of the process and the policy file.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn from_env() -> Result<Self, SettingsError> {
        let lookup = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Self::read(lookup, &policy_file::read(lookup))
    }

    /// Reads variables through `lookup`. Values and the items of lists are trimmed; an empty value is one not set.
    ///
    /// # Errors
    /// All that is wrong with the variables. What is wrong with the policy file is no error here: see
    /// [`policy_file`].
    pub fn read(
        lookup: impl Fn(&str) -> Option<String>,
        file: &io::Result<Option<Vec<u8>>>,
    ) -> Result<Self, SettingsError> {
        let value = |name: &str| lookup(name).map(|text| text.trim().to_owned()).unwrap_or_default();
        let mut errors = Errors::default();
        let own_account = errors.required(OWN_ACCOUNT_ID, &value(OWN_ACCOUNT_ID), account);
        let own_region = errors.required(AWS_REGION, &value(AWS_REGION), region);
        let accounts = errors.list(REGISTRY_ID, &value(REGISTRY_ID), account);
        let regions = errors.list(REGISTRY_REGION, &value(REGISTRY_REGION), region);
        let ignored_namespaces = errors.list(IGNORED_NAMESPACES, &value(IGNORED_NAMESPACES), namespace);
        let log_level = errors.log_level(&value(LOG_LEVEL));
        let callers = errors.callers(&value(CALLER_DIGESTS));

        errors.one_partition(own_region.as_ref(), &regions);
        let overrides = Overrides { accounts, regions, ignored_namespaces };
        match (own_account, own_region, callers) {
            (Some(own_account), Some((own_region, _)), Some(callers)) if errors.0.is_empty() => {
                let home = Home { account: &own_account, region: &own_region };
                let configured = policy_file::configure(file, &overrides, &home);
                let log_level = log_level.or(configured.log_level).unwrap_or(Level::Info);
                Ok(Self { own_account, own_region, aws: Aws::read(value), configured, callers, log_level })
            }
            _ => Err(SettingsError(errors.0)),
        }
    }
}

/// Everything that is wrong with the environment, one sentence each: variable, value, way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError(pub Vec<String>);

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for SettingsError {}

fn account(text: &str) -> Result<String, &'static str> {
    let good = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if good { Ok(text.to_owned()) } else { Err("is not an account id; give its 12 digits") }
}

fn region(text: &str) -> Result<Region, &'static str> {
    let partition = Partition::of_region(text).ok_or("is not the name of a region; give one such as eu-west-1")?;
    Ok((text.to_owned(), partition))
}

fn namespace(text: &str) -> Result<String, &'static str> {
    if is_namespace(text) {
        Ok(text.to_owned())
    } else {
        Err("is not the name of a namespace; give exact names, patterns are not understood")
    }
}

/// Collects what is wrong while reading goes on.
#[derive(Default)]
struct Errors(Vec<String>);

impl Errors {
    fn add(&mut self, variable: &str, value: &str, trouble: &str) {
        self.0.push(format!("{variable}: {value:?} {trouble}"));
    }

    fn required<T>(&mut self, variable: &str, value: &str, parse: fn(&str) -> Result<T, &'static str>) -> Option<T> {
        parse(value).map_err(|trouble| self.add(variable, value, trouble)).ok()
    }

    fn list<T: Ord>(&mut self, variable: &str, value: &str, parse: fn(&str) -> Result<T, &'static str>) -> BTreeSet<T> {
        if value.is_empty() {
            return BTreeSet::new();
        }
        value.split(',').map(str::trim).filter_map(|item| self.required(variable, item, parse)).collect()
    }

    fn log_level(&mut self, value: &str) -> Option<Level> {
        let level = Level::from_word(value);
        if level.is_none() && !value.is_empty() {
            self.add(LOG_LEVEL, value, "is not a level; give debug, info, warn or error");
        }
        level
    }

    fn callers(&mut self, value: &str) -> Option<Callers> {
        if value.is_empty() {
            self.add(CALLER_DIGESTS, value, "lets nobody in; deploy with at least one cluster");
            return None;
        }
        let callers = Callers::parse(value);
        callers
            .map_err(|troubles| self.0.extend(troubles.iter().map(|trouble| format!("{CALLER_DIGESTS}: {trouble}"))))
            .ok()
    }

    /// The function's credentials are of one partition, and no other one would know them.
    fn one_partition(&mut self, own: Option<&Region>, regions: &BTreeSet<Region>) {
        let Some((own_region, own)) = own else { return };
        for (region, _) in regions.iter().filter(|(_, partition)| partition != own) {
            let trouble = format!(
                "is in another partition than {own_region} ({}), where this function runs; deploy a stack of its own there",
                own.id()
            );
            self.add(REGISTRY_REGION, region, &trouble);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[allow(clippy::unwrap_used, reason = "a helper of tests")]
    fn read(changes: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        read_with(changes, None)
    }

    fn read_with(changes: &[(&str, &str)], file: Option<&str>) -> Result<Settings, SettingsError> {
        let callers = format!("blue={DIGEST}");
        let base = [
            (OWN_ACCOUNT_ID, "111122223333"),
            (AWS_REGION, "eu-west-1"),
            (REGISTRY_ID, ""),
            (REGISTRY_REGION, ""),
            (IGNORED_NAMESPACES, "kube-system,kube-node-lease"),
            (LOG_LEVEL, "info"),
            (CALLER_DIGESTS, &callers),
        ];
        let lookup = |name: &str| {
            let all = changes.iter().chain(&base);
            all.into_iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::read(lookup, &Ok(file.map(|text| text.as_bytes().to_owned())))
    }

    fn accepted(settings: &Settings) -> Vec<String> {
        settings.accepted().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn empty_lists_mean_the_own_account_and_region() {
        let settings = read(&[]).unwrap();
        assert_eq!(accepted(&settings), ["111122223333 in eu-west-1"]);
        assert_eq!(settings.configured.policy.unwrap().ignored_namespaces, ["kube-node-lease", "kube-system"]);
        assert_eq!(settings.log_level, Level::Info);
    }

    #[test]
    fn every_listed_account_is_accepted_in_every_listed_region() {
        let lists = [(REGISTRY_ID, "444455556666, 777788889999"), (REGISTRY_REGION, "us-east-1,eu-central-1")];
        assert_eq!(
            accepted(&read(&lists).unwrap()),
            [
                "444455556666 in eu-central-1",
                "777788889999 in eu-central-1",
                "444455556666 in us-east-1",
                "777788889999 in us-east-1",
            ]
        );
    }

    #[test]
    fn a_bad_setting_is_named_with_its_value_and_the_way_out() {
        let cases = [
            ("a short account", OWN_ACCOUNT_ID, "1234", "OWN_ACCOUNT_ID: \"1234\" is not an account id"),
            ("an account that is not there", OWN_ACCOUNT_ID, "", "OWN_ACCOUNT_ID: \"\" is not an account id"),
            ("a region that cannot be", AWS_REGION, "moon-1", "AWS_REGION: \"moon-1\" is not the name of a region"),
            ("an item left empty", REGISTRY_ID, "111122223333,,", "REGISTRY_ID: \"\" is not an account id"),
            (
                "a region of another partition",
                REGISTRY_REGION,
                "cn-north-1",
                "REGISTRY_REGION: \"cn-north-1\" is in another partition than eu-west-1 (aws)",
            ),
            (
                "a pattern of namespaces",
                IGNORED_NAMESPACES,
                "kube-*",
                "IGNORED_NAMESPACES: \"kube-*\" is not the name of a namespace",
            ),
            (
                "a level in upper case",
                LOG_LEVEL,
                "TRACE",
                "LOG_LEVEL: \"TRACE\" is not a level; give debug, info, warn or error",
            ),
            ("no caller", CALLER_DIGESTS, "", "CALLER_DIGESTS: \"\" lets nobody in"),
            (
                "a caller without digest",
                CALLER_DIGESTS,
                "blue=12",
                "CALLER_DIGESTS: entry 1: the digest of cluster \"blue\"",
            ),
        ];
        for (name, variable, value, expected) in cases {
            let errors = read(&[(variable, value)]).unwrap_err().to_string();
            assert!(errors.contains(expected), "{name}: {errors}");
        }
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let lookup = |name: &str| (name != AWS_REGION).then(|| "?".to_owned());
        let errors = Settings::read(lookup, &Ok(None)).unwrap_err();
        for variable in VARIABLES {
            assert!(errors.0.iter().any(|error| error.starts_with(variable)), "{variable}: {errors}");
        }
    }

    #[test]
    fn the_environment_overrides_the_policy_file_where_it_says_something() {
        let file = r#"{"registries": [{"account": "444455556666", "region": "us-east-1"}, {}],
            "ignored_namespaces": ["lab"], "log_level": "warn"}"#;
        let nothing = [(IGNORED_NAMESPACES, ""), (LOG_LEVEL, "")];
        let of_file = read_with(&nothing, Some(file)).unwrap();
        assert_eq!(accepted(&of_file), ["444455556666 in us-east-1", "111122223333 in eu-west-1"]);
        assert_eq!(of_file.log_level, Level::Warn);
        assert_eq!(of_file.configured.policy.unwrap().ignored_namespaces, ["lab"]);

        let both = read_with(&[(REGISTRY_ID, "777788889999"), (LOG_LEVEL, "error")], Some(file)).unwrap();
        assert_eq!(accepted(&both), ["777788889999 in eu-west-1", "777788889999 in us-east-1"]);
        assert_eq!(both.log_level, Level::Error);
        assert_eq!(both.configured.policy.unwrap().ignored_namespaces, ["kube-node-lease", "kube-system"]);
    }

    #[test]
    fn credentials_and_endpoints_are_those_of_the_environment_and_secrets_are_not_shown() {
        let nothing = read(&[]).unwrap().aws;
        assert!(nothing.credentials.is_none() && nothing.ecr_endpoint.is_none() && nothing.sts_endpoint.is_none());
        let keys = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "hush"), ("AWS_SESSION_TOKEN", "still")];
        let places = [(ECR_ENDPOINT, "http://ecr"), (ANY_ENDPOINT, "http://any")];
        let aws = read(&[keys.as_slice(), &places].concat()).unwrap().aws;
        let credentials = aws.credentials.as_ref().unwrap();
        assert_eq!((credentials.access_key_id(), credentials.session_token()), ("AKID", Some("still")));
        assert_eq!(
            (aws.ecr_endpoint.as_deref(), aws.sts_endpoint.as_deref()),
            (Some("http://ecr"), Some("http://any"))
        );
        let shown = format!("{aws:?}");
        assert!(!shown.contains("hush") && !shown.contains("still"), "{shown}");
    }

    #[test]
    fn a_malformed_policy_file_is_no_error_of_the_settings() {
        let settings = read_with(&[], Some("{")).unwrap();
        assert!(settings.configured.policy.is_err());
        assert!(settings.accepted().is_empty());
    }

    #[test]
    fn lists_may_be_missing_altogether() {
        let needed = [OWN_ACCOUNT_ID, AWS_REGION, CALLER_DIGESTS];
        let callers = format!("blue={DIGEST}");
        let values = ["111122223333", "cn-north-1", &callers];
        let lookup = |name: &str| needed.iter().position(|known| *known == name).map(|index| values[index].to_owned());
        assert_eq!(accepted(&Settings::read(lookup, &Ok(None)).unwrap()), ["111122223333 in cn-north-1"]);
    }
}
