//! Groups lines into records and reads those that hold a phrase.

use std::sync::Arc;

use super::{
    chain::LogPart,
    elapsed::elapsed_ms,
    entry::{Entry, Place},
    events::{Before, Events},
    foreign,
    head::{Head, head, starts_record},
    lines::LONGEST_LINE,
    prefilter::{Found, Phrase},
    report::{NoReport, report},
    retry::retry,
    scan::{LogCounts, LogOptions},
    texts::first_line,
    trace::exception,
    words::{Known, text},
};
use crate::time::{NANOS_PER_MILLI, Timestamp};

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
    /// One that was read, for its memory.
    read: Option<Entry>,
    known: Known,
    /// The last head line and its place, for a trace that starts below it.
    last_head: Vec<u8>,
    last_place: Option<Place>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    /// Zone of the first stamp.
    zone: Option<i32>,
    /// In a block: what it adds if a failure was reported before it.
    if_reported: Conditional,
    of_block: bool,
}

/// What one of several sources that write to one log has begun.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Whose its threads are.
    pub scope: Option<Arc<str>>,
    open: Option<Entry>,
    last_head: Vec<u8>,
    last_place: Option<Place>,
}

impl Standing {
    /// Nothing begun; whose the threads are.
    pub(super) fn of(scope: Option<Arc<str>>) -> Self {
        Self { scope, ..Self::default() }
    }

    /// The head line of the failure whose record the next lines may continue.
    pub(super) fn open_head(&self) -> Option<&[u8]> {
        self.open.as_ref().map(Entry::head)
    }

    /// Where that record begins.
    pub(super) fn open_line(&self) -> Option<u64> {
        self.open.as_ref().map(|entry| entry.span.first_line)
    }
}

/// What lines that state a duration add, which are read only where a failure was reported before them.
#[derive(Debug, Default)]
struct Conditional {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    bad_heads: u64,
}

impl Records {
    /// Of a block, which begins with a record and behind which one follows.
    pub(super) fn of_block(options: LogOptions, known: Known) -> Self {
        Self { events: Events::of_block(), of_block: true, known, ..Self::new(options) }
    }

    /// Ends a block, behind which a record begins, and gives back what it knows.
    pub(super) fn end_block(&mut self) -> Known {
        self.close();
        std::mem::take(&mut self.known)
    }

    pub(super) fn new(options: LogOptions) -> Self {
        Self {
            default_zone: options.default_zone.unwrap_or(0),
            counts: LogCounts::default(),
            events: Events::default(),
            offset: 0,
            open: None,
            read: None,
            known: Known::default(),
            last_head: Vec::new(),
            last_place: None,
            first: None,
            last: None,
            zone: None,
            if_reported: Conditional::default(),
            of_block: false,
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

    /// Takes the next line, without its line end. `found` looks for the strongest phrase in it, if that is asked for.
    pub(super) fn line(&mut self, line: &[u8], place: Place, found: impl FnOnce() -> Option<Found>) {
        if starts_record(line) {
            self.close();
            self.counts.records += 1;
            self.keep_head(line, place);
            match found() {
                None => {}
                Some(Found { phrase: Phrase::Failure, .. }) => {
                    self.open = Some(Entry::new(line, place, self.read.take()));
                }
                Some(found) => self.single(line, place, found),
            }
            return;
        }
        match self.last_place {
            Some(_) => self.counts.continuation_lines += 1,
            None => self.counts.orphan_lines += 1,
        }
        if self.open.is_none() && found().is_some_and(|found| found.phrase == Phrase::Failure) {
            self.open_at_trace(line);
        }
        if let Some(entry) = &mut self.open {
            self.counts.unknown_form += u64::from(foreign::is_in_record(line));
            self.counts.lines_beyond_bound += u64::from(!entry.push(line, place));
        }
    }

    /// Ends the record for good: what follows stands elsewhere in the file and continues nothing.
    pub(super) fn end_record(&mut self) {
        self.close();
        self.last_place = None;
    }

    /// Takes up what another source has begun, and gives back what the one before has.
    pub(super) const fn exchange(&mut self, standing: &mut Standing) {
        std::mem::swap(&mut self.open, &mut standing.open);
        std::mem::swap(&mut self.last_head, &mut standing.last_head);
        std::mem::swap(&mut self.last_place, &mut standing.last_place);
        self.events.exchange_scope(&mut standing.scope);
    }

    /// Ends a source: its last record, whose stamp counts, is whole.
    pub(super) fn end_source(&mut self) {
        self.end_record();
        let last_head = std::mem::take(&mut self.last_head);
        self.read_head(&last_head);
    }

    /// Whether a failure's record is open.
    pub(super) const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whose threads are meant, where several sources write to the log.
    pub(super) const fn scope(&self) -> Option<&Arc<str>> {
        self.events.scope()
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
            year: None,
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
        if self.first.is_none() && !self.of_block {
            self.read_head(line);
        }
    }

    /// Opens the entry of a head line whose text is harmless but below which a trace reports a failure.
    fn open_at_trace(&mut self, line: &[u8]) {
        let text = text(line);
        let names_exception = exception(text.trim().trim_start_matches("Caused by: "), false).is_some();
        match self.last_place {
            None => {
                self.counts.without_time += 1;
                self.counts.traces_before += u64::from(names_exception);
            }
            Some(_) if !names_exception && foreign::is_record(&text) => self.counts.unknown_form += 1,
            Some(_) if !names_exception => self.counts.quoted += 1,
            Some(place) => self.open = Some(Entry::new(&self.last_head, place, self.read.take())),
        }
    }

    /// Reads a record that is one line long.
    fn single(&mut self, line: &[u8], place: Place, found: Found) {
        if found.phrase == Phrase::Elapsed && self.events.reports() == 0 {
            return self.before_reports(line);
        }
        let Some(head) = self.read_head(line) else {
            self.counts.bad_heads += 1;
            return;
        };
        let time = head.stamp.time;
        match found.phrase {
            Phrase::Request => {
                let service = text(line.get(found.end..).unwrap_or_default());
                let service = service.trim_start_matches(':').trim();
                self.events.header(head.thread, time, service, &mut self.counts);
            }
            Phrase::Retry => match retry(&head, place.span()) {
                Some(retry) => self.events.retry(retry, &mut self.counts),
                None => self.counts.quoted += 1,
            },
            Phrase::Elapsed => self.elapsed(&head),
            Phrase::Failure => {}
        }
    }

    /// A line that states a duration, where nothing reported a failure before. In a block something may have.
    fn before_reports(&mut self, line: &[u8]) {
        if !self.of_block {
            return;
        }
        let Some(head) = head(line, self.default_zone) else {
            self.if_reported.bad_heads += 1;
            return;
        };
        self.if_reported.first = earlier(self.if_reported.first, Some(head.stamp.time));
        self.if_reported.last = self.if_reported.last.max(Some(head.stamp.time));
        self.elapsed(&head);
    }

    fn elapsed(&mut self, head: &Head<'_>) {
        if self.events.awaits_elapsed(head.thread)
            && let Some(ms) = elapsed_ms(&text(head.message))
        {
            self.events.elapsed(head.thread, head.stamp.time, ms, &mut self.counts);
        }
    }

    /// Ends the open entry and reads it.
    pub(super) fn close(&mut self) {
        let Some(entry) = self.open.take() else { return };
        self.failure(&entry);
        self.read = Some(entry);
    }

    fn failure(&mut self, entry: &Entry) {
        let Some(head) = self.read_head(entry.head()) else {
            self.counts.bad_heads += 1;
            return;
        };
        match report(&head, entry.said(head.message), entry.span, &mut self.known) {
            Ok(call) => self.events.report(head.thread, record(&head), call, &mut self.counts),
            Err(NoReport::Quoted) => self.counts.quoted += 1,
            Err(NoReport::NoUrl) => self.counts.without_url += 1,
        }
    }

    /// Whether a block may follow: the log's first stamp is known, and the block's threads and services cross no bound.
    pub(super) const fn takes_blocks(&self) -> bool {
        self.first.is_some()
    }

    /// Takes what a block holds, which follows what was read so far. Gives `false`, and takes nothing, where a bound on threads or
    /// services would be crossed.
    pub(super) fn append(&mut self, block: Self) -> bool {
        if !self.events.has_room_for(&block.events) {
            return false;
        }
        self.close();
        let before = Before { lines: self.counts.lines, bytes: self.counts.bytes, reports: self.events.reports() };
        let mut span = (block.first, block.last);
        if before.reports > 0 {
            span = (earlier(span.0, block.if_reported.first), span.1.max(block.if_reported.last));
            self.counts.bad_heads += block.if_reported.bad_heads;
        }
        self.first = earlier(self.first, span.0);
        self.last = self.last.max(span.1);
        self.offset += block.offset;
        self.last_head = block.last_head;
        self.last_place = block.last_place.map(|place| place.moved(before));
        self.counts.add(&block.counts);
        self.events.append(block.events, before, &mut self.known.failures, &mut self.counts);
        true
    }

    /// Reads a head line and widens the log's span by its stamp.
    fn read_head<'a>(&mut self, line: &'a [u8]) -> Option<Head<'a>> {
        let head = head(line, self.default_zone)?;
        let time = head.stamp.time;
        if self.first.is_none() {
            self.zone = head.stamp.zone;
        }
        self.first = earlier(self.first, Some(time));
        self.last = self.last.max(Some(time));
        Some(head)
    }
}

/// The earlier of two times, where there are two.
fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    one.into_iter().chain(other).min()
}

/// What tells a record from others, in whatever form it was written: its instant to the millisecond, and its first line. Columns that a form leaves out
/// are no part of that. Each word is multiplied in, and both halves of the product are kept, so that every bit reaches all of the result.
fn record(head: &Head<'_>) -> u64 {
    let line = first_line(head.message).trim_ascii();
    let (words, rest) = line.as_chunks::<8>();
    let last = rest.iter().fold(line.len() as u64, |word, byte| word << 8 | u64::from(*byte));
    let instant = head.stamp.time.nanos().div_euclid(NANOS_PER_MILLI) as u64;
    [instant].into_iter().chain(words.iter().map(|word| u64::from_le_bytes(*word))).chain([last]).fold(
        FACTOR,
        |hash, word| {
            let product = u128::from(hash ^ word) * u128::from(FACTOR);
            (product >> 64) as u64 ^ product as u64
        },
    )
}

/// Odd, with as many ones as zeros: the fraction of pi.
const FACTOR: u64 = 0x243f_6a88_85a3_08d3;
