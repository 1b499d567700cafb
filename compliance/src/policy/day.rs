//! Days of the calendar, in UTC: enough to know whether an exemption has ended and in how many days it will.
//!
//! This file must not look at a clock: a moment is handed in.

use std::fmt;
use std::time::SystemTime;

const SECONDS: u64 = 24 * 60 * 60;
/// Days of a common year before each month.
const BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

/// A day, counted from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    /// The day of a moment.
    #[must_use]
    pub fn of(at: SystemTime) -> Self {
        let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        Self(i64::try_from(seconds / SECONDS).unwrap_or(i64::MAX))
    }

    /// Reads `2026-12-31`, of a year from 2000 on. `None` for everything else, also for days no calendar has.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |piece: &str, length: usize| {
            let good = piece.len() == length && piece.bytes().all(|byte| byte.is_ascii_digit());
            if good { piece.parse::<i64>().ok() } else { None }
        };
        let mut pieces = text.split('-');
        let (year, month, day) = (pieces.next()?, pieces.next()?, pieces.next()?);
        let (year, month, day) = (digits(year, 4)?, digits(month, 2)?, digits(day, 2)?);
        let exists = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
        (pieces.next().is_none() && year >= 2000 && exists)
            .then(|| Self(before_year(year) + before_month(year, month) + day - 1))
    }

    /// How many days it is from this day to `other`; negative when that has passed.
    #[must_use]
    pub const fn until(self, other: Self) -> i64 {
        other.0.saturating_sub(self.0)
    }

    /// The day that many days later.
    #[must_use]
    pub fn plus(self, days: u32) -> Self {
        Self(self.0.saturating_add(i64::from(days)))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Years are at least 365 days long, so this begins at or after the right one.
        let mut year = 1970 + self.0 / 365;
        while before_year(year) > self.0 {
            year -= 1;
        }
        let rest = self.0 - before_year(year);
        let month = (1..=12).rev().find(|month| before_month(year, *month) <= rest).unwrap_or(1);
        write!(f, "{year:04}-{month:02}-{:02}", rest - before_month(year, month) + 1)
    }
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    let end = if month == 12 { 365 + i64::from(is_leap(year)) } else { before_month(year, month + 1) };
    end - before_month(year, month)
}

/// Days of that year before the month, 1 to 12.
fn before_month(year: i64, month: i64) -> i64 {
    let index = usize::try_from(month - 1).unwrap_or_default();
    BEFORE_MONTH.get(index).copied().unwrap_or_default() + i64::from(month > 2 && is_leap(year))
}

const fn before_year(year: i64) -> i64 {
    365 * (year - 1970) + leap_years_before(year) - leap_years_before(1970)
}

const fn leap_years_before(year: i64) -> i64 {
    let last = year - 1;
    last / 4 - last / 100 + last / 400
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::Day;

    #[test]
    fn a_day_is_read_and_printed_and_counted_from_the_epoch() {
        let cases = [("2000-01-01", 10_957), ("2024-02-29", 19_782), ("2026-11-24", 20_781), ("2100-03-01", 47_541)];
        for (text, days) in cases {
            assert_eq!(Day::parse(text), Some(Day(days)), "{text}");
            assert_eq!(Day(days).to_string(), text);
        }
        let evening = SystemTime::UNIX_EPOCH + Duration::from_secs(20_781 * 86_400 + 86_399);
        assert_eq!(Day::of(evening).to_string(), "2026-11-24");
    }

    #[test]
    fn every_day_of_four_centuries_is_printed_as_it_is_read() {
        for days in 10_957..10_957 + 146_097 {
            assert_eq!(Day::parse(&Day(days).to_string()), Some(Day(days)), "{days}");
        }
    }

    #[test]
    fn what_no_calendar_has_is_no_day() {
        for text in [
            "",
            "2026",
            "2026-1-1",
            "26-01-01",
            "2026-13-01",
            "2026-00-10",
            "2026-02-29",
            "2026-04-31",
            "2026-01-00",
            "2026-01-01T00:00:00Z",
            "2026-01-01-01",
            "+026-01-01",
            " 2026-01-01",
            "1999-12-31",
        ] {
            assert_eq!(Day::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_days_between_two_days_are_signed() {
        let day = |text| Day::parse(text).unwrap();
        assert_eq!(day("2026-12-30").until(day("2027-01-02")), 3);
        assert_eq!(day("2027-01-02").until(day("2026-12-30")), -3);
        assert_eq!(day("2026-12-30").plus(3), day("2027-01-02"));
    }
}
