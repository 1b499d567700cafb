//! A reader that has seen enough (`| head`) is no failure: no command panics, says so, or goes on without it.

use std::process::{Command, Stdio};
use std::time::Duration;

use local_world::deploy::Deployer;
use local_world::root;
use local_world::trouble::{Result, Trouble};

use crate::report::Report;

/// To be called while there is a stack.
pub(crate) async fn run(deployer: &Deployer, report: &mut Report) {
    for (name, arguments) in [
        ("logs", &["logs", "--follow", "--since", "1s", "--namespace", "of-nobody"][..]),
        ("status", &["status", "--watch", "--output", "json"]),
    ] {
        let title = format!("pipes: {name} that goes on ends by itself once nobody reads it");
        report.scenario(&title, ends_alone(deployer, arguments)).await;
    }
    let arguments = ["status", "--output", "json"];
    report.scenario("pipes: status that nobody reads", ends_alone(deployer, &arguments)).await;
}

/// It does although it has nothing to write.
async fn ends_alone(deployer: &Deployer, arguments: &[&str]) -> Result<()> {
    let ended = tokio::time::timeout(Duration::from_mins(1), deployer.unread(arguments)).await;
    ended.map_err(|_| Trouble::new("it goes on for nobody"))??.well(&arguments.join(" ")).map(drop)
}

#[test]
fn what_is_printed_for_nobody_is_no_failure() {
    let program = root::program("DEPLOYER", "deployer").unwrap();
    for arguments in
        [&["--help"][..], &["status", "--help"], &["synth"], &["synth", "--output", "json"], &["completions", "bash"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = Command::new(&program)
            .args(arguments)
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .stdout(writer)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(
            ended.status.success() && !said.contains("error") && !said.contains("panicked"),
            "{arguments:?}: {said}"
        );
    }
}
