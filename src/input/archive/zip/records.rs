//! The records of a zip archive, by PKWARE's APPNOTE 6.3.10: all numbers are little-endian.

use nom::{
    IResult, Parser,
    bytes::complete::{tag, take},
    number::complete::{le_u16, le_u32, le_u64},
};

/// What each record begins with.
pub(super) mod signature {
    pub(in super::super) const LOCAL: [u8; 4] = *b"PK\x03\x04";
    pub(in super::super) const CENTRAL: [u8; 4] = *b"PK\x01\x02";
    pub(in super::super) const END: [u8; 4] = *b"PK\x05\x06";
    pub(in super::super) const END_64: [u8; 4] = *b"PK\x06\x06";
    pub(in super::super) const LOCATOR_64: [u8; 4] = *b"PK\x06\x07";
    pub(in super::super) const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";
}

/// A member, as the directory or its own header describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: Vec<u8>,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    /// Where its header lies.
    pub(super) offset: u64,
    /// The file mode, where the archive was made on Unix.
    pub(super) mode: Option<u16>,
}

impl Member {
    pub(super) const fn is_encrypted(&self) -> bool {
        self.flags & 1 != 0
    }

    pub(super) fn is_link(&self) -> bool {
        self.mode.is_some_and(|mode| mode & MODE_KIND == MODE_LINK)
    }

    pub(super) fn is_directory(&self) -> bool {
        self.mode.is_some_and(|mode| mode & MODE_KIND == MODE_DIRECTORY)
    }

    /// The name with `/` between its parts, as it should be; some programs on Windows write a backslash.
    pub(super) fn plain_name(&self) -> Vec<u8> {
        let mut name = self.name.clone();
        if !name.contains(&b'/') {
            name.iter_mut().filter(|byte| **byte == b'\\').for_each(|byte| *byte = b'/');
        }
        name
    }
}

/// An entry of the directory but for its name and what follows.
pub(super) struct CentralHeader {
    pub(super) member: Member,
    pub(super) name: u16,
    pub(super) extra: u16,
    pub(super) comment: u16,
}

impl CentralHeader {
    pub(super) const LENGTH: usize = 46;

    pub(super) fn read(input: &[u8; Self::LENGTH]) -> Option<Self> {
        let (_, header) = central(input).ok()?;
        Some(header)
    }

    /// The member with its name, and the sizes and the place that are too large for the header.
    pub(super) fn complete(mut self, name: Vec<u8>, extra: &[u8]) -> Member {
        self.member.name = name;
        let Member { size, packed, offset, .. } = &mut self.member;
        widen([size, packed, offset], extra);
        self.member
    }
}

/// Takes the numbers that are too large for their header from its extra fields, where they stand in this order.
pub(super) fn widen<const N: usize>(numbers: [&mut u64; N], extra: &[u8]) {
    let mut wide = wide_fields(extra);
    for number in numbers {
        if *number == u64::from(u32::MAX)
            && let Ok((rest, value)) = le_u64::<_, nom::error::Error<&[u8]>>(wide)
        {
            (wide, *number) = (rest, value);
        }
    }
}

fn central(input: &[u8]) -> IResult<&[u8], CentralHeader> {
    let (input, (_, made_by, _, flags, method, _)) =
        (tag(&signature::CENTRAL[..]), le_u16, le_u16, le_u16, le_u16, le_u32).parse(input)?;
    let (input, (crc, packed, size)) = (le_u32, le_u32, le_u32).parse(input)?;
    let (input, (name, extra, comment)) = (le_u16, le_u16, le_u16).parse(input)?;
    let (input, (_, _, attributes, offset)) = (le_u16, le_u16, le_u32, le_u32).parse(input)?;
    let mode = (made_by >> 8 == MADE_ON_UNIX).then_some((attributes >> 16) as u16);
    let member = Member {
        name: Vec::new(),
        flags,
        method,
        crc,
        packed: packed.into(),
        size: size.into(),
        offset: offset.into(),
        mode,
    };
    Ok((input, CentralHeader { member, name, extra, comment }))
}

/// The numbers of 64 bits in an entry's extra fields.
fn wide_fields(mut extra: &[u8]) -> &[u8] {
    while let Ok((rest, (id, length))) = (le_u16::<_, nom::error::Error<&[u8]>>, le_u16).parse(extra) {
        let (field, after) = rest.split_at_checked(length.into()).unwrap_or((rest, &[]));
        if id == WIDE_FIELDS {
            return field;
        }
        extra = after;
    }
    &[]
}

/// The header that stands before a member's bytes.
pub(super) struct LocalHeader {
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u32,
    pub(super) size: u32,
    pub(super) name: u16,
    pub(super) extra: u16,
}

impl LocalHeader {
    pub(super) const LENGTH: usize = 30;

    pub(super) fn read(input: &[u8; Self::LENGTH]) -> Option<Self> {
        let (_, header) = local(input).ok()?;
        Some(header)
    }

    /// Its length with the name and the fields behind it.
    pub(super) fn whole(&self) -> u64 {
        Self::LENGTH as u64 + u64::from(self.name) + u64::from(self.extra)
    }

    /// Whether sizes and sum follow the member's bytes.
    pub(super) const fn has_descriptor(&self) -> bool {
        self.flags & 8 != 0
    }
}

fn local(input: &[u8]) -> IResult<&[u8], LocalHeader> {
    let (input, (_, _, flags, method, _)) =
        (tag(&signature::LOCAL[..]), le_u16, le_u16, le_u16, le_u32).parse(input)?;
    let (input, (crc, packed, size, name, extra)) = (le_u32, le_u32, le_u32, le_u16, le_u16).parse(input)?;
    Ok((input, LocalHeader { flags, method, crc, packed, size, name, extra }))
}

/// What the end of the directory says of it.
pub(super) struct End {
    pub(super) entries: u64,
    pub(super) size: u64,
    pub(super) offset: u64,
}

impl End {
    pub(super) const LENGTH: usize = 22;
    pub(super) const LENGTH_64: usize = 56;
    pub(super) const LENGTH_OF_LOCATOR: usize = 20;

    pub(super) fn read(input: &[u8]) -> Option<Self> {
        let parsed: IResult<_, _> =
            (tag(&signature::END[..]), take(4_usize), le_u16, le_u16, le_u32, le_u32).parse(input);
        let (_, (_, _, _, entries, size, offset)) = parsed.ok()?;
        Some(Self { entries: entries.into(), size: size.into(), offset: offset.into() })
    }

    /// Whether a number is too large for it, so that the wider record counts.
    pub(super) const fn is_wide(&self) -> bool {
        self.entries == u16::MAX as u64 || self.size == u32::MAX as u64 || self.offset == u32::MAX as u64
    }

    pub(super) fn read_64(input: &[u8]) -> Option<Self> {
        let parsed: IResult<_, _> =
            (tag(&signature::END_64[..]), take(20_usize), le_u64, le_u64, le_u64, le_u64).parse(input);
        let (_, (_, _, _, entries, size, offset)) = parsed.ok()?;
        Some(Self { entries, size, offset })
    }

    /// Where the wider record lies, as its locator says.
    pub(super) fn read_locator(input: &[u8]) -> Option<u64> {
        let parsed: IResult<_, _> = (tag(&signature::LOCATOR_64[..]), le_u32, le_u64).parse(input);
        let (_, (_, _, offset)) = parsed.ok()?;
        Some(offset)
    }
}

const MADE_ON_UNIX: u16 = 3;
const MODE_KIND: u16 = 0o170_000;
const MODE_LINK: u16 = 0o120_000;
const MODE_DIRECTORY: u16 = 0o040_000;
/// Id of the extra field of Zip64.
const WIDE_FIELDS: u16 = 1;
