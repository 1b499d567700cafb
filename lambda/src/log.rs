//! The one door to standard output: a JSON object per line, written under one lock.
//!
//! Lines are filtered here by `LOG_LEVEL`, not by Lambda's own filter, because metric lines must always pass. What a
//! line may hold is decided by the callers; this file adds level, time and message and nothing else.

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use aws_smithy_types::date_time::{DateTime, Format};
use serde::Serialize;

/// How loud a line is, and how loud it must be to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Requests in which there was nothing to judge.
    Debug,
    /// Pods let in.
    Info,
    /// Pods and callers refused.
    Warn,
    /// What could not be checked, and what should not happen.
    Error,
}

impl Level {
    /// Every level with the word used for it in `LOG_LEVEL`.
    pub const ALL: [(&'static str, Self); 4] =
        [("debug", Self::Debug), ("info", Self::Info), ("warn", Self::Warn), ("error", Self::Error)];

    /// The level of a word of `LOG_LEVEL`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == word).map(|(_, level)| level)
    }

    /// The word in log lines, which Lambda reads: `DEBUG`, `INFO`, `WARN` or `ERROR`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// Where log and metric lines go.
pub struct Log {
    threshold: Level,
    out: Mutex<Box<dyn Write + Send>>,
}

#[derive(Serialize)]
struct Line<'a, F> {
    level: &'static str,
    timestamp: String,
    message: &'a str,
    #[serde(flatten)]
    fields: F,
}

impl Log {
    /// Lines to standard output, which Lambda sends to `CloudWatch` Logs.
    #[must_use]
    pub fn stdout(threshold: Level) -> Self {
        Self::to(threshold, Box::new(std::io::stdout()))
    }

    /// Lines to any writer, so that tests can read what would have been written.
    #[must_use]
    pub fn to(threshold: Level, out: Box<dyn Write + Send>) -> Self {
        Self { threshold, out: Mutex::new(out) }
    }

    /// Writes `message` and the members of `fields` (a struct or a map), if `level` is loud enough.
    pub fn write(&self, level: Level, message: &str, fields: impl Serialize) {
        if level >= self.threshold {
            let timestamp = timestamp(SystemTime::now());
            self.put(&Line { level: level.name(), timestamp, message, fields });
        }
    }

    /// Writes why the process ends, and gives the code to end it with.
    pub fn fatal(&self, message: &str, fields: impl Serialize) -> ExitCode {
        self.write(Level::Error, message, fields);
        ExitCode::FAILURE
    }

    /// Writes a metric line, whatever the level: metrics are not for reading, and must be complete.
    pub fn metric(&self, line: &impl Serialize) {
        self.put(line);
    }

    /// A line that cannot be written is lost: there is no other place to say so, and the decision must still go out.
    fn put(&self, line: &impl Serialize) {
        if let Ok(mut bytes) = serde_json::to_vec(line) {
            bytes.push(b'\n');
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = out.write_all(&bytes).and_then(|()| out.flush());
        }
    }
}

/// RFC 3339 in UTC, as Lambda's log filter demands of the member `timestamp`.
#[must_use]
pub fn timestamp(at: SystemTime) -> String {
    DateTime::from(at).fmt(Format::DateTime).unwrap_or_default()
}

/// The text, or its beginning and how much is missing: what users write may be as long as they like, a log line may not.
#[must_use]
pub fn bounded(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} bytes in all)", &text[..end], text.len()),
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
pub(crate) mod tests;
