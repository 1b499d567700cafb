//! What each value may be. An error is what comes after the value's name: it says the rule, and so the way out.

use super::Word;

type Checked = Result<(), String>;

/// Days that `CloudWatch` Logs takes (API reference, `PutRetentionPolicy`).
const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// `CloudFormation`'s pattern; no hyphen at the end, because Kubernetes gets the name too, and room for `-bootstrap`.
pub(super) fn stack_name(value: &str) -> Checked {
    let first = value.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    rule(
        first && value.len() <= 118 && !value.ends_with('-') && value.chars().all(is_name_char),
        "use up to 118 letters, digits and hyphens, beginning with a letter and not ending with a hyphen",
    )
}

pub(super) fn region(value: &str) -> Checked {
    let parts: Vec<&str> = value.split('-').collect();
    let well_formed = match parts.as_slice() {
        [first, middle @ .., last] => {
            (2..=5).contains(&first.len())
                && [first].into_iter().chain(middle).all(|part| is_all(part, |c| c.is_ascii_lowercase()))
                && !middle.is_empty()
                && last.len() <= 2
                && is_all(last, |c| c.is_ascii_digit())
        }
        _ => false,
    };
    rule(well_formed, "use the name of an AWS region, like eu-west-1")
}

pub(super) fn account(value: &str) -> Checked {
    rule(value.len() == 12 && is_all(value, |c| c.is_ascii_digit()), "use an AWS account id of 12 digits, as a string")
}

pub(super) fn namespace(value: &str) -> Checked {
    rule(
        is_label(value),
        "use the exact name of a namespace: up to 63 lower-case letters, digits and hyphens; patterns are not known",
    )
}

pub(super) fn caller(value: &str) -> Checked {
    let chars = is_all(value, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    rule(chars && value.len() <= 63, "use up to 63 lower-case letters, digits and hyphens")
}

pub(super) fn not_empty(value: &str) -> Checked {
    rule(!value.trim().is_empty(), "leave the key out instead of leaving it empty")
}

pub(super) fn retention(value: u32) -> Checked {
    let days: Vec<String> = RETENTION_DAYS.iter().map(u32::to_string).collect();
    rule(RETENTION_DAYS.contains(&value), &format!("use a number of days that CloudWatch knows: {}", days.join(", ")))
}

pub(super) fn memory(value: u32) -> Checked {
    rule((128..=10_240).contains(&value), "use a number of MiB from 128 to 10240")
}

/// 5 and more, although Kubernetes takes 1: below the 4.5 s of the API, the API server gives up on a verdict that is on
/// its way.
pub(super) fn timeout(value: u32) -> Checked {
    rule((5..=30).contains(&value), "use a number of seconds from 5 to 30; the API answers within 4.5 seconds")
}

/// S3's rules for general purpose buckets, without those for dots: they break the certificate of the host name.
pub(super) fn bucket(value: &str) -> Checked {
    rule(
        is_label(value) && value.len() >= 3,
        "use the name of an S3 bucket: 3 to 63 lower-case letters, digits and hyphens, without s3:// and without a path",
    )
}

/// `arn:<partition>:iam::<account, or aws>:policy/<path and name>`.
pub(super) fn policy_arn(value: &str) -> Checked {
    let well_formed = match value.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", partition, "iam", "", owner, resource] => {
            is_partition(partition)
                && (*owner == "aws" || account(owner).is_ok())
                && resource
                    .strip_prefix("policy/")
                    .is_some_and(|name| is_all(name, |c| c.is_ascii_alphanumeric() || "/+=,.@_-".contains(c)))
        }
        _ => false,
    };
    rule(well_formed, "use the ARN of a managed policy, like arn:aws:iam::111122223333:policy/boundary")
}

/// Partition, region and resource of `arn:<partition>:<service>:<region>:<account>:<resource>`.
pub(super) fn regional<'v>(value: &'v str, of: &str) -> Option<(&'v str, &'v str, &'v str)> {
    let ["arn", partition, service, at, owner, resource] = value.splitn(6, ':').collect::<Vec<_>>()[..] else {
        return None;
    };
    let well_formed = is_partition(partition) && service == of && region(at).is_ok() && account(owner).is_ok();
    well_formed.then_some((partition, at, resource))
}

/// A FIFO topic is none that alarms can be sent to.
pub(super) fn topic_arn(value: &str) -> Checked {
    rule(
        regional(value, "sns").is_some_and(|(_, _, name)| is_all(name, |c| is_name_char(c) || c == '_')),
        "use the ARN of an SNS topic, like arn:aws:sns:eu-west-1:111122223333:alarms, and not a FIFO topic",
    )
}

/// `CloudWatch` looks back a week at most.
pub(super) fn silence(value: u32) -> Checked {
    rule(value <= 168, "use a number of hours from 1 to 168, or 0 for no such alarm")
}

pub(super) fn denials(value: u32) -> Checked {
    rule(value <= 1_000_000, "use a number of Pods within 15 minutes up to 1000000, or 0 for no such alarm")
}

/// More than 100 % never are.
pub(super) fn denials_percent(value: u32) -> Checked {
    rule(value <= 99, "use a percentage of all decisions from 1 to 99, or 0 where the number of denials alone counts")
}

/// `CloudWatch` Logs takes no alias.
pub(super) fn key_arn(value: &str) -> Checked {
    let id = |resource: &str| resource.strip_prefix("key/").is_some_and(|id| is_all(id, is_name_char));
    rule(
        regional(value, "kms").is_some_and(|(_, _, resource)| id(resource)),
        "use the ARN of a KMS key, like arn:aws:kms:eu-west-1:111122223333:key/<id>, and not of an alias",
    )
}

pub(super) fn certificate_arn(value: &str) -> Checked {
    let id = |resource: &str| resource.strip_prefix("certificate/").is_some_and(|id| is_all(id, is_name_char));
    rule(
        regional(value, "acm").is_some_and(|(_, _, resource)| id(resource)),
        "use the ARN of an ACM certificate, like arn:aws:acm:eu-west-1:111122223333:certificate/<id>",
    )
}

/// A wildcard is not a name that a cluster can call.
pub(super) fn domain(value: &str) -> Checked {
    rule(
        value.len() <= 253 && value.contains('.') && value.split('.').all(is_label),
        "use a host name in lower case, like webhook.example.com, without https:// and without a wildcard",
    )
}

/// What API Gateway reads the accepted certificate authorities from.
pub(super) fn truststore(value: &str) -> Checked {
    let place = value.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    rule(
        place.is_some_and(|(name, key)| {
            bucket(name).is_ok() && key.len() <= 1024 && is_all(key, |c| c.is_ascii_graphic())
        }),
        "use s3://bucket/key of a PEM file, such as s3://our-trust/clients.pem",
    )
}

pub(super) fn object_version(value: &str) -> Checked {
    rule(value.len() <= 1024 && is_all(value, |c| c.is_ascii_graphic()), "use the version id of the S3 object")
}

/// Zero would stop the function.
pub(super) fn concurrency(value: u32) -> Checked {
    rule((1..=100_000).contains(&value), "use a number of calls at once from 1 to 100000, or leave the key out")
}

pub(super) fn application(value: &str) -> Checked {
    rule(value.len() <= 140 && is_all(value, is_name_char), "use up to 140 letters, digits and hyphens")
}

/// As the Serverless Application Repository has it.
pub(super) fn author(value: &str) -> Checked {
    let words = || value.split('-').all(|word| is_all(word, |c| c.is_ascii_lowercase() || c.is_ascii_digit()));
    rule(value.len() <= 127 && words(), "use up to 127 lower-case letters and digits, with single hyphens between them")
}

pub(super) fn page(value: &str) -> Checked {
    let rest = value.strip_prefix("https://");
    rule(rest.is_some_and(|rest| is_all(rest, |c| c.is_ascii_graphic())), "use the address of a page, https://…")
}

/// The API's endpoint is the base of the caller's URL: what comes after the host is the deployer's.
pub(super) fn endpoint(value: &str) -> Checked {
    let host_and_port = value.strip_prefix("https://").is_some_and(|rest| {
        let (host, port) = rest.rsplit_once(':').map_or((rest, None), |(host, port)| (host, Some(port)));
        is_all(host, |c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
            && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
    });
    rule(host_and_port, "use https://host or https://host:port, without a path and without a slash at the end")
}

/// Tag keys and values of `CloudFormation` stacks.
pub(super) fn tag(key: &str, value: &str) -> Checked {
    rule(
        !key.is_empty() && key.chars().count() <= 128 && !key.to_ascii_lowercase().starts_with("aws:"),
        "use a tag key of 1 to 128 characters that does not begin with aws:",
    )?;
    rule(value.chars().count() <= 256, "use a tag value of up to 256 characters")?;
    let known = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    rule(key.chars().chain(value.chars()).all(known), "use letters, digits, spaces and _ . : / = + - @ in tags")
}

/// As `openssl x509 -fingerprint -sha256` writes it, or without the colons; kept as lower-case hex.
pub(super) fn fingerprint(value: &str) -> Result<String, String> {
    let hex = value.replace(':', "").to_ascii_lowercase();
    let well_formed = hex.len() == 64 && is_all(&hex, |c| c.is_ascii_hexdigit());
    rule(well_formed, "use the SHA-256 fingerprint of the cluster's CA certificate, 64 hex digits")?;
    Ok(hex)
}

/// One of a closed list.
pub(super) fn word<W: Word>(value: &str) -> Result<W, String> {
    W::ALL.iter().copied().find(|known| known.word() == value).ok_or_else(|| {
        let words: Vec<&str> = W::ALL.iter().map(|known| known.word()).collect();
        format!("use one of {}", words.join(", "))
    })
}

fn rule(holds: bool, otherwise: &str) -> Checked {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

fn is_all(value: &str, of: impl Fn(char) -> bool) -> bool {
    !value.is_empty() && value.chars().all(of)
}

fn is_partition(value: &str) -> bool {
    (value == "aws" || value.starts_with("aws-")) && is_all(value, |c| c.is_ascii_lowercase() || c == '-')
}

/// RFC 1123.
fn is_label(value: &str) -> bool {
    value.len() <= 63
        && is_all(value, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && !value.starts_with('-')
        && !value.ends_with('-')
}
