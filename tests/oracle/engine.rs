//! The engine's side: a case in `compliance`'s types, and its verdict in plain words.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use compliance::facts::{
    Age, EffectiveScan, Facts, Image, ImageFacts, ImageId, ImageKey, ImageStatus, PlatformScan, RegistryScanning,
    Repository, RepositoryFacts, RepositoryKey, ScanFacts, ScanFrequency, ScanReport, ScanResult, ScanStatus, ScanType,
    Severity, TagMutability, Unavailable, WantedImages,
};
use compliance::policy::{Home, Policy, PolicyFile, Request, evaluate, wanted};
use compliance::registry::Registry;
use compliance::verdict::{Finding, Verdict};
use compliance::workload::PodView;
use serde_json::Value;

use crate::case::{Case, HOME, Line, Outcome};
use crate::generate::TROUBLES;

/// What the engine makes of a case.
pub(crate) fn judge(case: &Case) -> Outcome {
    let file = PolicyFile::from_json(case.policy.to_string().as_bytes()).expect("generated policies can be read");
    let home = Home { account: HOME.0, region: HOME.1 };
    let policy = file.validate(&home, None).expect("generated policies are valid");
    // As a client may write it: a slash may be escaped in JSON, and then nothing can be borrowed.
    let text = case.pod.to_string().replace("/2", "\\/2");
    let old_text = case.old.as_ref().map(Value::to_string);
    let pod: PodView<'_> = serde_json::from_str(&text).expect("generated Pods can be read");
    let old: Option<PodView<'_>> =
        old_text.as_ref().map(|text| serde_json::from_str(text).expect("generated Pods can be read"));
    let images = old.as_ref().map_or_else(|| pod.images(), |old| pod.images_not_in(old));
    let request = Request { namespace: &case.namespace, images };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(case.now);
    let verdict = evaluate(&policy, &request, &facts(case), now);
    outcome(&verdict, &policy, &request)
}

fn outcome(verdict: &Verdict, policy: &Policy, request: &Request<'_>) -> Outcome {
    let lanes = [("deny", &verdict.denials), ("warn", &verdict.warnings), ("audit", &verdict.audits)];
    let mut findings: Vec<Line> = Vec::new();
    for (lane, list) in lanes {
        findings.extend(list.iter().map(|finding| line(lane.to_owned(), finding)));
    }
    for one in &verdict.exempted {
        findings.push(line(format!("exempt {} {} {}", one.exemption, one.days_left, one.mode.word()), &one.finding));
    }
    let (repositories, images) = wanted(policy, request);
    Outcome {
        skipped: verdict.skipped.is_some(),
        findings,
        asked: asked(repositories, &images),
        reason: verdict.reason().to_owned(),
    }
}

fn line(lane: String, finding: &Finding) -> Line {
    Line {
        lane,
        path: finding.path.clone(),
        rule: finding.rule.to_owned(),
        code: finding.code.to_owned(),
        undecided: finding.undecided,
    }
}

fn asked(repositories: impl IntoIterator<Item = RepositoryKey>, images: &WantedImages) -> Vec<String> {
    let of = |key: &RepositoryKey| format!("{} {} {}", key.registry.account, key.registry.region, key.name);
    let image = |kind: &str, key: &ImageKey| {
        let id = match &key.id {
            ImageId::Tag(tag) => format!("tag {tag}"),
            ImageId::Digest(digest) => format!("digest {digest}"),
        };
        format!("{kind} {} {id}", of(&key.repository))
    };
    let mut all: Vec<String> = repositories.into_iter().map(|key| format!("repository {}", of(&key))).collect();
    all.extend(images.existing.iter().map(|key| image("image", key)));
    all.extend(images.scanned.iter().map(|key| image("scan", key)));
    all.sort();
    all
}

fn facts(case: &Case) -> Facts {
    let mut facts = Facts::default();
    for state in &case.repositories {
        facts.insert(key(state), repository(state));
    }
    for state in &case.images {
        let (kind, id) = text(state, "id").split_once(' ').unwrap();
        let id = if kind == "tag" { ImageId::Tag(id.to_owned()) } else { ImageId::Digest(id.to_owned()) };
        let key = ImageKey { repository: key(state), id };
        facts.insert_image(key.clone(), image(state), Age::NOW);
        if let Some(result) = scan(&state["scan"]) {
            facts.insert_scan(key, result, Age::NOW);
        }
    }
    facts
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is missing in {value}"))
}

fn key(state: &Value) -> RepositoryKey {
    let registry = Registry::new(text(state, "account"), text(state, "region")).expect("a registry");
    RepositoryKey { registry, name: text(state, "name").to_owned() }
}

fn unavailable(state: &Value) -> Unavailable {
    let code = TROUBLES.iter().find(|code| **code == text(state, "code")).expect("a known trouble");
    Unavailable::new(code, "it could not be had")
}

fn repository(state: &Value) -> RepositoryFacts {
    match text(state, "state") {
        "missing" => return RepositoryFacts::NotFound,
        "unavailable" => return RepositoryFacts::Unavailable(unavailable(state)),
        _ => {}
    }
    let filters = || {
        let filters = state["filters"].as_array().unwrap().iter();
        filters.map(|filter| filter.as_str().unwrap().to_owned()).collect()
    };
    let mutability = match text(state, "mutability") {
        "IMMUTABLE" => TagMutability::Immutable,
        "MUTABLE" => TagMutability::Mutable,
        "IMMUTABLE_WITH_EXCLUSION" => TagMutability::ImmutableExcept(filters()),
        "MUTABLE_WITH_EXCLUSION" => TagMutability::MutableExcept(filters()),
        other => TagMutability::Unrecognised(other.to_owned()),
    };
    let scan = ScanFacts { repository_flag: state["flag"] == true, effective: effective(&state["registry"]) };
    RepositoryFacts::Found(Repository { mutability, scan })
}

fn effective(state: &Value) -> EffectiveScan {
    match text(state, "state") {
        "other-account" => return EffectiveScan::OtherAccount,
        "unavailable" => return EffectiveScan::Unavailable(unavailable(state)),
        _ => {}
    }
    let frequency = match text(state, "frequency") {
        "SCAN_ON_PUSH" => ScanFrequency::ScanOnPush,
        "CONTINUOUS_SCAN" => ScanFrequency::Continuous,
        "MANUAL" => ScanFrequency::Manual,
        other => ScanFrequency::Unrecognised(other.to_owned()),
    };
    let scan_type = match text(state, "type") {
        "BASIC" => ScanType::Basic,
        "ENHANCED" => ScanType::Enhanced,
        other => ScanType::Unrecognised(other.to_owned()),
    };
    let registry = RegistryScanning { scan_type, rules: Vec::new() };
    EffectiveScan::Known { scan_on_push: state["scanOnPush"] == true, frequency, registry }
}

fn image(state: &Value) -> ImageFacts {
    match text(state, "state") {
        "missing" => ImageFacts::NotFound,
        "unavailable" => ImageFacts::Unavailable(unavailable(state)),
        word => ImageFacts::Found(Image {
            digest: format!("sha256:{}", "0".repeat(64)),
            media_type: state["mediaType"].as_str().map(str::to_owned),
            status: match word {
                "ACTIVE" => ImageStatus::Active,
                "ARCHIVED" => ImageStatus::Archived,
                "ACTIVATING" => ImageStatus::Activating,
                other => ImageStatus::Unrecognised(other.to_owned()),
            },
        }),
    }
}

fn scan(state: &Value) -> Option<ScanResult> {
    let time = |name: &str| state[name].as_u64().map(|at| SystemTime::UNIX_EPOCH + Duration::from_secs(at));
    Some(match state["state"].as_str()? {
        "never" => ScanResult::NotScanned,
        "unavailable" => ScanResult::Unavailable(unavailable(state)),
        "INDEX" => {
            let images = state["images"].as_array().unwrap().iter().filter_map(scan);
            let one = |result| PlatformScan { platform: "linux/amd64".to_owned(), digest: String::new(), result };
            ScanResult::Index(images.map(one).collect())
        }
        word => ScanResult::Scanned(ScanReport {
            status: ScanStatus::of(word),
            counts: by_severity(&state["counts"]),
            unfixable: by_severity(&state["unfixable"]).unwrap_or_default(),
            completed_at: time("completedAt"),
            source_updated_at: time("sourceUpdatedAt"),
        }),
    })
}

fn by_severity(state: &Value) -> Option<BTreeMap<Severity, u32>> {
    let mut counts = BTreeMap::new();
    for (word, count) in state.as_object()? {
        *counts.entry(Severity::of(word)).or_default() += u32::try_from(count.as_u64().unwrap()).unwrap();
    }
    Some(counts)
}
