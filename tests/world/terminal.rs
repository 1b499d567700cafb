//! A program on a terminal of its own (`terminal.py`), read and typed at as a person would. It ends with whoever started it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::deploy::Finished;
use crate::trouble::{Context, Result, Trouble};

/// How long what is waited for may take to be shown.
const PATIENCE: Duration = Duration::from_mins(2);
/// What Ctrl-C is to a terminal.
const CTRL_C: &str = "\u{3}";

/// A running program.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: ChildStdout,
    shown: Vec<u8>,
    /// How much of it was waited for already.
    seen: usize,
}

impl Terminal {
    /// Starts `python terminal.py` with what `command` holds besides: the program and its arguments, variables, folder.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).kill_on_drop(true);
        let mut child = command.spawn().while_doing(|| "starting a program on a terminal".to_owned())?;
        let (Some(keyboard), Some(screen)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Trouble::new("the terminal has no keyboard or no screen"));
        };
        Ok(Self { child, keyboard, screen, shown: Vec::new(), seen: 0 })
    }

    /// Waits until `text` is shown, after what was waited for last.
    ///
    /// # Errors
    /// The program ends first, or it takes too long: with all that was shown.
    pub async fn until(&mut self, text: &str) -> Result<()> {
        let looking = async {
            loop {
                // As bytes: what came so far may end in the middle of a character.
                let fresh = &self.shown[self.seen..];
                if let Some(at) = fresh.windows(text.len()).position(|part| part == text.as_bytes()) {
                    self.seen += at + text.len();
                    return Ok(true);
                }
                if self.screen.read_buf(&mut self.shown).await.while_doing(|| "reading a terminal".to_owned())? == 0 {
                    return Ok(false);
                }
            }
        };
        match tokio::time::timeout(PATIENCE, looking).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Err(trouble)) => Err(trouble),
            Ok(Ok(false)) | Err(_) => Err(Trouble::new(format!("{text:?} was not shown; this was:\n{}", self.text()))),
        }
    }

    /// Types a line.
    ///
    /// # Errors
    /// Nobody reads it.
    pub async fn answer(&mut self, line: &str) -> Result<()> {
        self.send(&format!("{line}\n")).await
    }

    /// Types Ctrl-C.
    ///
    /// # Errors
    /// As [`Terminal::answer`].
    pub async fn interrupt(&mut self) -> Result<()> {
        self.send(CTRL_C).await
    }

    /// Waits for its end: the exit code, and all that was shown.
    ///
    /// # Errors
    /// It does not end: with all that was shown.
    pub async fn ended(mut self) -> Result<Finished> {
        let reading = self.screen.read_to_end(&mut self.shown);
        let read = tokio::time::timeout(PATIENCE, reading).await;
        if read.is_err() {
            return Err(Trouble::new(format!("it does not end; this was shown:\n{}", self.text())));
        }
        let status = self.child.wait().await.while_doing(|| "waiting for a terminal".to_owned())?;
        Ok(Finished { code: status.code().unwrap_or(255), said: self.text() })
    }

    async fn send(&mut self, text: &str) -> Result<()> {
        let typed = self.keyboard.write_all(text.as_bytes()).await;
        typed.while_doing(|| "typing at a terminal".to_owned())?;
        self.keyboard.flush().await.while_doing(|| "typing at a terminal".to_owned())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown).into_owned()
    }
}

/// The command that runs `program` on a terminal.
pub(crate) fn on_terminal(python: &Path, root: &Path, program: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg("-B").arg(root.join("tests/world/terminal.py")).arg(program);
    command
}
