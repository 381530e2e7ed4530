//! The instant on the wire that a symptom points to.
//!
//! A symptom constrains the packets (reference/reset-causes.md, 1.3): a read `Connection reset` means a RST of the peer that met
//! no earlier FIN; `failed to respond` means a FIN before any response byte; `Read timed out` needs no ending at all. A connection
//! that cannot explain a symptom has no anchor for it.

use wirecause_parsers::{log::Symptom, time::Timestamp};

use crate::track::{Connection, Direction, Exchange, ResetShape};

use super::timeouts::Timeouts;

/// Where and how a connection would explain a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Anchor {
    /// The instant that the log line follows.
    pub time: Timestamp,
    /// What the instant is.
    pub kind: AnchorKind,
    /// When the call's first packet left: SYN of a fresh connection, first request byte of a reused one.
    pub begin: Option<Timestamp>,
    /// Index of the exchange among those kept whole; `None` where the request never reached the wire.
    pub exchange: Option<usize>,
    /// What is unusual about the pair, in nats to be added to its score (0 or negative).
    pub penalty: f64,
}

impl Anchor {
    /// The exchange that it lies on.
    pub(crate) fn exchange_of<'a>(&self, connection: &'a Connection) -> Option<&'a Exchange> {
        connection.exchanges.last.get(self.exchange?)
    }

    /// Whether a line follows it at once, and nothing is unusual about it.
    pub(super) fn is_prompt(&self) -> bool {
        self.kind == AnchorKind::Event && self.penalty > -1.0
    }
}

/// Kinds of anchor, by how closely the log line follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnchorKind {
    /// The gateway met it at once: the line follows by the logging delay.
    Event,
    /// The connection ended while idle and the gateway met it only at the next use: the line may follow much later.
    Idle,
    /// The failure lies somewhere after: a timeout that nobody names.
    Since,
    /// The gateway's own timeout ran out: known or learned duration after the last byte.
    Timeout,
    /// The gateway itself ended the connection: the line may lie slightly before.
    Own,
}

/// The anchors of `symptom` on `connection`: none if the connection cannot explain it, two where it can in two ways. `limit` is the
/// timeout that the log text names, in nanoseconds.
pub fn anchors(
    symptom: Symptom,
    connection: &Connection,
    limit: Option<i64>,
    timeouts: &Timeouts,
) -> impl Iterator<Item = Anchor> + use<> {
    let first = anchor(symptom, connection, limit, timeouts);
    let second = match symptom {
        Symptom::ReadTimeout | Symptom::ConnectTimeout => otherwise_timed(symptom, connection, limit, timeouts),
        _ => first.and_then(|first| in_unknown_response(&first, connection)),
    };
    first.into_iter().chain(second)
}

/// Timeouts that run otherwise than the learned limit says: one that is this call's own; or, for a large request, one that began when
/// the request was written to the socket and not when its last byte left.
fn otherwise_timed(
    symptom: Symptom,
    connection: &Connection,
    limit: Option<i64>,
    timeouts: &Timeouts,
) -> Option<Anchor> {
    let learned = if symptom == Symptom::ReadTimeout { timeouts.read } else { timeouts.connect };
    if limit.is_none() && learned.is_some() {
        let unknown = anchor(symptom, connection, None, &Timeouts::default())?;
        return Some(Anchor { penalty: unknown.penalty - 1.0, ..unknown });
    }
    let (_, exchange) = open_or_unknown(connection).filter(|_| symptom == Symptom::ReadTimeout)?;
    let buffered = exchange.request_bytes() > BUFFERED && exchange.response_start.is_none();
    let first =
        anchor(symptom, connection, limit, timeouts).filter(|first| buffered && first.kind == AnchorKind::Timeout)?;
    let time = exchange.request_start.plus(limit.or(learned)?);
    Some(Anchor { time, penalty: -1.0, ..first })
}

/// Where the end of a response is not known (TLS, a head without a length), an ending in the silence after response bytes may have met
/// an idle connection or an unfinished response.
fn in_unknown_response(first: &Anchor, connection: &Connection) -> Option<Anchor> {
    let index = connection.exchanges.last.len().checked_sub(1)?;
    let exchange = &connection.exchanges.last[index];
    let idle = first.kind == AnchorKind::Idle || first.exchange.is_none() && first.begin.is_none();
    let unknown = idle && exchange.complete().is_none() && exchange.response_start.is_some();
    unknown.then(|| Anchor {
        kind: AnchorKind::Event,
        exchange: Some(index),
        begin: begin(connection, Some(index), false),
        penalty: first.penalty - UNFINISHED,
        ..*first
    })
}

fn anchor(symptom: Symptom, connection: &Connection, limit: Option<i64>, timeouts: &Timeouts) -> Option<Anchor> {
    match symptom {
        Symptom::ConnectionReset => by_reset(connection),
        Symptom::BrokenPipe => by_reset(connection).or_else(|| by_fin(connection)),
        Symptom::NoResponse => by_fin(connection),
        Symptom::PrematureEnd => in_response(connection),
        Symptom::ReadTimeout => by_read_timeout(connection, limit, timeouts),
        Symptom::ConnectTimeout => by_connect_timeout(connection, limit, timeouts),
        Symptom::ConnectionRefused => by_refusal(connection),
        Symptom::NoRoute => by_icmp(connection).or_else(|| by_unanswered_syn(connection)),
        Symptom::TlsHandshake => in_handshake(connection),
        Symptom::TlsClosed => by_reset(connection)
            .or_else(|| in_response(connection).filter(|_| ends_in_record(connection)))
            .or_else(|| by_fin(connection))
            .or_else(|| in_handshake(connection)),
        Symptom::SocketClosed => by_gateway(connection).or_else(|| {
            let met = by_reset(connection).or_else(|| by_fin(connection))?;
            Some(Anchor { penalty: met.penalty - UNUSUAL, ..met })
        }),
        Symptom::Other => by_reset(connection)
            .or_else(|| in_handshake(connection))
            .or_else(|| by_fin(connection))
            .or_else(|| by_refusal(connection))
            .map(|anchor| Anchor { penalty: anchor.penalty - UNUSUAL, ..anchor }),
        Symptom::UnknownHost | Symptom::PoolTimeout | Symptom::NoLocalPort => None,
    }
}

/// The last exchange, if it stands open: sent, and not known to be answered in full.
pub fn open_exchange(connection: &Connection) -> Option<(usize, &Exchange)> {
    let index = connection.exchanges.last.len().checked_sub(1)?;
    let exchange = &connection.exchanges.last[index];
    let open = exchange.response_start.is_none() || exchange.complete() == Some(false) || ends_in_record(connection);
    open.then_some((index, exchange))
}

/// Whether what the peer sent ends within a TLS record: more of the response was to come.
fn ends_in_record(connection: &Connection) -> bool {
    connection.tls.in_record(Direction::Responder, connection.resp.high)
}

fn by_reset(connection: &Connection) -> Option<Anchor> {
    let reset = connection.reset_by(Direction::Responder).filter(|reset| reset.shape != ResetShape::Refusal)?;
    if closed_by_gateway(connection, reset.time) {
        return None;
    }
    let (exchange, idle) = last_exchange_at(connection, reset.time, reset.request_open);
    // A FIN that was there first is met first: the gateway would have logged that there was no response.
    let after_fin = connection.resp.fin.is_some_and(|fin| fin.time < reset.time);
    // Stacks older than RFC 5961 obey a number anywhere in the window, and the capture may have missed what makes it exact.
    let inexact = if reset.fit.obeyed() { 0.0 } else { -UNUSUAL };
    let penalty = if after_fin { -FIN_CAME_FIRST } else { 0.0 } + inexact;
    let kind = if idle { AnchorKind::Idle } else { AnchorKind::Event };
    Some(Anchor {
        time: reset.time,
        kind,
        begin: begin(connection, exchange, idle),
        exchange: exchange.filter(|_| !idle),
        penalty,
    })
}

fn by_fin(connection: &Connection) -> Option<Anchor> {
    let closed = connection.peer_close()?;
    if let Some((index, exchange)) = open_exchange(connection)
        && exchange.response_start.is_none()
    {
        if closed_by_gateway(connection, closed.max(exchange.request_start)) {
            return None;
        }
        let time = closed.max(exchange.request_start);
        let begin = begin(connection, Some(index), false);
        return Some(Anchor { time, kind: AnchorKind::Event, begin, exchange: Some(index), penalty: 0.0 });
    }
    if connection.exchanges.count == 0
        && connection.handshake.syn_ack.is_some()
        && !closed_by_gateway(connection, closed)
    {
        // Closed before the request was sent or captured: on a fresh connection the gateway meets it with its first write.
        let begin = connection.handshake.syn;
        return Some(Anchor { time: closed, kind: AnchorKind::Event, begin, exchange: None, penalty: -1.0 });
    }
    let last_of_all = connection.exchanges.current().is_some_and(|exchange| exchange.response_closes);
    if closed_by_gateway(connection, closed) || connection.exchanges.count == 0 || last_of_all {
        return None;
    }
    let part = open_exchange(connection).is_some();
    let penalty = if part { -UNUSUAL } else { 0.0 };
    // The gateway closes its own side when it meets the ending: at the failing use, or when it evicts the connection from its pool.
    let (time, kind) = own_ending(connection).map_or((closed, AnchorKind::Idle), |own| (own, AnchorKind::Event));
    Some(Anchor { time, kind, begin: None, exchange: None, penalty: penalty - 1.0 })
}

fn in_response(connection: &Connection) -> Option<Anchor> {
    let index = connection.exchanges.last.len().checked_sub(1)?;
    let exchange = &connection.exchanges.last[index];
    exchange.response_start?;
    let ended = connection.resp.fin.map(|fin| fin.time).or_else(|| {
        connection.reset_by(Direction::Responder).filter(|reset| reset.fit.obeyed()).map(|reset| reset.time)
    })?;
    let complete = exchange.complete() == Some(true);
    if closed_by_gateway(connection, ended) || complete {
        return None;
    }
    let begin = begin(connection, Some(index), false);
    Some(Anchor { time: ended, kind: AnchorKind::Event, begin, exchange: Some(index), penalty: 0.0 })
}

fn by_read_timeout(connection: &Connection, limit: Option<i64>, timeouts: &Timeouts) -> Option<Anchor> {
    let (last_byte, begin, exchange) = match open_or_unknown(connection) {
        Some((index, exchange)) => {
            // What came behind a gap was not delivered.
            let gap = connection.resp.gap_opened().filter(|opened| *opened >= exchange.request_end);
            let delivered = exchange.response_end.filter(|_| gap.is_none()).unwrap_or(exchange.request_end);
            (delivered, begin(connection, Some(index), false), Some(index))
        }
        // A TLS handshake that stopped: the read of the handshake times out.
        None if connection.exchanges.count == 0 && connection.orig.bytes > 0 => {
            (connection.orig.last_data.max(connection.resp.last_data)?, connection.handshake.syn, None)
        }
        None => return None,
    };
    let own = own_ending(connection);
    let limit = limit.or(timeouts.read);
    if let Some(own) = own
        && own >= last_byte
        && limit.is_none_or(|limit| own.since(last_byte) >= limit - TIMER_SLACK)
        && !ended_by_peer(connection, own)
    {
        // With the limit known, a FIN much later than the timeout is held back by unacknowledged data or a busy thread.
        let late = has_gap(connection);
        let time = limit.filter(|_| !late).map_or(own, |limit| own.min(last_byte.plus(limit + TIMER_SLACK)));
        return Some(Anchor { time, kind: AnchorKind::Own, begin, exchange, penalty: 0.0 });
    }
    let Some(limit) = limit else {
        // Unknown limit, and the gateway's own ending held back behind unacknowledged data: somewhere after the last byte.
        let silent = own.is_none() && !ended_by_peer(connection, last_byte);
        return silent.then_some(Anchor {
            time: last_byte,
            kind: AnchorKind::Since,
            begin,
            exchange,
            penalty: -UNUSUAL,
        });
    };
    let time = last_byte.plus(limit);
    if ended_by_peer(connection, time) || own.is_some_and(|own| own < time.plus(-TIMER_SLACK)) {
        return None;
    }
    Some(Anchor { time, kind: AnchorKind::Timeout, begin, exchange, penalty: 0.0 })
}

/// Whether a gap stands in what the peer sent.
fn has_gap(connection: &Connection) -> bool {
    connection.resp.gap_opened().is_some()
}

/// Whether a timeout can have met it, whatever its limit: of a read while a response, or the answer in a handshake, was to come; of a connect before
/// the first byte was sent.
pub(super) fn may_have_timed_out(symptom: Symptom, connection: &Connection) -> bool {
    match symptom {
        Symptom::ConnectTimeout => connection.handshake.syn.is_some() && connection.orig.bytes == 0,
        _ => open_or_unknown(connection).is_some() || connection.exchanges.count == 0 && connection.orig.bytes > 0,
    }
}

fn by_connect_timeout(connection: &Connection, limit: Option<i64>, timeouts: &Timeouts) -> Option<Anchor> {
    let syn = connection.handshake.syn.filter(|_| may_have_timed_out(Symptom::ConnectTimeout, connection))?;
    let limit = limit.or(timeouts.connect);
    let time = limit.map_or(connection.handshake.last_syn.unwrap_or(syn), |limit| syn.plus(limit));
    // Whoever answers the SYN-ACK by a RST of its own had given up before.
    let given_up = connection.handshake.established.is_none() && own_ending(connection).is_some();
    let answered =
        connection.handshake.syn_ack.is_some_and(|answer| if limit.is_none() { !given_up } else { answer <= time });
    let refused = connection.reset_by(Direction::Responder).is_some_and(|reset| reset.time <= time);
    let unreachable = connection.icmp.iter().any(|icmp| icmp.time <= time);
    if answered || unreachable || refused {
        return None;
    }
    let (kind, penalty) = if limit.is_some() { (AnchorKind::Timeout, 0.0) } else { (AnchorKind::Since, -1.0) };
    Some(Anchor { time, kind, begin: Some(syn), exchange: None, penalty })
}

fn by_refusal(connection: &Connection) -> Option<Anchor> {
    if connection.handshake.syn_ack.is_some() {
        return None;
    }
    let refusal = connection.reset_by(Direction::Responder).map(|reset| reset.time);
    let time = refusal.or_else(|| connection.icmp.first().map(|icmp| icmp.time))?;
    Some(Anchor { time, kind: AnchorKind::Event, begin: connection.handshake.syn, exchange: None, penalty: 0.0 })
}

fn by_icmp(connection: &Connection) -> Option<Anchor> {
    if connection.handshake.syn_ack.is_some() {
        return None;
    }
    let time = connection.icmp.first()?.time;
    Some(Anchor { time, kind: AnchorKind::Event, begin: connection.handshake.syn, exchange: None, penalty: 0.0 })
}

/// The answer by ICMP may not have been captured, or was cut before it tells which SYN it answers.
fn by_unanswered_syn(connection: &Connection) -> Option<Anchor> {
    let handshake = connection.handshake;
    let time = handshake.last_syn.or(handshake.syn).filter(|_| connection.resp.packets == 0)?;
    Some(Anchor { time, kind: AnchorKind::Since, begin: handshake.syn, exchange: None, penalty: -UNUSUAL })
}

fn in_handshake(connection: &Connection) -> Option<Anchor> {
    if connection.tls.server_data || connection.handshake.syn_ack.is_none() {
        return None;
    }
    let alerted = connection.tls.alert.is_some();
    let answered = open_exchange(connection).is_none() && connection.exchanges.count > 0;
    if answered && !alerted {
        return None;
    }
    let ending = connection.ending()?;
    let penalty = if connection.tls.client_data { -1.0 } else { 0.0 };
    let kind = if ending.by == Direction::Originator { AnchorKind::Own } else { AnchorKind::Event };
    Some(Anchor { time: ending.time, kind, begin: connection.handshake.syn, exchange: None, penalty })
}

fn by_gateway(connection: &Connection) -> Option<Anchor> {
    let time = own_ending(connection)?;
    if ended_by_peer(connection, time) {
        return None;
    }
    let (index, _) = open_or_unknown(connection)?;
    let begin = begin(connection, Some(index), false);
    Some(Anchor { time, kind: AnchorKind::Own, begin, exchange: Some(index), penalty: 0.0 })
}

/// The last exchange unless its response is known to be complete.
fn open_or_unknown(connection: &Connection) -> Option<(usize, &Exchange)> {
    let index = connection.exchanges.last.len().checked_sub(1)?;
    let exchange = &connection.exchanges.last[index];
    (exchange.complete() != Some(true)).then_some((index, exchange))
}

/// The exchange that an ending at `time` met, and whether it met none: all requests were answered, the connection lay idle.
fn last_exchange_at(connection: &Connection, time: Timestamp, request_open: bool) -> (Option<usize>, bool) {
    let exchanges = &connection.exchanges.last;
    let index = exchanges.iter().rposition(|exchange| exchange.request_start <= time);
    let Some(exchange) = index.and_then(|index| exchanges.get(index)) else { return (None, false) };
    let unsent = exchange.request_expected.is_some_and(|expected| exchange.request_bytes() < expected);
    let open = request_open || unsent || exchange.response_start.is_none_or(|start| start > time);
    if open {
        return (index, false);
    }
    // The head does not say how long the response is, or it was not captured (TLS, snapped): whoever falls silent for long
    // after a burst of response bytes has finished it.
    let unknown = exchange.complete().is_none();
    let quiet = exchange.response_end.map_or(0, |end| time.since(end));
    (index, !(unknown && quiet < SETTLED))
}

fn begin(connection: &Connection, exchange: Option<usize>, idle: bool) -> Option<Timestamp> {
    if idle {
        return None;
    }
    match exchange.and_then(|index| connection.exchanges.last.get(index)) {
        Some(exchange) if exchange.number > 1 => Some(exchange.request_start),
        _ => connection.handshake.syn,
    }
}

/// When the gateway itself ended the connection: its first FIN or RST.
pub fn own_ending(connection: &Connection) -> Option<Timestamp> {
    let fin = connection.orig.fin.map(|fin| fin.time);
    let reset = connection.resets.iter().find(|(by, _)| *by == Direction::Originator).map(|(_, reset)| reset.time);
    fin.into_iter().chain(reset).min()
}

fn ended_by_peer(connection: &Connection, before: Timestamp) -> bool {
    connection.peer_close().is_some_and(|closed| closed < before)
        || connection.reset_by(Direction::Responder).is_some_and(|reset| reset.fit.obeyed() && reset.time < before)
}

/// Whether the gateway itself had ended the connection before `time`: what came then belongs to no error.
fn closed_by_gateway(connection: &Connection, time: Timestamp) -> bool {
    own_ending(connection).is_some_and(|own| own < time)
}

/// The gateway's timers and threads are late by some milliseconds; ns.
const TIMER_SLACK: i64 = 20_000_000;
/// Silence after response bytes that ends a response whose length is not known, ns: pauses within a response are a few round
/// trips, idle times of pooled connections mostly longer.
const SETTLED: i64 = 60_000_000;
/// Requests of more bytes leave the socket's buffer later than they were written.
const BUFFERED: u64 = 8_192;
/// A response that stops for long and then ends is rarer than an idle connection that ends, nats.
const UNFINISHED: f64 = 1.5;
/// A symptom that the ending explains only in an unusual order of events, nats.
const UNUSUAL: f64 = 3.0;
/// A RST after a FIN that the gateway should have met first, nats.
const FIN_CAME_FIRST: f64 = 3.0;
