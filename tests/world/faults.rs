//! Faults of the local AWS, turned on and off while it runs; what there is stands in `aws/patches/faults.py`.

use crate::addresses::Addresses;
use crate::trouble::{Context, Result};

/// ECR refuses every call, as if there were too many.
pub const ECR_CUT_OFF: &str = r#"{"ecr": "ThrottlingException"}"#;
/// All is well.
pub const NONE: &str = "{}";

/// Replaces the faults.
///
/// # Errors
/// The file cannot be written.
pub fn set(world: &Addresses, text: &str) -> Result<()> {
    let file = world.dir.join("aws/faults.json");
    let aside = file.with_extension("new");
    // Renamed, because the local AWS may read at any time.
    let written = std::fs::write(&aside, text).and_then(|()| std::fs::rename(&aside, &file));
    written.while_doing(|| format!("writing {}", file.display()))
}
