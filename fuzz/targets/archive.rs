//! Runs `wirecause_fuzz::archive` on what libFuzzer draws.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirecause_fuzz::archive(data));
