//! The supervisor's own log file: one line per event, with the seconds since it started. Cheap to clone and pass on.
//! Nothing that came in a request body or a URL path is written here, since paths carry the caller's secret.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::trouble::{Context, Result};

/// A shared, append-only text log.
#[derive(Clone, Debug)]
pub struct Log {
    file: Arc<Mutex<File>>,
    since: Instant,
}

impl Log {
    /// Creates or empties the file.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).while_doing(|| format!("creating {}", path.display()))?;
        Ok(Self { file: Arc::new(Mutex::new(file)), since: Instant::now() })
    }

    /// Appends one line. A log that cannot be written is no reason to stop the world.
    pub fn line(&self, text: &str) {
        if let Ok(mut file) = self.file.lock() {
            let _ = writeln!(file, "{:8.3} {text}", self.since.elapsed().as_secs_f64());
        }
    }
}
