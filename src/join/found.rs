//! What a join gives: for each call the connections that could explain it, and the one that it was on.

use std::collections::BTreeMap;

use wirecause_parsers::log::Failure;

use crate::track::Connection;

use super::{
    anchor::{Anchor, AnchorKind, anchors},
    candidates::Endpoint,
    clock::Clock,
    near::kind,
    timeouts::Timeouts,
};

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
    /// Connections of the earlier attempts of calls that were made again.
    pub(super) earlier: BTreeMap<usize, Vec<usize>>,
}

/// What a call was joined to. There are as many as calls, so it is no larger than it must be.
#[derive(Clone, Debug, PartialEq)]
pub struct Match {
    /// Index of its endpoint.
    pub endpoint: u32,
    /// How sure.
    pub certainty: Certainty,
    /// Connections that could explain the call, best first; the chosen one among them.
    pub candidates: Box<[Candidate]>,
    /// Where on which connection.
    pub(super) chosen: Option<Spot>,
    /// By how much the best assignment without this pair is worse, in nats; infinite where there is no other.
    pub(super) worse: f64,
}

/// A place on a connection that a call may have met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    connection: u32,
    /// Which of the connection's anchors for the call's failure.
    nth: u8,
    /// Whether the connection ended there while it lay in the pool.
    idle: bool,
}

/// A connection that could explain a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Where on which connection.
    pub spot: Spot,
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

impl Joined {
    /// Connections of a call's earlier attempts.
    pub fn earlier(&self, call: usize) -> &[usize] {
        self.earlier.get(&call).map(Vec::as_slice).unwrap_or_default()
    }

    /// Connections that carried a call, or an earlier attempt of one.
    pub fn used(&self) -> impl Iterator<Item = usize> {
        let last = self.matches.iter().filter_map(Match::connection);
        last.chain(self.earlier.values().flatten().copied())
    }

    /// The instant at a spot that one of `found`'s candidates has, where `failure` is how its call failed and `connection` is the spot's.
    pub fn anchor(&self, found: &Match, failure: &Failure, spot: Spot, connection: &Connection) -> Option<Anchor> {
        spot.anchor(failure, connection, self.timeouts.get(found.endpoint as usize)?)
    }
}

impl Match {
    /// The spot that the call met.
    pub const fn chosen(&self) -> Option<Spot> {
        self.chosen
    }

    /// Index of the connection.
    pub fn connection(&self) -> Option<usize> {
        self.chosen.map(Spot::connection)
    }

    /// By how much the best assignment without this pair is worse, in nats; `None` where there was no alternative.
    pub fn margin(&self) -> Option<f64> {
        (self.chosen.is_some() && self.worse.is_finite()).then_some(self.worse)
    }
}

impl Spot {
    pub(super) fn new(connection: usize, nth: u8, anchor: &Anchor) -> Self {
        let idle = anchor.kind == AnchorKind::Idle && anchor.exchange.is_none();
        Self { connection: connection as u32, nth, idle }
    }

    /// Index of the connection.
    pub const fn connection(self) -> usize {
        self.connection as usize
    }

    /// Whether the connection ended there while it lay in the pool.
    pub(super) const fn is_idle(self) -> bool {
        self.idle
    }

    /// The instant there, under these timeouts.
    pub(super) fn anchor(self, failure: &Failure, connection: &Connection, timeouts: &Timeouts) -> Option<Anchor> {
        let (symptom, limit) = kind(failure);
        anchors(symptom, connection, limit, timeouts).nth(usize::from(self.nth))
    }
}

impl Candidate {
    /// Index of the connection.
    pub const fn connection(&self) -> usize {
        self.spot.connection()
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A million calls with seven candidates each take 150 megabytes.
    #[test]
    fn a_match_takes_little_memory() {
        assert_eq!((size_of::<Match>(), size_of::<Candidate>()), (40, 16));
    }
}
