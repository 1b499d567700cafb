//! How seriously a rule is taken, and what happens when it could not be judged.
//!
//! Words and their order only: what they do to a finding is in [`super::steps`].

use crate::rules::Rule;

/// What a finding of a rule leads to, from nothing to a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// The rule is not asked.
    Off,
    /// Written to the logs; the user is told nothing.
    Audit,
    /// The user is warned, the Pod is admitted.
    Warn,
    /// The Pod is denied.
    Enforce,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 4] = [Self::Enforce, Self::Warn, Self::Audit, Self::Off];

    /// The word in the policy file and in logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Audit => "audit",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }

    /// The mode of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.word() == word)
    }
}

/// What happens when facts could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// What could not be checked counts like what is not compliant.
    #[default]
    Deny,
    /// What could not be checked is admitted, with a warning.
    Allow,
}

impl OnError {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Deny, Self::Allow];

    /// The word in the policy file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
        }
    }

    /// The choice of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.word() == word)
    }
}

/// What the owner chose for one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RulePolicy {
    /// The mode in namespaces that say nothing else.
    pub mode: Mode,
    /// The mode for repositories of a pull-through cache; `None`: like all others.
    pub pull_through_cache: Option<Mode>,
    /// What happens when the rule could not be judged.
    pub on_error: OnError,
}

impl RulePolicy {
    /// What applies to a rule of which the owner says nothing.
    #[must_use]
    pub fn default_of(rule: &dyn Rule) -> Self {
        Self { mode: rule.default_mode(), pull_through_cache: None, on_error: OnError::default() }
    }

    /// The mode for one image.
    ///
    /// The choice for a pull-through cache stands in the place of the rule's own, since such repositories differ by
    /// nature. Where the namespace has a choice too, the milder of the two applies: neither was made to undo the other.
    #[must_use]
    pub fn mode_for(&self, namespace: Option<Mode>, pull_through_cache: bool) -> Mode {
        let cached = self.pull_through_cache.filter(|_| pull_through_cache);
        match (namespace, cached) {
            (Some(namespace), Some(cached)) => namespace.min(cached),
            (Some(mode), None) | (None, Some(mode)) => mode,
            (None, None) => self.mode,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, OnError, RulePolicy};

    #[test]
    fn the_mode_is_that_of_the_namespace_of_the_cache_or_of_the_rule() {
        use Mode::{Audit, Enforce, Off, Warn};
        let cases = [
            ("the rule's", Enforce, None, None, false, Enforce),
            ("the namespace's", Enforce, None, Some(Warn), false, Warn),
            ("the namespace's, stricter", Audit, None, Some(Enforce), false, Enforce),
            ("the cache's does not concern others", Enforce, Some(Off), None, false, Enforce),
            ("the cache's", Enforce, Some(Warn), None, true, Warn),
            ("the cache's, stricter than the rule's", Audit, Some(Enforce), None, true, Enforce),
            ("a cache without a choice", Enforce, None, None, true, Enforce),
            ("a strict namespace cannot make a cache immutable", Warn, Some(Off), Some(Enforce), true, Off),
            ("a namespace that is off stays off", Enforce, Some(Warn), Some(Off), true, Off),
        ];
        for (name, mode, cached, namespace, is_cached, expected) in cases {
            let rule = RulePolicy { mode, pull_through_cache: cached, on_error: OnError::Deny };
            assert_eq!(rule.mode_for(namespace, is_cached), expected, "{name}");
        }
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        assert!(Mode::ALL.into_iter().all(|mode| Mode::from_word(mode.word()) == Some(mode)));
        assert!(OnError::ALL.into_iter().all(|choice| OnError::from_word(choice.word()) == Some(choice)));
        assert_eq!((Mode::from_word("Enforce"), OnError::from_word("")), (None, None));
    }
}
