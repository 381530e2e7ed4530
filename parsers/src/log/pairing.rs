//! From reports to calls: what a thread wrote is put together, request by request.
//!
//! A call is logged once or twice. The two records come from the same thread and from different loggers, with the same URL
//! and reason; the second may be hundreds of lines later. Each record is used once, oldest first, and a thread's next
//! `Processing request` header ends the search.
//!
//! With batched auditing the header and the audit detail are written together when the request is done, so a record that
//! is written at once may stand *before* its own header. Such an orphan is paired with the audit detail that follows a
//! header within [`BATCH_GAP`]. Lines of one instant may change places, too: an audit detail just before its own header is
//! paired with the record behind it.

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;

use super::{
    call::{FailedCall, Retry},
    events::{Event, Events},
    failures::Failures,
    scan::LogCounts,
};
use crate::time::{NANOS_PER_MILLI, NANOS_PER_SECOND, Timestamp};

/// The threads of one log, file after file, and the calls they made.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    threads: HashMap<Arc<str>, Thread, RandomState>,
    calls: Vec<Logged>,
    retries: Vec<(usize, Retry)>,
    /// Failures of calls that two records report.
    failures: Failures,
}

/// A failed call with the records that report it.
#[derive(Debug)]
pub(super) struct Logged {
    /// The file that holds the first of them.
    pub file: usize,
    /// Its line, and its number among the records of that file that report a call.
    pub place: (u64, u64),
    /// What tells the records from all others.
    pub records: [Option<u64>; 2],
    /// Boxed: calls are put in order by thread, by file and by line.
    call: Box<FailedCall>,
}

impl Logged {
    /// The call.
    pub(super) const fn call(&self) -> &FailedCall {
        &self.call
    }

    /// The call alone.
    pub(super) fn into_call(self) -> FailedCall {
        *self.call
    }
}

/// What a log holds.
#[derive(Debug)]
pub(super) struct Paired {
    pub calls: Vec<Logged>,
    /// Attempts that no failure followed, with their files.
    pub retries: Vec<(usize, Retry)>,
}

/// What is known of a thread since its last header.
#[derive(Debug, Default)]
struct Thread {
    service: Option<Arc<str>>,
    processing: Option<Timestamp>,
    /// The header before that one.
    processing_before: Option<Timestamp>,
    /// Calls that failed in this request.
    failures: Vec<Pending>,
    /// The last failure before the header, where nothing was paired with it.
    orphan: Option<Pending>,
    retries: Vec<(usize, Retry)>,
    /// How many of `retries` were written before the header.
    earlier_retries: usize,
}

/// A call that a second record may still report.
#[derive(Debug)]
struct Pending {
    call: usize,
    paired: bool,
}

impl Pairing {
    /// The next file of the log.
    pub(super) fn part(&mut self, file: usize, events: Events, counts: &mut LogCounts) {
        self.retries.extend(events.retries.into_iter().map(|retry| (file, retry)));
        // Threads have nothing to do with each other, so that their order is all one.
        for (name, of_thread) in events.threads {
            let thread = self.threads.entry(name).or_default();
            for event in of_thread.events {
                match event {
                    Event::Header { time, service } => self.retries.extend(thread.begin(time, service, &self.calls)),
                    Event::Report { number, record, call } => {
                        let report = Reported { file, number, record, call };
                        report.take(thread, &mut self.calls, &mut self.retries, &mut self.failures, counts);
                    }
                    Event::Retry(retry) if thread.retries.len() < MOST_RETRIES => thread.retries.push((file, *retry)),
                    Event::Retry(retry) => self.retries.push((file, *retry)),
                    Event::Elapsed { time, ms } => thread.elapsed(time, ms, &mut self.calls),
                }
            }
        }
    }

    /// The end of the log: attempts that no failure followed belong to calls that succeeded.
    pub(super) fn finish(mut self) -> Paired {
        self.retries.extend(self.threads.into_values().flat_map(|thread| thread.retries));
        Paired { calls: self.calls, retries: self.retries }
    }
}

/// A record that reports a failed call, and the file that holds it.
struct Reported {
    file: usize,
    number: u64,
    record: u64,
    call: Box<FailedCall>,
}

impl Reported {
    /// The second record of a known call, or a new call.
    fn take(
        self,
        thread: &mut Thread,
        calls: &mut Vec<Logged>,
        retries: &mut Vec<(usize, Retry)>,
        failures: &mut Failures,
        counts: &mut LogCounts,
    ) {
        let Self { file, number, record, call: mut reported } = self;
        if let Some(index) = thread.partner(&reported, calls) {
            counts.paired += 1;
            let Some(Logged { file: first_file, records, call, .. }) = calls.get_mut(index) else { return };
            if call.service.is_none() || call.processing.is_none_or(|time| time < call.time) {
                call.processing = thread.processing.or(call.processing);
                call.service = thread.service.clone().or(call.service.take());
            }
            records[1] = Some(record);
            // Its place is told where it stands in the same file.
            call.also = (*first_file == file).then(|| Box::new(reported.entry));
            call.failure = failures.both(&call.failure, &reported.failure);
            return;
        }
        let call = &mut reported;
        call.service.clone_from(&thread.service);
        call.processing = thread.processing;
        call.request_before = thread.processing_before;
        let (own, others) = thread.take_retries(call);
        call.retries = own;
        retries.extend(others);
        if thread.failures.len() == MOST_FAILURES {
            thread.failures.remove(0);
        }
        thread.failures.push(Pending { call: calls.len(), paired: false });
        let place = (call.entry.first_line, number);
        calls.push(Logged { file, place, records: [Some(record), None], call: reported });
    }
}

impl Thread {
    /// Starts a request; gives back the attempts of the request before the last, which no failure followed.
    fn begin(&mut self, time: Timestamp, service: Arc<str>, calls: &[Logged]) -> Vec<(usize, Retry)> {
        self.processing_before = self.processing.replace(time);
        self.service = Some(service);
        // Lines of one instant come in any order: an audit detail may stand just before its own header.
        let is_orphan = |call: usize| {
            let just_before = |other: &Logged| (0..=SAME_INSTANT).contains(&time.since(other.call().time));
            calls.get(call).is_some_and(|other| !other.call.failure.source.audit || just_before(other))
        };
        self.orphan = self.failures.pop().filter(|last| !last.paired && is_orphan(last.call));
        self.failures.clear();
        let flushed = self.retries.drain(..self.earlier_retries).collect();
        self.earlier_retries = self.retries.len();
        flushed
    }

    /// The call that the report is the second record of.
    fn partner(&mut self, second: &FailedCall, calls: &[Logged]) -> Option<usize> {
        let window = if second.thread.is_some() { PAIR_WINDOW } else { PAIR_WINDOW_WITHOUT_THREAD };
        let same = |pending: &Pending| {
            !pending.paired
                && calls.get(pending.call).is_some_and(|Logged { call: first, .. }| {
                    first.failure.source.differs(&second.failure.source)
                        && first.url == second.url
                        && first.failure.message == second.failure.message
                        && (0..=window).contains(&second.time.since(first.time))
                })
        };
        if let Some(pending) = self.failures.iter_mut().find(|pending| same(pending)) {
            pending.paired = true;
            return Some(pending.call);
        }
        let orphan = self.orphan.take().filter(|_| self.failures.is_empty())?;
        let late_detail = second.failure.source.audit && self.batched(second.time);
        let is_audit = calls.get(orphan.call).is_some_and(|first| first.call.failure.source.audit);
        if !((late_detail || is_audit) && same(&orphan)) {
            return None;
        }
        let call = orphan.call;
        self.failures.push(Pending { paired: true, ..orphan });
        Some(call)
    }

    /// The attempts that belong to a call, and those that belong to a call before it which succeeded.
    fn take_retries(&mut self, call: &FailedCall) -> (Vec<Retry>, Vec<(usize, Retry)>) {
        let earlier = std::mem::take(&mut self.earlier_retries);
        let batched = self.batched(call.time);
        let mut number = 0;
        let (own, others): (Vec<_>, _) = std::mem::take(&mut self.retries).into_iter().partition(|(_, retry)| {
            number += 1;
            (number > earlier || batched)
                && retry.target.as_ref().is_none_or(|target| {
                    (&target.host, target.port) == (&call.failure.target.host, call.failure.target.port)
                })
                && (0..=RETRY_WINDOW).contains(&call.time.since(retry.time))
        });
        (own.into_iter().map(|(_, retry)| retry).collect(), others)
    }

    /// A duration that the thread states. It is the failed call's where that is the request's only one.
    fn elapsed(&self, time: Timestamp, ms: u64, calls: &mut [Logged]) {
        let [Pending { call, .. }] = *self.failures.as_slice() else { return };
        let Some(call) = calls.get_mut(call).map(|logged| &mut logged.call) else { return };
        if call.elapsed_ms.is_none() && (0..=ELAPSED_WINDOW).contains(&time.since(call.time)) {
            call.elapsed_ms = Some(ms);
            call.elapsed_line = Some(time);
        }
    }

    /// Whether a record follows the header so closely that both may have been written together, after the fact.
    fn batched(&self, time: Timestamp) -> bool {
        self.processing.is_some_and(|processing| (0..=BATCH_GAP).contains(&time.since(processing)))
    }
}

/// The second record of a call comes with the policy's further assertions, which may route once more before they end.
const PAIR_WINDOW: i64 = 60 * NANOS_PER_SECOND;
/// Without a thread, other calls stand between: only records that are written together are put together.
const PAIR_WINDOW_WITHOUT_THREAD: i64 = 2 * NANOS_PER_SECOND;
/// Header and details of a finished request are written in one go.
const BATCH_GAP: i64 = 20 * NANOS_PER_MILLI;
/// Lines that threads write at once may change places within the clock's steps.
const SAME_INSTANT: i64 = 2 * NANOS_PER_MILLI;
/// Attempts end at the latest with their timeouts; five minutes hold several of the longest in use.
const RETRY_WINDOW: i64 = 300 * NANOS_PER_SECOND;
/// A duration is stated by the assertion after the routing one.
const ELAPSED_WINDOW: i64 = 10 * NANOS_PER_SECOND;
/// Failures of one request that wait for a second record; a policy tries a handful of times.
const MOST_FAILURES: usize = 64;
/// Attempts of one call; `HttpClient` makes three by default.
const MOST_RETRIES: usize = 64;
