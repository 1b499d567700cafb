//! The part of the cluster: what we may do there, its clock, and whether the webhook could lock it.

use serde_json::Value;

use super::{Finding, clock};
use crate::{
    cluster::{
        Cluster,
        drift::differences,
        moment::Moment,
        pause, policy,
        proof::{self, Proof},
        webhook::{ENTRY, Existing},
    },
    commands::status,
    error::Failure,
    patience::Patience,
    settings::{FailurePolicy, Settings},
    stack::Stack,
};

/// Without these a node cannot come back, and with it not the cluster.
const LIFE_SUPPORT: [&str; 2] = ["kube-system", "kube-node-lease"];
/// The API of the stack answers within 4.5 seconds: who waits for less gives up on a verdict that is on its way.
const SHORTEST_TIMEOUT: u64 = 5;
/// Match conditions, which a pause is made of, are always there from here on.
const FIRST_WITH_CONDITIONS: u64 = 30;

pub(super) async fn look(settings: &Settings, cluster: &Cluster, stack: Option<&Stack>, findings: &mut Vec<Finding>) {
    if let Err(failure) = cluster.check_permissions().await {
        findings.push(Finding::failed("cluster", failure));
        return;
    }
    findings.push(Finding::ok("cluster", format!("{}: it answers, and we may register a webhook", cluster.place())));
    findings.extend(proof(cluster.not_permitted_to_prove().await));
    findings.extend(clock::cluster(cluster.now().await.since(Moment::here())));
    findings.extend(cluster.minor_version().await.and_then(version));
    if is_eks(cluster.server()) {
        findings.push(Finding::note(
            "egress",
            "EKS calls the webhook from its own network, which reaches the internet unless the cluster's controlPlaneEgressMode leads its traffic through your VPC",
            "Where it is CUSTOMER_ROUTED, the VPC needs a NAT gateway or a proxy to the endpoint; where it is CUSTOMER_ISOLATED, use cluster.endpoint of your own.",
        ));
    }
    match cluster.our_webhook(&settings.webhook_name()).await {
        Ok(Some(existing)) => webhook(settings, cluster, stack, &existing, findings).await,
        Ok(None) if stack.is_some() => findings.push(Finding::problem(
            "webhook",
            "there is a stack, and no webhook in this cluster: nothing is judged",
            "Run deployer deploy, or choose the --context.",
        )),
        Ok(None) => findings.push(Finding::ok("webhook", "there is none yet")),
        Err(failure) => findings.push(Finding::failed("webhook", failure)),
    }
}

async fn webhook(
    settings: &Settings,
    cluster: &Cluster,
    stack: Option<&Stack>,
    existing: &Existing,
    findings: &mut Vec<Finding>,
) {
    let object = existing.object();
    if let Some(manager) = existing.manager() {
        findings.push(Finding::note(
            "gitops",
            format!("{} is kept by {manager}: nothing here will change it", existing.name()),
            "Change it with deployer webhook render --out FILE, and commit that.",
        ));
    }
    if let Some(pause) = pause::read(object).filter(|pause| !pause.is_over(Moment::here())) {
        findings.push(Finding::problem("pause", pause.to_string(), "Wait, or end it: deployer webhook resume"));
    }
    findings.extend(lockout(object));
    findings.extend(
        status::webhook::wanted(settings, stack, existing)
            .map_or_else(|failure| Some(Finding::failed("drift", failure)), |wanted| drift(&wanted, object)),
    );
    findings.push(asked(settings, cluster, existing).await);
}

/// Whether it is asked at all; with `Fail` and a silent endpoint, no Pod can be created.
async fn asked(settings: &Settings, cluster: &Cluster, existing: &Existing) -> Finding {
    let caller = existing.caller();
    let refuses = |namespace: &str| settings.refuses(namespace, proof::IMAGE);
    let patience = Patience { attempts: 1, ..Patience::API_SERVER };
    let trial = proof::Trial { refuses: &refuses, secret: caller.as_ref().map(|caller| &caller.secret), patience };
    let paused = pause::read(existing.object()).is_some();
    let fail = policy::in_force(existing.object()) == Some(FailurePolicy::Fail);
    match cluster.prove(&trial, paused).await {
        Ok(Proof::NoNamespace) => Finding::note(
            "webhook",
            "no namespace was found in which a Pod is refused, so it cannot be seen whether the webhook is asked",
            "Let the policy enforce a rule somewhere.",
        ),
        Ok(_) => Finding::ok("webhook", format!("the API server asks {}", existing.endpoint().unwrap_or("it"))),
        Err(failure) if fail => {
            let finding = Finding::failed("webhook", failure);
            let fix = "No Pod can be created while this lasts. deployer webhook pause lets new ones in for a while, deployer webhook demote until it is promoted again.";
            Finding { text: format!("failurePolicy Fail, and {}", finding.text), fix: Some(fix.to_owned()), ..finding }
        }
        Err(failure) => Finding::failed("webhook", failure),
    }
}

/// The second is that of clusters with IPv6 (EKS user guide, "Cluster API server endpoint").
fn is_eks(server: &str) -> bool {
    server.contains(".eks.amazonaws.com") || server.contains(".eks-cluster.")
}

/// A deploy proves what it registers by a Pod and a Deployment in a dry run, which takes the right to create them.
fn proof(missing: Result<Vec<&'static str>, Failure>) -> Option<Finding> {
    let missing = missing.unwrap_or_default().join(" and ");
    (!missing.is_empty()).then(|| {
        Finding::problem(
            "cluster",
            format!("we may not create {missing} in default, by which a deploy proves in a dry run that the webhook is asked"),
            "Have a Role with that verb bound to you, or use another --context.",
        )
    })
}

/// Another version or other settings registered it, or somebody changed it.
fn drift(wanted: &Value, found: &Value) -> Option<Finding> {
    let fields: Vec<String> = differences(wanted, found).into_iter().map(|difference| difference.field).collect();
    (!fields.is_empty()).then(|| {
        Finding::note(
            "drift",
            format!("the webhook is not what this version would register with these settings: {}", fields.join(", ")),
            "deployer webhook check shows both; deployer deploy brings it back.",
        )
    })
}

fn version(minor: u64) -> Option<Finding> {
    (minor < FIRST_WITH_CONDITIONS).then(|| {
        Finding::note(
            "version",
            format!("Kubernetes 1.{minor} may not know match conditions, of which a pause is made"),
            "Use Kubernetes 1.30 or later; until then, deployer webhook demote is the break-glass.",
        )
    })
}

/// What in the entry about Pods could keep a cluster from coming back.
fn lockout(object: &Value) -> Vec<Finding> {
    let entries = object["webhooks"].as_array();
    let (pods, others): (Vec<&Value>, Vec<&Value>) =
        entries.into_iter().flatten().partition(|entry| entry["name"] == ENTRY);
    let Some(entry) = pods.first() else {
        return vec![Finding::problem(
            "webhook",
            format!("it has no entry {ENTRY}: Pods are not judged"),
            "Run deployer deploy, which brings it back.",
        )];
    };
    let mut findings = Vec::new();
    for other in others.iter().filter(|other| other["failurePolicy"] == "Fail") {
        let name = other["name"].as_str().unwrap_or_default();
        findings.push(Finding::problem(
            "lockout",
            format!("{name} is there to warn, and its failurePolicy Fail stops what it cannot be asked about"),
            "Run deployer deploy, which sets it to Ignore.",
        ));
    }
    let judged: Vec<&str> =
        LIFE_SUPPORT.into_iter().filter(|name| !excludes(&entry["namespaceSelector"], name)).collect();
    if !judged.is_empty() {
        findings.push(Finding::problem(
            "lockout",
            format!("Pods in {} are judged: a cluster may not come back after a failure", judged.join(" and ")),
            "Run deployer deploy, which excludes them.",
        ));
    }
    if let Some(seconds) = entry["timeoutSeconds"].as_u64().filter(|seconds| *seconds < SHORTEST_TIMEOUT) {
        findings.push(Finding::problem(
            "timeout",
            format!("the API server waits {seconds} s, and the endpoint may take 4.5 s"),
            "Run deployer deploy, which sets it.",
        ));
    }
    findings
}

/// By the name that the API server itself puts on a namespace.
fn excludes(selector: &Value, namespace: &str) -> bool {
    selector["matchExpressions"].as_array().into_iter().flatten().any(|expression| {
        let by_name = expression["key"] == "kubernetes.io/metadata.name" && expression["operator"] == "NotIn";
        by_name && expression["values"].as_array().is_some_and(|values| values.iter().any(|value| value == namespace))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{commands::register, synth::WebhookManifest};

    fn object() -> Value {
        let manifest = WebhookManifest {
            url: "https://api.example.com/v1/a/b",
            ca_bundle: None,
            failure_policy: FailurePolicy::Fail,
        };
        register::manifest(&Settings::default(), &manifest).unwrap()
    }

    #[test]
    fn a_webhook_as_it_is_rendered_locks_nobody_out() {
        assert_eq!(lockout(&object()), []);
    }

    #[test]
    fn what_could_lock_a_cluster_is_a_problem() {
        let names = "/webhooks/0/namespaceSelector/matchExpressions/0/values";
        for (pointer, value, of) in [
            (names, json!(["kube-node-lease"]), "lockout"),
            ("/webhooks/0/namespaceSelector", json!({}), "lockout"),
            ("/webhooks/1/failurePolicy", json!("Fail"), "lockout"),
            ("/webhooks/0/timeoutSeconds", json!(1), "timeout"),
            ("/webhooks/0/name", json!("x.y.z"), "webhook"),
        ] {
            let mut object = object();
            *object.pointer_mut(pointer).unwrap() = value;
            let findings: Vec<&str> = lockout(&object).iter().map(|finding| finding.of).collect();
            assert_eq!(findings, [of], "{pointer}");
        }
    }

    #[test]
    fn a_webhook_of_other_settings_is_noted_field_by_field() {
        assert_eq!(drift(&object(), &object()), None);
        let mut found = object();
        found["webhooks"][0]["timeoutSeconds"] = json!(9);
        let finding = drift(&object(), &found).unwrap();
        assert!(finding.text.contains("timeoutSeconds of pods.ecr-compliance.webhook"), "{finding:?}");
    }

    #[test]
    fn what_the_proof_of_a_deploy_may_not_create_is_a_problem() {
        assert_eq!(proof(Ok(vec![])), None);
        let finding = proof(Ok(vec!["pods", "deployments"])).unwrap();
        assert!(finding.text.contains("may not create pods and deployments in default"), "{finding:?}");
    }

    #[test]
    fn eks_is_known_by_its_endpoints() {
        for (server, eks) in [
            ("https://0A1B.gr7.eu-west-1.eks.amazonaws.com", true),
            ("https://0A1B.yl4.cn-north-1.eks.amazonaws.com.cn", true),
            ("https://0A1B.gr7.eks-cluster.eu-west-1.api.aws", true),
            ("https://10.1.2.3:6443", false),
            ("https://eks.example.com", false),
        ] {
            assert_eq!(is_eks(server), eks, "{server}");
        }
    }

    #[test]
    fn an_old_cluster_is_told() {
        assert!(version(29).is_some() && version(30).is_none());
    }
}
