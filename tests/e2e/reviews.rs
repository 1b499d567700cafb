//! Pods that are created, by the dozen: a table of what has to come out. The API server decides, but keeps nothing
//! (server-side dry run, which the webhook allows because it has no side effects).

use local_world::kubernetes::Kubernetes;
use local_world::pods::{self, containers};
use local_world::seed::{self, image};
use local_world::story::{Expected, denied};
use serde_json::{Value, json};

use crate::report::Report;

struct Case {
    name: &'static str,
    pod: Value,
    expected: Expected,
}

/// Asks the API server about every case.
pub(crate) async fn run(cluster: &Kubernetes, report: &mut Report) {
    for case in single_images().into_iter().chain(whole_pods()) {
        let asked = async {
            let outcome = cluster.create_pod(&case.pod, true).await?;
            case.expected.check("the Pod", &outcome)
        };
        report.scenario(&format!("create: {}", case.name), asked).await;
    }
}

/// Only the ENHANCED scanning of the registry matches this repository; to be run when it is configured.
pub(crate) fn enhanced() -> (Value, Expected) {
    (one(&image(&format!("{}:v1", seed::ENHANCED_SCANNED))), Expected::Admitted)
}

fn one(image: &str) -> Value {
    pods::pod("asked", &[image.to_owned()])
}

fn good() -> String {
    image("demo/compliant:v1")
}

fn single_images() -> Vec<Case> {
    let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
    let registry = denied(&["spec.containers[0].image", "registry"]);
    let mutable = denied(&["tag-immutability", "aws ecr put-image-tag-mutability"]);
    let unscanned = denied(&["scan-on-push", "aws ecr put-image-scanning-configuration"]);
    let rows: Vec<(&str, String, Expected)> = vec![
        ("compliant", good(), Expected::Admitted),
        ("no tag means latest", image("demo/compliant"), Expected::Admitted),
        ("a digest", image(&format!("demo/compliant@{digest}")), Expected::Admitted),
        ("a tag and a digest", image(&format!("demo/compliant:v1@{digest}")), Expected::Admitted),
        ("a digest does not excuse mutable tags", image(&format!("demo/mutable@{digest}")), mutable.clone()),
        ("mutable", image("demo/mutable:v1"), mutable.clone()),
        ("not scanned", image("demo/unscanned:v1"), unscanned),
        ("a repository that does not exist", image("demo/absent:v1"), denied(&["demo/absent"])),
        ("immutable but for dev-*, v1", image("demo/immutable-except:v1"), Expected::Admitted),
        (
            "immutable but for dev-*, dev-1",
            image("demo/immutable-except:dev-1"),
            denied(&["tag-immutability", "dev-*"]),
        ),
        ("immutable but for dev-*, dev- alone", image("demo/immutable-except:dev-"), denied(&["tag-immutability"])),
        ("immutable but for dev-*, my-dev-1", image("demo/immutable-except:my-dev-1"), Expected::Admitted),
        ("immutable but for dev-*, Dev-1", image("demo/immutable-except:Dev-1"), Expected::Admitted),
        ("mutable but for release-*, release-1", image("demo/mutable-except:release-1"), Expected::Admitted),
        ("mutable but for release-*, v1", image("demo/mutable-except:v1"), mutable.clone()),
        ("mutable but for release-*, latest", image("demo/mutable-except"), mutable),
        ("scanned by the registry's rule", image("demo/registry-scanned:v1"), Expected::Admitted),
        ("Docker Hub, short", "nginx".to_owned(), registry.clone()),
        ("Docker Hub, long", "docker.io/library/nginx:1.27".to_owned(), registry.clone()),
        ("public ECR", "public.ecr.aws/nginx/nginx:1.27".to_owned(), registry.clone()),
        (
            "another account",
            "999988887777.dkr.ecr.eu-west-1.amazonaws.com/demo/compliant:v1".to_owned(),
            registry.clone(),
        ),
        (
            "another region",
            "111122223333.dkr.ecr.us-east-1.amazonaws.com/demo/compliant:v1".to_owned(),
            registry.clone(),
        ),
        (
            "another partition",
            "111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn/demo/compliant:v1".to_owned(),
            registry.clone(),
        ),
        ("our host as somebody's subdomain", format!("{}.evil.example/demo/compliant:v1", host()), registry.clone()),
        ("our host with a tail", format!("{}m/demo/compliant:v1", host()), registry.clone()),
        ("our host with a port", format!("{}:8443/demo/compliant:v1", host()), registry.clone()),
        ("our host in the path", format!("evil.example/{}/demo/compliant:v1", host()), registry.clone()),
        ("13 digits", format!("1{}/demo/compliant:v1", host()), registry.clone()),
        (
            "a VPC endpoint",
            "vpce-0123456789abcdef0-abcdefgh.dkr.ecr.eu-west-1.vpce.amazonaws.com/demo/compliant:v1".to_owned(),
            registry.clone(),
        ),
        ("not an image reference", image("demo/Compliant:v1"), registry),
    ];
    rows.into_iter().map(|(name, image, expected)| Case { name, pod: one(&image), expected }).collect()
}

fn host() -> &'static str {
    "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
}

fn whole_pods() -> Vec<Case> {
    let with = |field: &str, value: Value| {
        let mut pod = one(&good());
        pod["spec"][field] = value;
        pod
    };
    let volume = |reference: &str| {
        let mut pod = with("volumes", json!([{ "name": "v0", "image": { "reference": reference } }]));
        pod["spec"]["containers"][0]["volumeMounts"] = json!([{ "name": "v0", "mountPath": "/v0" }]);
        pod
    };
    let mut ignored = one("nginx");
    ignored["metadata"]["namespace"] = json!("kube-system");
    let mut case = Vec::new();
    let mut add = |name, pod, expected| case.push(Case { name, pod, expected });
    add("a good init container", with("initContainers", containers("i", &[good()])), Expected::Admitted);
    add(
        "a bad init container",
        with("initContainers", containers("i", &[good(), "busybox".to_owned()])),
        denied(&["spec.initContainers[1].image", "registry"]),
    );
    add("a good image volume", volume(&good()), Expected::Admitted);
    add("a bad image volume", volume("busybox:1"), denied(&["spec.volumes[0].image.reference", "registry"]));
    add(
        "every finding at once",
        pods::pod("asked", &[image("demo/mutable:v1"), image("demo/unscanned:v1"), "nginx".to_owned()]),
        denied(&[
            "spec.containers[0].image",
            "tag-immutability",
            "spec.containers[1].image",
            "scan-on-push",
            "spec.containers[2].image",
        ]),
    );
    add("an ignored namespace", ignored, Expected::Admitted);
    case
}
