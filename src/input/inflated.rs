//! A packed stream that is read at chosen places: by inflating up to them.
//!
//! Readers that stop leave the inflater where it stands for the next one, so that members of an archive that are asked for in their
//! order take one pass together. Only what lies before every resting inflater is inflated from the start.

use std::{
    fmt,
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

use super::{archive::Check, compression::Compression, content::Content};

/// What comes of inflating a stretch of bytes.
pub(super) struct Inflated {
    packed: Content,
    compression: Compression,
    check: Option<Check>,
    resting: Mutex<Resting>,
}

struct Resting {
    inflaters: Vec<Inflater>,
    /// Nothing is wanted behind this.
    wanted_until: u64,
}

/// An inflater and how far it is.
struct Inflater {
    stream: Box<dyn Read + Send>,
    at: u64,
}

impl Inflated {
    /// What comes of `packed`, and has to fit `check`. No inflater is kept.
    pub(super) fn new(packed: Content, compression: Compression, check: Option<Check>) -> Arc<Self> {
        let resting = Mutex::new(Resting { inflaters: Vec::new(), wanted_until: 0 });
        Arc::new(Self { packed, compression, check, resting })
    }

    /// Keeps inflaters that readers leave from now on, but for those that have passed `wanted_until`. Those that rest already are kept by
    /// the same measure.
    pub(super) fn keep(&self, wanted_until: u64) {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.wanted_until = wanted_until;
        resting.inflaters.retain(|inflater| inflater.at < wanted_until);
    }

    /// A reader from `start` on, of `length` bytes or to the end.
    pub(super) fn read(self: &Arc<Self>, start: u64, length: Option<u64>) -> io::Result<InflatedReader> {
        let inflater = match self.rested(start) {
            Some(inflater) => inflater,
            None => Inflater { stream: self.fresh()?, at: 0 },
        };
        Ok(InflatedReader { home: Arc::clone(self), inflater: Some(inflater), start, at: start, length })
    }

    fn fresh(&self) -> io::Result<Box<dyn Read + Send>> {
        let stream = self.compression.unpack(Box::new(self.packed.read()?))?;
        Ok(match self.check {
            Some(check) => Box::new(check.of(stream)),
            None => stream,
        })
    }

    /// The resting inflater that has the least left to `start`.
    fn rested(&self, start: u64) -> Option<Inflater> {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        let before = resting.inflaters.iter().enumerate().filter(|(_, inflater)| inflater.at <= start);
        let (index, _) = before.max_by_key(|(_, inflater)| inflater.at)?;
        Some(resting.inflaters.swap_remove(index))
    }

    fn rest(&self, inflater: Inflater) {
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        if inflater.at >= resting.wanted_until {
            return;
        }
        if resting.inflaters.len() == MOST_RESTING {
            // The one that has come least far is the cheapest to have anew.
            let least = resting.inflaters.iter().enumerate().min_by_key(|(_, inflater)| inflater.at);
            if let Some((index, _)) = least {
                resting.inflaters.swap_remove(index);
            }
        }
        resting.inflaters.push(inflater);
    }
}

impl fmt::Debug for Inflated {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Inflated")
            .field("packed", &self.packed)
            .field("by", &self.compression)
            .finish_non_exhaustive()
    }
}

impl Inflater {
    /// Inflates up to a place; false where the end comes first.
    fn pass_to(&mut self, place: u64) -> io::Result<bool> {
        let gap = usize::try_from(place - self.at).unwrap_or(usize::MAX);
        let mut passed = vec![0; gap.min(PASSED_AT_ONCE)];
        while self.at < place {
            let left = usize::try_from(place - self.at).unwrap_or(usize::MAX).min(passed.len());
            match self.stream.read(passed.get_mut(..left).unwrap_or_default())? {
                0 => return Ok(false),
                read => self.at += read as u64,
            }
        }
        Ok(true)
    }
}

/// Reads a stretch of what inflating yields.
pub(super) struct InflatedReader {
    home: Arc<Inflated>,
    /// Gone after an error.
    inflater: Option<Inflater>,
    start: u64,
    at: u64,
    length: Option<u64>,
}

impl InflatedReader {
    fn read_with(&mut self, inflater: &mut Inflater, buffer: &mut [u8]) -> io::Result<usize> {
        if inflater.at < self.at {
            if !inflater.pass_to(self.at)? {
                return Err(self.cut());
            }
        }
        let left = self.length.map_or(u64::MAX, |length| length.saturating_sub(self.at - self.start));
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = inflater.stream.read(buffer.get_mut(..most).unwrap_or_default())?;
        if read == 0 && self.length.is_some() {
            return Err(self.cut());
        }
        self.at += read as u64;
        inflater.at += read as u64;
        Ok(read)
    }

    fn cut(&self) -> io::Error {
        let missing = self.length.map_or(0, |length| length.saturating_sub(self.at - self.start));
        super::content::cut(missing)
    }
}

impl Read for InflatedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut inflater) = self.inflater.take() else { return Ok(0) };
        match self.read_with(&mut inflater, buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            result => {
                self.inflater = Some(inflater);
                result
            }
        }
    }
}

impl Drop for InflatedReader {
    fn drop(&mut self) {
        if let Some(inflater) = self.inflater.take() {
            self.home.rest(inflater);
        }
    }
}

/// Inflaters kept: each holds an open file and a window of up to some megabytes. Few places of one archive are read at a time.
const MOST_RESTING: usize = 4;

/// Bytes passed over at once: inflaters are slower on small buffers.
const PASSED_AT_ONCE: usize = 131_072;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{input::compression::tests::pack, testing::TempDir};

    fn content() -> Vec<u8> {
        (0..100_000_u32).flat_map(u32::to_le_bytes).collect()
    }

    fn inflated(temp: &TempDir, packed: &[u8]) -> Arc<Inflated> {
        let path = temp.path().join("packed");
        std::fs::write(&path, packed).unwrap();
        Inflated::new(Content::of_path(&path, packed.len() as u64), Compression::Gzip, None)
    }

    fn resting(inflated: &Inflated) -> Vec<u64> {
        inflated.resting.lock().unwrap().inflaters.iter().map(|inflater| inflater.at).collect()
    }

    #[test]
    fn places_in_order_take_one_pass_and_others_are_right_too() {
        let (temp, content) = (TempDir::new("inflated"), content());
        let inflated = inflated(&temp, &pack(Compression::Gzip, &content));
        let whole = Content::of_inflated(Arc::clone(&inflated));
        whole.keep_inflaters(u64::MAX);
        for (start, length) in [(0, 512), (700, 100), (100_000, 70_000), (399_000, 1_000)] {
            let mut found = Vec::new();
            whole.part(start, length).read().unwrap().read_to_end(&mut found).unwrap();
            assert_eq!(found, content[start as usize..(start + length) as usize]);
            assert_eq!(resting(&inflated), [start + length], "one inflater goes on");
        }
        let mut found = Vec::new();
        whole.part(5, 4).read().unwrap().read_to_end(&mut found).unwrap();
        assert_eq!(found, content[5..9]);
        assert_eq!(resting(&inflated).len(), 2);
        inflated.keep(300_000);
        assert_eq!(resting(&inflated), [9]);
        inflated.keep(0);
        whole.part(300_000, 4).read().unwrap().read_to_end(&mut found).unwrap();
        assert!(resting(&inflated).is_empty(), "nothing is wanted behind it");
    }

    #[test]
    fn two_readers_do_not_disturb_each_other() {
        let (temp, content) = (TempDir::new("inflated-two"), content());
        let whole = Content::of_inflated(inflated(&temp, &pack(Compression::Gzip, &content)));
        let (mut a, mut b) = (whole.part(1_000, 300_000).read().unwrap(), whole.part(0, 400_000).read().unwrap());
        let (mut from_a, mut from_b) = (Vec::new(), Vec::new());
        for _ in 0..100 {
            a.by_ref().take(3_000).read_to_end(&mut from_a).unwrap();
            b.by_ref().take(4_000).read_to_end(&mut from_b).unwrap();
        }
        assert!(from_a == content[1_000..301_000] && from_b == content);
    }

    #[test]
    fn a_stretch_behind_the_end_is_cut() {
        let (temp, content) = (TempDir::new("inflated-cut"), content());
        let whole = Content::of_inflated(inflated(&temp, &pack(Compression::Gzip, &content)));
        let mut found = Vec::new();
        let error = whole.part(399_990, 20).read().unwrap().read_to_end(&mut found).unwrap_err();
        assert_eq!((found.len(), error.to_string()), (10, "it is cut: 10 bytes are missing".to_owned()));
        assert!(whole.part(500_000, 1).read().unwrap().read_to_end(&mut found).is_err());
    }
}
