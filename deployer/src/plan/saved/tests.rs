//! Saved plans: what is read back, and everything that must be refused.

use super::*;
use crate::error::ExitCode;

/// A field of the world.
type Field = fn(&mut World) -> &mut String;

fn cluster(name: &str) -> ClusterWorld {
    ClusterWorld {
        cluster: format!("{name} (https://{name})"),
        webhook_state: "absent".to_owned(),
        caller: format!("{name} (gets a new secret)"),
    }
}

fn world() -> World {
    World {
        account: "111122223333".to_owned(),
        partition: "aws".to_owned(),
        region: "eu-west-1".to_owned(),
        settings: "s".to_owned(),
        stack: "app".to_owned(),
        stack_state: "absent".to_owned(),
        bucket: "b (there)".to_owned(),
        clusters: ["prod", "staging"].map(cluster).to_vec(),
    }
}

fn written() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan.json");
    let artifact = Artifact {
        zip: b"zip".to_vec(),
        sha256: "aa".to_owned(),
        content: "bb".to_owned(),
        architecture: Architecture::Arm64,
        needs_newer_glibc: None,
    };
    let (parameters, tags) = (BTreeMap::from([("LogLevel".to_owned(), "info".to_owned())]), BTreeMap::new());
    let draft = Draft {
        template: "Resources: {}",
        parameters: &parameters,
        tags: &tags,
        artifact: &artifact,
        location: ("b", "k"),
    };
    SavedPlan::write(&path, world(), &draft).unwrap();
    (dir, path)
}

#[test]
fn a_plan_is_read_back_as_it_was_written_and_only_its_owner_may() {
    let (_dir, path) = written();
    let (plan, artifact) = SavedPlan::read(&path).unwrap();
    assert_eq!((plan.template.as_str(), artifact.zip.as_slice()), ("Resources: {}", b"zip".as_slice()));
    assert_eq!(plan.check(&world()), Ok(()));
    #[cfg(unix)]
    for file in [&path, &path.with_file_name("plan.json.zip")] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn what_is_not_whole_or_not_ours_is_refused_wherever_it_breaks_off() {
    let (_dir, path) = written();
    let whole = fs::read(&path).unwrap();
    // The last two bytes only close the object.
    for length in (0..whole.len() - 2).step_by(7) {
        fs::write(&path, &whole[..length]).unwrap();
        let failure = SavedPlan::read(&path).unwrap_err();
        assert_eq!(failure.code, ExitCode::Refused, "cut at {length}: {failure:?}");
    }
    let text = String::from_utf8(whole).unwrap();
    for (case, old, new, says) in [
        ("another schema", "deployer-plan/2", "deployer-plan/3", "schema"),
        ("another version", &format!("\"{}\"", env!("CARGO_PKG_VERSION")), "\"99.0.0\"", "99.0.0"),
        ("another template", "Resources: {}", "Resources: []", "changed"),
        ("a field more", "\"tags\":", "\"more\": 1, \"tags\":", "whole"),
        ("another world", "eu-west-1", "eu-west-2", "changed"),
    ] {
        assert!(text.contains(old), "{case}");
        fs::write(&path, text.replacen(old, new, 1)).unwrap();
        let failure = SavedPlan::read(&path).unwrap_err();
        assert!(failure.code == ExitCode::Refused && failure.message.contains(says), "{case}: {failure:?}");
    }
    fs::write(&path, &text).unwrap();
    fs::write(path.with_file_name("plan.json.zip"), b"another").unwrap();
    assert!(SavedPlan::read(&path).unwrap_err().message.contains("do not belong together"));
    fs::remove_file(path.with_file_name("plan.json.zip")).unwrap();
    assert!(SavedPlan::read(&path).unwrap_err().message.contains("without its zip"));
}

#[test]
fn a_world_that_moved_is_refused_and_all_that_moved_is_named() {
    let (_dir, path) = written();
    let (plan, _) = SavedPlan::read(&path).unwrap();
    let moves: [(&str, Field); 10] = [
        ("account", |world| &mut world.account),
        ("partition", |world| &mut world.partition),
        ("region", |world| &mut world.region),
        ("settings", |world| &mut world.settings),
        ("stack", |world| &mut world.stack),
        ("stack was changed", |world| &mut world.stack_state),
        ("bucket", |world| &mut world.bucket),
        ("cluster", |world| &mut world.clusters[1].cluster),
        ("webhook", |world| &mut world.clusters[1].webhook_state),
        ("caller", |world| &mut world.clusters[1].caller),
    ];
    for (says, field) in moves {
        let mut now = world();
        "other".clone_into(field(&mut now));
        let failure = plan.check(&now).unwrap_err();
        assert!(failure.code == ExitCode::Unsafe && failure.message.contains(says), "{says}: {failure:?}");
    }
}

#[test]
fn any_setting_that_differs_is_another_digest() {
    let one = Settings::default();
    let other = Settings { memory_mib: 512, ..Settings::default() };
    assert_eq!(settings_digest(&one, &[None]), settings_digest(&one.clone(), &[None]));
    assert_ne!(settings_digest(&one, &[None]), settings_digest(&other, &[None]));
    assert_ne!(settings_digest(&one, &[None]), settings_digest(&one, &[Some("pem")]));
}
