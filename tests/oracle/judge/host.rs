//! Hosts of registries: for ECR by writing down every host a registry can have and comparing.
//!
//! Endings: partitions of the AWS SDKs. Forms: ECR's user guide on registries and dual-stack endpoints.

/// What a host is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Host {
    Ecr { account: String, region: String },
    Public,
    Endpoint,
    Hub,
    Lookalike,
    Other,
}

/// Beginning of a region's name, ending of its hosts, ending of its dual-stack hosts.
const PARTITIONS: [(&str, &str, &str); 16] = [
    ("us-gov-", "amazonaws.com", "on.aws"),
    ("us-iso-", "c2s.ic.gov", ""),
    ("us-isob-", "sc2s.sgov.gov", ""),
    ("us-isof-", "csp.hci.ic.gov", ""),
    ("eu-isoe-", "cloud.adc-e.uk", ""),
    ("eusc-de-", "amazonaws.eu", ""),
    ("cn-", "amazonaws.com.cn", "on.amazonwebservices.com.cn"),
    ("us-", "amazonaws.com", "on.aws"),
    ("eu-", "amazonaws.com", "on.aws"),
    ("ap-", "amazonaws.com", "on.aws"),
    ("sa-", "amazonaws.com", "on.aws"),
    ("ca-", "amazonaws.com", "on.aws"),
    ("me-", "amazonaws.com", "on.aws"),
    ("af-", "amazonaws.com", "on.aws"),
    ("il-", "amazonaws.com", "on.aws"),
    ("mx-", "amazonaws.com", "on.aws"),
];

pub(super) fn of(domain: &str) -> Host {
    let host = domain.to_ascii_lowercase();
    if ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(&host.as_str()) {
        return Host::Hub;
    }
    if ["public.ecr.aws", "ecr-public.aws.com"].contains(&host.as_str()) {
        return Host::Public;
    }
    if let Some(registry) = private(&host) {
        return registry;
    }
    if PARTITIONS.iter().any(|(_, ending, _)| host.ends_with(&format!(".vpce.{ending}"))) {
        return Host::Endpoint;
    }
    // What makes a reader think of ECR; only the words of the answer depend on it.
    let reminders = ["amazonaws", "amazonwebservices", "dkr", ".ecr.", ".ecr-", "ecr-public", "public.ecr"];
    if reminders.iter().any(|reminder| host.contains(reminder)) { Host::Lookalike } else { Host::Other }
}

fn private(host: &str) -> Option<Host> {
    let account: String = host.chars().take(12).collect();
    if account.len() != 12 || !account.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    host.split('.').filter_map(|region| hosts(&account, region).map(|hosts| (region, hosts))).find_map(
        |(region, hosts)| {
            hosts.contains(&host.to_owned()).then(|| Host::Ecr { account: account.clone(), region: region.to_owned() })
        },
    )
}

/// Every host of the registry, if the region can be one.
fn hosts(account: &str, region: &str) -> Option<Vec<String>> {
    let is_in = |start: &str| region.strip_prefix(start).is_some_and(is_place_and_number);
    let (_, ending, dual) = PARTITIONS.iter().find(|(start, ..)| is_in(start))?;
    let mut hosts =
        vec![format!("{account}.dkr.ecr.{region}.{ending}"), format!("{account}.dkr.ecr-fips.{region}.{ending}")];
    if !dual.is_empty() {
        hosts.push(format!("{account}.dkr-ecr.{region}.{dual}"));
        hosts.push(format!("{account}.dkr-ecr-fips.{region}.{dual}"));
    }
    Some(hosts)
}

/// By the pattern of the partitions file, which has `us-gov-2` for a place called gov.
fn is_place_and_number(text: &str) -> bool {
    text.split_once('-').is_some_and(|(place, number)| {
        !place.is_empty()
            && place.chars().all(|c| c.is_ascii_alphanumeric())
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
    })
}
