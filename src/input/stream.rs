//! One input as a stream of decompressed bytes, its kind found on the way.
//!
//! Compression is known by content. What cannot be unpacked further ends in an error of the stream, after everything
//! that stood before it.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
    sync::{Mutex, PoisonError},
};

use flate2::bufread::MultiGzDecoder;
use serde::Serialize;

use super::{
    kind::{Kind, PREFIX_BYTES},
    meter::Metered,
    paths::{Input, Source},
};

/// How an input is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, of one member or many.
    Gzip,
}

impl Compression {
    /// By the first bytes as they lie.
    pub fn of(prefix: &[u8]) -> Self {
        if prefix.starts_with(GZIP_MAGIC) { Self::Gzip } else { Self::None }
    }

    fn unpack(self, packed: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        match self {
            Self::None => packed,
            Self::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(READ_BYTES, packed))),
        }
    }
}

/// An input that is open and known.
pub struct Opened {
    /// What it holds.
    pub kind: Kind,
    /// How it is packed.
    pub compression: Compression,
    /// Its size as it lies; `None` for a stream.
    pub bytes: Option<u64>,
    /// Its decompressed content from the first byte on.
    pub stream: Box<dyn Read + Send>,
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
            let file = File::open(path)?;
            let metadata = file.metadata()?;
            known(Box::new(Metered::new(file)), metadata.is_file().then_some(metadata.len()))
        }
        Source::Stdin => match STDIN.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(opened) => Ok(opened),
            None => known(Box::new(Metered::new(io::stdin())), None),
        },
    }
}

fn known(packed: Box<dyn Read + Send>, bytes: Option<u64>) -> io::Result<Opened> {
    let (magic, packed) = peek(packed, MAGIC_BYTES)?;
    let compression = Compression::of(&magic);
    let (prefix, stream) = peek(compression.unpack(packed), PREFIX_BYTES)?;
    Ok(Opened { kind: Kind::of(&prefix), compression, bytes, stream })
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

const GZIP_MAGIC: &[u8] = b"\x1f\x8b\x08";
/// No magic number of a packed file is longer.
const MAGIC_BYTES: usize = 16;
/// Bytes read from a packed file at once.
const READ_BYTES: usize = 131_072;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression as Level, write::GzEncoder};

    use super::*;

    const LOG: &[u8] = b"2026-11-20T20:54:30.824-0300 INFO    1 com.l7tech.server.boot.GatewayBoot: Starting\n";

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Level::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn opened(content: Vec<u8>) -> Opened {
        known(Box::new(Cursor::new(content)), None).unwrap()
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
    fn gzip_of_many_members_comes_whole() {
        let opened = opened([gzip(LOG), gzip(LOG)].concat());
        assert_eq!((opened.kind, opened.compression), (Kind::Log, Compression::Gzip));
        assert_eq!(drained(opened), (LOG.repeat(2), None));
    }

    #[test]
    fn a_cut_gzip_yields_what_stood_before_the_cut_and_then_the_error() {
        let content = LOG.repeat(5_000);
        let packed = gzip(&content);
        let cut = packed[..packed.len() - 12].to_vec();
        let (read, error) = drained(opened(cut));
        assert!(error.is_some());
        assert!(!read.is_empty() && content.starts_with(&read), "{} bytes", read.len());
    }

    #[test]
    fn an_empty_input_is_neither_log_nor_capture() {
        let opened = opened(Vec::new());
        assert_eq!(opened.kind, Kind::Other);
        assert_eq!(drained(opened), (Vec::new(), None));
    }
}
