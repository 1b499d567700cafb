//! Ages and limits, on a clock that stands where it is put.

use std::time::Duration;

use super::{Cache, CacheSettings, Lasting};
use crate::ecr::clock::Moment;

fn at(seconds: u64) -> Moment {
    Moment { monotonic: Duration::from_secs(seconds), wall: Duration::from_secs(seconds) }
}

fn cache(most: usize) -> Cache<&'static str, u8> {
    Cache::new(CacheSettings { most, ..CacheSettings::default() })
}

#[test]
fn how_long_a_fact_is_used_depends_on_what_it_says() {
    let cases = [
        (Lasting::Settled, 59, true, true),
        (Lasting::Settled, 60, false, true),
        (Lasting::Settled, 659, false, true),
        (Lasting::Settled, 660, false, false),
        (Lasting::Movable, 59, true, true),
        (Lasting::Movable, 60, false, false),
        (Lasting::Brief, 4, true, true),
        (Lasting::Brief, 5, false, false),
    ];
    for (lasting, age, fresh, usable) in cases {
        let mut cache = cache(10);
        cache.put("app", 1, lasting, at(100), at(100));
        let age_then = Some((1, Duration::from_secs(age)));
        assert_eq!(cache.fresh(&"app", at(100 + age)), age_then.filter(|_| fresh), "{lasting:?} after {age} s");
        assert_eq!(cache.usable(&"app", at(100 + age)), age_then.filter(|_| usable), "{lasting:?} after {age} s");
    }
}

#[test]
fn the_age_counts_from_the_question_and_a_newer_answer_replaces_the_older() {
    let mut cache = cache(10);
    cache.put("app", 1, Lasting::Settled, at(100), at(103));
    assert_eq!(cache.fresh(&"app", at(110)), Some((1, Duration::from_secs(10))));
    cache.put("app", 2, Lasting::Brief, at(120), at(120));
    assert_eq!(cache.usable(&"app", at(126)), None, "no older answer shines through");
}

#[test]
fn what_is_forgotten_is_gone() {
    let mut cache = cache(10);
    cache.put("app", 1, Lasting::Settled, at(0), at(0));
    cache.forget(&"app");
    assert_eq!(cache.usable(&"app", at(0)), None);
}

#[test]
fn invented_names_do_not_drive_out_what_is_known_of_real_ones() {
    let mut cache = cache(3);
    cache.put("app", 1, Lasting::Settled, at(0), at(0));
    cache.put("web", 2, Lasting::Settled, at(50), at(50));
    for name in ["a", "b", "c", "d", "e"] {
        cache.put(name, 0, Lasting::Brief, at(100), at(100));
    }
    let known: Vec<_> = ["app", "web", "d", "e"].map(|name| cache.usable(&name, at(100)).is_some()).to_vec();
    assert_eq!(known, [true, true, false, true]);
}

#[test]
fn among_equals_the_oldest_goes_and_the_useless_go_first() {
    let mut cache = cache(2);
    cache.put("old", 1, Lasting::Settled, at(0), at(0));
    cache.put("young", 2, Lasting::Settled, at(10), at(10));
    cache.put("new", 3, Lasting::Settled, at(20), at(20));
    assert!(cache.usable(&"old", at(20)).is_none() && cache.usable(&"young", at(20)).is_some());
    cache.put("later", 4, Lasting::Settled, at(5000), at(5000));
    assert_eq!(cache.entries.len(), 1, "both others had become useless");
}

#[test]
fn when_it_is_full_the_tenth_that_is_soonest_of_no_use_goes_at_once() {
    let names: Vec<String> = (0..100).map(|at| format!("{at:02}")).collect();
    let mut cache = Cache::new(CacheSettings { most: 100, ..CacheSettings::default() });
    // Asked about in another order than that of their names; the first fifteen are of one second.
    for (at_second, name) in names.iter().rev().enumerate() {
        let moment = at(at_second.max(14) as u64);
        cache.put(name.as_str(), 0, Lasting::Settled, moment, moment);
    }
    cache.put("new", 1, Lasting::Settled, at(100), at(100));
    assert_eq!(cache.entries.len(), 91);
    let gone: Vec<&String> = names.iter().filter(|name| !cache.entries.contains_key(name.as_str())).collect();
    assert!(gone.iter().all(|name| name.as_str() >= "85"), "{gone:?}");
    for more in names.iter().filter(|name| name.as_str() >= "85").take(9) {
        cache.put(more.as_str(), 0, Lasting::Settled, at(101), at(101));
    }
    assert!(cache.entries.len() <= 100);
}
