//! Reading ahead: a packed stream is inflated on a thread of its own while what came of it is worked on.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    thread,
};

/// A stream whose next bytes are read before they are asked for.
///
/// Errors come in their place, behind what stood before them. The thread ends with the stream, with its first error, or soon after this
/// reader is dropped.
pub(super) struct ReadAhead {
    filled: Receiver<io::Result<Vec<u8>>>,
    /// Buffers go back, so that a long stream takes no more than it has under way.
    empty: SyncSender<Vec<u8>>,
    current: Vec<u8>,
    at: usize,
    ended: bool,
}

impl ReadAhead {
    /// Starts to read `stream` up to about so many bytes ahead; where no thread can be had, the stream as it is.
    pub(super) fn start(stream: Box<dyn Read + Send>, bytes: usize) -> Box<dyn Read + Send> {
        let buffers = (bytes / BUFFER_BYTES).clamp(1, MOST_BUFFERS);
        let (filled_in, filled) = sync_channel(buffers);
        let (empty, empty_out) = sync_channel(buffers + 1);
        // The stream goes to its thread when that runs, and comes back when it does not.
        let (hand, taken) = sync_channel(1);
        let work = move || {
            if let Ok(stream) = taken.recv() {
                fill(stream, &filled_in, &empty_out);
            }
        };
        match thread::Builder::new().name("read-ahead".to_owned()).spawn(work) {
            Ok(_) => match hand.send(stream) {
                Ok(()) => Box::new(Self { filled, empty, current: Vec::new(), at: 0, ended: false }),
                Err(back) => back.0,
            },
            Err(_) => stream,
        }
    }

    /// Takes the next buffer; false at the end.
    fn next(&mut self) -> io::Result<bool> {
        let done = std::mem::take(&mut self.current);
        self.at = 0;
        if done.capacity() > 0 {
            // A thread that has ended takes none back.
            let _ = self.empty.try_send(done);
        }
        match self.filled.recv() {
            Ok(Ok(buffer)) => {
                self.current = buffer;
                Ok(true)
            }
            Ok(Err(error)) => {
                self.ended = true;
                Err(error)
            }
            Err(_) => {
                self.ended = true;
                Ok(false)
            }
        }
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while self.at == self.current.len() {
            if self.ended || !self.next()? {
                return Ok(0);
            }
        }
        let read = self.current.get(self.at..).unwrap_or_default().read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

fn fill(mut stream: Box<dyn Read + Send>, filled: &SyncSender<io::Result<Vec<u8>>>, empty: &Receiver<Vec<u8>>) {
    loop {
        let mut buffer = match empty.try_recv() {
            Ok(buffer) => buffer,
            Err(TryRecvError::Empty) => vec![0; BUFFER_BYTES],
            Err(TryRecvError::Disconnected) => return,
        };
        buffer.resize(BUFFER_BYTES, 0);
        let (length, error) = fill_one(&mut stream, &mut buffer);
        buffer.truncate(length);
        let ended = length < BUFFER_BYTES;
        if length > 0 && filled.send(Ok(buffer)).is_err() {
            return;
        }
        if let Some(error) = error {
            // Whoever does not want it has gone.
            let _ = filled.send(Err(error));
            return;
        }
        if ended {
            return;
        }
    }
}

/// Fills a buffer as far as the stream goes.
fn fill_one(stream: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut length = 0;
    while length < buffer.len() {
        match stream.read(buffer.get_mut(length..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (length, Some(error)),
        }
    }
    (length, None)
}

/// Bytes of a buffer: large enough that handing it over costs nothing, small enough that the first comes soon.
const BUFFER_BYTES: usize = 1 << 20;
/// Buffers that may wait: with the one being filled and the one being read from they are 64 MiB.
const MOST_BUFFERS: usize = 62;

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    /// Yields its content in odd pieces, then an error.
    struct Odd {
        left: usize,
        read: Arc<AtomicUsize>,
        error: bool,
    }

    impl Read for Odd {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.left == 0 && std::mem::take(&mut self.error) {
                return Err(io::Error::other("damaged"));
            }
            let length = buffer.len().min(70_001).min(self.left);
            for (offset, byte) in buffer[..length].iter_mut().enumerate() {
                *byte = ((self.left - offset) % 251) as u8;
            }
            self.left -= length;
            self.read.fetch_add(length, Ordering::SeqCst);
            Ok(length)
        }
    }

    fn odd(left: usize, error: bool) -> (Box<dyn Read + Send>, Arc<AtomicUsize>) {
        let read = Arc::new(AtomicUsize::new(0));
        (Box::new(Odd { left, read: Arc::clone(&read), error }), read)
    }

    #[test]
    fn the_same_bytes_come_and_then_the_error() {
        for (length, error) in [(0, false), (1, false), (5 << 20, false), ((5 << 20) + 77, true), (0, true)] {
            let (mut plain, mut expected) = (odd(length, false).0, Vec::new());
            plain.read_to_end(&mut expected).unwrap();
            let mut found = Vec::new();
            let mut ahead = ReadAhead::start(odd(length, error).0, 4 << 20);
            let result = ahead.read_to_end(&mut found);
            assert!(found == expected, "{length}");
            assert_eq!(result.map_err(|error| error.to_string()).err(), error.then(|| "damaged".to_owned()));
            // After the error or the end nothing comes any more.
            assert_eq!(ahead.read(&mut [0; 4]).unwrap(), 0);
        }
    }

    #[test]
    fn no_more_is_read_ahead_than_the_bound_and_nothing_after_it_is_dropped() {
        let (stream, read) = odd(usize::MAX, false);
        let mut ahead = ReadAhead::start(stream, usize::MAX);
        ahead.read_exact(&mut [0; 10]).unwrap();
        // As much as there may be: the buffers under way, the one that waits to be sent, and the one being read from.
        let most = (MOST_BUFFERS + 2) * BUFFER_BYTES;
        while read.load(Ordering::SeqCst) < most {
            thread::yield_now();
        }
        thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(read.load(Ordering::SeqCst), most);
        assert_eq!(most, 64 << 20);
        drop(ahead);
        thread::sleep(std::time::Duration::from_millis(20));
        let after = read.load(Ordering::SeqCst);
        thread::sleep(std::time::Duration::from_millis(20));
        assert!(read.load(Ordering::SeqCst) == after && after <= most + BUFFER_BYTES);
    }
}
