//! What ECR says about the repositories and images that the Pod names, in ECR's own words.

use serde_json::{Value, json};

use crate::case::HOME;
use crate::generate::TROUBLES;
use crate::generate::images::{Images, Repository};
use crate::random::Random;

const FILTERS: [&str; 13] =
    ["v*", "*", "prod*", "*-7", "1.*", "*.*", "latest", "V1", "dev*x", "p*d", "*rc*", "v1", "_"];
const FREQUENCIES: [&str; 5] = ["SCAN_ON_PUSH", "CONTINUOUS_SCAN", "MANUAL", "MANUAL", "HOURLY"];
const TYPES: [&str; 6] = ["BASIC", "BASIC", "ENHANCED", "ENHANCED", "ENHANCED", "PSYCHIC"];
const STATUSES: [&str; 12] = [
    "ACTIVE",
    "IN_PROGRESS",
    "PENDING",
    "FAILED",
    "UNSUPPORTED_IMAGE",
    "SCAN_ELIGIBILITY_EXPIRED",
    "FINDINGS_UNAVAILABLE",
    "LIMIT_EXCEEDED",
    "IMAGE_ARCHIVED",
    "IMAGE_SIZE_EXCEEDED",
    "DREAMT",
    "COMPLETE",
];
const SEVERITIES: [&str; 8] =
    ["INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL", "UNDEFINED", "UNTRIAGED", "APOCALYPTIC"];
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

pub(crate) fn repositories(random: &mut Random, images: &Images) -> Vec<Value> {
    let mut states = Vec::new();
    for key in &images.repositories {
        let state = match random.below(100) {
            0..4 => continue,
            4..11 => json!({ "state": "missing" }),
            11..25 => trouble(random),
            _ => found(random, key),
        };
        states.push(keyed(key, state));
    }
    states
}

fn keyed((account, region, name): &Repository, mut state: Value) -> Value {
    state["account"] = json!(account);
    state["region"] = json!(region);
    state["name"] = json!(name);
    state
}

fn trouble(random: &mut Random) -> Value {
    json!({ "state": "unavailable", "code": random.pick(&TROUBLES) })
}

fn found(random: &mut Random, (account, ..): &Repository) -> Value {
    let mutability = random.pick(&[
        "IMMUTABLE",
        "IMMUTABLE",
        "IMMUTABLE",
        "IMMUTABLE",
        "MUTABLE",
        "IMMUTABLE_WITH_EXCLUSION",
        "IMMUTABLE_WITH_EXCLUSION",
        "MUTABLE_WITH_EXCLUSION",
        "MUTABLE_WITH_EXCLUSION",
        "SOMETIMES",
    ]);
    let filters: Vec<&str> = (0..random.below(4)).map(|_| random.pick(&FILTERS)).collect();
    let registry = match random.below(100) {
        0..15 => trouble(random),
        _ if account != HOME.0 => json!({ "state": "other-account" }),
        15..30 => json!({ "state": "other-account" }),
        _ => json!({
            "state": "known", "type": random.pick(&TYPES), "frequency": random.pick(&FREQUENCIES),
            "scanOnPush": random.percent(40),
        }),
    };
    json!({
        "state": "found", "mutability": mutability, "filters": filters, "flag": random.percent(60), "registry": registry,
    })
}

pub(crate) fn images(random: &mut Random, images: &Images, now: u64) -> Vec<Value> {
    let mut states = Vec::new();
    for (key, id) in &images.images {
        let mut state = match random.below(100) {
            0..6 => continue,
            6..12 => json!({ "state": "missing" }),
            12..24 => trouble(random),
            24..29 => json!({ "state": "ARCHIVED" }),
            29..34 => json!({ "state": "ACTIVATING" }),
            34..38 => json!({ "state": "MELTED" }),
            _ => json!({ "state": "ACTIVE" }),
        };
        state["scan"] = scan(random, now);
        if random.percent(20) {
            state["mediaType"] = json!(random.pick(&INDEXES));
            if random.percent(85) {
                let images: Vec<Value> =
                    (0..random.below(4)).map(|_| scan(random, now)).filter(|scan| !scan.is_null()).collect();
                state["scan"] = json!({ "state": "INDEX", "images": images });
            }
        }
        state["id"] = json!(id);
        states.push(keyed(key, state));
    }
    states
}

fn scan(random: &mut Random, now: u64) -> Value {
    let state = match random.below(100) {
        0..7 => return Value::Null,
        7..14 => return json!({ "state": "never" }),
        14..32 => return trouble(random),
        32..62 => random.pick(&STATUSES),
        _ => "COMPLETE",
    };
    let mut scan = json!({ "state": state });
    if !random.percent(8) {
        let mut counts = json!({});
        for _ in 0..random.below(4) {
            counts[random.pick(&SEVERITIES)] = json!(random.below(4));
        }
        scan["unfixable"] = json!({ random.pick(&SEVERITIES): random.below(4), random.pick(&SEVERITIES): 1 });
        scan["counts"] = counts;
    }
    for time in ["completedAt", "sourceUpdatedAt"] {
        if !random.percent(20) {
            // Exactly at the limit, too, and a little in the future.
            let days = random.next() % 41;
            scan[time] = json!(if days == 40 { now + 5 } else { now - days * 86_400 - random.next() % 2 });
        }
    }
    scan
}
