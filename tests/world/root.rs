//! Where this checkout is, and where its programs are. Paths are found at run time, never compiled in, because one
//! build directory may serve several clones.

use std::path::{Path, PathBuf};

use crate::trouble::{Context, Result, Trouble};

/// The checkout that the current directory is in.
///
/// # Errors
/// The current directory is not in a checkout of this project.
pub fn checkout() -> Result<PathBuf> {
    let here = std::env::current_dir().while_doing(|| "finding the current directory".to_owned())?;
    let found = here.ancestors().find(|dir| dir.join("tests/control-plane/go.mod").is_file());
    found.map(Path::to_owned).ok_or_else(|| {
        Trouble::new(format!("{} is not in a checkout of this project", here.display()))
            .hint("Run this from the folder that holds the Makefile.")
    })
}

/// A program of this workspace: the one that `variable` names, else the one beside the running program.
///
/// # Errors
/// There is no such file.
pub fn program(variable: &str, name: &str) -> Result<PathBuf> {
    let path = match std::env::var_os(variable) {
        Some(path) if !path.is_empty() => PathBuf::from(path),
        _ => build_dir()?.join(name),
    };
    if path.is_file() {
        return Ok(path);
    }
    Err(Trouble::new(format!("there is no program {name} at {}", path.display()))
        .hint(format!("Run `make build`, or set {variable} to where it is.")))
}

/// The folder of built programs. Tests run from its `deps` folder, programs from the folder itself.
fn build_dir() -> Result<PathBuf> {
    let own = std::env::current_exe().while_doing(|| "finding the running program".to_owned())?;
    let dir = own.parent().ok_or_else(|| Trouble::new("the running program is in no folder"))?;
    Ok(if dir.ends_with("deps") { dir.parent().unwrap_or(dir) } else { dir }.to_owned())
}
