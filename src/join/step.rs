//! A clock that was set: which stretch of the log has an offset of its own, and where it begins and ends.
//!
//! Prompt lines may be too few on one side of a step for their votes to show its offset, and they settle its place only to within the calls
//! between two of them. All calls together know better: on the wrong side of a step they find no connection, or one that fits worse.

use std::{cmp::Reverse, collections::HashMap, ops::Range};

use wirecause_parsers::time::Timestamp;

use super::{
    anchor::AnchorKind,
    clock::{Clock, ClockSource},
    engine::{Choice, Ground, NONE, Pass},
    mode::mode,
    near::kind,
    possible::Possible,
    score::Model,
};

impl Pass<'_> {
    /// The clock of `model`, or one that has another offset in the stretch of the log in which calls found no connection and find one under
    /// that. `outcome` is what the `taken` calls found.
    pub(super) fn find_step(&self, model: &Model, ground: &Ground, outcome: &[Choice], taken: &[bool]) -> Clock {
        let taken: Vec<usize> = (0..self.calls.len()).filter(|call| taken[*call]).collect();
        // What lies outside the capture finds no connection whatever the clock says.
        let captured = |call: &usize| {
            let line = model.clock.to_capture(self.calls[*call].time);
            self.start.is_some_and(|start| start <= line) && self.end.is_some_and(|end| line <= end)
        };
        let anchors = |call: usize| ground.near[ground.endpoint_of[call] as usize].all(kind(&self.calls[call].failure));
        let lost = |call: &usize| !outcome[*call].is_joined() && !anchors(*call).is_empty();
        let lost: Vec<usize> = taken.iter().copied().filter(captured).filter(lost).collect();
        if model.clock.source != ClockSource::Estimated || lost.len() < LEAST.max(taken.len() / FEW) {
            return model.clock.clone();
        }
        let votes: Vec<(usize, i64)> = lost
            .iter()
            .step_by(lost.len().div_ceil(MOST_ASKED))
            .flat_map(|call| {
                let line = self.calls[*call].time;
                let at_once = anchors(*call).iter().filter(|place| place.kind == AnchorKind::Event);
                at_once.map(move |place| (*call, line.since(place.time)))
            })
            .collect();
        let now = self.fits(&taken, model, ground);
        let mut tried: Vec<(f64, i64, Range<usize>)> = agreed_on(&votes)
            .into_iter()
            .map(|offset| {
                let side = Model { clock: Clock { offset, knots: Vec::new(), ..model.clock.clone() }, ..model.clone() };
                let fits = self.fits(&taken, &side, ground);
                let gains = taken.iter().zip(fits.iter().zip(&now));
                let gains = gains.map(|(call, (fit, now))| if captured(call) { fit - now } else { 0.0 });
                let (gain, stretch) = best_stretch(gains);
                (gain, offset, stretch)
            })
            .collect();
        tried.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.abs().cmp(&b.1.abs())));
        let Some((gain, offset, stretch)) = tried.first().cloned() else { return model.clock.clone() };
        let far = tried.iter().find(|(_, other, _)| (other - offset).abs() > FAR).map_or(0.0, |(gain, ..)| *gain);
        if gain < CLEAR + 2.0 * far {
            return model.clock.clone();
        }
        // Fewer calls at an end of the log are no evidence that the clock was another there.
        let stamp = |index: usize| taken.get(index).map(|call| self.calls[*call].time);
        let from = Some(stretch.start).filter(|start| *start >= LEAST).and_then(stamp);
        let until = Some(stretch.end).filter(|end| *end + LEAST <= taken.len()).and_then(stamp);
        model.clock.with_stretch(offset, from, until)
    }

    /// The clock of `model` with its steps at the cuts at which calls fit best: those before by the offset before, those after by the one after.
    pub(super) fn place_steps(&self, model: &Model, ground: &Ground) -> Clock {
        let mut clock = model.clock.clone();
        let calls_before = |time: Timestamp| self.calls.partition_point(|call| call.time < time);
        for after in (1..clock.knots.len()).filter(|knot| model.clock.is_step(*knot)) {
            let sides = [after - 1, after].map(|knot| Model { clock: clock.constant(knot), ..model.clone() });
            let knot = |index: usize| clock.knots.get(index).map(|knot| calls_before(knot.time));
            let present = knot(after).unwrap_or_default();
            let begin = after.checked_sub(2).and_then(knot).unwrap_or(0);
            let end = knot(after + 1).unwrap_or(self.calls.len());
            let around = begin.max(present.saturating_sub(MOST_MOVED))..end.min(present + MOST_MOVED);
            let calls: Vec<usize> = around.clone().collect();
            let [before, behind] = sides.map(|side| self.fits(&calls, &side, ground));
            let gains = before.into_iter().zip(behind).map(|(before, behind)| before - behind);
            let (mut total, mut best, mut cut) = (0.0, 0.0, around.start);
            for (call, gain) in around.zip(gains) {
                total += gain;
                if total > best {
                    (best, cut) = (total, call + 1);
                }
            }
            if let Some(first) = self.calls.get(cut) {
                clock.set_at(after, first.time);
            }
        }
        clock
    }

    /// How well the best candidate of each of `calls` explains it, or that it has none, nats; they are in order.
    fn fits(&self, calls: &[usize], model: &Model, ground: &Ground) -> Vec<f64> {
        let best = |possible: &[Possible]| possible.first().map_or(NONE, |best| best.candidate.score.max(NONE));
        let mut fits = self.scored(calls, model, ground, best);
        fits.sort_unstable_by_key(|(call, _)| *call);
        fits.into_iter().map(|(_, fit)| fit).collect()
    }
}

/// Offsets that most calls agree on, the most agreed on first; votes of a call stand together.
fn agreed_on(votes: &[(usize, i64)]) -> Vec<i64> {
    // Cells each of which overlaps the next by half: votes that lie close together lie in one.
    let mut counts: HashMap<i64, usize> = HashMap::new();
    for own in votes.chunk_by(|a, b| a.0 == b.0) {
        let halves = own.iter().map(|(_, vote)| vote.div_euclid(PROMPT));
        let mut cells: Vec<i64> = halves.flat_map(|half| [half - 1, half]).collect();
        cells.sort_unstable();
        cells.dedup();
        for cell in cells {
            *counts.entry(cell).or_default() += 1;
        }
    }
    let mut cells: Vec<(i64, usize)> = counts.into_iter().collect();
    cells.sort_unstable_by_key(|(cell, count)| (Reverse(*count), cell.abs(), *cell));
    let low = |(cell, _): (i64, usize)| {
        let from = cell * PROMPT;
        let inside = votes.iter().copied().filter(|(_, vote)| (from..from + 2 * PROMPT).contains(vote));
        mode(&inside.collect::<Vec<_>>(), PROMPT).map(|dense| dense.low)
    };
    let mut offsets: Vec<i64> = Vec::new();
    for offset in cells.into_iter().take(2 * MOST_TRIED).filter_map(low) {
        if offsets.len() < MOST_TRIED && offsets.iter().all(|other| (other - offset).abs() > PROMPT) {
            offsets.push(offset);
        }
    }
    offsets
}

/// The stretch of the highest sum, and that sum (Kadane's algorithm).
fn best_stretch(gains: impl Iterator<Item = f64>) -> (f64, Range<usize>) {
    let (mut best, mut stretch) = (0.0, 0..0);
    let (mut sum, mut start) = (0.0, 0);
    for (index, gain) in gains.enumerate() {
        if sum <= 0.0 {
            (sum, start) = (0.0, index);
        }
        sum += gain;
        if sum > best {
            (best, stretch) = (sum, start..index + 1);
        }
    }
    (best, stretch)
}

/// Calls without a connection from which another offset is looked for.
const LEAST: usize = 5;
/// And one of so many: a few always lack their connection.
const FEW: usize = 16;
/// Calls that are asked which other offset they would have.
const MOST_ASKED: usize = 256;
/// Offsets that are tried.
const MOST_TRIED: usize = 24;
/// Most lines that follow their events at once do so within this time of each other, ns.
const PROMPT: i64 = 12_000_000;
/// Offsets this far from one another share no late lines, ns.
const FAR: i64 = 10_000_000_000;
/// By how much a stretch must fit better than twice what it gains under any offset that agrees by chance, nats.
const CLEAR: f64 = 40.0;
/// Calls by which a step is moved at most: prompt lines place it nearer than that.
const MOST_MOVED: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stretch_that_gains_most_may_begin_and_end_anywhere() {
        assert_eq!(best_stretch([2.0, -1.0, 3.0, -9.0, 3.5].into_iter()), (4.0, 0..3));
        assert_eq!(best_stretch([-1.0, 0.5, 0.0, 4.0].into_iter()), (4.5, 1..4));
        assert_eq!(best_stretch([-1.0, 0.0].into_iter()), (0.0, 0..0));
    }

    /// Three calls agree within some ms, on both sides of a cell's edge; of one call many votes lie close together.
    #[test]
    fn an_offset_counts_the_calls_that_agree_on_it() {
        let at = |call: usize, ms: i64| (call, ms * 1_000_000);
        let mut votes = vec![at(0, 35), at(0, 9_000), at(1, 37), at(1, -700), at(2, 40), at(2, 5_001)];
        votes.extend([at(3, 800), at(3, 801), at(3, 802), at(3, 803)]);
        assert_eq!(agreed_on(&votes).first(), Some(&35_000_000));
    }
}
