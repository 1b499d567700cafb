//! Somebody creates compliant Pods all the time, as dry runs, while something else is going on: not one may be refused.

use std::time::Duration;

use local_world::kubernetes::{Kubernetes, Outcome};
use local_world::trouble::{Result, Trouble};
use serde_json::Value;

/// Does `work` while `pod`, a compliant one, is asked about again and again; what `work` gave, when it always passed.
pub(crate) async fn during<T>(cluster: &Kubernetes, pod: &Value, work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = std::pin::pin!(work);
    let mut asked = 0;
    loop {
        // To its end, whatever the work does meanwhile: an answer that nobody waits for is none.
        let outcome = tokio::select! {
            biased;
            outcome = cluster.create_pod(pod, true) => outcome,
            done = &mut work => return if asked > 0 { done } else { Err(Trouble::new("no Pod was asked about")) },
        };
        if let Outcome::Denied { message, .. } = outcome? {
            return Err(Trouble::new(format!(
                "after {asked} that were admitted, a compliant Pod was refused: {message}"
            )));
        }
        asked += 1;
        // Only so that there is something left of the processor for the others.
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(50)) => (),
            done = &mut work => return done,
        }
    }
}
