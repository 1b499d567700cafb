//! A line of the function's log, for people and for programs, and whether it is one that was asked for.
//!
//! What users wrote (names, images) is shown without control characters: a log must not move anybody's cursor.

use std::fmt::Write as _;

use aws_smithy_types::date_time::{DateTime, Format};
use serde::Serialize;
use serde_json::Value;

use super::Event;
use crate::console::printable;

/// What the function says of a Pod that nothing controls.
pub const NO_OWNER: &str = "none";
/// So much of an owner is shown, in characters: more than names have that somebody gave.
const LONGEST_OWNER: usize = 120;
/// How many images or findings are spelt out.
const SHOWN: usize = 4;

/// Which decisions are wanted; everything is, where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only denials.
    pub denied: bool,
    /// Only of this namespace.
    pub namespace: Option<String>,
    /// Only of this cluster.
    pub cluster: Option<String>,
    /// Only of Pods that this controls, such as `ReplicaSet/web-5d9f`.
    pub owner: Option<String>,
}

/// A line, read.
#[derive(Debug, Serialize)]
pub struct Line {
    /// Its time, milliseconds since 1970.
    #[serde(skip)]
    at: i64,
    /// The JSON object that the function or Lambda wrote, or their text.
    line: Value,
}

impl Line {
    /// Reads an event.
    #[must_use]
    pub fn read(event: &Event) -> Self {
        let read = serde_json::from_str(&event.text).ok().filter(Value::is_object);
        Self { at: event.at, line: read.unwrap_or_else(|| Value::String(event.text.clone())) }
    }

    /// Whether it is one of those. Of lines that are no decision only "all" is said.
    #[must_use]
    pub fn is(&self, wanted: &Wanted) -> bool {
        let Wanted { denied, namespace, cluster, owner } = wanted;
        if *wanted == Wanted::default() {
            return true;
        }
        let has = |key: &str, value: &Option<String>| value.as_deref().is_none_or(|value| self.line[key] == value);
        self.is_decision()
            && !(*denied && self.line["allowed"] == true)
            && has("namespace", namespace)
            && has("cluster", cluster)
            && has("owner", owner)
    }

    fn is_decision(&self) -> bool {
        self.line["allowed"].is_boolean()
    }

    /// For people: one line, or nothing where the line is not for them (metrics, the platform's notes).
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let said = if self.is_decision() { self.decision() } else { self.other()? };
        let at = DateTime::from_millis(self.at).fmt(Format::DateTime).unwrap_or_default();
        let at = at.get(..19).unwrap_or(&at).replace('T', " ");
        Some(format!("{at}  {}", printable(&said)))
    }

    /// `DENIED     staging  shop/web of ReplicaSet/web-5d9f  …/app:v1 [tag-immutability: mutable]  request 7f…`.
    fn decision(&self) -> String {
        let text = |key: &str| self.line[key].as_str().unwrap_or_default();
        let pod = match (text("namespace"), text("name")) {
            // A review that could not be read.
            ("", "") => "(not known)".to_owned(),
            (namespace, "") => format!("{namespace}/(no name yet)"),
            (namespace, name) => format!("{namespace}/{name}"),
        };
        let mut said = format!("{:<9}  {}  {pod}", self.verdict(), text("cluster"));
        if let Some(owner) = self.whose() {
            let _ = write!(said, " of {owner}");
        }
        let findings = self.findings();
        for part in [self.images(&findings), findings, text("denial").to_owned(), self.exemptions(), self.unavailable()]
        {
            if !part.is_empty() {
                // Writing to a string cannot fail.
                let _ = write!(said, "  {part}");
            }
        }
        // A review that could not be read has none.
        if !text("requestUid").is_empty() {
            let _ = write!(said, "  request {}", text("requestUid"));
        }
        said
    }

    /// What controls the Pod, for people; if something does, and the function that wrote the line knew of owners.
    #[must_use]
    pub fn whose(&self) -> Option<String> {
        let owner = self.line["owner"].as_str().filter(|owner| *owner != NO_OWNER)?;
        let cut = owner.char_indices().nth(LONGEST_OWNER).map(|(end, _)| format!("{}…", &owner[..end]));
        Some(printable(&cut.unwrap_or_else(|| owner.to_owned())))
    }

    /// Of a denial: in which namespace, what and why; the same for every Pod of a workload.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let text = |key: &str| self.line[key].as_str().unwrap_or_default();
        let refused = self.is_decision() && self.line["allowed"] == false;
        let found = self.findings();
        let why = if found.is_empty() { text("denial") } else { &found };
        let place = if text("namespace").is_empty() { "(not known)" } else { text("namespace") };
        let unchecked = if self.line["undecided"] == true { "UNCHECKED  " } else { "" };
        refused.then(|| printable(&format!("{unchecked}{place}  {why}")))
    }

    fn verdict(&self) -> &'static str {
        let is = |key: &str| self.line[key] == true;
        match (is("allowed"), is("undecided")) {
            _ if self.line["earlyWarningOf"].is_string() => "early",
            (_, true) => "UNCHECKED",
            (false, false) => "DENIED",
            (true, false) if self.line["skipped"].is_string() => "skipped",
            (true, false) if !self.list("findings").is_empty() => "warned",
            (true, false) => "admitted",
        }
    }

    /// Each image is named once: with its findings, where it has some.
    fn images(&self, findings: &str) -> String {
        if findings.is_empty() {
            listed(self.list("images").iter().map(|image| text_of(image, "image")))
        } else {
            String::new()
        }
    }

    /// `image [rule: code, warn rule: code]`, image by image.
    fn findings(&self) -> String {
        let mut images: Vec<(String, Vec<String>)> = Vec::new();
        for finding in self.list("findings") {
            let image = text_of(finding, "image");
            let mode = if finding["mode"] == "enforce" { "" } else { finding["mode"].as_str().unwrap_or_default() };
            let told = format!("{mode} {}: {}", text_of(finding, "rule"), text_of(finding, "code"));
            let told = told.trim_start().to_owned();
            match images.iter_mut().find(|(known, _)| *known == image) {
                Some((_, all)) if all.contains(&told) => (),
                Some((_, all)) => all.push(told),
                None => images.push((image, vec![told])),
            }
        }
        listed(images.iter().map(|(image, told)| format!("{image} [{}]", told.join(", "))))
    }

    fn exemptions(&self) -> String {
        listed(self.list("exemptions").iter().map(|one| {
            format!("{} let in by {} ({} days left)", text_of(one, "image"), text_of(one, "id"), one["daysLeft"])
        }))
    }

    /// AWS's own code and request id: whom to ask.
    fn unavailable(&self) -> String {
        listed(self.list("unavailable").iter().map(|one| {
            let of_aws = [("awsCode", "code"), ("awsRequestId", "AWS request id")];
            let said = of_aws.into_iter().filter(|(key, _)| one[key].is_string());
            let said: Vec<String> = said.map(|(key, word)| format!("{word} {}", text_of(one, key))).collect();
            let said = if said.is_empty() { text_of(one, "code") } else { said.join(", ") };
            format!("{}: {said}", text_of(one, "repository"))
        }))
    }

    fn list(&self, key: &str) -> &[Value] {
        self.line[key].as_array().map_or(&[], Vec::as_slice)
    }

    /// What else is worth a person's while: whatever somebody wrote as a message, and calls that did not end well.
    fn other(&self) -> Option<String> {
        let Some(object) = self.line.as_object() else {
            let text = self.line.as_str().unwrap_or_default();
            let platform = ["START RequestId", "END RequestId", "REPORT RequestId", "INIT_START"];
            return (!platform.iter().any(|word| text.starts_with(word))).then(|| text.to_owned());
        };
        if object.contains_key("_aws") {
            return None;
        }
        if let Some(kind) = object.get("type").and_then(Value::as_str).filter(|kind| kind.starts_with("platform.")) {
            let status = object.get("record").and_then(|record| record["status"].as_str()).unwrap_or("success");
            return (status != "success").then(|| format!("{kind}: {status}  {}", object["record"]));
        }
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        let rest: Vec<String> = object
            .iter()
            .filter(|(key, _)| !["level", "timestamp", "message"].contains(&key.as_str()))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        Some(format!("{:<9}  {}  {}", text("level"), text("message"), rest.join(" ")).trim_end().to_owned())
    }
}

fn text_of(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(SHOWN);
    let shown = items.take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(value: &Value) -> Line {
        Line::read(&Event { at: 1_795_548_303_500, text: value.to_string() })
    }

    fn denied() -> Value {
        json!({
            "level": "WARN", "message": "denied", "cluster": "blue", "namespace": "shop", "name": "web-",
            "allowed": false, "undecided": false, "requestUid": "u-1",
            "images": [{ "path": "p", "image": "r/app:v1" }],
            "findings": [{ "mode": "enforce", "rule": "registry", "code": "docker-hub", "path": "p", "image": "r/app:v1" }],
        })
    }

    #[test]
    fn each_kind_of_line_is_said_in_one_line_or_not_at_all() {
        let with = |changes: Value| {
            let mut line = denied();
            line.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            line
        };
        let exempted = json!([{ "id": "EX-1", "daysLeft": 3, "rule": "registry", "image": "r/app:v1" }]);
        let unavailable = json!([{ "repository": "r/app of 1", "code": "access-denied", "awsCode": "AccessDenied", "awsRequestId": "q-1" }]);
        let cases = [
            (
                "of an owner",
                with(json!({ "owner": "ReplicaSet/web-5d9f", "name": "" })),
                Some(
                    "DENIED     blue  shop/(no name yet) of ReplicaSet/web-5d9f  r/app:v1 [registry: docker-hub]  request u-1",
                ),
            ),
            (
                "of nobody",
                with(json!({ "owner": "none" })),
                Some("DENIED     blue  shop/web-  r/app:v1 [registry: docker-hub]  request u-1"),
            ),
            ("a denial", denied(), Some("DENIED     blue  shop/web-  r/app:v1 [registry: docker-hub]  request u-1")),
            (
                "not checked",
                with(json!({ "undecided": true, "unavailable": unavailable })),
                Some(
                    "UNCHECKED  blue  shop/web-  r/app:v1 [registry: docker-hub]  r/app of 1: code AccessDenied, AWS request id q-1  request u-1",
                ),
            ),
            (
                "a denial without findings",
                with(json!({ "findings": [], "images": [], "denial": "too long", "name": "" })),
                Some("DENIED     blue  shop/(no name yet)  too long  request u-1"),
            ),
            (
                "admitted",
                with(json!({ "allowed": true, "findings": [] })),
                Some("admitted   blue  shop/web-  r/app:v1  request u-1"),
            ),
            (
                "by an exemption",
                with(json!({ "allowed": true, "findings": [], "exemptions": exempted })),
                Some("admitted   blue  shop/web-  r/app:v1  r/app:v1 let in by EX-1 (3 days left)  request u-1"),
            ),
            (
                "two findings about an image, one of which only warns",
                with(json!({ "findings": [
                    { "mode": "enforce", "rule": "registry", "code": "docker-hub", "image": "r/app:v1" },
                    { "mode": "enforce", "rule": "registry", "code": "docker-hub", "image": "r/app:v1" },
                    { "mode": "warn", "rule": "digest-pinned", "code": "no-digest", "image": "r/app:v1" },
                ] })),
                Some(
                    "DENIED     blue  shop/web-  r/app:v1 [registry: docker-hub, warn digest-pinned: no-digest]  request u-1",
                ),
            ),
            (
                "a review that could not be read",
                with(
                    json!({ "findings": [], "images": [], "denial": "no JSON", "name": "", "namespace": "", "requestUid": "" }),
                ),
                Some("DENIED     blue  (not known)  no JSON"),
            ),
            (
                "another message",
                json!({ "level": "WARN", "timestamp": "t", "message": "caller not known" }),
                Some("WARN       caller not known"),
            ),
            ("metrics", json!({ "_aws": {}, "Pass": 1, "namespace": "shop" }), None),
            ("a good call", json!({ "type": "platform.report", "record": { "status": "success" } }), None),
            (
                "a bad call",
                json!({ "type": "platform.report", "record": { "status": "timeout" } }),
                Some("platform.report: timeout  {\"status\":\"timeout\"}"),
            ),
        ];
        for (name, value, expected) in cases {
            let expected = expected.map(|text| format!("2026-11-24 19:25:03  {text}"));
            assert_eq!(line(&value).text(), expected, "{name}");
        }
        let plain = |text: &str| Line::read(&Event { at: 0, text: text.to_owned() }).text();
        assert_eq!(plain("END RequestId: 1"), None);
        assert_eq!(plain("thread panicked").as_deref(), Some("1970-01-01 00:00:00  thread panicked"));
    }

    #[test]
    fn what_a_user_wrote_cannot_move_the_cursor() {
        let mut value = denied();
        value["name"] = json!("a\u{1b}[2Jb\n\u{202e}DENIED");
        value["owner"] = value["name"].clone();
        assert_eq!(line(&value).whose().as_deref(), Some(r"a\u{1b}[2Jb\n\u{202e}DENIED"));
        let long = json!({ "owner": format!("Job/{}", "n".repeat(500)) });
        assert_eq!(line(&long).whose(), Some(format!("Job/{}…", "n".repeat(116))));
        let text = line(&value).text().unwrap();
        assert!(text.contains(r"a\u{1b}[2Jb\n\u{202e}DENIED") && !text.contains(['\u{1b}', '\n']), "{text}");
    }

    #[test]
    fn only_wanted_decisions_are_shown() {
        let admitted = json!({ "allowed": true, "cluster": "green", "namespace": "web", "owner": "Job/a" });
        let message = json!({ "message": "caller not known" });
        let metrics = json!({ "_aws": {}, "namespace": "shop" });
        let all = [denied(), admitted, message, metrics];
        let some = |text: &str| Some(text.to_owned());
        for (name, wanted, expected) in [
            ("everything", Wanted::default(), [true, true, true, true]),
            ("denials", Wanted { denied: true, ..Wanted::default() }, [true, false, false, false]),
            ("a namespace", Wanted { namespace: some("web"), ..Wanted::default() }, [false, true, false, false]),
            ("an owner", Wanted { owner: some("Job/a"), ..Wanted::default() }, [false, true, false, false]),
            ("a cluster", Wanted { cluster: some("blue"), ..Wanted::default() }, [true, false, false, false]),
            (
                "denials of another namespace",
                Wanted { denied: true, namespace: some("web"), ..Wanted::default() },
                [false, false, false, false],
            ),
        ] {
            assert_eq!(all.each_ref().map(|value| line(value).is(&wanted)), expected, "{name}");
        }
    }

    #[test]
    fn programs_get_the_line_as_it_was_written() {
        assert_eq!(serde_json::to_value(line(&denied())).unwrap(), json!({ "line": denied() }));
        let text = Line::read(&Event { at: 0, text: "END RequestId: 1".to_owned() });
        assert_eq!(serde_json::to_value(text).unwrap(), json!({ "line": "END RequestId: 1" }));
    }
}
