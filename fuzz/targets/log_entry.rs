//! Runs `wirecause_fuzz::log_entry` on what libFuzzer draws.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirecause_fuzz::log_entry(data));
