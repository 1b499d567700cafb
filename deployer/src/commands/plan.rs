//! `deployer plan`: what a deploy would do, and nothing of it. The change set that tells is removed again, and so is the
//! shell of a stack that only it brought about.

use super::draft::{self, Site};
use crate::{
    cli::PlanArgs,
    console::Console,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    plan::saved::{self, SavedPlan},
    settings::Settings,
};

/// Runs the command. `Changes` only when `--exit-code` asks for it.
///
/// # Errors
/// Whatever stops it, in one sentence; nothing was changed then.
pub async fn run(settings: &Settings, args: &PlanArgs, console: &mut Console) -> Result<ExitCode, Failure> {
    let interrupt = Interrupt::listen();
    console.step("Looking at the account and the cluster");
    let site = Box::pin(Site::look(settings, &interrupt)).await?;
    let artifact = draft::obtain(settings, &args.function, console, &interrupt).await?;
    let draft = site.draft(settings, artifact)?;
    console.step("Working out what a deploy would do");
    let drafted = Box::pin(site.work_out(settings, &draft, None, console, &interrupt)).await?;
    site.abandon(&drafted.prepared, drafted.bootstrap.as_ref()).await;
    console.report(&drafted.plan)?;
    if let Some(path) = &args.save {
        let parameters = draft.parameters_without_callers();
        let saved = saved::Draft {
            template: &draft.template,
            parameters: &parameters,
            tags: &draft.tags,
            artifact: &draft.artifact,
            location: (&draft.location.bucket, &draft.location.key),
        };
        let zip = SavedPlan::write(path, site.world(settings, &drafted), &saved)?;
        console.say(&format!("saved: {} and {}", path.display(), zip.display()));
        console.say(&format!("carry it out: deployer deploy --plan {}", path.display()));
    }
    Ok(if args.exit_code && drafted.plan.changes { ExitCode::Changed } else { ExitCode::Ok })
}
