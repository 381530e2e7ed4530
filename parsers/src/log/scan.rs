//! What a scan of one log file is given and what it yields.

use std::collections::BTreeMap;

use super::call::{FailedCall, Retry};
use crate::time::Timestamp;

/// How to read a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Seconds east of UTC for stamps that name no zone; `None` takes them for UTC.
    pub default_zone: Option<i32>,
    /// What says the year of stamps that name none; `None` leaves them without a time.
    pub year: Option<Year>,
}

/// What says the year of a log's first stamp without one. What follows goes on from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Year {
    /// The year itself.
    Of(i32),
    /// A time near the stamp: it is at most half a year away.
    Near(Timestamp),
    /// A time before which the stamp lies, by a year at most.
    Before(Timestamp),
}

/// What one log file holds, its calls as they are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct LogScan<C = FailedCall> {
    /// The failed calls, in the order of their first entries.
    pub calls: Vec<C>,
    /// Attempts that `HttpClient` repeated and whose thread reported no failure afterwards: the call succeeded.
    pub retries: Vec<Retry>,
    /// What was read, and what could not be.
    pub counts: LogCounts,
    /// What the lines are wrapped in, `plain` for nothing, `mixed` where that changes; `None` where no line tells.
    pub form: Option<&'static str>,
    /// The year that the first stamp without one was given.
    pub year: Option<i32>,
    /// The zone of the first stamp, in seconds east of UTC; `None` where it names none.
    pub zone: Option<i32>,
    /// The earliest stamp among the first record, the last one and those that were read in full.
    pub first: Option<Timestamp>,
    /// The latest stamp among the same.
    pub last: Option<Timestamp>,
    /// Requests by service, from the `Processing request for service` lines.
    pub requests_by_service: BTreeMap<String, u64>,
}

impl<C> Default for LogScan<C> {
    fn default() -> Self {
        Self {
            calls: Vec::new(),
            retries: Vec::new(),
            counts: LogCounts::default(),
            form: None,
            year: None,
            zone: None,
            first: None,
            last: None,
            requests_by_service: BTreeMap::new(),
        }
    }
}

/// Counts of a scan. Every line that holds a phrase of the grammar ends in one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCounts {
    /// Bytes fed.
    pub bytes: u64,
    /// Lines, the last one without a line end included.
    pub lines: u64,
    /// Records: lines that start with a stamp.
    pub records: u64,
    /// Lines that continue a record.
    pub continuation_lines: u64,
    /// Lines before the first record.
    pub orphan_lines: u64,
    /// `Processing request for service` lines.
    pub requests: u64,
    /// Those of services beyond the bound on how many are told apart.
    pub requests_of_uncounted_services: u64,
    /// Entries that report a failed call.
    pub failure_entries: u64,
    /// Those that are the second report of a call.
    pub paired: u64,
    /// `I/O exception (…) caught when …` lines.
    pub retry_lines: u64,
    /// Lines with a phrase that fit no grammar: the stamp names no instant.
    pub bad_heads: u64,
    /// Lines with a phrase in text that no record precedes: nothing says when.
    pub without_time: u64,
    /// Those of them that are exceptions before the first record: they go on with what stands before the file's beginning.
    pub traces_before: u64,
    /// Records with a phrase of a failure in a form that is not known, among lines that continue another.
    pub unknown_form: u64,
    /// Those without a time whose stamp lacks the year, and nothing says it.
    pub without_year: u64,
    /// Records with a phrase of a failure but without a URL that names a host.
    pub without_url: u64,
    /// Records whose phrase stands in text that the gateway quotes, such as a response body.
    pub quoted: u64,
    /// Lines longer than what is kept of a line.
    pub oversize_lines: u64,
    /// Continuation lines of failure entries beyond what is kept of an entry.
    pub lines_beyond_bound: u64,
    /// Records that a second handler wrote once more.
    pub duplicates: u64,
    /// Calls and retries that another file reports as well: copies of a log that overlap.
    pub copies: u64,
    /// Lines of a file whose lines are wrapped, such as one of a container runtime, that are not.
    pub unwrapped_lines: u64,
    /// Threads whose state was dropped because there were too many.
    pub threads_forgotten: u64,
    /// Records of failures that were ended, and lines that were cut, because too many sources wrote to the log at once.
    pub sources_cut_short: u64,
}

impl LogCounts {
    /// Adds those of what follows.
    pub(super) fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.lines += other.lines;
        self.records += other.records;
        self.continuation_lines += other.continuation_lines;
        self.orphan_lines += other.orphan_lines;
        self.requests += other.requests;
        self.requests_of_uncounted_services += other.requests_of_uncounted_services;
        self.failure_entries += other.failure_entries;
        self.paired += other.paired;
        self.retry_lines += other.retry_lines;
        self.bad_heads += other.bad_heads;
        self.without_time += other.without_time;
        self.traces_before += other.traces_before;
        self.unknown_form += other.unknown_form;
        self.without_year += other.without_year;
        self.without_url += other.without_url;
        self.quoted += other.quoted;
        self.oversize_lines += other.oversize_lines;
        self.lines_beyond_bound += other.lines_beyond_bound;
        self.duplicates += other.duplicates;
        self.copies += other.copies;
        self.unwrapped_lines += other.unwrapped_lines;
        self.threads_forgotten += other.threads_forgotten;
        self.sources_cut_short += other.sources_cut_short;
    }
}
