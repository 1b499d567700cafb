//! Figures as a table with their targets. Times differ from machine to machine and hour to hour; ratios of one run hold.

use std::fmt::Write;
use std::time::Duration;

use crate::measure::{Figures, Pair, Samples};

/// One line.
struct Row {
    what: &'static str,
    webhook: String,
    floor: String,
    /// What is held against the target: a ratio or the figure itself, in the target's unit.
    value: Option<f64>,
    target: Option<Target>,
}

/// The most it may be.
struct Target {
    most: f64,
    unit: &'static str,
}

/// Markdown. A target that was missed says so.
pub(crate) fn markdown(figures: &Figures) -> String {
    let mut text = String::from("| | webhook | against | ratio | target |\n|---|---|---|---|---|\n");
    for row in rows(figures) {
        let ratio = row.value.filter(|_| !row.floor.is_empty()).map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let target = row.target.as_ref().map_or(String::new(), |target| {
            let missed = row.value.is_some_and(|value| value > target.most);
            format!("≤ {}{}{}", target.most, target.unit, if missed { ", **missed**" } else { "" })
        });
        let _ = writeln!(text, "| {} | {} | {} | {ratio} | {target} |", row.what, row.webhook, row.floor);
    }
    text
}

fn rows(figures: &Figures) -> Vec<Row> {
    let Figures { size, init, first, first_cpu, first_small, cached, cached_ten, enormous, near, far, resident } =
        figures;
    vec![
        absolute("binary", mebibytes(size.0), "MiB", 5.0),
        absolute("resident memory, warm", mebibytes(resident.0), "MiB", 8.0),
        ratio("init to first poll", init, 50, Some(2.0)),
        ratio("first request", first, 50, Some(3.0)),
        absolute("processor time of the first request", millis(first_cpu.median()), "ms", 1.4),
        small(first_small),
        ratio("warm, facts cached, p50", cached, 50, Some(1.25)),
        ratio("warm, facts cached, p99", cached, 99, Some(1.5)),
        ratio("the same, 10 images, p50", cached_ten, 50, None),
        ratio("300 KB Pod, p50", enormous, 50, None),
        ratio_of("300 KB Pod against 8 KB, p50", &enormous.webhook, &cached.webhook, 50, Some(3.0)),
        ratio_of("the same of the floor", &enormous.floor, &cached.floor, 50, None),
        ratio("nothing cached, ECR at 0 ms, 1 image", &near[0], 50, None),
        ratio("nothing cached, ECR at 0 ms, 10 images", &near[1], 50, None),
        ratio("nothing cached, ECR at 20 ms, 1 image", &far[0], 50, Some(1.1)),
        ratio("nothing cached, ECR at 20 ms, 10 images", &far[1], 50, Some(1.1)),
    ]
}

/// The first request with little of a processor.
fn small(first: &Samples) -> Row {
    let what = "first request at the processor share of 128 MB";
    if first.is_empty() {
        return Row { what, webhook: "not measured".to_owned(), floor: String::new(), value: None, target: None };
    }
    absolute(what, millis(first.median()), "ms", 3.0)
}

fn ratio(what: &'static str, pair: &Pair, percent: usize, most: Option<f64>) -> Row {
    ratio_of(what, &pair.webhook, &pair.floor, percent, most)
}

fn ratio_of(what: &'static str, one: &Samples, other: &Samples, percent: usize, most: Option<f64>) -> Row {
    let (one, other) = (one.percentile(percent), other.percentile(percent));
    Row {
        what,
        webhook: time(one),
        floor: time(other),
        value: Some(one.as_secs_f64() / other.as_secs_f64()),
        target: most.map(|most| Target { most, unit: "×" }),
    }
}

fn absolute(what: &'static str, value: f64, unit: &'static str, most: f64) -> Row {
    Row {
        what,
        webhook: format!("{value:.1} {unit}"),
        floor: String::new(),
        value: Some(value),
        target: Some(Target { most, unit: if unit == "ms" { " ms" } else { " MiB" } }),
    }
}

fn time(duration: Duration) -> String {
    if duration < Duration::from_millis(1) {
        format!("{} µs", duration.as_micros())
    } else {
        format!("{:.1} ms", millis(duration))
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[allow(clippy::cast_precision_loss, reason = "sizes of binaries and processes are far below 2^52 bytes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1024.0 * 1024.0)
}
