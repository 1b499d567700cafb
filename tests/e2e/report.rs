//! Runs named scenarios one after another against one world, goes on when one fails, and fails at the end with all of
//! them: starting a world per scenario would cost minutes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Instant;

use local_world::trouble::Result;

/// What became of the scenarios so far.
#[derive(Default)]
pub(crate) struct Report {
    passed: usize,
    failures: Vec<(String, String)>,
}

impl Report {
    /// Runs one scenario. Whether it passed.
    pub(crate) async fn scenario(&mut self, name: &str, scenario: impl Future<Output = Result<()>>) -> bool {
        let since = Instant::now();
        let result = scenario.await;
        let word = if result.is_ok() { "ok" } else { "FAILED" };
        // Straight to the terminal: the harness would keep it until the very end, and this takes minutes.
        let line = format!("    {name} ... {word} ({:.1} s)", since.elapsed().as_secs_f64());
        let _ = writeln!(std::io::stderr(), "{line}");
        match result {
            Ok(()) => self.passed += 1,
            Err(trouble) => self.failures.push((name.to_owned(), trouble.to_string())),
        }
        !self.failures.iter().any(|(failed, _)| failed == name)
    }

    /// # Panics
    /// When a scenario failed: with all that did.
    pub(crate) fn conclude(self) {
        let mut text = String::new();
        for (name, why) in &self.failures {
            let _ = write!(text, "\n\n{name}:\n  {}", why.replace('\n', "\n  "));
        }
        assert!(self.failures.is_empty(), "{} scenarios passed, {} failed:{text}", self.passed, self.failures.len());
    }
}
