//! Follows coverage through `promises::host`. Nothing is promised or checked here.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // Whether it was understood only counts where a program makes the input.
    let _ = promises::host(bytes);
});
