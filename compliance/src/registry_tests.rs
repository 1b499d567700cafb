//! Hosts, case by case: what is ECR, what only looks like it.

use proptest::prelude::*;

use super::{Partition, Registry, RegistryError, RegistryHost, classify};

const A: &str = "111122223333";

#[test]
fn knows_the_registry_hosts_of_every_partition() {
    let cases = [
        ("dkr.ecr.eu-west-1.amazonaws.com", Partition::Aws, "eu-west-1"),
        ("dkr.ecr-fips.us-east-1.amazonaws.com", Partition::Aws, "us-east-1"),
        ("dkr.ecr.mx-central-1.amazonaws.com", Partition::Aws, "mx-central-1"),
        ("dkr.ecr.ap-southeast-7.amazonaws.com", Partition::Aws, "ap-southeast-7"),
        ("dkr-ecr.eu-west-1.on.aws", Partition::Aws, "eu-west-1"),
        ("dkr-ecr-fips.us-west-2.on.aws", Partition::Aws, "us-west-2"),
        ("dkr.ecr.us-gov-west-1.amazonaws.com", Partition::AwsUsGov, "us-gov-west-1"),
        ("dkr.ecr-fips.us-gov-west-1.amazonaws.com", Partition::AwsUsGov, "us-gov-west-1"),
        ("dkr-ecr.us-gov-east-1.on.aws", Partition::AwsUsGov, "us-gov-east-1"),
        ("dkr.ecr.cn-north-1.amazonaws.com.cn", Partition::AwsCn, "cn-north-1"),
        ("dkr-ecr.cn-north-1.on.amazonwebservices.com.cn", Partition::AwsCn, "cn-north-1"),
        ("dkr.ecr.us-iso-east-1.c2s.ic.gov", Partition::AwsIso, "us-iso-east-1"),
        ("dkr.ecr.us-isob-east-1.sc2s.sgov.gov", Partition::AwsIsoB, "us-isob-east-1"),
        ("dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk", Partition::AwsIsoE, "eu-isoe-west-1"),
        ("dkr.ecr.us-isof-south-1.csp.hci.ic.gov", Partition::AwsIsoF, "us-isof-south-1"),
        ("dkr.ecr.eusc-de-east-1.amazonaws.eu", Partition::AwsEusc, "eusc-de-east-1"),
        ("DKR.ECR.EU-WEST-1.AMAZONAWS.COM", Partition::Aws, "eu-west-1"),
    ];
    for (rest, partition, region) in cases {
        let expected = Registry { partition, account: A.to_owned(), region: region.to_owned() };
        assert_eq!(classify(&format!("{A}.{rest}")), RegistryHost::PrivateEcr(expected), "{rest}");
    }
}

#[test]
fn a_host_that_only_looks_like_ecr_is_a_lookalike_and_says_why() {
    let cases = [
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com.attacker.io", "does not end"),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com.cn", "does not end"),
        ("111122223333.dkr.ecr.cn-north-1.amazonaws.com", "does not end"),
        ("111122223333.dkr.ecr.us-gov-west-1.amazonaws.eu", "does not end"),
        ("111122223333.dkr.ecr.us-iso-east-1.sc2s.sgov.gov", "does not end"),
        ("111122223333.dkr.ecr.eu-west-1.on.aws", "does not end"),
        ("111122223333.dkr-ecr.eu-west-1.amazonaws.com", "does not end"),
        ("111122223333.dkr-ecr.cn-north-1.on.aws", "does not end"),
        ("111122223333.dkr-ecr.us-iso-east-1.on.aws", "does not end"),
        ("111122223333.dkr.ecr.eu-west-1.xamazonaws.com", "does not end"),
        ("111122223333.dkr.ecr.eu-west-1", "no ending"),
        ("111122223333.dkr.ecr.amazonaws.com", "AWS region"),
        ("111122223333.dkr.ecr.eu-west.amazonaws.com", "AWS region"),
        ("111122223333.dkr.ecr.eu-west-1a.amazonaws.com", "AWS region"),
        ("111122223333.dkr.ecr.zz-west-1.amazonaws.com", "AWS region"),
        ("11112222333.dkr.ecr.eu-west-1.amazonaws.com", "twelve digits"),
        ("1111222233334.dkr.ecr.eu-west-1.amazonaws.com", "twelve digits"),
        ("myalias.dkr.ecr.eu-west-1.amazonaws.com", "twelve digits"),
        ("x.111122223333.dkr.ecr.eu-west-1.amazonaws.com", "form"),
        ("111122223333.dkr.ecrx.eu-west-1.amazonaws.com", "form"),
        ("111122223333.ecr.eu-west-1.amazonaws.com", "form"),
        ("111122223333.dkr.s3.eu-west-1.amazonaws.com", "form"),
        ("api.ecr.eu-west-1.amazonaws.com", "form"),
        ("amazonaws", "no account id"),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com:443", "port"),
        ("public.ecr.aws:443", "port"),
        ("vpce-0a.dkr.ecr.us-east-1.vpce.amazonaws.com:443", "port"),
        ("public.ecr.aws.attacker.io", "form"),
        ("xpublic.ecr.aws", "form"),
    ];
    for (host, expected) in cases {
        match classify(host) {
            RegistryHost::EcrLookalike { why } => assert!(why.contains(expected), "{host}: {why}"),
            other => panic!("{host} is {other:?}"),
        }
    }
}

#[test]
fn tells_the_registries_apart_that_are_not_private_ecr() {
    let cases = [
        ("public.ecr.aws", RegistryHost::PublicEcr),
        ("Public.ECR.aws", RegistryHost::PublicEcr),
        ("ecr-public.aws.com", RegistryHost::PublicEcr),
        ("vpce-0a-1b.dkr.ecr.us-east-1.vpce.amazonaws.com", RegistryHost::VpcEndpoint),
        ("vpce-0a-1b.dkr.ecr.cn-north-1.vpce.amazonaws.com.cn", RegistryHost::VpcEndpoint),
        ("docker.io", RegistryHost::DockerHub),
        ("INDEX.docker.io", RegistryHost::DockerHub),
        ("registry.example", RegistryHost::Other),
        ("localhost:5000", RegistryHost::Other),
        ("[::1]:5000", RegistryHost::Other),
        ("ghcr.io", RegistryHost::Other),
        ("", RegistryHost::Other),
    ];
    for (host, expected) in cases {
        assert_eq!(classify(host), expected, "{host}");
    }
}

#[test]
fn finds_the_partition_of_a_region_by_its_pattern() {
    for (region, partition) in [
        ("eu-central-2", Some(Partition::Aws)),
        ("us-gov-east-1", Some(Partition::AwsUsGov)),
        ("eusc-de-east-1", Some(Partition::AwsEusc)),
        ("cn-northwest-1", Some(Partition::AwsCn)),
        ("EU-WEST-1", None),
        ("eu-west-1-x", None),
        ("eu--1", None),
        ("eu-west-", None),
        ("eu-we_st-1", None),
        ("eusc-fr-east-1", None),
        ("", None),
    ] {
        assert_eq!(Partition::of_region(region), partition, "{region}");
    }
}

#[test]
fn makes_a_registry_only_of_an_account_and_a_region() {
    let registry = Registry::new(A, "cn-north-1");
    assert_eq!(
        registry.as_ref().map(Registry::host).as_deref(),
        Ok("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn")
    );
    assert_eq!(registry.map(|r| r.to_string()).as_deref(), Ok("111122223333 in cn-north-1"));
    assert!(matches!(Registry::new("1234", "eu-west-1"), Err(RegistryError::Account(_))));
    assert!(matches!(Registry::new("１１１１２２２２３３３３", "eu-west-1"), Err(RegistryError::Account(_))));
    assert!(matches!(Registry::new(A, "mars-1"), Err(RegistryError::Region(_))));
}

proptest! {
    #[test]
    fn only_the_registrys_own_hosts_are_ever_attributed_to_it(host in "[a-z0-9.:-]{0,40}", prefix in any::<bool>()) {
        let host = if prefix { format!("{A}.dkr.ecr.{host}") } else { host };
        if let RegistryHost::PrivateEcr(registry) = classify(&host) {
            let dual = registry.partition.dual_stack_suffix().unwrap_or("-");
            let Registry { account, region, .. } = &registry;
            let hosts = [
                registry.host(),
                registry.host().replacen(".ecr.", ".ecr-fips.", 1),
                format!("{account}.dkr-ecr.{region}.{dual}"),
                format!("{account}.dkr-ecr-fips.{region}.{dual}"),
            ];
            prop_assert!(hosts.contains(&host));
        }
    }

    #[test]
    fn no_host_panics(host in any::<String>()) {
        let _ = classify(&host);
    }
}
