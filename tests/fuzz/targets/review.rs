//! Follows coverage through `promises::review`. Nothing is promised or checked here.

#![no_main]

mod json;

use libfuzzer_sys::{fuzz_mutator, fuzz_target};

fuzz_target!(|bytes: &[u8]| {
    // Whether it was understood only counts where a program makes the input.
    let _ = promises::review(bytes);
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| { json::mutate(data, size, max_size, seed) });
