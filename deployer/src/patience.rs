//! How long to try something that takes effect after a moment. No clock decides: a number of tries, and a pause between.

use std::time::Duration;

/// So many tries, with a pause before each but the first.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Tries at most.
    pub attempts: usize,
    /// Pause between two of them.
    pub pause: Duration,
}

impl Patience {
    /// For a new endpoint, until it answers as it must.
    pub const ENDPOINT: Self = Self { attempts: 30, pause: Duration::from_secs(2) };
    /// For an endpoint that was there before, until the function's new code is in force.
    pub const UPDATED: Self = Self { attempts: 10, pause: Duration::from_secs(1) };
    /// For an API server, until it has picked up a configuration.
    pub const API_SERVER: Self = Self { attempts: 30, pause: Duration::from_secs(1) };

    /// Waits before the try number `attempt`, counted from 0.
    pub(crate) async fn before(self, attempt: usize) {
        if attempt > 0 {
            tokio::time::sleep(self.pause).await;
        }
    }
}
