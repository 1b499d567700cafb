//! What `plan` and `deploy` have in common: look at account and cluster, work out what would be done, and say it as one
//! value. Nothing is changed here but for a change set, which whoever asks must carry out or abandon.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use super::{
    bootstrap::Refresh,
    member::{self, Member},
    site::Account,
};
use crate::{
    artifact::{self, Artifact},
    cli::FunctionArgs,
    console::Console,
    error::{ExitCode, Failure},
    interrupt::{Interrupt, interrupted},
    plan::{
        Layer, Plan, Texts, WebhookLayer,
        saved::{self, World},
        template,
    },
    settings::{Settings, Word},
    stack::{Stack, apply::Prepared, change_set::Wanted, recover::Consent},
    synth::{self, ArtifactLocation},
    upload::Bucket,
};

/// What was looked at before anything is changed.
pub(super) struct Site {
    pub(super) account: Account,
    /// At least one.
    pub(super) members: Vec<Member>,
    pub(super) bucket: BucketPlace,
}

/// Where the zip goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum BucketPlace {
    /// The owner's.
    Given(String),
    /// Ours, which is there.
    There(String),
    /// Ours, to be made by the bootstrap stack.
    Missing(String),
}

/// What would be done.
pub(super) struct Draft {
    pub(super) artifact: Artifact,
    pub(super) location: ArtifactLocation,
    pub(super) template: String,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
}

/// A draft that `CloudFormation` has worked out.
pub(super) struct Drafted {
    pub(super) prepared: Prepared,
    /// What brings the bucket's stack up to date.
    pub(super) bootstrap: Option<Refresh>,
    pub(super) plan: Plan,
    /// Of the stack as it was found.
    stack_state: String,
}

/// The binary that was given, or one that is built now.
pub(super) async fn obtain(
    settings: &Settings,
    args: &FunctionArgs,
    console: &mut Console,
    interrupt: &Interrupt,
) -> Result<Artifact, Failure> {
    let Some(binary) = &args.artifact else {
        console.step("Building the function");
        let source = args.source.as_deref().unwrap_or(Path::new("."));
        let built = interrupt.unless_asked(Box::pin(artifact::build(settings, source, console))).await;
        return built
            .unwrap_or_else(|| Err(interrupted("interrupted while the function was built; nothing was changed")));
    };
    let artifact = artifact::take(settings, binary)?;
    if let Some(warning) = artifact.warning() {
        console.warn(&warning);
    }
    Ok(artifact)
}

/// Again, now that account and region are known: under a policy that does not hold there, no Pod could be checked.
fn check_policy(settings: &Settings, account: &Account) -> Result<(), Failure> {
    let Some(policy) = &settings.policy else { return Ok(()) };
    policy.check(&account.identity.account, &account.aws.region).map_err(|errors| {
        Failure::usage(format!(
            "the policy cannot be in force in {}:\n  - {}",
            account.place(),
            errors.0.join("\n  - ")
        ))
    })
}

impl BucketPlace {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Given(name) | Self::There(name) | Self::Missing(name) => name,
        }
    }

    async fn look(settings: &Settings, account: &Account) -> Result<Self, Failure> {
        if let Some(bucket) = &settings.artifact_bucket {
            return Ok(Self::Given(bucket.clone()));
        }
        let name = account.bucket_name();
        let there = Bucket::new(&account.aws.config, &name, &account.identity.account).exists().await?;
        Ok(if there { Self::There(name) } else { Self::Missing(name) })
    }
}

impl Site {
    pub(super) async fn look(settings: &Settings, interrupt: &Interrupt) -> Result<Self, Failure> {
        let looked = interrupt.unless_asked(Box::pin(Self::look_on(settings))).await;
        looked.unwrap_or_else(|| Err(interrupted("interrupted; nothing was changed")))
    }

    async fn look_on(settings: &Settings) -> Result<Self, Failure> {
        let account = Account::look(settings).await?;
        check_policy(settings, &account)?;
        let bucket = BucketPlace::look(settings, &account).await?;
        let members = Member::all(settings).await?;
        Ok(Self { account, members, bucket })
    }

    /// The texts that `CloudFormation` gets.
    pub(super) fn draft(&self, settings: &Settings, artifact: Artifact) -> Result<Draft, Failure> {
        let location = ArtifactLocation { bucket: self.bucket.name().to_owned(), key: artifact.key(settings) };
        let template = synth::stack_template(settings, &location, artifact.architecture)?;
        let parameters = synth::parameters(settings, &member::digests(&self.members, self.account.caller_digests())?);
        Ok(Draft { artifact, location, template, parameters, tags: settings.tags.clone() })
    }

    /// Have `CloudFormation` work it out. Without `consent`, a stack that a person must decide about is a failure.
    pub(super) async fn work_out(
        &self,
        settings: &Settings,
        draft: &Draft,
        mut consent: Option<&mut Consent>,
        console: &mut Console,
        interrupt: &Interrupt,
    ) -> Result<Drafted, Failure> {
        let bootstrap = Box::pin(self.refresh(settings, consent.as_deref_mut(), console, interrupt)).await?;
        let prepared = match self.account.stack.prepare(&draft.wanted(), consent, console, interrupt).await {
            Ok(prepared) => prepared,
            Err(failure) => {
                self.abandon_refresh(bootstrap.as_ref()).await;
                return Err(failure);
            }
        };
        let found = match &prepared {
            Prepared::Unchanged(stack) | Prepared::Leftovers(stack) => Some(stack),
            Prepared::Ready(ready) => ready.found.as_ref(),
        };
        let planned = async {
            let before = if found.is_some() { self.account.stack.template().await? } else { None };
            let stack_state = saved::stack_digest(found, before.as_deref());
            let layer = self.bootstrap_layer(settings, bootstrap.as_ref())?;
            Ok::<_, Failure>((self.plan(settings, draft, &prepared, layer, found, before.as_deref())?, stack_state))
        };
        match planned.await {
            Ok((plan, stack_state)) => Ok(Drafted { prepared, bootstrap, plan, stack_state }),
            Err(failure) => {
                self.abandon(&prepared, bootstrap.as_ref()).await;
                Err(failure)
            }
        }
    }

    /// Leave no change set behind.
    pub(super) async fn abandon(&self, prepared: &Prepared, bootstrap: Option<&Refresh>) {
        if let Prepared::Ready(ready) = prepared {
            self.account.stack.abandon(ready).await;
        }
        self.abandon_refresh(bootstrap).await;
    }

    fn plan(
        &self,
        settings: &Settings,
        draft: &Draft,
        prepared: &Prepared,
        bootstrap: Option<Layer>,
        found: Option<&Stack>,
        before: Option<&str>,
    ) -> Result<Plan, Failure> {
        let stack = self.stack_layer(draft, prepared, found, before)?;
        let webhooks =
            self.members.iter().map(|member| member.layer(found)).collect::<Result<Vec<WebhookLayer>, Failure>>()?;
        let webhook_changes = webhooks.iter().any(|layer| layer.changes);
        let changes = stack.changes || webhook_changes || bootstrap.as_ref().is_some_and(|layer| layer.changes);
        Ok(Plan {
            place: self.account.place(),
            identity: self.account.identity.arn.clone(),
            function: format!("{} {}", draft.artifact.architecture.word(), &draft.artifact.sha256[..12]),
            policy: settings.policy.as_ref().map(crate::settings::OwnPolicy::version),
            bootstrap,
            stack,
            webhooks,
            changes,
        })
    }

    fn stack_layer(
        &self,
        draft: &Draft,
        prepared: &Prepared,
        found: Option<&Stack>,
        before: Option<&str>,
    ) -> Result<Layer, Failure> {
        let after = synth::parse(&draft.template)?;
        let out_of_date = found.zip(before).is_some_and(|(stack, text)| synth::is_out_of_date(text, &stack.parameters));
        // What somebody put there by other means may be anything; then only the change set speaks.
        let before = before.and_then(|text| synth::parse(text).ok()).unwrap_or(Value::Null);
        let texts = Texts { before: &before, after: &after };
        let status = found.map_or("absent", |stack| stack.status.as_str());
        let (intention, changes) = match prepared {
            Prepared::Unchanged(_) => (format!("no change (it is {status})"), Vec::new()),
            Prepared::Leftovers(_) => {
                let what = format!("delete what is left of a failed creation ({status}), then create it");
                (what, template::all_added(&after))
            }
            Prepared::Ready(ready) => {
                let is_shell = found.is_none_or(|stack| stack.status.as_str() == "REVIEW_IN_PROGRESS");
                let what = match (is_shell, out_of_date) {
                    (true, _) => "create it".to_owned(),
                    (false, false) => format!("update it (it is {status})"),
                    (false, true) => format!("update it (it is {status}; {})", synth::OUT_OF_DATE),
                };
                (what, ready.change_set.changes.clone())
            }
        };
        let none = BTreeMap::new();
        let (parameters, tags) = found.map_or((&none, &none), |stack| (&stack.parameters, &stack.tags));
        let unchanged = matches!(prepared, Prepared::Unchanged(_));
        let values = Layer::values([parameters, draft.wanted().parameters()], [tags, &draft.tags], texts);
        Ok(Layer {
            name: self.account.stack.name().to_owned(),
            intention,
            changes: !unchanged,
            values: if unchanged { Vec::new() } else { values },
            resources: Layer::resources(changes, texts),
        })
    }

    /// What a saved plan is held to.
    pub(super) fn world(&self, settings: &Settings, drafted: &Drafted) -> World {
        let ca_bundles: Vec<_> = self.members.iter().map(|member| member.ca_bundle.as_deref()).collect();
        let there = match (&self.bucket, &drafted.bootstrap) {
            (BucketPlace::Missing(_), _) => "to be made".to_owned(),
            (_, Some(refresh)) => format!("there, to be updated from {}", refresh.state),
            (_, None) => "there".to_owned(),
        };
        World {
            account: self.account.identity.account.clone(),
            partition: self.account.identity.partition.clone(),
            region: self.account.aws.region.clone(),
            settings: saved::settings_digest(settings, &ca_bundles),
            stack: self.account.stack.name().to_owned(),
            stack_state: drafted.stack_state.clone(),
            bucket: format!("{} ({there})", self.bucket.name()),
            clusters: self.members.iter().map(Member::world).collect(),
        }
    }
}

impl Draft {
    pub(super) fn wanted(&self) -> Wanted<'_> {
        Wanted::new(&self.template, &self.parameters, &self.tags)
    }

    /// What a saved plan holds of it.
    pub(super) fn parameters_without_callers(&self) -> BTreeMap<String, String> {
        let mut parameters = self.parameters.clone();
        parameters.remove(synth::PARAMETER_CALLER_DIGESTS);
        parameters
    }
}

/// Show a plan to a person, or hand it to a program.
pub(super) fn show(plan: &Plan, console: &mut Console) {
    if !console.is_for_people() {
        return console.event("plan", "", plan);
    }
    for line in plan.to_string().lines() {
        console.say(line);
    }
}

/// Said no to; the change set is gone.
pub(super) fn declined() -> Failure {
    Failure::new("nothing was changed: the plan was declined").with_code(ExitCode::Refused)
}
