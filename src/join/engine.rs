//! The join as a whole: passes over all calls, each with what the one before taught.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;
use wirecause_parsers::{
    log::{FailedCall, Retry},
    time::Timestamp,
};

use crate::track::Finished;

use super::{
    anchor::{Anchor, AnchorKind},
    assign::{Assigned, Row, assign},
    attempts,
    began::Durations,
    candidates::{Endpoint, endpoints},
    clock::{Clock, ClockSource},
    infer::infer,
    names::NameTable,
    near::{Near, kind},
    pool::lease,
    score::{LagModel, Model, Targets, lag_ms, path_of, reach, score},
    step::Ground,
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

/// The outcome for all calls.
#[derive(Clone, Debug)]
pub struct Joined {
    /// One per call, in their order.
    pub matches: Vec<Match>,
    /// The endpoints with their connections.
    pub endpoints: Vec<Endpoint>,
    /// Log clock against capture clock.
    pub clock: Clock,
    /// The gateway's timeouts by endpoint, as far as learned.
    pub timeouts: Vec<Timeouts>,
    /// From the stamp that the thread began to the first packet, in ms: median and spread, where it is one.
    pub begin: Option<(f64, f64)>,
}

/// What a call was joined to.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Index of its endpoint.
    pub endpoint: usize,
    /// Index of the connection.
    pub connection: Option<usize>,
    /// Where on the connection.
    pub anchor: Option<Anchor>,
    /// How sure.
    pub certainty: Certainty,
    /// Connections that could explain the call, best first; the chosen one among them.
    pub candidates: Vec<Candidate>,
    /// By how much the best assignment without this pair is worse, in nats; `None` where there was no alternative.
    pub margin: Option<f64>,
    /// Log time less anchor, on the capture's clock, in ms.
    pub lag_ms: Option<f64>,
    /// Connections of the call's earlier attempts.
    pub earlier: Vec<usize>,
}

/// A connection that could explain a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Its index.
    pub connection: usize,
    /// Where on it.
    pub anchor: Anchor,
    /// How well, in nats against chance.
    pub score: f64,
}

/// How sure a join is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// No other assignment comes near.
    Certain,
    /// Others are possible, and less likely.
    Likely,
    /// Others are about as likely.
    Ambiguous,
    /// No connection.
    None,
}

impl Certainty {
    /// The word of the `match` column.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Ambiguous => "ambiguous",
            Self::None => "none",
        }
    }
}

/// Joins `calls` to `connections`.
pub fn join(calls: &[&FailedCall], connections: &[Finished], names: &NameTable, config: &JoinConfig<'_>) -> Joined {
    let given = config.clock_offset.map(Clock::given);
    let told = endpoints(calls, connections, names);
    let end = connections.iter().map(|connection| connection.head().end).max();
    let start = connections.iter().map(|connection| connection.head().start).min();
    let pause = end.zip(start).map_or(0, |(end, start)| end.since(start)) / connections.len().max(1) as i64;
    let told_pass = Pass { calls, connections, endpoints: &told, start, end, pause };
    let mut near = told_pass.near_all();
    let known = given.unwrap_or_else(|| told_pass.estimate_clock(&near));
    let known = Some(known).filter(|clock| clock.source != ClockSource::Assumed);
    let endpoints = infer(&told_pass, known.as_ref());
    let endpoint_of = endpoint_of(calls.len(), &endpoints);
    let pass = Pass { calls, connections, endpoints: &endpoints, start, end, pause };

    if endpoints.iter().any(|endpoint| endpoint.inferred) {
        near = pass.near_all();
    }
    let clock = known.unwrap_or_else(|| pass.estimate_clock(&near));
    let mut model = Model { clock, lags: LagModel::prior(), begin: None, durations: Durations::prior() };
    let mut timeouts = pass.learn_timeouts(&model.clock, &config.timeouts);
    let teachers = pass.teachers();
    let paths: Vec<Paths<'_>> = endpoints.par_iter().map(|endpoint| pass.paths(endpoint)).collect();
    near = pass.near_under(&near, &timeouts);
    let mut outcome = pass.run(&model, &near, &paths, &teachers);
    for pass_number in 1..=PASSES {
        let ground = Ground { near: &near, paths: &paths, endpoint_of: &endpoint_of };
        model.clock = pass.place_steps(&model, &ground);
        model.clock = pass.find_step(&model, &ground, &outcome, &teachers);
        model.clock = pass.refine_clock(&outcome, &model.clock);
        timeouts = pass.learn_timeouts(&model.clock, &config.timeouts);
        model.lags = pass.learn_lags(&outcome, &model.clock);
        model.begin = pass.learn_begin(&outcome, &model.clock);
        model.durations = pass.learn_durations(&outcome, &model.clock);
        let calls = if pass_number < PASSES { &teachers } else { &pass.everyone() };
        near = pass.near_under(&near, &timeouts);
        outcome = pass.run(&model, &near, &paths, calls);
    }
    let mut matches: Vec<Match> = outcome
        .into_iter()
        .enumerate()
        .map(|(call, chosen)| chosen.into_match(calls[call], endpoint_of[call], &model.clock))
        .collect();
    let lag = (model.lags.usual() * 1e6) as i64;
    lease(&pass, &mut matches, config.silent_retries, &model.clock, lag);
    attempts::find_earlier(&pass, &mut matches, &model.clock, &timeouts);
    Joined { matches, clock: model.clock, timeouts, begin: model.begin, endpoints }
}

pub(super) fn endpoint_of(calls: usize, endpoints: &[Endpoint]) -> Vec<usize> {
    let mut endpoint_of = vec![0; calls];
    for (index, endpoint) in endpoints.iter().enumerate() {
        for call in &endpoint.calls {
            endpoint_of[*call] = index;
        }
    }
    endpoint_of
}

/// What a pass works on.
pub(super) struct Pass<'a> {
    pub(super) calls: &'a [&'a FailedCall],
    pub(super) connections: &'a [Finished],
    pub(super) endpoints: &'a [Endpoint],
    /// The first packet of all connections.
    pub(super) start: Option<Timestamp>,
    /// The last packet of all connections.
    pub(super) end: Option<Timestamp>,
    /// The mean time between connections, ns.
    pub(super) pause: i64,
}

/// Request targets of an endpoint.
#[derive(Default)]
pub(super) struct Paths<'a> {
    /// Among its last exchanges.
    pub(super) seen: Targets<'a>,
    /// Among its failed calls.
    pub(super) failed: Targets<'a>,
}

/// A pass's choice for one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    /// Possible connections, best first.
    possible: Vec<Candidate>,
    chosen: Option<usize>,
    pub(super) margin: f64,
}

impl<'a> Pass<'a> {
    /// The anchors of each endpoint's connections for all its calls, as long as nothing is learned of timeouts.
    pub(super) fn near_all(&self) -> Vec<Near> {
        let near = |endpoint: &Endpoint| {
            let kinds = endpoint.calls.iter().map(|call| kind(self.calls[*call]));
            Near::new(kinds, &endpoint.connections, self.connections, &Timeouts::default())
        };
        self.endpoints.par_iter().map(near).collect()
    }

    /// The same under what was learned of the gateway's timeouts.
    fn near_under(&self, near: &[Near], timeouts: &[Timeouts]) -> Vec<Near> {
        let all = near.par_iter().zip(timeouts).zip(self.endpoints);
        all.map(|((near, timeouts), endpoint)| near.under(timeouts, &endpoint.connections, self.connections)).collect()
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
    fn run(&self, model: &Model, near: &[Near], paths: &[Paths<'_>], taken: &[bool]) -> Vec<Choice> {
        let mut choices: Vec<Choice> = vec![Choice::default(); self.calls.len()];
        let scored: Vec<Vec<(usize, Vec<Candidate>)>> = self
            .endpoints
            .par_iter()
            .zip(near.par_iter().zip(paths))
            .map(|(endpoint, (near, paths))| {
                let taken = endpoint.calls.par_iter().copied().filter(|call| taken[*call]);
                taken.map(|call| (call, self.possible(call, near, model, paths))).collect()
            })
            .collect();
        for (call, possible) in scored.into_iter().flatten() {
            choices[call].possible = possible;
        }
        let solved: Vec<(Vec<usize>, Vec<Assigned>, Vec<usize>)> = components(&choices, self.connections.len())
            .into_par_iter()
            .map(|component| self.solve(&choices, component))
            .collect();
        for (calls, assigned, columns) in solved {
            for (call, assigned) in calls.into_iter().zip(assigned) {
                choices[call].chosen = assigned.column.map(|column| columns[column]);
                choices[call].margin = assigned.margin;
            }
        }
        choices
    }

    /// How often each request target was seen among the endpoint's last exchanges, and how often its failed calls name it.
    fn paths(&self, endpoint: &Endpoint) -> Paths<'a> {
        let mut paths = Paths::default();
        let mut asked = HashSet::new();
        for call in &endpoint.calls {
            let url = self.calls[*call].url.as_str();
            paths.failed.add(path_of(url));
            // A proxy gets the whole URL.
            asked.extend([path_of(url), url]);
        }
        for connection in &endpoint.connections {
            for exchange in &self.connections[*connection].open().exchanges.last {
                let Some(target) = exchange.target.as_deref() else { continue };
                match asked.get(target) {
                    Some(asked) => paths.seen.add(*asked),
                    None if exchange.target_cut => paths.seen.add(target.to_owned()),
                    None => paths.seen.add_another(),
                }
            }
        }
        paths
    }

    pub(super) fn possible(&self, index: usize, near: &Near, model: &Model, paths: &Paths<'_>) -> Vec<Candidate> {
        let call = self.calls[index];
        let path = path_of(&call.url);
        let line = model.clock.to_capture(call.time);
        let quiet = self.pause.saturating_mul(MANY_PAUSES).saturating_add(BEYOND);
        let beyond = self.end.is_some_and(|end| line.since(end) > quiet);
        let mut possible: Vec<Candidate> = near
            .within(kind(call), &reach(call, &model.clock))
            .iter()
            .filter_map(|(connection, anchor)| {
                let score = score((call, path), &self.connections[*connection].open(), anchor, model, &paths.seen)?;
                // What was on the wire when the line was written was not captured: it need not be a connection that ended idle before.
                let unseen = if beyond && anchor.kind == AnchorKind::Idle { UNSEEN } else { 0.0 };
                Some(Candidate { connection: *connection, anchor: *anchor, score: score - unseen })
            })
            .collect();
        // Of two anchors on one connection the better counts.
        possible.sort_by(|a, b| a.connection.cmp(&b.connection).then(b.score.total_cmp(&a.score)));
        possible.dedup_by_key(|candidate| candidate.connection);
        attempts::set_back(self, index, paths, &model.clock, &mut possible);
        possible.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.connection.cmp(&b.connection)));
        possible.truncate(MAX_CANDIDATES);
        possible.shrink_to_fit();
        possible
    }

    /// Solves one component; columns are its connections.
    fn solve(&self, choices: &[Choice], calls: Vec<usize>) -> (Vec<usize>, Vec<Assigned>, Vec<usize>) {
        let mut index: BTreeMap<usize, usize> = BTreeMap::new();
        for call in &calls {
            for candidate in &choices[*call].possible {
                let next = index.len();
                index.entry(candidate.connection).or_insert(next);
            }
        }
        let mut columns = vec![0; index.len()];
        let mut shared = vec![false; index.len()];
        for (connection, column) in &index {
            columns[*column] = *connection;
            shared[*column] = self.connections[*connection].is_http2();
        }
        let rows: Vec<Row> = calls
            .iter()
            .map(|call| {
                choices[*call]
                    .possible
                    .iter()
                    .map(|candidate| (index[&candidate.connection], candidate.score))
                    .collect()
            })
            .collect();
        let assigned = assign(&rows, columns.len(), &shared, NONE);
        (calls, assigned, columns)
    }
}

impl Choice {
    pub(super) fn anchor(&self) -> Option<&Anchor> {
        let chosen = self.chosen?;
        self.possible.iter().find(|candidate| candidate.connection == chosen).map(|candidate| &candidate.anchor)
    }

    pub(super) const fn is_joined(&self) -> bool {
        self.chosen.is_some()
    }

    fn into_match(self, call: &FailedCall, endpoint: usize, clock: &Clock) -> Match {
        let anchor = self.anchor().copied();
        let certainty = match self.chosen {
            None => Certainty::None,
            Some(_) if self.margin >= CERTAIN => Certainty::Certain,
            Some(_) if self.margin >= LIKELY => Certainty::Likely,
            Some(_) => Certainty::Ambiguous,
        };
        Match {
            endpoint,
            connection: self.chosen,
            anchor,
            certainty,
            margin: (self.chosen.is_some() && self.margin.is_finite()).then_some(self.margin),
            lag_ms: anchor.map(|anchor| lag_ms(call, &anchor, clock)),
            candidates: self.possible,
            earlier: Vec::new(),
        }
    }
}

/// Groups calls that share candidates; calls without any form no component.
fn components(choices: &[Choice], connections: usize) -> Vec<Vec<usize>> {
    let mut parent: Vec<usize> = (0..choices.len()).collect();
    // The first call of each connection.
    let mut first: Vec<Option<usize>> = vec![None; connections];
    for (call, choice) in choices.iter().enumerate() {
        for candidate in &choice.possible {
            let other = *first[candidate.connection].get_or_insert(call);
            let (a, b) = (root(&mut parent, call), root(&mut parent, other));
            parent[a.max(b)] = a.min(b);
        }
    }
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (call, choice) in choices.iter().enumerate() {
        if !choice.possible.is_empty() {
            groups.entry(root(&mut parent, call)).or_default().push(call);
        }
    }
    groups.into_values().collect()
}

fn root(parent: &mut [usize], mut node: usize) -> usize {
    while parent[node] != node {
        parent[node] = parent[parent[node]];
        node = parent[node];
    }
    node
}

/// Passes after the first; the model changes little after the second.
const PASSES: usize = 3;
/// Calls from which the model is learned, about: it has some twenty numbers to learn.
const MOST_TEACHERS: usize = 8_000;
/// Neighbours that are learned from together: a burst and what surrounds it.
const STRETCH: usize = 500;
/// Candidates kept per call: what is fortieth in score is never chosen, since each of the others would have to be taken by a call
/// that it fits better.
const MAX_CANDIDATES: usize = 40;
/// A line this far behind the last packet is of a call of which packets may be missing, ns: batched auditing writes late, though mostly sooner.
const BEYOND: i64 = 2_000_000_000;
/// And this many times the mean time between connections: where they are few, silence ends no capture.
const MANY_PAUSES: i64 = 20;
/// What a connection that had ended idle explains less of such a line, nats.
const UNSEEN: f64 = 4.0;
/// Score of giving a call no connection, in nats: captures rarely miss one connection and hold its neighbours.
pub const NONE: f64 = -3.5;
/// Margin from which a join is certain (odds of about 50 to 1), nats.
pub const CERTAIN: f64 = 4.0;
/// Margin below which a join is ambiguous (odds of less than 2 to 1), nats.
pub const LIKELY: f64 = 0.7;
