//! The host of an image reference → which kind of registry it is, and for a private ECR registry whose and where.
//!
//! Exact labels only: an account of twelve digits, a region of a partition, and the ending of that same partition.
//! A prefix, a suffix or a substring that looks like ECR makes a host a lookalike, never ECR. This file must not decide
//! which registries are accepted.
//!
//! Endings and region patterns: the partitions file of the AWS SDKs
//! (<https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json>).

use std::fmt;

use thiserror::Error;

use crate::text::shown;

/// A group of AWS regions with endings of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// Commercial regions.
    Aws,
    /// China.
    AwsCn,
    /// `GovCloud` (US).
    AwsUsGov,
    /// Isolated, US.
    AwsIso,
    /// Isolated, US, secret.
    AwsIsoB,
    /// Isolated, Europe.
    AwsIsoE,
    /// Isolated, US, third.
    AwsIsoF,
    /// European Sovereign Cloud.
    AwsEusc,
}

impl Partition {
    /// Every partition.
    pub const ALL: [Self; 8] = [
        Self::Aws,
        Self::AwsCn,
        Self::AwsUsGov,
        Self::AwsIso,
        Self::AwsIsoB,
        Self::AwsIsoE,
        Self::AwsIsoF,
        Self::AwsEusc,
    ];

    /// The name in an ARN, such as `aws-cn`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsCn => "aws-cn",
            Self::AwsUsGov => "aws-us-gov",
            Self::AwsIso => "aws-iso",
            Self::AwsIsoB => "aws-iso-b",
            Self::AwsIsoE => "aws-iso-e",
            Self::AwsIsoF => "aws-iso-f",
            Self::AwsEusc => "aws-eusc",
        }
    }

    /// The ending of ordinary registry hosts, such as `amazonaws.com`.
    #[must_use]
    pub fn dns_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::AwsUsGov => "amazonaws.com",
            Self::AwsCn => "amazonaws.com.cn",
            Self::AwsIso => "c2s.ic.gov",
            Self::AwsIsoB => "sc2s.sgov.gov",
            Self::AwsIsoE => "cloud.adc-e.uk",
            Self::AwsIsoF => "csp.hci.ic.gov",
            Self::AwsEusc => "amazonaws.eu",
        }
    }

    /// The ending of dual-stack registry hosts. `None` where AWS documents none: such a host is refused, not guessed.
    #[must_use]
    pub fn dual_stack_suffix(self) -> Option<&'static str> {
        match self {
            Self::Aws | Self::AwsUsGov => Some("on.aws"),
            Self::AwsCn => Some("on.amazonwebservices.com.cn"),
            Self::AwsIso | Self::AwsIsoB | Self::AwsIsoE | Self::AwsIsoF | Self::AwsEusc => None,
        }
    }

    /// The partition whose region pattern `region` matches. By pattern, not by list: regions are added every year.
    #[must_use]
    pub fn of_region(region: &str) -> Option<Self> {
        let parts: Vec<&str> = region.split('-').take(5).collect();
        let (partition, word, number) = match parts.as_slice() {
            ["us", "gov", word, number] => (Self::AwsUsGov, word, number),
            ["us", "iso", word, number] => (Self::AwsIso, word, number),
            ["us", "isob", word, number] => (Self::AwsIsoB, word, number),
            ["eu", "isoe", word, number] => (Self::AwsIsoE, word, number),
            ["us", "isof", word, number] => (Self::AwsIsoF, word, number),
            ["eusc", "de", word, number] => (Self::AwsEusc, word, number),
            ["cn", word, number] => (Self::AwsCn, word, number),
            ["us" | "eu" | "ap" | "sa" | "ca" | "me" | "af" | "il" | "mx", word, number] => (Self::Aws, word, number),
            _ => return None,
        };
        let is_word = !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        (is_word && is_number).then_some(partition)
    }
}

/// A private ECR registry: there is exactly one per account and region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Registry {
    /// The partition of the region.
    pub partition: Partition,
    /// The account id: twelve digits.
    pub account: String,
    /// The region, such as `eu-west-1`.
    pub region: String,
}

/// Why an account and a region do not make a registry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RegistryError {
    /// Not twelve digits.
    #[error("\"{0}\" is not an AWS account id: twelve digits are needed, such as 111122223333")]
    Account(String),
    /// No partition has such a region.
    #[error("\"{0}\" is not an AWS region: something like eu-west-1 is needed")]
    Region(String),
}

impl Registry {
    /// The registry of `account` in `region`.
    ///
    /// # Errors
    /// When the account is not twelve digits or the region belongs to no partition.
    pub fn new(account: &str, region: &str) -> Result<Self, RegistryError> {
        if !is_account(account) {
            return Err(RegistryError::Account(shown(account, 40)));
        }
        let partition = Partition::of_region(region).ok_or_else(|| RegistryError::Region(shown(region, 40)))?;
        Ok(Self { partition, account: account.to_owned(), region: region.to_owned() })
    }

    /// The ordinary host of this registry, to push to and pull from.
    #[must_use]
    pub fn host(&self) -> String {
        format!("{}.dkr.ecr.{}.{}", self.account, self.region, self.partition.dns_suffix())
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.account, self.region)
    }
}

/// What a host in an image reference is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryHost {
    /// A private ECR registry.
    PrivateEcr(Registry),
    /// ECR Public: it knows neither tag mutability nor scanning, so nothing can be checked there.
    PublicEcr,
    /// The DNS name of a VPC endpoint: it does not say whose registry it reaches.
    VpcEndpoint,
    /// Docker Hub, also for references without a host.
    DockerHub,
    /// Reads like ECR and is not.
    EcrLookalike {
        /// What is wrong with it: the end of a sentence that begins with the host.
        why: &'static str,
    },
    /// Any other registry.
    Other,
}

/// Pieces of a host that make people (and substring tests) think of ECR.
const LOOKS_LIKE_ECR: [&str; 7] =
    ["amazonaws", "amazonwebservices", "dkr", ".ecr.", ".ecr-", "ecr-public", "public.ecr"];

/// Says what the domain of an image reference is. DNS ignores case, so this does too.
#[must_use]
pub fn classify(domain: &str) -> RegistryHost {
    let host = domain.to_ascii_lowercase();
    match host.as_str() {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => return RegistryHost::DockerHub,
        "public.ecr.aws" | "ecr-public.aws.com" => return RegistryHost::PublicEcr,
        _ => {}
    }
    if !LOOKS_LIKE_ECR.iter().any(|piece| host.contains(piece)) && !is_vpc_endpoint(&host) {
        return RegistryHost::Other;
    }
    // A port other than none is not what kubelet's credential provider and this check know as ECR.
    if host.contains(':') {
        return RegistryHost::EcrLookalike { why: "names a port, which an ECR host never does" };
    }
    if is_vpc_endpoint(&host) {
        return RegistryHost::VpcEndpoint;
    }
    match private(&host) {
        Ok(registry) => RegistryHost::PrivateEcr(registry),
        Err(why) => RegistryHost::EcrLookalike { why },
    }
}

fn is_vpc_endpoint(host: &str) -> bool {
    Partition::ALL
        .iter()
        .filter_map(|partition| host.strip_suffix(partition.dns_suffix()))
        .any(|front| front.ends_with(".vpce."))
}

fn private(host: &str) -> Result<Registry, &'static str> {
    let (account, rest) = host.split_once('.').ok_or("has no account id, service and region")?;
    let (rest, dual_stack) = match rest.split_once('.') {
        Some(("dkr", rest)) => match rest.split_once('.') {
            Some(("ecr" | "ecr-fips", rest)) => (rest, false),
            _ => return Err("is not of the form <account>.dkr.ecr.<region>.<ending>"),
        },
        Some(("dkr-ecr" | "dkr-ecr-fips", rest)) => (rest, true),
        _ => return Err("is not of the form <account>.dkr.ecr.<region>.<ending>"),
    };
    if !is_account(account) {
        return Err("does not begin with an account id of twelve digits");
    }
    let (region, suffix) = rest.split_once('.').ok_or("has no ending after the region")?;
    let partition = Partition::of_region(region).ok_or("does not name an AWS region")?;
    let expected = if dual_stack { partition.dual_stack_suffix() } else { Some(partition.dns_suffix()) };
    // The ending of another partition, or anything appended to the right one, is somebody else's host.
    if expected != Some(suffix) {
        return Err("does not end as ECR hosts of its region do");
    }
    Ok(Registry { partition, account: account.to_owned(), region: region.to_owned() })
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
