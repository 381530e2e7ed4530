//! The classic format: a file header and records, each a short header and a frame.

use pcap_parser::{
    LegacyPcapBlock, PcapHeader, parse_pcap_frame, parse_pcap_frame_be, parse_pcap_frame_modified, parse_pcap_header,
};

use super::{CaptureError, Interface, LinkType, Origin, Step, Stored, frame_limit};
use crate::time::Timestamp;

/// What the file header says of the records.
#[derive(Clone, Debug)]
pub(super) struct File {
    layout: Layout,
    /// Nanoseconds in a unit of a record's fraction.
    fraction: i64,
    /// Most bytes that a frame can have.
    limit: u32,
}

/// Byte order and shape of the records' headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        let resolution = if header.is_nanosecond_precision() { 9 } else { 6 };
        let origin = Origin { big_endian: file.layout == Layout::Big, resolution, options: Vec::new() };
        Some((file, Interface { link, snap_length: header.snaplen, name: None, dropped: None, origin }))
    }

    /// Reads the record at the beginning of `rest`, which lies at `offset` in the file.
    #[inline]
    pub(super) fn step(&self, rest: &[u8], offset: u64) -> Result<Step, CaptureError> {
        self.usual(rest).map_or_else(|| self.any(rest, offset), |stored| Ok(Step::Frame(stored)))
    }

    /// A whole record in the usual byte order, read at fixed places: what [`Self::any`] says of it, or nothing.
    #[inline]
    fn usual(&self, rest: &[u8]) -> Option<Stored> {
        let (head, data) = rest.split_first_chunk::<16>()?;
        let &[s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, o0, o1, o2, o3] = head;
        let captured = u32::from_le_bytes([c0, c1, c2, c3]);
        // One that has no byte may be of zeros alone.
        if self.layout != Layout::Little || captured == 0 || captured > self.limit || captured as usize > data.len() {
            return None;
        }
        let fraction = i64::from(u32::from_le_bytes([f0, f1, f2, f3])) * self.fraction;
        Some(Stored {
            length: head.len() + captured as usize,
            data: head.len(),
            captured,
            original: u32::from_le_bytes([o0, o1, o2, o3]),
            time: Some(Timestamp::from_parts(u32::from_le_bytes([s0, s1, s2, s3]).into(), fraction)),
            interface: 0,
        })
    }

    /// A record of whatever shape.
    fn any(&self, rest: &[u8], offset: u64) -> Result<Step, CaptureError> {
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

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Order, cut_everywhere, pcap_header, pcap_record, walk},
        *,
    };

    const MICROS: u32 = 0xa1b2_c3d4;
    const NANOS: u32 = 0xa1b2_3c4d;

    fn file(order: Order, magic: u32) -> Vec<u8> {
        let records =
            [pcap_record(order, 1_700_000_000, 123_456, 1_500, b"snapped"), pcap_record(order, 0xffff_ffff, 0, 0, b"")];
        [pcap_header(order, magic, 262_144, 1), records.concat()].concat()
    }

    #[test]
    fn both_orders_and_both_resolutions() {
        for order in [Order::Little, Order::Big] {
            for (magic, nanos) in [(MICROS, 123_456_000), (NANOS, 123_456)] {
                let (walker, frames, result) = walk(&file(order, magic));
                assert_eq!(result, Ok(24 + 16 + 7 + 16));
                let [first, second] = frames[..] else { panic!("{frames:?}") };
                assert_eq!(first.time, Timestamp::from_parts(1_700_000_000, nanos));
                assert_eq!((first.number, first.offset, first.captured, first.original), (1, 40, 7, 1_500));
                // Seconds are unsigned: 2106, not 1969.
                assert_eq!(second.time, Timestamp::from_parts(4_294_967_295, 0));
                assert_eq!((second.number, second.offset, second.captured, second.original), (2, 63, 0, 0));
                let [interface] = walker.interfaces() else { panic!("{walker:?}") };
                assert_eq!((interface.link, interface.snap_length), (LinkType::ETHERNET, 262_144));
            }
        }
    }

    #[test]
    fn a_usual_record_is_what_any_is() {
        let bytes = file(Order::Little, MICROS);
        let (usual, _) = File::read(&bytes).unwrap();
        let rest = &bytes[HEADER_LENGTH..];
        let Ok(Step::Frame(stored)) = usual.any(rest, 24) else { panic!("no frame") };
        assert_eq!(usual.usual(rest), Some(stored));
        // Cut short, without a byte, and in the other order it is not usual.
        assert_eq!([&rest[..22], &rest[23..]].map(|rest| usual.usual(rest)), [None, None]);
        let bytes = file(Order::Big, MICROS);
        assert_eq!(File::read(&bytes).unwrap().0.usual(&bytes[HEADER_LENGTH..]), None);
    }

    #[test]
    fn modified_records_are_eight_bytes_longer() {
        let mut bytes = pcap_header(Order::Little, 0xa1b2_cd34, 65_535, 113);
        bytes.extend(Order::Little.words(&[7, 8, 2, 3, 0xffff_ffff, 0xffff_ffff]));
        bytes.extend(b"ab");
        let (walker, frames, result) = walk(&bytes);
        assert_eq!(result, Ok(bytes.len()));
        assert_eq!((frames[0].offset, frames[0].time), (48, Timestamp::from_parts(7, 8_000)));
        assert_eq!(walker.interfaces()[0].link, LinkType::LINUX_SLL);
        cut_everywhere(&bytes);
    }

    #[test]
    fn the_link_type_is_half_of_its_field() {
        // tcpdump -y with a frame check sequence of four bytes: the upper bits say so.
        let (walker, _, _) = walk(&pcap_header(Order::Little, MICROS, 0, 0x4400_0001));
        assert_eq!(walker.interfaces()[0].link, LinkType::ETHERNET);
    }

    #[test]
    fn every_cut_is_named() {
        cut_everywhere(&file(Order::Little, MICROS));
        cut_everywhere(&file(Order::Big, NANOS));
    }

    #[test]
    fn a_length_that_lies_ends_the_walk_before_more_is_read() {
        for order in [Order::Little, Order::Big] {
            let mut bytes = file(order, MICROS);
            let offset = bytes.len() as u64;
            bytes.extend(order.words(&[1, 0, USUAL_LIMIT + 1, 60]));
            let (walker, frames, result) = walk(&bytes);
            assert_eq!(frames.len(), 2);
            assert_eq!(result, Err(CaptureError::FrameLength { offset, limit: USUAL_LIMIT, found: USUAL_LIMIT + 1 }));
            assert_eq!(walker.offset(), offset);
            // The same when the bytes are there.
            bytes.resize(bytes.len() + USUAL_LIMIT as usize + 1, 0);
            assert_eq!(
                walk(&bytes).2,
                Err(CaptureError::FrameLength { offset, limit: USUAL_LIMIT, found: USUAL_LIMIT + 1 })
            );
        }
    }

    #[test]
    fn the_longest_frames_are_those_of_the_snap_length() {
        for (snap_length, longest) in [(96, USUAL_LIMIT), (1 << 20, 1 << 20), (u32::MAX, 1 << 24)] {
            let header = pcap_header(Order::Little, MICROS, snap_length, 1);
            let record = pcap_record(Order::Little, 1, 0, longest, &vec![0; longest as usize]);
            let (_, frames, result) = walk(&[header.clone(), record].concat());
            assert_eq!((frames.len(), result.is_ok()), (1, true));
            let record = Order::Little.words(&[1, 0, longest + 1, 1]);
            let error = CaptureError::FrameLength { offset: 24, limit: longest, found: longest + 1 };
            assert_eq!(walk(&[header, record].concat()).2, Err(error));
        }
    }

    #[test]
    fn a_tail_of_zeros_is_no_frame() {
        let mut bytes = file(Order::Little, MICROS);
        let offset = bytes.len() as u64;
        bytes.resize(bytes.len() + 4096, 0);
        let (_, frames, result) = walk(&bytes);
        assert_eq!((frames.len(), result), (2, Err(CaptureError::Zeros { offset })));
    }

    const USUAL_LIMIT: u32 = 262_144;
}
