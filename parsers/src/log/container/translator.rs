//! Turns the lines of a container into lines of the plain layout and hands them on.

use std::{
    borrow::Cow,
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
};

use super::{
    Container, LONGEST_PAYLOAD, Peeled, export::Export, is_stampless_record, json, newest::NewestFirst, splunk,
    window::Window,
};
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
    /// Whether a row of CSV goes on in the next line.
    in_quotes: bool,
    /// Hashes of the last JSON records: two handlers on one stream write each record twice.
    recent: VecDeque<u64>,
    newest_first: NewestFirst,
    /// The entry of a journal whose lines come in.
    export: Export,
    /// The event of an audit window whose lines come in.
    window: Window,
}

impl Translator {
    pub(in crate::log) fn new(container: Container) -> Self {
        Self {
            container,
            held: Vec::new(),
            held_place: None,
            in_quotes: false,
            recent: VecDeque::new(),
            newest_first: NewestFirst::default(),
            export: Export::default(),
            window: Window::default(),
        }
    }

    /// What the file's lines are wrapped in.
    pub(in crate::log) const fn container(&self) -> Container {
        self.container
    }

    /// Takes a line of the file. One that does not have the container's form is taken as it is.
    pub(in crate::log) fn line(&mut self, line: &[u8], place: Place, records: &mut Records) {
        match self.container {
            Container::SplunkCsv(column) => return self.row(line, column, place, records),
            Container::JournalExport => {
                if let Some((entry, place)) = self.export.line(line, place) {
                    self.payload(&entry, place, records);
                }
                return;
            }
            Container::AuditWindow => {
                if let Some(line) = self.window.line(line) {
                    hand_on(&line, place, records);
                }
                return;
            }
            _ => {}
        }
        let peeled = match self.container {
            Container::Json => Some(Peeled::whole(line, None)).filter(|_| line.starts_with(b"{")),
            wrapped => wrapped.peel(line),
        };
        let Some(peeled) = peeled else {
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
        if let Container::SplunkCsv(_) = self.container {
            records.counts.unwrapped_lines += u64::from(self.held_place.take().is_some());
        }
        self.flush(None, records);
        if let Some((entry, place)) = self.export.finish() {
            self.payload(&entry, place, records);
        }
        for (text, place) in std::mem::take(&mut self.newest_first).into_order() {
            records.end_record();
            hand_on(&text, place, records);
        }
    }

    /// Adds a line to a row of CSV, and takes the row where it is whole.
    fn row(&mut self, line: &[u8], column: usize, place: Place, records: &mut Records) {
        self.in_quotes ^= splunk::turns_quote(line);
        let room = LONGEST_PAYLOAD.saturating_sub(self.held.len());
        self.held.extend_from_slice(line.get(..room).unwrap_or(line));
        let whole = self.held_place.map_or(place, |first| first.joined(place));
        self.held_place = Some(whole);
        if self.in_quotes && whole.last_line - whole.line < MOST_ROW_LINES {
            return self.held.extend((self.held.len() < LONGEST_PAYLOAD).then_some(b'\n'));
        }
        self.in_quotes = false;
        let row = std::mem::take(&mut self.held);
        let Some(place) = self.held_place.take() else { return };
        match splunk::event(&row, column) {
            Some(event) if event != b"_raw" => {
                self.payload(&Peeled { text: event.into(), stamp: None, partial: false }, place, records);
            }
            Some(_) => {}
            None => records.counts.unwrapped_lines += 1,
        }
    }

    fn flush(&mut self, stamp: Option<Cow<'_, str>>, records: &mut Records) {
        let Some(place) = self.held_place.take() else { return };
        let text = std::mem::take(&mut self.held);
        self.payload(&Peeled { text: text.into(), stamp, partial: false }, place, records);
    }

    /// Takes what was inside: a record with its stamp, one that needs the container's, JSON, or a line that continues one.
    fn payload(&mut self, peeled: &Peeled<'_>, place: Place, records: &mut Records) {
        let record = json::plain(&peeled.text);
        if record.is_some() && self.is_repeated(&peeled.text) {
            records.counts.duplicates += 1;
            return;
        }
        let text = record.as_deref().unwrap_or(&peeled.text);
        if matches!(self.container, Container::SplunkJson | Container::SplunkCsv(_)) && NewestFirst::wants(text) {
            let text = match &peeled.stamp {
                Some(stamp) if !starts_record(text) => [stamp.as_bytes(), b" ", text].concat(),
                _ => text.to_vec(),
            };
            if let Some(text) = self.newest_first.hold(text, place) {
                hand_on(&text, place, records);
            }
            return;
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
        if matches!(self.container, Container::Syslog | Container::Journal | Container::JournalExport) {
            !continues(text)
        } else {
            is_stampless_record(text)
        }
    }

    /// Whether a JSON record is a copy of one just before it.
    fn is_repeated(&mut self, record: &[u8]) -> bool {
        let mut hasher = DefaultHasher::new();
        record.hash(&mut hasher);
        let hash = hasher.finish();
        if self.recent.contains(&hash) {
            return true;
        }
        if self.recent.len() == RECENT_RECORDS {
            self.recent.pop_front();
        }
        self.recent.push_back(hash);
        false
    }
}

/// Hands on the lines of a text that stands in one line of the file.
fn hand_on(text: &[u8], place: Place, records: &mut Records) {
    for line in text.split(|byte| *byte == b'\n') {
        records.line(line, place, || found(line));
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
/// Lines of one row of CSV; beyond that a quote was never closed.
const MOST_ROW_LINES: u64 = 10_000;
