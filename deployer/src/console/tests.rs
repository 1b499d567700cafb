//! What goes out by the console and comes in, and a console that others may test with.

#![allow(clippy::expect_used, reason = "helpers of tests")]

use std::sync::{Arc, Mutex};

use super::*;
use crate::error::ExitCode;

/// A stream that can be read after the console has it.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no test panics while it writes").clone()).expect("text is UTF-8")
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics while it writes").write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream whose reader is gone, or that is full.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn console(answers: Option<&'static str>, assume_yes: bool) -> (Console, Shared, Shared) {
    let (out, err) = (Shared::default(), Shared::default());
    let answers = answers.map(|text| Box::new(io::Cursor::new(text)) as Box<dyn BufRead + Send>);
    (Console::injected(Box::new(out.clone()), Box::new(err.clone()), answers, assume_yes), out, err)
}

#[test]
fn data_goes_to_stdout_and_everything_else_to_stderr() {
    let (mut console, out, err) = console(None, false);
    console.data("key: value\n").unwrap();
    console.step("Uploading the function");
    console.say("3 MB");
    console.warn("the disk is slow");
    assert_eq!(out.text(), "key: value\n");
    assert_eq!(err.text(), "==> Uploading the function\n    3 MB\nwarning: the disk is slow\n");
}

#[test]
fn a_failure_is_its_sentence_then_its_cause_then_after_an_empty_line_the_way_out() {
    let (mut console, _, err) = console(None, false);
    console.failure(&Failure::new("it broke").with_cause("a: b").with_hint("Mend it."));
    assert_eq!(err.text(), "error: it broke\n  caused by: a: b\n\nhint: Mend it.\n");
}

#[test]
fn what_must_not_be_missed_is_red_where_there_is_colour_and_nowhere_else() {
    assert_eq!(alarmed("  ! it is replaced", true), "\u{1b}[31m  ! it is replaced\u{1b}[0m");
    assert_eq!(alarmed("  ! it is replaced", false), "  ! it is replaced");
    assert_eq!(alarmed("  ~ x: \"! \"", true), "  ~ x: \"! \"");
}

#[test]
fn for_programs_everything_is_a_json_line_on_stdout_and_an_error_is_told_on_stderr_too() {
    #[derive(Serialize)]
    struct Answer {
        pods: u32,
    }
    impl Display for Answer {
        fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(out, "{} Pods", self.pods)
        }
    }
    impl Report for Answer {
        const KIND: &'static str = "answer";
    }
    let (mut text, text_out, _) = console(None, false);
    text.report(&Answer { pods: 2 }).unwrap();
    text.document("stack.yaml", "a: 1\n").unwrap();
    assert_eq!(text_out.text(), "2 Pods\na: 1\n");

    let (json, out, err) = console(None, false);
    let mut json = json.with_output(Output::Json);
    json.step("Uploading");
    json.say("3 MB");
    json.warn("slow");
    json.event("resource", "+ Api", &json!({ "id": "Api" }));
    json.report(&Answer { pods: 2 }).unwrap();
    json.document("stack.yaml", "a: 1\n").unwrap();
    json.failure(&Failure::new("it broke").with_hint("Mend it.").with_code(ExitCode::Unsafe));
    let lines: Vec<serde_json::Value> = out.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["schema"] == SCHEMA), "{lines:?}");
    let kinds: Vec<&str> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["step", "message", "warning", "resource", "answer", "document", "error"]);
    assert_eq!((&lines[3]["id"], &lines[4]["pods"], &lines[6]["exit_code"]), (&"Api".into(), &2.into(), &4.into()));
    assert_eq!(err.text(), "error: it broke\n\nhint: Mend it.\n");
}

#[test]
fn what_is_drawn_again_takes_its_own_place_on_a_screen_and_is_plain_elsewhere() {
    struct Lines;
    impl Display for Lines {
        fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            out.write_str("one\ntwo")
        }
    }
    impl Serialize for Lines {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            json!({ "lines": 2 }).serialize(serializer)
        }
    }
    impl Report for Lines {
        const KIND: &'static str = "lines";
    }
    let (mut plain, out, _) = console(None, false);
    plain.redraw(&Lines).unwrap();
    plain.redraw(&Lines).unwrap();
    assert_eq!(out.text(), "one\ntwo\n\none\ntwo\n\n");
    let (mut screen, out, _) = console(None, false);
    screen.screen = true;
    screen.redraw(&Lines).unwrap();
    assert_eq!(out.text(), "\u{1b}[Hone\u{1b}[K\ntwo\u{1b}[K\n\u{1b}[J");
    let (json, out, _) = console(None, false);
    json.with_output(Output::Json).redraw(&Lines).unwrap();
    assert_eq!(out.text(), "{\"schema\":\"deployer/1\",\"kind\":\"lines\",\"lines\":2}\n");
}

#[test]
fn what_goes_on_is_drawn_over_and_gives_way_to_messages() {
    let (mut console, _, err) = console(None, false);
    console.live(&["1s".to_owned()]);
    assert_eq!(err.text(), "", "not off a terminal");
    console.live = Some(Live::default());
    console.live(&["1s".to_owned(), "2s".to_owned()]);
    console.live(&["3s".to_owned()]);
    console.say("done");
    console.live(&[]);
    let row = |text: &str| format!("\u{1b}[?7l    {text}\u{1b}[?7h\n");
    let [first, second, third] = ["1s", "2s", "3s"].map(row);
    assert_eq!(err.text(), format!("{first}{second}\r\u{1b}[2A\u{1b}[J{third}\r\u{1b}[1A\u{1b}[J    done\n"));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error_and_a_full_disk_is() {
    let broken = |kind| Console::injected(Box::new(Broken(kind)), Box::new(io::sink()), None, false);
    assert!(broken(io::ErrorKind::BrokenPipe).data("x").is_ok());
    assert!(broken(io::ErrorKind::StorageFull).data("x").is_err());
}
