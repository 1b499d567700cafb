//! The one error type of the command line: what a person reads, what is kept for the curious, and the exit code.
//!
//! It must not print anything (that is `console`'s) and must never carry a caller secret.

use std::fmt;

/// Why a command ended. The number is what the shell sees; the numbers are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Everything asked for is true now.
    Ok = 0,
    /// Something went wrong on the way.
    Failed = 1,
    /// The command line or `deployer.toml` is wrong; nothing was tried.
    Usage = 2,
    /// A person (or the lack of a terminal) said no; nothing was changed.
    Refused = 3,
    /// Going on would have destroyed something or touched the cluster wrongly.
    Unsafe = 4,
    /// Something differs, would change, or needs attention; nothing was changed.
    Changed = 5,
    /// Ctrl-C.
    Interrupted = 130,
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// A command that did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One sentence that names the field, the value or the step.
    pub message: String,
    /// The chain of causes, outermost first; AWS errors keep their code and request id here.
    pub cause: Option<String>,
    /// The way out; printed after a blank line.
    pub hint: Option<String>,
    /// What the shell sees.
    pub code: ExitCode,
}

impl Failure {
    /// A failure with exit code 1 and nothing but its sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), cause: None, hint: None, code: ExitCode::Failed }
    }

    /// The command line or the settings are wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(message).with_code(ExitCode::Usage)
    }

    /// Keeps an error and everything it was caused by.
    #[must_use]
    pub fn caused_by(self, error: &(dyn std::error::Error + 'static)) -> Self {
        self.with_cause(chain(error))
    }

    /// Keeps a cause that is text already.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Chooses the exit code.
    #[must_use]
    pub fn with_code(mut self, code: ExitCode) -> Self {
        self.code = code;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The chain of an error, `outer: inner: innermost`; a link that only repeats the one before it is left out.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(link) = next {
        let link_text = link.to_string();
        if !text.ends_with(&link_text) {
            text.push_str(": ");
            text.push_str(&link_text);
        }
        next = link.source();
    }
    text
}
