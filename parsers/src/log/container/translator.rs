//! Turns the lines of a container into lines of the plain layout and hands them on.

use std::{
    borrow::Cow,
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{Container, Peeled, is_stampless_record, json};
use crate::log::{
    entry::Place,
    head::starts_record,
    prefilter::{Found, Phrase, Phrases},
    records::Records,
    trace::exception,
};

/// Peels the lines of one file.
#[derive(Debug)]
pub(in crate::log) struct Translator {
    container: Container,
    /// The pieces of a payload that the runtime split, and the place of all of them.
    held: Vec<u8>,
    held_place: Option<Place>,
    /// Hashes of the last JSON records: two handlers on one stream write each record twice.
    recent: VecDeque<u64>,
}

impl Translator {
    pub(in crate::log) fn new(container: Container) -> Self {
        Self { container, held: Vec::new(), held_place: None, recent: VecDeque::new() }
    }

    /// Takes a line of the file. One that does not have the container's form is taken as it is.
    pub(in crate::log) fn line(&mut self, line: &[u8], place: Place, records: &mut Records) {
        let Some(peeled) = self.container.peel(line) else {
            records.counts.unwrapped_lines += 1;
            return hand_on(line, place, records);
        };
        if !peeled.partial && self.held_place.is_none() {
            return self.payload(&peeled, place, records);
        }
        let place = self.held_place.map_or(place, |first| first.joined(place));
        let room = LONGEST_PAYLOAD.saturating_sub(self.held.len());
        self.held.extend_from_slice(peeled.text.get(..room).unwrap_or(&peeled.text));
        self.held_place = Some(place);
        if !peeled.partial {
            self.flush(peeled.stamp, records);
        }
    }

    /// Ends the file; a payload whose last piece is missing is taken as far as it goes.
    pub(in crate::log) fn finish(&mut self, records: &mut Records) {
        self.flush(None, records);
    }

    fn flush(&mut self, stamp: Option<Cow<'_, str>>, records: &mut Records) {
        let Some(place) = self.held_place.take() else { return };
        let text = std::mem::take(&mut self.held);
        self.payload(&Peeled { text: text.into(), stamp, partial: false }, place, records);
    }

    /// Takes what was inside: a record with its stamp, one that needs the container's, JSON, or a line that continues one.
    fn payload(&mut self, peeled: &Peeled<'_>, place: Place, records: &mut Records) {
        let text = &*peeled.text;
        if self.container == Container::Json || text.first() == Some(&b'{') {
            let record = if self.container == Container::Json { Some(text.to_vec()) } else { json::plain(text) };
            if let Some(record) = record {
                return self.json(&record, place, records);
            }
        }
        if starts_record(text) || !self.is_stampless(text) {
            return hand_on(text, place, records);
        }
        match &peeled.stamp {
            Some(stamp) => hand_on(&[stamp.as_bytes(), b" ", text].concat(), place, records),
            None if found(text).is_some_and(|found| found.phrase >= Phrase::Request) => {
                records.counts.without_time += 1;
            }
            None => {}
        }
    }

    /// Whether a text without a stamp is a record. Syslog's are, but for the lines of a trace.
    fn is_stampless(&self, text: &[u8]) -> bool {
        if matches!(self.container, Container::Syslog | Container::Journal) {
            !continues(text)
        } else {
            is_stampless_record(text)
        }
    }

    fn json(&mut self, record: &[u8], place: Place, records: &mut Records) {
        let mut hasher = DefaultHasher::new();
        record.hash(&mut hasher);
        let hash = hasher.finish();
        if self.recent.contains(&hash) {
            records.counts.duplicates += 1;
            return;
        }
        if self.recent.len() == RECENT_RECORDS {
            self.recent.pop_front();
        }
        self.recent.push_back(hash);
        hand_on(record, place, records);
    }
}

/// Hands on the lines of a text that stands in one line of the file.
fn hand_on(text: &[u8], place: Place, records: &mut Records) {
    for line in text.split(|byte| *byte == b'\n') {
        records.line(line, place, found(line));
    }
}

fn found(line: &[u8]) -> Option<Found> {
    Phrases::new(line).of_line(0, line.len(), line.len())
}

/// Whether a line goes on with the record before it.
fn continues(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    text.trim().is_empty()
        || text.starts_with([' ', '\t'])
        || ["#011", "at ", "... ", "Caused by: ", "Suppressed: "].iter().any(|start| text.starts_with(start))
        || exception(text, false).is_some()
}

/// Two handlers write their copies within a few records of each other.
const RECENT_RECORDS: usize = 16;
/// Bytes kept of a payload that comes in pieces; as much as of a line.
const LONGEST_PAYLOAD: usize = crate::log::lines::LONGEST_LINE;
