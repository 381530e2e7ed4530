//! Runs `wirecause_fuzz::join` on what libFuzzer draws.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirecause_fuzz::join(data));
