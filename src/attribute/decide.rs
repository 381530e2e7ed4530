//! From matches to verdicts: one case per call, or several where the candidates cannot be told apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use rayon::prelude::*;
use wirecause_parsers::log::{FailedCall, Symptom};

use crate::{
    join::{Candidate, Certainty, Joined, Match, NameTable, candidates::Endpoint, clock::ClockSource},
    track::{Connection, Direction},
};

use super::{
    case::{Case, Coverage, Wire},
    evidence::Evidence,
    population::{Peer, Population},
    rules::{Ruling, judge},
    verdict::{Cause, Responsible},
};

/// The verdict on one call.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribution {
    /// What ended the call.
    pub cause: Cause,
    /// What else the capture cannot exclude.
    pub also_possible: Vec<Cause>,
    /// Whose side it is.
    pub responsible: Option<Responsible>,
    /// Probability that `cause` is right.
    pub confidence: f64,
    /// What was seen.
    pub explanation: String,
    /// The facts beside it.
    pub evidence: Evidence,
}

/// What all verdicts share.
#[derive(Clone, Copy, Debug)]
pub struct Background<'a> {
    /// The calls.
    pub calls: &'a [&'a FailedCall],
    /// The connections.
    pub connections: &'a [Connection],
    /// What the join found.
    pub joined: &'a Joined,
    /// Names and resolver's answers.
    pub names: &'a NameTable,
    /// All connections by peer.
    pub population: &'a Population,
}

/// One verdict per call, in their order.
pub fn attribute(background: &Background<'_>) -> Vec<Attribution> {
    let sure = |found: &&Match| matches!(found.certainty, Certainty::Certain | Certainty::Likely);
    let taken = background.joined.matches.iter().filter(sure).filter_map(|found| found.connection).collect();
    (0..background.calls.len()).into_par_iter().map(|call| background.attribute(call, &taken)).collect()
}

impl<'a> Background<'a> {
    /// `taken` are the connections that calls are surely joined to.
    fn attribute(&self, call: usize, taken: &BTreeSet<usize>) -> Attribution {
        let found = &self.joined.matches[call];
        let chosen = found.candidates.iter().find(|candidate| Some(candidate.connection) == found.connection);
        let case = self.case(call, found, chosen);
        let ruling = judge(&case);
        let mut attribution = Attribution {
            evidence: Evidence::new(&case, ruling.cause),
            cause: ruling.cause,
            responsible: ruling.responsible.or(ruling.cause.default_responsible()),
            also_possible: ruling.also.clone(),
            confidence: ruling.confidence,
            explanation: ruling.because.clone(),
        };
        match found.certainty {
            Certainty::Certain => {}
            Certainty::None => attribution.also_possible.extend(self.nearest(call, found, taken)),
            Certainty::Likely | Certainty::Ambiguous => self.weigh(call, found, &ruling, &mut attribution),
        }
        if case.connection.as_ref().is_some_and(|wire| wire.connection.orig.gaps + wire.connection.resp.gaps > 0) {
            attribution.confidence *= GAPS;
        }
        if case.connection.as_ref().is_some_and(Wire::is_blind) && failed_over_tls(case.call) {
            attribution.confidence *= BLIND;
        }
        let inexact =
            |wire: &Wire<'_>| wire.reset.is_some_and(|reset| !reset.fit.obeyed() && reset.time == wire.anchor.time);
        if case.connection.as_ref().is_some_and(inexact) {
            attribution.confidence *= INEXACT;
        }
        if self.joined.endpoints[found.endpoint].inferred {
            attribution.confidence *= INFERRED;
            attribution.explanation.push_str(
                " Nothing names the host's address: it was inferred from the pattern of its errors against endings on the wire.",
            );
        }
        if let Some(wire) = &case.connection {
            attribution.explanation.push_str(&wire.origin.hints());
        }
        attribution.also_possible.retain(|cause| *cause != attribution.cause);
        attribution.also_possible.sort_unstable();
        attribution.also_possible.dedup();
        attribution
    }

    fn case(&self, call: usize, found: &Match, candidate: Option<&Candidate>) -> Case<'a> {
        let failed = self.calls[call];
        let endpoint = &self.joined.endpoints[found.endpoint];
        let line = self.joined.clock.to_capture(failed.time);
        let wire = candidate.map(|candidate| {
            let connection = &self.connections[candidate.connection];
            Wire::new(connection, candidate.anchor, line, self.population.peer(connection.responder))
        });
        let assumed = self.joined.clock.source == ClockSource::Assumed;
        let covered = &self.population.covered;
        let limit = failed.timeout_ms.map(|ms| ms as i64 * 1_000_000);
        let limit = limit.or(self.joined.timeouts.get(found.endpoint).and_then(|timeouts| timeouts.read));
        let asked = limit.filter(|_| failed.symptom == Symptom::ReadTimeout).map(|limit| line.plus(-limit));
        let hole = [Some(line), asked].into_iter().flatten().find_map(|time| covered.hole_at(time));
        let coverage = match covered.span {
            _ if assumed && self.calls.len() < FEW_CALLS => Coverage::Unknown,
            None => Coverage::OtherTime,
            Some((first, last)) if line.since(last) > EDGE || first.since(line) > EDGE => {
                if assumed {
                    Coverage::PerhapsOtherTime
                } else {
                    Coverage::OtherTime
                }
            }
            Some(_) if endpoint.connections.is_empty() => Coverage::OtherHost,
            Some(_) => hole.map_or(Coverage::Full, |(from, to)| Coverage::Hole(from, to)),
        };
        Case {
            call: failed,
            line,
            endpoint,
            queries: self.names.queries(&failed.target.host),
            coverage,
            since_begin: covered.running_since(line).map(|since| line.since(since)),
            other_port: endpoint.addresses.iter().any(|address| self.population.knows(*address)),
            frames_cut: self.population.frames_cut,
            misses_handshakes: self.population.misses_handshakes(),
            unheard: self.unheard(endpoint, wire.as_ref()),
            connection: wire,
        }
    }

    /// The direction that was not captured of a call's peer: the one it was joined to, else the endpoint's.
    fn unheard(&self, endpoint: &Endpoint, wire: Option<&Wire<'_>>) -> Option<Direction> {
        if let Some(wire) = wire {
            return wire.peer.and_then(Peer::unheard);
        }
        let peers = endpoint.connections.iter().filter_map(|connection| {
            let connection = self.connections.get(*connection)?;
            self.population.peer(connection.responder)
        });
        peers.take(FEW_PEERS).find_map(Peer::unheard)
    }

    /// What the connections say that came nearest to a call without one, and that no other call has.
    fn nearest(&self, call: usize, found: &Match, taken: &BTreeSet<usize>) -> Vec<Cause> {
        let free = found.candidates.iter().filter(|candidate| !taken.contains(&candidate.connection));
        free.take(NEAREST)
            .map(|candidate| judge(&self.case(call, found, Some(candidate))).cause)
            .filter(|cause| *cause != Cause::Undetermined)
            .collect()
    }

    /// Weighs the verdicts of all candidates that come near, by how well each explains the call. Where all have the same cause,
    /// the cause is certain though the connection is not.
    fn weigh(&self, call: usize, found: &Match, ruling: &Ruling, attribution: &mut Attribution) {
        let best = found.candidates.first().map_or(0.0, |candidate| candidate.score);
        let near = found.candidates.iter().filter(|candidate| best - candidate.score <= NEAR).take(MOST_WEIGHED);
        let mut shares: BTreeMap<Cause, f64> = BTreeMap::new();
        let mut total = 0.0;
        let mut seen = false;
        for candidate in near {
            let chosen = Some(candidate.connection) == found.connection;
            seen |= chosen;
            // What the joint assignment chose counts for as much as the best.
            let weight =
                if chosen { found.margin.unwrap_or(0.0).exp().max(1.0) } else { (candidate.score - best).exp() };
            let other = if chosen { ruling.clone() } else { judge(&self.case(call, found, Some(candidate))) };
            *shares.entry(other.cause).or_default() += weight;
            total += weight;
        }
        if !seen {
            *shares.entry(ruling.cause).or_default() += 1.0;
            total += 1.0;
        }
        let mut ranked: Vec<(Cause, f64)> = shares.into_iter().map(|(cause, share)| (cause, share / total)).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let own = ranked.iter().find(|(cause, _)| *cause == ruling.cause).map_or(0.0, |(_, share)| *share);
        attribution.confidence *= own;
        attribution.also_possible.extend(
            ranked
                .iter()
                .filter(|(cause, share)| {
                    *cause != ruling.cause && *cause != Cause::Undetermined && *share >= WORTH_NAMING
                })
                .take(2)
                .map(|(cause, _)| *cause),
        );
        if found.certainty == Certainty::Ambiguous {
            let others = found.candidates.iter().filter(|candidate| best - candidate.score <= NEAR).count();
            let _ = write!(attribution.explanation, " {others} connections explain the line about equally well.");
        }
    }
}

/// Candidates within so many nats of the best are weighed.
const NEAR: f64 = 4.0;
/// And at most so many.
const MOST_WEIGHED: usize = 8;
/// Connections that a call without one may have had after all: the first two.
const NEAREST: usize = 2;
/// A cause with less than this share of the weight is not named.
const WORTH_NAMING: f64 = 0.15;
/// Lines this far outside the captured time cannot have been captured, ns: batched auditing writes up to ten seconds late.
const EDGE: i64 = 2_000_000_000;
/// Connections of an endpoint whose peers are asked what was captured of them: it has a few peers, and routes are theirs.
const FEW_PEERS: usize = 16;
/// With fewer calls an offset cannot be estimated, and times say nothing.
const FEW_CALLS: usize = 3;
/// What a reset whose number is not the expected one takes of the confidence: only the log says that it was obeyed.
const INEXACT: f64 = 0.9;
/// What an inferred address takes of the confidence.
const INFERRED: f64 = 0.9;
/// Whether a call's URL says that its connection carries TLS.
fn failed_over_tls(call: &FailedCall) -> bool {
    call.url.starts_with("https:")
}

/// What it takes of the confidence that no byte of a TLS connection's payload was captured: where its handshake ends is not known.
const BLIND: f64 = 0.9;
/// What packets that the capture missed take of the confidence.
const GAPS: f64 = 0.9;
