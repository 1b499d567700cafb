//! `deployer synth`: prints the stack template. Offline: it must not open a connection.

use std::{fmt, fs, path::Path, process::Command};

use serde::Serialize;

use super::register;
use crate::{
    artifact,
    cli::SynthArgs,
    console::{Console, Report},
    error::Failure,
    settings::{Architecture, Settings},
    stack::change_set::capabilities,
    synth::{self, ArtifactLocation, Format, WebhookManifest},
};

/// Stands where a built artefact's hash would.
const PLACEHOLDER_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Stands where the bucket's name would, which only the account and region tell.
const PLACEHOLDER_BUCKET: &str = "artifact-bucket";

/// Runs the command.
///
/// # Errors
/// When a template is broken, the artefact is not usable, or a file cannot be written.
pub fn run(settings: &Settings, args: &SynthArgs, console: &mut Console) -> Result<(), Failure> {
    if args.policy {
        return print_policy(settings, console);
    }
    if args.format == Format::Sam {
        return application(settings, args, console);
    }
    let (location, architecture) = locate(settings, args.artifact.as_deref())?;
    let stack = synth::stack_template(settings, &location, architecture)?;
    if args.check {
        return check(settings, &stack, console);
    }
    let Some(dir) = &args.out else {
        return console.document("stack.yaml", &stack);
    };
    let bootstrap = synth::bootstrap_template(settings)?;
    let policy = settings.policy.as_ref().map(|policy| ("policy.json", policy.json()));
    let files = [("stack.yaml", stack), ("bootstrap.yaml", bootstrap)].into_iter().chain(policy);
    write_all(dir, files.map(|(name, text)| (name, text.into_bytes())), console)
}

/// The same stack, as a folder that `sam package` takes.
fn application(settings: &Settings, args: &SynthArgs, console: &mut Console) -> Result<(), Failure> {
    let artifact = args.artifact.as_deref().map(|binary| artifact::take(settings, binary)).transpose()?;
    let architecture = artifact.as_ref().map_or_else(|| assumed(settings), |artifact| artifact.architecture);
    let template = synth::application_template(settings, architecture)?;
    if args.check {
        return check(settings, &template, console);
    }
    let Some(dir) = &args.out else {
        return console.document("template.yaml", &template);
    };
    let texts = [
        ("template.yaml", template),
        (synth::README_FILE, synth::application_readme(settings)?),
        (synth::LICENSE_FILE, synth::LICENSE.to_owned()),
    ];
    let files = texts.into_iter().map(|(name, text)| (name, text.into_bytes()));
    if artifact.is_none() {
        console.say(&format!("{} is missing: give the function's binary with --artifact", synth::CODE_FILE));
    }
    write_all(dir, files.chain(artifact.map(|artifact| (synth::CODE_FILE, artifact.zip))), console)
}

/// What `check` found nothing wrong with.
#[derive(Debug, Serialize)]
struct Checked {
    /// What `CloudFormation` wants acknowledged.
    capabilities: Vec<String>,
    /// Bytes of the stack's template, of which 51,199 may be sent.
    bytes: usize,
    /// Whether cfn-lint looked, too.
    cfn_lint: bool,
}

impl Report for Checked {
    const KIND: &'static str = "check";
}

impl fmt::Display for Checked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lint = if self.cfn_lint { "cfn-lint finds nothing" } else { "cfn-lint was not found on PATH" };
        write!(out, "the templates are sound: {} bytes, {}; {lint}", self.bytes, self.capabilities.join(", "))
    }
}

/// Rendering has found what is undefined, twice there or dangling already; the rest is AWS's schemas, as cfn-lint has them.
fn check(settings: &Settings, stack: &str, console: &mut Console) -> Result<(), Failure> {
    let bootstrap = synth::bootstrap_template(settings)?;
    let url = format!("https://host.invalid/v1/name/{PLACEHOLDER_HASH}");
    let failure_policy = register::policy_of(settings, None);
    synth::webhook_manifest(settings, &WebhookManifest { url: &url, ca_bundle: None, failure_policy })?;
    let cfn_lint = lint(settings, &[("stack.yaml", stack), ("bootstrap.yaml", &bootstrap)])?;
    console.report(&Checked { capabilities: capabilities(stack), bytes: stack.len(), cfn_lint })
}

/// `false` when there is no cfn-lint.
fn lint(settings: &Settings, texts: &[(&str, &str)]) -> Result<bool, Failure> {
    let unwritable =
        |error: std::io::Error| Failure::new("the templates cannot be given to cfn-lint").caused_by(&error);
    let dir = std::env::temp_dir().join(format!("deployer-check-{}", std::process::id()));
    let mut command = Command::new("cfn-lint");
    command.args(["--include-checks", "I"]);
    if let Some(region) = &settings.region {
        command.args(["--regions", region]);
    }
    command.arg("--");
    for (name, text) in texts {
        command.arg(write(&dir, name, text.as_bytes())?);
    }
    let output = command.output();
    fs::remove_dir_all(&dir).map_err(unwritable)?;
    let output = match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        output => output.map_err(unwritable)?,
    };
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() {
        return Ok(true);
    }
    Err(Failure::new("cfn-lint finds fault with the templates").with_cause(String::from_utf8_lossy(&said).trim()))
}

fn print_policy(settings: &Settings, console: &mut Console) -> Result<(), Failure> {
    match &settings.policy {
        Some(policy) => console.document("policy.json", &policy.json()),
        None => Err(Failure::usage("there is no policy: the function decides by its defaults")
            .with_hint("Write a section [policy] into deployer.toml; docs/policy.md shows one.")),
    }
}

fn locate(settings: &Settings, binary: Option<&Path>) -> Result<(ArtifactLocation, Architecture), Failure> {
    let bucket = settings.artifact_bucket.clone().unwrap_or_else(|| PLACEHOLDER_BUCKET.to_owned());
    if let Some(binary) = binary {
        let artifact = artifact::take(settings, binary)?;
        return Ok((ArtifactLocation { bucket, key: artifact.key(settings) }, artifact.architecture));
    }
    Ok((ArtifactLocation { bucket, key: artifact::key(settings, PLACEHOLDER_HASH) }, assumed(settings)))
}

/// Not what this machine could build: the same settings must give the same text everywhere.
fn assumed(settings: &Settings) -> Architecture {
    settings.architecture.unwrap_or(Architecture::Arm64)
}

fn write_all<'n>(
    dir: &Path,
    files: impl Iterator<Item = (&'n str, Vec<u8>)>,
    console: &mut Console,
) -> Result<(), Failure> {
    for (name, bytes) in files {
        console.say(&format!("wrote {}", write(dir, name, &bytes)?));
    }
    Ok(())
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> Result<String, Failure> {
    let path = dir.join(name);
    fs::create_dir_all(dir)
        .and_then(|()| fs::write(&path, bytes))
        .map_err(|error| Failure::new(format!("{} cannot be written", path.display())).caused_by(&error))?;
    Ok(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console() -> Console {
        Console::injected(Box::new(std::io::sink()), Box::new(std::io::sink()), None, false)
    }

    #[test]
    fn both_templates_are_written_into_the_folder_and_again_with_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("new/folder");
        let args = SynthArgs { out: Some(out.clone()), ..SynthArgs::default() };
        let mut seen = Vec::new();
        for _ in 0..2 {
            run(&Settings::default(), &args, &mut console()).unwrap();
            seen.push((fs::read(out.join("stack.yaml")).unwrap(), fs::read(out.join("bootstrap.yaml")).unwrap()));
        }
        assert_eq!(seen[0], seen[1]);
        assert!(!seen[0].0.is_empty() && !seen[0].1.is_empty());
    }

    #[test]
    fn an_application_is_a_folder_with_all_that_its_template_names() {
        let dir = tempfile::tempdir().unwrap();
        let binary = dir.path().join("bootstrap");
        // The header of an ELF file for 64-bit ARM.
        let mut elf = [&b"\x7fELF\x02\x01\x01"[..], &[0; 9], &[2, 0, 0xb7, 0]].concat();
        elf.resize(64, 0);
        fs::write(&binary, elf).unwrap();
        let args = SynthArgs {
            format: Format::Sam,
            artifact: Some(binary),
            out: Some(dir.path().join("application")),
            ..SynthArgs::default()
        };
        run(&Settings::default(), &args, &mut console()).unwrap();
        let written = |name: &str| fs::read(dir.path().join("application").join(name)).unwrap();
        let template = String::from_utf8(written("template.yaml")).unwrap();
        for name in ["function.zip", "README.md", "LICENSE"] {
            assert!(template.contains(name) && !written(name).is_empty(), "{name}");
        }
        assert!(template.contains("- \"arm64\"") && written("function.zip").starts_with(b"PK"));
    }

    #[test]
    fn without_an_artefact_placeholders_stand_for_it() {
        let settings = Settings { architecture: Some(Architecture::X86_64), ..Settings::default() };
        let (location, architecture) = locate(&settings, None).unwrap();
        assert_eq!(location.bucket, PLACEHOLDER_BUCKET);
        assert_eq!(location.key, format!("ecr-compliance-webhook/lambda/{PLACEHOLDER_HASH}.zip"));
        assert_eq!(architecture, Architecture::X86_64);
    }

    #[test]
    fn a_policy_is_printed_or_written_beside_the_templates_and_its_absence_is_said() {
        let text = "[policy.rules.registry]\nmode = 'warn'";
        let settings = Settings::from_text(text, "t", &crate::cli::GlobalArgs::default()).unwrap();
        let args = SynthArgs { policy: true, ..SynthArgs::default() };
        assert!(run(&settings, &args, &mut console()).is_ok());
        let failure = run(&Settings::default(), &args, &mut console()).unwrap_err();
        assert!(failure.message.contains("there is no policy"), "{failure:?}");

        let dir = tempfile::tempdir().unwrap();
        let args = SynthArgs { out: Some(dir.path().to_owned()), ..SynthArgs::default() };
        run(&settings, &args, &mut console()).unwrap();
        let written = fs::read_to_string(dir.path().join("policy.json")).unwrap();
        assert_eq!(written, settings.policy.unwrap().json());
    }

    #[test]
    fn what_is_checked_is_told_and_a_template_of_the_owner_is_checked_too() {
        let stack = synth::stack_template(
            &Settings::default(),
            &locate(&Settings::default(), None).unwrap().0,
            Architecture::Arm64,
        )
        .unwrap();
        assert_eq!(capabilities(&stack), ["CAPABILITY_IAM"]);
        let own = "  Api:\n    Type: AWS::ApiGatewayV2::Api\n    Properties:\n      Name: {Ref: Absent}\n";
        let templates = std::collections::BTreeMap::from([("resources/api.yaml.tera".to_owned(), own.to_owned())]);
        let settings = Settings { templates, ..Settings::default() };
        let args = SynthArgs { check: true, ..SynthArgs::default() };
        let failure = run(&settings, &args, &mut console()).unwrap_err();
        assert!(failure.cause.unwrap().contains("Absent"));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let args = SynthArgs { out: Some(file.path().join("below")), ..SynthArgs::default() };
        let failure = run(&Settings::default(), &args, &mut console()).unwrap_err();
        assert!(failure.message.contains("below"), "{failure:?}");
    }
}
