//! Gathers for a call what rules may look at: its case.

use wirecause_parsers::{
    log::{FailedCall, Symptom},
    time::Timestamp,
};

use crate::{
    join::{Match, candidates::Endpoint, clock::ClockSource, found::Spot},
    track::{Connection, Direction},
};

use super::{
    case::{Case, Coverage, Wire},
    decide::Background,
    population::Peer,
    rules::LATE_LINE,
};

impl Background<'_> {
    /// The case of a call, at a spot of a connection or on none.
    pub(super) fn case<'a>(
        &'a self,
        failed: &'a FailedCall,
        found: &Match,
        spot: Option<(Spot, &'a Connection)>,
    ) -> Case<'a> {
        let endpoint = &self.joined.endpoints[found.endpoint as usize];
        let line = self.joined.clock.to_capture(failed.time);
        let wire = spot.and_then(|(spot, connection)| {
            let anchor = self.joined.anchor(found, &failed.failure, spot, connection)?;
            Some(Wire::new(connection, anchor, line, self.population.peer(connection.responder)))
        });
        Case {
            call: failed,
            line,
            endpoint,
            queries: self.names.queries(&failed.failure.target.host),
            coverage: self.coverage(failed, found, line),
            since_begin: self.population.covered.running_since(line).map(|since| line.since(since)),
            asked_seen: self.asked_seen(failed, found, line),
            interrupted: self.interrupted(line, wire.as_ref()),
            named: !self.names.addresses(&failed.failure.target.host).is_empty(),
            other_port: endpoint.addresses.iter().any(|address| self.population.knows(*address)),
            frames_cut: self.population.frames_cut,
            misses_handshakes: self.population.misses_handshakes(),
            unheard: self.unheard(endpoint, wire.as_ref()),
            connection: wire,
        }
    }

    fn coverage(&self, failed: &FailedCall, found: &Match, line: Timestamp) -> Coverage {
        let assumed = self.joined.clock.source == ClockSource::Assumed;
        if assumed && self.calls.len() < FEW_CALLS {
            return Coverage::Unknown;
        }
        let outside = |(first, last): (Timestamp, Timestamp)| line.since(last) > EDGE || first.since(line) > EDGE;
        match self.population.covered.span {
            None => Coverage::OtherTime,
            Some(span) if outside(span) && assumed => Coverage::PerhapsOtherTime,
            Some(span) if outside(span) => Coverage::OtherTime,
            Some(_) if self.joined.endpoints[found.endpoint as usize].connections.is_empty() => Coverage::OtherHost,
            Some(_) => self.hole(failed, found, line).map_or(Coverage::Full, |(from, to)| Coverage::Hole(from, to)),
        }
    }

    /// The interruption of the capture within which a call failed, or asked what was never answered.
    fn hole(&self, failed: &FailedCall, found: &Match, line: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let asked = self.asked(failed, found, line);
        [Some(line), asked].into_iter().flatten().find_map(|time| self.population.covered.hole_at(time))
    }

    /// When the request of a read that timed out left at the latest, where the limit is known.
    fn asked(&self, failed: &FailedCall, found: &Match, line: Timestamp) -> Option<Timestamp> {
        let told = failed.failure.timeout_ms.map(|ms| ms as i64 * 1_000_000);
        let limit = told.or_else(|| self.joined.timeouts.get(found.endpoint as usize)?.read);
        limit.filter(|_| failed.failure.symptom == Symptom::ReadTimeout).map(|limit| line.plus(-limit))
    }

    fn interrupted(&self, line: Timestamp, wire: Option<&Wire<'_>>) -> bool {
        let begun = wire.map(|wire| wire.anchor.begin.unwrap_or(wire.anchor.time));
        let from = line.plus(-LATE_LINE);
        self.population.covered.interrupted(begun.map_or(from, |begun| begun.min(from)), line)
    }

    fn asked_seen(&self, failed: &FailedCall, found: &Match, line: Timestamp) -> bool {
        let first = self.population.covered.span.map(|(first, _)| first);
        self.asked(failed, found, line).zip(first).is_none_or(|(asked, first)| asked.since(first) > EDGE)
    }

    /// The direction that was not captured of a call's peer: the one it was joined to, else the endpoint's.
    fn unheard(&self, endpoint: &Endpoint, wire: Option<&Wire<'_>>) -> Option<Direction> {
        if let Some(wire) = wire {
            return wire.peer.and_then(Peer::unheard);
        }
        let peers = endpoint.connections.iter().filter_map(|connection| {
            let connection = self.connections.get(*connection as usize)?;
            self.population.peer(connection.head().responder)
        });
        peers.take(FEW_PEERS).find_map(Peer::unheard)
    }
}

/// Lines this far outside the captured time cannot have been captured, ns: batched auditing writes up to ten seconds late.
const EDGE: i64 = 2_000_000_000;
/// Connections of an endpoint whose peers are asked what was captured of them: it has a few peers, and routes are theirs.
const FEW_PEERS: usize = 16;
/// With fewer calls an offset cannot be estimated, and times say nothing.
const FEW_CALLS: usize = 3;
