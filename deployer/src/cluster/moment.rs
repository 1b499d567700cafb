//! A point in time as Kubernetes writes it: whole seconds, UTC. Pure; whose clock it came from is the caller's matter.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_smithy_types::date_time::{DateTime, Format};
use serde::{Serialize, Serializer};

/// Seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

impl Moment {
    /// This machine's clock.
    #[must_use]
    pub fn here() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }

    /// So many seconds after the begin of 1970.
    #[must_use]
    pub const fn of_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// `2026-11-24T20:15:00Z`, as [`fmt::Display`] writes it; nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment = Self(DateTime::from_str(text, Format::DateTime).ok()?.secs());
        (moment.to_string() == text).then_some(moment)
    }

    /// The header `Date` of an HTTP answer.
    #[must_use]
    pub fn of_http_date(text: &str) -> Option<Self> {
        Some(Self(DateTime::from_str(text, Format::HttpDate).ok()?.secs()))
    }

    /// So much later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_secs()).unwrap_or(i64::MAX)))
    }

    /// Seconds since 1970.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// Seconds from `earlier` to this; negative when it was before.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Beyond the year 9999 there is no such text; nothing here goes that far.
        out.write_str(&DateTime::from_secs(self.0).fmt(Format::DateTime).unwrap_or_default())
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_written_and_in_no_other_way() {
        let moment = Moment::parse("2026-11-24T20:15:00Z").unwrap();
        assert_eq!(moment.to_string(), "2026-11-24T20:15:00Z");
        assert_eq!(moment.after(Duration::from_secs(90)).to_string(), "2026-11-24T20:16:30Z");
        assert_eq!(moment.after(Duration::from_secs(90)).since(moment), 90);
        for other in ["", "2026-11-24", "2026-11-24T20:15:00.5Z", "2026-11-24T21:15:00+01:00", "2026-11-24T20:15:00Z "]
        {
            assert_eq!(Moment::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_date_of_an_answer_is_a_moment() {
        let moment = Moment::of_http_date("Tue, 24 Nov 2026 20:15:00 GMT");
        assert_eq!(moment, Moment::parse("2026-11-24T20:15:00Z"));
        assert_eq!(Moment::of_http_date("yesterday"), None);
    }
}
