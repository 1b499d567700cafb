//! Plans, saved plans, and stacks that failed half-way, with failures injected into the local `CloudFormation`. Begins and
//! ends with nothing deployed.

use std::path::PathBuf;

use local_world::addresses::Addresses;
use local_world::deploy::{Deployer, Finished};
use local_world::root;
use local_world::trouble::{Context, Result, Trouble};
use serde_json::{Value, json};

use crate::report::Report;

/// What an owner may change between two deploys: parameters, and with them the role.
const MORE_REGISTRIES: &str = "[registry]\nids = [\"111122223333\", \"444455556666\"]\n";

/// For this machine, like the function, and no function.
const ANOTHER_PROGRAM: &str = "/bin/true";

pub(crate) async fn run(world: &Addresses, deployer: &Deployer, report: &mut Report) {
    let stage = Stage { faults: world.dir.join("aws/faults.json"), saved: world.dir.join("plan.json"), deployer };
    report.scenario("plan: of nothing, everything is added, and nothing is left", stage.plan_of_nothing()).await;
    report.scenario("plan: a saved one is carried out once, and not when cut off", stage.saved_plan()).await;
    report.scenario("plan: no changes", stage.no_changes()).await;
    report.scenario("plan: the bucket's stack is brought up to date, and its bucket stays", stage.other_bucket()).await;
    report.scenario("plan: values, and rights that grow", stage.more_rights()).await;
    report.scenario("deploy: a failed update names its cause, and the next one converges", stage.failed_update()).await;
    report.scenario("deploy: a rollback that is stuck is continued", stage.stuck_rollback()).await;
    report.scenario("cancel: a running update is taken back", stage.cancelled()).await;
    report.scenario("rollback --code: the zip before, and back again", stage.code()).await;
    report.scenario("rollback --code: what does not answer is not left in force", stage.bad_code()).await;
    report.scenario("destroy: what cannot be deleted is named and can be kept", stage.stuck_destroy()).await;
    let _ = std::fs::remove_file(&stage.faults);
}

struct Stage<'a> {
    faults: PathBuf,
    saved: PathBuf,
    deployer: &'a Deployer,
}

impl Stage<'_> {
    async fn with_function(&self, arguments: &[&str]) -> Result<Finished> {
        let [flag, path] = self.deployer.function();
        self.deployer.run(&[arguments, &[&flag, &path]].concat(), false).await
    }

    /// Written aside and renamed, as `patches/faults.py` wants it.
    fn inject(&self, faults: &Value) -> Result<()> {
        let aside = self.faults.with_extension("aside");
        std::fs::write(&aside, faults.to_string()).while_doing(|| "writing faults".to_owned())?;
        std::fs::rename(&aside, &self.faults).while_doing(|| "writing faults".to_owned())
    }

    async fn plan_of_nothing(&self) -> Result<()> {
        for _ in 0..2 {
            let plan = self.with_function(&["plan", "--exit-code"]).await?;
            says(&plan, 5, &["+ Bucket ", "+ Api ", "webhook: ", "create it", "to add, 0 to change"])?;
        }
        says(&self.deployer.run(&["cancel"], false).await?, 1, &["there is no stack"])
    }

    async fn saved_plan(&self) -> Result<()> {
        let file = self.saved.display().to_string();
        self.with_function(&["plan", "--save", &file]).await?.well("plan --save")?;
        let whole = std::fs::read(&self.saved).while_doing(|| "reading the plan".to_owned())?;
        std::fs::write(&self.saved, &whole[..whole.len() / 2]).while_doing(|| "cutting the plan".to_owned())?;
        let arguments = ["deploy", "--plan", file.as_str()];
        let carry_out = || self.deployer.run(&arguments, false);
        says(&carry_out().await?, 3, &["is not whole", "Nothing was changed"])?;
        std::fs::write(&self.saved, &whole).while_doing(|| "restoring the plan".to_owned())?;
        says(&carry_out().await?, 0, &["Proven", "protected against deletion"])?;
        says(&carry_out().await?, 4, &["the stack was changed since it was made", "Nothing was changed"])
    }

    async fn no_changes(&self) -> Result<()> {
        says(&self.with_function(&["plan", "--exit-code"]).await?, 0, &["no changes"])?;
        // Nothing to approve, so nobody needs to be asked.
        says(&self.with_function(&["deploy"]).await?, 0, &["no changes", "Done"])
    }

    /// As a newer deployer has it: another template of the bucket's stack.
    async fn other_bucket(&self) -> Result<()> {
        let folder = self.saved.with_file_name("templates");
        std::fs::create_dir_all(&folder).while_doing(|| "making a folder for templates".to_owned())?;
        let ours = root::checkout()?.join("templates/bootstrap.yaml.tera");
        let ours = std::fs::read_to_string(&ours).while_doing(|| "reading our template".to_owned())?;
        let put = |from: &str, to: &str| {
            let text = ours.replace(from, to);
            if text == ours {
                return Err(Trouble::new(format!("the template has no {from} any more")));
            }
            std::fs::write(folder.join("bootstrap.yaml.tera"), text).while_doing(|| "writing a template".to_owned())
        };
        let dir = folder.display().to_string();
        let arguments = ["--templates", dir.as_str()];
        let plan = ["plan", "--exit-code"];

        put("NoncurrentDays: 30", "NoncurrentDays: 31")?;
        let told = ["bootstrap: ", "update it (the bucket ", " Bucket ", "NoncurrentDays"];
        says(&self.with_function(&[&plan[..], &arguments].concat()).await?, 5, &told)?;
        says(&self.with_function(&[&["deploy", "--yes"][..], &arguments].concat()).await?, 0, &["bucket's stack"])?;
        says(&self.with_function(&[&plan[..], &arguments].concat()).await?, 0, &["no changes"])?;

        put("Fn::Sub: ecr-compliance-webhook-", "Fn::Sub: another-webhook-")?;
        let refused = self.with_function(&[&["deploy", "--yes"][..], &arguments].concat()).await?;
        says(&refused, 4, &["would have its bucket replaced", "Nothing was changed"])?;

        // Back to ours.
        self.deployer.deploy(false).await?.well("deploy of our own bucket")?;
        says(&self.with_function(&plan).await?, 0, &["no changes"])
    }

    async fn more_rights(&self) -> Result<()> {
        self.deployer.configure(MORE_REGISTRIES)?;
        let plan = self.with_function(&["plan", "--exit-code"]).await?;
        says(&plan, 5, &["~ parameter RegistryId: \"\" → ", "! more rights: ", "444455556666", "~ Function "])?;
        let declined = self.with_function(&["deploy"]).await?;
        says(&declined, 3, &["cannot be asked"])?;
        // The change set of the declined plan is gone: the next one is the same.
        says(&self.with_function(&["plan", "--exit-code"]).await?, 5, &["more rights"])
    }

    async fn failed_update(&self) -> Result<()> {
        self.inject(&json!({ "fail": [{ "resource": "Function", "on": "update", "reason": "told to fail" }] }))?;
        let failed = self.deployer.deploy(false).await?;
        says(&failed, 1, &["error: the stack", "Function (AWS::Lambda::Function): told to fail"])?;
        self.deployer.deploy(false).await?.well("deploy after a failed update").map(drop)
    }

    async fn stuck_rollback(&self) -> Result<()> {
        self.deployer.configure("")?;
        self.inject(&json!({ "fail": [
            { "resource": "Function", "on": "update", "reason": "told to fail" },
            { "resource": "FunctionRolePolicy", "on": "rollback", "reason": "told to be stuck" },
        ] }))?;
        let failed = self.deployer.deploy(false).await?;
        says(&failed, 1, &["Function (AWS::Lambda::Function): told to fail"])?;
        if !failed.said.contains("UPDATE_ROLLBACK_FAILED") {
            return Err(Trouble::new(format!("the rollback was not stuck:\n{}", failed.said)));
        }
        let asked = self.with_function(&["deploy"]).await?;
        says(&asked, 4, &["UPDATE_ROLLBACK_FAILED", "deployer deploy --recover continue", "FunctionRolePolicy"])?;
        self.deployer.deploy(false).await?.well("deploy out of a stuck rollback").map(drop)
    }

    async fn cancelled(&self) -> Result<()> {
        self.deployer.configure(MORE_REGISTRIES)?;
        self.inject(&json!({ "step_delay_ms": 500 }))?;
        let moves = |line: &Value| line["kind"] == "stack-event" && line["status"] == "UPDATE_IN_PROGRESS";
        let [flag, path] = self.deployer.function();
        let killed = self.deployer.killed_when(&["deploy", "--yes", &flag, &path], moves).await?;
        let cancelled = self.deployer.run(&["cancel"], false).await?;
        self.inject(&json!({}))?;
        if !killed {
            return Err(Trouble::new("the update was over before it could be cancelled"));
        }
        says(&cancelled, 0, &["is cancelled", "UPDATE_ROLLBACK_COMPLETE"])?;
        says(&self.deployer.run(&["cancel"], false).await?, 3, &["there is no update to cancel"])
    }

    async fn code(&self) -> Result<()> {
        self.deployer.configure("[policy.namespaces.lab]\nregistry = \"warn\"\n")?;
        self.deployer.deploy(false).await?.well("deploy of other code")?;
        self.deployer.configure("")?;
        for _ in 0..2 {
            let back = self.deployer.run(&["rollback", "--code", "--yes"], false).await?;
            says(
                &back,
                0,
                &["now: ", "before: ", "~ Function ", "a wrong caller: expected", "the code is the one from before"],
            )?;
        }
        // Twice back is where it was: with the policy, so a deploy without one is a change of the code.
        says(&self.with_function(&["plan", "--exit-code"]).await?, 5, &["~ Code.S3Key"])
    }

    /// A program that answers nobody was deployed before; a deploy goes no further than to its probe.
    async fn bad_code(&self) -> Result<()> {
        let probing = |line: &Value| {
            line["kind"] == "step" && line["text"].as_str().is_some_and(|text| text.starts_with("Probing"))
        };
        let killed = self.deployer.killed_when(&["deploy", "--yes", "--artifact", ANOTHER_PROGRAM], probing).await?;
        if !killed {
            return Err(Trouble::new("the deploy of another program was not probed"));
        }
        self.deployer.deploy(false).await?.well("deploy over another program")?;
        let back = self.deployer.run(&["rollback", "--code", "--yes"], false).await?;
        says(
            &back,
            1,
            &["should get a denial", "Going forth again", "the code from before does not answer as it must"],
        )?;
        says(&self.with_function(&["plan", "--exit-code"]).await?, 0, &["no changes"])
    }

    async fn stuck_destroy(&self) -> Result<()> {
        self.inject(
            &json!({ "fail": [{ "resource": "FunctionLogGroup", "on": "delete", "reason": "told to stay" }] }),
        )?;
        let failed = self.deployer.destroy(false).await?;
        says(&failed, 4, &["FunctionLogGroup", "told to stay", "deployer destroy --retain FunctionLogGroup"])?;
        let stranger = self.deployer.run(&["destroy", "--yes", "--retain", "Api"], false).await?;
        says(&stranger, 2, &["--retain Api: it is not among what failed"])?;
        self.deployer.destroy(false).await?.well("destroy after a failed one").map(drop)
    }
}

fn says(run: &Finished, code: i32, words: &[&str]) -> Result<()> {
    let missing: Vec<&&str> = words.iter().filter(|word| !run.said.contains(**word)).collect();
    if run.code == code && missing.is_empty() {
        return Ok(());
    }
    Err(Trouble::new(format!("exit code {} (wanted {code}), without {missing:?}:\n{}", run.code, run.said)))
}
