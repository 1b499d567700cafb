//! What a deployment costs in a month, as an estimate: amounts times list prices. Pure.
//!
//! The one table of prices. They are those of us-east-1 without free tiers; a test holds `docs/operating.md` to them.

use std::fmt;

use serde::Serialize;

use crate::{
    cloudwatch::{usage::Usage, window::Window},
    settings::{Alarms, Architecture, Settings},
};

/// When they were looked up.
pub const AS_OF: &str = "November 2026";
/// AWS's month: 730 hours.
const MONTH_SECONDS: f64 = 730.0 * 3600.0;
/// Metrics of a cluster that asks in each hour; `WrongCaller` and `RetryAsked` are rare.
const METRICS_OF_CLUSTER: usize = 11;
/// `Deny` over all clusters.
const METRICS_OVER_ALL: usize = 1;

/// A list price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// US dollars for so many.
    pub dollars: f64,
    /// So many.
    pub many: f64,
    /// As the document says it, the dollars first.
    pub words: &'static str,
}

const CALLS: Price = Price { dollars: 1.00, many: 1e6, words: "$1.00 a million calls of the API" };
const REQUESTS: Price = Price { dollars: 0.20, many: 1e6, words: "$0.20 a million requests of the function" };
const TIME_ARM: Price = Price { dollars: 0.000_013_333_4, many: 1.0, words: "$0.0000133334 a GB-second on arm64" };
const TIME_X86: Price = Price { dollars: 0.000_016_666_7, many: 1.0, words: "$0.0000166667 on x86_64" };
const KEPT_ARM: Price = Price { dollars: 0.000_003_333_4, many: 1.0, words: "$0.0000033334 a GB-second kept on arm64" };
const KEPT_X86: Price = Price { dollars: 0.000_004_166_7, many: 1.0, words: "$0.0000041667 kept on x86_64" };
const LOG: Price = Price { dollars: 0.50, many: 1e9, words: "$0.50 a GB of log" };
const METRIC: Price = Price { dollars: 0.30, many: 1.0, words: "$0.30 each" };
const ALARM: Price = Price { dollars: 0.10, many: 1.0, words: "$0.10 for each metric that one watches" };
const DASHBOARD: Price = Price { dollars: 3.00, many: 1.0, words: "$3.00" };

/// All of them.
pub const PRICES: &[Price] = &[CALLS, REQUESTS, TIME_ARM, TIME_X86, KEPT_ARM, KEPT_X86, LOG, METRIC, ALARM, DASHBOARD];

/// One thing that is billed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// What.
    pub what: &'static str,
    /// So many a month; `None`: there is no data.
    pub amount: Option<f64>,
    /// US dollars a month; `None`: there is no data.
    pub dollars: Option<f64>,
}

/// What a month costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    /// `list prices of us-east-1, November 2026, no free tier`.
    pub prices: String,
    /// One by one.
    pub items: Vec<Item>,
    /// US dollars of all for which there is data.
    pub dollars: f64,
    /// Whether there is data for all of them.
    pub complete: bool,
}

impl Cost {
    /// Of what the settings say and what was used in a window, as if every such stretch of the month were like it.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "seconds of some years, and a few metrics")]
    pub fn of(settings: &Settings, usage: &Usage, window: &Window) -> Self {
        let months = MONTH_SECONDS / (window.to - window.from).max(1) as f64;
        let a_month = |amount: Option<f64>| amount.map(|amount| amount * months);
        let gigabytes = f64::from(settings.memory_mib) / 1024.0;
        let is_arm = settings.architecture == Some(Architecture::Arm64);
        let (time, kept) = if is_arm { (TIME_ARM, KEPT_ARM) } else { (TIME_X86, KEPT_X86) };
        let metrics = match usage.clusters {
            0 => 0,
            clusters => clusters * METRICS_OF_CLUSTER + METRICS_OVER_ALL,
        };
        let watched = watched(&settings.alarms, usage.clusters);
        let seconds = usage.milliseconds.map(|milliseconds| milliseconds / 1000.0 * gigabytes);
        let provisioned = settings.provisioned_concurrency.unwrap_or_default();
        let mut items = vec![
            item("calls of the API", a_month(usage.calls), CALLS),
            item("requests of the function", a_month(usage.requests), REQUESTS),
            item("time of the function, GB-s", a_month(seconds), time),
            item("log, bytes", a_month(usage.log_bytes), LOG),
            item("metrics of the clusters", Some(metrics as f64), METRIC),
            item("metrics that alarms watch", Some(watched as f64), ALARM),
            item("dashboards", Some(f64::from(u8::from(settings.dashboard))), DASHBOARD),
        ];
        if provisioned > 0 {
            items.push(item("kept started, GB-s", Some(f64::from(provisioned) * gigabytes * MONTH_SECONDS), kept));
        }
        Self {
            prices: format!("list prices of us-east-1, {AS_OF}, no free tier"),
            dollars: items.iter().filter_map(|item| item.dollars).sum(),
            complete: items.iter().all(|item| item.dollars.is_some()),
            items,
        }
    }
}

fn item(what: &'static str, amount: Option<f64>, price: Price) -> Item {
    Item { what, amount, dollars: amount.map(|amount| amount / price.many * price.dollars) }
}

/// How many metrics the alarms watch: one each; two where they divide; and of a query, one for each value of its dimension.
fn watched(alarms: &Alarms, clusters: usize) -> usize {
    if !alarms.enabled {
        return 0;
    }
    let of_aws = ["function-errors", "function-throttles", "api-5xx", "api-4xx", "api-latency"].len();
    let silence = usize::from(alarms.silence_hours > 0);
    let denials = 2 * usize::from(alarms.denials > 0);
    let strangers = 1;
    of_aws + silence + denials + strangers + clusters
}

impl Cost {
    /// In a few lines: `about $7.61 a month at the rate of …`, and what that leaves out.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self { prices, dollars, .. } = self;
        let missing: Vec<&str> =
            self.items.iter().filter(|item| item.dollars.is_none()).map(|item| item.what).collect();
        let missing =
            if missing.is_empty() { String::new() } else { format!("\nno data, so not in it: {}", missing.join("; ")) };
        format!("about ${dollars:.2} a month at the rate of the last day, an estimate\n({prices}){missing}")
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cost a month at this rate, an estimate\n({})", self.prices)?;
        for Item { what, amount, dollars } in &self.items {
            write!(out, "\n  {what:<27}")?;
            match (amount, dollars) {
                (Some(amount), Some(dollars)) => write!(out, "{amount:>14.0}{:>11}", format!("${dollars:.2}"))?,
                _ => write!(out, "{:>14}", "no data")?,
            }
        }
        let together = if self.complete { "together" } else { "together, without what has no data" };
        write!(out, "\n  {together:<41}{:>11}", format!("${:.2}", self.dollars))
    }
}

#[cfg(test)]
#[path = "cost_tests.rs"]
mod tests;
