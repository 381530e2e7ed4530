//! From a log's bytes to failed calls.

use divan::{
    Bencher,
    counter::{BytesCount, ItemsCount},
};
use rayon::prelude::*;
use wirecause_parsers::log::{LogBlock, LogOptions, LogScan, LogScanner, Lore};

use crate::material::{material, names};

/// Bytes and lines.
#[divan::bench(args = names())]
fn scan(bencher: Bencher, name: &str) {
    let log = &material(name).log;
    let lines = log.split_inclusive(|&byte| byte == b'\n').count();
    bencher.counter(BytesCount::new(log.len())).counter(ItemsCount::new(lines)).bench(|| scan_of(log));
}

/// The same in blocks, side by side.
#[divan::bench(args = names())]
fn scan_in_blocks(bencher: Bencher, name: &str) {
    let log = &material(name).log;
    bencher.counter(BytesCount::new(log.len())).bench(|| {
        let (mut scanner, lore) = (LogScanner::new(LogOptions::default()), Lore::default());
        let read = |block: &&[u8]| LogBlock::read(LogOptions::default(), block, &lore);
        scanner.feed_blocks(log, BLOCK, |blocks| blocks.par_iter().map(read).collect());
        scanner.finish()
    });
}

/// What a log holds.
pub(crate) fn scan_of(log: &[u8]) -> LogScan {
    let mut scanner = LogScanner::new(LogOptions::default());
    scanner.feed(log);
    scanner.finish()
}

/// Bytes of a block, as the program has them.
const BLOCK: usize = 512 << 10;
