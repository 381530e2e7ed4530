//! A pcapng writer: one section, its interfaces, and packets with their options, in little-endian order.
//!
//! Layout by draft-ietf-opsawg-pcapng. Blocks are written as they come, and nothing is kept but the number of interfaces. What stands
//! in a file is [`super::evidence`]'s affair.

use std::io::{self, Write};

use wirecause_parsers::capture::RawOption;

/// A pcapng file under way.
#[derive(Debug)]
pub struct PcapNg<W> {
    out: W,
    interfaces: u32,
}

impl<W: Write> PcapNg<W> {
    /// Begins the file's section; `comment` stands in its header.
    pub fn new(mut out: W, comment: &str) -> io::Result<Self> {
        let mut body = Vec::new();
        body.extend(BYTE_ORDER.to_le_bytes());
        body.extend(1_u16.to_le_bytes());
        body.extend(0_u16.to_le_bytes());
        // The section's length is not told: it ends with the file.
        body.extend(u64::MAX.to_le_bytes());
        let written_by = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
        options(&mut body, &[text_option(COMMENT, comment), text_option(SHB_USERAPPL, written_by)]);
        block(&mut out, SECTION_HEADER, &body)?;
        Ok(Self { out, interfaces: 0 })
    }

    /// Describes the next interface and returns its number.
    pub fn interface(&mut self, link: u16, snap_length: u32, described: &[RawOption]) -> io::Result<u32> {
        let mut body = Vec::new();
        body.extend(link.to_le_bytes());
        body.extend([0; 2]);
        body.extend(snap_length.to_le_bytes());
        options(&mut body, described);
        block(&mut self.out, INTERFACE_DESCRIPTION, &body)?;
        self.interfaces += 1;
        Ok(self.interfaces - 1)
    }

    /// Writes a packet; `stamp` counts the interface's units, `original` is its length on the wire.
    pub fn packet(
        &mut self,
        interface: u32,
        stamp: u64,
        original: u32,
        data: &[u8],
        described: &[RawOption],
    ) -> io::Result<()> {
        debug_assert!(interface < self.interfaces, "an interface is described before its packets");
        let mut body = Vec::with_capacity(data.len() + 64);
        for word in [interface, (stamp >> 32) as u32, stamp as u32, data.len() as u32, original] {
            body.extend(word.to_le_bytes());
        }
        body.extend(data);
        pad(&mut body);
        options(&mut body, described);
        block(&mut self.out, ENHANCED_PACKET, &body)
    }

    /// Ends the file.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// An option of text, cut where an option can hold no more of it.
pub fn text_option(code: u16, text: &str) -> RawOption {
    let mut end = text.len().min(LONGEST_OPTION);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    RawOption { code, value: text.get(..end).unwrap_or_default().as_bytes().to_vec() }
}

/// A comment on a section, an interface or a packet.
pub const COMMENT: u16 = 1;
/// The unit of an interface's time stamps.
pub const IF_TSRESOL: u16 = 9;

fn options(body: &mut Vec<u8>, options: &[RawOption]) {
    for option in options {
        let value = option.value.get(..LONGEST_OPTION).unwrap_or(&option.value);
        body.extend(option.code.to_le_bytes());
        body.extend((value.len() as u16).to_le_bytes());
        body.extend(value);
        pad(body);
    }
    if !options.is_empty() {
        // The end mark.
        body.extend([0; 4]);
    }
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

fn block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    debug_assert!(body.len().is_multiple_of(4), "a block is a multiple of four bytes");
    let length = (body.len() as u32 + 12).to_le_bytes();
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length)?;
    out.write_all(body)?;
    out.write_all(&length)
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const SHB_USERAPPL: u16 = 4;
/// An option's length is 16 bits.
const LONGEST_OPTION: usize = u16::MAX as usize;

#[cfg(test)]
mod tests {
    use wirecause_parsers::capture::{Walker, record};

    use super::*;

    fn file() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut file = PcapNg::new(&mut bytes, "why").unwrap();
        let nanos = RawOption { code: IF_TSRESOL, value: vec![9] };
        assert_eq!(file.interface(1, 0, &[]).unwrap(), 0);
        assert_eq!(file.interface(276, 96, &[text_option(2, "any"), nanos]).unwrap(), 1);
        file.packet(1, (1 << 40) + 5, 60, b"abcde", &[text_option(COMMENT, "see")]).unwrap();
        file.packet(0, 7, 4, b"abcd", &[]).unwrap();
        file.finish().unwrap();
        bytes
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = file();
        let (mut walker, mut frames) = (Walker::new(), Vec::new());
        assert_eq!(walker.walk(&bytes, true, &mut frames), Ok(bytes.len()));
        let [first, second] = &frames[..] else { panic!("{frames:?}") };
        assert_eq!((first.time.nanos(), first.captured, first.original, first.interface), ((1 << 40) + 5, 5, 60, 1));
        assert_eq!((second.time.nanos(), second.captured, second.interface), (7_000, 4, 0));
        assert_eq!(&bytes[first.offset..][..5], b"abcde");
        let any = &walker.interfaces()[1];
        assert_eq!((any.link.0, any.snap_length, any.name.as_deref()), (276, 96, Some("any")));
        let read = record(&bytes, first, any).unwrap();
        assert_eq!((read.stamp, read.options), (Some((1 << 40) + 5), vec![text_option(COMMENT, "see")]));
    }

    #[test]
    fn the_section_header_is_as_the_format_has_it() {
        // Type, length, byte order, version 1.0, length unknown, the comment of three bytes padded to four.
        let expected = [
            &[0x0a, 0x0d, 0x0d, 0x0a][..],
            &[4 + 4 + 16 + 8 + 4 + 16 + 4 + 4, 0, 0, 0],
            &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0],
            &[0xff; 8],
            &[1, 0, 3, 0],
            b"why\0",
        ];
        assert_eq!(file()[..32], expected.concat()[..]);
    }

    #[test]
    fn a_text_too_long_for_an_option_is_cut_between_characters() {
        let option = text_option(COMMENT, &"é".repeat(40_000));
        assert_eq!(option.value.len(), 65_534);
        assert!(std::str::from_utf8(&option.value).is_ok());
    }
}
