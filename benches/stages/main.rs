//! The stages of the main job, each by itself, and the whole: bytes and packets (lines of logs, calls of verdicts) a second. What reads
//! captures and logs runs on one thread here; attribution and the whole take all processors.
//!
//! They run on the sample, and on the played incidents where these are at hand: `cargo bench --bench stages [-- FILTER]`.

mod capture;
mod log;
mod material;
#[path = "../support/mod.rs"]
mod support;
mod verdict;
mod whole;

fn main() {
    divan::main();
}
