//! Provisioned concurrency: clusters call a published version, and what was changed since is in force only when another one
//! was published. Begins and ends with nothing deployed.

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_cloudformation::types::Parameter;
use local_world::addresses::Addresses;
use local_world::deploy::{Deployer, STACK};
use local_world::kubernetes::{Kubernetes, Outcome, until};
use local_world::pods::{self, NAMESPACE};
use local_world::story;
use local_world::trouble::{Context, Result, Trouble};

use crate::webhook::ended;

/// The setting.
const TWO: &str = "provisioned_concurrency = 2";
/// Exit code of the deployer.
const CHANGED: i32 = 5;

pub(crate) async fn run(world: &Addresses, cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let stack = Stack::of(world);
    deployer.configure_keys(TWO, "")?;
    deployer.deploy(false).await?.well("deploy")?;
    story::nginx_is_denied(cluster).await?;
    let first = stack.parameter("SettingsDigest").await?;
    ended(&deployer.deploy(false).await?, 0, &["no changes"])?;

    ended(&deployer.run(&["rotate", "--yes"], false).await?, 0, &["publishes a version", "with a new secret"])?;
    story::nginx_is_denied(cluster).await?;
    let second = stack.parameter("SettingsDigest").await?;
    if first == second {
        return Err(Trouble::new("the digest is the one from before the secret was changed"));
    }
    by_hand(&stack, cluster, deployer).await?;
    code_from_before(cluster, deployer).await?;

    // Back to the function itself, which the API may call all along.
    deployer.configure("")?;
    deployer.deploy(false).await?.well("deploy without it")?;
    story::nginx_is_denied(cluster).await?;
    deployer.destroy(false).await?.well("destroy").map(drop)
}

async fn by_hand(stack: &Stack, cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    let told = "were turned by other means than the deployer";
    stack.turn(&[("IgnoredNamespaces", NAMESPACE)]).await?;
    story::nginx_is_denied(cluster).await?;
    ended(&deployer.run(&["status"], false).await?, CHANGED, &["attention ", told])?;
    let [flag, path] = deployer.function();
    ended(&deployer.run(&["plan", "--exit-code", &flag, &path], false).await?, CHANGED, &[told, "~ Function "])?;

    stack.turn(&[("IgnoredNamespaces", NAMESPACE), ("SettingsDigest", "by-hand")]).await?;
    let nginx = pods::pod("by-hand", &[story::NGINX.to_owned()]);
    let admitted = async || Ok((cluster.create_pod(&nginx, true).await? == Outcome::Admitted).then_some(()));
    until("admission by the version that was published by hand", admitted).await?;

    deployer.deploy(false).await?.well("deploy over what was turned by hand")?;
    story::nginx_is_denied(cluster).await?;
    // Its exit code is that of the alarms, too, and whoever tests wrong callers makes one ring.
    let status = deployer.run(&["status"], false).await?.said;
    (!status.contains(told)).then_some(()).ok_or_else(|| Trouble::new(status))
}

/// A policy is part of the code.
async fn code_from_before(cluster: &Kubernetes, deployer: &Deployer) -> Result<()> {
    deployer.configure_keys(TWO, &format!("[policy.namespaces.{NAMESPACE}]\nregistry = \"warn\"\n"))?;
    deployer.deploy(false).await?.well("deploy with a policy")?;
    let nginx = pods::pod("warned", &[story::NGINX.to_owned()]);
    let warned = cluster.create_pod(&nginx, true).await?;
    (warned == Outcome::Admitted).then_some(()).ok_or_else(|| Trouble::new(format!("under the policy: {warned:?}")))?;
    ended(&deployer.run(&["rollback", "--code", "--yes"], false).await?, 0, &["± FunctionVersion", "Probing "])?;
    story::nginx_is_denied(cluster).await.map(drop)
}

/// The stack in the hands of somebody who has no deployer.
struct Stack(Client);

impl Stack {
    fn of(world: &Addresses) -> Self {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(world.region.clone()))
            .endpoint_url(&world.aws_endpoint)
            .credentials_provider(Credentials::new(&world.account, "local-world", None, None, "local-world"))
            // Plain HTTP and nothing else: this client cannot talk to a real AWS.
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Self(Client::from_conf(config))
    }

    async fn described(&self) -> Result<aws_sdk_cloudformation::types::Stack> {
        let answer = self.0.describe_stacks().stack_name(STACK).send().await;
        let answer = answer.while_doing(|| "reading the stack".to_owned())?;
        answer.stacks().first().cloned().ok_or_else(|| Trouble::new("there is no stack"))
    }

    async fn parameter(&self, name: &str) -> Result<String> {
        let stack = self.described().await?;
        let found = stack.parameters().iter().find(|parameter| parameter.parameter_key() == Some(name));
        let value = found.and_then(Parameter::parameter_value).map(str::to_owned);
        value.ok_or_else(|| Trouble::new(format!("the stack has no Parameter {name}")))
    }

    /// These Parameters get a value, and everything else stays.
    async fn turn(&self, values: &[(&str, &str)]) -> Result<()> {
        let mut update = self.0.update_stack().stack_name(STACK).use_previous_template(true);
        update = update.capabilities(aws_sdk_cloudformation::types::Capability::CapabilityIam);
        for name in self.described().await?.parameters().iter().filter_map(Parameter::parameter_key) {
            let parameter = Parameter::builder().parameter_key(name);
            update = update.parameters(match values.iter().find(|(turned, _)| *turned == name) {
                Some((_, value)) => parameter.parameter_value(*value).build(),
                None => parameter.use_previous_value(true).build(),
            });
        }
        update.send().await.while_doing(|| format!("turning {values:?}"))?;
        until("end of the update by hand", async || {
            let status = self.described().await?.stack_status().map(|status| status.as_str().to_owned());
            Ok((status.as_deref() == Some("UPDATE_COMPLETE")).then_some(()))
        })
        .await
    }
}
