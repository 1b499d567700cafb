//! Tests of the log, and the writer in memory that the handler's tests share.

#![allow(clippy::unwrap_used, reason = "helpers of tests stand outside #[test] functions")]

use super::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// What has been written so far.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Memory {
    pub(crate) fn log(&self, threshold: Level) -> Log {
        Log::to(threshold, Box::new(self.clone()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn a_line_has_level_time_message_and_its_fields() {
    let memory = Memory::default();
    memory.log(Level::Info).write(Level::Warn, "pod refused", json!({ "requestUid": "u-1" }));
    let lines = memory.lines();
    assert_eq!(lines[0]["level"], "WARN");
    assert_eq!(lines[0]["message"], "pod refused");
    assert_eq!(lines[0]["requestUid"], "u-1");
    assert!(lines[0]["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn quiet_lines_are_dropped_and_metric_lines_never_are() {
    let memory = Memory::default();
    let log = memory.log(Level::Error);
    log.write(Level::Warn, "not heard", json!({}));
    log.metric(&json!({ "Pass": 1 }));
    assert_eq!(memory.text(), "{\"Pass\":1}\n");
}

#[test]
fn times_are_written_as_rfc_3339_in_utc() {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
    assert_eq!(timestamp(at), "2023-11-14T22:13:20.25Z");
}

#[test]
fn long_text_is_cut_on_a_character_and_says_so() {
    assert_eq!(bounded("short", 5), "short");
    assert_eq!(bounded("ééé", 2), "éé… (6 bytes in all)");
}
