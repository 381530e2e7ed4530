//! A member of an archive as an input: where its bytes are, and what was seen of them.

use std::{
    io::{self, Cursor, Read},
    sync::Arc,
};

use super::{
    compression::Compression,
    content::{Content, ContentReader, Plain},
};

/// A member of an archive.
#[derive(Clone, Debug)]
pub struct Member {
    content: Content,
    /// Bytes that it takes in the archive.
    bytes: u64,
    /// How the archive packs it by itself.
    packing: Compression,
    /// Its first bytes, where they need not be inflated again to be seen.
    prefix: Option<Arc<[u8]>>,
}

impl Member {
    pub(super) const fn new(content: Content, bytes: u64, packing: Compression) -> Self {
        Self { content, bytes, packing, prefix: None }
    }

    /// Keeps its first bytes.
    pub(super) fn hold(&mut self, prefix: Vec<u8>) {
        self.prefix = Some(prefix.into());
    }

    pub(super) const fn content(&self) -> &Content {
        &self.content
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn packing(&self) -> Compression {
        self.packing
    }

    /// Its bytes, and where they lie if they lie as they are.
    pub(super) fn read(&self) -> io::Result<(Box<dyn Read + Send>, Option<Plain>)> {
        if let Some(prefix) = &self.prefix {
            let start = Cursor::new(Arc::clone(prefix));
            let rest = Rest { content: self.content.clone(), passed: prefix.len() as u64, reader: None };
            return Ok((Box::new(start.chain(rest)), None));
        }
        let reader = self.content.read()?;
        let place = reader.place();
        Ok((Box::new(reader), place))
    }
}

impl PartialEq for Member {
    fn eq(&self, other: &Self) -> bool {
        self.content.is(&other.content)
    }
}

impl Eq for Member {}

/// What follows the first bytes, opened when it is wanted.
struct Rest {
    content: Content,
    passed: u64,
    reader: Option<ContentReader>,
}

impl Read for Rest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(self.content.after(self.passed).read()?),
        };
        reader.read(buffer)
    }
}
