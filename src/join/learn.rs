//! What all calls together teach: the offset of the clocks, the gateway's timeouts, how far lines lie behind their events, and whether
//! the "Processing request" stamps are begin times.

use wirecause_parsers::{log::Symptom, time::Timestamp};

use crate::track::Connection;

use super::{
    anchor::{Anchor, AnchorKind, open_exchange},
    began::{Durations, Excess, excess},
    candidates::Endpoint,
    clock::Clock,
    engine::{Choice, Pass},
    score::LagModel,
    timeouts::{self, Timeouts},
};

impl Pass<'_> {
    /// Votes of all calls whose line follows an event of the wire at once.
    pub(super) fn estimate_clock(&self) -> Clock {
        let votes: Vec<(usize, i64)> = self
            .pairs(&Timeouts::default())
            .filter(|(_, _, anchor)| anchor.kind == AnchorKind::Event && anchor.penalty > -1.0)
            .map(|(call, _, anchor)| (call, self.calls[call].time.since(anchor.time)))
            .collect();
        let mut voting: Vec<usize> = votes.iter().map(|(call, _)| *call).collect();
        voting.dedup();
        let times: Vec<Timestamp> = self.calls.iter().map(|call| call.time).collect();
        Clock::estimate(&votes, voting.len(), &times)
    }

    /// Distances from last bytes and first SYNs to the lines of timeouts that name no limit.
    /// Timeouts by endpoint: those `given` for its host, else its own, else those of all.
    pub(super) fn learn_timeouts(&self, clock: &Clock, given: &[(String, Timeouts)]) -> Vec<Timeouts> {
        let of_all = self.timeouts_of(self.endpoints, clock);
        self.endpoints
            .iter()
            .map(|endpoint| {
                let own = self.timeouts_of(std::slice::from_ref(endpoint), clock);
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
        let resolution = self.calls.iter().map(|call| call.resolution).max().unwrap_or(0);
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
                let processing = clock.to_capture(self.calls[call].processing?);
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
            .filter(|(call, choice)| choice.margin >= SURE && self.calls[*call].retries.is_empty())
            .filter_map(|(call, choice)| {
                let anchor = choice.anchor().filter(|anchor| anchor.begin.is_some())?;
                match excess(self.calls[call], anchor, clock)? {
                    [Excess::Ms(line), Excess::Ms(failure)] => Some([line, failure]),
                    _ => None,
                }
            })
            .collect();
        Durations::learned(&pairs)
    }

    /// Pairs of calls and connections with their anchors: of an endpoint with very many of both, every so many calls stand for all.
    fn pairs<'b>(&'b self, timeouts: &'b Timeouts) -> impl Iterator<Item = (usize, usize, Anchor)> + 'b {
        self.endpoints.iter().flat_map(move |endpoint| {
            let stride = (endpoint.calls.len() * endpoint.connections.len()).div_ceil(MOST_PAIRS).max(1);
            endpoint.calls.iter().step_by(stride).flat_map(move |call| {
                endpoint.connections.iter().flat_map(move |connection| {
                    self.anchors(*call, *connection, timeouts).map(move |anchor| (*call, *connection, anchor))
                })
            })
        })
    }

    /// The timeouts that the calls of some endpoints agree on.
    fn timeouts_of(&self, endpoints: &[Endpoint], clock: &Clock) -> Timeouts {
        let unanswered = |connection: &Connection| {
            let (_, exchange) = open_exchange(connection)?;
            (exchange.response_start.is_none()).then_some(exchange.request_end)
        };
        let unopened = |connection: &Connection| {
            connection.handshake.syn.filter(|_| connection.resp.packets == 0 || connection.handshake.syns > 1)
        };
        Timeouts {
            read: self.learn_timeout(endpoints, clock, Symptom::ReadTimeout, unanswered),
            connect: self.learn_timeout(endpoints, clock, Symptom::ConnectTimeout, unopened),
        }
    }

    fn learn_timeout(
        &self,
        endpoints: &[Endpoint],
        clock: &Clock,
        symptom: Symptom,
        from: impl Fn(&Connection) -> Option<Timestamp>,
    ) -> Option<i64> {
        let mut distances = Vec::new();
        let mut calls = 0;
        for endpoint in endpoints {
            let unnamed =
                |call: &&usize| self.calls[**call].symptom == symptom && self.calls[**call].timeout_ms.is_none();
            for call in endpoint.calls.iter().filter(unnamed) {
                calls += 1;
                let line = clock.to_capture(self.calls[*call].time);
                let starts = endpoint.connections.iter().filter_map(|connection| from(&self.connections[*connection]));
                distances.extend(starts.map(|start| (*call, line.since(start))));
            }
        }
        timeouts::learn(&distances, calls)
    }

    /// Lags in nanoseconds of pairs that are sure and follow an event at once.
    fn sure_lags<'b>(&'b self, outcome: &'b [Choice], clock: &'b Clock) -> impl Iterator<Item = (usize, i64)> + 'b {
        outcome.iter().enumerate().filter_map(move |(call, choice)| {
            let anchor = choice.anchor().filter(|anchor| anchor.kind == AnchorKind::Event)?;
            (choice.margin >= SURE).then(|| (call, clock.to_capture(self.calls[call].time).since(anchor.time)))
        })
    }
}

/// Margin of pairs from which the model is learned, nats.
const SURE: f64 = 3.0;
/// Pairs needed to learn that the stamps of "Processing request" are begin times.
const BEGIN_PAIRS: usize = 8;
/// A stamp may lie this much after the first packet and still be a begin time (clock, rounding), ms.
const BEGIN_SLACK: f64 = 3.0;
/// Pairs of one endpoint that vote for the clock's offset: a thousand calls by a thousand connections tell as much as any number.
const MOST_PAIRS: usize = 1_000_000;
