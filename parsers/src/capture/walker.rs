//! The walk over a capture file of either format.

use super::{CaptureError, FrameRef, Interface, LONGEST_FRAME, Step, Stored, pcap, pcapng};
use crate::time::Timestamp;

/// Names the frames of one (decompressed) capture file, whose bytes may come in pieces of any size.
///
/// Four outcomes are kept apart: a clean end (`Ok`, all bytes consumed), more bytes wanted (`Ok`, fewer consumed), cut
/// short ([`CaptureError::Cut`], only at the end), and bad bytes (any other error). After an error the walker stands
/// before the record at fault, and [`Walker::offset`] says where.
#[derive(Clone, Debug)]
pub struct Walker {
    format: Format,
    interfaces: Vec<Interface>,
    frames: u64,
    offset: u64,
    last_time: Timestamp,
}

/// The file's format, once its header has been read.
#[derive(Clone, Debug)]
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
            header: stored.data as u8,
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

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Order, enhanced, interface, pcap_header, pcap_record, section, walk, walk_in_chunks},
        *,
    };

    fn pcap() -> Vec<u8> {
        let mut bytes = pcap_header(Order::Little, 0xa1b2_c3d4, 65_535, 1);
        for number in 0..20 {
            bytes.extend(pcap_record(Order::Little, 100 + number, number, 60, &vec![0xaa; number as usize * 7]));
        }
        bytes
    }

    fn pcapng() -> Vec<u8> {
        let mut bytes = Vec::new();
        for (order, stamp) in [(Order::Little, 5_000_000), (Order::Big, 6_000_000)] {
            bytes.extend(section(order));
            bytes.extend(interface(order, 1, 0, &[]));
            for length in 0..20 {
                bytes.extend(enhanced(order, 0, stamp + length, 60, &vec![0xbb; length as usize]));
            }
        }
        bytes
    }

    #[test]
    fn chunks_of_any_size_equal_the_whole() {
        for bytes in [pcap(), pcapng()] {
            let (whole_walker, whole, result) = walk(&bytes);
            assert_eq!(result, Ok(bytes.len()));
            for chunk in 1..bytes.len() {
                let (walker, frames, result) = walk_in_chunks(&bytes, chunk);
                assert_eq!((frames.as_slice(), result), (whole.as_slice(), Ok(())), "chunks of {chunk}");
                assert_eq!(walker.interfaces(), whole_walker.interfaces());
                assert_eq!((walker.frames(), walker.offset()), (whole.len() as u64, bytes.len() as u64));
            }
        }
    }

    #[test]
    fn frames_lie_where_they_were_put() {
        let bytes = pcap();
        let (_, frames, _) = walk(&bytes);
        assert_eq!(frames.len(), 20);
        for (index, frame) in frames.iter().enumerate() {
            assert_eq!(frame.number, index as u64 + 1);
            assert_eq!(bytes[frame.offset..][..frame.captured as usize], vec![0xaa; index * 7]);
        }
    }

    #[test]
    fn more_bytes_wanted_is_no_error() {
        let bytes = pcap();
        let mut walker = Walker::new();
        let mut frames = Vec::new();
        assert_eq!(walker.walk(&[], false, &mut frames), Ok(0));
        assert_eq!(walker.walk(&bytes[..3], false, &mut frames), Ok(0));
        assert_eq!(walker.walk(&bytes[..24 + 15], false, &mut frames), Ok(24));
        assert_eq!(frames, []);
    }

    #[test]
    fn an_empty_file_is_a_cut_one() {
        assert_eq!(walk(&[]).2, Err(CaptureError::Cut { offset: 0, expected: 4, found: 0 }));
    }

    #[test]
    fn a_foreign_file_is_named_by_its_first_bytes() {
        assert_eq!(walk(b"2026-01-01 log").2, Err(CaptureError::UnknownFormat { found: *b"2026" }));
    }

    #[test]
    fn an_error_is_met_again_at_the_same_place() {
        let mut bytes = pcap();
        let good = bytes.len();
        bytes.extend([0; 16]);
        let mut walker = Walker::new();
        let mut frames = Vec::new();
        let error = CaptureError::Zeros { offset: good as u64 };
        assert_eq!(walker.walk(&bytes, true, &mut frames), Err(error));
        assert_eq!(walker.walk(&bytes[good..], true, &mut frames), Err(error));
        assert_eq!((frames.len(), walker.frames()), (20, 20));
    }

    #[test]
    fn captures_are_known_by_their_first_bytes() {
        for bytes in [pcap(), pcapng(), pcap_header(Order::Big, 0xa1b2_3c4d, 0, 0)] {
            assert!(looks_like_capture(&bytes));
            assert!(looks_like_capture(&bytes[..4]));
            assert!(!looks_like_capture(&bytes[..3]));
        }
        assert!(!looks_like_capture(b"\n\r\r\nno capture"));
        assert!(!looks_like_capture(b"Nov 20 23:54:31"));
    }
}
