//! A deployed template with another zip in it. The zip and its architecture go together, and nothing else may change: what
//! cannot be edited to exactly that is refused. Pure.

use serde_json::{Value, json};

use crate::{
    error::{ExitCode, Failure},
    settings::{Architecture, Word},
    synth,
};

/// Where the deployed zip is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Deployed {
    /// The template as it is deployed.
    pub(super) template: String,
    pub(super) bucket: String,
    pub(super) key: String,
    /// `arm64` or `x86_64`.
    pub(super) architecture: String,
}

impl Deployed {
    /// Bucket, key and architecture of the function in a template; `None` where they are no literals.
    pub(super) fn of(template: String) -> Option<Self> {
        let parsed = synth::parse(&template).ok()?;
        let properties = &parsed["Resources"]["Function"]["Properties"];
        let [bucket, key] = ["S3Bucket", "S3Key"].map(|name| properties["Code"][name].as_str().map(str::to_owned));
        let architecture = properties["Architectures"][0].as_str()?.to_owned();
        Some(Self { bucket: bucket?, key: key?, architecture, template })
    }

    /// The template with the zip `key`, which is for `architecture`.
    ///
    /// # Errors
    /// `Refused` when the text is not of our making, and more or less than that would change.
    pub(super) fn with(&self, key: &str, architecture: Architecture) -> Result<String, Failure> {
        // The key is a hash: it stands nowhere else in the text.
        let template = self.template.replace(&self.key, key);
        let word = architecture.word();
        let template = if word == self.architecture { template } else { self.built_for(&template, word) };
        let wanted = self.wanted(key, word)?;
        if synth::parse(&template)? == wanted {
            return Ok(template);
        }
        Err(Failure::new(
            "the deployed template cannot be given the zip from before and its architecture, and nothing else",
        )
        .with_hint("Deploy the code you want: deployer deploy --artifact FILE")
        .with_code(ExitCode::Refused))
    }

    /// The architecture is the one item below its key.
    fn built_for(&self, template: &str, word: &str) -> String {
        let mut lines: Vec<String> = template.lines().map(str::to_owned).collect();
        let below = lines.iter().position(|line| line.trim() == "Architectures:").map(|at| at + 1);
        if let Some(line) = below.and_then(|at| lines.get_mut(at)) {
            *line = line.replace(&self.architecture, word);
        }
        lines.join("\n") + "\n"
    }

    /// What the template must mean then.
    fn wanted(&self, key: &str, word: &str) -> Result<Value, Failure> {
        let mut wanted = synth::parse(&self.template)?;
        let properties = &mut wanted["Resources"]["Function"]["Properties"];
        properties["Code"]["S3Key"] = json!(key);
        properties["Architectures"] = json!([word]);
        if let Some(output) = wanted.pointer_mut(&format!("/Outputs/{}/Value", synth::OUTPUT_FUNCTION_CODE)) {
            *output = json!(key);
        }
        Ok(wanted)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::{settings::Settings, synth::ArtifactLocation};

    fn template(key: &str, architecture: Architecture) -> String {
        let location = ArtifactLocation { bucket: "b".to_owned(), key: key.to_owned() };
        synth::stack_template(&Settings::default(), &location, architecture).unwrap()
    }

    #[test]
    fn the_template_is_the_one_that_a_deploy_of_that_zip_makes() {
        for (from, to) in [
            (Architecture::Arm64, Architecture::Arm64),
            (Architecture::Arm64, Architecture::X86_64),
            (Architecture::X86_64, Architecture::Arm64),
        ] {
            let deployed = Deployed::of(template("stack/lambda/0a.zip", from)).unwrap();
            assert_eq!(deployed.architecture, from.word());
            let back = deployed.with("stack/lambda/0b.zip", to).unwrap();
            assert_eq!(back, template("stack/lambda/0b.zip", to), "{from:?} to {to:?}");
        }
    }

    #[test]
    fn a_text_in_which_something_else_would_change_is_refused() {
        let text = template("stack/lambda/0a.zip", Architecture::Arm64);
        for (case, text) in [
            ("the key elsewhere", text.replace("Admission reviews from Kubernetes", "stack/lambda/0a.zip")),
            (
                "the architecture in a line of its own",
                text.replace("Architectures:\n        - \"arm64\"", "Architectures: [arm64]"),
            ),
        ] {
            let deployed = Deployed::of(text).unwrap();
            let failure = deployed.with("stack/lambda/0b.zip", Architecture::X86_64).unwrap_err();
            assert_eq!(failure.code, ExitCode::Refused, "{case}");
        }
        assert_eq!(Deployed::of("Resources: {}".to_owned()), None);
    }
}
