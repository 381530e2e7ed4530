//! LZ4 frames one after another.
//!
//! The library's reader ends after each frame, and takes the end of the file between two blocks for the end of the frame. Here the
//! frames are put together, skippable ones are passed over, and a frame without its end mark is an error.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::FrameDecoder;

/// The content of all frames of a stream.
pub(super) struct Lz4Frames<R: BufRead> {
    state: State<R>,
}

enum State<R: BufRead> {
    Between(Tail<R>),
    Frame(Box<FrameDecoder<Tail<R>>>),
    /// The end, or an error that was told.
    Done,
}

impl<R: BufRead> Lz4Frames<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { state: State::Between(Tail { inner, is_beyond: false }) }
    }
}

impl<R: BufRead> Read for Lz4Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match std::mem::replace(&mut self.state, State::Done) {
                State::Done => return Ok(0),
                State::Between(mut tail) => {
                    if skip_to_frame(&mut tail.inner)? {
                        self.state = State::Frame(Box::new(FrameDecoder::new(tail)));
                    }
                }
                State::Frame(mut frame) => match frame.read(buffer) {
                    Ok(0) if buffer.is_empty() => {
                        self.state = State::Frame(frame);
                        return Ok(0);
                    }
                    // What was made of bytes behind the end is nothing.
                    Ok(_) | Err(_) if frame.get_ref().is_beyond => return Err(cut()),
                    Ok(0) => self.state = State::Between(frame.into_inner()),
                    Ok(read) => {
                        self.state = State::Frame(frame);
                        return Ok(read);
                    }
                    Err(error) => return Err(error),
                },
            }
        }
    }
}

/// Passes over skippable frames; false at the end of the stream.
fn skip_to_frame(stream: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let (first, length) = match stream.fill_buf()? {
            [] => return Ok(false),
            start => (start.first().copied().unwrap_or_default(), start.len()),
        };
        if !SKIPPABLE.contains(&first) || length == 0 {
            return Ok(true);
        }
        let mut head = [0; 8];
        stream.read_exact(&mut head).map_err(|_| cut())?;
        let [_, magic @ .., l0, l1, l2, l3] = head;
        if magic != SKIPPABLE_MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "no LZ4 frame where one should begin"));
        }
        let length = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
        if io::copy(&mut stream.take(length), &mut io::sink())? < length {
            return Err(cut());
        }
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the LZ4 frame has no end: it is cut")
}

/// A stream that has bytes of no meaning behind its end: who reads them looks for something that was cut off.
struct Tail<R> {
    inner: R,
    is_beyond: bool,
}

impl<R: BufRead> Read for Tail<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(buffer)? {
            0 if !buffer.is_empty() && !self.is_beyond => {
                // As the length of a block more than any frame allows, so that the frame ends here.
                buffer.fill(0xff);
                self.is_beyond = true;
                Ok(buffer.len())
            }
            read => Ok(read),
        }
    }
}

const SKIPPABLE: std::ops::RangeInclusive<u8> = 0x50..=0x5f;
const SKIPPABLE_MAGIC: [u8; 3] = [0x2a, 0x4d, 0x18];
