//! Rotated files are one log: what was read of each is put together, whichever was read first.
//!
//! Files follow each other where one begins when the other has ended; a request may begin in one and fail in the next. Files that overlap
//! in time are different logs, or copies of one: a call that two of them report counts once.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::{
    call::{FailedCall, Retry},
    events::Events,
    pairing::{Logged, Paired, Pairing},
    scan::{LogCounts, LogScan},
};
use crate::time::{NANOS_PER_MILLI, NANOS_PER_SECOND, Timestamp};

/// What was read of one file, before it is put together with the others.
#[derive(Debug)]
pub struct LogPart {
    pub(super) events: Events,
    pub(super) counts: LogCounts,
    pub(super) form: Option<&'static str>,
    pub(super) year: Option<i32>,
    pub(super) zone: Option<i32>,
    pub(super) first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
}

impl LogPart {
    /// What was read, and what could not be.
    pub const fn counts(&self) -> &LogCounts {
        &self.counts
    }

    /// What the lines are wrapped in, as [`LogScan::form`].
    pub const fn form(&self) -> Option<&'static str> {
        self.form
    }

    /// The year that the first stamp without one was given.
    pub const fn year(&self) -> Option<i32> {
        self.year
    }

    /// The earliest and the latest stamp that was read.
    pub const fn span(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.first, self.last)
    }
}

/// What each of the files holds, in the order in which they are given. That order changes nothing but which of two copies of a record
/// counts, where they come from files that begin at the same time. `keep` is handed calls in their order, some thousand at a time, so that they need
/// not all be there as they are.
pub fn chain<C>(parts: Vec<LogPart>, keep: impl Fn(Vec<FailedCall>) -> Vec<C>) -> Vec<LogScan<C>> {
    let mut order: Vec<usize> = (0..parts.len()).collect();
    let begin = |index: &usize| parts.get(*index).and_then(|part| part.first);
    order.sort_by_key(|index| begin(index));
    let mut scans = Vec::new();
    let mut rest: Vec<Option<Events>> = Vec::new();
    for part in parts {
        let LogPart { events, counts, form, year, zone, first, last } = part;
        scans.push(LogScan { counts, form, year, zone, first, last, ..LogScan::default() });
        rest.push(Some(events));
    }
    let mut links: Vec<Link> = Vec::new();
    for file in &order {
        let (Some(scan), Some(events)) = (scans.get_mut(*file), rest.get_mut(*file).and_then(Option::take)) else {
            continue;
        };
        let mut link = scan.first.and_then(|first| take_before(&mut links, first)).unwrap_or_default();
        scan.requests_by_service = events.services();
        link.pairing.part(*file, events, &mut scan.counts);
        link.last = link.last.max(scan.last);
        links.push(link);
    }
    let paired = links.into_iter().map(|link| link.pairing.finish());
    share_out(paired.collect(), &order, &mut scans, keep);
    scans
}

/// Files that follow each other, so far.
#[derive(Default)]
struct Link {
    pairing: Pairing,
    last: Option<Timestamp>,
}

/// The files that ended last before a time, if they did so shortly before.
fn take_before(links: &mut Vec<Link>, first: Timestamp) -> Option<Link> {
    let follows =
        |link: &Link| link.last.is_some_and(|last| (-SAME_INSTANT..=LONGEST_GAP).contains(&first.since(last)));
    let before = links.iter().enumerate().filter(|(_, link)| follows(link));
    let (index, _) = before.max_by_key(|(_, link)| link.last)?;
    Some(links.remove(index))
}

/// Gives every file its calls and retries, each record once.
fn share_out<C>(
    paired: Vec<Paired>,
    order: &[usize],
    scans: &mut [LogScan<C>],
    keep: impl Fn(Vec<FailedCall>) -> Vec<C>,
) {
    let mut ranks = vec![0; order.len()];
    for (rank, file) in order.iter().enumerate() {
        ranks.get_mut(*file).into_iter().for_each(|place| *place = rank);
    }
    let rank = |file: usize| ranks.get(file).copied().unwrap_or_default();
    let (mut calls, mut retries) = (Vec::new(), Vec::new());
    for paired in paired {
        calls.extend(paired.calls);
        retries.extend(paired.retries);
    }
    // Threads come in any order, and one line of a container may hold records of several.
    calls.sort_by_cached_key(|logged| (rank(logged.file), logged.place));
    retries.sort_by(|(a, x), (b, y)| {
        (rank(*a), x.line, x.time, &x.thread, &x.target).cmp(&(rank(*b), y.line, y.time, &y.thread, &y.target))
    });

    let mut kept = without_copies(calls, scans);
    // Where a copy holds more of a call than the file before it, the copy's stands in its place.
    if scans.len() > 1 {
        kept.sort_by_key(|logged| (logged.file, logged.call().entry.first_line));
    }
    let record = |retry: &Retry| (retry.time, retry.thread.clone(), retry.target.clone(), retry.symptom);
    // A file that was copied before a call failed holds its attempts alone.
    let mut seen: HashSet<_> = kept.iter().flat_map(|logged| &logged.call().retries).map(record).collect();
    for (file, retry) in retries {
        let record = record(&retry);
        if let Some(scan) = scans.get_mut(file) {
            // The same instant, thread and target in one file are two attempts.
            if seen.contains(&record) && scan.retries.last().is_none_or(|last| last.time != retry.time) {
                scan.counts.copies += 1;
            } else {
                seen.insert(record);
                scan.retries.push(retry);
            }
        }
    }
    let mut kept = kept.into_iter().peekable();
    while let Some(first) = kept.next() {
        let file = first.file;
        let rest = std::iter::from_fn(|| kept.next_if(|next| next.file == file));
        let together = std::iter::once(first).chain(rest.take(KEPT_AT_ONCE)).map(Logged::into_call).collect();
        if let Some(scan) = scans.get_mut(file) {
            scan.calls.extend(keep(together));
        }
    }
    for scan in scans {
        scan.retries.sort_by_key(|retry| retry.line);
    }
}

/// The calls, of which each counts once, in one file; those of the others are counted there as copies.
fn without_copies<C>(calls: Vec<Logged>, scans: &mut [LogScan<C>]) -> Vec<Logged> {
    if scans.len() < 2 {
        return calls;
    }
    let mut reporting = Reporting::default();
    let mut kept: Vec<Logged> = Vec::new();
    for logged in calls {
        let records = logged.records.into_iter().flatten();
        let copied = records.clone().find_map(|record| reporting.copied(record, &logged, &kept));
        let index = copied.unwrap_or(kept.len());
        records.for_each(|record| reporting.add(record, index, logged.file));
        let Some(other) = copied.and_then(|index| kept.get_mut(index)) else {
            kept.push(logged);
            continue;
        };
        // A file that was copied while the call was logged holds one of its two records.
        let dropped = if logged.records.iter().flatten().count() > other.records.iter().flatten().count() {
            std::mem::replace(other, logged)
        } else {
            logged
        };
        if let Some(scan) = scans.get_mut(dropped.file) {
            scan.counts.copies += 1;
        }
    }
    kept
}

/// Which of the calls kept report a record, by what tells it from others.
#[derive(Default)]
struct Reporting {
    /// The last of each record's places in `calls`.
    last: HashMap<u64, usize, RandomState>,
    /// A call, and the place of the record's call before it.
    calls: Vec<(u32, Option<u32>)>,
    /// Records of calls of which a file has a copy.
    taken: HashSet<(u64, usize, usize), RandomState>,
}

impl Reporting {
    /// The first of the kept calls that `logged` is a copy of: another file's, of the same thread where both name one, and not another call's of the
    /// same file.
    fn copied(&self, record: u64, logged: &Logged, kept: &[Logged]) -> Option<usize> {
        let call_at = |place: usize| self.calls.get(place).copied();
        let first = self.last.get(&record).copied().and_then(call_at);
        let all = std::iter::successors(first, |(_, before)| before.and_then(|before| call_at(before as usize)));
        let is_original = |index: &usize| {
            kept.get(*index).is_some_and(|other| other.file != logged.file && may_be_one_thread(other, logged))
                && !self.taken.contains(&(record, *index, logged.file))
        };
        all.take(MOST_OF_A_RECORD).map(|(call, _)| call as usize).filter(is_original).min()
    }

    fn add(&mut self, record: u64, call: usize, file: usize) {
        self.taken.insert((record, call, file));
        let before = self.last.insert(record, self.calls.len());
        self.calls.push((call as u32, before.map(|before| before as u32)));
    }
}

/// Whether two calls name the same thread, as far as both name one. A form without threads names requests.
fn may_be_one_thread(one: &Logged, other: &Logged) -> bool {
    let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
    let names = one.call().thread.as_deref().zip(other.call().thread.as_deref());
    names.is_none_or(|(one, other)| one == other || is_number(one) != is_number(other))
}

/// Calls of one record that are looked at: threads that fail with the same text within a millisecond.
const MOST_OF_A_RECORD: usize = 64;
/// Lines that threads write at once may change places within the clock's steps.
const SAME_INSTANT: i64 = 2 * NANOS_PER_MILLI;
/// Calls handed over at once: enough for several threads.
const KEPT_AT_ONCE: usize = 8_192;
/// A gateway at work logs more often than this, and no two records of a call lie further apart.
const LONGEST_GAP: i64 = 60 * NANOS_PER_SECOND;

#[cfg(test)]
mod tests;
