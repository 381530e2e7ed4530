//! All that a rule may look at for one call: the call, its connection and exchange, and the background.

use wirecause_parsers::{
    log::{FailedCall, Symptom},
    time::Timestamp,
};

use crate::{
    join::{
        anchor::{Anchor, AnchorKind, own_ending},
        candidates::Endpoint,
        names::Query,
    },
    track::{Connection, Direction, Exchange, Reset, ResetShape, connection::EndingKind, stream::Protocol},
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
    /// From the first packet of the captures, or the first behind their last interruption, to the line, ns.
    pub since_begin: Option<i64>,
    /// Whether the captures ran when a request must have left whose read timed out at the line, by the limit that is known.
    pub asked_seen: bool,
    /// Whether the captures were interrupted while the call ran, or so shortly before its line that it may have failed then.
    pub interrupted: bool,
    /// Whether the endpoint's addresses are known from a hosts file or DNS: those that log lines name may be some of several.
    pub named: bool,
    /// Whether an address of the endpoint was captured, at another port: a proxy or a translation may lie between.
    pub other_port: bool,
    /// Frames of the captures that were cut within their headers.
    pub frames_cut: u64,
    /// Whether the capture misses packets of handshakes.
    pub misses_handshakes: bool,
    /// The end of whose segments nothing was captured, if one direction was captured alone.
    pub unheard: Option<Direction>,
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
    /// So it seems by stamps alone: the log's clock is unknown against the capture's.
    PerhapsOtherTime,
    /// The capture was interrupted then, from the first to the second instant.
    Hole(Timestamp, Timestamp),
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
    /// From there to the line, ns; where the instant is not known, from the earliest that it may be.
    pub lag: i64,
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
    /// Gathers what is known of a connection; `line` is the call's line on the capture's clock.
    pub fn new(connection: &'a Connection, anchor: Anchor, line: Timestamp, peer: Option<&'a Peer>) -> Self {
        let lag = line.since(anchor.time);
        // Where the instant of the failure is not known it lies no later than the line.
        let time = if anchor.kind == AnchorKind::Since { anchor.time.max(line) } else { anchor.time };
        let anchor = Anchor { time, ..anchor };
        let exchange = anchor.exchange_of(connection);
        let reset =
            connection.reset_by(Direction::Responder).filter(|reset| reset.time <= anchor.time.plus(AFTERWARDS));
        // What came after the gateway's own ending ended nothing.
        let own = own_ending(connection);
        let reset = reset.filter(|reset| own.is_none_or(|own| reset.time <= own));
        let origin = reset.map(|reset| Origin::of(connection, reset, peer)).unwrap_or_default();
        Self { connection, anchor, lag, exchange, reset, origin, peer }
    }

    /// Whether the capture missed segments of the connection.
    pub fn has_gaps(&self) -> bool {
        self.connection.orig.gaps + self.connection.resp.gaps > 0
    }

    /// Whether no byte of the connection's payload was captured.
    pub fn is_blind(&self) -> bool {
        self.connection.protocol == Protocol::Unknown && self.connection.orig.bytes > 0
    }

    /// The round-trip time in ns: this connection's, else the peer's smallest.
    pub fn rtt(&self) -> Option<i64> {
        self.connection.rtt().or_else(|| self.peer.and_then(|peer| peer.smallest_rtt))
    }

    /// Whether the failed request was not the connection's first.
    pub fn reused(&self) -> bool {
        match self.exchange {
            Some(exchange) => exchange.number > 1 || self.connection.handshake.syn_ack.is_none(),
            None => self.never_sent(),
        }
    }

    /// Whether the call met the ending of a connection that had served others, before anything of its request left.
    pub fn never_sent(&self) -> bool {
        let served = self.connection.exchanges.count > 0 && self.anchor.begin.is_none();
        self.anchor.kind == AnchorKind::Idle || self.exchange.is_none() && served
    }

    /// How the peer ended the connection first, if it did: by a FIN, or a RST that is obeyed.
    pub fn peer_ending(&self) -> Option<(EndingKind, Timestamp)> {
        let until = self.anchor.time.plus(AFTERWARDS);
        let fin =
            self.connection.peer_close().map(|closed| (EndingKind::Fin, closed)).filter(|(_, time)| *time <= until);
        // One outside the expected number counts where the log line follows it: the gateway did obey it.
        let obeyed = |reset: &&Reset| reset.fit.obeyed() || self.anchor.time == reset.time;
        let reset = self.reset.filter(obeyed).map(|reset| (EndingKind::Rst, reset.time));
        let own = own_ending(self.connection);
        let first = [fin, reset].into_iter().flatten().min_by_key(|(_, time)| *time);
        first.filter(|(_, time)| own.is_none_or(|own| *time <= own || self.anchor.kind == AnchorKind::Event))
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
            Some((EndingKind::Fin, closed)) => self.acknowledged_at(closed),
            None if exchange.request_acked.is_some_and(|acked| acked <= self.anchor.time) => sent,
            None => exchange.request_from + exchange.acked_bytes as i64,
        };
        (sent - acknowledged).clamp(0, sent - exchange.request_from)
    }

    /// What the peer had acknowledged when it closed: by its FIN, or by the last segment kept up to its `close_notify`.
    fn acknowledged_at(&self, closed: Timestamp) -> i64 {
        let fin = self.connection.resp.fin.filter(|fin| fin.time <= closed).and_then(|fin| fin.ack);
        fin.unwrap_or_else(|| {
            let notes = self.connection.notes.iter();
            notes
                .filter(|note| note.from == Direction::Responder && note.time <= closed)
                .filter_map(|note| note.ack)
                .max()
                .unwrap_or(0)
        })
    }

    /// Whether no byte of the request was acknowledged by what ended the connection or before.
    pub fn nothing_acknowledged(&self) -> bool {
        self.exchange.is_none_or(|exchange| self.unacknowledged() >= exchange.request_to - exchange.request_from)
    }

    /// Request bytes that its head announced and that were not sent; at least one where a TLS record was left unfinished.
    pub fn unsent(&self) -> u64 {
        if self.connection.tls.in_record(Direction::Originator, self.connection.orig.high) {
            return 1;
        }
        self.exchange
            .and_then(|exchange| Some(exchange.request_expected?.saturating_sub(exchange.request_bytes())))
            .unwrap_or(0)
    }

    /// Whether the peer had sent a FIN before its reset.
    pub fn fin_before_reset(&self) -> bool {
        self.reset.is_some_and(|reset| reset.after_own_fin)
    }

    /// From the last request byte to the anchor, ns.
    pub fn wait(&self) -> Option<i64> {
        self.exchange.map(|exchange| self.anchor.time.since(exchange.request_end))
    }

    /// From the last byte of either side to the anchor, ns.
    pub fn silence(&self) -> Option<i64> {
        self.exchange.map(|exchange| self.anchor.time.since(exchange.response_end.unwrap_or(exchange.request_end)))
    }

    /// How long the longest survived idle time to this peer is, ns.
    pub fn idle_survived(&self) -> Option<i64> {
        self.peer.and_then(|peer| peer.longest_idle_survived)
    }

    /// Whether the reset that ended the exchange is a bare one in answer to the first data after an idle time.
    pub fn answers_first_data(&self) -> bool {
        let (Some(exchange), Some(reset)) = (self.exchange, self.reset) else { return false };
        let soon = self.rtt().map_or(SOON, |rtt| 2 * rtt + SOON);
        // What was lost first may have been answered when it was sent again.
        let again = exchange.request_retransmissions > 0 && reset.delay.is_some_and(|delay| delay <= soon);
        reset.shape == ResetShape::Passive
            && exchange.response_start.is_none()
            && self.nothing_acknowledged()
            && (again || reset.time.since(exchange.request_start) <= soon)
    }

    /// Segments of the request that were sent again, and whether they were acknowledged at last.
    pub fn loss(&self) -> Option<Loss> {
        let exchange = self.exchange?;
        let acked = exchange.request_acked.filter(|acked| *acked <= self.anchor.time);
        let until = acked.unwrap_or(self.anchor.time);
        let delay = until.since(exchange.request_end);
        // A FIN or a live socket's RST acknowledges all that its sender has received; a bare RST says nothing, and a receiver that
        // goes on may delay its acknowledgement.
        let says = match self.peer_ending() {
            Some((EndingKind::Fin, _)) => true,
            Some((EndingKind::Rst, _)) => self.reset.is_some_and(|reset| reset.ack.is_some()),
            None => false,
        };
        let patience = match self.rtt() {
            Some(rtt) if says => rtt + rtt / 2 + JITTER,
            Some(rtt) => 4 * rtt + PATIENCE,
            None => PATIENCE,
        };
        let whole = !says || self.nothing_acknowledged() && exchange.request_bytes() <= ONE_FLIGHT;
        let unanswered = acked.is_none() && self.unacknowledged() > 0 && delay > patience && whole;
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
        symptoms.contains(&self.call.failure.symptom)
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

/// What ended a call was there when its line was due; the capture may stamp it this much later, ns.
const AFTERWARDS: i64 = 5_000_000;
/// Variation of a round trip that is not loss, ns.
const JITTER: i64 = 5_000_000;
/// Bytes of a request that leave at once, in one initial window of ten segments (RFC 6928).
const ONE_FLIGHT: u64 = 14_000;
/// Beside two round trips: the time within which a host answers, ns.
const SOON: i64 = 30_000_000;
/// Beside four round trips: the longest that a receiver delays an acknowledgement (RFC 9293 allows 500 ms; stacks use 40 to 200), ns.
const PATIENCE: i64 = 250_000_000;
