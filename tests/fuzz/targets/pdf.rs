//! See `touchstone_pipeline::fuzz::pdf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    touchstone_fuzz::tolerate_what_the_pipeline_contains();
    touchstone_pipeline::fuzz::pdf(bytes);
});
