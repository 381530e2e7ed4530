//! Runs `wirecause_fuzz::dns` on what libFuzzer draws.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirecause_fuzz::dns(data));
