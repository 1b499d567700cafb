//! The single door to stdout and stderr. stdout is data, stderr is messages; everything is understandable without colour.
//!
//! Nothing else in this crate prints. Off a terminal, or with `NO_COLOR` set, lines are plain. With `--output json`
//! everything, progress included, is one JSON object a line on stdout, each with its `schema` and `kind`; an error and a
//! question are on stderr besides, for whoever watches.

mod printable;
mod questions;
mod reader;

use std::{
    fmt::Display,
    io::{self, BufRead, IsTerminal, Write},
    pin::Pin,
};

use serde::Serialize;
use serde_json::json;

pub use self::printable::printable;
use crate::error::Failure;

/// `schema` of every JSON line. It changes when a field goes or changes its meaning, not when one is added.
pub const SCHEMA: &str = "deployer/1";

/// How a command answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object a line.
    Json,
}

/// What a command answers with: one value with two faces, for people and for programs.
pub trait Report: Display + Serialize {
    /// `kind` of its JSON line, such as `status`.
    const KIND: &'static str;
}

/// A JSON line.
#[derive(Serialize)]
struct Line<'a, T: Serialize> {
    schema: &'static str,
    kind: &'a str,
    #[serde(flatten)]
    value: &'a T,
}

/// Where a command's words go, and where its answers come from.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own about the streams")]
pub struct Console {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    answers: Option<Box<dyn BufRead + Send>>,
    assume_yes: bool,
    colour: bool,
    /// The same of stdout.
    colour_data: bool,
    output: Output,
    /// Whether stdout is a screen that may be drawn on again.
    screen: bool,
    /// Whether it is the process's own stdout.
    own: bool,
    /// The same of stderr, for what goes on right now.
    live: Option<Live>,
}

/// What stands at the end of stderr and will be drawn over.
#[derive(Debug, Default)]
struct Live {
    /// So many lines.
    drawn: usize,
}

impl Console {
    /// The process's own streams. `assume_yes` is `--yes`, `output` is `--output`.
    #[must_use]
    pub fn standard(assume_yes: bool, output: Output) -> Self {
        let answers: Option<Box<dyn BufRead + Send>> =
            if io::stdin().is_terminal() { Some(Box::new(io::BufReader::new(io::stdin()))) } else { None };
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let colour = wanted && io::stderr().is_terminal();
        let colour_data = wanted && io::stdout().is_terminal();
        let screen = io::stdout().is_terminal() && output == Output::Text;
        let dumb = std::env::var_os("TERM").is_none_or(|name| name == "dumb");
        let live = (io::stderr().is_terminal() && !dumb && output == Output::Text).then(Live::default);
        let (out, err) = (Box::new(io::stdout()), Box::new(io::stderr()));
        let own = true;
        Self { out, err, answers, assume_yes, colour, colour_data, output, screen, own, live }
    }

    /// Injected streams, for tests. `answers` is `None` where stdin is no terminal; no colour.
    #[must_use]
    pub fn injected(
        out: Box<dyn Write + Send>,
        err: Box<dyn Write + Send>,
        answers: Option<Box<dyn BufRead + Send>>,
        assume_yes: bool,
    ) -> Self {
        let output = Output::Text;
        Self {
            out,
            err,
            answers,
            assume_yes,
            colour: false,
            colour_data: false,
            output,
            screen: false,
            own: false,
            live: None,
        }
    }

    /// The same, answering as `output` says.
    #[must_use]
    pub fn with_output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// Whether people read this, and not programs.
    #[must_use]
    pub fn is_for_people(&self) -> bool {
        self.output == Output::Text
    }

    /// Resolves once nobody reads stdout any more, for a command that goes on until then; perhaps never.
    #[must_use]
    pub fn reader_gone(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        if self.own { Box::pin(reader::gone()) } else { Box::pin(std::future::pending()) }
    }

    /// Data, to stdout, exactly as given.
    ///
    /// # Errors
    /// When stdout cannot be written. A reader that has seen enough (`| head`) is not an error.
    pub fn data(&mut self, text: &str) -> Result<(), Failure> {
        match self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new("the output could not be written").caused_by(&error))
            }
            _ => Ok(()),
        }
    }

    /// What a command was asked for.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn report<R: Report>(&mut self, report: &R) -> Result<(), Failure> {
        match self.output {
            Output::Text => {
                let text: String =
                    report.to_string().lines().map(|line| alarmed(line, self.colour_data) + "\n").collect();
                self.data(&text)
            }
            Output::Json => self.json(R::KIND, report),
        }
    }

    /// The same again and again: on a terminal in the place of the one before, elsewhere one after the other, with an
    /// empty line between for people.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn redraw<R: Report>(&mut self, report: &R) -> Result<(), Failure> {
        match self.output {
            // To the corner, and everything from there on is cleared: clearing first would flicker.
            Output::Text if self.screen => {
                let text = report.to_string().replace('\n', "\u{1b}[K\n");
                self.data(&format!("\u{1b}[H{text}\u{1b}[K\n\u{1b}[J"))
            }
            Output::Text => self.data(&format!("{report}\n\n")),
            Output::Json => self.json(R::KIND, report),
        }
    }

    /// A document that is data by itself (a template, a manifest): as it is, or as a JSON line of the kind `document`.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub fn document(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        match self.output {
            Output::Text => self.data(text),
            Output::Json => self.json("document", &json!({ "name": name, "text": text })),
        }
    }

    /// Something that happened: `text` for people, `value` (an object) for programs.
    pub fn event(&mut self, kind: &str, text: &str, value: &impl Serialize) {
        match self.output {
            Output::Text => self.line(&format!("    {}", alarmed(text, self.colour))),
            Output::Json => self.json_event(kind, value),
        }
    }

    fn json(&mut self, kind: &str, value: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_string(&Line { schema: SCHEMA, kind, value })
            .map_err(|error| Failure::new(format!("the {kind} cannot be written as JSON")).caused_by(&error))?;
        self.data(&format!("{line}\n"))
    }

    /// Progress that cannot be told is no reason to stop half-way.
    fn json_event(&mut self, kind: &str, value: &impl Serialize) {
        let _ = self.json(kind, value);
    }

    /// The start of a step: `==> Uploading the function`.
    pub fn step(&mut self, text: &str) {
        if self.output == Output::Json {
            return self.json_event("step", &json!({ "text": text }));
        }
        let mark = self.paint("1;36", "==>");
        self.line(&format!("{mark} {text}"));
    }

    /// One line about what goes on inside a step.
    pub fn say(&mut self, text: &str) {
        self.event("message", text, &json!({ "text": text }));
    }

    /// Something a person should know although the command goes on.
    pub fn warn(&mut self, text: &str) {
        if self.output == Output::Json {
            return self.json_event("warning", &json!({ "text": text }));
        }
        let mark = self.paint("1;33", "warning:");
        self.line(&format!("{mark} {text}"));
    }

    /// The end of a command that failed: the sentence, its causes, and after a blank line the way out.
    pub fn failure(&mut self, failure: &Failure) {
        if self.output == Output::Json {
            let Failure { message, cause, hint, code } = failure;
            let exit_code = *code as u8;
            self.json_event(
                "error",
                &json!({ "message": message, "cause": cause, "hint": hint, "exit_code": exit_code }),
            );
        }
        let mark = self.paint("1;31", "error:");
        self.line(&format!("{mark} {}", failure.message));
        if let Some(cause) = &failure.cause {
            self.line(&format!("  caused by: {cause}"));
        }
        if let Some(hint) = &failure.hint {
            let mark = self.paint("1;36", "hint:");
            self.line("");
            self.line(&format!("{mark} {hint}"));
        }
    }

    /// Whether what goes on right now is drawn by [`Console::live`].
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Draws what goes on right now at the end of the messages, in the place of what was drawn there before; the next
    /// message takes its place. Nothing off a terminal.
    pub fn live(&mut self, lines: &[String]) {
        self.clear_live();
        let Some(live) = &mut self.live else { return };
        live.drawn = lines.len();
        // Without wrapping: a line that is cut off is one line, and can be drawn over.
        for line in lines {
            let _ = writeln!(self.err, "\u{1b}[?7l    {line}\u{1b}[?7h");
        }
        let _ = self.err.flush();
    }

    /// Takes away what was drawn, from the margin on: the terminal itself may have echoed a Ctrl-C behind it.
    fn clear_live(&mut self) {
        let drawn = self.live.as_mut().map_or(0, |live| std::mem::take(&mut live.drawn));
        if drawn > 0 {
            let _ = write!(self.err, "\r\u{1b}[{drawn}A\u{1b}[J");
        }
    }

    /// Progress that cannot be shown (stderr closed) is no reason to stop a deployment half-way.
    fn line(&mut self, text: &str) {
        self.clear_live();
        let _ = writeln!(self.err, "{text}");
        let _ = self.err.flush();
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// What must not be missed begins with `! `, and is red where there is colour.
fn alarmed(line: &str, colour: bool) -> String {
    if colour && line.trim_start().starts_with("! ") { format!("\u{1b}[31m{line}\u{1b}[0m") } else { line.to_owned() }
}

#[cfg(test)]
pub(super) mod tests;
