//! The stack of the artefact's bucket: made where it is missing, brought up to date where ours would be another one. Its
//! bucket, which holds the zips of every deploy, is neither replaced nor deleted by us.

use std::collections::BTreeMap;

use serde_json::Value;

use super::draft::{BucketPlace, Site};
use crate::{
    console::Console,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    plan::{Layer, Texts, saved, template},
    settings::Settings,
    stack::{
        apply::{Prepared, Ready},
        change::{Action, ResourceChange},
        change_set::Wanted,
        recover::Consent,
    },
    synth,
};

/// A change set that brings the stack up to date. It must be carried out or abandoned.
pub(super) struct Refresh {
    ready: Box<Ready>,
    /// The templates, as trees.
    before: Value,
    after: Value,
    /// Which stack it was made for.
    pub(super) state: String,
}

impl Site {
    /// Only of a bucket that our own stack made and that is there: one that is missing is made, and that of the owner is
    /// the owner's.
    pub(super) async fn refresh(
        &self,
        settings: &Settings,
        consent: Option<&mut Consent>,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<Option<Refresh>, Failure> {
        let (BucketPlace::There(_), Some(stack)) = (&self.bucket, &self.account.bootstrapped) else { return Ok(None) };
        let client = &self.account.bootstrap;
        let wanted = synth::bootstrap_template(settings)?;
        let deployed = client.template().await?;
        if deployed.as_ref() == Some(&wanted) && stack.tags == settings.tags {
            return Ok(None);
        }
        let none = BTreeMap::new();
        let change = Wanted::new(&wanted, &none, &settings.tags);
        let Prepared::Ready(ready) = client.prepare(&change, consent, console, interrupt).await? else {
            return Ok(None);
        };
        let state = saved::stack_digest(Some(stack), deployed.as_deref());
        // What somebody put there by other means may be anything; then only the change set speaks.
        let before = deployed.and_then(|text| synth::parse(&text).ok()).unwrap_or(Value::Null);
        let after = synth::parse(&wanted)?;
        if let Some(lost) = lost_bucket(&ready.change_set.changes, &before, &after) {
            client.abandon(&ready).await;
            return Err(refused(client.name(), lost));
        }
        Ok(Some(Refresh { ready, before, after, state }))
    }

    pub(super) async fn abandon_refresh(&self, refresh: Option<&Refresh>) {
        if let Some(refresh) = refresh {
            self.account.bootstrap.abandon(&refresh.ready).await;
        }
    }

    /// What the plan shows of it.
    pub(super) fn bootstrap_layer(
        &self,
        settings: &Settings,
        refresh: Option<&Refresh>,
    ) -> Result<Option<Layer>, Failure> {
        let layer = Layer { name: self.account.bootstrap.name().to_owned(), ..Layer::default() };
        Ok(match (&self.bucket, refresh) {
            (BucketPlace::Given(_), _) => None,
            (BucketPlace::There(bucket), None) => {
                Some(Layer { intention: format!("no change (the bucket {bucket} is there)"), ..layer })
            }
            (BucketPlace::There(bucket), Some(refresh)) => Some(Layer {
                intention: format!("update it (the bucket {bucket} stays)"),
                changes: true,
                resources: Layer::resources(
                    refresh.ready.change_set.changes.clone(),
                    Texts { before: &refresh.before, after: &refresh.after },
                ),
                ..layer
            }),
            (BucketPlace::Missing(bucket), _) => {
                let template = synth::parse(&synth::bootstrap_template(settings)?)?;
                let texts = Texts { before: &Value::Null, after: &template };
                Some(Layer {
                    intention: format!("create it, with the bucket {bucket}"),
                    changes: true,
                    resources: Layer::resources(template::all_added(&template), texts),
                    ..layer
                })
            }
        })
    }

    /// Make sure of the bucket before anything is put into it.
    pub(super) async fn settle_bucket(
        &self,
        settings: &Settings,
        refresh: Option<&Refresh>,
        consent: Consent,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        let client = &self.account.bootstrap;
        if let Some(refresh) = refresh {
            console.step(&format!("Updating the bucket's stack {}", client.name()));
            client.carry_out(&refresh.ready, console, interrupt).await?;
            console.say("updated");
        }
        if let BucketPlace::Missing(_) = &self.bucket {
            self.make_bucket(settings, consent, console, interrupt).await?;
        }
        Ok(())
    }

    async fn make_bucket(
        &self,
        settings: &Settings,
        mut consent: Consent,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<(), Failure> {
        console.step(&format!("Making the bucket (stack {})", self.account.bootstrap.name()));
        let template = synth::bootstrap_template(settings)?;
        let none = BTreeMap::new();
        let wanted = Wanted::new(&template, &none, &settings.tags);
        let (_, stack) = self.account.bootstrap.apply(&wanted, &mut consent, console, interrupt).await?;
        let made = stack.output(synth::OUTPUT_BUCKET_NAME)?;
        if made == self.bucket.name() {
            return Ok(());
        }
        Err(Failure::new(format!("the bucket was to be {}, and the stack made {made}", self.bucket.name()))
            .with_hint("Run deployer deploy again: it takes the bucket that is there."))
    }
}

/// What would happen to the bucket, where that is more than a change in place.
fn lost_bucket(changes: &[ResourceChange], before: &Value, after: &Value) -> Option<&'static str> {
    let mut buckets = changes.iter().filter(|change| change.resource_type == "AWS::S3::Bucket");
    buckets.find_map(|change| match change.action {
        Action::Replace => Some("replaced"),
        // Of a bucket's properties, only its name takes a new one.
        Action::MayReplace => {
            let name = |template: &Value| template["Resources"][&change.logical_id]["Properties"]["BucketName"].clone();
            (name(before).is_null() || name(before) != name(after)).then_some("replaced")
        }
        Action::Remove => Some("deleted"),
        Action::Add | Action::Change => None,
    })
}

fn refused(stack: &str, lost: &str) -> Failure {
    Failure::new(format!("an update of the stack {stack} would have its bucket {lost}, and with it the zips of every deploy"))
        .with_hint(
            "Nothing was changed. Take back what was changed in bootstrap.yaml.tera; or name a bucket of yours in artifact_bucket, and the stack is left alone.",
        )
        .with_code(ExitCode::Unsafe)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bucket_may_be_changed_in_place_and_nothing_more() {
        let change = |action, kind: &str| ResourceChange {
            action,
            logical_id: "R".to_owned(),
            resource_type: kind.to_owned(),
            properties: Vec::new(),
        };
        let template = |name: &str| json!({ "Resources": { "R": { "Properties": { "BucketName": name } } } });
        let (ours, other) = (template("a"), template("b"));
        for (action, before, lost) in [
            (Action::Add, &ours, None),
            (Action::Change, &ours, None),
            (Action::MayReplace, &ours, None),
            (Action::MayReplace, &other, Some("replaced")),
            (Action::MayReplace, &Value::Null, Some("replaced")),
            (Action::Replace, &ours, Some("replaced")),
            (Action::Remove, &ours, Some("deleted")),
        ] {
            let policy = change(Action::Replace, "AWS::S3::BucketPolicy");
            let changes = [policy, change(action, "AWS::S3::Bucket")];
            assert_eq!(lost_bucket(&changes, before, &ours), lost, "{action:?} of {before}");
        }
        assert!(refused("app-bootstrap", "replaced").message.contains("would have its bucket replaced"));
    }
}
