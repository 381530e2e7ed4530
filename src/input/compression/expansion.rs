//! A watch on how far a packed stream expands: what is made to fill a disk or a day is cut, and said to be.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The watch of one stream, before its reader is there.
pub(super) struct Expanding {
    packed: Arc<AtomicU64>,
}

impl Expanding {
    /// A watch, and `packed` as the watch wants it read.
    pub(super) fn of(packed: Box<dyn Read + Send>) -> (Self, Counted) {
        let count = Arc::new(AtomicU64::new(0));
        (Self { packed: Arc::clone(&count) }, Counted { inner: packed, count })
    }

    /// The reader of the content, watched.
    pub(super) fn into(self, inner: impl Read + Send + 'static) -> Box<dyn Read + Send> {
        Box::new(Watched { inner, packed: self.packed, read: 0 })
    }
}

/// Counts what is read of the packed stream.
pub(super) struct Counted {
    inner: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

struct Watched<R> {
    inner: R,
    packed: Arc<AtomicU64>,
    read: u64,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if is_beyond_measure(self.packed.load(Ordering::Relaxed), self.read) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, BEYOND_MEASURE));
        }
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

/// Whether `expanded` bytes are more than `packed` ones can honestly hold.
pub(in crate::input) const fn is_beyond_measure(packed: u64, expanded: u64) -> bool {
    expanded > HARMLESS_BYTES && expanded / MOST_EXPANSION > packed
}

/// Told of a stream that is cut for it.
const BEYOND_MEASURE: &str = "expands more than a thousandfold and is read no further";
/// Logs pack to a twentieth, to a hundredth where they say one thing over and over, captures to a third. Deflate cannot do more than
/// 1,032, and what is streamed so costs time alone.
const MOST_EXPANSION: u64 = 1_100;
/// Less than this costs nobody anything, however little it was packed to.
const HARMLESS_BYTES: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_much_from_little_is_beyond_measure() {
        let gib = 1 << 30;
        assert!(is_beyond_measure(gib / 1_200, gib));
        assert!(!is_beyond_measure(gib / 1_032, gib));
        assert!(!is_beyond_measure(100, HARMLESS_BYTES));
    }

    #[test]
    fn a_stream_beyond_measure_is_cut() {
        let (watch, counted) = Expanding::of(Box::new(io::Cursor::new(vec![0; 1_000])));
        drop(counted);
        let mut stream = watch.into(io::repeat(0));
        let mut sink = io::sink();
        let error = io::copy(&mut stream.by_ref().take(1 << 40), &mut sink).unwrap_err();
        assert!(error.to_string().contains("thousandfold"), "{error}");
    }
}
