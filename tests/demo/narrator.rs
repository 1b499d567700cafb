//! How the demo speaks: chapters, commands, what came back, and what is being waited for. Everything goes to standard
//! output; colours only on a terminal, and not where `NO_COLOR` is set.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Off a terminal, a long step says this often that it is still at work.
const REMINDER: Duration = Duration::from_secs(15);

/// The single door to standard output.
pub(crate) struct Narrator {
    terminal: bool,
    colour: bool,
    chapter: u32,
}

impl Narrator {
    pub(crate) fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { terminal, colour, chapter: 0 }
    }

    /// A numbered heading.
    pub(crate) fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        let heading = self.painted("1", &format!("{}. {title}", self.chapter));
        self.line(&format!("\n{heading}"));
    }

    /// A command that a person could type.
    pub(crate) fn command(&mut self, text: &str) {
        let text = self.painted("36", &format!("$ {text}"));
        self.indented(&text);
    }

    /// What came back.
    pub(crate) fn answer(&mut self, text: &str) {
        self.indented(text);
    }

    /// Something that came out as it should.
    pub(crate) fn good(&mut self, text: &str) {
        let text = self.painted("32", &format!("✓ {text}"));
        self.indented(&text);
    }

    /// Why it all ended.
    pub(crate) fn bad(&mut self, text: &str) {
        let text = self.painted("31", &format!("✗ {text}"));
        self.line(&format!("\n{text}"));
    }

    /// An explanation.
    pub(crate) fn say(&mut self, text: &str) {
        self.indented(text);
    }

    /// Waits for something and shows for how long already.
    pub(crate) async fn waiting<T>(&mut self, what: &str, task: impl Future<Output = T>) -> T {
        let since = Instant::now();
        let mut task = std::pin::pin!(task);
        let step = if self.terminal { Duration::from_secs(1) } else { REMINDER };
        loop {
            match tokio::time::timeout(step, &mut task).await {
                Ok(done) => {
                    self.settle(what, since);
                    return done;
                }
                Err(_) => self.remind(what, since),
            }
        }
    }

    fn remind(&mut self, what: &str, since: Instant) {
        let text = format!("  … {what} ({} s)", since.elapsed().as_secs());
        if self.terminal {
            self.write(&format!("\r{text}"));
        } else {
            self.line(&text);
        }
    }

    fn settle(&mut self, what: &str, since: Instant) {
        let erase = if self.terminal { "\r\x1b[K" } else { "" };
        self.line(&format!("{erase}  {what} ({:.1} s)", since.elapsed().as_secs_f64()));
    }

    fn indented(&mut self, text: &str) {
        for line in text.lines() {
            self.line(&format!("  {line}"));
        }
    }

    fn painted(&self, code: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn line(&mut self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    /// A reader that went away (`demo | head`) is no reason to leave a world behind.
    #[allow(clippy::unused_self, reason = "whoever writes has to hold the narrator")]
    fn write(&mut self, text: &str) {
        let mut out = std::io::stdout();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}
