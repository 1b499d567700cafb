//! The deployer's doctor, asked by a user who has the policy of `deployer iam-policy`, and by one who has less. The local
//! IAM judges policies as AWS does, but for conditions.

use aws_sdk_iam::{Client, Config, config::Credentials, config::Region};
use local_world::addresses::Addresses;
use local_world::deploy::Deployer;
use local_world::trouble::{Context, Result, Trouble};
use serde_json::{Value, json};

use crate::webhook::ended;

const USER: &str = "somebody";
/// Exit code of the deployer.
const CHANGED: i32 = 5;

/// To be called while everything is deployed.
pub(crate) async fn run(world: &Addresses, deployer: &Deployer) -> Result<()> {
    let iam = client(world);
    let somebody = user(&iam, deployer).await?;

    let mut policy = least(world, deployer).await?;
    permit(&iam, &policy).await?;
    ended(&somebody.run(&["doctor"], false).await?, 0, &["ok       permissions", "user/somebody may do all"])?;

    let all = policy["Statement"].as_array_mut().ok_or_else(|| Trouble::new("the policy has no statements"))?;
    all.push(json!({ "Effect": "Deny", "Action": "lambda:CreateFunction", "Resource": "*" }));
    permit(&iam, &policy).await?;
    let denied = ["PROBLEM  permissions", "may not: lambda:CreateFunction (a policy denies it explicitly)"];
    ended(&somebody.run(&["doctor"], false).await?, CHANGED, &denied)?;

    permit(
        &iam,
        &json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Action": ["cloudformation:*", "s3:*", "lambda:*"], "Resource": "*",
    } }),
    )
    .await?;
    let missing = ["apigateway:DELETE, ", " more (no policy allows it)", "deployer iam-policy --account"];
    ended(&somebody.run(&["doctor"], false).await?, CHANGED, &missing)
}

fn client(world: &Addresses) -> Client {
    let config = Config::builder()
        .behavior_version_latest()
        .region(Region::new(world.region.clone()))
        .endpoint_url(&world.aws_endpoint)
        .credentials_provider(Credentials::new(&world.account, "local-world", None, None, "local-world"))
        // Plain HTTP and nothing else: this client cannot talk to a real AWS.
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// The deployer in the hands of a new user.
async fn user(iam: &Client, deployer: &Deployer) -> Result<Deployer> {
    iam.create_user().user_name(USER).send().await.while_doing(|| "making a user".to_owned())?;
    let made = iam.create_access_key().user_name(USER).send().await.while_doing(|| "making a key".to_owned())?;
    let key = made.access_key.ok_or_else(|| Trouble::new("no key was made"))?;
    Ok(deployer
        .with_variable("AWS_ACCESS_KEY_ID", &key.access_key_id)
        .with_variable("AWS_SECRET_ACCESS_KEY", &key.secret_access_key))
}

async fn permit(iam: &Client, policy: &Value) -> Result<()> {
    let put = iam.put_user_policy().user_name(USER).policy_name("least").policy_document(policy.to_string());
    put.send().await.while_doing(|| "giving a user a policy".to_owned()).map(drop)
}

/// What `iam-policy` prints, without its conditions.
async fn least(world: &Addresses, deployer: &Deployer) -> Result<Value> {
    let place = ["iam-policy", "--partition", "aws", "--account", &world.account, "--region", &world.region];
    let printed = deployer.run(&place, false).await?.well("iam-policy")?;
    let mut policy: Value = serde_json::from_str(&printed.said).while_doing(|| format!("reading {}", printed.said))?;
    for statement in policy["Statement"].as_array_mut().into_iter().flatten() {
        statement.as_object_mut().map(|fields| fields.remove("Condition"));
    }
    Ok(policy)
}
