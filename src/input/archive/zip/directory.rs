//! The directory at a zip archive's end.

use std::{
    io::{BufReader, Read},
    ops::ControlFlow,
};

use super::records::{CentralHeader, End, Member, signature};
use crate::input::content::Content;

/// Where the directory lies.
pub(super) struct Directory {
    start: u64,
    size: u64,
    entries: u64,
    /// Bytes that stand before the archive, such as a program that unpacks it: all offsets are less by it.
    pub(super) shift: u64,
}

/// Looks for the directory.
pub(super) fn find(archive: &Content) -> Result<Directory, String> {
    let length = archive.length().unwrap_or(0);
    let from = length.saturating_sub(LONGEST_END);
    let tail = bytes(archive, from, length - from)?;
    let at = memchr::memmem::rfind_iter(&tail, &signature::END).find_map(|at| {
        let record = tail.get(at..)?;
        // What stands behind it is its comment; a mark within the comment has another length.
        let comment = record.get(End::LENGTH - 2..End::LENGTH)?.try_into().ok().map(u16::from_le_bytes)?;
        let end = End::read(record)?;
        (record.len() == End::LENGTH + usize::from(comment)).then_some((from + at as u64, end))
    });
    let (at, end) = at.ok_or("it is cut: the directory at its end is missing")?;
    let (at, end) = if end.is_wide() { wide(archive, at, end) } else { (at, end) };
    let start = at.checked_sub(end.size).ok_or("its directory is larger than what stands before its end")?;
    let shift = start.checked_sub(end.offset).ok_or("its directory does not stand where its end says")?;
    Ok(Directory { start, size: end.size, entries: end.entries, shift })
}

impl Directory {
    /// Hands over the members in their order.
    pub(super) fn walk(
        &self,
        archive: &Content,
        take: &mut dyn FnMut(&Member) -> ControlFlow<()>,
    ) -> Result<(), String> {
        let stream = archive.part(self.start, self.size).read().map_err(|error| error.to_string())?;
        let mut stream = BufReader::with_capacity(1 << 16, stream);
        for number in 0..self.entries {
            let damaged = || format!("entry {} of its directory is damaged", number + 1);
            let mut fixed = [0; CentralHeader::LENGTH];
            stream.read_exact(&mut fixed).map_err(|_| damaged())?;
            let header = CentralHeader::read(&fixed).ok_or_else(damaged)?;
            let mut name = vec![0; header.name.into()];
            stream.read_exact(&mut name).map_err(|_| damaged())?;
            let mut extra = vec![0; usize::from(header.extra) + usize::from(header.comment)];
            stream.read_exact(&mut extra).map_err(|_| damaged())?;
            extra.truncate(header.extra.into());
            if take(&header.complete(name, &extra)).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The record of 64-bit numbers where there is one, and where it lies.
fn wide(archive: &Content, at: u64, end: End) -> (u64, End) {
    let found = || {
        let locator_at = at.checked_sub(End::LENGTH_OF_LOCATOR as u64)?;
        let locator = bytes(archive, locator_at, End::LENGTH_OF_LOCATOR as u64).ok()?;
        let named = End::read_locator(&locator)?;
        // Right before its locator, or where that says, if something stands before the archive or its record is longer.
        let before = locator_at.checked_sub(End::LENGTH_64 as u64)?;
        [before, named].into_iter().find_map(|at| {
            let record = bytes(archive, at, End::LENGTH_64 as u64).ok()?;
            Some((at, End::read_64(&record)?))
        })
    };
    found().unwrap_or((at, end))
}

fn bytes(archive: &Content, offset: u64, length: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = archive.part(offset, length).read().and_then(|mut stream| stream.read_to_end(&mut bytes));
    read.map_err(|error| format!("at byte {offset}: {error}"))?;
    Ok(bytes)
}

/// The longest end: its record and a comment.
const LONGEST_END: u64 = End::LENGTH as u64 + u16::MAX as u64;
