//! See `touchstone_moderation::archive::fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    touchstone_moderation::archive::fuzz(bytes);
});
