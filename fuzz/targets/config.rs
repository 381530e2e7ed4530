//! Runs `wirecause_fuzz::config` on what libFuzzer draws.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirecause_fuzz::config(data));
