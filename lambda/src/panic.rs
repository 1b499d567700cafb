//! A defect must become an answer, not a crash: catches panics, and says where they happened but never with what.
//!
//! A panic's message may quote the Pod it stumbled over, so it is dropped; the place is enough to find the defect.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use serde_json::json;

use crate::log::{Level, Log};

/// The future panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panicked;

/// Runs a future to its end or to its panic.
///
/// The future is dropped afterwards either way, so nothing half done is seen again.
///
/// # Errors
/// [`Panicked`]; the hook has already logged where.
pub async fn caught<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    })
    .await
}

/// From now on a panic writes one JSON line with its place, instead of its message to standard error.
pub fn log_places(log: Log) {
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(|place| short(&place.to_string())).unwrap_or_default();
        log.write(Level::Error, "defect: panic", json!({ "place": place }));
    }));
}

/// Crate, folder and file: what stands before them is the machine it was built on, which is nobody's business.
fn short(place: &str) -> String {
    let mut parts: Vec<&str> = place.rsplit('/').take(3).collect();
    parts.reverse();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_does_not_tell_where_it_was_built() {
        assert_eq!(
            short("/home/somebody/registry/some-crate-1.0.0/src/lib.rs:299:28"),
            "some-crate-1.0.0/src/lib.rs:299:28"
        );
        assert_eq!(short("lambda/src/handler.rs:1:2"), "lambda/src/handler.rs:1:2");
    }

    #[tokio::test]
    async fn a_panic_after_waiting_is_caught() {
        let outcome = caught(async {
            tokio::task::yield_now().await;
            assert!(std::hint::black_box(false), "on purpose");
            1
        });
        assert_eq!(outcome.await, Err(Panicked));
    }

    #[tokio::test]
    async fn what_does_not_panic_is_handed_through() {
        let outcome = caught(async {
            tokio::task::yield_now().await;
            2
        });
        assert_eq!(outcome.await, Ok(2));
    }
}
