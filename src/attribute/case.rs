//! All that a rule may look at for one call: the call, its connection and exchange, and the background.

use wirecause_parsers::{
    log::{FailedCall, Symptom},
    time::Timestamp,
};

use crate::{
    join::{
        anchor::{Anchor, AnchorKind},
        candidates::Endpoint,
        names::Query,
    },
    track::{Connection, Direction, Exchange, Reset, ResetShape, connection::EndingKind},
};

use super::{origin::Origin, population::Peer};

/// A call and one connection that may have carried it (or none).
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// The call.
    pub call: &'a FailedCall,
    /// Its line on the capture's clock.
    pub line: Timestamp,
    /// Its endpoint.
    pub endpoint: &'a Endpoint,
    /// Questions for its host.
    pub queries: &'a [Query],
    /// How far the captures cover it.
    pub coverage: Coverage,
    /// The connection.
    pub connection: Option<Wire<'a>>,
}

/// How far the captures cover a call's endpoint and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Connections to the endpoint were captured, and the time lies within the capture.
    Full,
    /// The line lies outside the time that was captured.
    OtherTime,
    /// No packet of the endpoint was captured.
    OtherHost,
    /// The log's clock is unknown against the capture's, so that times cannot be compared.
    Unknown,
}

/// The connection side of a case.
#[derive(Clone, Debug)]
pub struct Wire<'a> {
    /// The connection.
    pub connection: &'a Connection,
    /// What the log line follows.
    pub anchor: Anchor,
    /// The exchange that failed; `None` where no request reached the wire, or none was tracked.
    pub exchange: Option<&'a Exchange>,
    /// The first reset of the peer that the gateway obeys.
    pub reset: Option<&'a Reset>,
    /// Where that reset came from.
    pub origin: Origin,
    /// All connections to the same peer.
    pub peer: Option<&'a Peer>,
}

impl<'a> Wire<'a> {
    /// Gathers what is known of a connection.
    pub fn new(connection: &'a Connection, anchor: Anchor, peer: Option<&'a Peer>) -> Self {
        let exchange = anchor.exchange.and_then(|index| connection.exchanges.last.get(index));
        let reset = connection.reset_by(Direction::Responder);
        let origin = reset.map(|reset| Origin::of(connection, reset, peer)).unwrap_or_default();
        Self { connection, anchor, exchange, reset, origin, peer }
    }

    /// The round-trip time in ns: this connection's, else the peer's smallest.
    pub fn rtt(&self) -> Option<i64> {
        self.connection.rtt().or_else(|| self.peer.and_then(|peer| peer.smallest_rtt))
    }

    /// Whether the failed request was not the connection's first.
    pub fn reused(&self) -> bool {
        match self.exchange {
            Some(exchange) => exchange.number > 1 || self.connection.handshake.syn_ack.is_none(),
            None => self.anchor.kind == AnchorKind::Idle,
        }
    }

    /// How the peer ended the connection first, if it did: by a FIN, or a RST that is obeyed.
    pub fn peer_ending(&self) -> Option<(EndingKind, Timestamp)> {
        let fin = self.connection.resp.fin.map(|fin| (EndingKind::Fin, fin.time));
        let reset = self.reset.filter(|reset| reset.fit.obeyed()).map(|reset| (EndingKind::Rst, reset.time));
        [fin, reset].into_iter().flatten().min_by_key(|(_, time)| *time)
    }

    /// Request bytes that the peer had not acknowledged when it ended the connection (or at the anchor, if it did not).
    pub fn unacknowledged(&self) -> i64 {
        let Some(exchange) = self.exchange else { return 0 };
        let sent = exchange.request_to;
        let acknowledged = match self.peer_ending() {
            Some((EndingKind::Rst, _)) => {
                let reset = self.reset.map_or(0, |reset| reset.unacknowledged);
                return reset.min(sent - exchange.request_from);
            }
            Some((EndingKind::Fin, _)) => self.connection.resp.fin.and_then(|fin| fin.ack).unwrap_or(0),
            None if exchange.request_acked.is_some_and(|acked| acked <= self.anchor.time) => sent,
            None => exchange.request_from + exchange.acked_bytes as i64,
        };
        (sent - acknowledged).clamp(0, sent - exchange.request_from)
    }

    /// Whether no byte of the request was acknowledged by what ended the connection or before.
    pub fn nothing_acknowledged(&self) -> bool {
        self.exchange.is_none_or(|exchange| self.unacknowledged() >= exchange.request_to - exchange.request_from)
    }

    /// Request bytes that its head announced and that were not sent.
    pub fn unsent(&self) -> u64 {
        self.exchange
            .and_then(|exchange| Some(exchange.request_expected?.saturating_sub(exchange.request_bytes())))
            .unwrap_or(0)
    }

    /// From the last request byte to the anchor, ns.
    pub fn wait(&self) -> Option<i64> {
        self.exchange.map(|exchange| self.anchor.time.since(exchange.request_end))
    }

    /// How long the longest survived idle time to this peer is, ns.
    pub fn idle_survived(&self) -> Option<i64> {
        self.peer.and_then(|peer| peer.longest_idle_survived)
    }

    /// Whether the reset that ended the exchange is a bare one in answer to the first data after an idle time.
    pub fn answers_first_data(&self) -> bool {
        let (Some(exchange), Some(reset)) = (self.exchange, self.reset) else { return false };
        let soon = self.rtt().map_or(SOON, |rtt| 2 * rtt + SOON);
        reset.shape == ResetShape::Passive
            && exchange.response_start.is_none()
            && self.nothing_acknowledged()
            && reset.time.since(exchange.request_start) <= soon
    }

    /// Segments of the request that were sent again, and whether they were acknowledged at last.
    pub fn loss(&self) -> Option<Loss> {
        let exchange = self.exchange?;
        let acked = exchange.request_acked.filter(|acked| *acked <= self.anchor.time);
        let until = acked.unwrap_or(self.anchor.time);
        let delay = until.since(exchange.request_end);
        let patience = self.rtt().map_or(PATIENCE, |rtt| 4 * rtt + PATIENCE);
        let unanswered = acked.is_none() && self.unacknowledged() > 0 && delay > patience;
        (exchange.request_retransmissions > 0 || unanswered).then_some(Loss {
            retransmissions: exchange.request_retransmissions,
            delay,
            recovered: acked.is_some(),
        })
    }
}

impl Case<'_> {
    /// Whether the log's symptom is one of `symptoms`.
    pub fn symptom_is(&self, symptoms: &[Symptom]) -> bool {
        symptoms.contains(&self.call.symptom)
    }
}

/// Loss of request bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// Segments sent again.
    pub retransmissions: u32,
    /// From the last request byte to its acknowledgement, or to the end, ns.
    pub delay: i64,
    /// Whether it was acknowledged before the end.
    pub recovered: bool,
}

/// Beside two round trips: the time within which a host answers, ns.
const SOON: i64 = 30_000_000;
/// Beside four round trips: the longest that a receiver delays an acknowledgement (RFC 9293 allows 500 ms; stacks use 40 to 200), ns.
const PATIENCE: i64 = 250_000_000;
