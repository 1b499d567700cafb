//! The environment by which unmodified programs (the deployer, kubectl, the aws CLI) work against the local world, for
//! children started here and as a file for a person's shell. It must lead to the local world alone.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::addresses::Addresses;
use crate::trouble::{Context, Result};

/// What a user's shell may hold that would lead elsewhere.
pub const UNSET: &[&str] =
    &["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE", "ALL_PROXY", "all_proxy", "https_proxy"];

/// Names and values, in the order they are written.
pub type Variables = Vec<(&'static str, String)>;

/// The one variable whose value is put behind what is there, instead of replacing it.
const PATH: &str = "PATH";

/// What every program needs.
#[must_use]
pub fn variables(world: &Addresses) -> Variables {
    let bundle = world.ca_bundle.display().to_string();
    let mut variables = vec![
        ("KUBECONFIG", world.kubeconfig.display().to_string()),
        ("AWS_REGION", world.region.clone()),
        ("AWS_DEFAULT_REGION", world.region.clone()),
        // Fakes: the local AWS takes a 12-digit access key for the account.
        ("AWS_ACCESS_KEY_ID", world.account.clone()),
        ("AWS_SECRET_ACCESS_KEY", "local-world".to_owned()),
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_ENDPOINT_URL", world.aws_endpoint.clone()),
        ("AWS_ENDPOINT_URL_ECR", world.ecr_endpoint.clone()),
        ("HTTPS_PROXY", world.proxy.clone()),
        ("NO_PROXY", "127.0.0.1".to_owned()),
        ("no_proxy", "127.0.0.1".to_owned()),
        ("SSL_CERT_FILE", bundle.clone()),
        ("CURL_CA_BUNDLE", bundle),
    ];
    // Behind the user's own programs: a kubectl or cargo-lambda that is there stays the one that is used.
    variables.extend(world.kubectl_dir.iter().map(|dir| (PATH, dir.display().to_string())));
    variables.extend(folder_of("cargo-lambda").map(|dir| (PATH, dir.display().to_string())));
    variables
}

/// Where a program of this process's own path is: what `make` put there, a person's shell does not have.
fn folder_of(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os(PATH)?;
    std::env::split_paths(&path).find(|dir| dir.join(program).is_file())
}

/// Sets them for a child, and unsets what leads elsewhere.
pub fn apply(command: &mut tokio::process::Command, variables: &Variables) {
    for name in UNSET {
        command.env_remove(name);
    }
    let mut path = std::env::var(PATH).unwrap_or_default();
    for (name, value) in variables {
        if *name == PATH {
            path = format!("{path}:{value}");
        } else {
            command.env(name, value);
        }
    }
    command.env(PATH, path);
    // Cargo, which the deployer runs, has nothing to do with the local world: it keeps the user's own way out.
    let own = std::env::var("CARGO_HTTP_PROXY").or_else(|_| std::env::var("HTTPS_PROXY")).unwrap_or_default();
    command.env("CARGO_HTTP_PROXY", own);
}

/// Writes a file to be sourced, readable by its owner alone.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, variables: &Variables) -> Result<()> {
    let mut text = format!("# To be sourced: `. {}`\nunset {}\n", path.display(), UNSET.join(" "));
    for (name, value) in variables {
        // Writing to a String cannot fail.
        let before = if *name == PATH { "\"$PATH\":" } else { "" };
        let _ = writeln!(text, "export {name}={before}{}", quoted(value));
    }
    write_private(path, &text)
}

/// Writes a file that only its owner may read, in the place of one that may be there.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    let _ = std::fs::remove_file(path);
    let mut options = std::fs::File::options();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).while_doing(|| format!("writing {}", path.display()))
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_values_so_that_a_shell_reads_them_unchanged() {
        assert_eq!(quoted("a b$c"), "'a b$c'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
