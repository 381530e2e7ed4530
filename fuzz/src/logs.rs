//! Logs: single lines and whole entries.

use wirecause::read::KeptCall;
use wirecause_parsers::log::{LogBlock, LogOptions, LogScan, LogScanner, Lore, looks_like_log};

/// One line: a head line of any form, and a report that may be in it.
pub fn log_head(bytes: &[u8]) {
    let line: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'\n').collect();
    let scanned = scan(&line, line.len().max(1));
    assert_eq!(scanned.counts.lines, u64::from(!line.is_empty()));
    assert!(scanned.calls.len() <= 1 && scanned.retries.len() <= 1);
    // The same line with a failure behind it is at most one call; whatever stands before it names the time.
    let with_report = [line.as_slice(), REPORT].concat();
    check(&with_report, &scan(&with_report, with_report.len()));
    let below = [STAMP, line.as_slice(), REPORT].concat();
    check(&below, &scan(&below, below.len()));
}

/// A log of any lines: read whole and in pieces it is the same, every line is counted once, and entries lie within the file.
pub fn log_entry(bytes: &[u8]) {
    let whole = scan(bytes, bytes.len().max(1));
    let in_pieces = scan(bytes, bytes.len() % LARGEST_PIECE + 1);
    assert_eq!(whole, in_pieces);
    assert_eq!(whole, in_blocks(bytes, bytes.len() % LARGEST_PIECE));
    check(bytes, &whole);
    let _ = looks_like_log(bytes);
}

fn check(bytes: &[u8], scan: &LogScan) {
    let ends = bytes.split(|byte| *byte == b'\n').count() as u64 - 1;
    let lines = ends + u64::from(bytes.last().is_some_and(|last| *last != b'\n'));
    let counts = &scan.counts;
    assert_eq!((counts.bytes, counts.lines), (bytes.len() as u64, lines));
    assert!(scan.first <= scan.last);
    assert!(counts.paired <= counts.failure_entries);
    let mut before = 0;
    for call in &scan.calls {
        for span in [Some(call.entry), call.also.as_deref().copied()].into_iter().flatten() {
            assert!(1 <= span.first_line && span.first_line <= span.last_line && span.last_line <= lines);
            assert!(span.offset + span.length <= bytes.len() as u64);
        }
        assert_eq!(KeptCall::from(call.clone()).open(), *call, "what is kept is what was read");
        assert!(before <= call.entry.first_line, "calls stand in the order of their entries");
        before = call.entry.first_line;
        assert!(!call.failure.target.host.is_empty() && !call.url.is_empty());
        assert!(!call.url.contains('\n') && !call.failure.message.contains('\n'), "{call:?}");
        assert!(call.retries.windows(2).all(|pair| pair[0].line < pair[1].line));
        assert!(call.failure.message.len() <= LONGEST_MESSAGE, "{} bytes", call.failure.message.len());
    }
}

fn scan(bytes: &[u8], piece: usize) -> LogScan {
    let mut scanner = LogScanner::new(LogOptions::default());
    for piece in bytes.chunks(piece) {
        scanner.feed(piece);
    }
    scanner.finish()
}

fn in_blocks(bytes: &[u8], size: usize) -> LogScan {
    let options = LogOptions::default();
    let (mut scanner, lore) = (LogScanner::new(options), Lore::default());
    scanner
        .feed_blocks(bytes, size, |blocks| blocks.iter().map(|block| LogBlock::read(options, block, &lore)).collect());
    scanner.finish()
}

const STAMP: &[u8] = b"2026-11-20T20:54:30.824-0300 ";
const REPORT: &[u8] = b" 4042: Problem routing to http://h/. Error msg: Connection reset";
/// Pieces of up to so many bytes cut lines anywhere.
const LARGEST_PIECE: usize = 97;
/// No line keeps more than 256 kB; what replaces a byte that is no UTF-8 has three.
const LONGEST_MESSAGE: usize = 3 * (256 << 10);
