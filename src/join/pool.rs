//! Which of several dead connections of one pool a call leased: the most recently returned one first.
//!
//! A pool whose connections were reset while they lay idle tells nothing on the wire when one of them is used again: the write fails at
//! once. But `HttpClient` 4 keeps what is returned in a stack (`AbstractConnPool`), so that the calls meet the dead connections in the
//! reverse order of their return. Attempts that the client repeated took one each as well.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, BinaryHeap},
};

use wirecause_parsers::{
    log::{Retry, Symptom},
    time::Timestamp,
};

use crate::track::Connection;

use super::{
    clock::Clock,
    engine::{CERTAIN, LIKELY, Pass},
    found::{Candidate, Certainty, Joined, Match},
};

/// Gives calls that met dead pooled connections, and cannot be told apart otherwise, the connections in the order of the pool's stack.
/// `silent` are lines about attempts whose calls succeeded in the end; `lag` is how late lines are as a rule, ns.
pub(super) fn lease(pass: &Pass<'_>, joined: &mut Joined, silent: &[&Retry], lag: i64) {
    for (index, endpoint) in pass.endpoints.iter().enumerate() {
        let matches = &joined.matches;
        let calls: Vec<usize> = endpoint.calls.iter().copied().filter(|call| is_open(&matches[*call])).collect();
        if calls.is_empty() {
            continue;
        }
        let mut dead = dead_connections(pass, joined, &calls, index);
        dead.sort_unstable_by_key(|dead| (dead.since, dead.connection));
        let (mut dead, mut stack) = (dead.into_iter().peekable(), BinaryHeap::new());
        let clock = &joined.clock;
        let mut attempts: Vec<Attempt> = Vec::new();
        for call in &calls {
            let failed = pass.calls[*call];
            if failed.is_repeated() {
                let retries = failed.open().retries;
                attempts.extend(retries.iter().filter_map(|retry| Attempt::repeated(retry, Some(*call), clock)));
            }
            let line = clock.to_capture(failed.time);
            attempts.push(Attempt { line, late: lag, call: Some(*call), last: true });
        }
        let same_target = |retry: &&&Retry| retry.target.as_ref().is_some_and(|target| *target == endpoint.target);
        attempts.extend(silent.iter().filter(same_target).filter_map(|retry| Attempt::repeated(retry, None, clock)));
        attempts.sort_by_key(|attempt| (attempt.line, attempt.call));
        for (position, attempt) in attempts.iter().enumerate() {
            while let Some(lying) = dead.next_if(|dead| dead.since <= attempt.line.plus(EARLY)) {
                stack.push(lying);
            }
            // On top lies what was returned last.
            let Some(dead) = stack.pop() else { continue };
            let alone = stack.peek().is_none_or(|second| dead.returned.since(second.returned) > TOGETHER);
            let Some(call) = attempt.call else { continue };
            let sure = alone
                && attempt.is_apart(position.checked_sub(1).and_then(|before| attempts.get(before)))
                && attempt.is_apart(attempts.get(position + 1));
            if !sure {
                continue;
            }
            if attempt.last {
                settle(&mut joined.matches[call], &dead);
            } else {
                joined.earlier.entry(call).or_default().push(dead.connection);
            }
        }
    }
}

/// A connection that died while it lay in the pool.
struct Dead {
    connection: usize,
    /// When it died.
    since: Timestamp,
    returned: Timestamp,
}

impl Dead {
    /// Where it lies in the stack.
    const fn place(&self) -> (Timestamp, usize) {
        (self.returned, self.connection)
    }
}

impl Ord for Dead {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for Dead {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Dead {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Dead {}

/// A use of a pooled connection that failed.
struct Attempt {
    line: Timestamp,
    /// How much later than the use the line may be, ns.
    late: i64,
    /// `None` where the call succeeded in the end.
    call: Option<usize>,
    /// Whether it is the one that the call's own line reports.
    last: bool,
}

impl Attempt {
    fn repeated(retry: &Retry, call: Option<usize>, clock: &Clock) -> Option<Self> {
        let dead = matches!(retry.symptom, Symptom::ConnectionReset | Symptom::BrokenPipe | Symptom::NoResponse);
        dead.then(|| Self { line: clock.to_capture(retry.time), late: RETRY_LATE, call, last: false })
    }

    /// Whether the order of this attempt and another is beyond doubt. Those of one call are in order anyway.
    fn is_apart(&self, other: Option<&Self>) -> bool {
        other.is_none_or(|other| {
            self.call.is_some() && self.call == other.call
                || self.line.since(other.line).abs() > self.late.max(other.late)
        })
    }
}

/// Whether a call is in doubt between dead connections of the pool, and nothing else comes near.
fn is_open(found: &Match) -> bool {
    let best = found.candidates.first().map_or(0.0, |candidate| candidate.score);
    let mut near = found.candidates.iter().filter(|candidate| best - candidate.score <= CERTAIN);
    found.certainty == Certainty::Ambiguous && near.all(|candidate| candidate.spot.is_idle())
}

/// What the open calls may have met: connections that died idle, and that no other call is surely joined to.
fn dead_connections(pass: &Pass<'_>, joined: &Joined, open: &[usize], endpoint: usize) -> Vec<Dead> {
    let sure = |found: &Match| found.endpoint as usize == endpoint && !is_open(found);
    let of_call = |(call, found): (usize, &Match)| found.connection().into_iter().chain(joined.earlier(call).to_vec());
    let taken: BTreeSet<usize> =
        joined.matches.iter().enumerate().filter(|(_, found)| sure(found)).flat_map(of_call).collect();
    let mut seen = BTreeSet::new();
    open.iter()
        .flat_map(|call| joined.matches[*call].candidates.iter().map(move |candidate| (*call, candidate)))
        .filter(|(_, candidate)| candidate.spot.is_idle())
        .filter(|(_, candidate)| !taken.contains(&candidate.connection()) && seen.insert(candidate.connection()))
        .filter_map(|(call, Candidate { spot, .. })| {
            let opened = pass.connections[spot.connection()].open();
            let anchor = joined.anchor(&joined.matches[call], &pass.calls[call].failure, *spot, &opened)?;
            Some(Dead { connection: spot.connection(), since: anchor.time, returned: returned(&opened)? })
        })
        .collect()
}

/// When the connection came back to the pool: the last byte of its last response.
fn returned(connection: &Connection) -> Option<Timestamp> {
    connection.exchanges.current()?.response_end
}

/// Gives a call the dead connection, where that could explain it.
fn settle(found: &mut Match, dead: &Dead) {
    let own = found.candidates.iter().find(|candidate| candidate.connection() == dead.connection);
    if let Some(own) = own {
        found.chosen = Some(own.spot);
        found.certainty = Certainty::Likely;
        found.worse = found.worse.max(LIKELY);
    }
}

/// A line may seem early by the jitter between capture and log, ns.
const EARLY: i64 = 3_000_000;
/// The line about an attempt that is repeated is written at once, ns.
const RETRY_LATE: i64 = 2_000_000;
/// Connections returned this close together may lie in the stack in either order: threads read their responses when they are scheduled, ns.
const TOGETHER: i64 = 2_000_000;
