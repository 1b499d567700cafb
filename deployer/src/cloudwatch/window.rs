//! A stretch of time up to now, cut into steps: what is added up, and what a bar of a sparkline stands for.
//!
//! Pure: a moment is handed in.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatch::primitives::{DateTime, DateTimeFormat};
use serde::Serialize;

/// Steps to choose from, in seconds.
const STEPS: [i64; 7] = [60, 300, 900, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600];
/// More bars than these are no picture but a carpet.
const MOST_SLOTS: i64 = 30;
const DAY: i64 = 24 * 3600;

/// From when to when, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// The first second.
    pub from: i64,
    /// The second after the last.
    pub to: i64,
    /// Length of a step.
    pub step: i64,
}

impl Window {
    /// The last `length` before `now`. Both ends stand on what `CloudWatch` keeps: a minute, of older data five minutes or
    /// an hour (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>, `StartTime`).
    #[must_use]
    pub fn last(length: Duration, now: SystemTime) -> Self {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let length = i64::try_from(length.as_secs()).unwrap_or(i64::MAX).max(60);
        let to = i64::try_from(now.div_ceil(60) * 60).unwrap_or(i64::MAX);
        let grain = match length / DAY {
            ..15 => 60,
            15..63 => 300,
            63.. => 3600,
        };
        let from = to.saturating_sub(length).max(0) / grain * grain;
        let step = STEPS.into_iter().find(|step| (to - from) / step <= MOST_SLOTS).unwrap_or(STEPS[STEPS.len() - 1]);
        Self { from, to, step: step.max(grain) }
    }

    /// How many steps there are; the last may be shorter.
    #[must_use]
    pub fn slots(&self) -> usize {
        usize::try_from((self.to - self.from + self.step - 1) / self.step).unwrap_or_default()
    }

    /// The step in which a moment is. One before the beginning is in the first: some periods begin there.
    #[must_use]
    pub fn slot(&self, at: i64) -> usize {
        let slot = usize::try_from((at - self.from) / self.step).unwrap_or_default();
        slot.min(self.slots().saturating_sub(1))
    }

    /// The whole of it as one period, which has to be a multiple of a minute (an hour, of old data).
    #[must_use]
    pub fn whole(&self) -> i64 {
        let grain = if self.to - self.from >= 63 * DAY { 3600 } else { 300.min(self.step) };
        (self.to - self.from + grain - 1) / grain * grain
    }

    /// `2026-11-24 18:25 to 19:25 UTC, a bar is 5 min`.
    #[must_use]
    pub fn words(&self) -> String {
        let (from, to) = (moment(self.from), moment(self.to));
        let to = if from.get(..10) == to.get(..10) { to.get(11..).unwrap_or(&to).to_owned() } else { to };
        let bar = match self.step {
            step if step % DAY == 0 => format!("{} d", step / DAY),
            step if step % 3600 == 0 => format!("{} h", step / 3600),
            step => format!("{} min", step / 60),
        };
        format!("{from} to {to} UTC, a bar is {bar}")
    }
}

/// `2026-11-24 18:25`, in UTC.
#[must_use]
pub fn moment(seconds: i64) -> String {
    let text = DateTime::from_secs(seconds).fmt(DateTimeFormat::DateTime).unwrap_or_default();
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

/// One character a step: its height is the value's share of the highest. No data is a dot, which is not the bar of zero.
#[must_use]
pub fn sparkline(points: &[Option<f64>]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let highest = points.iter().flatten().copied().fold(0.0_f64, f64::max);
    let bar = |value: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share between 0 and 1")]
        let height = if highest > 0.0 { (value / highest * 7.0).ceil() as usize } else { 0 };
        BARS[height.min(7)]
    };
    points.iter().map(|point| point.map_or('·', bar)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(seconds: u64) -> Window {
        // 2026-11-24 19:24:05 UTC.
        Window::last(Duration::from_secs(seconds), UNIX_EPOCH + Duration::from_secs(1_795_548_245))
    }

    #[test]
    fn a_window_ends_with_this_minute_and_has_a_readable_number_of_steps() {
        for (name, seconds, step, slots) in [
            ("less than a minute", 1, 60, 1),
            ("a quarter of an hour", 900, 60, 15),
            ("an hour", 3600, 300, 12),
            ("a day", 86_400, 3600, 24),
            ("a week", 7 * 86_400, 6 * 3600, 28),
            ("a month", 30 * 86_400, 86_400, 30),
            ("a year", 365 * 86_400, 7 * 86_400, 53),
        ] {
            let window = last(seconds);
            assert_eq!(window.to, 1_795_548_300, "{name}");
            assert_eq!((window.step, window.slots()), (step, slots), "{name}");
            assert!(window.to - window.from >= i64::try_from(seconds).unwrap(), "{name}");
            assert_eq!(window.whole() % 60, 0, "{name}");
        }
    }

    #[test]
    fn a_moment_is_in_the_step_that_holds_it() {
        let window = last(3600);
        let cases = [(window.from, 0), (window.from + 299, 0), (window.from + 300, 1), (window.to - 1, 11)];
        for (at, slot) in cases.into_iter().chain([(window.from - 200, 0), (window.to + 900, 11)]) {
            assert_eq!(window.slot(at), slot, "{at}");
        }
    }

    #[test]
    fn its_words_name_the_day_once_where_there_is_one() {
        assert_eq!(last(3600).words(), "2026-11-24 18:25 to 19:25 UTC, a bar is 5 min");
        assert_eq!(last(86_400).words(), "2026-11-23 19:25 to 2026-11-24 19:25 UTC, a bar is 1 h");
    }

    #[test]
    fn no_data_is_not_drawn_as_zero() {
        assert_eq!(sparkline(&[None, Some(0.0), Some(1.0), Some(50.0), Some(100.0)]), "·▁▂▅█");
        assert_eq!(sparkline(&[Some(0.0), None]), "▁·");
    }
}
