//! Callers with a token, as docs/callers.md tells it: an API server of a test's own goes from a secret in the URL to the
//! token, by the very files that are rendered for it, then to another token, and back. It is restarted where it has to be,
//! all under `Fail`. And one that has no token, which is put back.

use std::path::{Path, PathBuf};

use local_world::addresses::Addresses;
use local_world::deploy::{Deployer, Finished, STACK};
use local_world::kubernetes::Kubernetes;
use local_world::pods;
use local_world::seed::image;
use local_world::story::Expected;
use local_world::tools::ControlPlane;
use local_world::trouble::{Context, Result, Trouble};
use local_world::{counts, root, tools};
use serde_json::{Value, json};

use crate::caller;
use crate::report::Report;
use crate::second::Second;
use crate::several::{check, refused};
use crate::vigil;
use crate::webhook::{edit, ended};

/// The context and the caller's name of the API server that sends a token.
const NAME: &str = "sender";
/// Where a token is given to the deployer.
const VARIABLE: &str = "DEPLOYER_CALLER_SECRET";
/// Exit codes of the deployer.
const FAILED: i32 = 1;
const USAGE: i32 = 2;
const UNSAFE: i32 = 4;

/// To be called with no stack and no webhook there; leaves none.
pub(crate) async fn run(world: &Addresses, first: &Kubernetes, deployer: &Deployer, report: &mut Report) {
    let sender = async {
        match tools::control_plane(&root::checkout()?, &mut |_: &str| ()).await? {
            ControlPlane::Built(program) => {
                let stage = Stage { program, world, deployer, files: world.dir.join("admission") };
                stage.play().await
            }
            // Without Go there is one control plane, which nobody here can start again.
            ControlPlane::Assets(_) | ControlPlane::Given(_) => Ok(()),
        }
    };
    report.scenario("token: a real API server sends it, then another, then none that counts", Box::pin(sender)).await;
    let without = Box::pin(without(world, first, deployer));
    report.scenario("token: an API server without it is put back", without).await;
}

struct Stage<'a> {
    program: PathBuf,
    world: &'a Addresses,
    deployer: &'a Deployer,
    /// Where the files lie for the API server, and where they are rendered to.
    files: PathBuf,
}

impl Stage<'_> {
    async fn play(&self) -> Result<()> {
        self.configure("url")?;
        let server = self.server(None).await?;
        self.deployer_of(&server).deploy(false).await?.well("deploy")?;
        judged(&server).await?;

        let token = self.render(&self.deployer_of(&server)).await?;
        let server = self.restarted(server).await?;
        judged(&server).await?;
        self.configure("bearer")?;
        let given = self.deployer_of(&server).with_variable(VARIABLE, &token);
        self.deploy(&server, &given, &["The API server of sender asks"], &[&token]).await?;
        let url = server.cluster.webhook_url(STACK).await?.unwrap_or_default();
        check(url.ends_with("/v1/sender"), "the URL holds no secret")?;
        self.strangers_are_turned_away(&url, &token).await?;

        let (server, token) = self.another_token(server, &url, &token).await?;
        self.back(&server, &url, &token).await?;
        let gone = self.deployer_of(&server).destroy(false).await;
        server.process.stop().await;
        ended(&gone?, 0, &["a Pod that was refused before is admitted now"])
    }

    /// The former one works until the API server sends the new one and the deployer was run again.
    async fn another_token(&self, server: Second, url: &str, former: &str) -> Result<(Second, String)> {
        let rotate = self.deployer_of(&server).run(&["rotate", "--yes"], false).await?;
        ended(&rotate, UNSAFE, &["is changed on its API servers", "--admission-configuration DIR"])?;
        let token = "fedcba9876543210".repeat(4);
        let given = self.deployer_of(&server).with_variable(VARIABLE, &token);
        self.deploy(&server, &given, &["knows a former secret of sender too"], &[former, &token]).await?;
        check(
            [self.call(url, Some(former)).await?, self.call(url, Some(&token)).await?] == [200, 200],
            "both are known",
        )?;

        check(self.render(&given).await? == token, "the file holds the new token")?;
        let server = self.restarted(server).await?;
        judged(&server).await?;
        let given = self.deployer_of(&server).with_variable(VARIABLE, &token);
        let finish = given.run(&["rotate", "--finish", "--yes"], false);
        let says = ["no other secret of it is known"];
        self.meanwhile(&server, finish, &says, &[former, &token]).await?;
        check(
            [self.call(url, Some(former)).await?, self.call(url, Some(&token)).await?] == [404, 200],
            "one is known",
        )?;
        Ok((server, token))
    }

    /// To a secret in the URL; the API server goes on sending its token, which nobody looks at.
    async fn back(&self, server: &Second, url: &str, former: &str) -> Result<()> {
        self.configure("url")?;
        let plain = self.deployer_of(server);
        self.deploy(server, &plain, &["knows a former secret of sender too"], &[former]).await?;
        check(self.call(url, Some(former)).await? == 200, "the token is known yet")?;
        self.deploy(server, &plain, &["The API server of sender asks"], &[former]).await?;
        check(self.call(url, Some(former)).await? == 404, "the token is not known any more")?;
        let secret = server.cluster.webhook_url(STACK).await?.unwrap_or_default();
        check(secret.starts_with(&format!("{url}/")), "the secret is in the URL")
    }

    fn configure(&self, credentials: &str) -> Result<()> {
        let section = format!("[cluster]\nfailure_policy = \"Fail\"\ncredentials = \"{credentials}\"\n");
        self.deployer.configure_clusters(&section)
    }

    async fn server(&self, admission: Option<&Path>) -> Result<Second> {
        Second::start(&self.program, self.world, NAME, &self.world.proxy, admission).await
    }

    async fn restarted(&self, server: Second) -> Result<Second> {
        server.process.stop().await;
        self.server(Some(&self.files.join("configuration.yaml"))).await
    }

    fn deployer_of(&self, server: &Second) -> Deployer {
        self.deployer.with_kubeconfigs(&[&server.kubeconfig])
    }

    /// The token in the files that were rendered.
    async fn render(&self, deployer: &Deployer) -> Result<String> {
        let files = self.files.display().to_string();
        let render = ["webhook", "render", "--admission-configuration", &files, "--admission-path", &files];
        ended(&deployer.run(&render, false).await?, 0, &["kubeconfig.yaml (it holds the token)"])?;
        let path = self.files.join("kubeconfig.yaml");
        let text = std::fs::read_to_string(&path).while_doing(|| format!("reading {}", path.display()))?;
        let config: Value = serde_saphyr::from_str(&text).while_doing(|| format!("reading {}", path.display()))?;
        let token = config["users"][0]["user"]["token"].as_str().map(str::to_owned);
        token.ok_or_else(|| Trouble::new(format!("{} holds no token", path.display())))
    }

    async fn deploy(&self, server: &Second, deployer: &Deployer, says: &[&str], tokens: &[&str]) -> Result<()> {
        self.meanwhile(server, deployer.deploy(false), says, tokens).await
    }

    /// No compliant Pod is refused meanwhile, and no token is shown.
    async fn meanwhile(
        &self,
        server: &Second,
        command: impl Future<Output = Result<Finished>>,
        says: &[&str],
        tokens: &[&str],
    ) -> Result<()> {
        let finished = vigil::during(&server.cluster, &compliant(), command).await?;
        ended(&finished, 0, says)?;
        check(!tokens.iter().any(|token| finished.said.contains(token)), "no token is shown")?;
        judged(server).await
    }

    async fn strangers_are_turned_away(&self, url: &str, token: &str) -> Result<()> {
        let cloudwatch = counts::client(self.world);
        let before = counts::strangers(&cloudwatch).await?;
        let other = "0123456789abcdef".repeat(4);
        for (name, sent, status) in
            [("no token", None, 404), ("another token", Some(other.as_str()), 404), ("the token", Some(token), 200)]
        {
            let found = self.call(url, sent).await?;
            check(found == status, &format!("{name} is answered with {status}, not {found}"))?;
        }
        counts::await_strangers(&cloudwatch, before + 2).await
    }

    async fn call(&self, url: &str, token: Option<&str>) -> Result<u16> {
        caller::call(self.world, url, token).await
    }
}

fn compliant() -> Value {
    pods::pod("sent", &[image("demo/compliant:v1")])
}

/// A compliant Pod passes, and a bad one is refused by a verdict.
async fn judged(server: &Second) -> Result<()> {
    Expected::Admitted.check("a compliant Pod", &server.cluster.create_pod(&compliant(), true).await?)?;
    refused(&server.cluster).await
}

/// The world's own API server has no file with a token, so the function's own answer is seen and the cluster's proof fails.
async fn without(world: &Addresses, first: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let token = "0123456789abcdef".repeat(4);
    deployer.configure("")?;
    deployer.deploy(false).await?.well("deploy")?;
    let in_url = first.webhook_url(STACK).await?;
    deployer.configure("credentials = \"bearer\"")?;
    ended(&deployer.deploy(false).await?, USAGE, &["needs the token in DEPLOYER_CALLER_SECRET"])?;
    let given = deployer.with_variable(VARIABLE, &token);
    let finished = given.deploy(false).await?;
    let says = ["a wrong caller: expected 404", "does not ask the webhook", "--admission-configuration DIR"];
    ended(&finished, FAILED, &says)?;
    check(!finished.said.contains(&token), "the token is not shown")?;
    check(first.webhook_url(STACK).await? == in_url, "the webhook was put back")?;
    let render = ["webhook", "render", "--admission-configuration", "admission"];
    ended(&given.run(&render, false).await?, 0, &["kubeconfig.yaml (it holds the token)"])?;
    let path = world.dir.join("admission/kubeconfig.yaml");
    let text = std::fs::read_to_string(&path).while_doing(|| format!("reading {}", path.display()))?;
    check(text.contains(&token) && text.contains(".execute-api."), "the file names the host and the token")?;
    ended(&deployer.run(&["webhook", "render"], false).await?, 0, &["/v1/demo\"\n"])?;

    two_secrets(first, deployer, &given).await?;
    deployer.configure("")?;
    deployer.deploy(false).await?.well("deploy")?;
    refused(first).await?;
    deployer.destroy(false).await?.well("destroy").map(drop)
}

/// The stack knows the secret in the URL and the token; the API server calls by the URL all along.
async fn two_secrets(first: &Kubernetes, deployer: &Deployer, given: &Deployer) -> Result<()> {
    let [flag, path] = deployer.function();
    let probing =
        |line: &Value| line["kind"] == "step" && line["text"].as_str().is_some_and(|text| text.starts_with("Probing"));
    check(given.killed_when(&["deploy", "--yes", &flag, &path], probing).await?, "the stack was deployed again")?;
    refused(first).await?;
    ended(&given.run(&["rotate", "--finish", "--yes"], false).await?, USAGE, &["has its secret in the webhook's URL"])?;

    // As if the API servers had been given a token.
    let in_url = first.webhook_url(STACK).await?.unwrap_or_default();
    let bare = in_url.rsplit_once('/').map(|(bare, _)| bare.to_owned()).unwrap_or_default();
    edit(first, &json!({ "clientConfig": { "url": bare } })).await?;
    let third = deployer.with_variable(VARIABLE, &"9".repeat(64));
    ended(&third.deploy(false).await?, UNSAFE, &["the stack knows 2 secrets of demo already", "rotate --finish"])?;
    ended(&third.run(&["rotate", "--finish", "--yes"], false).await?, UNSAFE, &["does not know the token"])?;
    let finished = given.run(&["rotate", "--finish", "--yes"], false).await?;
    ended(&finished, FAILED, &["forget the others", "know again what it knew", "All secrets are known again"])?;
    edit(first, &json!({ "clientConfig": { "url": in_url } })).await?;
    refused(first).await
}
