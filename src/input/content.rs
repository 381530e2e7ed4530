//! Bytes that can be read as often as wanted: a file, a stretch of one, or a stretch of what inflating another yields.
//!
//! A member of an archive is such a stretch. Where nothing is packed it is read by its place; in a packed archive
//! (`inflated`) by inflating up to it.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use super::{
    inflated::{Inflated, InflatedReader},
    scratch,
};

/// A stretch of bytes.
#[derive(Clone, Debug)]
pub struct Content {
    carrier: Carrier,
    start: u64,
    /// `None`: as far as the carrier goes.
    length: Option<u64>,
}

#[derive(Clone, Debug)]
enum Carrier {
    /// A file by its path: it is opened for each reading, since a directory may hold more archives than a process may have open.
    Path(Arc<Path>),
    /// An open file that has no name any more.
    Unnamed(Arc<File>),
    /// What comes of inflating.
    Inflated(Arc<Inflated>),
}

impl Content {
    /// A whole file.
    pub(super) fn of_path(path: &Path, length: u64) -> Self {
        Self { carrier: Carrier::Path(path.into()), start: 0, length: Some(length) }
    }

    /// A whole file that is open and has no name.
    pub(super) fn of_unnamed(file: Arc<File>, length: u64) -> Self {
        Self { carrier: Carrier::Unnamed(file), start: 0, length: Some(length) }
    }

    /// All that inflating yields.
    pub(super) fn of_inflated(inflated: Arc<Inflated>) -> Self {
        Self { carrier: Carrier::Inflated(inflated), start: 0, length: None }
    }

    /// A stretch of this one; where that goes beyond its end, reading it ends in an error there.
    pub(super) fn part(&self, offset: u64, length: u64) -> Self {
        Self { carrier: self.carrier.clone(), start: self.start.saturating_add(offset), length: Some(length) }
    }

    /// All of it behind its first bytes.
    pub(super) fn after(&self, passed: u64) -> Self {
        let length = self.length.map(|length| length.saturating_sub(passed));
        Self { carrier: self.carrier.clone(), start: self.start.saturating_add(passed), length }
    }

    /// Its length, where it is known without reading.
    pub(super) const fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether any place in it can be read at once.
    pub(super) const fn is_plain(&self) -> bool {
        matches!(self.carrier, Carrier::Path(_) | Carrier::Unnamed(_))
    }

    /// Where it begins in what carries it.
    pub(super) const fn start(&self) -> u64 {
        self.start
    }

    /// Where all of it comes of one inflater: keeps those that readers leave, but for any that has passed `wanted_until`. A stretch of
    /// more does not decide that.
    pub(super) fn keep_inflaters(&self, wanted_until: u64) {
        if let (Carrier::Inflated(inflated), None) = (&self.carrier, self.length) {
            inflated.keep(wanted_until);
        }
    }

    /// Whether both are stretches of the same thing.
    pub(super) fn is_carried_with(&self, other: &Self) -> bool {
        match (&self.carrier, &other.carrier) {
            (Carrier::Path(own), Carrier::Path(other)) => own == other,
            (Carrier::Unnamed(own), Carrier::Unnamed(other)) => Arc::ptr_eq(own, other),
            (Carrier::Inflated(own), Carrier::Inflated(other)) => Arc::ptr_eq(own, other),
            _ => false,
        }
    }

    /// Whether both are the same stretch of the same thing.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.is_carried_with(other) && (self.start, self.length) == (other.start, other.length)
    }

    /// A reader of it from its first byte.
    pub(super) fn read(&self) -> io::Result<ContentReader> {
        Ok(match &self.carrier {
            Carrier::Path(path) => ContentReader::Plain(self.plain(Arc::new(File::open(path)?))?),
            Carrier::Unnamed(file) => ContentReader::Plain(self.plain(Arc::clone(file))?),
            Carrier::Inflated(inflated) => ContentReader::Inflated(inflated.read(self.start, self.length)?),
        })
    }

    fn plain(&self, file: Arc<File>) -> io::Result<PlainReader> {
        let length = match self.length {
            Some(length) => length,
            None => file.metadata()?.len().saturating_sub(self.start),
        };
        Ok(PlainReader { place: Plain { file, start: self.start, length }, at: 0 })
    }
}

/// Bytes that lie in a file as they are: they can be read at any place, from several threads.
#[derive(Clone, Debug)]
pub struct Plain {
    /// The file.
    pub file: Arc<File>,
    /// Where they begin in it.
    pub start: u64,
    /// How many they are; the file may have become shorter since.
    pub length: u64,
}

impl Plain {
    /// Reads at `offset` of the stretch, as `Read::read` does at its own place.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = self.length.saturating_sub(offset);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let wanted = buffer.get_mut(..most).unwrap_or_default();
        scratch::read_at(&self.file, wanted, self.start.saturating_add(offset))
    }
}

/// Reads a [`Content`] from its start on.
pub(super) enum ContentReader {
    Plain(PlainReader),
    Inflated(InflatedReader),
}

impl ContentReader {
    /// Where the bytes lie, if they lie as they are.
    pub(super) fn place(&self) -> Option<Plain> {
        match self {
            Self::Plain(reader) => Some(reader.place.clone()),
            Self::Inflated(_) => None,
        }
    }
}

impl Read for ContentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(reader) => reader.read(buffer),
            Self::Inflated(reader) => reader.read(buffer),
        }
    }
}

/// Reads a stretch of a file.
pub(super) struct PlainReader {
    place: Plain,
    at: u64,
}

impl Read for PlainReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.place.read_at(buffer, self.at)?;
        if read == 0 && !buffer.is_empty() && self.at < self.place.length {
            let missing = self.place.length - self.at;
            // Told once; whoever reads on finds the end.
            self.at = self.place.length;
            return Err(cut(missing));
        }
        self.at += read as u64;
        Ok(read)
    }
}

/// The error of a stretch that is shorter than it should be.
pub(super) fn cut(missing: u64) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("it is cut: {missing} bytes are missing"))
}

/// A file of its own for bytes that can be read only once but are wanted at any place. It has no name once it is made, and goes with the
/// last reader.
pub(super) fn spooled(stream: &mut dyn Read) -> io::Result<(Content, Option<io::Error>)> {
    let mut file = scratch::unnamed()?;
    let mut taken = stream.take(MOST_SPOOLED);
    // What was read before an error is used.
    let mut fault = io::copy(&mut taken, &mut file).err();
    if taken.limit() == 0 {
        fault = Some(io::Error::other("read only as far as 8 GiB: more is not kept on disk"));
    }
    let length = file.metadata()?.len();
    Ok((Content::of_unnamed(Arc::new(file), length), fault))
}

/// Bytes kept on disk of one archive that cannot be read where it lies.
const MOST_SPOOLED: u64 = 8 << 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn drained(content: &Content) -> (Vec<u8>, Option<String>) {
        let mut bytes = Vec::new();
        let error = content.read().unwrap().read_to_end(&mut bytes).err();
        (bytes, error.map(|error| error.to_string()))
    }

    #[test]
    fn a_part_is_read_by_its_place_and_a_cut_one_is_told() {
        let temp = TempDir::new("content-part");
        let path = temp.path().join("x");
        std::fs::write(&path, b"0123456789").unwrap();
        let whole = Content::of_path(&path, 10);
        assert_eq!(drained(&whole), (b"0123456789".to_vec(), None));
        assert_eq!(drained(&whole.part(2, 5).part(1, 3)), (b"345".to_vec(), None));
        let (bytes, error) = drained(&whole.part(7, 5));
        assert_eq!((bytes, error.unwrap()), (b"789".to_vec(), "it is cut: 2 bytes are missing".to_owned()));
        assert!(drained(&whole.part(u64::MAX, 1)).1.is_some());
    }

    #[test]
    fn what_is_spooled_can_be_read_at_any_place_and_leaves_no_name() {
        let (content, fault) = spooled(&mut &b"0123456789"[..]).unwrap();
        assert!(fault.is_none() && content.is_plain());
        assert_eq!(drained(&content.part(3, 2)).0, b"34");
        assert_eq!(drained(&content).0, b"0123456789");
        #[cfg(unix)]
        {
            let place = content.read().unwrap().place().unwrap();
            assert_eq!(std::os::unix::fs::MetadataExt::nlink(&place.file.metadata().unwrap()), 0);
        }
    }
}
