//! Image references: good ones of several registries, lookalikes, other registries, and what cannot be read.

use std::collections::BTreeSet;

use crate::random::Random;

/// Account, region and repository.
pub(crate) type Repository = (String, String, String);

/// What the composed references name, so that there is a state of ECR for it.
#[derive(Default)]
pub(crate) struct Images {
    pub(crate) repositories: BTreeSet<Repository>,
    pub(crate) images: BTreeSet<(Repository, String)>,
}

const ACCOUNTS: [&str; 6] =
    ["111122223333", "111122223333", "111122223333", "444455556666", "777788889999", "999900001111"];
const REGIONS: [&str; 4] = ["eu-west-1", "eu-west-1", "us-east-1", "ap-southeast-5"];
const REPOSITORIES: [&str; 7] =
    ["team/app", "team/app", "2nd/a--b", "hub/library/nginx", "hub", "hubris/x", "a_b/c__d.e"];
const TAGS: [&str; 11] = ["v1", "v2", "V1", "latest", "1.0", "1.0-rc", "prod", "prod-7", "dev.x", "_", "-no"];
const OTHERS: [&str; 22] = [
    "nginx",
    "nginx:1.25",
    "library/nginx",
    "docker.io/library/nginx",
    "index.docker.io/nginx:1",
    "docker.io/grafana/grafana:9",
    "registry-1.docker.io/library/nginx",
    "quay.io/a/b:1",
    "localhost/x",
    "localhost:5000/amazonaws.com/x",
    "Team/app",
    "[::1]:5000/x",
    "gcr.io/a@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "public.ecr.aws/nginx/nginx:1",
    "ecr-public.aws.com/a/b",
    "PUBLIC.ECR.AWS/a/b",
    "vpce-0a1b2c3d.dkr.ecr.us-east-1.vpce.amazonaws.com/team/app:v1",
    "vpce-0a1b2c3d.dkr.ecr.cn-north-1.vpce.amazonaws.com.cn/team/app:v1",
    "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/team/app:v1",
    "111122223333.dkr.ecr.us-gov-west-1.amazonaws.com/team/app:v1",
    "210987654321.dkr.ecr.us-iso-east-1.c2s.ic.gov/team/app",
    "111122223333.dkr.ecr.eusc-de-east-1.amazonaws.eu/team/app",
];
const LOOKALIKES: [&str; 14] = [
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com.evil.example/team/app:v1",
    "evil.example.111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app:v1",
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com:443/team/app:v1",
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com.cn/team/app",
    "111122223333.dkr.ecr.cn-north-1.amazonaws.com/team/app",
    "11112222333.dkr.ecr.eu-west-1.amazonaws.com/team/app",
    "1111222233334.dkr.ecr.eu-west-1.amazonaws.com/team/app",
    "alias.dkr.ecr.eu-west-1.amazonaws.com/team/app",
    "111122223333.dkr.ecr.moon-1.amazonaws.com/team/app",
    "111122223333.dkr.ecr.eu-west-1.on.aws/team/app",
    "111122223333.dkr-ecr.eu-west-1.amazonaws.com/team/app",
    "111122223333.dkr.ecr.eu.west.1.amazonaws.com/team/app",
    "111122223333.ecr.eu-west-1.amazonaws.com/team/app",
    "amazonaws.com/team/app",
];
const UNREADABLE: [&str; 22] = [
    "",
    " ",
    " nginx",
    "nginx\n",
    "https://quay.io/a/b",
    "user@host/a",
    "a__b/c___d",
    "nginx:",
    "nginx@",
    "nginx@sha256:abc",
    "nginx@md5:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "nginx@sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com",
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com:latest",
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com./team/app",
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com//team/app",
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/../app",
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app?x=1",
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com/Team/app",
    "111122223333.dkr.ecr.us_east.amazonaws.com/team/app",
    "reg\u{131}stry.example/Ä",
];
const NOISE: [char; 14] = ['/', ':', '@', '.', '-', '_', 'A', 'a', '0', ' ', 'é', '\n', '*', '['];

impl Images {
    /// One reference; what it names is remembered.
    pub(crate) fn one(&mut self, random: &mut Random) -> String {
        match random.below(100) {
            0..72 => self.of_ecr(random),
            72..79 => {
                let image = self.of_ecr(random);
                noisy(random, &image)
            }
            79..88 => random.pick(&OTHERS).to_owned(),
            88..94 => random.pick(&LOOKALIKES).to_owned(),
            94..96 => long(random),
            _ => random.pick(&UNREADABLE).to_owned(),
        }
    }

    fn of_ecr(&mut self, random: &mut Random) -> String {
        let (account, region) = (random.pick(&ACCOUNTS), random.pick(&REGIONS));
        let name = random.pick(&REPOSITORIES);
        let tag = random.percent(75).then(|| random.pick(&TAGS));
        let digest = random.percent(30).then(|| digest(random));
        let key = (account.to_owned(), region.to_owned(), name.to_owned());
        let id = digest
            .as_ref()
            .map_or_else(|| format!("tag {}", tag.unwrap_or("latest")), |digest| format!("digest {digest}"));
        self.images.insert((key.clone(), id));
        self.repositories.insert(key);
        let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = digest.map(|digest| format!("@{digest}")).unwrap_or_default();
        format!("{}/{name}{tag}{digest}", host(random, account, region))
    }
}

fn host(random: &mut Random, account: &str, region: &str) -> String {
    match random.below(20) {
        0 => format!("{account}.DKR.ECR.{}.AMAZONAWS.COM", region.to_uppercase()),
        1 => format!("{account}.dkr.ecr-fips.{region}.amazonaws.com"),
        2 => format!("{account}.dkr-ecr.{region}.on.aws"),
        3 => format!("{account}.dkr-ecr-fips.{region}.on.aws"),
        _ => format!("{account}.dkr.ecr.{region}.amazonaws.com"),
    }
}

fn digest(random: &mut Random) -> String {
    let digit = random.pick(&["a", "b"]);
    match random.below(10) {
        0 => format!("sha512:{}", digit.repeat(128)),
        1 => format!("sha384:{}", digit.repeat(96)),
        _ => format!("sha256:{}", digit.repeat(64)),
    }
}

/// Around the longest path and the longest tag.
fn long(random: &mut Random) -> String {
    let host = random.pick(&["111122223333.dkr.ecr.eu-west-1.amazonaws.com/", "quay.io/", ""]);
    if random.percent(50) {
        format!("{host}{}", "a".repeat(245 + random.below(13)))
    } else {
        format!("{host}team/app:{}", "t".repeat(126 + random.below(5)))
    }
}

/// One character more, less or other than it should be.
fn noisy(random: &mut Random, image: &str) -> String {
    let mut characters: Vec<char> = image.chars().collect();
    let at = random.below(characters.len());
    match random.below(3) {
        0 => characters[at] = random.pick(&NOISE),
        1 => characters.insert(at, random.pick(&NOISE)),
        _ => drop(characters.remove(at)),
    }
    characters.into_iter().collect()
}
