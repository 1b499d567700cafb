//! The owner's name for the endpoint, and what settings must be to each other and to the region. What a value may be on its
//! own is in `check.rs`.

use std::path::PathBuf;

use super::{Settings, check};

/// The section `[domain]`; without a name there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Host name that the clusters call; `None`: the API's own.
    pub name: Option<String>,
    /// ARN of the ACM certificate for the name, in the stack's region.
    pub certificate_arn: Option<String>,
    /// `s3://bucket/key` of the authorities whose client certificates are accepted; `None`: no mutual TLS.
    pub truststore: Option<String>,
    /// Version of that object; `None`: the one that is there when the stack is deployed.
    pub truststore_version: Option<String>,
    /// PEM file with a client certificate and its key, which the deployer's probe shows under mutual TLS.
    pub client_identity: Option<PathBuf>,
    /// Whether the API's own endpoint stays open beside the name.
    pub default_endpoint: bool,
}

impl Default for Domain {
    fn default() -> Self {
        Self {
            name: None,
            certificate_arn: None,
            truststore: None,
            truststore_version: None,
            client_identity: None,
            // Clusters may still call it: to close it in the deploy that moves them would cut them off until they moved.
            default_endpoint: true,
        }
    }
}

/// What is wrong between settings, each with its key and the way out.
pub(super) fn finish(settings: &Settings) -> Vec<String> {
    let domain = &settings.domain;
    let mut wrong = Vec::new();
    let mut need = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    let named = domain.name.is_some();
    need(named || *domain == Domain::default(), "domain.name is missing: give the host name, or leave [domain] out");
    need(
        !named || domain.certificate_arn.is_some(),
        "domain.certificate_arn is missing: give the ACM certificate of the name",
    );
    let mutual = domain.truststore.is_some();
    need(
        !mutual || domain.client_identity.is_some(),
        "domain.client_identity is missing: under mutual TLS the deployer's probe, too, must show a certificate",
    );
    need(
        mutual || domain.truststore_version.is_none(),
        "domain.truststore_version is of no use without domain.truststore: leave it out",
    );
    need(
        mutual || domain.client_identity.is_none(),
        "domain.client_identity is of no use without domain.truststore: leave it out",
    );
    wrong.extend(more_than_reserved(settings));
    wrong.extend(elsewhere("domain.certificate_arn", "acm", domain.certificate_arn.as_deref(), settings));
    wrong.extend(elsewhere("log_kms_key_arn", "kms", settings.log_kms_key_arn.as_deref(), settings));
    wrong
}

/// Lambda does not start more of the function than may run.
fn more_than_reserved(settings: &Settings) -> Option<String> {
    let (provisioned, reserved) = (settings.provisioned_concurrency?, settings.reserved_concurrency?);
    (provisioned > reserved).then(|| {
        format!(
            "provisioned_concurrency = {provisioned} is more than reserved_concurrency = {reserved}: lower it, or raise that"
        )
    })
}

/// AWS takes neither a certificate nor a key of another region; where the region is not known yet, AWS will say so.
fn elsewhere(key: &str, service: &str, arn: Option<&str>, settings: &Settings) -> Option<String> {
    let (arn, region) = (arn?, settings.region.as_deref()?);
    let (partition, at, _) = check::regional(arn, service)?;
    if at != region {
        return Some(format!("{key} = \"{arn}\": the stack is in {region}; use one of that region"));
    }
    let right = partition_of(region);
    (partition != right).then(|| {
        format!("{key} = \"{arn}\": the region {region} is of the partition {right}, so begin with arn:{right}:")
    })
}

/// By the prefixes that AWS gives to regions outside of the commercial partition.
fn partition_of(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 6] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
    ];
    PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::GlobalArgs;

    const CERTIFICATE: &str = "certificate_arn = 'arn:aws:acm:eu-west-1:111122223333:certificate/a-1'\n";
    const NAME: &str = "name = 'webhook.example.com'\n";
    const MUTUAL: &str = "truststore = 's3://our-trust/clients.pem'\nclient_identity = 'client.pem'\n";

    fn read(text: &str) -> Result<Settings, String> {
        Settings::from_text(text, "deployer.toml", &GlobalArgs::default()).map_err(|failure| failure.message)
    }

    #[test]
    fn a_domain_is_whole_or_what_is_missing_is_named() {
        for (case, text, says) in [
            ("no name", CERTIFICATE.to_owned(), "domain.name is missing"),
            ("only closed", "default_endpoint = false".to_owned(), "domain.name is missing"),
            ("no certificate", NAME.to_owned(), "domain.certificate_arn is missing"),
            (
                "nothing for the probe",
                format!("{NAME}{CERTIFICATE}truststore = 's3://our-trust/clients.pem'"),
                "domain.client_identity is missing",
            ),
            (
                "a version of nothing",
                format!("{NAME}{CERTIFICATE}truststore_version = 'v1'"),
                "without domain.truststore",
            ),
            ("a client for nothing", format!("{NAME}{CERTIFICATE}client_identity = 'a'"), "without domain.truststore"),
        ] {
            let message = read(&format!("[domain]\n{text}")).expect_err(case);
            assert!(message.starts_with("deployer.toml: ") && message.contains(says), "{case}: {message}");
        }
        for text in [format!("[domain]\n{NAME}{CERTIFICATE}"), format!("[domain]\n{NAME}{CERTIFICATE}{MUTUAL}")] {
            read(&text).unwrap();
        }
    }

    #[test]
    fn no_more_is_started_than_may_run_at_once() {
        let both =
            |provisioned: u32| read(&format!("provisioned_concurrency = {provisioned}\nreserved_concurrency = 5"));
        let message = both(6).unwrap_err();
        assert!(message.contains("provisioned_concurrency = 6 is more than reserved_concurrency = 5"), "{message}");
        assert!(both(5).is_ok() && read("provisioned_concurrency = 6").is_ok());
    }

    #[test]
    fn a_certificate_or_key_of_another_region_or_partition_is_refused() {
        let key = |arn: &str| format!("log_kms_key_arn = '{arn}'\n");
        let domain = format!("[domain]\n{NAME}{CERTIFICATE}");
        for (case, text, says) in [
            ("certificate", format!("region = 'us-east-1'\n{domain}"), Some("domain.certificate_arn")),
            ("certificate of the region", format!("region = 'eu-west-1'\n{domain}"), None),
            (
                "key",
                format!("region = 'eu-west-1'\n{}", key("arn:aws:kms:eu-west-2:111122223333:key/a")),
                Some("the stack is in eu-west-1"),
            ),
            (
                "partition",
                format!("region = 'cn-north-1'\n{}", key("arn:aws:kms:cn-north-1:111122223333:key/a")),
                Some("begin with arn:aws-cn:"),
            ),
            (
                "key of the partition",
                format!("region = 'us-gov-west-1'\n{}", key("arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/a")),
                None,
            ),
            ("no region known", key("arn:aws:kms:eu-west-2:111122223333:key/a"), None),
        ] {
            match (read(&text), says) {
                (Ok(_), None) => {}
                (Err(message), Some(says)) => assert!(message.contains(says), "{case}: {message}"),
                (read, _) => panic!("{case}: {read:?}"),
            }
        }
    }
}
