//! One input as a stream of decompressed bytes, its kind found on the way.
//!
//! Compression is known by content. What cannot be unpacked further ends in an error of the stream, after everything
//! that stood before it.

use std::{
    fs::File,
    io::{self, Cursor, Read},
    sync::{Mutex, PoisonError},
};

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

    /// How it is packed besides what its archive does.
    pub(super) const fn own_compression(&self) -> Compression {
        self.own
    }

    /// Its first decompressed bytes, [`PREFIX_BYTES`] of them or all there are.
    pub(super) fn prefix(&self) -> &[u8] {
        &self.prefix
    }
}

/// Opens an input to see what it holds, and gives `seen` what it found. Files can be opened again; standard input cannot, and is kept
/// for [`open`] as it was.
pub fn look<T>(input: &Input, seen: impl FnOnce(&Opened) -> T) -> io::Result<T> {
    let opened = open(input)?;
    let result = seen(&opened);
    if input.source == Source::Stdin {
        *STDIN.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
    }
    Ok(result)
}

/// Opens an input. Errors are those of opening it and of reading its first byte; all later ones are the stream's.
pub fn open(input: &Input) -> io::Result<Opened> {
    match &input.source {
        Source::File(path) => {
            let metadata = std::fs::metadata(path)?;
            // A file system that makes content up as it is read says 0.
            if !metadata.is_file() || metadata.len() == 0 {
                let bytes = metadata.is_file().then_some(0);
                return Found { bytes, plain: None, is_inflated: false }
                    .known(Box::new(Metered::new(File::open(path)?)));
            }
            let content = Content::of_path(path, metadata.len()).read()?;
            Found { bytes: Some(metadata.len()), plain: content.place(), is_inflated: false }
                .known(Box::new(Metered::new(content)))
        }
        Source::Stdin => match STDIN.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(opened) => Ok(opened),
            None => Found { bytes: None, plain: None, is_inflated: false }.known(Box::new(Metered::new(io::stdin()))),
        },
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

/// The process's standard input, once it was looked at and until it is opened to be read.
static STDIN: Mutex<Option<Opened>> = Mutex::new(None);

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
