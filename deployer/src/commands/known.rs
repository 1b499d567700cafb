//! Which secrets of a cluster the stack knows after a deploy: always the one that its calls come with, as far as that can be
//! told from here. Pure.
//!
//! Of a secret in the webhook's URL it can: every API server calls by it. Of a token it cannot, for it is in files on the
//! API servers: so a deploy forgets no token, and knows no third one. Forgetting is `rotate --finish`.

use super::site;
use crate::{
    cluster::{
        caller::{Caller, digests_beside, digests_of, entries_of},
        webhook::Existing,
    },
    error::{ExitCode, Failure},
    settings::Credentials,
};

/// So many secrets of one cluster are known at once: the former and the next.
const MOST: usize = 2;

/// The stack's `CallerDigests` with `caller`, which is to call from now on. `token` is what was given as the cluster's
/// secret, under the same name; `known` are those of before.
///
/// # Errors
/// `Unsafe` when the stack knows two tokens already, and which one is sent nobody here can tell.
pub(super) fn after_deploy(
    caller: &Caller,
    existing: Option<&Existing>,
    token: Option<&Caller>,
    known: &str,
) -> Result<String, Failure> {
    let name = &caller.name;
    let entries = entries_of(known, name);
    let in_url = existing.and_then(Existing::caller).filter(|used| used.name == *name);
    let sends_token = existing.is_some_and(Existing::is_bearer);
    match (in_url, caller.credentials) {
        // That one is in use until the webhook has another URL, and all others are nobody's.
        (Some(used), _) => Ok(digests_of(&[&used, caller], known)),
        // Nobody calls, or by another name.
        (None, Credentials::Url) if !sends_token => Ok(digests_of(&[caller], known)),
        (None, _) if entries.contains(&caller.entry()) || entries.len() < MOST => Ok(digests_beside(caller, known)),
        // Without a webhook no token is of use: the proof comes before anything depends on it.
        (None, _) if !sends_token => Ok(digests_of(&[caller], known)),
        (None, _) => match token.filter(|token| entries.contains(&token.entry())) {
            Some(token) => Ok(digests_of(&[token, caller], known)),
            None => Err(too_many(caller, entries.len())),
        },
    }
}

fn too_many(caller: &Caller, known: usize) -> Failure {
    let (name, variable) = (&caller.name, site::SECRET_VARIABLE);
    let way = match caller.credentials {
        Credentials::Bearer => format!(
            "Deploy with one of these in {variable}. When every API server sends it: deployer rotate --finish, which forgets the other; then deploy with the new one."
        ),
        Credentials::Url => {
            format!("Give the token that the API servers send in {variable}: it stays known, and the others go.")
        }
    };
    Failure::new(format!(
        "the stack knows {known} secrets of {name} already, and one of them would have to go: which of them its API servers send is not known here"
    ))
    .with_hint(format!("Nothing was changed. {way}"))
    .with_code(ExitCode::Unsafe)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::caller::CallerSecret;

    fn secret(digit: char) -> CallerSecret {
        CallerSecret::parse(&digit.to_string().repeat(64)).unwrap()
    }

    fn caller(digit: char, credentials: Credentials) -> Caller {
        Caller { name: "blue".to_owned(), secret: secret(digit), credentials }
    }

    /// The webhook of a cluster that calls by the secret of this digit, or sends a token.
    fn existing(digit: Option<char>) -> Existing {
        let secret = digit.map(|digit| format!("/{}", digit.to_string().repeat(64))).unwrap_or_default();
        let url = format!("https://api.example.com/v1/blue{secret}");
        Existing::new(json!({ "webhooks": [{ "clientConfig": { "url": url } }] }))
    }

    /// What is known of blue, as digits; green is always there.
    fn digests(digits: &str) -> String {
        let entries = digits.chars().map(|digit| caller(digit, Credentials::Url).entry());
        crate::cluster::caller::digests_with("blue", entries, "green=aa")
    }

    #[test]
    fn what_the_calls_come_with_stays_known_and_nothing_is_known_for_ever() {
        use Credentials::{Bearer, Url};
        let (none, token, in_url) = (None, Some(existing(None)), Some(existing(Some('1'))));
        for (case, next, mode, existing, given, before, after) in [
            ("the first deploy", '1', Url, &none, None, "", Some("1")),
            ("again", '1', Url, &in_url, None, "1", Some("1")),
            ("what a broken-off rotation left", '1', Url, &in_url, None, "13", Some("1")),
            ("a webhook that was deleted", '2', Url, &none, None, "1", Some("2")),
            ("the secret of the URL becomes the token", '1', Bearer, &in_url, None, "1", Some("1")),
            ("another token than the secret of the URL", '2', Bearer, &in_url, None, "1", Some("12")),
            ("that again, while the URL has its secret", '2', Bearer, &in_url, None, "12", Some("12")),
            ("and with a third, while the URL has its secret", '3', Bearer, &in_url, None, "12", Some("13")),
            ("another token", '2', Bearer, &token, None, "1", Some("12")),
            ("that again, sent or not", '2', Bearer, &token, None, "12", Some("12")),
            ("the former one again", '1', Bearer, &token, None, "12", Some("12")),
            ("a third token", '3', Bearer, &token, None, "12", None),
            ("a third token, given", '3', Bearer, &token, Some('3'), "12", None),
            ("a third token without a webhook", '3', Bearer, &none, None, "12", Some("3")),
            ("from a token to the URL", '3', Url, &token, None, "1", Some("13")),
            ("that again, after it failed", '4', Url, &token, None, "13", None),
            ("that again, with the token", '4', Url, &token, Some('1'), "13", Some("14")),
            ("that again, with a stranger", '4', Url, &token, Some('9'), "13", None),
            ("once the URL has a secret", '1', Url, &in_url, None, "12", Some("1")),
        ] {
            let token = given.map(|digit| caller(digit, Bearer));
            let found = after_deploy(&caller(next, mode), existing.as_ref(), token.as_ref(), &digests(before));
            assert_eq!(found.as_ref().ok(), after.map(digests).as_ref(), "{case}: {found:?}");
            if let Err(failure) = found {
                assert_eq!(failure.code, ExitCode::Unsafe, "{case}");
                assert!(failure.hint.unwrap().contains("DEPLOYER_CALLER_SECRET"), "{case}");
            }
        }
    }
}
