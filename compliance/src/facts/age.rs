//! How old a fact is, and whether it is older than it should be.

use std::fmt;
use std::time::Duration;

/// The age of a fact when it was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Age {
    /// Time since ECR was asked.
    pub since: Duration,
    /// Why it was used although it was no longer fresh: the code of the failure that kept a newer one away, such as
    /// `throttled`. `None`: it was fresh.
    pub stale: Option<&'static str>,
}

impl Age {
    /// Just learnt.
    pub const NOW: Self = Self { since: Duration::ZERO, stale: None };

    /// The age of something made of two parts.
    #[must_use]
    pub fn or_older(self, other: Self) -> Self {
        Self { since: self.since.max(other.since), stale: self.stale.or(other.stale) }
    }
}

/// `as of 45 s ago`, and for a stale fact why there is none newer.
impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.since.as_secs() {
            0 => f.write_str("as of now")?,
            seconds @ 1..120 => write!(f, "as of {seconds} s ago")?,
            seconds => write!(f, "as of {} min ago", seconds / 60)?,
        }
        self.stale.map_or(Ok(()), |why| write!(f, ", for nothing newer could be had ({why})"))
    }
}

#[cfg(test)]
mod tests {
    use super::Age;
    use std::time::Duration;

    fn age(seconds: u64, stale: Option<&'static str>) -> Age {
        Age { since: Duration::from_secs(seconds), stale }
    }

    #[test]
    fn an_age_reads_as_a_person_says_it() {
        let cases = [
            (Age::NOW, "as of now"),
            (age(45, None), "as of 45 s ago"),
            (age(119, None), "as of 119 s ago"),
            (age(125, Some("throttled")), "as of 2 min ago, for nothing newer could be had (throttled)"),
        ];
        for (age, expected) in cases {
            assert_eq!(age.to_string(), expected);
        }
    }

    #[test]
    fn what_is_made_of_parts_is_as_old_as_its_oldest_and_stale_if_any_is() {
        assert_eq!(age(5, Some("timeout")).or_older(age(40, None)), age(40, Some("timeout")));
        assert_eq!(age(40, None).or_older(age(5, Some("timeout"))), age(40, Some("timeout")));
    }
}
