//! An independent oracle: a small, slow judge, written a second time from the documents of AWS, Kubernetes and
//! distribution, compared with `compliance::policy::evaluate` over generated Pods, policies and states of ECR.
//!
//! The judge in `judge/` must not import `compliance`: what the two agree on was then thought of twice. `cargo test`
//! runs 10,000 cases from a fixed seed, `make oracle` a million from a new one. Where they differ, the smallest case is
//! printed with the seed that brings it back:
//!
//! ```text
//! ORACLE_SEED=… ORACLE_CASES=1 cargo test --workspace --test oracle
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod calendar;
mod case;
mod coverage;
mod differences;
mod engine;
mod generate;
mod golang;
mod judge;
mod random;

use crate::case::Case;
use crate::coverage::Coverage;

const CASES: u64 = 10_000;
const SEED: u64 = 20_261_124;
/// Fewer cases than this cannot be expected to hit everything.
const ENOUGH_FOR_COVERAGE: u64 = 10_000;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| {
        text.parse().unwrap_or_else(|_| panic!("{variable}={text:?} is not a number; give one such as {otherwise}"))
    })
}

/// A case on which the two differ.
struct Difference {
    seed: u64,
    text: String,
}

fn compare(seed: u64, coverage: &mut Coverage) -> Option<Difference> {
    let case = generate::case(seed);
    let (expected, actual) = (judge::judge(&case), engine::judge(&case));
    coverage.count(&expected);
    (expected != actual).then(|| Difference { seed, text: describe(&case, &expected, &actual) })
}

fn describe(case: &Case, expected: &case::Outcome, actual: &case::Outcome) -> String {
    format!("{case}\noracle: {expected:#?}\nengine: {actual:#?}")
}

/// The cases are dealt out like cards, so that their number alone decides what is judged.
fn on_all_cores(first: u64, cases: u64) -> (Coverage, Vec<Difference>) {
    let hands = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let play = |hand: u64| {
        let mut coverage = Coverage::default();
        let seeds = (hand..cases).step_by(usize::try_from(hands).unwrap()).map(|case| first.wrapping_add(case));
        let differences: Vec<Difference> = seeds.filter_map(|seed| compare(seed, &mut coverage)).collect();
        (coverage, differences)
    };
    let mut all = (Coverage::default(), Vec::new());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..hands).map(|hand| scope.spawn(move || play(hand))).collect();
        for thread in threads {
            let (coverage, differences) = thread.join().expect("a hand is played to its end");
            all.0.merge(coverage);
            all.1.extend(differences);
        }
    });
    all
}

#[test]
fn the_engine_judges_every_generated_case_as_the_oracle_does() {
    let (first, cases) = (number("ORACLE_SEED", SEED), number("ORACLE_CASES", CASES));
    let (coverage, differences) = on_all_cores(first, cases);
    if let Some(smallest) = differences.iter().min_by_key(|difference| difference.text.len()) {
        panic!(
            "{} of {cases} cases differ; the smallest (ORACLE_SEED={} ORACLE_CASES=1):\n{}",
            differences.len(),
            smallest.seed,
            smallest.text
        );
    }
    if cases >= ENOUGH_FOR_COVERAGE {
        let missed = coverage.missed(cases);
        assert!(missed.is_empty(), "too seldom among {cases} cases (seed {first}): {missed:#?}");
    }
}

#[test]
fn a_seed_always_makes_the_same_case() {
    assert_eq!(generate::case(7).to_string(), generate::case(7).to_string());
    assert_ne!(generate::case(7).to_string(), generate::case(8).to_string());
}
