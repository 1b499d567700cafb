//! Several clusters behind one stack: what `[[clusters]]` must hold, and which of them a command is about.

use super::{Cluster, Settings};
use crate::{cluster::caller::name_of_context, error::Failure};

/// Both forms in one file.
pub(super) const BOTH: &str = "[cluster] and [[clusters]] are both there: make the cluster of [cluster] one of [[clusters]], or keep [cluster] alone";

/// Whether a cluster of `[[clusters]]` can stand beside those that were read before it.
pub(super) fn fits(cluster: &Cluster, others: &[Cluster]) -> Result<(), String> {
    let Some(context) = &cluster.context else {
        return Err("clusters.context is missing: each of [[clusters]] needs the context of the kubeconfig".to_owned());
    };
    if others.iter().any(|other| other.context.as_ref() == Some(context)) {
        return Err(format!("clusters.context = \"{context}\" stands twice: leave one out"));
    }
    // Two clusters of one name would take each other's secret away.
    match others.iter().find(|other| called(other) == called(cluster)) {
        Some(other) => Err(format!(
            "the contexts {} and {context} are both called {}: give each a clusters.name of its own",
            other.context.as_deref().unwrap_or_default(),
            called(cluster)
        )),
        None => Ok(()),
    }
}

/// The cluster's name in the route, where its webhook does not say another.
fn called(cluster: &Cluster) -> String {
    let context = cluster.context.as_deref().unwrap_or_default();
    cluster.name.clone().unwrap_or_else(|| name_of_context(context))
}

impl Settings {
    /// The same settings once for each cluster, as if it were the only one. At least one.
    #[must_use]
    pub fn each_cluster(&self) -> Vec<Self> {
        if self.clusters.is_empty() {
            return vec![self.clone()];
        }
        let alone = |cluster: &Cluster| Self { cluster: cluster.clone(), clusters: Vec::new(), ..self.clone() };
        self.clusters.iter().map(alone).collect()
    }

    /// For a command that works on one cluster.
    ///
    /// # Errors
    /// `Usage` when there are several and none was chosen.
    pub fn one_cluster(&self) -> Result<(), Failure> {
        if self.clusters.is_empty() {
            return Ok(());
        }
        Err(Failure::usage("this command works on one cluster, and the settings have several")
            .with_hint(format!("Choose one with --context: {}.", self.known())))
    }

    /// For a command that must not pass over a cluster.
    ///
    /// # Errors
    /// `Usage` when `--context` has left some out.
    pub fn all_clusters(&self) -> Result<(), Failure> {
        if self.left_out.is_empty() {
            return Ok(());
        }
        Err(Failure::usage(format!("--context leaves out {}, which the stack serves too", self.left_out.join(", ")))
            .with_hint("Leave --context out: the webhook is taken out of every context before the stack goes."))
    }

    /// `--context`: one of `[[clusters]]`, by its context or its name; without these, any of the kubeconfig.
    pub(super) fn choose(&mut self, wanted: &str) -> Result<(), String> {
        if self.clusters.is_empty() {
            self.cluster.context = Some(wanted.to_owned());
            return Ok(());
        }
        let of = |field: fn(&Cluster) -> &Option<String>| {
            self.clusters.iter().position(|cluster| field(cluster).as_deref() == Some(wanted))
        };
        // A context first: it is what the option is called.
        let Some(at) = of(|cluster| &cluster.context).or_else(|| of(|cluster| &cluster.name)) else {
            return Err(format!("--context {wanted}: it is none of [[clusters]]: choose {}, or add it", self.known()));
        };
        self.cluster = self.clusters.remove(at);
        self.left_out = std::mem::take(&mut self.clusters).into_iter().filter_map(|cluster| cluster.context).collect();
        Ok(())
    }

    fn known(&self) -> String {
        let known: Vec<&str> = self.clusters.iter().filter_map(|cluster| cluster.context.as_deref()).collect();
        known.join(", ")
    }
}
