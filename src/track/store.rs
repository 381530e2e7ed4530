//! Where the bytes of packed connections lie: in memory as far as there is room for them, then in a file without a name.
//!
//! A capture of days holds millions of connections, of which each pass looks at one after the other: they need not be in memory, and the
//! kernel's page cache holds what is looked at again.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, Write},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use crate::input::scratch;

/// Keeps the bytes of a run's connections.
#[derive(Debug)]
pub struct Store {
    state: Mutex<State>,
    spool: OnceLock<Arc<Spool>>,
}

#[derive(Debug)]
struct State {
    /// Bytes that may still be kept in memory.
    room: usize,
    /// Bytes written to the file.
    written: u64,
}

/// The file.
#[derive(Debug)]
struct Spool {
    file: File,
    /// The first error of reading it again.
    fault: OnceLock<io::Error>,
}

impl Default for Store {
    fn default() -> Self {
        Self::with_room(ROOM)
    }
}

impl Store {
    /// A store that keeps so many bytes in memory.
    pub fn with_room(room: usize) -> Self {
        Self { state: Mutex::new(State { room, written: 0 }), spool: OnceLock::new() }
    }

    /// What went wrong when bytes were read again from the file. What was read then is missing from the result.
    pub fn fault(&self) -> Option<&io::Error> {
        self.spool.get()?.fault.get()
    }

    /// Keeps bytes. Once a file cannot be written, all that follows stays in memory.
    fn keep(&self, bytes: Vec<u8>) -> Kept {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.room.checked_sub(bytes.len()) {
            Some(left) => state.room = left,
            None => match self.written(&bytes) {
                Ok(spool) => {
                    let start = state.written;
                    state.written += bytes.len() as u64;
                    return Kept::InFile { spool, start };
                }
                Err(_) => state.room = usize::MAX,
            },
        }
        Kept::InMemory(bytes.into())
    }

    /// Adds bytes to the file, which is made when they are the first.
    fn written(&self, bytes: &[u8]) -> io::Result<Arc<Spool>> {
        if self.spool.get().is_none() {
            let _ = self.spool.set(Arc::new(Spool { file: scratch::unnamed()?, fault: OnceLock::new() }));
        }
        let Some(spool) = self.spool.get() else { return Err(io::ErrorKind::NotFound.into()) };
        (&spool.file).write_all(bytes)?;
        Ok(Arc::clone(spool))
    }
}

/// Bytes of some connections, together in one place.
#[derive(Debug, Default)]
struct Block(OnceLock<Kept>);

#[derive(Debug)]
enum Kept {
    InMemory(Box<[u8]>),
    InFile { spool: Arc<Spool>, start: u64 },
}

/// Bytes that a store keeps.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    block: Arc<Block>,
    length: u32,
    start: u16,
    /// What its owner wants to know without the bytes.
    pub(crate) marks: u8,
}

impl PartialEq for Stretch {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Stretch {
    /// The bytes; nothing where they cannot be read, or before what wrote them is done.
    pub(crate) fn bytes(&self) -> Cow<'_, [u8]> {
        match self.block.0.get() {
            None => Cow::default(),
            Some(Kept::InMemory(bytes)) => Cow::Borrowed(self.of(bytes)),
            Some(Kept::InFile { spool, start }) => {
                let mut bytes = vec![0; self.length as usize];
                let at = start + u64::from(self.start);
                if let Err(error) = scratch::read_exact_at(&spool.file, &mut bytes, at) {
                    let _ = spool.fault.set(error);
                }
                Cow::Owned(bytes)
            }
        }
    }

    fn of<'a>(&self, block: &'a [u8]) -> &'a [u8] {
        let start = usize::from(self.start);
        block.get(start..start + self.length as usize).unwrap_or_default()
    }
}

/// Gathers stretches to blocks; they can be read once it is gone.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    store: Arc<Store>,
    block: Arc<Block>,
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store, block: Arc::default(), bytes: Vec::new() }
    }

    /// Keeps what is written to the end of the bytes that it is handed.
    pub(crate) fn put(&mut self, marks: u8, write: impl FnOnce(&mut Vec<u8>)) -> Stretch {
        if self.bytes.len() > LARGEST_START {
            self.end_block();
        }
        let start = self.bytes.len();
        write(&mut self.bytes);
        let length = (self.bytes.len() - start) as u32;
        Stretch { block: Arc::clone(&self.block), length, start: start as u16, marks }
    }

    /// The bytes of a stretch, be they still gathered here.
    pub(crate) fn bytes<'a>(&'a self, stretch: &'a Stretch) -> Cow<'a, [u8]> {
        if Arc::ptr_eq(&stretch.block, &self.block) { Cow::Borrowed(stretch.of(&self.bytes)) } else { stretch.bytes() }
    }

    fn end_block(&mut self) {
        if !self.bytes.is_empty() {
            let bytes = std::mem::take(&mut self.bytes);
            let _ = std::mem::take(&mut self.block).0.set(self.store.keep(bytes));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end_block();
    }
}

/// Bytes kept in memory: the connections of an incident, which are looked at again and again.
const ROOM: usize = 16 << 20;
/// Where the last stretch of a block begins at most.
const LARGEST_START: usize = u16::MAX as usize;

#[cfg(test)]
mod tests {
    use super::*;

    fn put(writer: &mut Writer, bytes: &[u8]) -> Stretch {
        let stretch = writer.put(0, |to| to.extend_from_slice(bytes));
        assert_eq!(*writer.bytes(&stretch), *bytes);
        stretch
    }

    /// Twelve blocks, of which a third has room in memory.
    #[test]
    fn what_is_kept_is_read_again_wherever_it_lies() {
        let store = Arc::new(Store::with_room(4 << 16));
        let texts: Vec<Vec<u8>> = (0..12 * 70_u32).map(|n| n.to_le_bytes().repeat(250)).collect();
        let mut writers = [Writer::new(Arc::clone(&store)), Writer::new(Arc::clone(&store))];
        let kept: Vec<Stretch> = (0..).zip(&texts).map(|(n, text)| put(&mut writers[n % 2], text)).collect();
        drop(writers);
        let in_file = kept.iter().filter(|kept| matches!(kept.block.0.get(), Some(Kept::InFile { .. }))).count();
        assert!((400..700).contains(&in_file), "{in_file} of {}", kept.len());
        for (kept, text) in kept.iter().zip(&texts) {
            assert_eq!(kept.bytes(), *text);
        }
        assert!(store.fault().is_none());
    }

    #[test]
    fn what_cannot_be_read_again_is_told() {
        let store = Arc::new(Store::with_room(0));
        let mut writer = Writer::new(Arc::clone(&store));
        let kept = put(&mut writer, b"connection");
        assert_eq!(*kept.bytes(), *b"");
        drop(writer);
        assert_eq!(*kept.bytes(), *b"connection");
        store.spool.get().unwrap().file.set_len(4).unwrap();
        kept.bytes();
        assert_eq!(store.fault().map(io::Error::kind), Some(io::ErrorKind::UnexpectedEof));
    }
}
