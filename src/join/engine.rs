//! The join as a whole: passes over all calls, each with what the one before taught.

use std::collections::BTreeMap;

use rayon::prelude::*;
use wirecause_parsers::{log::Retry, time::Timestamp};

use crate::{read::KeptCall, track::Finished};

use super::{
    anchor::Anchor,
    asked::name_by_requests,
    assign::{Assigned, Row, assign},
    attempts,
    began::Durations,
    candidates::{Endpoint, endpoints},
    clock::{Clock, ClockSource},
    found::{Candidate, Certainty, Joined, Match},
    infer::infer,
    names::NameTable,
    near::Near,
    pool::lease,
    scene::Scene,
    score::{LagModel, Model},
    timeouts::Timeouts,
};

/// What the user fixed.
#[derive(Clone, Debug, Default)]
pub struct JoinConfig<'a> {
    /// Log clock less capture clock in nanoseconds, if given.
    pub clock_offset: Option<i64>,
    /// The gateway's timeouts by host, as far as given; they win over learned ones.
    pub timeouts: Vec<(String, Timeouts)>,
    /// Lines about attempts whose calls succeeded in the end: they used up connections too.
    pub silent_retries: &'a [&'a Retry],
}

/// Joins `calls` to `connections`.
pub fn join(calls: &[&KeptCall], connections: &[Finished], names: &NameTable, config: &JoinConfig<'_>) -> Joined {
    let given = config.clock_offset.map(Clock::given);
    let mut told = endpoints(calls, connections, names);
    name_by_requests(calls, connections, &mut told);
    let end = connections.iter().map(|connection| connection.head().end).max();
    let start = connections.iter().map(|connection| connection.head().start).min();
    let pause = end.zip(start).map_or(0, |(end, start)| end.since(start)) / connections.len().max(1) as i64;
    let told_pass = Pass { calls, connections, endpoints: &told, start, end, pause };
    let looks: Vec<(Near, Scene)> = told.par_iter().map(|endpoint| told_pass.look(endpoint)).collect();
    let (mut near, mut scenes): (Vec<Near>, Vec<Scene>) = looks.into_iter().unzip();
    let known = given.unwrap_or_else(|| told_pass.estimate_clock(&near));
    let known = Some(known).filter(|clock| clock.source != ClockSource::Assumed);
    let endpoints = infer(&told_pass, &near, known.as_ref());
    let pass = Pass { calls, connections, endpoints: &endpoints, start, end, pause };
    for (index, endpoint) in endpoints.iter().enumerate().filter(|(_, endpoint)| endpoint.inferred) {
        (near[index], scenes[index]) = pass.look(endpoint);
    }
    let clock = known.unwrap_or_else(|| pass.estimate_clock(&near));
    let mut model = Model { clock, lags: LagModel::prior(), begin: None, durations: Durations::prior() };
    let mut timeouts = pass.learn_timeouts(&scenes, &model.clock, &config.timeouts);
    let teachers = pass.teachers();
    near = pass.near_under(&near, &timeouts);
    let mut ground = Ground { near, scenes, endpoint_of: endpoint_of(calls.len(), &endpoints) };
    let mut outcome = pass.run(&model, &ground, &teachers, Kept::Anchors);
    for pass_number in 1..=PASSES {
        model.clock = pass.place_steps(&model, &ground);
        model.clock = pass.find_step(&model, &ground, &outcome, &teachers);
        model.clock = pass.refine_clock(&outcome, &model.clock);
        timeouts = pass.learn_timeouts(&ground.scenes, &model.clock, &config.timeouts);
        model.lags = pass.learn_lags(&outcome, &model.clock);
        model.begin = pass.learn_begin(&outcome, &model.clock);
        model.durations = pass.learn_durations(&outcome, &model.clock);
        ground.near = pass.near_under(&ground.near, &timeouts);
        outcome = if pass_number < PASSES {
            pass.run(&model, &ground, &teachers, Kept::Anchors)
        } else {
            pass.run(&model, &ground, &pass.everyone(), Kept::Spots)
        };
    }
    let Ground { endpoint_of, .. } = ground;
    let matches = outcome.into_iter().zip(endpoint_of).map(|(chosen, endpoint)| chosen.into_match(endpoint)).collect();
    let lag = (model.lags.usual() * 1e6) as i64;
    let mut joined = Joined {
        matches,
        clock: model.clock,
        timeouts,
        begin: model.begin,
        earlier: BTreeMap::new(),
        endpoints: Vec::new(),
    };
    lease(&pass, &mut joined, config.silent_retries, lag);
    attempts::find_earlier(&pass, &mut joined);
    Joined { endpoints, ..joined }
}

pub(super) fn endpoint_of(calls: usize, endpoints: &[Endpoint]) -> Vec<u32> {
    let mut endpoint_of = vec![0; calls];
    for (index, endpoint) in (0..).zip(endpoints) {
        for call in &endpoint.calls {
            endpoint_of[*call] = index;
        }
    }
    endpoint_of
}

/// What a pass works on.
pub(super) struct Pass<'a> {
    pub(super) calls: &'a [&'a KeptCall],
    pub(super) connections: &'a [Finished],
    pub(super) endpoints: &'a [Endpoint],
    /// The first packet of all connections.
    pub(super) start: Option<Timestamp>,
    /// The last packet of all connections.
    pub(super) end: Option<Timestamp>,
    /// The mean time between connections, ns.
    pub(super) pause: i64,
}

/// What calls are held against.
pub(super) struct Ground {
    /// The anchors of each endpoint.
    pub(super) near: Vec<Near>,
    /// What the connections of each endpoint show together.
    pub(super) scenes: Vec<Scene>,
    /// Each call's endpoint.
    pub(super) endpoint_of: Vec<u32>,
}

/// What a pass keeps of the possible connections of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// Where a call may have been on each: all that it takes to choose.
    Spots,
    /// And the instants there, from which the model is learned.
    Anchors,
}

/// A pass's choice for one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    /// Possible connections, best first.
    possible: Box<[Candidate]>,
    /// The instants there, if they were kept.
    anchors: Box<[Anchor]>,
    /// Which of them.
    chosen: Option<u32>,
    pub(super) margin: f64,
}

impl Pass<'_> {
    /// The anchors of each endpoint, where only `changed` endpoints have other connections than before.
    pub(super) fn near_again(&self, near: &[Near], changed: impl Fn(usize) -> bool) -> Vec<Near> {
        let own = |(index, endpoint)| if changed(index) { self.look(endpoint).0 } else { near[index].clone() };
        self.endpoints.iter().enumerate().map(own).collect()
    }

    /// The same under what was learned of the gateway's timeouts.
    fn near_under(&self, near: &[Near], timeouts: &[Timeouts]) -> Vec<Near> {
        near.par_iter().zip(timeouts).map(|(near, timeouts)| near.under(timeouts, self.connections)).collect()
    }

    /// All calls.
    fn everyone(&self) -> Vec<bool> {
        vec![true; self.calls.len()]
    }

    /// The calls from which the model is learned: of very many, stretches of neighbours, since those compete for connections.
    fn teachers(&self) -> Vec<bool> {
        let all = self.calls.len();
        let every = all.div_ceil(MOST_TEACHERS).max(1);
        (0..all).map(|call| (call / STRETCH).is_multiple_of(every)).collect()
    }

    /// Joins the calls that are `taken`; the others are joined to nothing.
    fn run(&self, model: &Model, ground: &Ground, taken: &[bool], kept: Kept) -> Vec<Choice> {
        let mut choices: Vec<Choice> = vec![Choice::default(); self.calls.len()];
        let taken: Vec<usize> = (0..self.calls.len()).filter(|call| taken[*call]).collect();
        let scored = self.scored(&taken, model, ground, |possible| {
            let anchors = if kept == Kept::Anchors { possible } else { &[] };
            (
                possible.iter().map(|one| one.candidate).collect::<Box<[Candidate]>>(),
                anchors.iter().map(|one| one.anchor).collect::<Box<[Anchor]>>(),
            )
        });
        for (call, (possible, anchors)) in scored {
            (choices[call].possible, choices[call].anchors) = (possible, anchors);
        }
        let (calls, root) = components(&choices, self.connections.len());
        let components: Vec<&[u32]> = calls.chunk_by(|a, b| root[*a as usize] == root[*b as usize]).collect();
        for several in components.chunks(SOLVED_AT_ONCE) {
            let solved: Vec<_> = several.par_iter().map(|component| self.solve(&choices, component)).collect();
            for (call, (chosen, margin)) in several.iter().copied().flatten().zip(solved.into_iter().flatten()) {
                let choice = &mut choices[*call as usize];
                (choice.chosen, choice.margin) = (chosen, margin);
            }
        }
        choices
    }

    /// Solves one component, whose columns are its connections: which of its possible connections each call gets, and by how much any other
    /// assignment is worse.
    fn solve(&self, choices: &[Choice], calls: &[u32]) -> Vec<(Option<u32>, f64)> {
        let possible = |call: &u32| choices[*call as usize].possible.iter();
        let mut columns: BTreeMap<usize, usize> = BTreeMap::new();
        for candidate in calls.iter().flat_map(possible) {
            let next = columns.len();
            columns.entry(candidate.connection()).or_insert(next);
        }
        let mut shared = vec![false; columns.len()];
        for (connection, column) in &columns {
            shared[*column] = self.connections[*connection].is_http2();
        }
        let column = |candidate: &Candidate| columns[&candidate.connection()];
        let rows: Vec<Row> = calls
            .iter()
            .map(|call| possible(call).map(|candidate| (column(candidate), candidate.score)).collect())
            .collect();
        let assigned = assign(&rows, columns.len(), &shared, NONE).into_iter();
        let chosen = |(call, assigned): (&u32, Assigned)| {
            let is_chosen = |candidate: &Candidate| Some(column(candidate)) == assigned.column;
            (possible(call).position(is_chosen).map(|place| place as u32), assigned.margin)
        };
        calls.iter().zip(assigned).map(chosen).collect()
    }
}

impl Choice {
    /// The instant on the chosen connection.
    pub(super) fn anchor(&self) -> Option<&Anchor> {
        self.anchors.get(self.chosen? as usize)
    }

    pub(super) const fn is_joined(&self) -> bool {
        self.chosen.is_some()
    }

    fn into_match(self, endpoint: u32) -> Match {
        let certainty = match self.chosen {
            None => Certainty::None,
            Some(_) if self.margin >= CERTAIN => Certainty::Certain,
            Some(_) if self.margin >= LIKELY => Certainty::Likely,
            Some(_) => Certainty::Ambiguous,
        };
        let chosen = self.chosen.and_then(|place| self.possible.get(place as usize)).map(|candidate| candidate.spot);
        Match { endpoint, certainty, chosen, worse: self.margin, candidates: self.possible }
    }
}

/// Groups calls that share candidates: the calls that have any, group by group, and the first call of each call's group.
fn components(choices: &[Choice], connections: usize) -> (Vec<u32>, Vec<u32>) {
    let mut parent: Vec<u32> = (0..choices.len() as u32).collect();
    // The first call of each connection, or no call.
    let mut first: Vec<u32> = vec![u32::MAX; connections];
    for (call, choice) in (0..).zip(choices) {
        for candidate in &choice.possible {
            let first = &mut first[candidate.connection()];
            *first = (*first).min(call);
            let (a, b) = (root(&mut parent, call), root(&mut parent, *first));
            parent[a.max(b) as usize] = a.min(b);
        }
    }
    let any = (0..).zip(choices).filter(|(_, choice)| !choice.possible.is_empty());
    let mut calls: Vec<u32> = any.map(|(call, _)| call).collect();
    for call in &calls {
        parent[*call as usize] = root(&mut parent, *call);
    }
    // Stable: calls of a group stay in order.
    calls.sort_by_key(|call| parent[*call as usize]);
    (calls, parent)
}

fn root(parent: &mut [u32], mut node: u32) -> u32 {
    while parent[node as usize] != node {
        parent[node as usize] = parent[parent[node as usize] as usize];
        node = parent[node as usize];
    }
    node
}

/// Components that are solved before what was found of them is taken over.
const SOLVED_AT_ONCE: usize = 8_192;
/// Passes after the first; the model changes little after the second.
const PASSES: usize = 3;
/// Calls from which the model is learned, about: it has some twenty numbers to learn.
const MOST_TEACHERS: usize = 8_000;
/// Neighbours that are learned from together: a burst and what surrounds it.
const STRETCH: usize = 500;
/// Score of giving a call no connection, in nats: captures rarely miss one connection and hold its neighbours.
pub const NONE: f64 = -3.5;
/// Margin from which a join is certain (odds of about 50 to 1), nats.
pub const CERTAIN: f64 = 4.0;
/// Margin below which a join is ambiguous (odds of less than 2 to 1), nats.
pub const LIKELY: f64 = 0.7;
