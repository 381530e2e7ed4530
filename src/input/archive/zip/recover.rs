//! Members of a zip archive whose directory is missing, one after another from its start.

use std::{
    io::{self, BufReader, Read},
    ops::ControlFlow,
};

use flate2::{Decompress, FlushDecompress};

use super::records::{LocalHeader, Member, signature, widen};
use crate::input::content::Content;

/// Hands over members as far as each follows the one before.
pub(super) fn walk(archive: &Content, take: &mut dyn FnMut(&Member) -> ControlFlow<()>) {
    let mut at = 0;
    while let Some((member, next)) = member(archive, at) {
        if take(&member).is_break() {
            return;
        }
        at = next;
    }
}

/// The member whose header lies at an offset, and where the next one should.
fn member(archive: &Content, at: u64) -> Option<(Member, u64)> {
    let mut fixed = [0; LocalHeader::LENGTH];
    archive.part(at, fixed.len() as u64).read().ok()?.read_exact(&mut fixed).ok()?;
    let header = LocalHeader::read(&fixed)?;
    let mut name = vec![0; usize::from(header.name) + usize::from(header.extra)];
    archive.part(at + fixed.len() as u64, name.len() as u64).read().ok()?.read_exact(&mut name).ok()?;
    let extra = name.split_off(header.name.into());
    let start = at.checked_add(header.whole())?;
    let mut member = Member {
        name,
        flags: header.flags,
        method: header.method,
        crc: header.crc,
        packed: header.packed.into(),
        size: header.size.into(),
        offset: at,
        mode: None,
    };
    widen([&mut member.size, &mut member.packed], &extra);
    if !header.has_descriptor() {
        return Some((member.clone(), start.checked_add(member.packed)?));
    }
    // Sizes stand behind the bytes, and only inflating shows where that is.
    let rest = archive.length()?.checked_sub(start)?;
    let (packed, size) = if header.method == DEFLATE { measured(&archive.part(start, rest)) } else { None }?;
    let next = start + packed;
    (member.packed, member.size) = (packed, size);
    let mut after = Vec::new();
    archive.part(next, LONGEST_DESCRIPTOR).read().ok()?.read_to_end(&mut after).ok();
    let after_mark = after.strip_prefix(&signature::DESCRIPTOR);
    member.crc = u32::from_le_bytes(*after_mark.unwrap_or(&after).first_chunk()?);
    let mark = if after_mark.is_some() { 4 } else { 0 };
    // With sizes of 32 bits, or of 64.
    let length = [12, 20].into_iter().map(|length| length + mark).find(|length| {
        after
            .get(*length..)
            .is_some_and(|next| next.starts_with(&signature::LOCAL) || next.starts_with(&signature::CENTRAL))
    });
    // Without anything behind it, it is the last one.
    Some((member, next + length.unwrap_or(after.len()) as u64))
}

/// How many bytes a deflated stream takes, and how many it yields; `None` where it is cut or damaged.
fn measured(packed: &Content) -> Option<(u64, u64)> {
    let mut stream = BufReader::with_capacity(1 << 16, packed.read().ok()?);
    let mut inflate = Decompress::new(false);
    let mut out = vec![0; 1 << 16];
    loop {
        let input = io::BufRead::fill_buf(&mut stream).ok()?;
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        let status = inflate.decompress(input, &mut out, FlushDecompress::None).ok()?;
        let consumed = usize::try_from(inflate.total_in() - before_in).ok()?;
        let stuck = consumed == 0 && inflate.total_out() == before_out;
        io::BufRead::consume(&mut stream, consumed);
        match status {
            flate2::Status::StreamEnd => return Some((inflate.total_in(), inflate.total_out())),
            _ if stuck => return None,
            _ => {}
        }
    }
}

const DEFLATE: u16 = 8;
/// Mark, sum, and two sizes of 64 bits, and the mark of what follows.
const LONGEST_DESCRIPTOR: u64 = 4 + 4 + 16 + 4;
