//! The walk over a capture file of either format.

use super::{CaptureError, FrameRef, Interface, LONGEST_FRAME, Step, Stored, pcap, pcapng};
use crate::time::Timestamp;

/// Names the frames of one (decompressed) capture file, whose bytes may come in pieces of any size.
///
/// Four outcomes are kept apart: a clean end (`Ok`, all bytes consumed), more bytes wanted (`Ok`, fewer consumed), cut
/// short ([`CaptureError::Cut`], only at the end), and bad bytes (any other error). After an error the walker stands
/// before the record at fault, and [`Walker::offset`] says where.
#[derive(Debug)]
pub struct Walker {
    format: Format,
    interfaces: Vec<Interface>,
    frames: u64,
    offset: u64,
    last_time: Timestamp,
}

/// The file's format, once its header has been read.
#[derive(Debug)]
enum Format {
    Unread,
    Pcap(pcap::File),
    PcapNg(pcapng::Section),
}

/// A caller's buffer must be able to grow to this size: no record is longer.
pub const LONGEST_RECORD: usize = LONGEST_FRAME as usize + 4096;

impl Walker {
    /// Stands before the first byte of a file.
    pub fn new() -> Self {
        Self { format: Format::Unread, interfaces: Vec::new(), frames: 0, offset: 0, last_time: Timestamp::default() }
    }

    /// Walks the whole records at the start of `buf`, appends a [`FrameRef`] for each frame, and returns how many bytes of
    /// `buf` they take. The caller keeps the rest and calls again with more behind it. `end` = no more bytes will come.
    ///
    /// On an error, `frames` still receives what stood before it.
    pub fn walk(&mut self, buf: &[u8], end: bool, frames: &mut Vec<FrameRef>) -> Result<usize, CaptureError> {
        let start = self.offset;
        let mut at = 0;
        while let Some(rest) = buf.get(at..).filter(|rest| !rest.is_empty() || self.lacks_header(end)) {
            match self.step(rest)? {
                Step::Frame(stored) => {
                    frames.push(self.frame(&stored, at));
                    at += stored.length;
                }
                Step::Other(length) => at += length,
                Step::More(expected) if end => {
                    let (expected, found) = (expected as u64, rest.len() as u64);
                    return Err(CaptureError::Cut { offset: self.offset, expected, found });
                }
                Step::More(_) => break,
            }
            self.offset = start + at as u64;
        }
        Ok(at)
    }

    /// The interfaces described so far, over all sections of the file.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Frames walked so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Bytes consumed so far: the file offset of the next record.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    #[inline]
    fn step(&mut self, rest: &[u8]) -> Result<Step, CaptureError> {
        match &mut self.format {
            Format::Pcap(file) => file.step(rest, self.offset),
            Format::PcapNg(section) => section.step(rest, self.offset, &mut self.interfaces),
            Format::Unread => self.begin(rest),
        }
    }

    /// Reads the magic number, and the file header where the format has one.
    fn begin(&mut self, rest: &[u8]) -> Result<Step, CaptureError> {
        let Some(&found) = rest.first_chunk() else { return Ok(Step::More(4)) };
        if found == pcapng::MAGIC {
            self.format = Format::PcapNg(pcapng::Section::new());
            return Ok(Step::Other(0));
        }
        if !pcap::is_magic(found) {
            return Err(CaptureError::UnknownFormat { found });
        }
        let Some((file, interface)) = pcap::File::read(rest) else { return Ok(Step::More(pcap::HEADER_LENGTH)) };
        self.format = Format::Pcap(file);
        self.interfaces.push(interface);
        Ok(Step::Other(pcap::HEADER_LENGTH))
    }

    #[inline]
    fn frame(&mut self, stored: &Stored, at: usize) -> FrameRef {
        self.frames += 1;
        self.last_time = stored.time.unwrap_or(self.last_time);
        FrameRef {
            time: self.last_time,
            number: self.frames,
            offset: at + stored.data,
            captured: stored.captured,
            original: stored.original,
            interface: stored.interface,
        }
    }

    /// An empty file is a cut one, not one that ends cleanly.
    fn lacks_header(&self, end: bool) -> bool {
        end && matches!(self.format, Format::Unread)
    }
}

impl Default for Walker {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a file that begins with these bytes (twelve are enough) is a capture.
pub fn looks_like_capture(first_bytes: &[u8]) -> bool {
    match first_bytes.first_chunk() {
        Some(&pcapng::MAGIC) => first_bytes.get(8..12).is_none_or(pcapng::is_byte_order),
        Some(&magic) => pcap::is_magic(magic),
        None => false,
    }
}
