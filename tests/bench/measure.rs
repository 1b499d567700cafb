//! The scenarios. Webhook and floor take turns in small blocks, so that whatever else the machine does hits both.

use std::path::Path;
use std::time::Duration;

use crate::ecr::Ecr;
use crate::program::{Program, Running};
use crate::reviews::Reviews;
use crate::share::Share;
use crate::trouble::Result;

/// Processes started of each kind.
const STARTS: usize = 31;
/// Blocks of warm requests, and requests in each.
const BLOCKS: usize = 40;
const BLOCK: usize = 100;
/// Requests before any that count.
const WARM_UP: usize = 200;
/// Verdicts with nothing remembered.
const COLD: usize = 150;
/// The sizes of an ordinary and of an enormous Pod's review, in bytes.
const ORDINARY: usize = 8 * 1024;
const ENORMOUS: usize = 300 * 1024;
/// How far away ECR is.
const FAR: Duration = Duration::from_millis(20);

/// Many durations of one thing.
#[derive(Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    fn push(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    /// The duration that `percent` of them do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The middle one.
    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }
}

/// The same thing of the webhook and of what it is compared with.
#[derive(Default)]
pub(crate) struct Pair {
    pub(crate) webhook: Samples,
    pub(crate) floor: Samples,
}

/// Everything that is measured.
pub(crate) struct Figures {
    pub(crate) size: (u64, u64),
    pub(crate) init: Pair,
    pub(crate) first: Pair,
    /// Processor time of the webhook's first request.
    pub(crate) first_cpu: Samples,
    /// The webhook's first request with the processor share of 128 MB; empty where that cannot be had.
    pub(crate) first_small: Samples,
    pub(crate) cached: Pair,
    pub(crate) cached_ten: Pair,
    /// An enormous Pod, which the floor gets too.
    pub(crate) enormous: Pair,
    /// One image and ten, ECR near; the floor is a bare round trip.
    pub(crate) near: [Pair; 2],
    /// The same with ECR far away.
    pub(crate) far: [Pair; 2],
    pub(crate) resident: (u64, u64),
}

/// What it is measured with.
pub(crate) struct Bench<'a> {
    pub(crate) webhook: Program,
    pub(crate) floor: Program,
    pub(crate) ecr: &'a Ecr,
    pub(crate) reviews: Reviews,
    pub(crate) folder: &'a Path,
}

impl Bench<'_> {
    /// Measures everything; `tell` hears what comes next.
    pub(crate) fn run(&self, tell: &mut dyn FnMut(&str)) -> Result<Figures> {
        tell("starting both again and again");
        let (init, first, first_cpu) = self.starts()?;
        let first_small = self.small_starts()?;
        let (webhook, floor) = (self.start(&self.webhook)?, self.start(&self.floor)?);
        tell("warm requests, facts cached");
        let cached = turns(&webhook, &floor, &self.ordinary(1), &self.ordinary(1))?;
        let cached_ten = turns(&webhook, &floor, &self.ordinary(10), &self.ordinary(10))?;
        let resident = (webhook.resident()?, floor.resident()?);
        tell("enormous Pods");
        let event = self.reviews.event(&names("team/app", 1), ENORMOUS);
        let enormous = turns(&webhook, &floor, &event, &event)?;
        tell("verdicts that ask ECR");
        let near = [self.asking(&webhook, 1, Duration::ZERO)?, self.asking(&webhook, 10, Duration::ZERO)?];
        let far = [self.asking(&webhook, 1, FAR)?, self.asking(&webhook, 10, FAR)?];
        let size = (self.webhook.size()?, self.floor.size()?);
        Ok(Figures { size, init, first, first_cpu, first_small, cached, cached_ten, enormous, near, far, resident })
    }

    fn start(&self, program: &Program) -> Result<Running> {
        program.start(self.ecr, self.folder)
    }

    fn ordinary(&self, images: usize) -> Vec<u8> {
        self.reviews.event(&names("team/app", images), ORDINARY)
    }

    fn starts(&self) -> Result<(Pair, Pair, Samples)> {
        let (mut init, mut first, mut cpu) = (Pair::default(), Pair::default(), Samples::default());
        let event = self.ordinary(1);
        for _ in 0..STARTS {
            let floor = self.start(&self.floor)?;
            init.floor.push(floor.init);
            first.floor.push(floor.invoke(&event)?.took);
            let webhook = self.start(&self.webhook)?;
            let before = webhook.cpu()?;
            init.webhook.push(webhook.init);
            first.webhook.push(judge(&webhook, &event)?);
            cpu.push(webhook.cpu()?.saturating_sub(before));
        }
        Ok((init, first, cpu))
    }

    /// As on Lambda, init is not throttled and the first request is.
    fn small_starts(&self) -> Result<Samples> {
        let mut first = Samples::default();
        let event = self.ordinary(1);
        for _ in 0..STARTS {
            // Declared first, so that it ends last: a group can be removed only when nobody is in it.
            let Some(share) = Share::open() else { break };
            let webhook = self.start(&self.webhook)?;
            if !share.take(webhook.id()) {
                break;
            }
            first.push(judge(&webhook, &event)?);
        }
        Ok(first)
    }

    /// Verdicts about repositories never heard of, beside bare round trips.
    fn asking(&self, webhook: &Running, images: usize, delay: Duration) -> Result<Pair> {
        let mut direct = self.ecr.connect()?;
        direct.round_trip()?;
        self.ecr.set_delay(delay);
        let mut pair = Pair::default();
        for round in 0..COLD {
            let names = names(&format!("cold-{}-{images}-{round}/app", delay.as_millis()), images);
            let event = self.reviews.event(&names, ORDINARY);
            pair.webhook.push(judge(webhook, &event)?);
            pair.floor.push(direct.round_trip()?);
        }
        self.ecr.set_delay(Duration::ZERO);
        Ok(pair)
    }
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|at| format!("{prefix}-{at}")).collect()
}

/// `webhook` gets one event, `other` another, in turns.
fn turns(webhook: &Running, other: &Running, event: &[u8], others: &[u8]) -> Result<Pair> {
    for _ in 0..WARM_UP {
        judge(webhook, event)?;
        other.invoke(others)?;
    }
    let mut pair = Pair::default();
    for _ in 0..BLOCKS {
        for _ in 0..BLOCK {
            pair.webhook.push(judge(webhook, event)?);
        }
        for _ in 0..BLOCK {
            pair.floor.push(other.invoke(others)?.took);
        }
    }
    Ok(pair)
}

/// A figure counts only if the verdict behind it is right.
fn judge(webhook: &Running, event: &[u8]) -> Result<Duration> {
    let answer = webhook.invoke(event)?;
    let text = String::from_utf8_lossy(&answer.body);
    if text.contains(r#"\"allowed\":true"#) {
        Ok(answer.took)
    } else {
        Err(format!("a compliant Pod was refused: {text}"))
    }
}
