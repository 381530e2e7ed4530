//! One input as a stream of decompressed bytes, its kind found on the way.
//!
//! Compression is known by content. What cannot be unpacked further ends in an error of the stream, after everything
//! that stood before it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use wirecause_parsers::log::{LONGEST_PHRASE, holds_phrase, is_text};

use super::{
    ahead::ReadAhead,
    compression::{Compression, MAGIC_BYTES},
    content::{Content, Plain},
    kind::{Kind, PREFIX_BYTES},
    meter::Metered,
    paths::{Input, Source},
};

/// An input that is open and known.
pub struct Opened {
    /// What it holds.
    pub kind: Kind,
    /// How it is packed.
    pub compression: Compression,
    /// Its size as it lies; `None` for a stream.
    pub bytes: Option<u64>,
    /// Where its content lies in a file as it is, so that it can be read at any place. `None` for what is packed, and for streams.
    pub plain: Option<Plain>,
    /// Its decompressed content from the first byte on.
    pub stream: Box<dyn Read + Send>,
    /// How it is packed besides what its archive does.
    own: Compression,
    /// Its first decompressed bytes.
    prefix: Vec<u8>,
    /// Whether its stream inflates something.
    is_inflated: bool,
}

impl Opened {
    /// Inflates up to about so many bytes ahead of the reader from now on, at most 64 MiB, on a thread of its own. What is not packed, or was
    /// seen to its end already, is left as it is.
    #[must_use]
    pub fn read_ahead(mut self, bytes: usize) -> Self {
        if self.is_inflated && self.prefix.len() == PREFIX_BYTES {
            self.stream = ReadAhead::start(self.stream, bytes);
        }
        self
    }

    /// Where the first bytes do not show what a text is, looks for a gateway's lines in what follows. The stream is left where that ended.
    pub(super) fn looked_on(mut self) -> Self {
        self.search(SEARCHED, |_| {});
        self
    }

    /// The same, and the stream is left as it was.
    fn looked_on_keeping(mut self) -> Self {
        let mut kept = Vec::new();
        let error = self.search(SEARCHED_KEEPING, |bytes| kept.extend_from_slice(bytes));
        if error.is_some() || !kept.is_empty() {
            let rest = std::mem::replace(&mut self.stream, Box::new(io::empty()));
            self.stream = Box::new(Peeked { prefix: Cursor::new(kept), error, rest });
        }
        self
    }

    /// Reads on, and gives out what it read, for as long as the kind is not known; the error that ended it, if one did.
    fn search(&mut self, limit: u64, mut read: impl FnMut(&[u8])) -> Option<io::Error> {
        if self.kind != Kind::Other || self.prefix.len() < PREFIX_BYTES || !is_text(&self.prefix) {
            return None;
        }
        let mut stream = self.stream.by_ref().take(limit);
        // What may be the beginning of a phrase is searched again with what follows it.
        let held = LONGEST_PHRASE;
        let mut piece = vec![0; held + SEARCHED_AT_ONCE];
        loop {
            match stream.read(&mut piece[held..]) {
                Ok(0) => return None,
                Ok(more) => {
                    let end = held + more;
                    read(&piece[held..end]);
                    if holds_phrase(&piece[..end]) {
                        self.kind = Kind::Log;
                        return None;
                    }
                    piece.copy_within(end - held..end, 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Some(error),
            }
        }
    }

    /// How it is packed besides what its archive does.
    pub(super) const fn own_compression(&self) -> Compression {
        self.own
    }

    /// Its first decompressed bytes, [`PREFIX_BYTES`] of them or all there are.
    pub(super) fn prefix(&self) -> &[u8] {
        &self.prefix
    }
}

/// Opens an input to see what it holds, and gives `seen` what it found. Files can be opened again; streams cannot, and are kept
/// for [`open`] as they were.
pub fn look<T>(input: &Input, seen: impl FnOnce(&Opened) -> T) -> io::Result<T> {
    let opened = open(input)?;
    let Source::Stream(path) = &input.source else { return Ok(seen(&opened.looked_on())) };
    let opened = opened.looked_on_keeping();
    let result = seen(&opened);
    STREAMS.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone(), opened);
    Ok(result)
}

/// Opens an input. Errors are those of opening it and of reading its first byte; all later ones are the stream's.
pub fn open(input: &Input) -> io::Result<Opened> {
    match &input.source {
        Source::File(path) => {
            let metadata = std::fs::metadata(path)?;
            // A file system that makes content up as it is read says 0.
            if metadata.len() == 0 {
                return Found { bytes: Some(0), plain: None, is_inflated: false }
                    .known(Box::new(Metered::new(File::open(path)?)));
            }
            let content = Content::of_path(path, metadata.len()).read()?;
            Found { bytes: Some(metadata.len()), plain: content.place(), is_inflated: false }
                .known(Box::new(Metered::new(content)))
        }
        Source::Stream(path) => {
            let looked_at = STREAMS.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
            looked_at.map_or_else(|| Found { bytes: None, plain: None, is_inflated: false }.known(piped(path)?), Ok)
        }
        Source::Member(member) => {
            let (stream, plain) = member.read()?;
            let found = Found { bytes: Some(member.bytes()), plain, is_inflated: !member.content().is_plain() };
            let mut opened = found.known(Box::new(Metered::new(stream)))?;
            if opened.compression == Compression::None {
                opened.compression = member.packing();
            }
            Ok(opened)
        }
    }
}

fn piped(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    let stream: Box<dyn Read + Send> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) };
    Ok(Box::new(Metered::new(stream)))
}

/// What is known of an input before its bytes are.
struct Found {
    bytes: Option<u64>,
    plain: Option<Plain>,
    is_inflated: bool,
}

impl Found {
    fn known(self, packed: Box<dyn Read + Send>) -> io::Result<Opened> {
        let (magic, packed) = peek(packed, MAGIC_BYTES)?;
        let compression = Compression::of(&magic);
        let (prefix, stream) = peek(compression.unpack(packed)?, PREFIX_BYTES)?;
        let is_packed = compression != Compression::None;
        Ok(Opened {
            kind: Kind::of(&prefix),
            compression,
            own: compression,
            bytes: self.bytes,
            plain: self.plain.filter(|_| !is_packed),
            stream,
            prefix,
            is_inflated: self.is_inflated || is_packed,
        })
    }
}

/// Up to `limit` first bytes, and a stream that still yields them. An error after the first byte is kept for its place
/// in the stream.
fn peek(mut stream: Box<dyn Read + Send>, limit: usize) -> io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut prefix = Vec::new();
    let error = stream.by_ref().take(limit as u64).read_to_end(&mut prefix).err();
    if prefix.is_empty()
        && let Some(error) = error
    {
        return Err(error);
    }
    let rest = Peeked { prefix: Cursor::new(prefix.clone()), error, rest: stream };
    Ok((prefix, Box::new(rest)))
}

struct Peeked {
    prefix: Cursor<Vec<u8>>,
    error: Option<io::Error>,
    rest: Box<dyn Read + Send>,
}

impl Read for Peeked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.prefix.read(buffer)? {
            0 if buffer.is_empty() => Ok(0),
            0 => self.error.take().map_or_else(|| self.rest.read(buffer), Err),
            read => Ok(read),
        }
    }
}

/// Streams that were looked at and are not opened to be read yet, by their paths.
static STREAMS: Mutex<BTreeMap<PathBuf, Opened>> = Mutex::new(BTreeMap::new());
/// How far a text is searched that does not begin as a gateway's log does: a host's log holds what all of its programs write.
const SEARCHED: u64 = 256 << 20;
/// The same of a stream, of which all that was searched has to be kept.
const SEARCHED_KEEPING: u64 = 16 << 20;
/// Bytes that are searched at a time.
const SEARCHED_AT_ONCE: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::compression::tests::{MARKED, pack};

    const LOG: &[u8] = b"2026-11-20T20:54:30.824-0300 INFO    1 com.l7tech.server.boot.GatewayBoot: Starting\n";

    fn opened(content: Vec<u8>) -> Opened {
        Found { bytes: None, plain: None, is_inflated: false }.known(Box::new(Cursor::new(content))).unwrap()
    }

    fn drained(mut opened: Opened) -> (Vec<u8>, Option<io::ErrorKind>) {
        let mut content = Vec::new();
        let error = opened.stream.read_to_end(&mut content).err();
        (content, error.map(|error| error.kind()))
    }

    #[test]
    fn plain_content_comes_whole() {
        let content = LOG.repeat(2_000);
        let opened = opened(content.clone());
        assert_eq!((opened.kind, opened.compression), (Kind::Log, Compression::None));
        assert_eq!(drained(opened), (content, None));
    }

    #[test]
    fn packed_content_comes_whole_ahead_or_not() {
        let content = LOG.repeat(2_000);
        for compression in MARKED {
            let packed = pack(compression, &content);
            for ahead in [false, true] {
                let opened = opened(packed.clone());
                assert_eq!((opened.kind, opened.compression), (Kind::Log, compression));
                let opened = if ahead { opened.read_ahead(1 << 20) } else { opened };
                assert_eq!(drained(opened), (content.clone(), None), "{compression:?}");
            }
        }
    }

    #[test]
    fn a_cut_stream_yields_what_stood_before_the_cut_and_then_the_error() {
        let content = LOG.repeat(5_000);
        for compression in MARKED {
            let packed = pack(compression, &content);
            let cut = packed[..packed.len() - 12].to_vec();
            for ahead in [false, true] {
                let Ok(opened) =
                    Found { bytes: None, plain: None, is_inflated: false }.known(Box::new(Cursor::new(cut.clone())))
                else {
                    // Those two yield nothing of a block that is cut, and this one is not filled.
                    assert!(matches!(compression, Compression::Bzip2 | Compression::Lz4));
                    continue;
                };
                let (read, error) = drained(if ahead { opened.read_ahead(1 << 20) } else { opened });
                assert!(error.is_some());
                assert!(content.starts_with(&read), "{compression:?}: {} bytes", read.len());
            }
        }
    }

    #[test]
    fn an_empty_input_is_neither_log_nor_capture() {
        let opened = opened(Vec::new());
        assert_eq!(opened.kind, Kind::Other);
        assert_eq!(drained(opened), (Vec::new(), None));
    }

    #[test]
    fn a_plain_file_can_be_read_at_any_place() {
        let temp = crate::testing::TempDir::new("stream-plain");
        let path = temp.path().join("x.log");
        std::fs::write(&path, LOG.repeat(3)).unwrap();
        let input = |path| Input { name: "x".to_owned(), source: Source::File(path), explicit: true };
        let mut opened = open(&input(path)).unwrap();
        let place = opened.plain.take().unwrap();
        assert_eq!((place.start, place.length), (0, 3 * LOG.len() as u64));
        let mut bytes = [0; 4];
        assert_eq!(place.read_at(&mut bytes, LOG.len() as u64).unwrap(), 4);
        assert_eq!((&bytes, place.read_at(&mut [0; 4], place.length).unwrap()), (b"2026", 0));
        // Its own stream is not disturbed.
        assert_eq!(drained(opened).0, LOG.repeat(3));
        let packed = temp.path().join("x.gz");
        std::fs::write(&packed, pack(Compression::Gzip, LOG)).unwrap();
        assert!(open(&input(packed)).unwrap().plain.is_none());
    }
}
