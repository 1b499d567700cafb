//! Questions, and who may answer them: the person at the terminal, or `--yes` where that will do. Ctrl-C is heard while
//! we wait for an answer. Which question is asked, and what follows from the answer, is the commands'.

use std::io::{BufRead, Write};

use super::Console;
use crate::{
    error::{ExitCode, Failure},
    interrupt::{Interrupt, interrupted},
};

impl Console {
    /// Whether `--yes` was given.
    #[must_use]
    pub const fn assumes_yes(&self) -> bool {
        self.assume_yes
    }

    /// Whether somebody is there to answer.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        self.answers.is_some()
    }

    /// Asks a question that is answered with y or n; anything but a yes is a no. `--yes` answers yes and says so.
    ///
    /// # Errors
    /// `Refused` when nobody can be asked: stdin is no terminal and `--yes` was not given; `Interrupted` when we are
    /// asked to stop.
    pub async fn ask(&mut self, question: &str, interrupt: &Interrupt) -> Result<bool, Failure> {
        if self.assume_yes {
            return Ok(self.say_yes(question));
        }
        if !self.can_ask() {
            return Err(nobody_to_ask(question));
        }
        let answer = self.prompt(&format!("{question} [y/N]"), interrupt).await?;
        Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks a question that is answered with `word` and nothing else. Where `yes_will_do`, `--yes` answers it.
    ///
    /// # Errors
    /// As [`Console::ask`].
    pub async fn ask_for(
        &mut self,
        question: &str,
        word: &str,
        yes_will_do: bool,
        interrupt: &Interrupt,
    ) -> Result<bool, Failure> {
        if self.assume_yes && yes_will_do {
            return Ok(self.say_yes(question));
        }
        if !self.can_ask() {
            return Err(nobody_to_type(question, word, yes_will_do));
        }
        Ok(self.prompt(&format!("{question} Type {word} to go on:"), interrupt).await? == word)
    }

    /// What the person types after `question`, in one line. `--yes` is no answer to this.
    ///
    /// # Errors
    /// `Refused` when nobody can be asked; `Interrupted` when we are asked to stop.
    pub async fn prompt(&mut self, question: &str, interrupt: &Interrupt) -> Result<String, Failure> {
        let Some(mut answers) = self.answers.take() else { return Err(nobody_to_ask(question)) };
        self.clear_live();
        let _ = write!(self.err, "{question} ");
        let _ = self.err.flush();
        // A thread of its own that nobody waits for: reading a terminal cannot be given up.
        let (sender, answer) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut text = String::new();
            let read = answers.read_line(&mut text);
            let _ = sender.send((answers, read.map(|_| text)));
        });
        let unread = || Failure::new("the answer could not be read").with_code(ExitCode::Refused);
        let Some(answered) = interrupt.unless_asked(answer).await else {
            self.line("");
            return Err(interrupted("interrupted instead of an answer; nothing was changed"));
        };
        let (answers, read) = answered.map_err(|_| unread())?;
        self.answers = Some(answers);
        read.map(|text| text.trim().to_owned()).map_err(|error| unread().caused_by(&error))
    }

    fn say_yes(&mut self, question: &str) -> bool {
        self.line(&format!("{question} yes (--yes)"));
        true
    }
}

fn nobody_to_ask(question: &str) -> Failure {
    Failure::new(format!("\"{question}\" cannot be asked: stdin is not a terminal"))
        .with_hint("Give --yes to go on without questions.")
        .with_code(ExitCode::Refused)
}

fn nobody_to_type(question: &str, word: &str, yes_will_do: bool) -> Failure {
    let yes = if yes_will_do { " Or --yes." } else { " --yes alone is not enough here." };
    nobody_to_ask(question).with_hint(format!("Give --confirm-context {word} to go on.{yes}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::console;

    #[tokio::test]
    async fn only_a_yes_is_a_yes() {
        for (answer, expected) in [
            ("y\n", true),
            ("Yes\n", true),
            (" YES \n", true),
            ("n\n", false),
            ("\n", false),
            ("yesterday\n", false),
            ("", false),
        ] {
            let (mut console, _, err) = console(Some(answer), false);
            assert_eq!(console.ask("Go on?", &Interrupt::never()).await.unwrap(), expected, "{answer:?}");
            assert_eq!(err.text(), "Go on? [y/N] ");
        }
    }

    #[tokio::test]
    async fn a_name_is_answered_with_the_name_and_with_yes_only_where_that_will_do() {
        for (answer, yes, yes_will_do, expected) in [
            (Some("prod\n"), false, false, Ok(true)),
            (Some("y\n"), false, false, Ok(false)),
            (Some("y\n"), true, false, Ok(false)),
            (None, true, true, Ok(true)),
            (None, true, false, Err(ExitCode::Refused)),
            (None, false, true, Err(ExitCode::Refused)),
        ] {
            let (mut console, ..) = console(answer, yes);
            let asked = console.ask_for("Go on?", "prod", yes_will_do, &Interrupt::never()).await;
            let asked = asked.map_err(|failure| failure.code);
            assert_eq!(asked, expected, "{answer:?} {yes} {yes_will_do}");
        }
    }

    #[tokio::test]
    async fn yes_answers_every_question_aloud() {
        let (mut console, _, err) = console(None, true);
        assert!(console.ask("Go on?", &Interrupt::never()).await.unwrap());
        assert_eq!(err.text(), "Go on? yes (--yes)\n");
    }

    #[tokio::test]
    async fn without_a_terminal_and_without_yes_a_question_is_refused_with_the_way_out() {
        let (mut console, ..) = console(None, false);
        let failure = console.ask("Go on?", &Interrupt::never()).await.unwrap_err();
        assert_eq!(failure.code, ExitCode::Refused);
        assert!(failure.message.contains("terminal") && failure.hint.unwrap().contains("--yes"));
    }
}
