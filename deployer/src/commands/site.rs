//! Where a command works: the account and region, the cluster, and what both of them hold already. Read only.

use std::path::Path;

use crate::{
    aws::{self, Aws, Identity},
    cluster::{
        Cluster,
        caller::{self, Caller, CallerSecret},
        webhook::Existing,
    },
    error::Failure,
    settings::{Credentials, Settings},
    stack::{Stack, StackClient},
    synth,
};

/// The account, as far as it was looked at.
pub(super) struct Account {
    pub(super) aws: Aws,
    pub(super) identity: Identity,
    pub(super) stack: StackClient,
    /// The stack as it is now.
    pub(super) found: Option<Stack>,
    pub(super) bootstrap: StackClient,
    /// The stack of the artefact's bucket as it is now.
    pub(super) bootstrapped: Option<Stack>,
}

impl Account {
    /// Ask AWS who we are and what is there.
    pub(super) async fn look(settings: &Settings) -> Result<Self, Failure> {
        let aws = aws::connect(settings).await?;
        let identity = aws::identity(&aws).await?;
        let stack = StackClient::new(&aws.config, &settings.stack_name);
        let found = stack.describe().await?;
        let bootstrap = StackClient::new(&aws.config, &settings.bootstrap_stack_name());
        let bootstrapped = bootstrap.describe().await?;
        Ok(Self { aws, identity, stack, found, bootstrap, bootstrapped })
    }

    /// `account 111122223333 (aws), region eu-west-1`.
    pub(super) fn place(&self) -> String {
        format!("account {} ({}), region {}", self.identity.account, self.identity.partition, self.aws.region)
    }

    /// Name of the bootstrap stack's bucket: that of its output, or the one that its template gives.
    pub(super) fn bucket_name(&self) -> String {
        let output = self.bootstrapped.as_ref().and_then(|stack| stack.output(synth::OUTPUT_BUCKET_NAME).ok());
        output.map_or_else(
            || format!("ecr-compliance-webhook-{}-{}", self.identity.account, self.aws.region),
            str::to_owned,
        )
    }

    /// `CallerDigests` as the stack has it.
    pub(super) fn caller_digests(&self) -> &str {
        let parameters = self.found.as_ref().map(|stack| &stack.parameters);
        parameters.and_then(|parameters| parameters.get("CallerDigests")).map_or("", String::as_str)
    }
}

/// The account and the stack, for what concerns no cluster.
pub(super) async fn stack(settings: &Settings) -> Result<(Account, StackClient), Failure> {
    let account = Account::look(settings).await?;
    let stack = account.stack.clone();
    Ok((account, stack))
}

/// Who the cluster is to the function: as its webhook or the environment says, else a new secret and a name from settings or context.
pub(super) fn caller(settings: &Settings, cluster: &Cluster, existing: Option<&Existing>) -> Result<Caller, Failure> {
    let name = caller_name(settings, cluster, existing);
    let credentials = settings.cluster.credentials;
    let secret = match (credentials, existing.and_then(Existing::caller)) {
        (Credentials::Bearer, _) => token()?,
        (Credentials::Url, Some(known)) => known.secret,
        (Credentials::Url, None) => CallerSecret::generate()?,
    };
    Ok(Caller { name, secret, credentials })
}

/// Where somebody gives the secret that nothing else here knows.
pub(super) const SECRET_VARIABLE: &str = "DEPLOYER_CALLER_SECRET";

/// The secret that was given, if one was.
pub(super) fn given_secret() -> Result<Option<CallerSecret>, Failure> {
    match std::env::var(SECRET_VARIABLE) {
        Ok(text) if !text.is_empty() => CallerSecret::parse(&text).map(Some).ok_or_else(|| {
            Failure::usage(format!("{SECRET_VARIABLE} is not 64 lower-case hex digits")).with_hint(
                "It is the last part of the URL in the cluster's webhook configuration, or the token of its API servers.",
            )
        }),
        _ => Ok(None),
    }
}

/// The token of a cluster that proves itself by one: the API servers' own files cannot be read from here.
pub(super) fn token() -> Result<CallerSecret, Failure> {
    given_secret()?.ok_or_else(|| {
        Failure::usage(format!("cluster.credentials = \"bearer\" needs the token in {SECRET_VARIABLE}"))
            .with_hint("It is the one that the API servers send. openssl rand -hex 32 makes a new one.")
    })
}

/// The cluster's name in the route. One that is not configured stays what it was: two people may call the same context
/// differently.
pub(super) fn caller_name(settings: &Settings, cluster: &Cluster, existing: Option<&Existing>) -> String {
    match (&settings.cluster.name, existing.and_then(Existing::caller_name)) {
        (Some(name), _) => name.clone(),
        (None, Some(known)) => known,
        (None, None) => caller::name_of_context(cluster.context()),
    }
}

/// What the cluster shall call: the owner's override, else the stack's output.
pub(super) fn endpoint<'a>(settings: &'a Settings, stack: &'a Stack) -> Result<&'a str, Failure> {
    match &settings.cluster.endpoint {
        Some(endpoint) => Ok(endpoint.trim_end_matches('/')),
        None => stack.output(synth::OUTPUT_API_ENDPOINT),
    }
}

/// What is left for the owner to do in DNS, where the endpoint has a name of theirs.
pub(super) fn dns(stack: &Stack) -> Option<String> {
    let target = stack.outputs.get(synth::OUTPUT_DNS_TARGET)?;
    let endpoint = stack.outputs.get(synth::OUTPUT_API_ENDPOINT)?;
    let name = endpoint.trim_start_matches("https://");
    Some(format!("{name} must point to {target} in DNS; where it does not yet, set it and run deployer deploy again"))
}

/// The text of `cluster.ca_bundle`.
pub(super) fn ca_bundle(path: Option<&Path>) -> Result<Option<String>, Failure> {
    let Some(path) = path else { return Ok(None) };
    std::fs::read_to_string(path).map(Some).map_err(|error| {
        Failure::usage(format!("cluster.ca_bundle {} cannot be read", path.display())).caused_by(&error)
    })
}
