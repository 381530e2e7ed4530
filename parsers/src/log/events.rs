//! What the threads of one file wrote, as far as it matters for its failed calls.
//!
//! Files are read in any order and in parallel; what a thread did is put together afterwards ([`super::chain`]), since a request may
//! begin in one file and end in the next. Of the headers of requests that nothing happened in, the last two are kept: they say all that
//! the ones before them do.
//!
//! A block of a file ([`super::block`]) does not know what its threads did before it. It keeps what may matter, and where it is put
//! behind the blocks before it every event is taken once more, as if the file had been read in one pass.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use foldhash::fast::RandomState;

use super::{
    call::{EntrySpan, FailedCall, Retry},
    failures::Failures,
    scan::LogCounts,
};
use crate::time::Timestamp;

/// The events of a file, thread by thread.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// By the thread's name, behind it whose it is; what names no thread stands under an empty one.
    pub threads: HashMap<Arc<str>, Thread, RandomState>,
    /// Attempts that name no thread.
    pub retries: Vec<Retry>,
    /// With the names as they are kept.
    requests_by_service: HashMap<Arc<str>, (Arc<str>, u64), RandomState>,
    reports: u64,
    /// How many threads there may be before those without events are dropped.
    prune_at: usize,
    /// Whether these are the events of a block.
    of_block: bool,
    /// Whose threads are meant, where several write one log.
    scope: Option<Arc<str>>,
}

/// One thread's events in their order.
#[derive(Debug)]
pub(super) struct Thread {
    /// Its name as it is kept.
    name: Arc<str>,
    pub events: Vec<Event>,
    /// Reports since the last header, and durations since the last report.
    reports: u32,
    durations: u32,
}

#[derive(Debug)]
pub(super) enum Event {
    /// `Processing request for service`.
    Header { time: Timestamp, service: Arc<str> },
    /// A record that reports a failed call, its number among them in the file, and what tells it from every other record.
    Report { number: u64, record: u64, call: Box<FailedCall> },
    /// An attempt that `HttpClient` repeats.
    Retry(Box<Retry>),
    /// A duration that the thread states.
    Elapsed { time: Timestamp, ms: u64 },
}

/// Where a block stands in its file: what is before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub lines: u64,
    pub bytes: u64,
    pub reports: u64,
}

impl Events {
    /// Those of a block whose file begins before it.
    pub(super) fn of_block() -> Self {
        Self { of_block: true, ..Self::default() }
    }

    pub(super) fn header(&mut self, thread: Option<&str>, time: Timestamp, service: &str, counts: &mut LogCounts) {
        let service = self.count_service(service, counts);
        if let Some(name) = thread {
            self.thread(name, counts, |thread| thread.push(Event::Header { time, service }));
        }
    }

    pub(super) fn report(&mut self, thread: Option<&str>, record: u64, call: FailedCall, counts: &mut LogCounts) {
        counts.failure_entries += 1;
        self.reports += 1;
        let number = self.reports;
        self.thread(thread.unwrap_or_default(), counts, |known| {
            let thread = thread.map(|_| Arc::clone(&known.name));
            known.push(Event::Report { number, record, call: Box::new(FailedCall { thread, ..call }) });
        });
    }

    pub(super) fn retry(&mut self, retry: Retry, counts: &mut LogCounts) {
        counts.retry_lines += 1;
        match retry.thread.clone() {
            Some(name) => self.thread(&name, counts, |thread| thread.push(Event::Retry(Box::new(retry)))),
            None => self.retries.push(retry),
        }
    }

    /// How many failed calls were reported.
    pub(super) const fn reports(&self) -> u64 {
        self.reports
    }

    /// Whether a duration stated by a thread could belong to a failed call.
    pub(super) fn awaits_elapsed(&self, thread: Option<&str>) -> bool {
        let Some(name) = thread else { return false };
        self.threads.get(&*self.key(name)).map_or(self.of_block, Thread::awaits_elapsed)
    }

    pub(super) fn elapsed(&mut self, thread: Option<&str>, time: Timestamp, ms: u64, counts: &mut LogCounts) {
        if let Some(name) = thread.filter(|name| self.of_block || self.threads.contains_key(&*self.key(name))) {
            self.thread(name, counts, |thread| thread.push(Event::Elapsed { time, ms }));
        }
    }

    /// Whether a block's threads and services fit in beside those known so far, so that no bound is crossed.
    pub(super) fn has_room_for(&self, block: &Self) -> bool {
        self.threads.len() + block.threads.len() <= MOST_THREADS
            && self.requests_by_service.len() + block.requests_by_service.len() <= MOST_SERVICES
    }

    /// Puts a block's events behind these.
    pub(super) fn append(&mut self, block: Self, before: Before, failures: &mut Failures, counts: &mut LogCounts) {
        for (service, (name, count)) in block.requests_by_service {
            self.requests_by_service.entry(service).or_insert((name, 0)).1 += count;
        }
        self.retries.extend(block.retries.into_iter().map(|retry| retry.moved(before)));
        for (name, thread) in block.threads {
            // A duration alone makes no thread known.
            let tells = |event: &Event| !matches!(event, Event::Elapsed { .. });
            if self.threads.contains_key(&name) || thread.events.iter().any(tells) {
                self.thread(&name, counts, |known| {
                    for event in thread.events {
                        let event = event.moved(before, known, failures);
                        known.push(event);
                    }
                });
            }
        }
        self.reports += block.reports;
    }

    /// Requests by service, in order of the names.
    pub(super) fn services(&self) -> BTreeMap<String, u64> {
        self.requests_by_service.iter().map(|(service, (_, count))| (service.to_string(), *count)).collect()
    }

    /// Changes whose threads are meant, for those that were meant before.
    pub(super) const fn exchange_scope(&mut self, scope: &mut Option<Arc<str>>) {
        std::mem::swap(&mut self.scope, scope);
    }

    pub(super) const fn scope(&self) -> Option<&Arc<str>> {
        self.scope.as_ref()
    }

    /// What a thread stands under: its name, and whose it is. Thread 7 of one gateway is not thread 7 of another.
    fn key<'a>(&self, name: &'a str) -> Cow<'a, str> {
        self.scope.as_ref().map_or(Cow::Borrowed(name), |scope| format!("{name}\0{scope}").into())
    }

    /// Does something with a thread, which is known from then on.
    fn thread(&mut self, name: &str, counts: &mut LogCounts, act: impl FnOnce(&mut Thread)) {
        let key = self.key(name);
        if let Some(known) = self.threads.get_mut(&*key) {
            return act(known);
        }
        // A block's threads are few, or it is read once more behind those before it.
        if !self.of_block && self.threads.len() >= self.prune_at.max(MOST_THREADS) {
            self.prune(counts);
        }
        let key: Arc<str> = key.into();
        let name = if self.scope.is_some() { name.into() } else { Arc::clone(&key) };
        // What a thread did before the block may await a duration.
        let reports = u32::from(self.of_block);
        let new = Thread { name, events: Vec::new(), reports, durations: 0 };
        act(self.threads.entry(key).or_insert(new));
    }

    /// Drops the threads that have nothing to tell.
    fn prune(&mut self, counts: &mut LogCounts) {
        let before = self.threads.len();
        self.threads.retain(|_, thread| thread.is_telling());
        counts.threads_forgotten += (before - self.threads.len()) as u64;
        // Those that stay have failures to tell, so that their number is no more than the log's own.
        self.prune_at = 2 * self.threads.len();
    }

    fn count_service(&mut self, service: &str, counts: &mut LogCounts) -> Arc<str> {
        counts.requests += 1;
        if let Some((name, count)) = self.requests_by_service.get_mut(service) {
            *count += 1;
            return Arc::clone(name);
        }
        let name: Arc<str> = service.into();
        if self.requests_by_service.len() < MOST_SERVICES || self.of_block {
            self.requests_by_service.insert(Arc::clone(&name), (Arc::clone(&name), 1));
        } else {
            counts.requests_of_uncounted_services += 1;
        }
        name
    }
}

impl Thread {
    /// Adds an event, if it may tell something.
    fn push(&mut self, event: Event) {
        match &event {
            Event::Header { .. } => {
                (self.reports, self.durations) = (0, 0);
                self.drop_spare();
            }
            Event::Report { .. } => {
                self.reports += 1;
                self.durations = 0;
            }
            Event::Retry(_) => {}
            Event::Elapsed { .. } if self.awaits_elapsed() => self.durations += 1,
            Event::Elapsed { .. } => return,
        }
        self.events.push(event);
    }

    const fn awaits_elapsed(&self) -> bool {
        self.reports > 0 && self.durations < MOST_DURATIONS
    }

    /// Drops the header before the last, if nothing happened since.
    fn drop_spare(&mut self) {
        if let [.., Event::Header { .. }, Event::Header { .. }] = self.events.as_slice() {
            self.events.swap_remove(self.events.len() - 2);
        }
    }

    fn is_telling(&self) -> bool {
        self.events.iter().any(|event| !matches!(event, Event::Header { .. }))
    }
}

impl Event {
    /// The event as it stands in the file, with names and failures as they are kept there.
    fn moved(mut self, before: Before, thread: &Thread, failures: &mut Failures) -> Self {
        match &mut self {
            Self::Report { number, call, .. } => {
                *number += before.reports;
                call.entry = call.entry.moved(before);
                call.thread = call.thread.take().map(|_| Arc::clone(&thread.name));
                call.failure = failures.shared(&call.failure);
            }
            Self::Retry(retry) => retry.line += before.lines,
            Self::Header { .. } | Self::Elapsed { .. } => {}
        }
        self
    }
}

impl EntrySpan {
    const fn moved(self, before: Before) -> Self {
        Self {
            first_line: self.first_line + before.lines,
            last_line: self.last_line + before.lines,
            offset: self.offset + before.bytes,
            length: self.length,
        }
    }
}

impl Retry {
    fn moved(self, before: Before) -> Self {
        Self { line: self.line + before.lines, ..self }
    }
}

/// Thread numbers in use at one time are some hundreds; a log over many restarts sees thousands.
const MOST_THREADS: usize = 1 << 16;
/// Published services; a gateway has hundreds.
const MOST_SERVICES: usize = 1 << 14;
/// Durations kept behind one report: the first one counts, where it stands near enough.
const MOST_DURATIONS: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_requests_without_events_the_last_two_are_kept() {
        let (mut events, mut counts) = (Events::default(), LogCounts::default());
        for number in 0..1_000 {
            events.header(Some("7"), Timestamp::from_nanos(number), &format!("service {number}"), &mut counts);
        }
        let kept = events.threads["7"].events.iter().map(|event| match event {
            Event::Header { time, service } => (time.nanos(), service.to_string()),
            other => panic!("{other:?}"),
        });
        assert_eq!(kept.collect::<Vec<_>>(), [(998, "service 998".to_owned()), (999, "service 999".to_owned())]);
        assert_eq!((counts.requests, events.requests_by_service.len()), (1_000, 1_000));
    }

    #[test]
    fn threads_with_nothing_to_tell_are_forgotten_when_there_are_too_many() {
        let (mut events, mut counts) = (Events::default(), LogCounts::default());
        for number in 0..=MOST_THREADS {
            events.header(Some(&number.to_string()), Timestamp::from_nanos(0), "a", &mut counts);
        }
        assert_eq!((events.threads.len(), counts.threads_forgotten), (1, MOST_THREADS as u64));
    }
}
