//! Calls that `HttpClient` made again by itself: which connection carried which attempt.
//!
//! The log's error tells how the last attempt ended; lines about a repetition tell when the ones before it did.

use wirecause_parsers::{
    log::{FailedCall, Retry},
    time::Timestamp,
};

use super::{clock::Clock, engine::Pass, found::Joined, near::Near, possible::Possible, scene::Scene, score::path_of};

/// Sets back candidates that carried an earlier attempt of the call, with another candidate that carried the next.
pub(super) fn set_back(call: &FailedCall, scene: &Scene, clock: &Clock, possible: &mut [Possible]) {
    by_request_line(call, scene, possible);
    by_succession(&call.retries, clock, possible);
}

/// Where the request line is on the wire and names this call alone, it stands on as many connections as the call had attempts, and
/// the log tells how the last one ended.
fn by_request_line(call: &FailedCall, scene: &Scene, possible: &mut [Possible]) {
    let path = path_of(&call.url);
    let Some(last) = possible.iter().filter_map(|possible| possible.asked).max() else { return };
    if scene.failed.count(path) != 1 || !(1..=MOST_ATTEMPTS).contains(&scene.seen.count(path)) {
        return;
    }
    for Possible { candidate, anchor, asked } in possible {
        // One attempt begins when the one before has failed.
        let before = asked.is_some_and(|start| start < last);
        if before && anchor.time <= last {
            candidate.score -= EARLIER_ATTEMPT;
        }
    }
}

/// Where a line says that an attempt is repeated, and right behind the event that it follows another candidate's request begins.
fn by_succession(retries: &[Retry], clock: &Clock, possible: &mut [Possible]) {
    if retries.is_empty() {
        return;
    }
    let begins: Vec<Timestamp> = possible.iter().filter_map(|possible| possible.anchor.begin).collect();
    for Possible { candidate, anchor, .. } in possible {
        let failed = anchor.time;
        let told = retries.iter().any(|retry| {
            let late = clock.to_capture(retry.time).since(failed);
            (-RETRY_EARLY..=NEXT_ATTEMPT + RETRY_EARLY).contains(&late)
        });
        let later = |begin: &&Timestamp| anchor.begin.is_none_or(|own| **begin > own);
        let followed = begins.iter().filter(later).any(|begin| (0..=NEXT_ATTEMPT).contains(&begin.since(failed)));
        if told && followed {
            candidate.score -= EARLIER_ATTEMPT;
        }
    }
}

/// Finds the connections of attempts that were repeated: each line about a repetition follows its own event.
pub(super) fn find_earlier(pass: &Pass<'_>, joined: &mut Joined) {
    let mut taken = vec![false; pass.connections.len()];
    joined.used().for_each(|connection| taken[connection] = true);
    let mut repeated: Vec<Vec<(usize, Retry)>> = vec![Vec::new(); pass.endpoints.len()];
    for (index, call) in pass.calls.iter().enumerate().filter(|(_, call)| call.is_repeated()) {
        let retries = call.open().retries.into_iter().map(|retry| (index, retry));
        repeated[joined.matches[index].endpoint as usize].extend(retries);
    }
    for ((endpoint, retries), timeouts) in pass.endpoints.iter().zip(repeated).zip(&joined.timeouts) {
        let kinds = retries.iter().map(|(_, retry)| (retry.symptom, None));
        let near = Near::new(kinds, &endpoint.connections, pass.connections, timeouts);
        for (call, retry) in retries {
            let line = joined.clock.to_capture(retry.time);
            let nearest = near
                .within((retry.symptom, None), &(line.plus(-RETRY_LATE)..=line.plus(RETRY_EARLY)))
                .iter()
                .filter(|place| !taken[place.connection as usize])
                .map(|place| (line.since(place.time).abs(), place.connection as usize))
                .min();
            if let Some((_, connection)) = nearest {
                taken[connection] = true;
                joined.earlier.entry(call).or_default().push(connection);
            }
        }
    }
}

/// Attempts of one call at most: `HttpClient` makes three again unless told otherwise.
const MOST_ATTEMPTS: u32 = 4;
/// A connection that carried the same call before another did, nats.
const EARLIER_ATTEMPT: f64 = 8.0;
/// From the failure of an attempt to the first packet of the next, at most, ns: the client closes one connection and leases another.
const NEXT_ATTEMPT: i64 = 5_000_000;
/// How early and how late a retry line may be against its event, ns: the offset of the clocks is learned from errors, whose lines may all be
/// later than lines about repetitions are.
const RETRY_EARLY: i64 = 10_000_000;
/// As above.
const RETRY_LATE: i64 = 500_000_000;
