//! Blocks of a plain log, which can be read side by side.
//!
//! A block begins with a line that starts a record and ends before such a line, so that no record stands in two. What else runs on from
//! block to block (what a thread did before, the numbers of lines) is settled where a block is put behind those before it. So the result is
//! that of one pass, wherever blocks begin.

use std::sync::{Mutex, PoisonError};

use memchr::{memchr_iter, memrchr_iter};

use super::{head::starts_record, records::Records, scan::LogOptions, scanner::read_plain, words::Known};

/// What a block holds.
#[derive(Debug)]
pub struct LogBlock {
    pub(super) records: Records,
    /// Whether none of its lines is wrapped. One that is ends what was read of the block.
    pub(super) is_plain: bool,
}

impl LogBlock {
    /// Reads the bytes of a block. What other blocks taught is in `lore`.
    pub fn read(options: LogOptions, bytes: &[u8], lore: &Lore) -> Self {
        let mut records = Records::of_block(options, lore.take());
        let is_plain = read_plain(bytes, 0, &mut records).is_none();
        lore.give(records.end_block());
        Self { records, is_plain }
    }
}

/// What the blocks of a log have in common: names and failures, which those that are read next need not make again.
#[derive(Debug, Default)]
pub struct Lore(Mutex<Vec<Known>>);

impl Lore {
    fn take(&self) -> Known {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, known: Known) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(known);
    }
}

/// Bytes of a log, cut into blocks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut<'a> {
    /// What stands before the first block.
    pub before: &'a [u8],
    /// The blocks.
    pub blocks: Vec<&'a [u8]>,
    /// What stands behind the last one; its record may go on.
    pub behind: &'a [u8],
}

impl<'a> Cut<'a> {
    /// No blocks.
    pub(super) const fn none(bytes: &'a [u8]) -> Self {
        Self { before: bytes, blocks: Vec::new(), behind: &[] }
    }

    /// Blocks of at least `size` bytes, but for the last. `in_line`: the bytes begin inside a line.
    pub(super) fn new(bytes: &'a [u8], size: usize, in_line: bool) -> Self {
        let first = if in_line { None } else { Some(0) }.filter(|start| is_start(bytes, *start));
        let Some(first) = first.or_else(|| next_start(bytes, 0)) else { return Self::none(bytes) };
        let Some(last) = last_start(bytes).filter(|last| *last > first) else { return Self::none(bytes) };
        let (within, behind) = bytes.split_at_checked(last).unwrap_or((bytes, &[]));
        let (before, mut rest) = within.split_at_checked(first).unwrap_or((within, &[]));
        let mut blocks = Vec::new();
        while let Some((block, after)) = next_start(rest, size).and_then(|at| rest.split_at_checked(at)) {
            blocks.push(block);
            rest = after;
        }
        blocks.push(rest);
        Self { before, blocks, behind }
    }
}

/// The first line behind the line at `from` that starts a record.
fn next_start(bytes: &[u8], from: usize) -> Option<usize> {
    let mut ends = memchr_iter(b'\n', bytes.get(from..)?).map(|end| from + end + 1);
    ends.find(|start| is_start(bytes, *start))
}

/// The last line that starts a record, but for the first line.
fn last_start(bytes: &[u8]) -> Option<usize> {
    memrchr_iter(b'\n', bytes).map(|end| end + 1).find(|start| is_start(bytes, *start))
}

/// Whether a line that begins there starts a record. What stands behind the line does not matter to that.
fn is_start(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..).is_some_and(starts_record)
}
