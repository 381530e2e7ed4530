//! Offsets that change: a clock that drifts, and one that was set in the middle of the log.
//!
//! Votes are taken window by window of the log. Windows that agree make a constant offset; a slow change between them is a drift, which
//! is followed by straight lines; a sudden one is a step, whose instant is where the calls on either side agree best.

use std::ops::Range;

use rayon::prelude::*;
use wirecause_parsers::time::Timestamp;

use super::{
    mode::{Spread, mode},
    votes::{Voter, Votes},
};

/// A point of the log at which the offset is known, in nanoseconds against the clock's reference offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knot {
    /// Stamp of the log.
    pub time: Timestamp,
    /// What is added to the reference offset from here on (between knots: along a straight line).
    pub extra: i64,
}

/// The offset's course: `None` where one value serves the whole log. `times` are the stamps of the calls in order, `windows` what agrees of the
/// votes; the first of the pair is the reference offset.
pub(super) fn course(votes: Votes<'_>, times: &[Timestamp], windows: &[Window]) -> Option<(i64, Vec<Knot>)> {
    let reference = windows.first()?.offset;
    if windows.len() < 2 || windows.iter().all(|window| (window.offset - reference).abs() <= SAME) {
        return None;
    }
    let mut knots = vec![Knot { time: windows[0].middle, extra: 0 }];
    for pair in windows.windows(2) {
        let [before, after] = pair else { continue };
        if after.is_step_from(before) {
            let at = step(votes, times, before, after);
            knots.push(Knot { time: at.plus(-1), extra: before.offset - reference });
            knots.push(Knot { time: at, extra: after.offset - reference });
        }
        knots.push(Knot { time: after.middle, extra: after.offset - reference });
    }
    Some((reference, knots))
}

/// A clock that gains or loses at a constant rate, where calls are too few to follow it window by window: the straight line on which the most
/// votes lie.
pub(super) struct Slope {
    /// Offset at the log's first stamp.
    pub(super) offset: i64,
    /// The line, from the first stamp to the last.
    pub(super) knots: Vec<Knot>,
    /// Calls that agree on it.
    pub(super) pairs: usize,
}

/// The line that most of `votes` lie on, if it rises or falls and no other place has nearly as many of them.
pub(super) fn slope(votes: Votes<'_>, times: &[Timestamp]) -> Option<Slope> {
    let (first, last) = (*times.first()?, *times.last()?);
    let span = last.since(first);
    let widest = (span / STEEPEST).min(MOST_DRIFT);
    if widest < 2 * AGREE {
        return None;
    }
    let coarse = votes.mode(2 * widest + AGREE)?;
    let inside = votes.within(coarse.low..=coarse.low + 2 * widest + AGREE);
    let every = inside.clone().count().div_ceil(MOST_TRIED).max(1);
    let inside: Vec<(usize, i64)> = inside.step_by(every).collect();
    let along = |total: i64| -> Vec<(usize, i64)> {
        let gain = |call: usize| times.get(call).map_or(0, |time| part_of(total, time.since(first), span));
        inside.iter().map(|(call, vote)| (*call, vote - gain(*call))).collect()
    };
    let steps = widest / (AGREE / 2);
    let lines = (-steps..=steps).into_par_iter().filter_map(|step| {
        let total = step * (AGREE / 2);
        mode(&along(total), AGREE).map(|spread| (total, spread))
    });
    let lines: Vec<(i64, Spread)> = lines.collect();
    let (total, best) = lines.into_iter().max_by_key(|(total, spread)| (spread.pairs, -spread.width, -total.abs()))?;
    let mut far = along(total);
    far.retain(|(_, vote)| (vote - best.low).abs() > 2 * AGREE);
    let chance = mode(&far, AGREE).map_or(0, |spread| spread.pairs);
    let knots = vec![Knot { time: first, extra: 0 }, Knot { time: last, extra: total }];
    (total != 0 && best.pairs > 2 * chance).then_some(Slope { offset: best.low, knots, pairs: best.pairs })
}

fn part_of(total: i64, part: i64, whole: i64) -> i64 {
    (i128::from(total) * i128::from(part) / i128::from(whole.max(1))) as i64
}

/// How many calls have a vote that a course explains.
pub(super) fn explained(votes: Votes<'_>, times: &[Timestamp], reference: i64, knots: &[Knot]) -> usize {
    let is_explained = |voter: &&Voter<'_>| {
        let offset = reference + times.get(voter.call).map_or(0, |time| extra_at(knots, *time));
        voter.agrees(&(offset - AGREE / 4..=offset + AGREE))
    };
    votes.0.iter().filter(is_explained).count()
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
pub(super) fn between(agreeing: &[Window]) -> Vec<usize> {
    let apart = agreeing.windows(2).filter_map(|pair| match pair {
        [before, after] if (after.offset - before.offset).abs() > SAME => {
            Some(usize::midpoint(before.from / WINDOW, after.from / WINDOW))
        }
        _ => None,
    });
    apart.collect()
}

/// What agrees of the votes of a stretch of the log, if they agree.
pub(super) fn agreement(votes: Votes<'_>, times: &[Timestamp], window: usize) -> Option<Window> {
    let calls = calls_of(window, times.len());
    Window::of(votes.of_calls(&calls), times, calls)
}

/// The stretches of the log whose votes agree, in order, of those that were looked at.
pub(super) fn agreeing(votes: Votes<'_>, looked_at: impl Iterator<Item = Option<Window>>) -> Vec<Window> {
    let mut windows: Vec<Window> = looked_at.flatten().collect();
    take_back_chance(&mut windows, votes);
    windows
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

/// Where hardly more calls of a window agree on its own offset than on that of the window before, the clock was not set: they agree by chance,
/// as those of a burst do whose lines are all as late.
fn take_back_chance(windows: &mut [Window], votes: Votes<'_>) {
    for index in 1..windows.len() {
        let [before, window] = &mut windows[index - 1..=index] else { continue };
        if window.is_step_from(before) && window.agreeing(votes, before.offset) * 2 >= window.pairs {
            window.offset = before.offset;
        }
    }
}

/// Calls that follow each other, and the offset that most of them agree on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    from: usize,
    to: usize,
    middle: Timestamp,
    offset: i64,
    /// Calls that agree on it.
    pairs: usize,
}

impl Window {
    fn of(votes: Votes<'_>, times: &[Timestamp], Range { start: from, end: to }: Range<usize>) -> Option<Self> {
        let spread = votes.mode(AGREE)?;
        if spread.pairs < LEAST || spread.pairs * 4 < to - from {
            return None;
        }
        if spread.pairs <= 2 * votes.chance(spread.low, FAR, AGREE) {
            return None;
        }
        let middle = times[usize::midpoint(from, to)];
        // Strays before the right ones would make the window begin earlier than these do.
        let dense = votes.mode_in(&(spread.low..=spread.low + AGREE), PROMPT);
        let offset = dense.map_or(spread.low, |dense| dense.low);
        Some(Self { from, to, middle, offset, pairs: spread.pairs })
    }

    /// Whether the offset changed faster since another window than a clock drifts.
    fn is_step_from(&self, before: &Self) -> bool {
        let change = (self.offset - before.offset).abs();
        change > SAME && change > self.middle.since(before.middle).max(1) / FASTEST_DRIFT
    }

    /// How many of its calls agree on another offset.
    fn agreeing(&self, votes: Votes<'_>, offset: i64) -> usize {
        let range = offset - AGREE / 2..=offset + AGREE;
        votes.of_calls(&(self.from..self.to)).0.iter().filter(|voter| voter.agrees(&range)).count()
    }
}

/// The stamp of the first call after a step: the cut at which most calls agree with the offset of their side.
fn step(votes: Votes<'_>, times: &[Timestamp], before: &Window, after: &Window) -> Timestamp {
    let mut gain = vec![0_i64; after.to - before.from + 1];
    let mut agrees = vec![[false; 2]; after.to - before.from];
    for voter in votes.of_calls(&(before.from..after.to)).0 {
        let agrees_on = |offset: i64| voter.agrees(&(offset - AGREE..=offset + 2 * AGREE));
        agrees[voter.call - before.from] = [before.offset, after.offset].map(agrees_on);
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
/// A drift of more than one part in so many is a broken clock (quartz: 100 ppm).
const STEEPEST: i64 = 4_000;
/// Drift over the whole log that is looked for, ns.
const MOST_DRIFT: i64 = 3_000_000_000;
/// Votes that are tried on each line at most.
const MOST_TRIED: usize = 4_000;
/// Votes this far off are wrong pairs, ns.
const FAR: i64 = 10_000_000_000;
/// Windows whose offsets differ by no more than this have one offset, ns: the mode moves with the logging delay.
const SAME: i64 = 30_000_000;
/// Most lines that follow their events at once do so within this time of each other, ns.
const PROMPT: i64 = 12_000_000;
/// A clock that changes faster than one part in so many was set (quartz: 100 ppm; disciplined by NTP: 500 ppm).
const FASTEST_DRIFT: i64 = 1_000;

#[cfg(test)]
mod tests {
    use super::{super::votes::tests::Written, *};

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

    fn course_of(votes: &[(usize, i64)], times: &[Timestamp]) -> Option<(i64, Vec<Knot>)> {
        let written = Written::new(votes);
        let asked = written.voters();
        let votes = Votes(&asked);
        let windows = (0..windows(times.len())).map(|window| agreement(votes, times, window));
        course(votes, times, &agreeing(votes, windows))
    }

    fn slope_of(votes: &[(usize, i64)], times: &[Timestamp]) -> Option<Slope> {
        slope(Votes(&Written::new(votes).voters()), times)
    }

    #[test]
    fn a_constant_offset_needs_no_course() {
        let (votes, times) = drawn(400, |_| 1_700 * MS);
        assert_eq!(course_of(&votes, &times), None);
    }

    /// In the third window twelve lines of a burst are late by the same 3 s, ten follow their events at once, and the others come when
    /// they come.
    #[test]
    fn a_burst_of_late_lines_is_no_step() {
        let late = |event: i64| match event / (30 * SECOND) {
            80..92 => 3 * SECOND,
            call @ 92..120 if call % 3 > 0 => (call * call * 37 % 97 + 10) * 100 * MS,
            _ => 0,
        };
        let (votes, times) = drawn(200, |event| 900 * MS + late(event));
        assert_eq!(course_of(&votes, &times), None);
    }

    #[test]
    fn a_drift_of_100_ppm_is_followed() {
        let (votes, times) = drawn(2_000, |event| 5 * SECOND + event / 10_000);
        let (reference, knots) = course_of(&votes, &times).expect("a course");
        for call in [100_usize, 700, 1_900] {
            let event = call as i64 * 30 * SECOND;
            let found = reference + extra_at(&knots, Timestamp::from_nanos(event + 5 * SECOND));
            let expected = 5 * SECOND + event / 10_000;
            // Within what the clock drifts over a window of twenty minutes.
            assert!((found - expected).abs() < 130 * MS, "call {call}: {found} for {expected}");
        }
    }

    /// Forty calls take twenty minutes, in which the clock gains 120 ms: no window agrees by itself.
    #[test]
    fn a_drift_in_a_log_of_few_calls_is_a_straight_line() {
        let (votes, times) = drawn(240, |event| 5 * SECOND + event / 10_000);
        let line = slope_of(&votes, &times).expect("a line");
        for call in [0_usize, 100, 239] {
            let event = call as i64 * 30 * SECOND;
            let found = line.offset + extra_at(&line.knots, Timestamp::from_nanos(event + 5 * SECOND));
            let expected = 5 * SECOND + event / 10_000;
            assert!((found - expected).abs() < AGREE, "call {call}: {found} for {expected}");
        }
        assert!(line.pairs > 200, "{}", line.pairs);
        let (votes, times) = drawn(240, |_| 5 * SECOND);
        assert!(slope_of(&votes, &times).is_none_or(|line| line.pairs < 240));
    }

    /// A step as small as this may be a drift; by the middle of the next window either is followed.
    #[test]
    fn a_clock_that_was_set_by_little_is_followed() {
        let set_at = 3_000 * SECOND;
        let (votes, times) = drawn(200, |event| if event < set_at { 900 * MS } else { 945 * MS });
        let (reference, knots) = course_of(&votes, &times).expect("a course");
        let after = reference + extra_at(&knots, Timestamp::from_nanos(set_at + 1_500 * SECOND));
        assert!((after - 945 * MS).abs() <= 20 * MS, "{after}");
    }

    #[test]
    fn a_clock_that_was_set_makes_a_step() {
        let set_at = 3_000 * SECOND;
        let (votes, times) = drawn(200, |event| if event < set_at { 900 * MS } else { -2_600 * MS });
        let (reference, knots) = course_of(&votes, &times).expect("a course");
        let before = reference + extra_at(&knots, Timestamp::from_nanos(set_at - 40 * SECOND));
        let after = reference + extra_at(&knots, Timestamp::from_nanos(set_at + 40 * SECOND));
        assert!((before - 900 * MS).abs() <= 20 * MS && (after + 2_600 * MS).abs() <= 20 * MS, "{before} {after}");
    }
}
