//! docs/differences.md promises a test for every class of bypass: each of them must exist.

use std::collections::BTreeSet;
use std::path::Path;

use local_world::root;

/// B1 to B17.
const CLASSES: usize = 17;

#[test]
fn every_test_that_the_table_of_differences_names_exists() {
    let root = root::checkout().expect("a checkout");
    let text = std::fs::read_to_string(root.join("docs/differences.md")).expect("docs/differences.md can be read");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("| B")).collect();
    assert_eq!(lines.len(), CLASSES);
    let mut known = BTreeSet::new();
    for folder in ["compliance", "lambda", "deployer", "tests"] {
        tests_in(&root.join(folder), &mut known);
    }
    for (index, line) in lines.iter().enumerate() {
        let cells: Vec<&str> = line.split(" | ").collect();
        assert_eq!((cells[0], cells.len()), (format!("| B{}", index + 1).as_str(), 5), "{line}");
        let named: Vec<&str> = cells[4].split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test is named: {line}");
        for name in named {
            assert!(known.contains(name), "B{} names the test {name}, which does not exist", index + 1);
        }
    }
}

/// The names of the functions that follow a test attribute in any Rust file below.
fn tests_in(folder: &Path, known: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the checkout") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            tests_in(&path, known);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).expect("a Rust file");
            // Between the attribute and the function may stand others.
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                if let Some(name) = line.trim_start_matches("async ").strip_prefix("fn ").filter(|_| is_test) {
                    known.insert(name.split('(').next().unwrap_or_default().to_owned());
                    is_test = false;
                }
            }
        }
    }
}
