//! The part about the cluster's webhook: whether it is there, calls this stack with a secret that the stack knows, and is
//! what the settings say. Pure; it never shows the secret.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::{
    cluster::{
        caller::{Caller, CallerSecret, secrets_of},
        drift::{self, Difference},
        moment::Moment,
        pause::{self, Pause},
        webhook::{ENTRY, Existing},
    },
    commands::register,
    error::Failure,
    settings::Settings,
    stack::Stack,
    synth::{self, WebhookManifest},
};

/// The webhook of one cluster.
#[derive(Debug, Serialize)]
pub(super) struct WebhookPart {
    /// The kubeconfig's context.
    pub(super) context: String,
    /// The configuration's name.
    pub(super) name: String,
    /// What is there; `None`: no webhook.
    pub(super) found: Option<Registered>,
}

/// A webhook configuration that is there.
#[derive(Debug, Serialize)]
pub(super) struct Registered {
    /// Whether it carries our label.
    pub(super) ours: bool,
    /// The cluster's name in the URL.
    pub(super) caller: Option<String>,
    /// Scheme and host that it calls.
    pub(super) endpoint: Option<String>,
    /// Whether the stack knows its secret; `None`: the stack is not known.
    pub(super) known: Option<bool>,
    /// What happens to Pods while it cannot be reached.
    pub(super) failure_policy: Option<String>,
    /// Namespaces whose Pods it is not asked about; `None`: it is chosen by other things than names.
    pub(super) not_judged: Option<Vec<String>>,
    /// A pause, running or over.
    pub(super) pause: Option<Pause>,
    /// Whether the pause runs.
    pub(super) paused: bool,
    /// How it differs from what the settings say.
    pub(super) differences: Vec<Difference>,
}

/// Judges what was found.
///
/// # Errors
/// When what is wanted cannot be rendered.
pub(super) fn inspect(
    settings: &Settings,
    stack: Option<&Stack>,
    context: &str,
    found: Option<&Existing>,
    now: Moment,
) -> Result<WebhookPart, Failure> {
    let found = found.map(|found| registered(settings, stack, found, now)).transpose()?;
    Ok(WebhookPart { context: context.to_owned(), name: settings.webhook_name(), found })
}

fn registered(
    settings: &Settings,
    stack: Option<&Stack>,
    found: &Existing,
    now: Moment,
) -> Result<Registered, Failure> {
    let wanted = wanted(settings, stack, found)?;
    let entries = found.object()["webhooks"].as_array();
    let pods = entries.and_then(|entries| entries.iter().find(|entry| entry["name"] == ENTRY));
    let pause = pause::read(found.object());
    Ok(Registered {
        ours: found.is_ours(),
        known: stack.and_then(|stack| knows(stack, found)),
        caller: found.caller_name(),
        endpoint: found.endpoint().map(str::to_owned),
        failure_policy: pods.and_then(|entry| entry["failurePolicy"].as_str()).map(str::to_owned),
        not_judged: pods.and_then(|entry| excluded_by_name(&entry["namespaceSelector"])),
        paused: pause.as_ref().is_some_and(|pause| !pause.is_over(now)),
        pause,
        differences: drift::differences(&wanted, found.object()),
    })
}

/// By the name that the API server itself puts on a namespace, and by nothing that somebody may set.
fn excluded_by_name(selector: &Value) -> Option<Vec<String>> {
    let [only] = selector["matchExpressions"].as_array()?.as_slice() else { return None };
    let by_name = only["key"] == "kubernetes.io/metadata.name" && only["operator"] == "NotIn";
    let alone = selector["matchLabels"].as_object().is_none_or(serde_json::Map::is_empty);
    let names = only["values"].as_array()?.iter().filter_map(|name| name.as_str().map(str::to_owned));
    (by_name && alone).then(|| names.collect())
}

/// Of a token only that the stack knows none at all.
fn knows(stack: &Stack, found: &Existing) -> Option<bool> {
    match (found.caller(), found.caller_name()) {
        (Some(caller), _) => Some(is_known(stack, &caller)),
        (None, Some(name)) => (secrets_of(digests(stack), &name) == 0).then_some(false),
        (None, None) => None,
    }
}

fn is_known(stack: &Stack, caller: &Caller) -> bool {
    digests(stack).split(',').any(|known| known.trim() == caller.entry())
}

fn digests(stack: &Stack) -> &str {
    stack.parameters.get(synth::PARAMETER_CALLER_DIGESTS).map_or("", String::as_str)
}

/// What the settings say, with the caller that is there: a deploy would keep it too.
pub(in crate::commands) fn wanted(
    settings: &Settings,
    stack: Option<&Stack>,
    found: &Existing,
) -> Result<Value, Failure> {
    let of_stack = stack.and_then(|stack| stack.outputs.get(synth::OUTPUT_API_ENDPOINT));
    // Where neither says it, the endpoint is no matter of this part.
    let endpoint = settings.cluster.endpoint.as_ref().or(of_stack).map(String::as_str);
    let endpoint = endpoint.or_else(|| found.endpoint()).unwrap_or("https://unknown.invalid");
    let name = settings.cluster.name.clone().or_else(|| found.caller_name());
    // One that the stack knows, where an entry has such a one: it is the other that somebody changed.
    let known = stack.and_then(|stack| found.callers().find(|caller| is_known(stack, caller)));
    let caller = Caller {
        name: name.unwrap_or_else(|| "unknown".to_owned()),
        // Of a token nothing is in the URL; and of a secret that is not there, any is another one.
        secret: known.or_else(|| found.caller()).map_or_else(CallerSecret::generate, |caller| Ok(caller.secret))?,
        credentials: settings.cluster.credentials,
    };
    let url = caller.url(endpoint);
    let ca_bundle = settings.ca_bundle_pem()?;
    let failure_policy = register::policy_of(settings, Some(found));
    register::manifest(settings, &WebhookManifest { url: &url, ca_bundle: ca_bundle.as_deref(), failure_policy })
}

impl WebhookPart {
    pub(super) fn concerns(&self) -> Vec<String> {
        let name = format!("the webhook {} in the context {}", self.name, self.context);
        let Some(found) = &self.found else { return vec![format!("{name} is not there: Pods run unchecked")] };
        let mut concerns = Vec::new();
        if !found.ours {
            concerns.push(format!("{name} is somebody else's"));
        }
        if found.known == Some(false) {
            concerns.push(format!("{name} has a secret that the stack does not know: its calls get 404"));
        }
        if let (true, Some(pause)) = (found.paused, &found.pause) {
            concerns.push(format!("{name} is {pause}"));
        }
        match found.differences.len() {
            0 => (),
            1 => concerns.push(format!("{name} is not what the settings say, in one place")),
            many => concerns.push(format!("{name} is not what the settings say, in {many} places")),
        }
        concerns
    }
}

impl fmt::Display for WebhookPart {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(found) = &self.found else {
            return write!(out, "not there: Pods of the context {} run unchecked", self.context);
        };
        let or = |text: &Option<String>, other: &str| text.clone().unwrap_or_else(|| other.to_owned());
        write!(
            out,
            "{} (context {}), failurePolicy {}\ncalls {}",
            or(&found.caller, "no caller"),
            self.context,
            or(&found.failure_policy, "not known"),
            or(&found.endpoint, "nothing"),
        )?;
        match &found.not_judged {
            Some(names) => write!(out, "\nnot asked about: {}", names.join(", "))?,
            None => out.write_str("\nwhich namespaces it is asked about is not by their names alone")?,
        }
        if !found.ours {
            out.write_str("\nsomebody else's: it does not carry our label")?;
        }
        if found.known == Some(false) {
            out.write_str("\nits secret is not known to the stack, so each call gets 404; do: deployer deploy")?;
        }
        if let Some(pause) = &found.pause {
            write!(out, "\n{pause}{}", if found.paused { "" } else { " (over)" })?;
        }
        if found.differences.is_empty() {
            return out.write_str("\nas the settings say");
        }
        found.differences.iter().try_for_each(|difference| write!(out, "\n{difference}"))
    }
}
