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

use std::collections::{BTreeMap, HashMap};

use super::{
    call::{FailedCall, Retry},
    report::{Report, Source},
    scan::LogCounts,
};
use crate::time::{NANOS_PER_MILLI, NANOS_PER_SECOND, Timestamp};

/// The threads of one log and the calls they made.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    /// Places in `threads` by the thread's name.
    names: HashMap<Box<str>, usize>,
    threads: Vec<Thread>,
    pub calls: Vec<FailedCall>,
    pub retries: Vec<Retry>,
    pub requests_by_service: BTreeMap<String, u64>,
}

/// What is known of a thread since its last header.
#[derive(Debug, Default)]
struct Thread {
    service: Option<String>,
    processing: Option<Timestamp>,
    /// The header before that one.
    processing_before: Option<Timestamp>,
    /// Calls that failed in this request.
    failures: Vec<Pending>,
    /// The last failure before the header, where nothing was paired with it.
    orphan: Option<Pending>,
    retries: Vec<Retry>,
    /// How many of `retries` were written before the header.
    earlier_retries: usize,
}

/// A call that a second record may still report.
#[derive(Debug)]
struct Pending {
    call: usize,
    source: Source,
    paired: bool,
}

impl Pairing {
    /// A `Processing request for service` line.
    pub(super) fn header(&mut self, thread: Option<&str>, time: Timestamp, service: &str, counts: &mut LogCounts) {
        self.count_service(service, counts);
        let Some(name) = thread else { return };
        let place = self.place(name, counts);
        let Some(thread) = self.threads.get_mut(place) else { return };
        self.retries.extend(thread.begin(time, service, &self.calls));
    }

    /// A record that reports a failed call: the second one of a known call, or a new call.
    pub(super) fn report(&mut self, report: Report, counts: &mut LogCounts) {
        counts.failure_entries += 1;
        let name = report.thread.clone().unwrap_or_default();
        let place = self.place(&name, counts);
        let Some(thread) = self.threads.get_mut(place) else { return };
        if let Some(index) = thread.partner(&report, &self.calls) {
            counts.paired += 1;
            let Some(call) = self.calls.get_mut(index) else { return };
            if call.service.is_none() || call.processing.is_none_or(|time| time < call.time) {
                call.processing = thread.processing.or(call.processing);
                call.service = thread.service.clone().or(call.service.take());
            }
            complete(call, report);
            return;
        }
        let source = report.source.clone();
        let mut call = report.into_call();
        call.service.clone_from(&thread.service);
        call.processing = thread.processing;
        call.request_before = thread.processing_before;
        let (own, others) = thread.take_retries(&call);
        call.retries = own;
        self.retries.extend(others);
        if thread.failures.len() == MOST_FAILURES {
            thread.failures.remove(0);
        }
        thread.failures.push(Pending { call: self.calls.len(), source, paired: false });
        self.calls.push(call);
    }

    /// An attempt that `HttpClient` repeats.
    pub(super) fn retry(&mut self, retry: Retry, counts: &mut LogCounts) {
        counts.retry_lines += 1;
        let place = retry.thread.as_deref().map(|name| self.place(name, counts));
        let thread = place.and_then(|place| self.threads.get_mut(place));
        match thread.filter(|thread| thread.retries.len() < MOST_RETRIES) {
            Some(thread) => thread.retries.push(retry),
            None => self.retries.push(retry),
        }
    }

    /// Whether a duration stated by a thread could belong to a failed call.
    pub(super) fn awaits_elapsed(&self, thread: Option<&str>) -> bool {
        self.known(thread).is_some_and(|thread| thread.failures.len() == 1)
    }

    /// A duration that a thread states. It is the failed call's where that is the request's only one.
    pub(super) fn elapsed(&mut self, thread: Option<&str>, time: Timestamp, ms: u64) {
        let Some(thread) = self.known(thread) else { return };
        let [Pending { call, .. }] = *thread.failures.as_slice() else { return };
        let Some(call) = self.calls.get_mut(call) else { return };
        if call.elapsed_ms.is_none() && (0..=ELAPSED_WINDOW).contains(&time.since(call.time)) {
            call.elapsed_ms = Some(ms);
            call.elapsed_line = Some(time);
        }
    }

    /// The end of the log: attempts that no failure followed belong to calls that succeeded.
    pub(super) fn finish(&mut self) {
        self.forget_threads();
        self.retries.sort_by_key(|retry| retry.line);
        // Records that a container splits may end in another order than they began in.
        self.calls.sort_by_key(|call| call.entry.first_line);
    }

    fn known(&self, name: Option<&str>) -> Option<&Thread> {
        self.threads.get(*self.names.get(name?)?)
    }

    /// Where a thread's state stands in `threads`.
    fn place(&mut self, name: &str, counts: &mut LogCounts) -> usize {
        if let Some(place) = self.names.get(name) {
            return *place;
        }
        if self.threads.len() >= MOST_THREADS {
            counts.threads_forgotten += self.threads.len() as u64;
            self.forget_threads();
        }
        self.names.insert(name.into(), self.threads.len());
        self.threads.push(Thread::default());
        self.threads.len() - 1
    }

    fn forget_threads(&mut self) {
        self.names.clear();
        self.retries.extend(self.threads.drain(..).flat_map(|thread| thread.retries));
    }

    fn count_service(&mut self, service: &str, counts: &mut LogCounts) {
        counts.requests += 1;
        if let Some(count) = self.requests_by_service.get_mut(service) {
            *count += 1;
        } else if self.requests_by_service.len() < MOST_SERVICES {
            self.requests_by_service.insert(service.to_owned(), 1);
        } else {
            counts.requests_of_uncounted_services += 1;
        }
    }
}

impl Thread {
    /// Starts a request; gives back the attempts of the request before the last, which no failure followed.
    fn begin(&mut self, time: Timestamp, service: &str, calls: &[FailedCall]) -> Vec<Retry> {
        self.processing_before = self.processing.replace(time);
        let text = self.service.get_or_insert_default();
        text.clear();
        text.push_str(service);
        // Lines of one instant come in any order: an audit detail may stand just before its own header.
        let just_before =
            |call: usize| calls.get(call).is_some_and(|call| (0..=SAME_INSTANT).contains(&time.since(call.time)));
        self.orphan = self.failures.pop().filter(|last| !last.paired && (!last.source.audit || just_before(last.call)));
        self.failures.clear();
        let flushed = self.retries.drain(..self.earlier_retries).collect();
        self.earlier_retries = self.retries.len();
        flushed
    }

    /// The call that the report is the second record of.
    fn partner(&mut self, report: &Report, calls: &[FailedCall]) -> Option<usize> {
        let window = if report.thread.is_some() { PAIR_WINDOW } else { PAIR_WINDOW_WITHOUT_THREAD };
        let same = |pending: &Pending| {
            !pending.paired
                && pending.source.differs(&report.source)
                && calls.get(pending.call).is_some_and(|call| {
                    call.url == report.url
                        && call.message == report.reason
                        && (0..=window).contains(&report.stamp.time.since(call.time))
                })
        };
        if let Some(pending) = self.failures.iter_mut().find(|pending| same(pending)) {
            pending.paired = true;
            return Some(pending.call);
        }
        let orphan = self.orphan.take().filter(|_| self.failures.is_empty())?;
        let late_detail = report.source.audit && self.batched(report.stamp.time);
        if !((late_detail || orphan.source.audit) && same(&orphan)) {
            return None;
        }
        let call = orphan.call;
        self.failures.push(Pending { paired: true, ..orphan });
        Some(call)
    }

    /// The attempts that belong to a call, and those that belong to a call before it which succeeded.
    fn take_retries(&mut self, call: &FailedCall) -> (Vec<Retry>, Vec<Retry>) {
        let earlier = std::mem::take(&mut self.earlier_retries);
        let batched = self.batched(call.time);
        let mut number = 0;
        std::mem::take(&mut self.retries).into_iter().partition(|retry| {
            number += 1;
            (number > earlier || batched)
                && retry
                    .target
                    .as_ref()
                    .is_none_or(|target| (&target.host, target.port) == (&call.target.host, call.target.port))
                && (0..=RETRY_WINDOW).contains(&call.time.since(retry.time))
        })
    }

    /// Whether a record follows the header so closely that both may have been written together, after the fact.
    fn batched(&self, time: Timestamp) -> bool {
        self.processing.is_some_and(|processing| (0..=BATCH_GAP).contains(&time.since(processing)))
    }
}

/// Adds what only the second record says.
fn complete(call: &mut FailedCall, report: Report) {
    let second = report.into_call();
    call.also = Some(second.entry);
    if call.exceptions.len() < second.exceptions.len() {
        call.exceptions = second.exceptions;
    }
    if call.symptom == super::Symptom::Other {
        call.symptom = second.symptom;
    }
    call.phase = call.phase.or(second.phase);
    call.remote = call.remote.or(second.remote);
    call.timeout_ms = call.timeout_ms.or(second.timeout_ms);
    call.premature_end = call.premature_end.or(second.premature_end);
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
/// Thread numbers in use at one time are some hundreds; a log over many restarts sees thousands.
const MOST_THREADS: usize = 1 << 16;
/// Failures of one request that wait for a second record; a policy tries a handful of times.
const MOST_FAILURES: usize = 64;
/// Attempts of one call; `HttpClient` makes three by default.
const MOST_RETRIES: usize = 64;
/// Published services; a gateway has hundreds.
const MOST_SERVICES: usize = 1 << 14;
