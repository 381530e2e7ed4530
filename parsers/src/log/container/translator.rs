//! Turns the lines of a container into lines of the plain layout and hands them on.

use std::{
    borrow::Cow,
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use super::{
    Container, LONGEST_PAYLOAD, Peeled, Source, change, export::Export, is_stampless_record, json, newest::NewestFirst,
    octets::Frame, source::Sources, splunk, window::Window, year::Years,
};
use crate::log::{
    entry::Place,
    head::starts_record,
    prefilter::{Found, Phrase, Phrases},
    records::Records,
    scan::Year,
    trace::exception,
};

/// Peels the lines of one file.
#[derive(Debug)]
pub(in crate::log) struct Translator {
    container: Container,
    sources: Sources,
    /// Whether a row of CSV goes on in the next line.
    in_quotes: bool,
    /// Hashes of the last JSON records: two handlers on one stream write each record twice.
    recent: VecDeque<u64>,
    newest_first: NewestFirst,
    /// The entry of a journal whose lines come in.
    export: Export,
    /// The event of an audit window whose lines come in.
    window: Window,
    /// The message whose octets come in.
    frame: Frame,
    years: Years,
    /// Whether lines before had another form.
    is_mixed: bool,
}

impl Translator {
    /// `year` says the year of stamps that name none.
    pub(in crate::log) fn new(container: Container, year: Option<Year>) -> Self {
        Self {
            container,
            sources: Sources::default(),
            in_quotes: false,
            recent: VecDeque::new(),
            newest_first: NewestFirst::default(),
            export: Export::default(),
            window: Window::default(),
            frame: Frame::default(),
            years: Years::new(year),
            is_mixed: false,
        }
    }

    /// Of a file that was plain before.
    pub(in crate::log) fn behind_plain(container: Container, year: Option<Year>) -> Self {
        Self { is_mixed: true, ..Self::new(container, year) }
    }

    /// What the file's lines are wrapped in.
    pub(in crate::log) const fn word(&self) -> &'static str {
        if self.is_mixed { "mixed" } else { self.container.word() }
    }

    /// The year that the first stamp without one was given.
    pub(in crate::log) const fn year(&self) -> Option<i32> {
        self.years.first()
    }

    /// Takes a line of the file. One that does not have the container's form may have another, in which the file goes on.
    pub(in crate::log) fn line(&mut self, line: &[u8], place: Place, records: &mut Records) {
        let container = self.container;
        match container {
            Container::SplunkCsv(column) if self.is_row(line, column) => return self.row(line, column, place, records),
            Container::JournalExport if self.export.takes(line) => {
                if let Some((entry, place)) = self.export.line(line, place) {
                    self.piece(entry, place, records);
                }
                return;
            }
            Container::AuditWindow if self.changed(line).is_none() => {
                if let Some(line) = self.window.line(line) {
                    hand_on(&line, place, records);
                }
                return;
            }
            Container::Octets => return self.octets(line, place, records),
            _ => {}
        }
        if self.container == Container::JournalExport {
            self.end_entry(records);
        }
        let peeled = match self.container {
            Container::Json => Some(Peeled::bare(line)).filter(|_| line.starts_with(b"{")),
            wrapped => wrapped.peel(line),
        };
        match peeled {
            Some(peeled) => self.piece(peeled, place, records),
            None => self.unwrapped(line, place, records),
        }
    }

    /// Takes a line of messages behind their counts.
    fn octets(&mut self, line: &[u8], place: Place, records: &mut Records) {
        let mut frame = std::mem::take(&mut self.frame);
        let rest = frame.line(line, place, |message, place| self.message(&message, place, records));
        self.frame = frame;
        if let Some(rest) = rest {
            self.unwrapped(rest, place, records);
        }
    }

    fn message(&mut self, message: &[u8], place: Place, records: &mut Records) {
        match Container::Syslog.peel(message) {
            Some(peeled) => self.piece(peeled, place, records),
            None => self.unwrapped(message, place, records),
        }
    }

    /// Takes a line that does not have the container's form.
    fn unwrapped(&mut self, line: &[u8], place: Place, records: &mut Records) {
        if let Some(container) = self.changed(line) {
            self.end_form(records);
            (self.container, self.is_mixed) = (container, true);
            return self.line(line, place, records);
        }
        records.counts.unwrapped_lines += 1;
        if starts_record(line) {
            self.turn_to(&Source::default(), records);
        }
        hand_on(line, place, records);
    }

    /// The other form that a line has.
    fn changed(&self, line: &[u8]) -> Option<Container> {
        change(line).filter(|container| *container != self.container)
    }

    /// Whether a line is a row of CSV or goes on with one.
    fn is_row(&self, line: &[u8], column: usize) -> bool {
        // A record is no row's beginning, unless the events are the first column.
        self.sources.now.held_place.is_some() || !((column > 0 && starts_record(line)) || self.changed(line).is_some())
    }

    /// Takes a payload, or a piece of one, of whoever wrote it.
    fn piece(&mut self, peeled: Peeled<'_>, place: Place, records: &mut Records) {
        if let Some(source) = &peeled.source {
            self.turn_to(source, records);
        }
        let now = &mut self.sources.now;
        if !peeled.partial && now.held_place.is_none() {
            return self.payload(&peeled, place, records);
        }
        let place = now.held_place.map_or(place, |first| first.joined(place));
        let room = LONGEST_PAYLOAD.saturating_sub(now.held.len());
        now.held.extend_from_slice(peeled.text.get(..room).unwrap_or(&peeled.text));
        now.held_place = Some(place);
        if !peeled.partial {
            self.flush(peeled.stamp, records);
        }
    }

    fn turn_to(&mut self, source: &Source<'_>, records: &mut Records) {
        while !self.sources.turn_to(source, records) {
            records.counts.sources_cut_short += u64::from(records.is_open() || self.sources.now.held_place.is_some());
            self.end_source(records);
            self.sources.drop_now(records);
        }
    }

    /// Ends the source whose line was read last; a payload whose last piece is missing is taken as far as it goes.
    fn end_source(&mut self, records: &mut Records) {
        self.flush(None, records);
        records.end_source();
    }

    /// Ends the file.
    pub(in crate::log) fn finish(&mut self, records: &mut Records) {
        self.end_form(records);
        while self.sources.turn_to_next(records) {
            self.end_source(records);
        }
    }

    fn end_entry(&mut self, records: &mut Records) {
        if let Some((entry, place)) = self.export.finish() {
            self.piece(entry, place, records);
        }
    }

    /// Ends a stretch of lines in one form, and with it what the form holds back.
    fn end_form(&mut self, records: &mut Records) {
        if let Container::SplunkCsv(_) = self.container {
            records.counts.unwrapped_lines += u64::from(self.sources.now.held_place.take().is_some());
        }
        self.end_entry(records);
        std::mem::take(&mut self.frame).finish(|message, place| self.message(&message, place, records));
        self.end_source(records);
        (self.in_quotes, self.window) = (false, Window::default());
        for (text, place) in std::mem::take(&mut self.newest_first).into_order() {
            records.end_record();
            hand_on(&text, place, records);
        }
    }

    /// Adds a line to a row of CSV, and takes the row where it is whole.
    fn row(&mut self, line: &[u8], column: usize, place: Place, records: &mut Records) {
        self.in_quotes ^= splunk::turns_quote(line);
        let now = &mut self.sources.now;
        let room = LONGEST_PAYLOAD.saturating_sub(now.held.len());
        now.held.extend_from_slice(line.get(..room).unwrap_or(line));
        let whole = now.held_place.map_or(place, |first| first.joined(place));
        now.held_place = Some(whole);
        if self.in_quotes && whole.last_line - whole.line < MOST_ROW_LINES {
            return now.held.extend((now.held.len() < LONGEST_PAYLOAD).then_some(b'\n'));
        }
        self.in_quotes = false;
        let row = std::mem::take(&mut now.held);
        let Some(place) = now.held_place.take() else { return };
        match splunk::event(&row, column) {
            Some(event) if event != b"_raw" => self.payload(&Peeled::bare(event), place, records),
            Some(_) => {}
            None => self.unwrapped(&row, place, records),
        }
    }

    fn flush(&mut self, stamp: Option<Cow<'_, str>>, records: &mut Records) {
        let Some(place) = self.sources.now.held_place.take() else { return };
        let text = std::mem::take(&mut self.sources.now.held);
        self.payload(&Peeled::whole(text, stamp), place, records);
    }

    /// Takes what was inside: a record with its stamp, one that needs the container's, JSON, or a line that continues one.
    fn payload(&mut self, peeled: &Peeled<'_>, place: Place, records: &mut Records) {
        let record = json::plain(&peeled.text);
        if record.is_none() && self.container == Container::Json {
            return self.unwrapped(&peeled.text, place, records);
        }
        if record.is_some() && self.is_repeated(&peeled.text, records.scope()) {
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
        if starts_record(text) {
            self.sources.end_of_thread(text, records);
            return hand_on(text, place, records);
        }
        if !self.is_stampless(text) {
            return hand_on(text, place, records);
        }
        let completed = peeled.yearless.and_then(|stamp| self.years.complete(stamp));
        match completed.as_deref().or(peeled.stamp.as_deref()) {
            Some(stamp) => {
                let text = [stamp.as_bytes(), b" ", text].concat();
                self.sources.end_of_thread(&text, records);
                hand_on(&text, place, records);
            }
            None if found(text).is_some_and(|found| found.phrase >= Phrase::Request) => {
                records.counts.without_time += 1;
                records.counts.without_year += u64::from(peeled.yearless.is_some());
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

    /// Whether a JSON record is a copy of one that the same gateway wrote just before.
    fn is_repeated(&mut self, record: &[u8], scope: Option<&Arc<str>>) -> bool {
        let mut hasher = DefaultHasher::new();
        scope.hash(&mut hasher);
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
pub(super) fn continues(text: &[u8]) -> bool {
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
