//! How many bytes of the inputs were read, for whoever shows progress.
//!
//! One count for the process, since progress is of the process: no stage has to hand a counter on, and nothing of the output depends
//! on it.

use std::{
    io::{self, Read},
    sync::atomic::{AtomicU64, Ordering},
};

/// Bytes read of files as they lie, packed or not. What was only looked at is not counted in the end.
pub fn bytes_read() -> u64 {
    READ.load(Ordering::Relaxed)
}

/// Bytes of files that will not be read after all, so that nobody waits for them.
pub fn bytes_left_out() -> u64 {
    LEFT_OUT.load(Ordering::Relaxed)
}

/// Counts a file of so many bytes that will not be read after all.
pub fn leave_out(bytes: u64) {
    LEFT_OUT.fetch_add(bytes, Ordering::Relaxed);
}

/// Counts what is read through it.
pub(super) struct Metered<R> {
    inner: R,
    counted: u64,
    ended: bool,
}

impl<R> Metered<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner, counted: 0, ended: false }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.ended |= read == 0 && !buffer.is_empty();
        self.counted += read as u64;
        READ.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl<R> Drop for Metered<R> {
    /// A file that is closed before its end was looked at, and is read later.
    fn drop(&mut self) {
        if !self.ended {
            READ.fetch_sub(self.counted, Ordering::Relaxed);
        }
    }
}

static READ: AtomicU64 = AtomicU64::new(0);
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);
