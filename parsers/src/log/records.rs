//! Groups lines into records and reads those that hold a phrase.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{
    chain::LogPart,
    elapsed::elapsed_ms,
    entry::{Entry, Place},
    events::Events,
    head::{Head, head, starts_record},
    lines::LONGEST_LINE,
    prefilter::{Found, Phrase},
    report::{NoReport, Report},
    retry::retry,
    scan::{LogCounts, LogOptions},
    trace::exception,
};
use crate::time::Timestamp;

/// What is known between two lines.
#[derive(Debug)]
pub(super) struct Records {
    default_zone: i32,
    pub counts: LogCounts,
    events: Events,
    /// Offset of the next line.
    offset: u64,
    /// The entry that the next lines may continue.
    open: Option<Entry>,
    /// The last head line and its place, for a trace that starts below it.
    last_head: Vec<u8>,
    last_place: Option<Place>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Zone of the first stamp.
    zone: Option<i32>,
}

impl Records {
    pub(super) fn new(options: LogOptions) -> Self {
        Self {
            default_zone: options.default_zone.unwrap_or(0),
            counts: LogCounts::default(),
            events: Events::default(),
            offset: 0,
            open: None,
            last_head: Vec::new(),
            last_place: None,
            first: None,
            last: None,
            zone: None,
        }
    }

    /// Whether no line has been read.
    pub(super) const fn is_at_start(&self) -> bool {
        self.counts.lines == 0
    }

    /// Counts a line of so many bytes and says where it stands.
    pub(super) fn place(&mut self, length: u64) -> Place {
        self.counts.lines += 1;
        self.counts.bytes += length;
        self.counts.oversize_lines += u64::from(length > LONGEST_LINE as u64);
        let place = Place { line: self.counts.lines, last_line: self.counts.lines, offset: self.offset, length };
        self.offset += length;
        place
    }

    /// Takes the next line, without its line end, and the strongest phrase in it.
    pub(super) fn line(&mut self, line: &[u8], place: Place, found: Option<Found>) {
        if starts_record(line) {
            self.close();
            self.counts.records += 1;
            self.keep_head(line, place);
            match found {
                None => {}
                Some(Found { phrase: Phrase::Failure, .. }) => self.open = Some(Entry::new(line, place)),
                Some(found) => self.single(line, place, found),
            }
            return;
        }
        match self.last_place {
            Some(_) => self.counts.continuation_lines += 1,
            None => self.counts.orphan_lines += 1,
        }
        if found.is_some_and(|found| found.phrase == Phrase::Failure) && self.open.is_none() {
            self.open_at_trace(line);
        }
        if let Some(entry) = &mut self.open {
            self.counts.lines_beyond_bound += u64::from(!entry.push(line, place));
        }
    }

    /// Ends the record for good: what follows stands elsewhere in the file and continues nothing.
    pub(super) fn end_record(&mut self) {
        self.close();
        self.last_place = None;
    }

    /// Ends the file.
    pub(super) fn finish(mut self) -> LogPart {
        self.close();
        let last_head = std::mem::take(&mut self.last_head);
        self.read_head(&last_head);
        LogPart {
            events: self.events,
            counts: self.counts,
            form: None,
            zone: self.zone,
            first: self.first,
            last: self.last,
        }
    }

    /// Remembers a head line.
    fn keep_head(&mut self, line: &[u8], place: Place) {
        self.last_head.clear();
        self.last_head.extend_from_slice(line);
        self.last_place = Some(place);
        if self.first.is_none() {
            self.read_head(line);
        }
    }

    /// Opens the entry of a head line whose text is harmless but below which a trace reports a failure.
    fn open_at_trace(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let names_exception = exception(text.trim().trim_start_matches("Caused by: "), false).is_some();
        match self.last_place {
            None => self.counts.without_time += 1,
            Some(_) if !names_exception => self.counts.quoted += 1,
            Some(place) => self.open = Some(Entry::new(&self.last_head, place)),
        }
    }

    /// Reads a record that is one line long.
    fn single(&mut self, line: &[u8], place: Place, found: Found) {
        if found.phrase == Phrase::Elapsed && !self.events.has_reports() {
            return;
        }
        let Some(head) = self.read_head(line) else {
            self.counts.bad_heads += 1;
            return;
        };
        let time = head.stamp.time;
        match found.phrase {
            Phrase::Request => {
                let service = String::from_utf8_lossy(line.get(found.end..).unwrap_or_default());
                let service = service.trim_start_matches(':').trim();
                self.events.header(head.thread, time, service, &mut self.counts);
            }
            Phrase::Retry => match retry(&head, place.span()) {
                Some(retry) => self.events.retry(retry, &mut self.counts),
                None => self.counts.quoted += 1,
            },
            Phrase::Elapsed if self.events.awaits_elapsed(head.thread) => {
                if let Some(ms) = elapsed_ms(&String::from_utf8_lossy(head.message)) {
                    self.events.elapsed(head.thread, time, ms);
                }
            }
            Phrase::Elapsed | Phrase::Failure => {}
        }
    }

    /// Ends the open entry and reads it.
    fn close(&mut self) {
        let Some(entry) = self.open.take() else { return };
        let Some(head) = self.read_head(&entry.head) else {
            self.counts.bad_heads += 1;
            return;
        };
        match Report::read(&head, &entry.continuation, entry.span) {
            Ok(report) => self.events.report(record(&entry.head), report, &mut self.counts),
            Err(NoReport::Quoted) => self.counts.quoted += 1,
            Err(NoReport::NoUrl) => self.counts.without_url += 1,
        }
    }

    /// Reads a head line and widens the log's span by its stamp.
    fn read_head<'a>(&mut self, line: &'a [u8]) -> Option<Head<'a>> {
        let head = head(line, self.default_zone)?;
        let time = head.stamp.time;
        if self.first.is_none() {
            self.zone = head.stamp.zone;
        }
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = self.last.max(Some(time));
        Some(head)
    }
}

/// What tells a record from every other: its head line, with its instant, thread and text.
fn record(head: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    head.hash(&mut hasher);
    hasher.finish()
}
