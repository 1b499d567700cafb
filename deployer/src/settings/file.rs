//! The grammar of `deployer.toml`: one table of keys per section. All errors are collected; each begins with file and line.

use std::{collections::BTreeSet, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Settings, check, clusters, policy};

/// Where one key's value goes.
type Take = fn(&mut Settings, &DeValue<'_>) -> Result<(), String>;

/// Keys that stand before the first section.
const ROOT: &[(&str, Take)] = &[
    ("architecture", |s, v| {
        s.architecture = Some(check::word(text(v)?)?);
        Ok(())
    }),
    ("artifact_bucket", |s, v| put(&mut s.artifact_bucket, v, check::bucket)),
    ("dashboard", |s, v| {
        s.dashboard = boolean(v)?;
        Ok(())
    }),
    ("ignored_namespaces", |s, v| list(&mut s.ignored_namespaces, v, check::namespace)),
    ("log_kms_key_arn", |s, v| put(&mut s.log_kms_key_arn, v, check::key_arn)),
    ("log_level", |s, v| {
        s.log_level = check::word(text(v)?)?;
        Ok(())
    }),
    ("log_retention_days", |s, v| {
        s.log_retention_days = number(v, check::retention)?;
        Ok(())
    }),
    ("memory_mib", |s, v| {
        s.memory_mib = number(v, check::memory)?;
        Ok(())
    }),
    ("permissions_boundary", |s, v| put(&mut s.permissions_boundary, v, check::policy_arn)),
    ("profile", |s, v| put(&mut s.profile, v, check::not_empty)),
    ("provisioned_concurrency", |s, v| {
        s.provisioned_concurrency = Some(number(v, check::concurrency)?);
        Ok(())
    }),
    ("region", |s, v| put(&mut s.region, v, check::region)),
    ("reserved_concurrency", |s, v| {
        s.reserved_concurrency = Some(number(v, check::concurrency)?);
        Ok(())
    }),
    ("stack_name", |s, v| {
        text(v)?.clone_into(&mut s.stack_name);
        check::stack_name(&s.stack_name)
    }),
    ("tracing", |s, v| {
        s.tracing = boolean(v)?;
        Ok(())
    }),
];

/// Keys of `[registry]`.
const REGISTRY: &[(&str, Take)] = &[
    ("ids", |s, v| list(&mut s.registry_ids, v, check::account)),
    ("regions", |s, v| list(&mut s.registry_regions, v, check::region)),
];

/// Keys of `[alarms]`.
const ALARMS: &[(&str, Take)] = &[
    ("denials", |s, v| {
        s.alarms.denials = number(v, check::denials)?;
        Ok(())
    }),
    ("denials_percent", |s, v| {
        s.alarms.denials_percent = number(v, check::denials_percent)?;
        Ok(())
    }),
    ("enabled", |s, v| {
        s.alarms.enabled = boolean(v)?;
        Ok(())
    }),
    ("silence_hours", |s, v| {
        s.alarms.silence_hours = number(v, check::silence)?;
        Ok(())
    }),
    ("topic_arn", |s, v| put(&mut s.alarms.topic_arn, v, check::topic_arn)),
];

/// Keys of `[application]`.
const APPLICATION: &[(&str, Take)] = &[
    ("author", |s, v| {
        text(v)?.clone_into(&mut s.application.author);
        check::author(&s.application.author)
    }),
    ("home_page", |s, v| put(&mut s.application.home_page, v, check::page)),
    ("name", |s, v| {
        text(v)?.clone_into(&mut s.application.name);
        check::application(&s.application.name)
    }),
];

/// Keys of `[cluster]`.
const CLUSTER: &[(&str, Take)] = &[
    ("ca_bundle", |s, v| {
        check::not_empty(text(v)?)?;
        s.cluster.ca_bundle = Some(text(v)?.into());
        Ok(())
    }),
    ("ca_sha256", |s, v| {
        s.cluster.ca_sha256 = Some(check::fingerprint(text(v)?)?);
        Ok(())
    }),
    ("context", |s, v| put(&mut s.cluster.context, v, check::not_empty)),
    ("credentials", |s, v| {
        s.cluster.credentials = check::word(text(v)?)?;
        Ok(())
    }),
    ("endpoint", |s, v| put(&mut s.cluster.endpoint, v, check::endpoint)),
    ("failure_policy", |s, v| {
        s.cluster.failure_policy = Some(check::word(text(v)?)?);
        Ok(())
    }),
    ("name", |s, v| put(&mut s.cluster.name, v, check::caller)),
    ("timeout_seconds", |s, v| {
        s.cluster.timeout_seconds = u8::try_from(number(v, check::timeout)?).map_err(|error| error.to_string())?;
        Ok(())
    }),
];

/// Keys of `[domain]`; what they must be to each other is in `domain.rs`.
const DOMAIN: &[(&str, Take)] = &[
    ("certificate_arn", |s, v| put(&mut s.domain.certificate_arn, v, check::certificate_arn)),
    ("client_identity", |s, v| {
        check::not_empty(text(v)?)?;
        s.domain.client_identity = Some(text(v)?.into());
        Ok(())
    }),
    ("default_endpoint", |s, v| {
        s.domain.default_endpoint = boolean(v)?;
        Ok(())
    }),
    ("name", |s, v| put(&mut s.domain.name, v, check::domain)),
    ("truststore", |s, v| put(&mut s.domain.truststore, v, check::truststore)),
    ("truststore_version", |s, v| put(&mut s.domain.truststore_version, v, check::object_version)),
];

/// Sections with keys of their own; `[tags]` takes any key.
const SECTIONS: &[(&str, &[(&str, Take)])] = &[
    ("alarms", ALARMS),
    ("application", APPLICATION),
    ("cluster", CLUSTER),
    ("domain", DOMAIN),
    ("registry", REGISTRY),
];
/// A list of sections, each with the keys of `[cluster]`.
const CLUSTERS: &str = "clusters";
const TAGS: &str = "tags";
/// Has a shape of its own, shared with the function.
const POLICY: &str = "policy";
/// `CloudFormation` takes 50; the deployer sets some itself.
const MAX_TAGS: usize = 40;

/// Reads a settings file; `name` is how messages call it. What is wrong keeps its default and is in the errors.
pub(super) fn read(text: &str, name: &str) -> (Settings, Vec<String>) {
    let mut reader = Reader { text, settings: Settings::default(), errors: Vec::new() };
    match DeTable::parse(text) {
        Ok(table) => reader.root(table.get_ref()),
        Err(error) => {
            let line = reader.line(error.span().unwrap_or_default());
            reader.errors.push((line, format!("this is not TOML: {}", error.message().replace('\n', ", "))));
        }
    }
    // The parser sorts keys by name; people read from top to bottom.
    reader.errors.sort_by_key(|(line, _)| *line);
    let errors = reader.errors.into_iter().map(|(line, what)| format!("{name} line {line}: {what}")).collect();
    (reader.settings, errors)
}

struct Reader<'a> {
    text: &'a str,
    settings: Settings,
    /// Line and what is wrong there.
    errors: Vec<(usize, String)>,
}

type Key<'i> = Spanned<std::borrow::Cow<'i, str>>;

impl Reader<'_> {
    fn root(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if name == TAGS {
                self.tags(value);
            } else if name == POLICY {
                self.policy(table, value);
            } else if name == CLUSTERS {
                self.clusters(table, value);
            } else if let Some((section, keys)) = SECTIONS.iter().find(|(section, _)| *section == name) {
                self.section(section, keys, value);
            } else if let Some((_, take)) = ROOT.iter().find(|(known, _)| *known == name) {
                self.take(*take, name, value);
            } else {
                self.unknown("", key);
            }
        }
    }

    fn section(&mut self, section: &str, keys: &[(&str, Take)], value: &Spanned<DeValue<'_>>) {
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(section, value, &format!("write it as a section, [{section}]"));
        };
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            match keys.iter().find(|(known, _)| *known == name) {
                Some((_, take)) => self.take(*take, &format!("{section}.{name}"), value),
                None => self.unknown(&format!("{section}."), key),
            }
        }
    }

    /// Each is read as `[cluster]` is, into a cluster of its own.
    fn clusters(&mut self, root: &DeTable<'_>, value: &Spanned<DeValue<'_>>) {
        let DeValue::Array(list) = value.get_ref() else {
            return self.wrong(CLUSTERS, value, "write each cluster as a section of its own, [[clusters]]");
        };
        if root.contains_key("cluster") {
            let line = self.line(value.span());
            return self.errors.push((line, clusters::BOTH.to_owned()));
        }
        for entry in list {
            let before = std::mem::take(&mut self.settings.cluster);
            self.section(CLUSTERS, CLUSTER, entry);
            let read = std::mem::replace(&mut self.settings.cluster, before);
            if let Err(what) = clusters::fits(&read, &self.settings.clusters) {
                let line = self.line(entry.span());
                self.errors.push((line, what));
            }
            self.settings.clusters.push(read);
        }
    }

    fn tags(&mut self, value: &Spanned<DeValue<'_>>) {
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong(TAGS, value, "write it as a section, [tags]");
        };
        if table.len() > MAX_TAGS {
            self.wrong(TAGS, value, &format!("use up to {MAX_TAGS} tags"));
        }
        for (key, value) in table {
            let key = key.get_ref().as_ref();
            match text(value.get_ref()).and_then(|text| check::tag(key, text).map(|()| text)) {
                Ok(text) => {
                    self.settings.tags.insert(key.to_owned(), text.to_owned());
                }
                Err(what) => self.wrong(&format!("{TAGS}.{key}"), value, &what),
            }
        }
    }

    fn policy(&mut self, root: &DeTable<'_>, section: &Spanned<DeValue<'_>>) {
        match policy::read(root, section) {
            Ok(read) => self.settings.policy = Some(read),
            Err(wrong) => {
                for (span, key, what) in wrong {
                    let line = self.line(span);
                    self.errors.push((line, format!("{key}: {what}")));
                }
            }
        }
    }

    fn take(&mut self, take: Take, name: &str, value: &Spanned<DeValue<'_>>) {
        if let Err(what) = take(&mut self.settings, value.get_ref()) {
            self.wrong(name, value, &what);
        }
    }

    fn wrong(&mut self, name: &str, value: &Spanned<DeValue<'_>>, what: &str) {
        let line = self.line(value.span());
        let written = self.text.get(value.span()).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let shown: String = written.chars().take(80).collect();
        let cut = if shown.len() < written.len() { "…" } else { "" };
        self.errors.push((line, format!("{name} = {shown}{cut}: {what}")));
    }

    fn unknown(&mut self, section: &str, key: &Key<'_>) {
        let line = self.line(key.span());
        let name = key.get_ref();
        let way_out = nearest(section, name);
        self.errors.push((line, format!("the key {section}{name} is not known: {way_out}")));
    }

    fn line(&self, span: Range<usize>) -> usize {
        self.text.get(..span.start).map_or(1, |before| before.matches('\n').count() + 1)
    }
}

/// The known key that an unknown one most likely means: the same word in another section, or a similar one.
fn nearest(section: &str, name: &str) -> String {
    let written = format!("{section}{name}");
    let known = all_keys();
    let same_word = known.iter().find(|key| key.rsplit('.').next() == Some(name));
    let similar = || {
        let distance = |key: &&String| strsim::damerau_levenshtein(key, &written);
        known.iter().min_by_key(distance).filter(|key| distance(key) <= written.len().div_ceil(3))
    };
    match same_word.or_else(similar) {
        Some(key) => match key.split_once('.') {
            Some((CLUSTERS, key)) => format!("did you mean {key} in the section [[{CLUSTERS}]]?"),
            Some((section, key)) => format!("did you mean {key} in the section [{section}]?"),
            None if section.is_empty() => format!("did you mean {key}?"),
            None => format!("did you mean {key}, before the first section?"),
        },
        None => format!("use one of {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// Every key that the file may hold, `section.key` inside a section.
fn all_keys() -> BTreeSet<String> {
    let root = ROOT.iter().map(|(key, _)| (*key).to_owned());
    let sections = SECTIONS.iter().flat_map(|(section, keys)| {
        std::iter::once((*section).to_owned()).chain(keys.iter().map(move |(key, _)| format!("{section}.{key}")))
    });
    let clusters = CLUSTER.iter().map(|(key, _)| format!("{CLUSTERS}.{key}"));
    let whole = [TAGS, POLICY, CLUSTERS].map(str::to_owned);
    root.chain(sections).chain(clusters).chain(whole).collect()
}

fn text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, String> {
    match value {
        DeValue::String(text) => Ok(text),
        _ => Err(format!("use a string in quotes, not {}", kind(value))),
    }
}

fn put(target: &mut Option<String>, value: &DeValue<'_>, check: fn(&str) -> Result<(), String>) -> Result<(), String> {
    let text = text(value)?;
    check(text)?;
    *target = Some(text.to_owned());
    Ok(())
}

fn list(target: &mut Vec<String>, value: &DeValue<'_>, check: fn(&str) -> Result<(), String>) -> Result<(), String> {
    let DeValue::Array(items) = value else {
        return Err(format!("use a list of strings, not {}", kind(value)));
    };
    let mut texts: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        let text = text(item.get_ref())?;
        check(text).map_err(|what| format!("\"{text}\": {what}"))?;
        if texts.iter().any(|known| known == text) {
            return Err(format!("\"{text}\" stands twice: leave one out"));
        }
        texts.push(text.to_owned());
    }
    *target = texts;
    Ok(())
}

fn number(value: &DeValue<'_>, check: fn(u32) -> Result<(), String>) -> Result<u32, String> {
    let DeValue::Integer(integer) = value else {
        return Err(format!("use a whole number, not {}", kind(value)));
    };
    // What does not fit is outside of every rule; the rule then says what fits.
    let number = u32::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(u32::MAX);
    check(number)?;
    Ok(number)
}

fn boolean(value: &DeValue<'_>) -> Result<bool, String> {
    match value {
        DeValue::Boolean(holds) => Ok(*holds),
        _ => Err(format!("use true or false, without quotes, not {}", kind(value))),
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
