//! Which setting counts under which scan type.

use super::{Answer, Because, judge};
use crate::facts::{EffectiveScan, RegistryScanning, ScanFacts, ScanFrequency, ScanType, Unavailable};

fn known(flag: bool, scan_type: ScanType, scan_on_push: bool, frequency: ScanFrequency) -> ScanFacts {
    let registry = RegistryScanning { scan_type, rules: Vec::new() };
    ScanFacts { repository_flag: flag, effective: EffectiveScan::Known { scan_on_push, frequency, registry } }
}

fn verdict(facts: &ScanFacts) -> &'static str {
    match judge(facts) {
        Answer::Scanned => "scanned",
        Answer::NotScanned(Because::Basic) => "not scanned, basic",
        Answer::NotScanned(Because::OtherAccount) => "not scanned, other account",
        Answer::NotScanned(Because::Enhanced(_)) => "not scanned, enhanced",
        Answer::Unknown(code, ..) => code,
        Answer::Unavailable(why) => why.code,
    }
}

#[test]
fn what_counts_depends_on_the_registrys_scan_type() {
    use ScanFrequency::{Continuous, Manual, ScanOnPush, Unrecognised};
    let new = || "NEW".to_owned();
    let cases = [
        ("basic, nothing asks", known(false, ScanType::Basic, false, Manual), "not scanned, basic"),
        ("basic, the repository asks", known(true, ScanType::Basic, false, Manual), "scanned"),
        ("basic, the effective flag", known(false, ScanType::Basic, true, Manual), "scanned"),
        ("basic, a rule of the registry", known(false, ScanType::Basic, false, ScanOnPush), "scanned"),
        ("basic, continuous", known(false, ScanType::Basic, false, Continuous), "scanned"),
        (
            "basic, unknown frequency",
            known(false, ScanType::Basic, false, Unrecognised(new())),
            "scan-frequency-unrecognised",
        ),
        ("enhanced, only the old flag", known(true, ScanType::Enhanced, true, Manual), "not scanned, enhanced"),
        ("enhanced, at push", known(false, ScanType::Enhanced, false, ScanOnPush), "scanned"),
        ("enhanced, continuous", known(false, ScanType::Enhanced, false, Continuous), "scanned"),
        (
            "enhanced, unknown frequency",
            known(true, ScanType::Enhanced, true, Unrecognised(new())),
            "scan-frequency-unrecognised",
        ),
        ("unknown type", known(true, ScanType::Unrecognised(new()), true, ScanOnPush), "scan-type-unrecognised"),
    ];
    for (name, facts, expected) in cases {
        assert_eq!(verdict(&facts), expected, "{name}");
    }
}

#[test]
fn of_another_account_the_repositorys_flag_decides() {
    let facts = |repository_flag| ScanFacts { repository_flag, effective: EffectiveScan::OtherAccount };
    assert_eq!(verdict(&facts(true)), "scanned");
    assert_eq!(verdict(&facts(false)), "not scanned, other account");
}

#[test]
fn without_the_registrys_answer_nothing_is_decided_even_if_the_repository_asks_for_scans() {
    let effective = EffectiveScan::Unavailable(Unavailable::new("throttled", "x"));
    assert_eq!(verdict(&ScanFacts { repository_flag: true, effective }), "throttled");
}
