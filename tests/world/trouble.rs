//! The one error type of the local world: a sentence for a person and, where there is one, the way out.
//! It must not carry file contents or environment values, because it is printed as it is.

use std::error::Error;
use std::fmt;

/// What went wrong, and what a person can do about it.
#[derive(Debug)]
pub struct Trouble {
    what: String,
    hint: Option<String>,
}

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Trouble>;

impl Trouble {
    /// A trouble with one sentence and no hint.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }

    /// The same trouble with the way out, shown after a blank line.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n\n{hint}"),
            None => Ok(()),
        }
    }
}

impl Error for Trouble {}

/// Says what was being done when a lower-level error came up, and keeps the whole chain of causes.
pub trait Context<T> {
    /// `doing` names the action and its object, as in "reading /some/file".
    ///
    /// # Errors
    /// The error it was called on, told as a [`Trouble`].
    fn while_doing(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Error> Context<T> for std::result::Result<T, E> {
    fn while_doing(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Trouble::new(format!("{}: {}", doing(), chain(&error))))
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Many errors already end with the text of their cause.
        if !text.ends_with(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_hint_after_a_blank_line() {
        let trouble = Trouble::new("Go is missing").hint("install it");
        assert_eq!(trouble.to_string(), "Go is missing\n\ninstall it");
    }

    #[test]
    fn names_the_action_before_the_cause() {
        let read = std::fs::read("/nonexistent/file").while_doing(|| "reading the file".to_owned());
        let text = read.err().map(|t| t.to_string()).unwrap_or_default();
        assert!(text.starts_with("reading the file: No such file"), "{text}");
    }
}
