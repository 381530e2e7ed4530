//! A frame's record as its file stores it: time stamp and options, so that the frame can be written again as it was captured.
//!
//! [`super::Walker`] names where frames lie; this reads one of them once more. Numbers in options are turned into little-endian order,
//! whatever the section's; nothing else about them is changed.

use super::{FrameRef, Interface};

/// Resolution, byte order and options with which a file describes an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Whether the records' numbers are big-endian.
    pub big_endian: bool,
    /// The unit of time stamps, as `if_tsresol` has it: 6 = microseconds, 9 = nanoseconds.
    pub resolution: u8,
    /// The options of the interface's description, at most [`MOST_OPTION_BYTES`] of them; none for the classic format.
    pub options: Vec<RawOption>,
}

/// One option of a pcapng block, its numbers in little-endian order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawOption {
    /// Its code.
    pub code: u16,
    /// Its value without padding.
    pub value: Vec<u8>,
}

/// What a record says of its frame beside the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The time stamp in units of the interface's resolution, without its offset; `None` where the record has none.
    pub stamp: Option<u64>,
    /// The record's options, at most [`MOST_OPTION_BYTES`] of them.
    pub options: Vec<RawOption>,
}

/// The record of a frame that was walked in `buf`; `None` where the frame does not lie there.
pub fn record(buf: &[u8], frame: &FrameRef, interface: &Interface) -> Option<Record> {
    let start = frame.offset.checked_sub(frame.header.into())?;
    let head = buf.get(start..frame.offset)?;
    let order = Order { big_endian: interface.origin.big_endian };
    match usize::from(frame.header) {
        SIMPLE => Some(Record::default()),
        ENHANCED => {
            let stamp = u64::from(order.u32(head, 12)?) << 32 | u64::from(order.u32(head, 16)?);
            let end = start + (order.u32(head, 4)? as usize).checked_sub(4)?;
            let options = buf.get(frame.offset + (frame.captured as usize).next_multiple_of(4)..end);
            let options = options.unwrap_or_default();
            Some(Record { stamp: Some(stamp), options: order.options(options, Block::Packet) })
        }
        _ => {
            let (seconds, fraction) = (order.u32(head, 0)?, order.u32(head, 4)?);
            let per_second = 10_u64.checked_pow(interface.origin.resolution.into())?;
            let stamp = u64::from(seconds).checked_mul(per_second)?.checked_add(fraction.into())?;
            Some(Record { stamp: Some(stamp), options: Vec::new() })
        }
    }
}

/// The kind of block that options stand in: codes mean different things.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Interface,
    Packet,
}

/// The byte order of a section.
#[derive(Clone, Copy)]
pub(super) struct Order {
    pub(super) big_endian: bool,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    /// The options of a block up to the end mark, or to where they stop making sense.
    fn options(self, mut rest: &[u8], block: Block) -> Vec<RawOption> {
        let (mut found, mut total) = (Vec::new(), 0);
        while let (Some(code), Some(length)) = (self.u16(rest, 0), self.u16(rest, 2)) {
            let length = usize::from(length);
            let Some(value) = rest.get(4..4 + length).filter(|_| code != END_OF_OPTIONS) else { break };
            total += length;
            if total > MOST_OPTION_BYTES {
                break;
            }
            found.push(self.little_endian(code, value, block));
            rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        }
        found
    }

    /// One option with its numbers in little-endian order.
    pub(super) fn little_endian(self, code: u16, value: &[u8], block: Block) -> RawOption {
        let mut value = value.to_vec();
        if self.big_endian {
            match (block, code) {
                (_, CUSTOM | CUSTOM_BINARY | CUSTOM_UNCOPIED | CUSTOM_BINARY_UNCOPIED) => {
                    if let Some(number) = value.get_mut(..4) {
                        number.reverse();
                    }
                }
                (Block::Interface, IF_SPEED | IF_TZONE | IF_TSOFFSET | IF_TXSPEED | IF_RXSPEED)
                | (Block::Packet, PACKET_FLAGS | PACKET_DROPS | PACKET_ID | PACKET_QUEUE) => value.reverse(),
                _ => {}
            }
        }
        RawOption { code, value }
    }
}

/// Option bytes kept of a block. Comments and names are short; hostile ones may be any length.
pub const MOST_OPTION_BYTES: usize = 16 << 10;

/// Bytes before the data of an enhanced or obsolete packet block.
const ENHANCED: usize = 28;
/// And of a simple one.
const SIMPLE: usize = 12;

const END_OF_OPTIONS: u16 = 0;
const IF_SPEED: u16 = 8;
const IF_TZONE: u16 = 10;
const IF_TSOFFSET: u16 = 14;
const IF_TXSPEED: u16 = 16;
const IF_RXSPEED: u16 = 17;
const PACKET_FLAGS: u16 = 2;
const PACKET_DROPS: u16 = 4;
const PACKET_ID: u16 = 5;
const PACKET_QUEUE: u16 = 6;
/// Options of a private enterprise, whose number comes first.
const CUSTOM: u16 = 2988;
const CUSTOM_BINARY: u16 = 2989;
const CUSTOM_UNCOPIED: u16 = 19372;
const CUSTOM_BINARY_UNCOPIED: u16 = 19373;

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{Order as Built, block, enhanced, interface, option, pcap_header, pcap_record, section, walk},
        *,
    };

    fn records(bytes: &[u8]) -> Vec<Record> {
        let (walker, frames, result) = walk(bytes);
        assert_eq!(result, Ok(bytes.len()));
        let interface = |frame: &FrameRef| &walker.interfaces()[frame.interface as usize];
        frames.iter().map(|frame| record(bytes, frame, interface(frame)).unwrap()).collect()
    }

    #[test]
    fn a_classic_stamp_is_in_units_of_the_file() {
        for (magic, resolution, stamp) in [(0xa1b2_c3d4, 6, 100_000_007), (0xa1b2_3c4d, 9, 100_000_000_007)] {
            for order in [Built::Little, Built::Big] {
                let bytes = [pcap_header(order, magic, 0, 1), pcap_record(order, 100, 7, 60, b"abcde")].concat();
                assert_eq!(records(&bytes), [Record { stamp: Some(stamp), options: Vec::new() }]);
                assert_eq!(walk(&bytes).0.interfaces()[0].origin.resolution, resolution);
            }
        }
    }

    #[test]
    fn stamps_and_options_of_either_byte_order_are_the_same() {
        for order in [Built::Little, Built::Big] {
            let head = order.words(&[0, 1, 2, 5, 60]);
            let options = [
                option(order, 1, "see this".as_bytes()),
                option(order, 2, &order.u32(0x0102)),
                option(order, 4, &order.u64(9)),
                option(order, 0, &[]),
                option(order, 1, b"behind the end"),
            ];
            let packet = block(order, 6, &[head, b"abcde\0\0\0".to_vec(), options.concat()].concat());
            let described = interface(order, 1, 0, &[option(order, 9, &[9]), option(order, 14, &order.u64(5))]);
            let bytes = [section(order), described, packet].concat();
            let raw = |code, value: &[u8]| RawOption { code, value: value.to_vec() };
            let options = vec![raw(1, b"see this"), raw(2, &0x0102_u32.to_le_bytes()), raw(4, &9_u64.to_le_bytes())];
            assert_eq!(records(&bytes), [Record { stamp: Some((1 << 32) + 2), options }]);
            let origin = walk(&bytes).0.interfaces()[0].origin.clone();
            assert_eq!(origin.resolution, 9);
            assert_eq!(origin.options, [raw(9, &[9]), raw(14, &5_u64.to_le_bytes())]);
        }
    }

    #[test]
    fn a_packet_without_options_or_stamp_has_none() {
        let order = Built::Little;
        let simple = block(order, 3, &[order.words(&[5]), b"abcde".to_vec()].concat());
        let packet = enhanced(order, 0, 77, 60, b"abcd");
        let bytes = [section(order), interface(order, 1, 0, &[]), packet, simple].concat();
        let expected = [Record { stamp: Some(77), options: Vec::new() }, Record::default()];
        assert_eq!(records(&bytes), expected);
    }

    #[test]
    fn options_that_lie_about_their_length_end_the_list() {
        let order = Built::Little;
        let options = [option(order, 1, b"good"), [1, 0, 255, 0].to_vec()].concat();
        let packet = block(order, 6, &[order.words(&[0, 0, 0, 4, 4]), b"abcd".to_vec(), options].concat());
        let bytes = [section(order), interface(order, 1, 0, &[]), packet].concat();
        assert_eq!(records(&bytes)[0].options, [RawOption { code: 1, value: b"good".to_vec() }]);
    }
}
