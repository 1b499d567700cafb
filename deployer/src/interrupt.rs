//! Ctrl-C (and SIGTERM) as something a command can wait for, so that each step decides what an interruption means.
//!
//! It must not end the process by itself: before a change set is executed there is something to take back, and once the
//! webhook is registered there is something to restore.

use tokio::sync::watch;

use crate::error::{ExitCode, Failure};

/// Resolves once the person wants us to stop.
#[derive(Clone, Debug)]
pub struct Interrupt {
    asked: watch::Receiver<bool>,
}

impl Interrupt {
    /// Listen for Ctrl-C and SIGTERM from now on, for the life of the process. Needs a tokio runtime.
    #[must_use]
    pub fn listen() -> Self {
        let (sender, asked) = watch::channel(false);
        tokio::spawn(async move {
            signalled().await;
            // Nobody is left to tell when every receiver is gone.
            let _ = sender.send(true);
            // Keep the channel open: a closed one reads as "never".
            std::future::pending::<()>().await;
        });
        Self { asked }
    }

    /// One that a test can pull: send `true`.
    #[must_use]
    pub fn manual() -> (watch::Sender<bool>, Self) {
        let (sender, asked) = watch::channel(false);
        (sender, Self { asked })
    }

    /// Wait until we are asked to stop; for ever if that cannot happen any more.
    pub async fn asked(&self) {
        let mut asked = self.asked.clone();
        if asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
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
        pull.send(true).unwrap();
        assert_eq!(interrupt.unless_asked(std::future::pending::<u8>()).await, None);
    }

    #[tokio::test]
    async fn a_closed_channel_is_no_wish_to_stop() {
        let (pull, interrupt) = Interrupt::manual();
        drop(pull);
        assert_eq!(interrupt.unless_asked(async { 1 }).await, Some(1));
    }
}
