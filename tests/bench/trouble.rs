//! The one error of the benchmark: a sentence. What goes wrong here ends the run.

/// A sentence for the person who runs it.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// Says what was being done when something went wrong.
pub(crate) trait Context<T> {
    /// `doing` completes "while …".
    fn while_doing(self, doing: &str) -> Result<T>;
}

impl<T, E: std::fmt::Display> Context<T> for std::result::Result<T, E> {
    fn while_doing(self, doing: &str) -> Result<T> {
        self.map_err(|error| format!("while {doing}: {error}"))
    }
}
