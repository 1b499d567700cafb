//! Policies as they are written in `policy.json`: always valid, in all modes, with all options.

use serde_json::{Map, Value, json};

use crate::calendar;
use crate::generate::RULES;
use crate::random::Random;

const MODES: [&str; 8] = ["enforce", "enforce", "enforce", "enforce", "warn", "warn", "audit", "off"];
const SEVERITIES: [&str; 5] = ["informational", "low", "medium", "high", "critical"];
/// Patterns of exemptions, and whether they name a host or a digest.
const PATTERNS: [(&str, bool); 11] = [
    ("team/app", false),
    ("team/*", false),
    ("hub/*", false),
    ("2nd/a--b", false),
    ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app", true),
    ("444455556666.dkr-ecr.us-east-1.on.aws/*", true),
    ("docker.io/nginx", true),
    ("registry-1.docker.io/library/*", true),
    ("quay.io/*", true),
    ("localhost:5000/amazonaws.com/x", true),
    ("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true),
];

pub(crate) fn policy(random: &mut Random, today: u64) -> Value {
    let mut policy = json!({ "registries": registries(random), "rules": rules(random) });
    if random.percent(40) {
        policy["trusted_registries"] = if random.percent(50) {
            json!([{ "account": "777788889999" }])
        } else {
            json!([{ "account": "777788889999", "region": "us-east-1" }, { "account": "999900001111", "region": "eu-west-1" }])
        };
    }
    if random.percent(60) {
        policy["ignored_namespaces"] = json!(["kube-system"]);
    }
    if random.percent(30) {
        policy["namespaces"] = json!({ "shop": modes(random), "lab": modes(random) });
    }
    let count = if random.percent(75) { 1 + random.below(3) } else { 0 };
    policy["exemptions"] = (0..count).map(|index| exemption(random, index, today)).collect();
    policy
}

fn registries(random: &mut Random) -> Vec<Value> {
    let all = [
        json!({}),
        json!({ "region": "us-east-1" }),
        json!({ "account": "444455556666", "region": "eu-west-1" }),
        json!({ "account": "444455556666", "region": "us-east-1" }),
    ];
    let mut chosen: Vec<Value> = all
        .into_iter()
        .zip([90, 50, 50, 30])
        .filter(|(_, chance)| random.percent(*chance))
        .map(|(one, _)| one)
        .collect();
    for registry in &mut chosen {
        if random.percent(40) {
            registry["pull_through_cache"] = if random.percent(70) { json!(["hub"]) } else { json!(["quay", "a_b"]) };
        }
    }
    chosen
}

fn rules(random: &mut Random) -> Value {
    let mut rules = Map::new();
    for id in RULES {
        let is_optional = ["digest-pinned", "image-exists", "scan-findings"].contains(&id);
        if !random.percent(if is_optional { 45 } else { 50 }) {
            continue;
        }
        let mut rule = Map::new();
        if random.percent(85) {
            rule.insert("mode".to_owned(), json!(random.pick(&MODES)));
        }
        if random.percent(30) {
            rule.insert("pull_through_cache".to_owned(), json!(random.pick(&MODES)));
        }
        if random.percent(35) {
            rule.insert("on_error".to_owned(), json!(random.pick(&["allow", "deny"])));
        }
        if id == "tag-immutability" && random.percent(40) {
            rule.insert("digest_satisfies".to_owned(), json!(random.percent(70)));
        }
        if id == "scan-findings" {
            scan_findings(random, &mut rule);
        }
        rules.insert(id.to_owned(), Value::Object(rule));
    }
    Value::Object(rules)
}

fn scan_findings(random: &mut Random, rule: &mut Map<String, Value>) {
    for option in ["worst_allowed", "unrated_as"] {
        if random.percent(50) {
            rule.insert(option.to_owned(), json!(random.pick(&SEVERITIES)));
        }
    }
    if random.percent(50) {
        rule.insert("most".to_owned(), json!({ random.pick(&SEVERITIES): random.below(3), "high": random.below(4) }));
    }
    if random.percent(40) {
        rule.insert("fix_available_only".to_owned(), json!(random.percent(70)));
    }
    if random.percent(30) {
        let platforms = if random.percent(50) { json!("every") } else { json!(["linux/amd64"]) };
        rule.insert("platforms".to_owned(), platforms);
    }
    if random.percent(60) {
        rule.insert("oldest_scan_days".to_owned(), json!(1 + random.below(40)));
    }
}

fn modes(random: &mut Random) -> Value {
    let mut modes = Map::new();
    for id in RULES {
        if random.percent(30) {
            modes.insert(id.to_owned(), json!(random.pick(&MODES)));
        }
    }
    Value::Object(modes)
}

fn exemption(random: &mut Random, index: usize, today: u64) -> Value {
    let (pattern, is_anchored) = random.pick(&PATTERNS);
    let mut rules: Vec<&str> = RULES.into_iter().filter(|_| random.percent(50)).collect();
    rules.retain(|id| is_anchored || *id != "registry");
    if rules.is_empty() {
        rules.push("tag-immutability");
    }
    // Never the same day for two: which of them is named then is not promised.
    let ends = [[9, 10, 20], [8, 11, 30], [7, 12, 40]][index];
    let mut exemption = json!({
        "id": format!("EX-{index}"), "image": pattern, "rules": rules, "reason": "r", "owner": "o", "ticket": "t",
        "expires": calendar::text(today + random.pick(&ends) - 10),
    });
    if random.percent(30) {
        exemption["namespace"] = json!(random.pick(&["shop", "lab"]));
    }
    exemption
}
