//! Reads a log from chunks of its bytes, cut anywhere.
//!
//! Every line is looked at for two things only: whether it starts a record, and whether it holds one of the phrases that
//! the prefilter searches for. The few that do are read in full, together with the lines that continue them.

use memchr::memchr_iter;

use super::{
    entry::Place,
    lines::{LONGEST_LINE, LineCutter, Run},
    prefilter::Phrases,
    records::Records,
    scan::{LogOptions, LogScan},
};

/// Reads one log file, chunk by chunk.
#[derive(Debug)]
pub struct LogScanner {
    cutter: LineCutter,
    records: Records,
}

impl LogScanner {
    /// A scanner at the start of a file.
    pub fn new(options: LogOptions) -> Self {
        Self { cutter: LineCutter::default(), records: Records::new(options) }
    }

    /// Takes the next bytes of the file, decompressed.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Self { cutter, records } = self;
        cutter.feed(bytes, |run| read_run(&run, records));
    }

    /// Ends the file.
    pub fn finish(self) -> LogScan {
        let Self { mut cutter, mut records } = self;
        cutter.finish(|run| read_run(&run, &mut records));
        records.finish()
    }
}

/// Hands on the lines of a run with their places and phrases.
fn read_run(run: &Run<'_>, records: &mut Records) {
    let text = run.bytes;
    let mut phrases = Phrases::new(text);
    let mut start = 0;
    let unfinished = (text.last() != Some(&b'\n')).then_some(text.len());
    for end in memchr_iter(b'\n', text).map(|at| at + 1).chain(unfinished) {
        let place = records.place((end - start) as u64 + run.dropped);
        let found = phrases.of_line(start, end.min(start + LONGEST_LINE), end);
        let line = shown(text.get(start..end).unwrap_or_default(), place);
        records.line(line, place, found);
        start = end;
    }
}

/// A line without its line end, and without a byte order mark at the start of the file; no longer than is kept.
fn shown(line: &[u8], place: Place) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.get(..LONGEST_LINE).unwrap_or(line);
    if place.offset == 0 { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line }
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
