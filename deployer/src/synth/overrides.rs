//! Templates of the owner's in place of ours. Only names that we have: a file that nothing includes would do nothing.

use std::{collections::BTreeMap, fs, path::Path};

use super::engine::EMBEDDED;
use crate::error::Failure;

/// The templates of a folder, by their names in ours.
///
/// # Errors
/// `Usage` when the folder cannot be read or holds a template that we do not have.
pub fn read(dir: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut found = BTreeMap::new();
    walk(dir, dir, &mut found)?;
    if let Some(stranger) = found.keys().find(|name| EMBEDDED.iter().all(|(known, _)| known != name)) {
        let known: Vec<&str> = EMBEDDED.iter().map(|(name, _)| *name).collect();
        return Err(Failure::usage(format!("--templates {}: no template of ours is called {stranger}", dir.display()))
            .with_hint(format!("Use one of {}", known.join(", "))));
    }
    if found.is_empty() {
        return Err(Failure::usage(format!("--templates {}: no file in it ends with .tera", dir.display())));
    }
    Ok(found)
}

fn walk(root: &Path, dir: &Path, found: &mut BTreeMap<String, String>) -> Result<(), Failure> {
    let unreadable = |path: &Path, error: std::io::Error| {
        Failure::usage(format!("--templates: {} cannot be read", path.display())).caused_by(&error)
    };
    for entry in fs::read_dir(dir).map_err(|error| unreadable(dir, error))? {
        let path = entry.map_err(|error| unreadable(dir, error))?.path();
        if path.is_dir() {
            walk(root, &path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "tera") {
            let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            found.insert(name, text);
        }
    }
    Ok(())
}

/// Ours, with the owner's in their places.
pub(super) fn lay_over(overrides: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    EMBEDDED.iter().map(|&(name, text)| (name, overrides.get(name).map_or(text, String::as_str))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_takes_the_place_of_ours_and_one_that_we_do_not_have_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap_err().message.contains("no file"));
        fs::create_dir(dir.path().join("resources")).unwrap();
        fs::write(dir.path().join("resources/api.yaml.tera"), "own").unwrap();
        fs::write(dir.path().join("README"), "not a template").unwrap();
        let overrides = read(dir.path()).unwrap();
        let laid = lay_over(&overrides);
        assert_eq!(laid.iter().find(|(name, _)| *name == "resources/api.yaml.tera").unwrap().1, "own");
        assert_eq!(laid.len(), EMBEDDED.len());
        fs::write(dir.path().join("resources/apis.yaml.tera"), "own").unwrap();
        assert!(read(dir.path()).unwrap_err().message.contains("resources/apis.yaml.tera"));
    }
}
