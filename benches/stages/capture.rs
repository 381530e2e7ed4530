//! From a capture's bytes to connections.

use divan::{Bencher, black_box};

use crate::{
    material::{material, names},
    support,
};

/// Names the frames.
#[divan::bench(args = names())]
fn walk(bencher: Bencher, name: &str) {
    let of = material(name);
    bencher.counter(of.capture_bytes()).counter(of.packets()).bench(|| of.capture.walk());
}

/// Reads the headers of frames that were walked.
#[divan::bench(args = names())]
fn decode(bencher: Bencher, name: &str) {
    let of = material(name);
    bencher.counter(of.capture_bytes()).counter(of.packets()).bench(|| {
        of.capture.decode(|_, decoded| {
            black_box(decoded);
        });
    });
}

/// Follows the connections of segments that were decoded.
#[divan::bench(args = names())]
fn track(bencher: Bencher, name: &str) {
    let of = material(name);
    let found = of.capture.found();
    bencher.counter(of.capture_bytes()).counter(of.packets()).bench(|| support::track(&found));
}
