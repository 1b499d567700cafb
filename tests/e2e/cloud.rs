//! What CloudFormation holds, asked without the deployer: the stack as a text to compare, its status, its change sets.

use local_world::addresses::Addresses;
use local_world::deploy::STACK;
use local_world::trouble::{Result, Trouble};

use crate::http;

/// The stack, whole, as XML; what CloudFormation says where there is none.
pub(crate) async fn stack(world: &Addresses) -> Result<String> {
    query(world, &format!("DescribeStacks&StackName={STACK}")).await
}

/// Whether there is one; a deleted one is none.
pub(crate) async fn exists(world: &Addresses) -> Result<bool> {
    Ok(value(&stack(world).await?, "StackStatus").is_some_and(|status| status != "DELETE_COMPLETE"))
}

/// Every stack, as XML.
pub(crate) async fn stacks(world: &Addresses) -> Result<String> {
    query(world, "DescribeStacks").await
}

/// `UPDATE_COMPLETE` and the like.
pub(crate) async fn status(world: &Addresses) -> Result<String> {
    let text = stack(world).await?;
    value(&text, "StackStatus").ok_or_else(|| Trouble::new(format!("there is no stack: {text}")))
}

/// A parameter of the stack.
pub(crate) async fn parameter(world: &Addresses, name: &str) -> Result<String> {
    let text = stack(world).await?;
    let found = text.split_once(&format!("<ParameterKey>{name}</ParameterKey>"));
    let found = found.and_then(|(_, rest)| value(rest, "ParameterValue"));
    found.ok_or_else(|| Trouble::new(format!("the stack has no parameter {name}: {text}")))
}

/// Whether a change set waits for its execution, or for nothing any more.
pub(crate) async fn has_change_sets(world: &Addresses) -> Result<bool> {
    let text = query(world, &format!("ListChangeSets&StackName={STACK}")).await?;
    Ok(text.contains("<ExecutionStatus>AVAILABLE<"))
}

/// Makes a stack as somebody else would, with a single log group in it.
pub(crate) async fn make_foreign_stack(world: &Addresses, name: &str) -> Result<()> {
    let template = format!(
        r#"{{"Resources":{{"Group":{{"Type":"AWS::Logs::LogGroup","Properties":{{"LogGroupName":"/{name}"}}}}}}}}"#
    );
    let encoded = template.bytes().fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
    let answer = query(world, &format!("CreateStack&StackName={name}&TemplateBody={encoded}")).await?;
    let made = answer.contains("<StackId>");
    made.then_some(()).ok_or_else(|| Trouble::new(format!("the stack was not made: {answer}")))
}

fn value(text: &str, tag: &str) -> Option<String> {
    Some(text.split_once(&format!("<{tag}>"))?.1.split_once('<')?.0.to_owned())
}

async fn query(world: &Addresses, action: &str) -> Result<String> {
    // Not signed: the local AWS takes the account from the access key and looks no further.
    let credential = format!("{}/20260101/{}/cloudformation/aws4_request", world.account, world.region);
    let authorization =
        format!("Authorization: AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=none");
    let head = ["POST /", "Content-Type: application/x-www-form-urlencoded", &authorization];
    let body = format!("Action={action}&Version=2010-05-15");
    let (_, text) = http::send(&world.aws_endpoint, None, &head, &body).await?;
    // Of the answer, not of the stack.
    let id = value(&text, "RequestId").unwrap_or_default();
    Ok(text.replace(&id, ""))
}
