//! The connections that may explain a call, with their scores.

use std::{collections::BTreeMap, ops::RangeInclusive};

use rayon::prelude::*;
use wirecause_parsers::{log::FailedCall, time::Timestamp};

use super::{
    anchor::{Anchor, AnchorKind},
    attempts,
    engine::{Ground, Pass},
    found::{Candidate, Spot},
    near::{Kind, kind},
    scene::Scene,
    score::{Model, path_of, reach, score},
    stretch::{Seen, Stretch},
};

/// A connection that may explain a call.
pub(super) struct Possible {
    pub(super) candidate: Candidate,
    pub(super) anchor: Anchor,
    /// When the connection was asked for what the call names, word for word.
    pub(super) asked: Option<Timestamp>,
}

impl Pass<'_> {
    /// What is made of the possible connections of each of `calls`, which are in order. Neighbours look at the same connections, which are
    /// opened for them together.
    pub(super) fn scored<T: Send>(
        &self,
        calls: &[usize],
        model: &Model,
        ground: &Ground,
        made: impl Fn(&[Possible]) -> T + Sync,
    ) -> Vec<(usize, T)> {
        let mut of_endpoint: Vec<Vec<usize>> = vec![Vec::new(); self.endpoints.len()];
        for call in calls {
            of_endpoint[ground.endpoint_of[*call] as usize].push(*call);
        }
        let line = |call: usize| model.clock.to_capture(self.calls[call].time);
        let runs: Vec<(usize, &[usize])> = of_endpoint
            .iter()
            .enumerate()
            .flat_map(|(endpoint, calls)| runs(calls, line).map(move |run| (endpoint, run)))
            .collect();
        let of_run = |(endpoint, run): (usize, &[usize])| -> Vec<(usize, T)> {
            let mut spans: BTreeMap<Kind, RangeInclusive<Timestamp>> = BTreeMap::new();
            for call in run.iter().map(|call| self.calls[*call]) {
                let own = reach(call.time, &call.failure, &model.clock);
                let span = spans.entry(kind(&call.failure)).or_insert_with(|| own.clone());
                *span = *own.start().min(span.start())..=*own.end().max(span.end());
            }
            let stretch = Stretch::open(&ground.near[endpoint], &spans, self.connections);
            let possible = |call: usize| {
                let call = self.calls[call].open();
                made(&self.possible(&call, &stretch, model, &ground.scenes[endpoint]))
            };
            run.iter().map(|call| (*call, possible(*call))).collect()
        };
        runs.into_par_iter().flat_map_iter(of_run).collect()
    }

    /// The connections that may explain a call, best first.
    fn possible(&self, call: &FailedCall, stretch: &Stretch, model: &Model, scene: &Scene) -> Vec<Possible> {
        let path = path_of(&call.url);
        let line = model.clock.to_capture(call.time);
        let quiet = self.pause.saturating_mul(MANY_PAUSES).saturating_add(BEYOND);
        let beyond = self.end.is_some_and(|end| line.since(end) > quiet);
        let mut possible: Vec<Possible> = stretch
            .within(kind(&call.failure), &reach(call.time, &call.failure, &model.clock))
            .iter()
            .filter_map(|Seen { connection, nth, anchor, shown }| {
                let score = score((call, path), shown, anchor, model, &scene.seen)?;
                // What was on the wire when the line was written was not captured: it need not be a connection that ended idle before.
                let unseen = if beyond && anchor.kind == AnchorKind::Idle { UNSEEN } else { 0.0 };
                let candidate = Candidate { spot: Spot::new(*connection, *nth, anchor), score: score - unseen };
                Some(Possible { candidate, anchor: *anchor, asked: shown.asked_for(path) })
            })
            .collect();
        // Of two anchors on one connection the better counts.
        possible.sort_by(|Possible { candidate: a, .. }, Possible { candidate: b, .. }| {
            a.connection().cmp(&b.connection()).then(b.score.total_cmp(&a.score))
        });
        possible.dedup_by_key(|possible| possible.candidate.connection());
        attempts::set_back(call, scene, &model.clock, &mut possible);
        possible.sort_by(|Possible { candidate: a, .. }, Possible { candidate: b, .. }| {
            b.score.total_cmp(&a.score).then(a.connection().cmp(&b.connection()))
        });
        possible.truncate(MAX_CANDIDATES);
        possible
    }
}

/// Calls of an endpoint, which are in order, in runs of those whose `line`s lie close together.
fn runs(calls: &[usize], line: impl Fn(usize) -> Timestamp) -> impl Iterator<Item = &[usize]> {
    let mut left = calls;
    std::iter::from_fn(move || {
        let first = line(*left.first()?);
        let is_near = |call: &&usize| line(**call).since(first).abs() <= RUN;
        let length = left.iter().take(LONGEST_RUN).take_while(is_near).count();
        let (run, rest) = left.split_at(length);
        left = rest;
        Some(run)
    })
}

/// Time that a run of calls spans at most, ns: longer than the time before a line in which its connection is looked for, so that most connections are
/// opened for one run.
const RUN: i64 = 600_000_000_000;
/// Calls of a run at most.
const LONGEST_RUN: usize = 512;
/// Candidates kept per call: what is fortieth in score is never chosen, since each of the others would have to be taken by a call
/// that it fits better.
const MAX_CANDIDATES: usize = 40;
/// A line this far behind the last packet is of a call of which packets may be missing, ns: batched auditing writes late, though mostly sooner.
const BEYOND: i64 = 2_000_000_000;
/// And this many times the mean time between connections: where they are few, silence ends no capture.
const MANY_PAUSES: i64 = 20;
/// What a connection that had ended idle explains less of such a line, nats.
const UNSEEN: f64 = 4.0;
