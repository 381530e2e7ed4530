//! The offset between the log's clock and the capture's.
//!
//! Every pair of a call and a connection that could explain it votes for one offset: the log's stamp less the anchor's. Wrong pairs
//! vote all over; right ones agree, whatever the offset is: none, a clock that is wrong by seconds, a zone that was misread by
//! hours. A line never lies before its packet event, so that the offset is the lower edge of what agrees, not its middle.

use wirecause_parsers::time::Timestamp;

use super::{
    drift::{Knot, Window, course, explained, extra_at, slope},
    votes::Votes,
};

/// Log clock less capture clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Clock {
    /// The offset in nanoseconds: positive where the log's clock is ahead. Where it changes, the one at the log's beginning.
    pub offset: i64,
    /// How the offset changes over the log, if it does.
    pub knots: Vec<Knot>,
    /// Half width of the interval that holds it, in nanoseconds.
    pub uncertainty: i64,
    /// Calls that carry the estimate.
    pub pairs: usize,
    /// Where it comes from.
    pub source: ClockSource,
}

/// Where an offset comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// The user gave it.
    Given,
    /// Estimated from calls and connections.
    Estimated,
    /// Too little evidence: taken as 0.
    Assumed,
}

impl Clock {
    /// A given offset in nanoseconds.
    pub const fn given(offset: i64) -> Self {
        Self { offset, knots: Vec::new(), uncertainty: 0, pairs: 0, source: ClockSource::Given }
    }

    /// A stamp of the log on the capture's clock.
    #[must_use]
    pub fn to_capture(&self, log: Timestamp) -> Timestamp {
        log.plus(-self.offset - extra_at(&self.knots, log))
    }

    /// Whether the clock was set right before a knot.
    pub(super) fn is_step(&self, knot: usize) -> bool {
        let pair = knot.checked_sub(1).and_then(|before| self.knots.get(before..=knot));
        pair.is_some_and(|pair| matches!(pair, [before, after] if after.time == before.time.plus(1)))
    }

    /// A clock that has the offset of a knot all the time.
    pub(super) fn constant(&self, knot: usize) -> Self {
        let extra = self.knots.get(knot).map_or(0, |knot| knot.extra);
        Self { offset: self.offset + extra, knots: Vec::new(), ..self.clone() }
    }

    /// The same clock, but with an offset of its own in a stretch of the log: from one stamp or the beginning, until another or the end.
    #[must_use]
    pub(super) fn with_stretch(&self, offset: i64, from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        let extra = |time: Timestamp| extra_at(&self.knots, time);
        let own = offset - self.offset;
        let inside = |time: Timestamp| from.is_none_or(|from| from <= time) && until.is_none_or(|until| time < until);
        let mut knots: Vec<Knot> = self.knots.iter().filter(|knot| !inside(knot.time)).copied().collect();
        if let Some(from) = from {
            let before = from.plus(-1);
            knots.extend([Knot { time: before, extra: extra(before) }, Knot { time: from, extra: own }]);
        }
        if let Some(until) = until {
            knots.extend([Knot { time: until.plus(-1), extra: own }, Knot { time: until, extra: extra(until) }]);
        }
        knots.sort_by_key(|knot| knot.time);
        // What is told as the offset is the one at the log's beginning.
        let first = knots.first().map_or(own, |knot| knot.extra);
        for knot in &mut knots {
            knot.extra -= first;
        }
        Self { offset: self.offset + first, knots, ..self.clone() }
    }

    /// Moves the step at a knot to another stamp of the log, the first that it is in force for.
    pub(super) fn set_at(&mut self, knot: usize, time: Timestamp) {
        if let Some([before, after]) = knot.checked_sub(1).and_then(|before| self.knots.get_mut(before..=knot)) {
            (before.time, after.time) = (time.plus(-1), time);
        }
    }

    /// The smallest and the largest offset over the log, in nanoseconds.
    pub fn range(&self) -> (i64, i64) {
        let all = self.knots.iter().map(|knot| self.offset + knot.extra).chain([self.offset]);
        (all.clone().min().unwrap_or(self.offset), all.max().unwrap_or(self.offset))
    }

    /// Estimates the offset from votes; `times` are the stamps of all calls in order, `windows` what agrees of the votes.
    pub(super) fn estimate(votes: Votes<'_>, times: &[Timestamp], windows: &[Window]) -> Self {
        let assumed =
            Self { offset: 0, knots: Vec::new(), uncertainty: UNKNOWN, pairs: 0, source: ClockSource::Assumed };
        // Each goes over all votes by itself.
        let constant = || votes.mode(WITHIN).map(|spread| (spread, votes.chance(spread.low, FAR, WITHIN)));
        let (constant, line) = rayon::join(constant, || slope(votes, times));
        let Some((spread, chance)) = constant else { return assumed };
        let (steady, knots) = course(votes, times, windows).unwrap_or((spread.low, Vec::new()));
        let agree = explained(votes, times, steady, &knots).max(spread.pairs);
        if let Some(line) = line.filter(|line| line.pairs >= ENOUGH && line.pairs > agree + agree / 8) {
            return Self {
                offset: line.offset,
                knots: line.knots,
                uncertainty: WITHIN,
                pairs: line.pairs,
                source: ClockSource::Estimated,
            };
        }
        if spread.pairs < ENOUGH.min(votes.voting()) || spread.pairs <= 2 * chance {
            return assumed;
        }
        let offset = steady;
        Self {
            offset,
            knots,
            uncertainty: spread.width.max(1_000_000),
            pairs: spread.pairs,
            source: ClockSource::Estimated,
        }
    }

    /// Moves the offset to the lower edge of the lags of joined pairs (in nanoseconds, under the present offset). The edge is where lags
    /// begin to lie close together, so that single wrong pairs before it are left out. `resolution` is the step of the log's clock: a
    /// stamp is cut off, so that the true instant lies up to one step later.
    #[must_use]
    pub fn refined(self, lags: &[i64], resolution: i64) -> Self {
        if self.source != ClockSource::Estimated || lags.len() < ENOUGH {
            return self;
        }
        let mut lags = lags.to_vec();
        lags.sort_unstable();
        let close = (lags.len() / 20).max(ENOUGH);
        let dense = lags.windows(close).find(|near| near[close - 1] - near[0] <= EDGE_WIDTH);
        // An edge above what agreed at first would deny the pairs that agreed: a few late lines are not as many.
        let Some(dense) = dense.filter(|dense| dense[0] <= self.uncertainty || lags.len() >= self.pairs) else {
            return self;
        };
        let edge = dense[0] + resolution;
        // What the first lags span is how well the edge is known.
        let uncertainty = (dense[close - 1] - dense[0]).max(resolution);
        Self { offset: self.offset + edge, uncertainty, pairs: lags.len(), ..self }
    }
}

/// Largest offset looked for: zones reach from −12 to +14 h, a misread sign doubles it, ns.
pub const WIDEST: i64 = 28 * 3_600 * 1_000_000_000;
/// Width of a window of agreeing votes: the usual logging delay, ns.
const WITHIN: i64 = 30_000_000;
/// Votes this far from the chosen offset are wrong pairs, ns. Nearer ones may be right pairs of late lines.
const FAR: i64 = 10_000_000_000;
/// Calls that must agree, unless there are fewer.
const ENOUGH: usize = 3;
/// Lags this close together are no strays, ns.
const EDGE_WIDTH: i64 = 10_000_000;
/// Uncertainty of an offset that is only assumed, ns.
const UNKNOWN: i64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::{super::votes::tests::Written, *};

    const MS: i64 = 1_000_000;

    /// Calls one second apart, each with its own connection `lag` before its line, and every other connection as a candidate too.
    fn votes(offset: i64, lags: &[i64]) -> Vec<(usize, i64)> {
        let times: Vec<i64> = (0..lags.len() as i64).map(|n| n * 1_237 * MS + (n * n % 7) * 91 * MS).collect();
        let mut votes = Vec::new();
        for (call, lag) in lags.iter().enumerate() {
            for time in &times {
                votes.push((call, times[call] + lag + offset - time));
            }
        }
        votes
    }

    fn estimate(votes: &[(usize, i64)]) -> Clock {
        Clock::estimate(Votes(&Written::new(votes).voters()), &[], &[])
    }

    #[test]
    fn a_misread_zone_is_found_with_an_offset_of_seconds_on_top() {
        let lags: Vec<i64> = [1, 3, 2, 8, 15, 1, 4, 2, 900, 3_000].map(|ms| ms * MS).into();
        let offset = -5 * 3_600_000 * MS - 1_800_000 * MS + 1_700 * MS;
        let clock = estimate(&votes(offset, &lags));
        assert_eq!(clock.source, ClockSource::Estimated);
        assert!((clock.offset - offset - MS).abs() <= 2 * MS, "{clock:?}");
    }

    #[test]
    fn votes_that_do_not_agree_are_no_evidence() {
        let votes = [(0, 5_000 * MS), (1, 900 * MS), (2, -40_000 * MS), (3, 77_000 * MS)];
        assert_eq!(estimate(&votes).source, ClockSource::Assumed);
    }

    #[test]
    fn the_refined_offset_is_the_lower_edge() {
        let clock =
            Clock { offset: 100 * MS, knots: Vec::new(), uncertainty: 0, pairs: 5, source: ClockSource::Estimated };
        // Two wrong pairs before the edge.
        let lags: Vec<i64> = [-60, -25].into_iter().chain((0..100).map(|n| 3 + n)).map(|ms| ms * MS).collect();
        assert_eq!(clock.refined(&lags, MS).offset, (100 + 3 + 1) * MS);
    }

    /// Seven sure pairs, three of which are late by the same 194 ms: no lower edge, where sixteen calls agree on an earlier one.
    #[test]
    fn a_few_late_lines_do_not_move_the_offset_beyond_what_agreed() {
        let clock = Clock { uncertainty: WITHIN, pairs: 16, source: ClockSource::Estimated, ..Clock::given(5 * MS) };
        let late = [194, 196, 199, 300, 420, 900, 1_500].map(|ms| ms * MS);
        assert_eq!(clock.clone().refined(&late, MS), clock);
        // As many as agreed at first know better.
        let clock = Clock { pairs: 7, ..clock };
        assert_eq!(clock.refined(&late, MS).offset, (5 + 194 + 1) * MS);
    }

    /// At the log's beginning, in its middle and at its end.
    #[test]
    fn a_stretch_of_the_log_has_an_offset_of_its_own() {
        let at = |second: i64| Timestamp::from_nanos(second * 1_000 * MS);
        let steady = Clock { source: ClockSource::Estimated, ..Clock::given(100 * MS) };
        let offset_at = |clock: &Clock, second: i64| at(second).since(clock.to_capture(at(second)));
        let begins = steady.with_stretch(-2_400 * MS, None, Some(at(50)));
        assert_eq!(begins.offset, -2_400 * MS);
        assert_eq!([10, 49, 50, 90].map(|second| offset_at(&begins, second) / MS), [-2_400, -2_400, 100, 100]);
        let inside = begins.with_stretch(700 * MS, Some(at(60)), Some(at(70)));
        assert_eq!([49, 59, 60, 69, 70].map(|second| offset_at(&inside, second) / MS), [-2_400, 100, 700, 700, 100]);
        let ends = steady.with_stretch(2_600 * MS, Some(at(50)), None);
        assert_eq!([49, 50, 90].map(|second| offset_at(&ends, second) / MS), [100, 2_600, 2_600]);
        assert!(ends.is_step(1) && !ends.is_step(0));
        assert_eq!(ends.with_stretch(7 * MS, None, None), Clock { offset: 7 * MS, ..steady });
    }

    #[test]
    fn a_given_offset_is_never_moved() {
        let clock = Clock::given(5);
        assert_eq!(clock.clone().refined(&[1; 100], 1), clock);
    }
}
