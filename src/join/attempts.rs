//! Calls that `HttpClient` made again by itself: which connection carried which attempt.
//!
//! The log's error tells how the last attempt ended; lines about a repetition tell when the ones before it did.

use std::collections::HashSet;

use wirecause_parsers::{
    log::{FailedCall, Retry},
    time::Timestamp,
};

use super::{
    clock::Clock,
    engine::{Match, Pass, Possible, Scene},
    near::Near,
    score::path_of,
    timeouts::Timeouts,
};

/// Sets back candidates that carried an earlier attempt of the call, with another candidate that carried the next.
pub(super) fn set_back(call: &FailedCall, scene: &Scene<'_>, clock: &Clock, possible: &mut [Possible]) {
    by_request_line(call, scene, possible);
    by_succession(&call.retries, clock, possible);
}

/// Where the request line is on the wire and names this call alone, it stands on as many connections as the call had attempts, and
/// the log tells how the last one ended.
fn by_request_line(call: &FailedCall, scene: &Scene<'_>, possible: &mut [Possible]) {
    let path = path_of(&call.url);
    let Some(last) = possible.iter().filter_map(|possible| possible.asked).max() else { return };
    if scene.failed.count(path) != 1 || !(1..=MOST_ATTEMPTS).contains(&scene.seen.count(path)) {
        return;
    }
    for Possible { candidate, asked } in possible {
        // One attempt begins when the one before has failed.
        let before = asked.is_some_and(|start| start < last);
        if before && candidate.anchor.time <= last {
            candidate.score -= EARLIER_ATTEMPT;
        }
    }
}

/// Where a line says that an attempt is repeated, and right behind the event that it follows another candidate's request begins.
fn by_succession(retries: &[Retry], clock: &Clock, possible: &mut [Possible]) {
    if retries.is_empty() {
        return;
    }
    let begins: Vec<Timestamp> = possible.iter().filter_map(|possible| possible.candidate.anchor.begin).collect();
    for Possible { candidate, .. } in possible {
        let failed = candidate.anchor.time;
        let told = retries.iter().any(|retry| {
            let late = clock.to_capture(retry.time).since(failed);
            (-RETRY_EARLY..=NEXT_ATTEMPT + RETRY_EARLY).contains(&late)
        });
        let later = |begin: &&Timestamp| candidate.anchor.begin.is_none_or(|own| **begin > own);
        let followed = begins.iter().filter(later).any(|begin| (0..=NEXT_ATTEMPT).contains(&begin.since(failed)));
        if told && followed {
            candidate.score -= EARLIER_ATTEMPT;
        }
    }
}

/// Finds the connections of attempts that were repeated: each line about a repetition follows its own event.
pub(super) fn find_earlier(pass: &Pass<'_>, matches: &mut [Match], clock: &Clock, timeouts: &[Timeouts]) {
    let joined = matches.iter().flat_map(|found| found.connection.into_iter().chain(found.earlier.iter().copied()));
    let mut taken: HashSet<usize> = joined.collect();
    let mut repeated: Vec<Vec<usize>> = vec![Vec::new(); pass.endpoints.len()];
    for (index, found) in matches.iter().enumerate().filter(|(index, _)| !pass.calls[*index].retries.is_empty()) {
        repeated[found.endpoint].push(index);
    }
    for ((endpoint, calls), timeouts) in pass.endpoints.iter().zip(repeated).zip(timeouts) {
        let retries =
            || calls.iter().flat_map(|call| pass.calls[*call].retries.iter().map(move |retry| (*call, retry)));
        let kinds = retries().map(|(_, retry)| (retry.symptom, None));
        let near = Near::new(kinds, &endpoint.connections, pass.connections, timeouts);
        for (call, retry) in retries() {
            let line = clock.to_capture(retry.time);
            let nearest = near
                .within((retry.symptom, None), &(line.plus(-RETRY_LATE)..=line.plus(RETRY_EARLY)))
                .iter()
                .filter(|place| !taken.contains(&(place.connection as usize)))
                .map(|place| (line.since(place.time).abs(), place.connection as usize))
                .min();
            if let Some((_, connection)) = nearest {
                taken.insert(connection);
                matches[call].earlier.push(connection);
            }
        }
    }
}

/// Attempts of one call at most: `HttpClient` makes three again unless told otherwise.
const MOST_ATTEMPTS: usize = 4;
/// A connection that carried the same call before another did, nats.
const EARLIER_ATTEMPT: f64 = 8.0;
/// From the failure of an attempt to the first packet of the next, at most, ns: the client closes one connection and leases another.
const NEXT_ATTEMPT: i64 = 5_000_000;
/// How early and how late a retry line may be against its event, ns: the offset of the clocks is learned from errors, whose lines may all be
/// later than lines about repetitions are.
const RETRY_EARLY: i64 = 10_000_000;
/// As above.
const RETRY_LATE: i64 = 500_000_000;
