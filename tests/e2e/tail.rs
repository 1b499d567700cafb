//! `deployer logs --follow` while bursts of Pods are asked about and a new version of the function takes over, which
//! writes to a log stream of its own: every decision is there, and none twice.

use std::collections::BTreeMap;
use std::path::PathBuf;

use local_world::addresses::Addresses;
use local_world::deploy::{Deployer, Running};
use local_world::kubernetes::{Kubernetes, Outcome, until};
use local_world::pods::pod;
use local_world::trouble::{Context, Result, Trouble};
use serde_json::Value;

use crate::report::Report;

/// Pods of a burst, asked about at the same time.
const BURST: usize = 60;

/// The deployer that follows.
pub(crate) struct Tail {
    running: Running,
    output: PathBuf,
}

/// Asks about many Pods at once; their names begin with `name`.
pub(crate) async fn burst(cluster: &Kubernetes, report: &mut Report, name: &str) {
    let asked = async {
        let mut asked = tokio::task::JoinSet::new();
        for at in 0..BURST {
            let (cluster, pod) = (cluster.clone(), pod(&format!("burst-{name}-{at}"), &["nginx".to_owned()]));
            asked.spawn(async move { cluster.create_pod(&pod, true).await });
        }
        let outcomes = asked.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
        let refused = outcomes.iter().filter(|outcome| **outcome != Outcome::Admitted).count();
        (refused == BURST).then_some(()).ok_or_else(|| Trouble::new(format!("{refused} of {BURST} were refused")))
    };
    report.scenario(&format!("logs: a burst of Pods {name} the new version"), asked).await;
}

impl Tail {
    pub(crate) fn start(world: &Addresses, deployer: &Deployer) -> Result<Self> {
        let output = world.dir.join("tmp/followed");
        // Longer than it may take to start on a busy machine: the first burst does not wait for it.
        let running = deployer.start(&["logs", "--follow", "--since", "2m", "--output", "json"], &output)?;
        Ok(Self { running, output })
    }

    /// Waits for the decisions of both bursts.
    pub(crate) async fn complete(self) -> Result<()> {
        let looked =
            until("line for each Pod of the bursts", async || Ok((self.decisions()?.len() >= 2 * BURST).then_some(())))
                .await;
        let decisions = self.decisions();
        self.running.end().await?;
        looked?;
        let twice: Vec<(String, usize)> = decisions?.into_iter().filter(|(_, count)| *count != 1).collect();
        twice.is_empty().then_some(()).ok_or_else(|| Trouble::new(format!("not once: {twice:?}")))
    }

    /// How often each Pod of a burst was told.
    fn decisions(&self) -> Result<BTreeMap<String, usize>> {
        let text = std::fs::read_to_string(&self.output).while_doing(|| "reading what was followed".to_owned())?;
        let mut counts = BTreeMap::new();
        for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            // The metric line of the same decision names no Pod.
            if let Some(name) = line["line"]["name"].as_str().filter(|name| name.starts_with("burst-")) {
                *counts.entry(name.to_owned()).or_default() += 1;
            }
        }
        Ok(counts)
    }
}
