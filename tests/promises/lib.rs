//! What holds of everything that reads what a stranger wrote, whatever that is: not only that nothing panics.
//!
//! Each function reads some bytes, asserts what is promised of the outcome, and says whether they were understood. `damage`
//! (in `cargo test`) and the targets in `tests/fuzz` call them, so that both hold the same promises. Where there is a
//! second reader in `tests/oracle`, the two must agree. This crate must not make inputs.

#![allow(clippy::expect_used, reason = "a promise that is not kept is a panic")]

mod answer;
mod event;
mod names;
mod policy;
mod review;

// The oracle's own readings, which do not know the code that is tried here.
#[path = "../oracle/judge/host.rs"]
mod host;
#[path = "../oracle/judge/places.rs"]
mod places;
#[allow(dead_code, reason = "the oracle needs more of it")]
#[path = "../oracle/judge/reference.rs"]
mod reference;

use compliance::policy::{Home, Policy};
use compliance::registry::Registry;

pub use event::event;
pub use names::{host, reference};
pub use policy::policy;
pub use review::review;

/// Account and region of the function, and of the only registry it accepts.
const HOME: Home<'static> = Home { account: "111122223333", region: "eu-west-1" };
/// A namespace that is not judged.
const IGNORED: &str = "kube-system";
/// Stands in fixtures wherever a Pod may hold a secret.
const CANARY: &str = "canary";

/// Nothing is known of any repository under this policy, so it lets no image in.
fn home_only() -> Policy {
    let home = Registry::new(HOME.account, HOME.region).expect("a registry");
    Policy { accepted: vec![home], ignored_namespaces: vec![IGNORED.to_owned()], ..Policy::default() }
}

/// What a terminal shows as it is: nothing that moves the cursor or turns the direction of writing.
fn assert_printable(text: &str) {
    assert!(text.chars().all(|c| matches!(c, ' '..='~' | '\n' | '…')), "not to be shown: {text:?}");
}
