//! Ctrl-C (and SIGTERM) as something a command can wait for, so that each step decides what an interruption means.
//!
//! It must not end the process by itself: before a change set is executed there is something to take back, and once the
//! webhook is registered there is something to restore.

use tokio::sync::watch;

use crate::error::{ExitCode, Failure};

/// Resolves once the person wants us to stop.
#[derive(Clone, Debug)]
pub struct Interrupt {
    asked: watch::Sender<bool>,
    /// Somebody listens always, so that asking never fails.
    listener: watch::Receiver<bool>,
}

impl Interrupt {
    /// Listen for Ctrl-C and SIGTERM from now on, for the life of the process: the first asks to stop, the second ends the
    /// process at once. Needs a tokio runtime.
    #[must_use]
    pub fn listen() -> Self {
        let interrupt = Self::never();
        let asked = interrupt.asked.clone();
        tokio::spawn(async move {
            loop {
                signalled().await;
                if asked.send_replace(true) {
                    end_now();
                }
            }
        });
        interrupt
    }

    /// The same, and once `event` happens, which is as good a reason to stop. Needs a tokio runtime.
    #[must_use]
    pub fn listen_and(event: impl Future<Output = ()> + Send + 'static) -> Self {
        let interrupt = Self::listen();
        let asked = interrupt.asked.clone();
        tokio::spawn(async move {
            event.await;
            asked.send_replace(true);
        });
        interrupt
    }

    /// One that nobody pulls.
    #[must_use]
    pub fn never() -> Self {
        let (asked, listener) = watch::channel(false);
        Self { asked, listener }
    }

    /// One that a test can pull: send `true`.
    #[must_use]
    pub fn manual() -> (watch::Sender<bool>, Self) {
        let interrupt = Self::never();
        (interrupt.asked.clone(), interrupt)
    }

    /// The person said to go on: the next Ctrl-C asks again, instead of ending the process.
    pub fn rearm(&self) {
        self.asked.send_replace(false);
    }

    /// Wait until we are asked to stop.
    pub async fn asked(&self) {
        // We hold the sender, so the channel cannot close.
        let _ = self.listener.clone().wait_for(|asked| *asked).await;
    }

    /// Run `work` unless we are asked to stop first; then `None`, and the work is dropped where it stands.
    pub async fn unless_asked<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.asked() => None,
            result = work => Some(result),
        }
    }
}

/// The failure of an interrupted command.
pub fn interrupted(message: impl Into<String>) -> Failure {
    Failure::new(message).with_code(ExitCode::Interrupted)
}

/// Asked twice: nothing is tidied up. Whatever runs in AWS goes on there, and the next run takes it up.
#[allow(clippy::exit, reason = "the person does not want to wait for anything, cleaning up included")]
fn end_now() {
    std::process::exit(i32::from(ExitCode::Interrupted as u8));
}

#[cfg(unix)]
async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => (),
        _ = terminate.recv() => (),
    }
}

#[cfg(not(unix))]
async fn signalled() {
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_dropped_when_we_are_asked_to_stop() {
        let (pull, interrupt) = Interrupt::manual();
        assert_eq!(interrupt.unless_asked(async { 1 }).await, Some(1));
        pull.send_replace(true);
        assert_eq!(interrupt.unless_asked(std::future::pending::<u8>()).await, None);
    }

    #[tokio::test]
    async fn an_event_asks_as_a_person_does() {
        let (happen, happened) = tokio::sync::oneshot::channel::<()>();
        let interrupt = Interrupt::listen_and(async { drop(happened.await) });
        assert_eq!(interrupt.unless_asked(async { 1 }).await, Some(1));
        happen.send(()).unwrap();
        interrupt.asked().await;
    }

    #[tokio::test]
    async fn rearmed_it_waits_for_the_next_wish_to_stop() {
        let (pull, interrupt) = Interrupt::manual();
        pull.send_replace(true);
        interrupt.asked().await;
        interrupt.rearm();
        assert_eq!(interrupt.unless_asked(async { 1 }).await, Some(1));
        pull.send_replace(true);
        assert_eq!(interrupt.unless_asked(std::future::pending::<u8>()).await, None);
    }
}
