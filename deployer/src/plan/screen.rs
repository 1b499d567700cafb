//! The plan as a person sees it: one screen, `+ ~ - ±`, and behind `!` what must not be missed.

use std::fmt;

use super::{Layer, Plan, Touched, WebhookLayer};
use crate::stack::change::{PropertyChange, ResourceChange};

/// Longer values are cut: whoever wants all of them asks for JSON.
const WIDTH: usize = 72;

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "AWS:       {}", self.place)?;
        writeln!(out, "as:        {}", self.identity)?;
        writeln!(out, "function:  {}", self.function)?;
        if let Some(policy) = &self.policy {
            writeln!(out, "policy:    {policy}")?;
        }
        if let Some(bootstrap) = &self.bootstrap {
            layer(out, "bootstrap: ", bootstrap)?;
        }
        layer(out, "stack:     ", &self.stack)?;
        self.webhooks.iter().try_for_each(|webhook| write!(out, "{webhook}"))?;
        let all: Vec<char> = self.marks().collect();
        if !self.changes {
            return write!(out, "no changes");
        }
        let count = |mark| all.iter().filter(|one| **one == mark).count();
        let counted = [('+', "to add"), ('~', "to change"), ('±', "to replace"), ('-', "to delete")]
            .map(|(mark, what)| format!("{} {what}", count(mark)));
        write!(out, "resources: {}", counted.join(", "))
    }
}

impl Plan {
    fn marks(&self) -> impl Iterator<Item = char> {
        let layers = self.bootstrap.iter().chain([&self.stack]);
        layers.flat_map(|layer| layer.resources.iter().map(|touched| touched.change.action.mark()))
    }
}

fn layer(out: &mut fmt::Formatter<'_>, title: &str, layer: &Layer) -> fmt::Result {
    writeln!(out, "{title}{}: {}", layer.name, layer.intention)?;
    for Touched { change, means } in &layer.values {
        value(out, "  ", change)?;
        warnings(out, means)?;
    }
    for touched in &layer.resources {
        resource(out, touched)?;
    }
    Ok(())
}

fn resource(out: &mut fmt::Formatter<'_>, touched: &Touched<ResourceChange>) -> fmt::Result {
    let Touched { change, means } = touched;
    writeln!(out, "  {} {:<28} {}", change.action.mark(), change.logical_id, change.resource_type)?;
    warnings(out, means)?;
    for property in &change.properties {
        value(out, "      ", property)?;
    }
    Ok(())
}

impl fmt::Display for WebhookLayer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "webhook:   {} in the context {} ({}): {}, failurePolicy {}",
            self.name, self.context, self.server, self.intention, self.failure_policy
        )?;
        for field in &self.fields {
            value(out, "  ", field)?;
        }
        Ok(())
    }
}

fn warnings(out: &mut fmt::Formatter<'_>, means: &[String]) -> fmt::Result {
    for sentence in means {
        writeln!(out, "      ! {sentence}")?;
    }
    Ok(())
}

fn value(out: &mut fmt::Formatter<'_>, indent: &str, change: &PropertyChange) -> fmt::Result {
    let path = &change.path;
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => write!(out, "{indent}~ {path}: {} → {}", short(before), short(after))?,
        (None, Some(after)) => write!(out, "{indent}+ {path}: {}", short(after))?,
        (Some(before), None) => write!(out, "{indent}- {path}: {}", short(before))?,
        (None, None) => write!(out, "{indent}~ {path}")?,
    }
    if let Some(because) = &change.because {
        write!(out, " (by {because})")?;
    }
    if change.replaces {
        write!(out, " (this replaces it)")?;
    }
    writeln!(out)
}

/// In quotes, on one line, and not longer than a line.
fn short(value: &str) -> String {
    let line = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= WIDTH {
        return format!("\"{line}\"");
    }
    // The end of a key or an ARN is what differs most often.
    let head: String = line.chars().take(WIDTH / 2).collect();
    let tail: Vec<char> = line.chars().rev().take(WIDTH / 2 - 1).collect();
    format!("\"{head}…{}\"", tail.into_iter().rev().collect::<String>())
}
