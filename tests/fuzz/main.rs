//! Damaged bytes for everything that reads what a stranger wrote: the review's decoder, image references, hosts.
//!
//! Seeded and by number of cases in `cargo test`; `make fuzz` goes on for `FUZZ_SECONDS` from a new seed. It damages a
//! real review rather than following coverage, for which cargo-fuzz needs a nightly compiler. A panic is caught with
//! the seed that brings it back: `FUZZ_SEED=… FUZZ_CASES=1 cargo test --workspace --test fuzz`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../oracle/random.rs"]
mod random;

use std::panic::catch_unwind;
use std::time::{Duration, Instant};

use compliance::image::ImageReference;
use compliance::registry::{RegistryHost, classify};
use local_world::root;
use random::Random;

const CASES: u64 = 20_000;
const SEED: u64 = 20_261_124;
/// The longest refusal: it goes into an answer and into the log.
const LONGEST_REFUSAL: usize = 1024;

/// Pieces that a parser may stumble over.
const PIECES: [&str; 16] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\\u0000",
    "\\ud800",
    "null",
    "\"object\":{}",
    "\"uid\":\"\"",
    "1e999",
    "\u{feff}",
    "[[[[[[[[",
    "\"image\":\"a\",\"image\":\"b\"",
];

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text:?} is not a number; give one such as 60")))
}

/// Calls `try_one` with one seed after the other, until the cases or the seconds are used up.
fn play(mut try_one: impl FnMut(&mut Random) -> Result<(), String>) {
    let first = number("FUZZ_SEED").unwrap_or(SEED);
    let until = number("FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let cases = if until.is_some() { u64::MAX } else { number("FUZZ_CASES").unwrap_or(CASES) };
    for case in 0..cases {
        if until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
        let seed = first.wrapping_add(case);
        if let Err(what) = try_one(&mut Random::new(seed)) {
            panic!("FUZZ_SEED={seed} FUZZ_CASES=1: {what}");
        }
    }
}

fn damaged(random: &mut Random, good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    if random.percent(2) {
        return bytes;
    }
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len().max(1)).min(bytes.len());
        match random.below(6) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] = u8::try_from(random.below(256)).unwrap(),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 => {
                let piece = random.pick(&PIECES);
                bytes.splice(at..at, piece.bytes());
            }
            4 => {
                let end = (at + random.below(200)).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            _ => {
                let deep = random.pick(&["[", "{\"object\":"]).repeat(1 + random.below(300));
                bytes.splice(at..at, deep.bytes());
            }
        }
    }
    bytes
}

#[test]
fn a_damaged_review_is_read_or_refused_in_one_short_sentence_and_never_panics() {
    let path = root::checkout().expect("a checkout").join("lambda/fixtures/review.json");
    let good = std::fs::read(path).expect("a fixture");
    let (mut read, mut refused) = (0_u32, 0_u32);
    play(|random| {
        let bytes = damaged(random, &good);
        let refusal = catch_unwind(|| lambda::admission::decode(&bytes).map(|review| review.images().len()).err())
            .map_err(|_| format!("the decoder panicked on {:?}", String::from_utf8_lossy(&bytes)))?;
        match refusal {
            None => read += 1,
            Some(refusal) if refusal.message.len() <= LONGEST_REFUSAL && refusal.code >= 400 => refused += 1,
            Some(refusal) => return Err(format!("refused with {} and {}", refusal.code, refusal.message)),
        }
        Ok(())
    });
    // Otherwise nothing behind the first brace was tried.
    assert!(number("FUZZ_CASES").is_some() || (read > 100 && refused > 100), "read {read}, refused {refused}");
}

#[test]
fn damaged_references_and_hosts_are_judged_and_never_panic() {
    const GOOD: [&str; 4] = [
        "111122223333.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.0",
        "111122223333.dkr-ecr.us-gov-west-1.on.aws/a@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "vpce-1.dkr.ecr.us-east-1.vpce.amazonaws.com/x",
        "[::1]:5000/library/nginx",
    ];
    play(|random| {
        let good = random.pick(&GOOD);
        let text = String::from_utf8_lossy(&damaged(random, good.as_bytes())).into_owned();
        catch_unwind(|| judge(&text)).map_err(|_| format!("a panic on {text:?}"))?
    });
}

fn judge(text: &str) -> Result<(), String> {
    let host = classify(text);
    if let RegistryHost::PrivateEcr(registry) = &host
        && !text.to_ascii_lowercase().starts_with(&registry.account)
    {
        return Err(format!("{text:?} is taken for a registry of {registry}"));
    }
    let Ok(reference) = ImageReference::parse(text) else { return Ok(()) };
    match ImageReference::parse(&reference.to_string()) {
        Ok(again) if again == reference => Ok(()),
        other => Err(format!("{text:?} is read as {reference}, and that as {other:?}")),
    }
}
