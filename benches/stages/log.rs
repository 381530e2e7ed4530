//! From a log's bytes to failed calls.

use divan::{
    Bencher,
    counter::{BytesCount, ItemsCount},
};
use wirecause_parsers::log::{LogOptions, LogScan, LogScanner};

use crate::material::{material, names};

/// Bytes and lines.
#[divan::bench(args = names())]
fn scan(bencher: Bencher, name: &str) {
    let log = &material(name).log;
    let lines = log.split_inclusive(|&byte| byte == b'\n').count();
    bencher.counter(BytesCount::new(log.len())).counter(ItemsCount::new(lines)).bench(|| scan_of(log));
}

/// What a log holds.
pub(crate) fn scan_of(log: &[u8]) -> LogScan {
    let mut scanner = LogScanner::new(LogOptions::default());
    scanner.feed(log);
    scanner.finish()
}
