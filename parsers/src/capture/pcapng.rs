//! The pcapng format: sections of blocks, each section with a byte order and interfaces of its own.
//!
//! A block's two lengths are checked here and the parser is given that block alone, so that it can never ask for more
//! bytes than the file has. The values of options are read here too: the parser takes them for little-endian.

mod packets;
#[cfg(test)]
mod tests;

use pcap_parser::{
    Block, InterfaceDescriptionBlock, InterfaceStatisticsBlock, PcapNGOption, parse_block_be, parse_block_le,
};

use super::{
    CaptureError, Interface, LONGEST_FRAME, LinkType, Origin, Step,
    clock::{Clock, MICROSECONDS},
    frame_limit,
    record::{Block as DescriptionBlock, MOST_OPTION_BYTES, Order},
};

/// The section that the walk is in.
#[derive(Clone, Debug)]
pub(super) struct Section {
    big_endian: bool,
    /// Interfaces of the sections before.
    interfaces_before: usize,
    /// One for each interface of this section.
    clocks: Vec<Clock>,
}

/// Begins a section header, in either byte order.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Whether a section header's byte-order magic is one.
pub(super) fn is_byte_order(magic: &[u8]) -> bool {
    magic == BYTE_ORDER_LITTLE || magic == BYTE_ORDER_BIG
}

impl Section {
    /// Before the first section header.
    pub(super) fn new() -> Self {
        Self { big_endian: false, interfaces_before: 0, clocks: Vec::new() }
    }

    /// Reads the block at the beginning of `rest`, which lies at `offset` in the file.
    pub(super) fn step(
        &mut self,
        rest: &[u8],
        offset: u64,
        interfaces: &mut Vec<Interface>,
    ) -> Result<Step, CaptureError> {
        let Some((kind, length)) = rest.first_chunk::<12>().map(|head| self.head(head)) else {
            return Ok(Step::More(SMALLEST_BLOCK as usize));
        };
        if !(SMALLEST_BLOCK..=LONGEST_BLOCK).contains(&length) || length % 4 != 0 {
            return Err(CaptureError::BlockLength { offset, found: length });
        }
        let Some(block) = rest.get(..length as usize) else { return Ok(Step::More(length as usize)) };
        let trailer = block.last_chunk().map_or(0, |&last| self.u32(last));
        if trailer != length {
            return Err(CaptureError::BlockTrailer { offset, expected: length, found: trailer });
        }
        let place = Place { offset, kind, length };
        self.block(block, place, interfaces)
    }

    /// Type and length of a block. A section header's byte order holds from itself on.
    fn head(&mut self, head: &[u8; 12]) -> (u32, u32) {
        let &[k0, k1, k2, k3, l0, l1, l2, l3, o0, o1, o2, o3] = head;
        if [k0, k1, k2, k3] == MAGIC {
            self.big_endian = [o0, o1, o2, o3] == BYTE_ORDER_BIG;
        }
        (self.u32([k0, k1, k2, k3]), self.u32([l0, l1, l2, l3]))
    }

    fn block(&mut self, bytes: &[u8], place: Place, interfaces: &mut Vec<Interface>) -> Result<Step, CaptureError> {
        let parsed = if self.big_endian { parse_block_be(bytes) } else { parse_block_le(bytes) };
        let Ok((_, block)) = parsed else { return Err(place.content()) };
        let stored = match block {
            Block::EnhancedPacket(packet) => self.enhanced(&packet, place, interfaces)?,
            Block::SimplePacket(packet) => self.simple(&packet, place, interfaces)?,
            Block::Unknown(unknown) if place.kind == OBSOLETE_PACKET => {
                self.obsolete(unknown.data, place, interfaces)?
            }
            Block::SectionHeader(header) if header.major_version != 1 => {
                let (major, minor) = (header.major_version, header.minor_version);
                return Err(CaptureError::Version { offset: place.offset, major, minor });
            }
            Block::SectionHeader(_) => {
                self.interfaces_before = interfaces.len();
                self.clocks.clear();
                return Ok(place.other());
            }
            Block::InterfaceDescription(description) => {
                self.describe(&description, place, interfaces)?;
                return Ok(place.other());
            }
            Block::InterfaceStatistics(statistics) => {
                self.count(&statistics, interfaces);
                return Ok(place.other());
            }
            _ => return Ok(place.other()),
        };
        Ok(Step::Frame(stored))
    }

    fn describe(
        &mut self,
        block: &InterfaceDescriptionBlock<'_>,
        place: Place,
        interfaces: &mut Vec<Interface>,
    ) -> Result<(), CaptureError> {
        if interfaces.len() >= MAX_INTERFACES {
            return Err(CaptureError::TooManyInterfaces { offset: place.offset, limit: MAX_INTERFACES });
        }
        let resolution = option(&block.options, IF_TSRESOL).and_then(|value| value.first().copied());
        let offset = option(&block.options, IF_TSOFFSET).and_then(|value| self.u64(value)).map(|bits| bits as i64);
        let name = option(&block.options, IF_NAME)
            .map(|name| name.get(..LONGEST_NAME).unwrap_or(name))
            .map(|name| String::from_utf8_lossy(name).trim_end_matches('\0').to_owned());
        self.clocks.push(Clock::new(resolution, offset));
        let link = LinkType(block.linktype.0 as u16);
        let origin = self.origin(&block.options, resolution);
        interfaces.push(Interface { link, snap_length: block.snaplen, name, dropped: None, origin });
        Ok(())
    }

    /// What it takes to describe the interface again.
    fn origin(&self, options: &[PcapNGOption<'_>], resolution: Option<u8>) -> Origin {
        let (order, mut total) = (Order { big_endian: self.big_endian }, 0);
        let options = options
            .iter()
            .take_while(|option| option.code.0 != END_OF_OPTIONS)
            .filter_map(|option| Some((option.code.0, option.as_bytes().ok()?)))
            .take_while(|(_, value)| {
                total += value.len();
                total <= MOST_OPTION_BYTES
            })
            .map(|(code, value)| order.little_endian(code, value, DescriptionBlock::Interface))
            .collect();
        Origin { big_endian: self.big_endian, resolution: resolution.unwrap_or(MICROSECONDS), options }
    }

    /// Statistics of an interface that was not described say nothing; they end no walk.
    fn count(&self, block: &InterfaceStatisticsBlock<'_>, interfaces: &mut [Interface]) {
        let dropped = option(&block.options, ISB_IFDROP).and_then(|value| self.u64(value));
        let interface = interfaces.get_mut(self.interfaces_before + block.if_id as usize);
        if let (Some(interface), Some(dropped)) = (interface, dropped) {
            interface.dropped = Some(dropped);
        }
    }

    /// The clock, index over all sections, and description of this section's interface `id`.
    fn interface<'i>(
        &self,
        id: u32,
        place: Place,
        interfaces: &'i [Interface],
    ) -> Result<(Clock, u32, &'i Interface), CaptureError> {
        let index = self.interfaces_before + id as usize;
        let (Some(&clock), Some(interface)) = (self.clocks.get(id as usize), interfaces.get(index)) else {
            let known = self.clocks.len() as u32;
            return Err(CaptureError::UnknownInterface { offset: place.offset, known, found: id });
        };
        Ok((clock, index as u32, interface))
    }

    fn u32(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }

    fn u64(&self, bytes: &[u8]) -> Option<u64> {
        let &bytes = bytes.first_chunk()?;
        Some(if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
    }
}

/// Where a block stands and what it calls itself.
#[derive(Clone, Copy)]
struct Place {
    offset: u64,
    kind: u32,
    length: u32,
}

impl Place {
    fn other(self) -> Step {
        Step::Other(self.length as usize)
    }

    fn content(self) -> CaptureError {
        CaptureError::BlockContent { offset: self.offset, kind: self.kind, length: self.length }
    }

    fn check(self, captured: u32, interface: &Interface) -> Result<(), CaptureError> {
        let limit = frame_limit(interface.snap_length);
        if captured > limit {
            return Err(CaptureError::FrameLength { offset: self.offset, limit, found: captured });
        }
        Ok(())
    }
}

/// The value of the first option of this code before the end mark, without its padding.
fn option<'o>(options: &'o [PcapNGOption<'_>], code: u16) -> Option<&'o [u8]> {
    options
        .iter()
        .take_while(|option| option.code.0 != END_OF_OPTIONS)
        .find(|option| option.code.0 == code)?
        .as_bytes()
        .ok()
}

const BYTE_ORDER_LITTLE: [u8; 4] = [0x4d, 0x3c, 0x2b, 0x1a];
const BYTE_ORDER_BIG: [u8; 4] = [0x1a, 0x2b, 0x3c, 0x4d];
/// The packet block of the format's first years.
const OBSOLETE_PACKET: u32 = 2;

const END_OF_OPTIONS: u16 = 0;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const ISB_IFDROP: u16 = 5;

/// Type, length, length.
const SMALLEST_BLOCK: u32 = 12;
/// The longest frame with a header and options; no other block needs more.
const LONGEST_BLOCK: u32 = LONGEST_FRAME + 4096;
/// Bounds what a hostile file can make the walker keep; files joined from thousands of sections stay below.
const MAX_INTERFACES: usize = 65_536;
/// Bytes kept of an interface's name; Linux allows 15, Windows names are about 60.
const LONGEST_NAME: usize = 256;
