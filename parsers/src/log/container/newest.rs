//! Puts the records of an export that has the newest one first into the order in which they were written.

use crate::log::{entry::Place, prefilter::Phrases, stamp::stamp};
use crate::time::Timestamp;

/// Records that wait for the end of the file.
#[derive(Debug, Default)]
pub(super) struct NewestFirst {
    records: Vec<(Vec<u8>, Place)>,
    bytes: usize,
}

impl NewestFirst {
    /// Whether a record's place in time matters, because it holds a phrase.
    pub(super) fn wants(text: &[u8]) -> bool {
        Phrases::new(text).of_line(0, text.len(), text.len()).is_some()
    }

    /// Keeps a record; gives it back where there is no room.
    pub(super) fn hold(&mut self, text: Vec<u8>, place: Place) -> Option<Vec<u8>> {
        if self.bytes + text.len() > MOST_BYTES {
            return Some(text);
        }
        self.bytes += text.len();
        self.records.push((text, place));
        None
    }

    /// The records, oldest first. An export that was sorted by time is left as it is.
    pub(super) fn into_order(mut self) -> Vec<(Vec<u8>, Place)> {
        let time = |record: Option<&(Vec<u8>, Place)>| record.and_then(|(text, _)| time_of(text));
        let (first, last) = (time(self.records.first()), time(self.records.last()));
        if first.zip(last).is_none_or(|(first, last)| last <= first) {
            self.records.reverse();
        }
        self.records
    }
}

fn time_of(text: &[u8]) -> Option<Timestamp> {
    stamp(text, 0).map(|(_, stamp)| stamp.time)
}

/// Bytes of waiting records. An export is what a person downloads; what is beyond is read in the order of the file.
const MOST_BYTES: usize = 512 << 20;
