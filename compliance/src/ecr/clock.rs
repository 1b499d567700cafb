//! The time by which facts age: injected, so that tests set it.
//!
//! A function that is frozen between two requests may find that its monotonic clock stood still meanwhile, and a wall
//! clock can be set back. Neither may make an old fact look fresh, so both are read and the larger difference counts.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// A point in time on two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since some start; never goes back.
    pub monotonic: Duration,
    /// Since the Unix epoch; may be set back.
    pub wall: Duration,
}

impl Moment {
    /// Time since `earlier`, by the clock that says more.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.monotonic.saturating_sub(earlier.monotonic).max(self.wall.saturating_sub(earlier.wall))
    }
}

/// Tells the time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> Moment;
}

/// The clocks of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Moment { monotonic: self.start.elapsed(), wall }
    }
}

#[cfg(test)]
mod tests {
    use super::Moment;
    use std::time::Duration;

    #[test]
    fn neither_a_clock_that_stood_still_nor_one_set_back_makes_a_fact_younger() {
        let at =
            |monotonic, wall| Moment { monotonic: Duration::from_secs(monotonic), wall: Duration::from_secs(wall) };
        let cases = [
            ("both go on", at(70, 1070), 60),
            ("frozen with the function", at(10, 1600), 590),
            ("set back by an hour", at(70, 1010 - 900), 60),
        ];
        for (name, now, expected) in cases {
            assert_eq!(now.since(at(10, 1010)), Duration::from_secs(expected), "{name}");
        }
    }
}
