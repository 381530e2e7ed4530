//! What the threads of one file wrote, as far as it matters for its failed calls.
//!
//! Files are read in any order and in parallel; what a thread did is put together afterwards ([`super::chain`]), since a request may
//! begin in one file and end in the next. Of the headers of requests that nothing happened in, the last two are kept: they say all that
//! the ones before them do.

use std::collections::{BTreeMap, HashMap};

use super::{call::Retry, report::Report, scan::LogCounts};
use crate::time::Timestamp;

/// The events of a file, thread by thread.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// By the thread's name; what names no thread stands under an empty one.
    pub threads: HashMap<Box<str>, Thread>,
    /// Attempts that name no thread.
    pub retries: Vec<Retry>,
    pub requests_by_service: BTreeMap<String, u64>,
    reports: u64,
    /// How many threads there may be before those without events are dropped.
    prune_at: usize,
}

/// One thread's events in their order.
#[derive(Debug, Default)]
pub(super) struct Thread {
    pub events: Vec<Event>,
    /// Reports since the last header, and durations since the last report.
    reports: u32,
    durations: u32,
}

#[derive(Debug)]
pub(super) enum Event {
    /// `Processing request for service`.
    Header { time: Timestamp, service: String },
    /// A record that reports a failed call, and what tells it from every other record.
    Report { record: u64, report: Box<Report> },
    /// An attempt that `HttpClient` repeats.
    Retry(Box<Retry>),
    /// A duration that the thread states.
    Elapsed { time: Timestamp, ms: u64 },
}

impl Events {
    pub(super) fn header(&mut self, thread: Option<&str>, time: Timestamp, service: &str, counts: &mut LogCounts) {
        self.count_service(service, counts);
        let Some(name) = thread else { return };
        let thread = self.thread(name, counts);
        (thread.reports, thread.durations) = (0, 0);
        let mut text = thread.spare_text();
        text.push_str(service);
        thread.events.push(Event::Header { time, service: text });
    }

    pub(super) fn report(&mut self, record: u64, report: Report, counts: &mut LogCounts) {
        counts.failure_entries += 1;
        self.reports += 1;
        let thread = self.thread(report.thread.as_deref().unwrap_or_default(), counts);
        thread.reports += 1;
        thread.durations = 0;
        thread.events.push(Event::Report { record, report: Box::new(report) });
    }

    pub(super) fn retry(&mut self, retry: Retry, counts: &mut LogCounts) {
        counts.retry_lines += 1;
        match retry.thread.clone() {
            Some(name) => self.thread(&name, counts).events.push(Event::Retry(Box::new(retry))),
            None => self.retries.push(retry),
        }
    }

    /// Whether any failed call was reported.
    pub(super) const fn has_reports(&self) -> bool {
        self.reports > 0
    }

    /// Whether a duration stated by a thread could belong to a failed call.
    pub(super) fn awaits_elapsed(&self, thread: Option<&str>) -> bool {
        let known = thread.and_then(|name| self.threads.get(name));
        known.is_some_and(|thread| thread.reports > 0 && thread.durations < MOST_DURATIONS)
    }

    pub(super) fn elapsed(&mut self, thread: Option<&str>, time: Timestamp, ms: u64) {
        if let Some(thread) = thread.and_then(|name| self.threads.get_mut(name)) {
            thread.durations += 1;
            thread.events.push(Event::Elapsed { time, ms });
        }
    }

    fn thread(&mut self, name: &str, counts: &mut LogCounts) -> &mut Thread {
        if !self.threads.contains_key(name) {
            if self.threads.len() >= self.prune_at.max(MOST_THREADS) {
                let before = self.threads.len();
                self.threads.retain(|_, thread| thread.is_telling());
                counts.threads_forgotten += (before - self.threads.len()) as u64;
                // Those that stay have failures to tell, so that their number is no more than the log's own.
                self.prune_at = 2 * self.threads.len();
            }
            self.threads.insert(name.into(), Thread::default());
        }
        self.threads.entry(name.into()).or_default()
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
    /// An empty text for the next header: that of the one before the last, if nothing happened since.
    fn spare_text(&mut self) -> String {
        let [.., Event::Header { .. }, Event::Header { .. }] = self.events.as_slice() else { return String::new() };
        match self.events.swap_remove(self.events.len() - 2) {
            Event::Header { mut service, .. } => {
                service.clear();
                service
            }
            _ => String::new(),
        }
    }

    fn is_telling(&self) -> bool {
        self.events.iter().any(|event| !matches!(event, Event::Header { .. }))
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
            Event::Header { time, service } => (time.nanos(), service.as_str()),
            other => panic!("{other:?}"),
        });
        assert_eq!(kept.collect::<Vec<_>>(), [(998, "service 998"), (999, "service 999")]);
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
