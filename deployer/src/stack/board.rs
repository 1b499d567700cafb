//! What CloudFormation works on right now, a row per resource with its seconds: drawn on a terminal below the lines of what
//! is over. Elsewhere every event is a line, and this is not used.
//!
//! Pure: what the rows are is decided here, and drawing them is the console's.

use std::{collections::BTreeSet, time::Duration};

use super::events::Event;

/// More rows than this would push out of sight what they stand below.
const ROWS: usize = 8;

/// The resources of an operation, as its events tell of them.
#[derive(Debug, Default)]
pub(super) struct Board {
    running: Vec<Row>,
    over: BTreeSet<String>,
    /// How many there will be; `None` when that is not known, or no longer true.
    total: Option<usize>,
}

#[derive(Debug)]
struct Row {
    logical_id: String,
    status: String,
    /// When we heard of it, since we began to follow: other clocks may be wrong.
    began: Duration,
}

impl Board {
    /// With nothing on it yet.
    pub(super) fn new(total: Option<usize>) -> Self {
        Self { total, ..Self::default() }
    }

    /// Takes note of an event that came at `now`, since we began to follow. Whether a terminal shows it as a line of its
    /// own: what has only begun is a row.
    pub(super) fn take(&mut self, event: &Event, about_stack: bool, now: Duration) -> bool {
        if about_stack {
            return true;
        }
        if event.status.starts_with("DELETE_") {
            // It is undone.
            self.total = None;
        }
        let known = self.running.iter().position(|row| row.logical_id == event.logical_id);
        if !event.status.ends_with("_IN_PROGRESS") {
            known.map(|at| self.running.remove(at));
            self.over.insert(event.logical_id.clone());
            return true;
        }
        self.over.remove(&event.logical_id);
        match known {
            // It begins more than once: when it is asked for, when it has got its name, when it is rolled back.
            Some(at) if self.running[at].status == event.status => (),
            Some(at) => self.running[at].status.clone_from(&event.status),
            None => self.running.push(Row {
                logical_id: event.logical_id.clone(),
                status: event.status.clone(),
                began: now,
            }),
        }
        false
    }

    /// The rows at `now`: what has run longest first, and at the end how many there are.
    pub(super) fn lines(&self, now: Duration) -> Vec<String> {
        let seconds = |since: Duration| now.saturating_sub(since).as_secs();
        let row = |row: &Row| format!("{:>4}s  {:<20}  {}", seconds(row.began), row.status, row.logical_id);
        let mut lines: Vec<String> = self.running.iter().take(ROWS).map(row).collect();
        if self.running.len() > ROWS {
            lines.push(format!("       … and {} more", self.running.len() - ROWS));
        }
        let of = self.total.map(|total| format!(" of {total}")).unwrap_or_default();
        lines.push(format!("{:>4}s  {}{of} done, {} in progress", now.as_secs(), self.over.len(), self.running.len()));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(logical_id: &str, status: &str) -> Event {
        Event::for_test(0, logical_id, "AWS::X::Y", status, None)
    }

    #[test]
    fn what_is_in_progress_is_a_row_with_its_own_seconds_and_what_is_over_is_a_line() {
        let mut board = Board::new(Some(9));
        let second = Duration::from_secs;
        assert!(board.take(&event("stack", "UPDATE_IN_PROGRESS"), true, second(0)));
        assert!(!board.take(&event("Api", "CREATE_IN_PROGRESS"), false, second(1)));
        assert!(!board.take(&event("Function", "CREATE_IN_PROGRESS"), false, second(3)));
        assert!(!board.take(&event("Api", "CREATE_IN_PROGRESS"), false, second(4)));
        assert_eq!(
            board.lines(second(6)),
            [
                "   5s  CREATE_IN_PROGRESS    Api",
                "   3s  CREATE_IN_PROGRESS    Function",
                "   6s  0 of 9 done, 2 in progress"
            ]
        );
        assert!(board.take(&event("Api", "CREATE_COMPLETE"), false, second(7)));
        assert!(!board.take(&event("Function", "DELETE_IN_PROGRESS"), false, second(7)));
        assert_eq!(board.lines(second(8)), ["   5s  DELETE_IN_PROGRESS    Function", "   8s  1 done, 1 in progress"]);
    }

    #[test]
    fn many_rows_are_cut_and_counted() {
        let mut board = Board::default();
        for at in 0..ROWS + 3 {
            board.take(&event(&format!("R{at}"), "CREATE_IN_PROGRESS"), false, Duration::ZERO);
        }
        let lines = board.lines(Duration::ZERO);
        assert_eq!(lines.len(), ROWS + 2);
        assert_eq!(lines[ROWS], "       … and 3 more");
        assert!(lines[ROWS + 1].ends_with("0 done, 11 in progress"), "{lines:?}");
    }
}
