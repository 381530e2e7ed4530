//! zip: members anywhere, and a directory of them at the end.
//!
//! Read here and not by the `zip` crate, which takes memory by the count that the file states and keeps the whole directory. It is the
//! oracle of the tests.

mod directory;
mod records;
mod recover;

use std::{io::Read, ops::ControlFlow};

use self::records::{LocalHeader, Member, signature};
use super::{Check, Entry, Take, What};
use crate::input::{
    compression::{Compression, is_beyond_measure},
    content::Content,
    inflated::Inflated,
};

/// Whether these are the first bytes of a zip archive.
pub(super) fn is_zip(prefix: &[u8]) -> bool {
    prefix.starts_with(&signature::LOCAL) || prefix.starts_with(&signature::END)
}

/// Hands over the entries in the order of the directory; the error where the archive is damaged or cut. Without a directory the members
/// are looked for from the start.
pub(in crate::input) fn walk(archive: &Content, take: &mut Take<'_>) -> Result<(), String> {
    let mut expanded = 0_u64;
    let mut fault = None;
    let mut take_member = |member: &Member, shift: u64| {
        expanded = expanded.saturating_add(member.size);
        if is_beyond_measure(archive.length().unwrap_or(0), expanded) {
            fault = Some("its members expand more than a thousandfold together: the rest is left".to_owned());
            return ControlFlow::Break(());
        }
        match entry(archive, member, shift) {
            Some(entry) => take(entry),
            None => ControlFlow::Continue(()),
        }
    };
    let walked = match directory::find(archive) {
        Ok(directory) => directory.walk(archive, &mut |member| take_member(member, directory.shift)),
        Err(reason) => {
            recover::walk(archive, &mut |member| take_member(member, 0));
            Err(format!("{reason}; members are taken as far as they follow each other from its start"))
        }
    };
    fault.map_or(walked, Err)
}

/// The entry of a member, if it is one that is listed: directories are not. `shift` is the length of what stands before the archive.
fn entry(archive: &Content, member: &Member, shift: u64) -> Option<Entry> {
    let name = member.plain_name();
    if name.ends_with(b"/") || member.is_directory() {
        return None;
    }
    let what =
        if member.is_link() { What::NoFile } else { file(archive, member, shift).unwrap_or_else(What::Unreadable) };
    Some(Entry { name, what })
}

fn file(archive: &Content, member: &Member, shift: u64) -> Result<What, String> {
    if member.is_encrypted() {
        return Err("it is encrypted".to_owned());
    }
    let offset = member.offset.saturating_add(shift);
    let mut fixed = [0; LocalHeader::LENGTH];
    let read = archive.part(offset, fixed.len() as u64).read().and_then(|mut header| header.read_exact(&mut fixed));
    read.map_err(|error| format!("its header at byte {offset} of the archive: {error}"))?;
    let header = LocalHeader::read(&fixed).ok_or_else(|| format!("no header at byte {offset} of the archive"))?;
    let start = offset.saturating_add(header.whole());
    let packed = archive.part(start, member.packed);
    let packing = match member.method {
        0 => return Ok(What::File { content: packed, bytes: member.packed, packing: Compression::None }),
        8 => Compression::Deflate,
        12 => Compression::Bzip2,
        93 => Compression::Zstd,
        95 => Compression::Xz,
        other => return Err(format!("packed by method {other} of zip, which is not read")),
    };
    let check = Check { size: member.size, crc: member.crc };
    let content = Content::of_inflated(Inflated::new(packed, packing, Some(check)));
    Ok(What::File { content, bytes: member.packed, packing })
}

#[cfg(test)]
mod tests;
