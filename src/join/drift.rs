//! Offsets that change: a clock that drifts, and one that was set in the middle of the log.
//!
//! Votes are taken window by window of the log. Windows that agree make a constant offset; a slow change between them is a drift, which
//! is followed by straight lines; a sudden one is a step, whose instant is where the calls on either side agree best.

use std::ops::Range;

use wirecause_parsers::time::Timestamp;

use super::clock::mode;

/// A point of the log at which the offset is known, in nanoseconds against the clock's reference offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knot {
    /// Stamp of the log.
    pub time: Timestamp,
    /// What is added to the reference offset from here on (between knots: along a straight line).
    pub extra: i64,
}

/// The offset's course: `None` where one value serves the whole log. `votes` are (call, difference in ns) in order of the calls, `times` the stamps of the
/// calls in order; the first of the pair is the reference offset.
pub fn course(votes: &[(usize, i64)], times: &[Timestamp]) -> Option<(i64, Vec<Knot>)> {
    let windows = agreeing(votes, times);
    let reference = windows.first()?.offset;
    if windows.len() < 2 || windows.iter().all(|window| (window.offset - reference).abs() <= SAME) {
        return None;
    }
    let mut knots = vec![Knot { time: windows[0].middle, extra: 0 }];
    for pair in windows.windows(2) {
        let [before, after] = pair else { continue };
        let change = after.offset - before.offset;
        let length = after.middle.since(before.middle).max(1);
        if change.abs() > SAME && change.abs() > length / FASTEST_DRIFT {
            let at = step(votes, times, before, after);
            knots.push(Knot { time: at.plus(-1), extra: before.offset - reference });
            knots.push(Knot { time: at, extra: after.offset - reference });
        }
        knots.push(Knot { time: after.middle, extra: after.offset - reference });
    }
    Some((reference, knots))
}

/// The calls of a stretch of the log, which votes as one.
pub(super) fn calls_of(window: usize, calls: usize) -> Range<usize> {
    let from = (window * WINDOW).min(calls);
    from..(from + WINDOW).min(calls)
}

/// How many stretches `calls` make.
pub(super) const fn windows(calls: usize) -> usize {
    calls.div_ceil(WINDOW)
}

/// The stretches halfway between those that voted and do not agree.
pub(super) fn between(votes: &[(usize, i64)], times: &[Timestamp]) -> Vec<usize> {
    let offsets = agreeing(votes, times);
    let apart = offsets.windows(2).filter_map(|pair| match pair {
        [before, after] if (after.offset - before.offset).abs() > SAME => {
            Some(usize::midpoint(before.from / WINDOW, after.from / WINDOW))
        }
        _ => None,
    });
    apart.collect()
}

/// The stretches of the log whose votes agree, in order. Votes stand in order of their calls.
fn agreeing(votes: &[(usize, i64)], times: &[Timestamp]) -> Vec<Window> {
    debug_assert!(votes.is_sorted_by_key(|(call, _)| *call), "votes stand in order of their calls");
    (0..windows(times.len()))
        .filter_map(|window| {
            let calls = calls_of(window, times.len());
            Window::of(of_calls(votes, &calls), times, calls)
        })
        .collect()
}

fn of_calls<'a>(votes: &'a [(usize, i64)], calls: &Range<usize>) -> &'a [(usize, i64)] {
    let place = |limit: usize| votes.partition_point(|(call, _)| *call < limit);
    votes.get(place(calls.start)..place(calls.end)).unwrap_or_default()
}

/// What the knots add to the reference offset at an instant of the log.
pub fn extra_at(knots: &[Knot], time: Timestamp) -> i64 {
    let after = knots.partition_point(|knot| knot.time <= time);
    match (after.checked_sub(1).and_then(|before| knots.get(before)), knots.get(after)) {
        (Some(before), Some(after)) => {
            let whole = i128::from(after.time.since(before.time).max(1));
            let part = i128::from(time.since(before.time));
            before.extra + (i128::from(after.extra - before.extra) * part / whole) as i64
        }
        (Some(only), None) | (None, Some(only)) => only.extra,
        (None, None) => 0,
    }
}

/// Calls that follow each other, and the offset that most of them agree on.
struct Window {
    from: usize,
    to: usize,
    middle: Timestamp,
    offset: i64,
}

impl Window {
    fn of(votes: &[(usize, i64)], times: &[Timestamp], Range { start: from, end: to }: Range<usize>) -> Option<Self> {
        let own: Vec<(usize, i64)> = votes.iter().map(|(call, vote)| (call - from, *vote)).collect();
        let spread = mode(&own, AGREE)?;
        let far: Vec<(usize, i64)> = own.iter().copied().filter(|(_, vote)| (vote - spread.low).abs() > FAR).collect();
        let chance = mode(&far, AGREE).map_or(0, |spread| spread.pairs);
        let enough = spread.pairs >= LEAST && spread.pairs * 4 >= to - from && spread.pairs > 2 * chance;
        enough.then(|| Self { from, to, middle: times[usize::midpoint(from, to)], offset: spread.low })
    }
}

/// The stamp of the first call after a step: the cut at which most calls agree with the offset of their side.
fn step(votes: &[(usize, i64)], times: &[Timestamp], before: &Window, after: &Window) -> Timestamp {
    let mut gain = vec![0_i64; after.to - before.from + 1];
    let mut agrees = vec![[false; 2]; after.to - before.from];
    for (call, vote) in of_calls(votes, &(before.from..after.to)) {
        for (side, offset) in [before.offset, after.offset].into_iter().enumerate() {
            agrees[call - before.from][side] |= (-AGREE..=2 * AGREE).contains(&(vote - offset));
        }
    }
    gain[0] = agrees.iter().filter(|[_, late]| *late).count() as i64;
    for (index, [early, late]) in agrees.iter().enumerate() {
        gain[index + 1] = gain[index] + i64::from(*early) - i64::from(*late);
    }
    let best = gain.iter().max().copied().unwrap_or(0);
    let cut = gain.iter().position(|gain| *gain == best).unwrap_or(0);
    times.get(before.from + cut).copied().unwrap_or(after.middle)
}

/// Calls in a window: enough to outvote chance where a third of them follow their events at once.
const WINDOW: usize = 40;
/// Calls of a window that must agree.
const LEAST: usize = 5;
/// Width of a window of agreeing votes, ns: the usual logging delay and what a clock drifts meanwhile.
const AGREE: i64 = 40_000_000;
/// Votes this far off are wrong pairs, ns.
const FAR: i64 = 10_000_000_000;
/// Windows whose offsets differ by no more than this have one offset, ns: the mode moves with the logging delay.
const SAME: i64 = 80_000_000;
/// A clock that changes faster than one part in so many was set (quartz: 100 ppm; disciplined by NTP: 500 ppm).
const FASTEST_DRIFT: i64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;
    const SECOND: i64 = 1_000 * MS;

    /// Calls half a minute apart with lags of some ms, the log's clock off by `offset` at each; wrong pairs with neighbours too.
    fn drawn(calls: usize, offset: impl Fn(i64) -> i64) -> (Vec<(usize, i64)>, Vec<Timestamp>) {
        let event = |call: usize| call as i64 * 30 * SECOND + (call as i64 * call as i64 % 17) * 311 * MS;
        let line = |call: usize| event(call) + offset(event(call)) + (call as i64 * 7 % 13) * MS;
        let times = (0..calls).map(|call| Timestamp::from_nanos(line(call))).collect();
        let votes = (0..calls)
            .flat_map(|call| {
                (call.saturating_sub(3)..(call + 4).min(calls)).map(move |other| (call, line(call) - event(other)))
            })
            .collect();
        (votes, times)
    }

    #[test]
    fn a_constant_offset_needs_no_course() {
        let (votes, times) = drawn(400, |_| 1_700 * MS);
        assert_eq!(course(&votes, &times), None);
    }

    #[test]
    fn a_drift_of_100_ppm_is_followed() {
        let (votes, times) = drawn(2_000, |event| 5 * SECOND + event / 10_000);
        let (reference, knots) = course(&votes, &times).expect("a course");
        for call in [100_usize, 700, 1_900] {
            let event = call as i64 * 30 * SECOND;
            let found = reference + extra_at(&knots, Timestamp::from_nanos(event + 5 * SECOND));
            let expected = 5 * SECOND + event / 10_000;
            // Within what the clock drifts over a window of twenty minutes.
            assert!((found - expected).abs() < 130 * MS, "call {call}: {found} for {expected}");
        }
    }

    #[test]
    fn a_clock_that_was_set_makes_a_step() {
        let set_at = 3_000 * SECOND;
        let (votes, times) = drawn(200, |event| if event < set_at { 900 * MS } else { -2_600 * MS });
        let (reference, knots) = course(&votes, &times).expect("a course");
        let before = reference + extra_at(&knots, Timestamp::from_nanos(set_at - 40 * SECOND));
        let after = reference + extra_at(&knots, Timestamp::from_nanos(set_at + 40 * SECOND));
        assert!((before - 900 * MS).abs() <= 20 * MS && (after + 2_600 * MS).abs() <= 20 * MS, "{before} {after}");
    }
}
