//! Cuts a stream of bytes into runs of whole lines, wherever the chunks end.

use memchr::{memchr, memrchr};

/// Whole lines in one piece.
#[derive(Debug)]
pub(super) struct Run<'a> {
    /// The lines, line ends included.
    pub bytes: &'a [u8],
    /// Bytes of the run's only line that were not kept. 0 in a run of several lines.
    pub dropped: u64,
}

/// Holds the line that a chunk leaves unfinished.
#[derive(Debug, Default)]
pub(super) struct LineCutter {
    held: Vec<u8>,
    dropped: u64,
}

impl LineCutter {
    /// Passes the lines that a chunk completes to `take`, in at most two runs.
    pub(super) fn feed(&mut self, chunk: &[u8], mut take: impl FnMut(Run<'_>)) {
        let mut rest = chunk;
        if self.is_holding() {
            let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            self.hold(line);
            if line.last() != Some(&b'\n') {
                return;
            }
            self.flush(&mut take);
            rest = after;
        }
        let end = memrchr(b'\n', rest).map_or(0, |at| at + 1);
        let (whole, unfinished) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        if !whole.is_empty() {
            take(Run { bytes: whole, dropped: 0 });
        }
        self.hold(unfinished);
    }

    /// Passes the last line where no line end closes it.
    pub(super) fn finish(&mut self, mut take: impl FnMut(Run<'_>)) {
        if self.is_holding() {
            self.flush(&mut take);
        }
    }

    /// Whether a line is not finished.
    pub(super) const fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    fn hold(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.held.len()).min(bytes.len());
        let (kept, dropped) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.held.extend_from_slice(kept);
        self.dropped += dropped.len() as u64;
    }

    fn flush(&mut self, take: &mut impl FnMut(Run<'_>)) {
        take(Run { bytes: &self.held, dropped: self.dropped });
        self.held.clear();
        self.dropped = 0;
    }
}

/// Bytes kept of a line. A failure's line with its whole trace flattened is some thousand bytes; a line of gigabytes is no
/// log, and must not cost their memory.
pub(super) const LONGEST_LINE: usize = 256 << 10;
