//! What can build the function here, for which architecture, and the build itself through `cargo lambda`.
//!
//! cargo-lambda is run as a program: as a library it ends the process when the compiler fails.

use std::{
    env,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use crate::{
    error::Failure,
    settings::{Architecture, Word},
};

const ARM64_LINKER: &str = "aarch64-linux-gnu-gcc";
const HINT_LAMBDA: &str = "Install it with `cargo install --locked cargo-lambda` or `pip install cargo-lambda`, or give a built binary with --artifact.";

/// What was found on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tools {
    /// The program that has `lambda` as a subcommand.
    pub(super) cargo: PathBuf,
    /// The machine's own architecture, where it runs Linux; elsewhere only zig can build for Linux.
    pub(super) host: Option<Architecture>,
    /// zig links for either architecture, and against an old glibc.
    pub(super) zig: bool,
    /// A C compiler that links for arm64.
    pub(super) arm64_linker: bool,
    /// rustup has the standard library for arm64.
    pub(super) arm64_std: bool,
}

/// How to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) architecture: Architecture,
    pub(super) linker: Linker,
    /// To be said aloud: a choice that the owner did not make.
    pub(super) notice: Option<String>,
}

/// What links the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linker {
    /// cargo-lambda's default.
    Zig,
    /// Whatever cargo uses for this machine.
    Host,
    /// [`ARM64_LINKER`].
    CrossGcc,
}

impl Tools {
    /// Looks around. What cannot be found out counts as not there.
    pub(super) async fn find() -> Self {
        let host = match (env::consts::OS, env::consts::ARCH) {
            ("linux", "aarch64") => Some(Architecture::Arm64),
            ("linux", "x86_64") => Some(Architecture::X86_64),
            _ => None,
        };
        let targets = output("rustup", &["target", "list", "--installed"]).await.unwrap_or_default();
        // The three places where cargo-lambda looks for it.
        let zig = env::var_os("CARGO_ZIGBUILD_ZIG_PATH").is_some()
            || output("zig", &["version"]).await.is_some()
            || output("python3", &["-m", "ziglang", "version"]).await.is_some();
        Self {
            cargo: PathBuf::from("cargo"),
            host,
            zig,
            arm64_linker: output(ARM64_LINKER, &["--version"]).await.is_some(),
            arm64_std: targets.lines().any(|target| target == "aarch64-unknown-linux-gnu"),
        }
    }
}

/// Decides what is built and how; `wanted` is the owner's setting.
pub(super) fn plan(tools: &Tools, wanted: Option<Architecture>) -> Result<Plan, Failure> {
    let architecture = wanted.unwrap_or_else(|| choose(tools));
    let Some(linker) = linker(tools, architecture) else {
        let name = architecture.word();
        return Err(Failure::new(format!("the function cannot be built for {name} here: nothing can link for it"))
            .with_hint(
                "Install zig (`pip install ziglang`), set architecture in deployer.toml to this machine's own, \
                 or give a built binary with --artifact.",
            ));
    };
    // arm64 costs a fifth less on Lambda: an owner who did not choose should know that it was not taken.
    let notice = (wanted.is_none() && architecture != Architecture::Arm64).then(|| {
        format!(
            "building for {}, this machine's own: for the cheaper arm64 install zig (`pip install ziglang`) and run \
             `rustup target add aarch64-unknown-linux-gnu`",
            architecture.word()
        )
    });
    Ok(Plan { architecture, linker, notice })
}

fn choose(tools: &Tools) -> Architecture {
    let arm64_is_ready = tools.arm64_std && (tools.zig || tools.arm64_linker);
    if arm64_is_ready { Architecture::Arm64 } else { tools.host.unwrap_or(Architecture::Arm64) }
}

fn linker(tools: &Tools, architecture: Architecture) -> Option<Linker> {
    if tools.zig {
        Some(Linker::Zig)
    } else if tools.host == Some(architecture) {
        Some(Linker::Host)
    } else if architecture == Architecture::Arm64 && tools.arm64_linker && tools.arm64_std {
        Some(Linker::CrossGcc)
    } else {
        None
    }
}

/// Runs the build and returns the path of the binary.
pub(super) async fn build(tools: &Tools, plan: &Plan, source_dir: &Path) -> Result<PathBuf, Failure> {
    if !source_dir.join("lambda/Cargo.toml").is_file() {
        return Err(Failure::new(format!("the function's source is not in {}", source_dir.display()))
            .with_hint("Run the deployer in its repository, name that with --source, or give --artifact."));
    }
    need_cargo_lambda(tools).await?;
    let target_dir = target_dir(source_dir)?;
    // A folder per architecture: what an earlier build left for another one is never taken.
    let out_dir = target_dir.join("deployer").join(plan.architecture.word());
    let mut command = command(tools, plan, source_dir);
    command.arg("--lambda-dir").arg(&out_dir).env("CARGO_TARGET_DIR", &target_dir);
    let status = command
        .status()
        .await
        .map_err(|error| Failure::new("cargo lambda could not be started").caused_by(&error).with_hint(HINT_LAMBDA))?;
    if !status.success() {
        return Err(Failure::new("the function could not be built")
            .with_cause(format!("cargo lambda build ended with {status}; its messages are above")));
    }
    Ok(out_dir.join("bootstrap"))
}

fn command(tools: &Tools, plan: &Plan, source_dir: &Path) -> Command {
    let mut command = Command::new(&tools.cargo);
    command
        .args(["lambda", "build", "--release", "--locked", "--output-format", "binary"])
        .args(["--package", "lambda", "--flatten", "bootstrap"])
        .arg(match plan.architecture {
            Architecture::Arm64 => "--arm64",
            Architecture::X86_64 => "--x86-64",
        })
        .current_dir(source_dir)
        .stdin(Stdio::null())
        // stdout is for data; cargo's progress comes on stderr.
        .stdout(Stdio::null())
        .kill_on_drop(true);
    if plan.linker != Linker::Zig {
        command.args(["--compiler", "cargo"]);
    }
    if plan.linker == Linker::CrossGcc {
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", ARM64_LINKER);
    }
    command
}

pub(super) async fn need_cargo_lambda(tools: &Tools) -> Result<(), Failure> {
    match output(&tools.cargo, &["lambda", "--version"]).await {
        Some(_) => Ok(()),
        None => Err(Failure::new("cargo-lambda, which builds the function, is not installed").with_hint(HINT_LAMBDA)),
    }
}

/// cargo-lambda's own option for it is broken, its environment variable is not.
fn target_dir(source_dir: &Path) -> Result<PathBuf, Failure> {
    let given = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from).filter(|dir| !dir.as_os_str().is_empty());
    let dir = given.unwrap_or_else(|| source_dir.join("target"));
    std::path::absolute(&dir)
        .map_err(|error| Failure::new(format!("the build folder {} cannot be used", dir.display())).caused_by(&error))
}

/// What a program prints when it succeeds.
async fn output(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: Tools = Tools {
        cargo: PathBuf::new(),
        host: Some(Architecture::X86_64),
        zig: false,
        arm64_linker: false,
        arm64_std: false,
    };

    #[test]
    fn what_is_built_follows_from_the_setting_and_the_tools() {
        use Architecture::{Arm64, X86_64};
        use Linker::{CrossGcc, Host, Zig};
        let zig = Tools { zig: true, ..BARE };
        let gcc = Tools { arm64_linker: true, ..BARE };
        let mac = Tools { host: None, ..BARE };
        for (case, tools, wanted, expected) in [
            ("nothing decided, bare machine", BARE, None, Some((X86_64, Host, true))),
            ("nothing decided, zig without std", zig.clone(), None, Some((X86_64, Zig, true))),
            ("nothing decided, zig and std", Tools { arm64_std: true, ..zig.clone() }, None, Some((Arm64, Zig, false))),
            (
                "nothing decided, gcc and std",
                Tools { arm64_std: true, ..gcc.clone() },
                None,
                Some((Arm64, CrossGcc, false)),
            ),
            ("nothing decided, arm64 machine", Tools { host: Some(Arm64), ..BARE }, None, Some((Arm64, Host, false))),
            ("nothing decided, a mac with zig", Tools { zig: true, ..mac.clone() }, None, Some((Arm64, Zig, false))),
            ("nothing decided, a mac without", mac, None, None),
            ("arm64 wanted, bare machine", BARE, Some(Arm64), None),
            ("arm64 wanted, gcc without std", gcc, Some(Arm64), None),
            ("arm64 wanted, zig installs the std", zig, Some(Arm64), Some((Arm64, Zig, false))),
            ("own wanted, bare machine", BARE, Some(X86_64), Some((X86_64, Host, false))),
        ] {
            let got = plan(&tools, wanted).ok().map(|plan| (plan.architecture, plan.linker, plan.notice.is_some()));
            assert_eq!(got, expected, "{case}");
        }
    }

    #[test]
    fn an_architecture_that_cannot_be_built_is_named_with_the_ways_out() {
        let failure = plan(&BARE, Some(Architecture::Arm64)).unwrap_err();
        assert!(failure.message.contains("arm64"), "{failure:?}");
        assert!(failure.hint.unwrap().contains("--artifact"));
    }

    #[tokio::test]
    async fn a_missing_cargo_lambda_is_named_with_the_command_that_installs_it() {
        // `false` is a cargo that knows no subcommand.
        for cargo in ["false", "no-such-program"] {
            let failure = need_cargo_lambda(&Tools { cargo: cargo.into(), ..BARE }).await.unwrap_err();
            assert!(failure.message.contains("cargo-lambda"), "{failure:?}");
            assert!(failure.hint.unwrap().contains("cargo install --locked cargo-lambda"));
        }
    }

    #[tokio::test]
    async fn a_folder_without_the_source_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan(&BARE, None).unwrap();
        let failure = build(&BARE, &plan, dir.path()).await.unwrap_err();
        assert!(failure.message.contains(&dir.path().display().to_string()), "{failure:?}");
    }

    #[test]
    fn only_zig_is_used_without_being_told() {
        let line = |plan: &Plan| format!("{:?}", command(&BARE, plan, Path::new(".")).as_std());
        let host = plan(&BARE, None).unwrap();
        assert!(line(&host).contains("\"--compiler\" \"cargo\"") && line(&host).contains("\"--x86-64\""));
        let zig = plan(&Tools { zig: true, ..BARE }, Some(Architecture::Arm64)).unwrap();
        assert!(!line(&zig).contains("--compiler") && line(&zig).contains("\"--arm64\""));
    }
}
