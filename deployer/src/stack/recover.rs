//! A stack that is stuck: what may be done about it, and who may decide that.
//!
//! Pure. `--yes` decides only for what destroys nothing; whatever may destroy resources, or give them up, is decided by a
//! person at a terminal or by an option that names it.

use std::{collections::BTreeSet, fmt::Write as _};

use clap::ValueEnum;

/// How a stack can be stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// `CREATE_FAILED`: its creation stopped half-way and was not undone.
    HalfCreated,
    /// `UPDATE_FAILED`: an update stopped half-way and was not undone.
    HalfUpdated,
    /// `ROLLBACK_FAILED`: its creation failed and could not be undone.
    RollbackFailed,
    /// `DELETE_FAILED`: something could not be deleted.
    DeleteFailed,
    /// `UPDATE_ROLLBACK_FAILED`: an update could not be undone.
    UpdateRollbackFailed,
}

/// What may be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Choice {
    /// Update what is there, and stop again where it fails.
    Retry,
    /// Go back to the last good state.
    Rollback,
    /// Delete the stack with what is left in it.
    Delete,
    /// Delete the stack, and leave in the account what cannot be deleted.
    #[value(skip)]
    Retain,
    /// Try again to undo the update.
    Continue,
    /// Undo the update except for what cannot be undone.
    #[value(skip)]
    Skip,
}

impl Stuck {
    /// One clause that completes "the stack … is in STATUS: ".
    #[must_use]
    pub const fn why(self) -> &'static str {
        match self {
            Self::HalfCreated => "its creation was stopped half-way and not undone, so its resources are live",
            Self::HalfUpdated => "an update was stopped half-way and not undone",
            Self::RollbackFailed => {
                "its creation failed and could not be undone completely, so some resources are left"
            }
            Self::DeleteFailed => "a deletion failed and some resources are left",
            Self::UpdateRollbackFailed => "an update could not be undone completely",
        }
    }

    /// What may be done, the most careful first.
    #[must_use]
    pub const fn choices(self) -> &'static [Choice] {
        match self {
            Self::HalfCreated | Self::HalfUpdated => &[Choice::Retry, Choice::Rollback],
            // CloudFormation keeps single resources only once a deletion has failed at them.
            Self::RollbackFailed => &[Choice::Delete],
            Self::DeleteFailed => &[Choice::Delete, Choice::Retain],
            Self::UpdateRollbackFailed => &[Choice::Continue, Choice::Skip],
        }
    }
}

impl Choice {
    /// Whether resources may be destroyed, or given up: then `--yes` does not answer it.
    #[must_use]
    pub const fn destroys(self, stuck: Stuck) -> bool {
        match self {
            Self::Retry | Self::Continue => false,
            // Without a last good state, going back is deleting.
            Self::Rollback => matches!(stuck, Stuck::HalfCreated),
            Self::Delete | Self::Retain | Self::Skip => true,
        }
    }

    /// What a person types, and what happens then; `failed` are the resources that it failed at.
    #[must_use]
    pub fn line(self, stuck: Stuck, failed: &[String]) -> (char, String) {
        let names = if failed.is_empty() { "what cannot be".to_owned() } else { failed.join(", ") };
        match self {
            Self::Retry => ('r', "retry: update what is there, and stop again where it fails".to_owned()),
            Self::Rollback if matches!(stuck, Stuck::HalfCreated) => (
                'b',
                "roll back: there is no good state to go back to, so EVERYTHING in the stack is deleted".to_owned(),
            ),
            Self::Rollback => ('b', "roll back to the state before the update".to_owned()),
            Self::Delete => ('d', "delete the stack and all that is left in it".to_owned()),
            Self::Retain => {
                ('k', format!("delete the stack and keep {names}: it stays in the account, and nobody manages it"))
            }
            Self::Continue => ('c', "continue to undo the update".to_owned()),
            Self::Skip => {
                ('s', format!("undo the update except for {names}: the stack then says more than is so of it"))
            }
        }
    }

    /// The options of the command line that make this choice.
    #[must_use]
    pub fn options(self, failed: &[String]) -> String {
        let names = if failed.is_empty() { "NAME".to_owned() } else { failed.join(",") };
        match self {
            Self::Retry => "--recover retry".to_owned(),
            Self::Rollback => "--recover rollback".to_owned(),
            Self::Delete => "--recover delete".to_owned(),
            Self::Continue => "--recover continue".to_owned(),
            Self::Retain => format!("--retain {names}"),
            Self::Skip => format!("--skip {names}"),
        }
    }
}

/// What the person has agreed to in advance. Each agreement holds once: what failed is not tried again unasked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// `--recover`.
    pub recover: Option<Choice>,
    /// `--retain`: resources that may be left behind.
    pub retain: Vec<String>,
    /// `--skip`: resources whose undoing may be left out.
    pub skip: Vec<String>,
    /// `--yes`.
    pub yes: bool,
    /// The command that is run, for what the person can type instead: `deploy`.
    pub command: &'static str,
    used: BTreeSet<Choice>,
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is decided.
    Do(Choice),
    /// Nothing is; ask, or stop where nobody can be asked.
    Ask,
}

impl Consent {
    /// For `command`, with `--yes` or without.
    #[must_use]
    pub fn new(command: &'static str, yes: bool) -> Self {
        Self { yes, command, ..Self::default() }
    }

    /// With what the options of the command line agree to.
    #[must_use]
    pub fn agreeing_to(mut self, recover: Option<Choice>, retain: &[String], skip: &[String]) -> Self {
        self.recover = recover;
        self.retain = retain.to_vec();
        self.skip = skip.to_vec();
        self
    }

    /// What was agreed to for a stack that is `stuck`; it is used up by that.
    pub fn decide(&mut self, stuck: Stuck) -> Decision {
        let open: Vec<Choice> = stuck.choices().iter().copied().filter(|choice| !self.used.contains(choice)).collect();
        // What is named resource by resource says more than a word, and both more than --yes.
        let named = open.iter().rev().find(|choice| self.names(**choice));
        let careful = open.iter().find(|choice| self.yes && self.recover.is_none() && !choice.destroys(stuck));
        match named.or(careful).copied() {
            Some(choice) => {
                self.used.insert(choice);
                Decision::Do(choice)
            }
            None => Decision::Ask,
        }
    }

    /// Whether an option of the command line stands for that choice.
    fn names(&self, choice: Choice) -> bool {
        match choice {
            Choice::Retain => !self.retain.is_empty(),
            Choice::Skip => !self.skip.is_empty(),
            other => self.recover == Some(other),
        }
    }

    /// The commands that a person can type instead of being asked.
    #[must_use]
    pub fn commands(&self, stuck: Stuck, failed: &[String]) -> String {
        let mut text = String::from("Choose one:");
        for choice in stuck.choices() {
            let (_, what) = choice.line(stuck, failed);
            // Writing to a String cannot fail.
            let options = choice.options(failed);
            // What the command does anyway needs no option.
            let plain = matches!((self.command, choice), ("destroy", Choice::Delete) | ("rollback", Choice::Continue));
            let options = if plain { "" } else { &options };
            let command = format!("deployer {} {options}", self.command);
            let _ = write!(text, "\n  {}\n      {what}", command.trim_end());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Stuck; 5] = [
        Stuck::HalfCreated,
        Stuck::HalfUpdated,
        Stuck::RollbackFailed,
        Stuck::DeleteFailed,
        Stuck::UpdateRollbackFailed,
    ];

    #[test]
    fn yes_alone_never_answers_what_destroys() {
        for stuck in ALL {
            let mut consent = Consent::new("deploy", true);
            for _ in 0..4 {
                if let Decision::Do(choice) = consent.decide(stuck) {
                    assert!(!choice.destroys(stuck), "{stuck:?}: {choice:?}");
                }
            }
            assert_eq!(consent.decide(stuck), Decision::Ask, "{stuck:?}: it goes on for ever");
        }
    }

    #[test]
    fn yes_takes_the_most_careful_way() {
        let cases = [
            (Stuck::HalfCreated, Decision::Do(Choice::Retry)),
            (Stuck::HalfUpdated, Decision::Do(Choice::Retry)),
            (Stuck::RollbackFailed, Decision::Ask),
            (Stuck::DeleteFailed, Decision::Ask),
            (Stuck::UpdateRollbackFailed, Decision::Do(Choice::Continue)),
        ];
        for (stuck, expected) in cases {
            assert_eq!(Consent::new("deploy", true).decide(stuck), expected, "{stuck:?}");
            assert_eq!(Consent::new("deploy", false).decide(stuck), Decision::Ask, "{stuck:?}");
        }
    }

    #[test]
    fn an_option_is_an_agreement_for_once_and_only_where_it_fits() {
        let agreed = |recover| Consent { recover: Some(recover), ..Consent::new("deploy", true) };
        for (stuck, choice) in [
            (Stuck::HalfCreated, Choice::Rollback),
            (Stuck::RollbackFailed, Choice::Delete),
            (Stuck::DeleteFailed, Choice::Delete),
        ] {
            let mut consent = agreed(choice);
            assert_eq!(consent.decide(stuck), Decision::Do(choice), "{stuck:?}");
            assert_eq!(consent.decide(stuck), Decision::Ask, "{stuck:?}: twice");
        }
        assert_eq!(agreed(Choice::Delete).decide(Stuck::UpdateRollbackFailed), Decision::Ask);
        let mut kept = Consent { retain: vec!["Logs".to_owned()], ..agreed(Choice::Delete) };
        assert_eq!(kept.decide(Stuck::RollbackFailed), Decision::Do(Choice::Delete));
        assert_eq!(kept.decide(Stuck::DeleteFailed), Decision::Do(Choice::Retain));
    }

    #[test]
    fn every_way_out_has_a_letter_of_its_own_and_a_command() {
        for stuck in ALL {
            let failed = ["Logs".to_owned()];
            let letters: Vec<char> = stuck.choices().iter().map(|choice| choice.line(stuck, &failed).0).collect();
            assert_eq!(letters.iter().collect::<BTreeSet<_>>().len(), letters.len(), "{stuck:?}");
            let text = Consent::new("deploy", false).commands(stuck, &failed);
            assert_eq!(text.matches("deployer deploy --").count(), letters.len(), "{text}");
        }
    }
}
