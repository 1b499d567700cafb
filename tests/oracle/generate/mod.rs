//! From a seed to a case: Pods, policies and states of ECR in which every rule has something to say.
//!
//! Nothing here may know what the right answer is.

mod images;
mod pods;
mod policies;
mod states;

use crate::case::Case;
use crate::random::Random;

/// Reason codes of facts that could not be had, as the edge reports them.
pub(crate) const TROUBLES: [&str; 8] = [
    "throttled",
    "timeout",
    "unreachable",
    "ecr-error",
    "unreadable-answer",
    "access-denied",
    "credentials",
    "wrong-registry",
];

/// Rule ids, in the order in which findings are reported.
pub(crate) const RULES: [&str; 6] =
    ["registry", "tag-immutability", "scan-on-push", "digest-pinned", "image-exists", "scan-findings"];

const DAY: u64 = 86_400;
/// 2026-01-01
const FIRST_DAY: u64 = 20_454;

/// The case of a seed.
pub(crate) fn case(seed: u64) -> Case {
    let mut random = Random::new(seed);
    let random = &mut random;
    let today = FIRST_DAY + random.next() % 1000;
    let mut images = images::Images::default();
    let pod = pods::pod(random, &mut images);
    let old = random.percent(25).then(|| pods::older(random, &pod, &mut images));
    let now = today * DAY + random.next() % DAY;
    Case {
        namespace: random.pick(&["shop", "shop", "shop", "default", "lab", "kube-system"]).to_owned(),
        policy: policies::policy(random, today),
        repositories: states::repositories(random, &images),
        images: states::images(random, &images, now),
        pod,
        old,
        now,
    }
}
