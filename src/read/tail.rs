//! The end of a capture without what stands before it.
//!
//! Records have no mark by which one is known in the middle of a file, but a chain of them that ends where the file ends is no accident.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use wirecause_parsers::{
    capture::{FrameRef, Walker},
    time::Timestamp,
};

/// Records that end where a file ends.
#[derive(Debug)]
pub struct Chain {
    /// Where in the part the first of them begins.
    pub start: usize,
    /// The walker behind them.
    pub walker: Walker,
    /// Their frames; offsets count from the first record.
    pub frames: Vec<FrameRef>,
}

/// The last `most` of a file's `bytes`.
pub fn last_part(path: &Path, bytes: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(bytes.saturating_sub(most)))?;
    let mut part = Vec::new();
    file.take(most).read_to_end(&mut part)?;
    Ok(part)
}

/// The records in a file's last part whose chain ends with it. `walker` has walked the file's first ones, and `first` is the time of the very
/// first.
pub fn chained(part: &[u8], walker: &Walker, first: Timestamp) -> Option<Chain> {
    let mut frames = Vec::new();
    for start in 0..MOST_TRIES.min(part.len()) {
        let chain = part.get(start..)?;
        let mut walker = walker.clone();
        frames.clear();
        let whole = walker.walk(chain, true, &mut frames).is_ok_and(|walked| walked == chain.len());
        let in_order = |frames: &[FrameRef]| {
            frames.iter().all(|frame| frame.time >= first)
                && frames.windows(2).all(|pair| pair[1].time.since(pair[0].time).abs() <= LONGEST_STEP)
        };
        if whole && frames.len() >= LEAST_CHAIN && in_order(&frames) {
            return Some(Chain { start, walker, frames });
        }
    }
    None
}

/// A chain begins within so many bytes: no packet of a network is longer, and segments of offloading cards are up to 64 KiB.
const MOST_TRIES: usize = 1 << 17;
/// Records that end where the file ends by accident are no more than a few.
const LEAST_CHAIN: usize = 64;
/// Packets of one part of a file are no further apart, ns: what bytes in the middle of a record mean as a time is anything.
const LONGEST_STEP: i64 = 86_400_000_000_000;
