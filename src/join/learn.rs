//! What all calls together teach: the offset of the clocks, the gateway's timeouts, how far lines lie behind their events, and whether
//! the "Processing request" stamps are begin times.

use std::collections::BTreeMap;

use rayon::prelude::*;
use wirecause_parsers::{log::Symptom, time::Timestamp};

use super::{
    anchor::AnchorKind,
    began::{Durations, Excess, excess},
    candidates::Endpoint,
    clock::Clock,
    drift,
    engine::{Choice, Pass, endpoint_of},
    near::{Near, kind},
    scene::Scene,
    score::LagModel,
    timeouts::{self, Timeouts},
    votes::{Voter, Votes},
};

impl Pass<'_> {
    /// The offset that most calls agree on whose lines follow an event of the wire at once.
    pub(super) fn estimate_clock(&self, near: &[Near]) -> Clock {
        let times: Vec<Timestamp> = self.calls.iter().map(|call| call.time).collect();
        let endpoint_of = endpoint_of(self.calls.len(), self.endpoints);
        let voters_of = |window: usize| {
            let calls = drift::calls_of(window, self.calls.len());
            calls.map(|index| {
                let call = self.calls[index];
                Voter::new(index, call.time, near[endpoint_of[index] as usize].prompt(kind(&call.failure)))
            })
        };
        // Of very many calls some stretches of the log vote for all, and those between them where two do not agree.
        let pairs: usize = (0..self.calls.len())
            .map(|index| near[endpoint_of[index] as usize].all(kind(&self.calls[index].failure)).len())
            .fold(0, usize::saturating_add);
        let windows = drift::windows(self.calls.len());
        let taken = (windows * MOST_VOTES / pairs.max(1)).clamp(LEAST_WINDOWS, windows.max(LEAST_WINDOWS));
        let mut next: Vec<usize> = (0..taken).map(|index| index * windows / taken).collect();
        let mut looked_at: BTreeMap<usize, Option<drift::Window>> = BTreeMap::new();
        loop {
            looked_at.par_extend(next.into_par_iter().map(|window| {
                let own: Vec<Voter<'_>> = voters_of(window).collect();
                (window, drift::agreement(Votes(&own), &times, window))
            }));
            let asked: Vec<Voter<'_>> = looked_at.keys().flat_map(|window| voters_of(*window)).collect();
            let votes = Votes(&asked);
            let agreeing = drift::agreeing(votes, looked_at.values().copied());
            let room = looked_at.len() < taken + MORE_WINDOWS;
            next = if room { drift::between(&agreeing) } else { Vec::new() };
            next.retain(|window| !looked_at.contains_key(window));
            if next.is_empty() {
                return Clock::estimate(votes, &times, &agreeing);
            }
        }
    }

    /// Timeouts by endpoint: those `given` for its host, else its own, else those of all.
    pub(super) fn learn_timeouts(
        &self,
        scenes: &[Scene],
        clock: &Clock,
        given: &[(String, Timeouts)],
    ) -> Vec<Timeouts> {
        let all = self.endpoints.par_iter().zip(scenes);
        let distances: Vec<[Distances; 2]> =
            all.map(|(endpoint, scene)| self.distances(endpoint, scene, clock)).collect();
        let all = [0, 1].map(|which| Distances::of_all(distances.iter().map(|of_endpoint| &of_endpoint[which])));
        let of_all = learn_both(&all);
        self.endpoints
            .iter()
            .zip(&distances)
            .map(|(endpoint, own)| {
                let own = learn_both(own);
                let given = given.iter().find(|(host, _)| *host == endpoint.target.host);
                let given = given.map(|(_, timeouts)| *timeouts).unwrap_or_default();
                Timeouts {
                    read: given.read.or(own.read).or(of_all.read),
                    connect: given.connect.or(own.connect).or(of_all.connect),
                }
            })
            .collect()
    }

    pub(super) fn refine_clock(&self, outcome: &[Choice], clock: &Clock) -> Clock {
        let lags: Vec<i64> = self.sure_lags(outcome, clock).map(|(_, lag)| lag).collect();
        let resolution = self.calls.iter().map(|call| call.failure.resolution).max().unwrap_or(0);
        clock.clone().refined(&lags, resolution)
    }

    pub(super) fn learn_lags(&self, outcome: &[Choice], clock: &Clock) -> LagModel {
        let lags: Vec<f64> = self.sure_lags(outcome, clock).map(|(_, lag)| (lag as f64 / 1e6).max(0.0)).collect();
        LagModel::learned(&lags)
    }

    /// Whether the "Processing request" stamps precede the first packets, and by how much.
    pub(super) fn learn_begin(&self, outcome: &[Choice], clock: &Clock) -> Option<(f64, f64)> {
        let mut distances: Vec<f64> = outcome
            .iter()
            .enumerate()
            .filter(|(_, choice)| choice.margin >= SURE)
            .filter_map(|(call, choice)| {
                let processing = clock.to_capture(self.calls[call].open().processing?);
                Some(choice.anchor()?.begin?.since(processing) as f64 / 1e6)
            })
            .collect();
        if distances.len() < BEGIN_PAIRS {
            return None;
        }
        distances.sort_by(f64::total_cmp);
        let before = distances.iter().filter(|distance| **distance >= -BEGIN_SLACK).count();
        if before * 10 < distances.len() * 9 {
            return None;
        }
        let median = distances[distances.len() / 2];
        let quartile = distances[distances.len() * 3 / 4] - median;
        Some((median, quartile.max(2.0)))
    }

    /// What stated durations mean, by the surely joined calls that were made once.
    pub(super) fn learn_durations(&self, outcome: &[Choice], clock: &Clock) -> Durations {
        let pairs: Vec<[f64; 2]> = outcome
            .iter()
            .enumerate()
            .filter(|(call, choice)| choice.margin >= SURE && !self.calls[*call].is_repeated())
            .filter_map(|(call, choice)| {
                let anchor = choice.anchor().filter(|anchor| anchor.begin.is_some())?;
                match excess(&self.calls[call].open(), anchor, clock)? {
                    [Excess::Ms(line), Excess::Ms(failure)] => Some([line, failure]),
                    _ => None,
                }
            })
            .collect();
        Durations::learned(&pairs)
    }

    /// Distances from last bytes and from first SYNs to the lines of an endpoint's timeouts that name no limit.
    fn distances(&self, endpoint: &Endpoint, scene: &Scene, clock: &Clock) -> [Distances; 2] {
        [(Symptom::ReadTimeout, &scene.unanswered), (Symptom::ConnectTimeout, &scene.unopened)]
            .map(|(symptom, starts)| self.distances_from(endpoint, clock, symptom, starts))
    }

    fn distances_from(&self, endpoint: &Endpoint, clock: &Clock, symptom: Symptom, starts: &[Timestamp]) -> Distances {
        let unnamed = |call: &&usize| {
            self.calls[**call].failure.symptom == symptom && self.calls[**call].failure.timeout_ms.is_none()
        };
        let lines: Vec<usize> = endpoint.calls.iter().filter(unnamed).copied().collect();
        let mut distances = Distances::default();
        for call in lines.iter().step_by(lines.len().div_ceil(MOST_TIMED).max(1)) {
            distances.calls += 1;
            let line = clock.to_capture(self.calls[*call].time);
            let first = starts.partition_point(|start| line.since(*start) > timeouts::LONGEST);
            let before = starts.iter().skip(first).map(|start| line.since(*start));
            distances.pairs.extend(before.take_while(|distance| *distance >= 0).map(|distance| (*call, distance)));
        }
        distances
    }

    /// Lags in nanoseconds of pairs that are sure and follow an event at once.
    fn sure_lags<'b>(&'b self, outcome: &'b [Choice], clock: &'b Clock) -> impl Iterator<Item = (usize, i64)> + 'b {
        outcome.iter().enumerate().filter_map(move |(call, choice)| {
            let anchor = choice.anchor().filter(|anchor| anchor.kind == AnchorKind::Event)?;
            (choice.margin >= SURE).then(|| (call, clock.to_capture(self.calls[call].time).since(anchor.time)))
        })
    }
}

/// Distances that calls offer as their timeout.
#[derive(Debug, Default)]
struct Distances {
    pairs: Vec<(usize, i64)>,
    calls: usize,
}

impl Distances {
    fn of_all<'d>(several: impl Iterator<Item = &'d Self>) -> Self {
        let mut all = Self::default();
        for distances in several {
            all.pairs.extend_from_slice(&distances.pairs);
            all.calls += distances.calls;
        }
        all
    }

    fn learn(&self) -> Option<i64> {
        timeouts::learn(&self.pairs, self.calls)
    }
}

fn learn_both([read, connect]: &[Distances; 2]) -> Timeouts {
    Timeouts { read: read.learn(), connect: connect.learn() }
}

/// Margin of pairs from which the model is learned, nats.
const SURE: f64 = 3.0;
/// Pairs needed to learn that the stamps of "Processing request" are begin times.
const BEGIN_PAIRS: usize = 8;
/// A stamp may lie this much after the first packet and still be a begin time (clock, rounding), ms.
const BEGIN_SLACK: f64 = 3.0;
/// Votes that are looked at, unless the stretches between those that do not agree are asked too: some thousand calls by some thousand
/// connections tell as much as any number.
const MOST_VOTES: usize = 1_000_000;
/// Calls of an endpoint that teach its timeouts: a third of them must agree, and some dozens show that as well as all.
const MOST_TIMED: usize = 64;
/// Stretches of the log that vote at least.
const LEAST_WINDOWS: usize = 8;
/// Stretches asked besides where the offset changes: a step is found within an archive of any length by some twenty.
const MORE_WINDOWS: usize = 256;
