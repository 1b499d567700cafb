//! Damaged bytes for everything that reads what a stranger wrote: the seeds of `tests/fuzz`, a few bytes of each spoiled.
//!
//! A fixed number of cases from a fixed seed, so that `cargo test` needs no more than Rust; `make fuzz` goes further. A broken
//! promise is printed with the seed that brings it back: `DAMAGE_SEED=… DAMAGE_CASES=1 cargo test --workspace --test damage`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../oracle/random.rs"]
mod random;

use std::collections::BTreeSet;
use std::panic::catch_unwind;

use random::Random;

const CASES: u64 = 10_000;
const SEED: u64 = 20_261_124;

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

/// Has every case of damage to one of the good inputs, a line each, judged.
fn damage(lines: &str, promises: fn(&[u8]) -> bool) {
    let good: Vec<&str> = lines.lines().collect();
    let first = number("DAMAGE_SEED").unwrap_or(SEED);
    let cases = number("DAMAGE_CASES").unwrap_or(CASES);
    let mut understood = 0_u64;
    for seed in (0..cases).map(|case| first.wrapping_add(case)) {
        let mut random = Random::new(seed);
        let good = random.pick(&good);
        let bytes = damaged(&mut random, good.as_bytes());
        // The panic has told which promise.
        understood += catch_unwind(|| u64::from(promises(&bytes)))
            .unwrap_or_else(|_| panic!("DAMAGE_SEED={seed} DAMAGE_CASES=1: {:?}", String::from_utf8_lossy(&bytes)));
    }
    // Otherwise nothing behind the first brace was tried, or nothing but good inputs.
    assert!(
        cases < CASES || (cases / 100..cases / 100 * 99).contains(&understood),
        "{understood} of {cases} understood"
    );
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
fn damaged_reviews_are_read_as_written_or_refused_in_one_short_sentence() {
    damage(include_str!("../fuzz/seeds/review"), promises::review);
}

#[test]
fn damaged_events_are_answered_to_those_who_are_known_and_to_nobody_else() {
    damage(include_str!("../fuzz/seeds/event"), promises::event);
}

#[test]
fn damaged_policies_are_read_to_the_last_key_or_let_nothing_in() {
    damage(include_str!("../fuzz/seeds/policy"), promises::policy);
}

#[test]
fn damaged_references_are_read_as_the_oracle_reads_them() {
    damage(include_str!("../fuzz/seeds/reference"), promises::reference);
}

#[test]
fn damaged_hosts_are_taken_for_what_the_oracle_takes_them_for() {
    damage(include_str!("../fuzz/seeds/host"), promises::host);
}

/// Otherwise `make fuzz` would try other code than is shipped.
#[test]
fn the_fuzzing_project_is_locked_to_the_versions_of_the_workspace() {
    const ITS_OWN: [&str; 4] = ["arbitrary", "fuzz", "jobserver", "libfuzzer-sys"];
    let here = packages(include_str!("../../Cargo.lock"));
    let there = packages(include_str!("../fuzz/Cargo.lock"));
    let others: BTreeSet<&str> = there.difference(&here).map(|(name, _)| *name).collect();
    assert_eq!(others, BTreeSet::from(ITS_OWN), "copy Cargo.lock to tests/fuzz and run `cargo tree` there");
}

/// Name and version of each package of a lock file.
fn packages(lock: &str) -> BTreeSet<(&str, &str)> {
    lock.split("[[package]]\n")
        .skip(1)
        .map(|package| {
            let mut values = package.lines().filter_map(|line| line.split_once(" = ")).map(|(_, value)| value);
            let mut next = || values.next().unwrap_or_default().trim_matches('"');
            (next(), next())
        })
        .collect()
}
