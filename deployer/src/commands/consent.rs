//! The question before a cluster is changed. A yes is enough where nobody can mean another cluster: it is pinned by its
//! authority's fingerprint, and does not look like production. Else its name is the answer.

use crate::{
    cluster::Cluster,
    console::Console,
    error::{ExitCode, Failure},
    interrupt::Interrupt,
    settings::Settings,
};

/// What it takes to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Consent {
    /// A yes.
    Yes,
    /// The context's name; `--yes` is as good.
    NameOrYes,
    /// The context's name, whatever else was said.
    Name,
}

/// Asks about all clusters, with what was decided on the command line in mind; one no is a no to all, and `false`.
///
/// # Errors
/// `Refused` when nobody can be asked, or when `--confirm-context` names another context; `Interrupted` when we are asked
/// to stop.
pub(super) async fn ask(
    clusters: &[(&Settings, &Cluster)],
    question: &str,
    console: &mut Console,
    interrupt: &Interrupt,
) -> Result<bool, Failure> {
    let open = Open::of(clusters, question, console)?;
    for (context, yes_will_do) in &open.named {
        if !console.ask_for(question, context, *yes_will_do, interrupt).await? {
            return Ok(false);
        }
    }
    if open.plain { console.ask(question, interrupt).await } else { Ok(true) }
}

/// What the command line has left to ask.
#[derive(Debug, Default, PartialEq, Eq)]
struct Open {
    /// Contexts to be named, and whether `--yes` is as good.
    named: Vec<(String, bool)>,
    /// Whether there are others, for which one yes is enough.
    plain: bool,
}

impl Open {
    fn of(clusters: &[(&Settings, &Cluster)], question: &str, console: &mut Console) -> Result<Self, Failure> {
        refuse_others(clusters)?;
        let mut open = Self::default();
        for (settings, cluster) in clusters {
            let context = cluster.context();
            if settings.confirmed.iter().any(|confirmed| confirmed == context) {
                console.say(&format!("{question} yes (--confirm-context {context})"));
                continue;
            }
            match needed(context, settings.cluster.ca_sha256.is_some()) {
                Consent::Yes => open.plain = true,
                Consent::NameOrYes => open.named.push((context.to_owned(), true)),
                Consent::Name => open.named.push((context.to_owned(), false)),
            }
        }
        Ok(open)
    }
}

/// Whoever confirms another context means another cluster.
fn refuse_others(clusters: &[(&Settings, &Cluster)]) -> Result<(), Failure> {
    let contexts: Vec<&str> = clusters.iter().map(|(_, cluster)| cluster.context()).collect();
    let confirmed = clusters.iter().flat_map(|(settings, _)| &settings.confirmed);
    match confirmed.into_iter().find(|confirmed| !contexts.contains(&confirmed.as_str())) {
        None => Ok(()),
        Some(other) => {
            let (the, is) = if contexts.len() == 1 { ("context", "is") } else { ("contexts", "are") };
            Err(Failure::new(format!("--confirm-context says {other}, but the {the} {is} {}", contexts.join(", ")))
                .with_hint("Nothing was changed. Choose the cluster with --context.")
                .with_code(ExitCode::Refused))
        }
    }
}

fn needed(context: &str, pinned: bool) -> Consent {
    if context.to_ascii_lowercase().contains("prod") {
        Consent::Name
    } else if pinned {
        Consent::Yes
    } else {
        Consent::NameOrYes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(context: &str) -> Cluster {
        let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Ok::<_, std::convert::Infallible>(http::Response::new(kube::client::Body::empty()))
        });
        Cluster::new(kube::Client::new(service, "default"), context, "https://server")
    }

    fn open(confirmed: &[&str]) -> Result<Open, Failure> {
        let mut console = Console::injected(Box::new(std::io::sink()), Box::new(std::io::sink()), None, true);
        let confirmed = confirmed.iter().map(|context| (*context).to_owned()).collect();
        let unpinned = Settings { confirmed, ..Settings::default() };
        let mut pinned = unpinned.clone();
        pinned.cluster.ca_sha256 = Some("ab".repeat(32));
        let [prod, blue, green] = ["prod", "blue", "green"].map(cluster);
        Open::of(&[(&unpinned, &prod), (&unpinned, &blue), (&pinned, &green)], "Deploy?", &mut console)
    }

    #[tokio::test]
    async fn of_several_clusters_each_is_named_but_those_that_nobody_can_mistake() {
        let named = |list: &[(&str, bool)]| list.iter().map(|(context, yes)| ((*context).to_owned(), *yes)).collect();
        let all = Open { named: named(&[("prod", false), ("blue", true)]), plain: true };
        assert_eq!(open(&[]).unwrap(), all);
        assert_eq!(open(&["prod", "green"]).unwrap(), Open { named: named(&[("blue", true)]), plain: false });
        assert_eq!(open(&["prod", "blue", "green"]).unwrap(), Open::default());
        let failure = open(&["prod", "red"]).unwrap_err();
        assert_eq!(failure.message, "--confirm-context says red, but the contexts are prod, blue, green");
    }

    #[test]
    fn production_wants_its_name_and_so_does_what_is_not_pinned() {
        for (context, pinned, expected) in [
            ("arn:aws:eks:eu-west-1:111122223333:cluster/PROD-1", true, Consent::Name),
            ("production", false, Consent::Name),
            ("staging", true, Consent::Yes),
            ("staging", false, Consent::NameOrYes),
        ] {
            assert_eq!(needed(context, pinned), expected, "{context} {pinned}");
        }
    }
}
