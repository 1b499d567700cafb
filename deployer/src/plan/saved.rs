//! A plan in a file, to be carried out later, exactly so or not at all. No secret is in it: where a cluster has no caller's
//! secret yet, only that is noted. The function's zip lies beside it.
//!
//! The file names where it belongs and what the world looked like; `check` compares, and never guesses.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    artifact::{Artifact, hex},
    error::{ExitCode, Failure},
    settings::{Architecture, Settings, Word},
    stack::Stack,
};

/// `schema` of the file: another one is not read.
const SCHEMA: &str = "deployer-plan/2";

/// What was planned, and for which world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// Shape of this file.
    pub schema: String,
    /// Version of the deployer: another one may make something else of the same settings.
    pub deployer: String,
    /// What it was made for and from.
    pub world: World,
    /// The stack's template.
    pub template: String,
    /// Its parameters; those who call are in `world.clusters`.
    pub parameters: BTreeMap<String, String>,
    /// Tags of the stack.
    pub tags: BTreeMap<String, String>,
    /// The function.
    pub artifact: SavedArtifact,
    /// Hash of all of the above: a file that was cut off or edited is not carried out.
    pub digest: String,
}

/// What must be the same when it is carried out. Digests of what is long, or not for everybody's eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// Twelve digits.
    pub account: String,
    /// `aws` and the like.
    pub partition: String,
    /// `eu-west-1` and the like.
    pub region: String,
    /// Of all settings.
    pub settings: String,
    /// Name of the stack.
    pub stack: String,
    /// Of the stack as it was found: id, status, time of its last change, template, parameters, tags.
    pub stack_state: String,
    /// The bucket, and whether it was there.
    pub bucket: String,
    /// Every cluster, in the order in which they are worked on.
    pub clusters: Vec<ClusterWorld>,
}

/// The same of one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterWorld {
    /// The kubeconfig's context and the API server.
    pub cluster: String,
    /// Of the webhook configuration as it was found.
    pub webhook_state: String,
    /// Name of the cluster in the route, and whether it has a secret already.
    pub caller: String,
}

/// Where the zip is, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedArtifact {
    /// File name, beside the plan.
    pub file: String,
    /// SHA-256 of the zip.
    pub zip: String,
    /// SHA-256 of the binary in it.
    pub binary: String,
    /// What its key is made of.
    pub content: String,
    /// `arm64` or `x86_64`.
    pub architecture: String,
    /// Where it lies in the bucket.
    pub bucket: String,
    /// Its key there.
    pub key: String,
}

/// Of settings, whatever they hold. The same version of the deployer gives the same text.
#[must_use]
pub fn settings_digest(settings: &Settings, ca_bundles: &[Option<&str>]) -> String {
    digest(&format!("{settings:?}\0{ca_bundles:?}"))
}

/// Of a stack and its template.
#[must_use]
pub fn stack_digest(stack: Option<&Stack>, template: Option<&str>) -> String {
    let Some(stack) = stack else { return "absent".to_owned() };
    digest(&format!(
        "{}\0{}\0{:?}\0{:?}\0{:?}\0{template:?}",
        stack.id,
        stack.status.as_str(),
        stack.changed_millis,
        stack.parameters,
        stack.tags
    ))
}

/// Of a webhook configuration: what it is, not who looked at it last.
#[must_use]
pub fn webhook_digest(object: Option<&Value>) -> String {
    let Some(object) = object else { return "absent".to_owned() };
    let metadata = &object["metadata"];
    digest(&json!([metadata["uid"], metadata["labels"], metadata["annotations"], object["webhooks"]]).to_string())
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// What is to be saved besides the world.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// The template.
    pub template: &'a str,
    /// Its parameters, without those who call.
    pub parameters: &'a BTreeMap<String, String>,
    /// Tags of the stack.
    pub tags: &'a BTreeMap<String, String>,
    /// The function.
    pub artifact: &'a Artifact,
    /// Bucket and key.
    pub location: (&'a str, &'a str),
}

impl SavedPlan {
    /// Write the plan to `path` and the zip beside it, whole or not at all, for its owner's eyes only.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(path: &Path, world: World, draft: &Draft<'_>) -> Result<PathBuf, Failure> {
        let zip_path = zip_beside(path);
        let artifact = SavedArtifact {
            file: zip_path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            zip: hex(&Sha256::digest(&draft.artifact.zip)),
            binary: draft.artifact.sha256.clone(),
            content: draft.artifact.content.clone(),
            architecture: draft.artifact.architecture.word().to_owned(),
            bucket: draft.location.0.to_owned(),
            key: draft.location.1.to_owned(),
        };
        let mut plan = Self {
            schema: SCHEMA.to_owned(),
            deployer: env!("CARGO_PKG_VERSION").to_owned(),
            world,
            template: draft.template.to_owned(),
            parameters: draft.parameters.clone(),
            tags: draft.tags.clone(),
            artifact,
            digest: String::new(),
        };
        plan.digest = plan.own_digest()?;
        let text = serde_json::to_string_pretty(&plan).map_err(|error| unwritable(path, &error))?;
        replace(&zip_path, &draft.artifact.zip).map_err(|error| unwritable(&zip_path, &error))?;
        replace(path, format!("{text}\n").as_bytes()).map_err(|error| unwritable(path, &error))?;
        Ok(zip_path)
    }

    /// Read a plan and its zip.
    ///
    /// # Errors
    /// `Refused` when it is not whole, not ours, or of another version; nothing was changed.
    pub fn read(path: &Path) -> Result<(Self, Artifact), Failure> {
        let name = path.display();
        let bytes = fs::read(path)
            .map_err(|error| Failure::usage(format!("the plan {name} cannot be read")).caused_by(&error))?;
        let refused = |what: &str| {
            Failure::new(format!("the plan {name} {what}"))
                .with_hint("Nothing was changed. Plan again: deployer plan --save FILE")
                .with_code(ExitCode::Refused)
        };
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|error| refused("is not whole, or is no plan").caused_by(&error))?;
        let text = |key: &str| value[key].as_str().unwrap_or("nothing").to_owned();
        if text("schema") != SCHEMA {
            return Err(refused(&format!("has the schema {}, and this deployer reads {SCHEMA}", text("schema"))));
        }
        if text("deployer") != env!("CARGO_PKG_VERSION") {
            let (theirs, ours) = (text("deployer"), env!("CARGO_PKG_VERSION"));
            return Err(refused(&format!("was made by the deployer {theirs}, and this is {ours}")));
        }
        let plan: Self =
            serde_json::from_value(value).map_err(|error| refused("is not whole, or is no plan").caused_by(&error))?;
        if plan.digest != plan.own_digest()? {
            return Err(refused("was changed after it was saved, or is not whole"));
        }
        let zip_path = path.with_file_name(&plan.artifact.file);
        let zip = fs::read(&zip_path)
            .map_err(|error| refused(&format!("comes without its zip {}", zip_path.display())).caused_by(&error))?;
        if hex(&Sha256::digest(&zip)) != plan.artifact.zip {
            return Err(refused(&format!("and its zip {} do not belong together", zip_path.display())));
        }
        let word = &plan.artifact.architecture;
        let architecture = Architecture::ALL.iter().find(|known| known.word() == word);
        let architecture = *architecture.ok_or_else(|| refused(&format!("names the architecture {word}")))?;
        let SavedArtifact { binary, content, .. } = plan.artifact.clone();
        Ok((plan, Artifact { zip, sha256: binary, content, architecture, needs_newer_glibc: None }))
    }

    /// Compare the world it was made for with the one that is.
    ///
    /// # Errors
    /// `Unsafe`, naming all that differs.
    pub fn check(&self, now: &World) -> Result<(), Failure> {
        let moved = self.world.differences(now);
        if moved.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!("the plan does not fit any more: {}", moved.join("; ")))
            .with_hint("Nothing was changed. Plan again: deployer plan --save FILE")
            .with_code(ExitCode::Unsafe))
    }

    fn own_digest(&self) -> Result<String, Failure> {
        let bare = Self { digest: String::new(), ..self.clone() };
        let text = serde_json::to_string(&bare).map_err(|error| Failure::new("a plan is no JSON").caused_by(&error))?;
        Ok(digest(&text))
    }
}

impl World {
    fn differences(&self, now: &Self) -> Vec<String> {
        let told = [
            ("it is for the account", &self.account, &now.account),
            ("it is for the partition", &self.partition, &now.partition),
            ("it is for the region", &self.region, &now.region),
            ("it is for the stack", &self.stack, &now.stack),
            ("it is for the bucket", &self.bucket, &now.bucket),
            ("it is for the cluster", &self.places(), &now.places()),
            ("it is for the caller", &self.callers(), &now.callers()),
        ];
        let moved = [
            ("the settings are others than when it was made", &self.settings, &now.settings),
            ("the stack was changed since it was made", &self.stack_state, &now.stack_state),
            ("the webhook configuration was changed since it was made", &self.webhooks(), &now.webhooks()),
        ];
        let told = told.into_iter().filter(|(_, then, now)| then != now);
        let told = told.map(|(what, then, now)| format!("{what} {then}, and here is {now}"));
        let moved = moved.into_iter().filter(|(_, then, now)| then != now).map(|(what, ..)| what.to_owned());
        told.chain(moved).collect()
    }

    fn places(&self) -> String {
        self.joined(|cluster| &cluster.cluster)
    }

    fn callers(&self) -> String {
        self.joined(|cluster| &cluster.caller)
    }

    fn webhooks(&self) -> String {
        self.joined(|cluster| &cluster.webhook_state)
    }

    fn joined(&self, field: fn(&ClusterWorld) -> &String) -> String {
        let all: Vec<&str> = self.clusters.iter().map(|cluster| field(cluster).as_str()).collect();
        all.join(", ")
    }
}

fn zip_beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".zip");
    path.with_file_name(name)
}

fn unwritable(path: &Path, error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new(format!("the plan {} cannot be written", path.display())).caused_by(error)
}

/// Written aside first: whoever reads it meanwhile, or after we were killed, finds the old one or the new one.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut aside = path.as_os_str().to_os_string();
    aside.push(".new");
    let aside = PathBuf::from(aside);
    let _ = fs::remove_file(&aside);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&aside, path)
}

#[cfg(test)]
mod tests;
