//! Decodes or tracks a capture, for callgrind to count the instructions of: `instructions decode|track FILE`.
//!
//! Prints the packets that it took. Counting begins and ends with the function `counted_decode` or `counted_track`; the rest prepares. See
//! `instructions.sh`.

#[path = "support/mod.rs"]
mod support;

use std::{hint::black_box, path::PathBuf, process::ExitCode};

use support::{Capture, Found, track};

/// Decodes every frame of a capture that was walked.
#[inline(never)]
fn counted_decode(capture: &Capture) {
    capture.decode(|frame, decoded| {
        black_box((frame, decoded));
    });
}

/// Tracks every segment that was decoded, to the end of all connections.
#[inline(never)]
fn counted_track(found: &[Found<'_>]) {
    black_box(track(found));
}

fn main() -> ExitCode {
    // Cargo adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [stage, file] = &args[..] else {
        // By itself, as `cargo bench` starts it, it measures nothing.
        println!("usage: instructions decode|track FILE, under callgrind; see benches/instructions.sh");
        return ExitCode::SUCCESS;
    };
    let capture = Capture::read(&PathBuf::from(file));
    match stage.as_str() {
        "decode" => counted_decode(&capture),
        "track" => counted_track(&capture.found()),
        _ => {
            eprintln!("unknown stage {stage}");
            return ExitCode::from(2);
        }
    }
    println!("{}", capture.frames.len());
    ExitCode::SUCCESS
}
