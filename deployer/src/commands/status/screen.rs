//! How the status looks to people: one part below the other, its name to the left, what needs attention at the end.

use std::fmt;

use super::{Part, Status};
use crate::{
    cloudwatch::alarms::{Alarm, State},
    cost::Cost,
};

/// Width of the names to the left.
const MARGIN: usize = 11;
/// So many exemptions are listed.
const MOST_EXEMPTIONS: usize = 10;

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let region = self.region.as_deref().unwrap_or("no region");
        write!(out, "{} in {region}, {}", self.stack_name, self.at)?;
        part(out, "stack", &words(&self.stack))?;
        let drift = self.stack.known().and_then(|stack| stack.drift.as_ref());
        drift.iter().try_for_each(|drift| part(out, "drift", &drift.to_string()))?;
        self.webhooks.iter().try_for_each(|webhook| part(out, "webhook", &words(webhook)))?;
        part(out, "decisions", &words(&self.decisions))?;
        part(out, "cost", &words_of(&self.cost, Cost::summary))?;
        part(out, "alarms", &words_of(&self.alarms, |alarms| alarm_words(alarms)))?;
        part(out, "exemptions", &self.exemption_words())?;
        let nothing = if self.unknown.is_empty() { "nothing needs it" } else { "nothing that is known needs it" };
        part(out, "attention", &list_or(&self.attention, nothing))?;
        if !self.unknown.is_empty() {
            part(out, "not known", &self.unknown.join("\n"))?;
        }
        Ok(())
    }
}

impl Status {
    fn exemption_words(&self) -> String {
        let mut lines: Vec<String> = self.exemptions.iter().take(MOST_EXEMPTIONS).map(ToString::to_string).collect();
        let more = self.exemptions.len().saturating_sub(MOST_EXEMPTIONS);
        if more > 0 {
            lines.push(format!("and {more} more, which end later"));
        }
        list_or(&lines, "none in the settings")
    }
}

fn words<T: fmt::Display>(part: &Part<T>) -> String {
    words_of(part, ToString::to_string)
}

fn words_of<T>(part: &Part<T>, of: impl Fn(&T) -> String) -> String {
    match part {
        Part::Known(known) => of(known),
        Part::Unknown { unknown, hint: Some(hint) } => format!("could not be told: {unknown}\ndo: {hint}"),
        Part::Unknown { unknown, hint: None } | Part::Follows { unknown } => format!("could not be told: {unknown}"),
    }
}

fn alarm_words(alarms: &[Alarm]) -> String {
    let loud: Vec<String> = alarms.iter().filter(|alarm| alarm.state != State::Ok).map(ToString::to_string).collect();
    match (alarms, loud.as_slice()) {
        ([], _) => "the stack has none".to_owned(),
        (all, []) => format!("all {} are OK", all.len()),
        (all, loud) => format!("{}\nthe other {} are OK", loud.join("\n"), all.len() - loud.len()),
    }
}

fn list_or(list: &[String], nothing: &str) -> String {
    if list.is_empty() { nothing.to_owned() } else { list.join("\n") }
}

fn part(out: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    for (at, line) in text.lines().enumerate() {
        let name = if at == 0 { name } else { "" };
        let gap = if at == 0 { "\n" } else { "" };
        write!(out, "{gap}\n{}", format!("{name:<MARGIN$} {line}").trim_end())?;
    }
    Ok(())
}
