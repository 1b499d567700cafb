//! The two files by which an API server sends the caller's secret as a token (`docs/callers.md`): an
//! `AdmissionConfiguration`, and the kubeconfig it names. The latter holds the secret; both are for their owner's eyes only.

use std::path::Path;

use crate::{
    cluster::caller::Caller,
    console::Console,
    error::{ExitCode, Failure},
};

const CONFIGURATION: &str = "configuration.yaml";
const KUBECONFIG: &str = "kubeconfig.yaml";

/// Writes both into a folder, which is made where it is not there; `there` is the folder they will lie in on an API server,
/// an absolute path, as Kubernetes wants it.
///
/// # Errors
/// When the endpoint is of no form that the file can name, or a file cannot be written.
pub(super) fn write(
    dir: &Path,
    there: &str,
    endpoint: &str,
    caller: &Caller,
    console: &mut Console,
) -> Result<(), Failure> {
    let kubeconfig = kubeconfig(endpoint, caller)?;
    std::fs::create_dir_all(dir)
        .map_err(|error| Failure::new(format!("{} cannot be made", dir.display())).caused_by(&error))?;
    for (name, text) in [(CONFIGURATION, configuration(there)), (KUBECONFIG, kubeconfig)] {
        let path = dir.join(name);
        super::write_private(&path, &text)
            .map_err(|error| Failure::new(format!("{} cannot be written", path.display())).caused_by(&error))?;
    }
    let shown = dir.display();
    console.say(&format!("wrote {shown}/{CONFIGURATION} and {shown}/{KUBECONFIG} (it holds the token)"));
    console.say(&format!("Put both into {there} of every API server of {}, and start them with", caller.name));
    console.say(&format!("--admission-control-config-file={there}/{CONFIGURATION}"));
    Ok(())
}

fn configuration(there: &str) -> String {
    let path = format!("{there}/{KUBECONFIG}");
    format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n  \
         - name: ValidatingAdmissionWebhook\n    configuration:\n      \
         apiVersion: apiserver.config.k8s.io/v1\n      kind: WebhookAdmissionConfiguration\n      \
         kubeConfigFile: {path:?}\n"
    )
}

/// The user is named as the host of the URL, with the port where it is not 443: so the API server looks it up.
fn kubeconfig(endpoint: &str, caller: &Caller) -> Result<String, Failure> {
    let host = endpoint.strip_prefix("https://").map(|host| host.trim_end_matches('/')).filter(|host| !host.is_empty());
    let host = host.ok_or_else(|| {
        Failure::new(format!("the endpoint {endpoint} is no https://host, so no token can be given for it"))
            .with_code(ExitCode::Usage)
    })?;
    let host = host.strip_suffix(":443").unwrap_or(host);
    let token = caller.secret.expose();
    Ok(format!("apiVersion: v1\nkind: Config\nusers:\n  - name: {host:?}\n    user:\n      token: {token:?}\n"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_files_name_each_other_and_the_host_and_only_their_owner_may_read_them() {
        let secret = "ab".repeat(32);
        let caller = Caller::from_url(&format!("https://x/v1/blue/{secret}")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut console = Console::injected(Box::new(std::io::sink()), Box::new(std::io::sink()), None, true);
        for (endpoint, host) in [
            ("https://api.example.com", "api.example.com"),
            ("https://api.example.com:443/", "api.example.com"),
            ("https://api.example.com:8443", "api.example.com:8443"),
        ] {
            let folder = dir.path().join("admission");
            write(&folder, "/srv/admission", endpoint, &caller, &mut console).unwrap();
            let read = |name: &str| -> Value {
                serde_saphyr::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
            };
            let user = json!({ "name": host, "user": { "token": secret } });
            assert_eq!(read(KUBECONFIG)["users"], json!([user]), "{endpoint}");
            let plugin = &read(CONFIGURATION)["plugins"][0];
            assert_eq!(plugin["name"], "ValidatingAdmissionWebhook");
            assert_eq!(plugin["configuration"]["kubeConfigFile"], "/srv/admission/kubeconfig.yaml");
            #[cfg(unix)]
            for name in [CONFIGURATION, KUBECONFIG] {
                use std::os::unix::fs::PermissionsExt;
                assert_eq!(std::fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777, 0o600);
            }
        }
    }
}
