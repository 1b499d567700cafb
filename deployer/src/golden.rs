//! Golden files of this crate's tests: `deployer/tests/snapshots/<name>.snap`.
//!
//! After a wanted change: `INSTA_UPDATE=always cargo test -p deployer`, then read what changed in the files.

/// Compares `text` with the golden file `name`.
pub(crate) fn check(name: &str, text: &str) {
    insta::with_settings!({
        snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, { insta::assert_snapshot!(name, text) });
}
