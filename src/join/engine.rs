//! The join as a whole: passes over all calls, each with what the one before taught.

use std::{
    collections::{BTreeMap, HashSet},
    ops::RangeInclusive,
};

use rayon::prelude::*;
use wirecause_parsers::{
    log::{FailedCall, Retry},
    time::Timestamp,
};

use crate::track::Finished;

use super::{
    anchor::{Anchor, AnchorKind, open_exchange},
    assign::{Assigned, Row, assign},
    attempts,
    began::Durations,
    candidates::{Endpoint, endpoints},
    clock::{Clock, ClockSource},
    infer::infer,
    names::NameTable,
    near::{Kind, Near, kind},
    pool::lease,
    score::{LagModel, Model, Targets, lag_ms, path_of, reach, score},
    stretch::{Seen, Stretch},
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
    let endpoints = infer(&told_pass, &near, known.as_ref());
    let pass = Pass { calls, connections, endpoints: &endpoints, start, end, pause };
    near = pass.near_again(&near, |endpoint| endpoints[endpoint].inferred);
    let clock = known.unwrap_or_else(|| pass.estimate_clock(&near));
    let mut model = Model { clock, lags: LagModel::prior(), begin: None, durations: Durations::prior() };
    let scenes: Vec<Scene<'_>> = endpoints.iter().map(|endpoint| pass.scene(endpoint)).collect();
    let mut timeouts = pass.learn_timeouts(&scenes, &model.clock, &config.timeouts);
    let teachers = pass.teachers();
    near = pass.near_under(&near, &timeouts);
    let mut ground = Ground { near, scenes, endpoint_of: endpoint_of(calls.len(), &endpoints) };
    let mut outcome = pass.run(&model, &ground, &teachers);
    for pass_number in 1..=PASSES {
        model.clock = pass.place_steps(&model, &ground);
        model.clock = pass.find_step(&model, &ground, &outcome, &teachers);
        model.clock = pass.refine_clock(&outcome, &model.clock);
        timeouts = pass.learn_timeouts(&ground.scenes, &model.clock, &config.timeouts);
        model.lags = pass.learn_lags(&outcome, &model.clock);
        model.begin = pass.learn_begin(&outcome, &model.clock);
        model.durations = pass.learn_durations(&outcome, &model.clock);
        let calls = if pass_number < PASSES { &teachers } else { &pass.everyone() };
        ground.near = pass.near_under(&ground.near, &timeouts);
        outcome = pass.run(&model, &ground, calls);
    }
    let Ground { endpoint_of, .. } = ground;
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

/// What the connections of an endpoint show together.
#[derive(Default)]
pub(super) struct Scene<'a> {
    /// Request targets of its last exchanges.
    pub(super) seen: Targets<'a>,
    /// Those of its failed calls.
    pub(super) failed: Targets<'a>,
    /// When requests that were never answered ended, in order.
    pub(super) unanswered: Vec<Timestamp>,
    /// When connections began that were not opened at once, in order.
    pub(super) unopened: Vec<Timestamp>,
}

/// What calls are held against.
pub(super) struct Ground<'a> {
    /// The anchors of each endpoint.
    pub(super) near: Vec<Near>,
    /// What the connections of each endpoint show together.
    pub(super) scenes: Vec<Scene<'a>>,
    /// Each call's endpoint.
    pub(super) endpoint_of: Vec<usize>,
}

/// A connection that may explain a call.
pub(super) struct Possible {
    pub(super) candidate: Candidate,
    /// When the connection was asked for what the call names, word for word.
    pub(super) asked: Option<Timestamp>,
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
        self.endpoints.par_iter().map(|endpoint| self.near_of(endpoint)).collect()
    }

    fn near_of(&self, endpoint: &Endpoint) -> Near {
        let kinds = endpoint.calls.iter().map(|call| kind(self.calls[*call]));
        Near::new(kinds, &endpoint.connections, self.connections, &Timeouts::default())
    }

    /// The same, where only `changed` endpoints have other connections than before.
    pub(super) fn near_again(&self, near: &[Near], changed: impl Fn(usize) -> bool) -> Vec<Near> {
        let own = |(index, endpoint)| if changed(index) { self.near_of(endpoint) } else { near[index].clone() };
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
    fn run(&self, model: &Model, ground: &Ground<'_>, taken: &[bool]) -> Vec<Choice> {
        let mut choices: Vec<Choice> = vec![Choice::default(); self.calls.len()];
        let taken: Vec<usize> = (0..self.calls.len()).filter(|call| taken[*call]).collect();
        for (call, possible) in self.scored(&taken, model, ground, |possible| possible) {
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

    /// What is made of the possible connections of each of `calls`, which are in order. Neighbours look at the same connections, which are
    /// opened for them together.
    pub(super) fn scored<T: Send>(
        &self,
        calls: &[usize],
        model: &Model,
        ground: &Ground<'_>,
        made: impl Fn(Vec<Candidate>) -> T + Sync,
    ) -> Vec<(usize, T)> {
        let mut of_endpoint: Vec<Vec<usize>> = vec![Vec::new(); self.endpoints.len()];
        for call in calls {
            of_endpoint[ground.endpoint_of[*call]].push(*call);
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
                let own = reach(call, &model.clock);
                let span = spans.entry(kind(call)).or_insert_with(|| own.clone());
                *span = *own.start().min(span.start())..=*own.end().max(span.end());
            }
            let stretch = Stretch::open(&ground.near[endpoint], &spans, self.connections);
            let possible = |call: usize| made(self.possible(call, &stretch, model, &ground.scenes[endpoint]));
            run.iter().map(|call| (*call, possible(*call))).collect()
        };
        runs.into_par_iter().flat_map_iter(of_run).collect()
    }

    fn scene(&self, endpoint: &Endpoint) -> Scene<'a> {
        let mut scene = Scene::default();
        let mut asked = HashSet::new();
        for call in &endpoint.calls {
            let url = self.calls[*call].url.as_str();
            scene.failed.add(path_of(url));
            // A proxy gets the whole URL.
            asked.extend([path_of(url), url]);
        }
        let of_part = |part: &[u32]| {
            let mut own = Scene::default();
            for index in part {
                own.add(&self.connections[*index as usize], &asked);
            }
            own
        };
        for part in endpoint.connections.par_chunks(PART).map(of_part).collect::<Vec<_>>() {
            scene.seen.append(part.seen);
            scene.unanswered.extend(part.unanswered);
            scene.unopened.extend(part.unopened);
        }
        scene.unanswered.sort_unstable();
        scene.unopened.sort_unstable();
        scene
    }

    fn possible(&self, index: usize, stretch: &Stretch, model: &Model, scene: &Scene<'_>) -> Vec<Candidate> {
        let call = self.calls[index];
        let path = path_of(&call.url);
        let line = model.clock.to_capture(call.time);
        let quiet = self.pause.saturating_mul(MANY_PAUSES).saturating_add(BEYOND);
        let beyond = self.end.is_some_and(|end| line.since(end) > quiet);
        let mut possible: Vec<Possible> = stretch
            .within(kind(call), &reach(call, &model.clock))
            .iter()
            .filter_map(|Seen { connection, anchor, shown }| {
                let score = score((call, path), shown, anchor, model, &scene.seen)?;
                // What was on the wire when the line was written was not captured: it need not be a connection that ended idle before.
                let unseen = if beyond && anchor.kind == AnchorKind::Idle { UNSEEN } else { 0.0 };
                let candidate = Candidate { connection: *connection, anchor: *anchor, score: score - unseen };
                Some(Possible { candidate, asked: shown.asked_for(path) })
            })
            .collect();
        // Of two anchors on one connection the better counts.
        possible.sort_by(|Possible { candidate: a, .. }, Possible { candidate: b, .. }| {
            a.connection.cmp(&b.connection).then(b.score.total_cmp(&a.score))
        });
        possible.dedup_by_key(|possible| possible.candidate.connection);
        attempts::set_back(call, scene, &model.clock, &mut possible);
        let mut candidates: Vec<Candidate> = possible.into_iter().map(|possible| possible.candidate).collect();
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.connection.cmp(&b.connection)));
        candidates.truncate(MAX_CANDIDATES);
        candidates.shrink_to_fit();
        candidates
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

impl<'a> Scene<'a> {
    /// Adds a connection; `asked` are the targets that calls name.
    fn add(&mut self, connection: &Finished, asked: &HashSet<&'a str>) {
        let in_order = connection.in_order();
        let connection = connection.open();
        for exchange in &connection.exchanges.last {
            let Some(target) = exchange.target.as_deref() else { continue };
            match asked.get(target) {
                Some(asked) => self.seen.add(*asked),
                None if exchange.target_cut => self.seen.add(target.to_owned()),
                None => self.seen.add_another(),
            }
        }
        // What ended in good order was opened at once and answered.
        if !in_order {
            let open = open_exchange(&connection).filter(|(_, exchange)| exchange.response_start.is_none());
            self.unanswered.extend(open.map(|(_, exchange)| exchange.request_end));
            let unopened = connection.resp.packets == 0 || connection.handshake.syns > 1;
            self.unopened.extend(connection.handshake.syn.filter(|_| unopened));
        }
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

/// Groups calls that share candidates; calls without any form no component.
fn components(choices: &[Choice], connections: usize) -> Vec<Vec<usize>> {
    let mut parent: Vec<usize> = (0..choices.len()).collect();
    // The first call of each connection, or no call.
    let mut first: Vec<u32> = vec![u32::MAX; connections];
    for (call, choice) in choices.iter().enumerate() {
        for candidate in &choice.possible {
            let first = &mut first[candidate.connection];
            *first = (*first).min(call as u32);
            let (a, b) = (root(&mut parent, call), root(&mut parent, *first as usize));
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
/// Time that a run of calls spans at most, ns: longer than the time before a line in which its connection is looked for, so that most connections are
/// opened for one run.
const RUN: i64 = 600_000_000_000;
/// Connections that a thread looks at at a time.
const PART: usize = 1024;
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
/// Score of giving a call no connection, in nats: captures rarely miss one connection and hold its neighbours.
pub const NONE: f64 = -3.5;
/// Margin from which a join is certain (odds of about 50 to 1), nats.
pub const CERTAIN: f64 = 4.0;
/// Margin below which a join is ambiguous (odds of less than 2 to 1), nats.
pub const LIKELY: f64 = 0.7;
