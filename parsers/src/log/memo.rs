//! What was read of texts that come again and again, by their bytes.

use std::{collections::HashMap, hash::BuildHasher, sync::Arc};

use foldhash::fast::RandomState;

/// Texts that were read, and what was read of each. What is known of a text follows from its bytes, which are compared; so nothing but time
/// depends on which texts are kept.
#[derive(Debug)]
pub(super) struct Memo<T> {
    known: HashMap<Box<[u8]>, Arc<T>, RandomState>,
    /// Bytes that all of them take, about.
    bytes: usize,
    /// Hashes of texts that came once: most never come again, where each names another call, and are not worth a copy.
    met: Vec<u64>,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self { known: HashMap::default(), bytes: 0, met: vec![0; MET] }
    }
}

impl<T> Memo<T> {
    pub(super) fn get(&self, text: &[u8]) -> Option<Arc<T>> {
        self.known.get(text).map(Arc::clone)
    }

    /// Keeps what was read of a text that is not known, if it came before.
    pub(super) fn keep(&mut self, text: &[u8], read: &Arc<T>) {
        let hash = self.known.hasher().hash_one(text);
        let met = &mut self.met[hash as usize % MET];
        if *met != hash {
            *met = hash;
            return;
        }
        let cost = text.len() + BESIDES;
        if cost > LONGEST {
            return;
        }
        if self.bytes + cost > MOST_BYTES {
            // Others come now than those that came first.
            self.known.clear();
            self.bytes = 0;
        }
        self.bytes += cost;
        self.known.insert(text.into(), Arc::clone(read));
    }
}

/// Places for those that came once.
const MET: usize = 4_096;
/// Bytes of a text that is kept: traces of a hundred frames have some ten thousand.
const LONGEST: usize = 32 << 10;
/// Bytes that a text takes besides its own, about.
const BESIDES: usize = 512;
/// Bytes of all that are kept: some hundreds of failures with their traces. A hostile log has any number of them.
const MOST_BYTES: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_forgotten_before_they_take_too_much() {
        let mut memo = Memo::default();
        let texts: Vec<Vec<u8>> = (0..10_000_u32).map(|number| number.to_le_bytes().repeat(100)).collect();
        for (number, text) in texts.iter().enumerate() {
            memo.keep(text, &Arc::new(number));
            assert_eq!(memo.get(text), None);
            memo.keep(text, &Arc::new(number));
            assert_eq!(memo.get(text).as_deref(), Some(&number));
        }
        assert!(memo.known.len() <= MOST_BYTES / (400 + BESIDES), "{}", memo.known.len());
        let long = vec![0; LONGEST];
        for number in [0, 1] {
            memo.keep(&long, &Arc::new(number));
        }
        assert_eq!(memo.get(&long), None);
    }
}
