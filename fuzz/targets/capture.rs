//! Runs `wirecause_fuzz::capture` on what libFuzzer draws; half of its mutations keep a capture's records whole.
#![no_main]

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    wirecause_fuzz::mutate(data, size, max_size, seed, libfuzzer_sys::fuzzer_mutate)
});
libfuzzer_sys::fuzz_target!(|data: &[u8]| wirecause_fuzz::capture(data));
