//! The classic format: a file header and records, each a short header and a frame.

use pcap_parser::{
    LegacyPcapBlock, PcapHeader, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
};

use super::{CaptureError, Interface, LinkType, Step, Stored, frame_limit};
use crate::time::Timestamp;

/// What the file header says of the records.
#[derive(Debug)]
pub(super) struct File {
    layout: Layout,
    /// Nanoseconds in a unit of a record's fraction.
    fraction: i64,
    /// Most bytes that a frame can have.
    limit: u32,
}

/// Byte order and shape of the records' headers.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Little,
    Big,
    /// Alexey Kuznetsov's format: little-endian with eight bytes more.
    Modified,
}

/// Bytes of the file header.
pub(super) const HEADER_LENGTH: usize = 24;

/// Whether a file that begins so is a classic capture.
pub(super) fn is_magic(first: [u8; 4]) -> bool {
    matches!(u32::from_le_bytes(first), 0xa1b2_c3d4 | 0xa1b2_3c4d | 0xa1b2_cd34 | 0xd4c3_b2a1 | 0x4d3c_b2a1)
}

impl File {
    /// Reads the file header; `None` where it is not whole.
    pub(super) fn read(bytes: &[u8]) -> Option<(Self, Interface)> {
        let (_, header) = parse_pcap_header(bytes).ok()?;
        let file = Self {
            layout: Layout::of(&header),
            fraction: if header.is_nanosecond_precision() { 1 } else { 1_000 },
            limit: frame_limit(header.snaplen),
        };
        // The upper half of the field holds the length of a frame check sequence, not the link type.
        let link = LinkType(header.network.0 as u16);
        Some((file, Interface { link, snap_length: header.snaplen, name: None, dropped: None }))
    }

    /// Reads the record at the beginning of `rest`, which lies at `offset` in the file.
    #[inline]
    pub(super) fn step(&self, rest: &[u8], offset: u64) -> Result<Step, CaptureError> {
        let parsed = match self.layout {
            Layout::Little => parse_pcap_frame(rest),
            Layout::Big => parse_pcap_frame_be(rest),
            Layout::Modified => parse_pcap_frame_modified(rest),
        };
        match parsed {
            Ok((_, block)) if block.caplen <= self.limit && !is_zero(&block) => Ok(Step::Frame(self.stored(&block))),
            Ok((_, block)) if block.caplen <= self.limit => Err(CaptureError::Zeros { offset }),
            Ok((_, block)) => Err(self.lie(offset, block.caplen)),
            Err(_) => self.incomplete(rest, offset),
        }
    }

    fn stored(&self, block: &LegacyPcapBlock<'_>) -> Stored {
        let head = self.layout.record_header();
        Stored {
            length: head + block.caplen as usize,
            data: head,
            captured: block.caplen,
            original: block.origlen,
            time: Some(Timestamp::from_parts(block.ts_sec.into(), i64::from(block.ts_usec) * self.fraction)),
            interface: 0,
        }
    }

    /// The parser wants more bytes. It would want them for ever where the length lies, so that is looked at first.
    fn incomplete(&self, rest: &[u8], offset: u64) -> Result<Step, CaptureError> {
        let head = self.layout.record_header();
        let Some(&length) = rest.get(8..).and_then(|bytes| bytes.first_chunk()) else { return Ok(Step::More(head)) };
        let captured = match self.layout {
            Layout::Big => u32::from_be_bytes(length),
            Layout::Little | Layout::Modified => u32::from_le_bytes(length),
        };
        if captured > self.limit { Err(self.lie(offset, captured)) } else { Ok(Step::More(head + captured as usize)) }
    }

    fn lie(&self, offset: u64, found: u32) -> CaptureError {
        CaptureError::FrameLength { offset, limit: self.limit, found }
    }
}

impl Layout {
    fn of(header: &PcapHeader) -> Self {
        if header.is_modified_format() {
            Self::Modified
        } else if header.is_bigendian() {
            Self::Big
        } else {
            Self::Little
        }
    }

    /// Bytes of a record's header.
    const fn record_header(self) -> usize {
        match self {
            Self::Little | Self::Big => 16,
            Self::Modified => 24,
        }
    }
}

fn is_zero(block: &LegacyPcapBlock<'_>) -> bool {
    block.origlen == 0 && block.caplen == 0 && block.ts_sec == 0 && block.ts_usec == 0
}
