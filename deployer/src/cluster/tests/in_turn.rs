//! Several clusters in one run, each a small API server: what a failure in one leaves in the others.

use super::*;
use crate::commands::in_turn;

const CONTEXTS: [&str; 3] = ["blue", "green", "red"];

fn console() -> Console {
    Console::injected(Box::new(std::io::sink()), Box::new(std::io::sink()), None, true)
}

async fn register(servers: &[&Server; 3]) -> Result<Vec<Proof>, Failure> {
    let (_pull, interrupt) = Interrupt::manual();
    let settings = settings(FailurePolicy::Fail);
    let callers =
        CONTEXTS.map(|name| Caller { name: name.to_owned(), secret: secret(), credentials: Credentials::Url });
    let clusters = [0, 1, 2].map(|at| servers[at].cluster_of(CONTEXTS[at]));
    let registrations = [0, 1, 2].map(|at| Registration {
        cluster: &clusters[at],
        settings: &settings,
        caller: &callers[at],
        endpoint: "https://api.example.com",
        ca_bundle: None,
        patience: Patience { attempts: 2, pause: Duration::ZERO },
    });
    in_turn::register(&registrations, &mut console(), &interrupt).await
}

fn caller_of(server: &Server) -> Option<String> {
    crate::cluster::webhook::Existing::new(server.now()?).caller().map(|caller| caller.name)
}

#[tokio::test]
async fn a_failure_in_one_cluster_puts_that_one_back_and_leaves_the_later_ones_alone() {
    for (name, before) in [("it was not registered", None), ("it was", Some(ours()))] {
        let [blue, red] = [(); 2].map(|()| Server::with(None, Admission::ByUs));
        let green = Server::with(before.clone(), Admission::Admits);
        let failure = register(&[&blue, &green, &red]).await.unwrap_err();
        assert!(failure.message.starts_with("in the context green: "), "{name}: {failure:?}");
        let hint = failure.hint.unwrap();
        assert!(
            hint.contains("Registered and proven: blue. Not: green (this failure). Not touched: red."),
            "{name}: {hint}"
        );
        assert_eq!(blue.now().unwrap()["webhooks"][0]["failurePolicy"], "Fail", "{name}");
        let webhooks = |object: Option<Value>| object.map(|object| object["webhooks"].clone());
        assert_eq!(webhooks(green.now()), webhooks(before), "{name}");
        assert_eq!(red.seen.lock().unwrap().len(), 0, "{name}");
    }
}

#[tokio::test]
async fn the_next_run_goes_on_where_the_failure_was_and_each_cluster_has_a_caller_of_its_own() {
    let servers = [(); 3].map(|()| Server::with(None, Admission::ByUs));
    let [blue, green, red] = &servers;
    let broken = Server::with(None, Admission::Admits);
    register(&[blue, &broken, red]).await.unwrap_err();
    let proofs = register(&[blue, green, red]).await.unwrap();
    assert_eq!(proofs.len(), 3);
    assert_eq!(servers.each_ref().map(caller_of), CONTEXTS.map(|name| Some(name.to_owned())));
    assert_eq!(blue.writes(), 3, "Ignore, Fail, and Fail again: a second run does not weaken it");
}

#[tokio::test]
async fn webhooks_are_removed_in_turn_and_a_failure_says_where_they_are_still() {
    let mut kept = ours();
    kept["metadata"]["labels"]["argocd.argoproj.io/instance"] = json!("platform");
    let [blue, red] = [(); 2].map(|()| Server::with(Some(ours()), Admission::ByUs));
    let green = Server::with(Some(kept), Admission::ByUs);
    let servers = [&blue, &green, &red];
    let clusters = [0, 1, 2].map(|at| servers[at].cluster_of(CONTEXTS[at]));
    let settings = settings(None);
    let all = clusters.each_ref().map(|cluster| (&settings, cluster));
    let failure = in_turn::unregister(&all, &mut console()).await.unwrap_err();
    assert!(failure.hint.unwrap().contains("Removed: blue. Not: green (this failure). Not touched: red."));
    assert_eq!(servers.map(|server| server.now().is_some()), [false, true, true]);
    in_turn::unregister(&[all[0], all[2]], &mut console()).await.unwrap();
    assert_eq!(red.now(), None);
}

#[tokio::test]
async fn a_token_is_not_written_to_the_cluster_and_a_failed_proof_names_the_files_of_the_api_server() {
    let register = async |server: &Server| {
        let (_pull, interrupt) = Interrupt::manual();
        let caller = Caller { name: "blue".to_owned(), secret: secret(), credentials: Credentials::Bearer };
        let registration = Registration {
            cluster: &server.cluster(),
            settings: &settings(None),
            caller: &caller,
            endpoint: "https://api.example.com",
            ca_bundle: None,
            patience: Patience { attempts: 1, pause: Duration::ZERO },
        };
        registration.run(&mut console(), &interrupt).await
    };
    let server = Server::with(None, Admission::ByUs);
    register(&server).await.unwrap();
    let existing = crate::cluster::webhook::Existing::new(server.now().unwrap());
    assert!(existing.is_bearer() && !existing.object().to_string().contains(SECRET));
    assert_eq!(existing.caller_name().as_deref(), Some("blue"));
    let failure = register(&Server::with(None, Admission::Admits)).await.unwrap_err();
    assert!(failure.hint.unwrap().contains("--admission-configuration DIR"));
}
