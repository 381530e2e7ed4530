//! The table of causes, in the order in which they are tried; the first that fits wins.
//!
//! Each rule is a small pure function of a [`Case`]: what it looks at stands in its body, why stands above it.

use wirecause_parsers::{
    log::{Phase, Symptom},
    packet::IcmpKind,
};

use crate::{
    join::anchor::AnchorKind,
    track::{Direction, NoteKind, ResetShape, connection::EndingKind, stream::Protocol},
};

use super::{
    case::{Case, Coverage, Wire},
    explain as say,
    verdict::{Cause, Responsible},
};

/// What a rule found.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruling {
    /// The cause.
    pub cause: Cause,
    /// Causes that this observation cannot exclude.
    pub also: Vec<Cause>,
    /// Whose side, where the packets show it; else the cause's default.
    pub responsible: Option<Responsible>,
    /// Probability that the cause is right, given that the join is.
    pub confidence: f64,
    /// What was seen and what it means.
    pub because: String,
}

/// A row of the table.
pub struct Rule {
    /// The cause it finds.
    pub cause: Cause,
    /// How.
    pub test: fn(&Case<'_>) -> Option<Ruling>,
}

/// All rules in order.
pub const RULES: [Rule; 24] = [
    Rule { cause: Cause::NoTrafficCaptured, test: no_traffic_captured },
    Rule { cause: Cause::NameResolution, test: name_resolution },
    Rule { cause: Cause::PoolExhausted, test: pool_exhausted },
    Rule { cause: Cause::GatewayResources, test: gateway_resources },
    Rule { cause: Cause::GatewayAbort, test: gateway_abort },
    Rule { cause: Cause::Unreachable, test: unreachable },
    Rule { cause: Cause::ConnectTimeout, test: connect_timeout },
    Rule { cause: Cause::ConnectionRefused, test: connection_refused },
    Rule { cause: Cause::TlsHandshakeFailure, test: tls_handshake_failure },
    Rule { cause: Cause::InjectedReset, test: injected_reset },
    Rule { cause: Cause::IdleExpiryInPath, test: idle_expiry_in_path },
    Rule { cause: Cause::StaleConnectionReuse, test: stale_connection_reuse },
    Rule { cause: Cause::MtuBlackHole, test: mtu_black_hole },
    Rule { cause: Cause::AcceptQueueOverflow, test: accept_queue_overflow },
    Rule { cause: Cause::ReceiverStalled, test: receiver_stalled },
    Rule { cause: Cause::SilentDrop, test: silent_drop },
    Rule { cause: Cause::PathLoss, test: path_loss },
    Rule { cause: Cause::RejectedAfterAccept, test: rejected_after_accept },
    Rule { cause: Cause::AbortedDuringRequest, test: aborted_during_request },
    Rule { cause: Cause::AbortedAwaitingResponse, test: aborted_awaiting_response },
    Rule { cause: Cause::ClosedAwaitingResponse, test: closed_awaiting_response },
    Rule { cause: Cause::AbortedDuringResponse, test: aborted_during_response },
    Rule { cause: Cause::ClosedDuringResponse, test: closed_during_response },
    Rule { cause: Cause::SlowResponse, test: slow_response },
];

/// The first rule that fits, with the next one behind it where loss came before another ending.
pub fn judge(case: &Case<'_>) -> Ruling {
    let mut fitting = RULES.iter().filter_map(|rule| (rule.test)(case));
    let Some(mut first) = fitting.next() else { return undetermined(case) };
    if first.cause == Cause::PathLoss
        && let Some(next) = fitting.next()
        && !first.also.contains(&next.cause)
    {
        first.also.push(next.cause);
    }
    first
}

fn ruling(cause: Cause, confidence: f64, because: String) -> Ruling {
    Ruling { cause, also: Vec::new(), responsible: None, confidence, because }
}

impl Ruling {
    fn also(mut self, causes: &[Cause]) -> Self {
        self.also.extend(causes);
        self
    }

    fn by(mut self, responsible: Responsible) -> Self {
        self.responsible = Some(responsible);
        self
    }
}

/// The resolver says so in the log; the capture shows how.
fn name_resolution(case: &Case<'_>) -> Option<Ruling> {
    case.symptom_is(&[Symptom::UnknownHost])
        .then(|| ruling(Cause::NameResolution, 0.98, say::unknown_host(&case.call.target.host, case.queries)))
}

/// The pool says so in the log; or a read timed out for which no request ever left, while the peer was captured and answered others
/// (Broadcom KB 42528: the text also appears when the outbound limit is hit).
fn pool_exhausted(case: &Case<'_>) -> Option<Ruling> {
    if case.symptom_is(&[Symptom::PoolTimeout]) {
        return Some(ruling(Cause::PoolExhausted, 0.98, say::pool_timeout(case)));
    }
    let silent = case.symptom_is(&[Symptom::ReadTimeout]) && case.connection.is_none();
    (silent && case.coverage == Coverage::Full)
        .then(|| ruling(Cause::PoolExhausted, 0.75, say::nothing_sent(case)).also(&[Cause::SlowResponse]))
}

/// Nothing leaves: no port, no descriptor, no route of the gateway's own.
fn gateway_resources(case: &Case<'_>) -> Option<Ruling> {
    let no_route = case.symptom_is(&[Symptom::NoRoute]) && case.connection.is_none() && case.coverage == Coverage::Full;
    (case.symptom_is(&[Symptom::NoLocalPort]) || no_route)
        .then(|| ruling(Cause::GatewayResources, 0.95, say::no_resources(case)))
}

/// "Socket closed" is the gateway's own doing (RFC 9293: only the owner closes a socket); the packets show its FIN or RST first.
fn gateway_abort(case: &Case<'_>) -> Option<Ruling> {
    let ended_by_peer = case.connection.as_ref().is_some_and(|wire| wire.peer_ending().is_some());
    if !case.symptom_is(&[Symptom::SocketClosed]) || ended_by_peer {
        return None;
    }
    let confidence = if case.connection.is_some() { 0.97 } else { 0.8 };
    Some(ruling(Cause::GatewayAbort, confidence, say::gateway_abort(case)))
}

/// Without a packet of that host or time there is nothing to judge by.
fn no_traffic_captured(case: &Case<'_>) -> Option<Ruling> {
    // These need no packet to be known.
    let said = case.symptom_is(&[Symptom::UnknownHost, Symptom::PoolTimeout, Symptom::NoLocalPort]);
    (!said && case.connection.is_none() && matches!(case.coverage, Coverage::OtherTime | Coverage::OtherHost))
        .then(|| ruling(Cause::NoTrafficCaptured, 0.95, say::not_covered(case)))
}

/// A router or firewall answered the SYN by ICMP (RFC 792, RFC 1812).
fn unreachable(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let icmp = wire.connection.icmp.first()?;
    let refused = matches!(icmp.kind, IcmpKind::Unreachable | IcmpKind::Prohibited | IcmpKind::PortUnreachable);
    (refused && wire.connection.handshake.syn_ack.is_none())
        .then(|| ruling(Cause::Unreachable, 0.97, say::unreachable(icmp)).by(Responsible::Path))
}

/// SYNs without an answer until the gateway gave up.
fn connect_timeout(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let handshake = wire.connection.handshake;
    let answered = handshake.syn_ack.is_some_and(|answer| answer <= wire.anchor.time);
    if !case.symptom_is(&[Symptom::ConnectTimeout]) || answered || handshake.syn.is_none() {
        return None;
    }
    let peer_answers = wire.peer.is_some_and(|peer| peer.established > 0);
    let responsible = if peer_answers { Responsible::Backend } else { Responsible::Network };
    Some(ruling(Cause::ConnectTimeout, 0.97, say::connect_timeout(wire)).by(responsible))
}

/// RST in answer to a SYN: no listener, or a device that refuses in its name.
fn connection_refused(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let refusal = wire.reset.filter(|_| wire.connection.handshake.syn_ack.is_none())?;
    if !matches!(refusal.shape, ResetShape::Refusal | ResetShape::Passive) || wire.connection.exchanges.count > 0 {
        return None;
    }
    let found = ruling(Cause::ConnectionRefused, 0.98, say::refused(wire, refusal));
    Some(if wire.origin.is_foreign() { found.by(Responsible::Path) } else { found })
}

/// An alert, RST or FIN between `ClientHello` and the first application data.
fn tls_handshake_failure(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let tls = &wire.connection.tls;
    let said = case.symptom_is(&[Symptom::TlsHandshake]);
    let hello = wire.connection.protocol == Protocol::Tls && tls.client_hello;
    let over = tls.server_data || (tls.client_data && !(said && tls.alert.is_some()));
    if !(hello || said) || over || wire.connection.handshake.syn_ack.is_none() {
        return None;
    }
    if wire.connection.exchanges.count > 0 && !said {
        return None;
    }
    let ending = wire.connection.ending();
    let alert = tls.alert.map(|alert| alert.from);
    let by = alert.or(ending.map(|ending| ending.by))?;
    if case.symptom_is(&[Symptom::ReadTimeout]) {
        return None;
    }
    let found = ruling(Cause::TlsHandshakeFailure, 0.96, say::tls_failure(wire));
    Some(match by {
        Direction::Originator => found.by(Responsible::Gateway),
        Direction::Responder if wire.origin.is_foreign() => found.by(Responsible::Path).also(&[Cause::InjectedReset]),
        Direction::Responder => found.by(Responsible::Backend),
    })
}

/// A reset that does not fit the peer, in mid-conversation.
fn injected_reset(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let reset = wire.reset?;
    let first = wire.peer_ending()?.0 == EndingKind::Rst;
    if !wire.origin.is_foreign() || !first || forgotten_in_path(wire) || wire.anchor.kind == AnchorKind::Idle {
        return None;
    }
    let strength = (wire.origin.weight() - super::origin::FOREIGN).min(3.0) / 3.0;
    let found = ruling(Cause::InjectedReset, 0.9 + 0.08 * strength, say::injected(wire, reset));
    Some(match aborted(wire) {
        Some(genuine) if strength < 0.5 => found.also(&[genuine]),
        _ => found,
    })
}

/// The first data after an idle time is answered by a bare RST that the peer did not send: a device has forgotten the flow. Or such
/// a device announced it by a reset of its own while the connection was idle.
fn idle_expiry_in_path(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let reset = wire.reset?;
    let announced = wire.anchor.kind == AnchorKind::Idle && wire.origin.is_foreign() && !wire.fin_before_reset();
    (forgotten_in_path(wire) || announced).then(|| ruling(Cause::IdleExpiryInPath, 0.95, say::idle_expiry(wire, reset)))
}

/// A bare RST for the first data after an idle time, which the peer itself cannot have sent. A device that forgets idle flows does so
/// after a time; one that strikes fresh or busy connections to the same peer in the same way is no such device.
fn forgotten_in_path(wire: &Wire<'_>) -> bool {
    // On a connection that is older than the capture the idle time is longer than what was captured of it.
    let begun_before = wire.connection.handshake.syn.is_none() && wire.connection.handshake.syn_ack.is_none();
    let idle = wire.exchange.and_then(|exchange| exchange.idle_before).or(begun_before.then_some(SHORTEST_IDLE));
    let Some(idle) = idle else { return false };
    let after_idle = |idle: i64| idle >= SHORTEST_IDLE;
    let strikes = wire.peer.map_or(&[][..], |peer| peer.fast_resets.as_slice());
    let only_idle = strikes.iter().filter(|idle| !idle.is_some_and(after_idle)).count() * 4 <= strikes.len();
    // Devices pick some flows up again in mid-stream, so that single long idle times survive.
    let long_enough = begun_before || wire.idle_survived().is_none_or(|survived| idle >= survived / MUCH_LONGER);
    let suspicious = wire.origin.is_foreign() || wire.origin.has("rtt");
    wire.reused()
        && wire.answers_first_data()
        && suspicious
        && after_idle(idle)
        && only_idle
        && long_enough
        && !wire.fin_before_reset()
}

/// The peer had ended the connection before the request could reach it, or no longer knew it.
fn stale_connection_reuse(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    if wire.never_sent() {
        return Some(ruling(Cause::StaleConnectionReuse, 0.96, say::stale_idle(wire)));
    }
    if !wire.reused() {
        return None;
    }
    let exchange = wire.exchange?;
    let (kind, ended) = wire.peer_ending()?;
    if exchange.after_peer_close {
        return Some(ruling(Cause::StaleConnectionReuse, 0.98, say::stale_closed(wire, exchange)));
    }
    let rtt = wire.rtt().unwrap_or(UNKNOWN_RTT);
    let after = ended.since(exchange.request_start);
    // What left the peer before the request arrived acknowledges none of it and comes within one round trip.
    // So does what the peer's idle timer sends just before a request that is lost.
    let crossing = wire.nothing_acknowledged()
        && (after <= rtt + rtt / 2 + SLACK || raced(wire) && wire.loss().is_none_or(|loss| loss.retransmissions == 0))
        && exchange.response_start.is_none();
    if crossing && kind == EndingKind::Fin {
        return Some(ruling(Cause::StaleConnectionReuse, 0.96, say::stale_race(wire, exchange, after)));
    }
    let reset = wire.reset?;
    // Some stacks acknowledge what they refuse for want of a connection: RST and ACK, most with a window of 0, one round trip after the
    // request, where a process would have taken time (reference/reset-causes.md, 2.4).
    let at_once = if reset.window == 0 { rtt + rtt / 20 + SLACK / 2 } else { rtt + rtt / 20 + SLACK / 10 };
    let unknown_there = reset.shape == ResetShape::Active
        && (reset.window == 0 || rtt >= UNKNOWN_RTT)
        && after <= at_once
        && exchange.response_start.is_none()
        && exchange.request_bytes() <= MANY_SEGMENTS
        && !wire.origin.is_foreign();
    if unknown_there && !crossing {
        let found = ruling(Cause::StaleConnectionReuse, 0.85, say::stale_race(wire, exchange, after));
        return Some(found.also(&[Cause::AbortedAwaitingResponse]));
    }
    if !crossing {
        return None;
    }
    let found = ruling(Cause::StaleConnectionReuse, 0.93, say::stale_race(wire, exchange, after));
    Some(match reset.shape {
        _ if after > rtt + rtt / 2 + SLACK => found.also(&[Cause::PathLoss]),
        ResetShape::Passive if rtt < UNKNOWN_RTT => found.also(&[Cause::IdleExpiryInPath]),
        ResetShape::Passive => found,
        _ if wire.unsent() > 0 || exchange.request_bytes() > MANY_SEGMENTS => {
            found.also(&[Cause::AbortedDuringRequest])
        }
        _ => found,
    })
}

/// Only full-size segments are lost: small ones of the same request were acknowledged, full-size ones are sent again and again
/// (RFC 2923, section 2.1).
fn mtu_black_hole(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let exchange = wire.exchange?;
    let repeated_handshake = wire.connection.handshake.syn_acks > 1;
    if wire.unacknowledged() == 0 || exchange.response_start.is_some() || repeated_handshake {
        return None;
    }
    let mss =
        u32::from(wire.connection.resp.mss.unwrap_or(536)).min(u32::from(wire.connection.orig.mss.unwrap_or(u16::MAX)));
    let full = mss.saturating_sub(OPTIONS).min(wire.connection.orig.largest_payload);
    let again: Vec<u32> = wire
        .connection
        .notes
        .iter()
        .filter(|note| {
            note.from == Direction::Originator
                && note.kind == NoteKind::Retransmission
                && note.time >= exchange.request_start
        })
        .map(|note| note.payload)
        .collect();
    let only_full = again.len() >= 2 && again.iter().all(|payload| *payload >= full.max(SMALLEST_FULL));
    // On a connection in use, of whose peer no large request is known to have passed, the size is the likeliest reason.
    let busy = exchange.idle_before.is_none_or(|idle| idle < SHORTEST_IDLE)
        && wire.peer.is_some_and(|peer| peer.large_requests == 0);
    let small_passed = exchange.acked_bytes > 0
        || busy
        || wire.connection.notes.iter().any(|note| {
            note.from == Direction::Responder
                && note.time > exchange.request_end
                && !note.flags.fin()
                && !note.flags.rst()
        });
    let lossy = wire.peer.is_some_and(super::population::Peer::is_lossy);
    (only_full && small_passed && (!lossy || again.len() >= UNLIKELY_CHANCE))
        .then(|| ruling(Cause::MtuBlackHole, 0.9, say::black_hole(wire, &again)).also(&[Cause::SilentDrop]))
}

/// Data on an established connection is sent again and again and nothing acknowledges it: a stateful device drops it.
fn silent_drop(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let loss = wire.loss().filter(|loss| !loss.recovered && loss.retransmissions >= 1)?;
    let exchange = wire.exchange?;
    if exchange.response_start.is_some() || exchange.acked_bytes > 0 {
        return None;
    }
    let idle = exchange.idle_before.unwrap_or(0);
    let expired = wire.reused() && wire.idle_survived().is_some_and(|survived| idle > survived);
    let lossy = wire.peer.is_some_and(super::population::Peer::is_lossy);
    let ended = wire.peer_ending().is_some();
    // What still arrives from the peer shows a path that loses, not a device that drops.
    if !(expired && loss.retransmissions >= 3) && (lossy || ended) && loss.retransmissions < HOPELESS {
        return None;
    }
    let confidence = if expired && loss.retransmissions >= 3 { 0.97 } else { 0.88 };
    let found = ruling(Cause::SilentDrop, confidence, say::silent_drop(wire, exchange, loss));
    Some(if expired { found } else { found.also(&[Cause::PathLoss]) })
}

/// The handshake seems done, the peer repeats its SYN-ACK and never takes the data: its accept queue was full
/// (Linux drops the handshake's last ACK then, `tcp_abort_on_overflow` = 0).
fn accept_queue_overflow(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let handshake = wire.connection.handshake;
    let fresh = wire.exchange.is_none_or(|exchange| exchange.number == 1 && exchange.acked_bytes == 0);
    let stuck = wire.loss().is_some_and(|loss| !loss.recovered) || wire.exchange.is_none();
    if handshake.syn_acks < 2 || handshake.syns > 1 || !fresh || !stuck {
        return None;
    }
    let lossy = wire.peer.is_some_and(|peer| peer.is_lossy() && peer.repeated_syn_acks * 2 < peer.with_loss);
    let found = ruling(Cause::AcceptQueueOverflow, if lossy { 0.7 } else { 0.92 }, say::accept_queue(wire));
    Some(if lossy { found.also(&[Cause::PathLoss]) } else { found })
}

/// Request bytes were lost and sent again, and what then ended the call came because of that delay.
fn path_loss(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let exchange = wire.exchange?;
    let total = wire.anchor.time.since(exchange.request_start).max(1);
    if let Some(loss) = wire.loss()
        && exchange.response_start.is_none()
    {
        // Up to the last round trip of it, the wait for the acknowledgement was time that the peer did not have.
        let mattered = !loss.recovered || loss.delay * LOSS_SHARE >= total;
        let confidence = if loss.recovered { 0.8 } else { 0.93 };
        let found = ruling(Cause::PathLoss, confidence, say::path_loss(wire, loss));
        let stale = wire.reused() && wire.nothing_acknowledged() && wire.peer_ending().is_some();
        return mattered.then(|| if stale { found.also(&[Cause::StaleConnectionReuse]) } else { found });
    }
    let hole = wire.connection.resp.has_holes();
    let again = exchange.response_retransmissions > 0 && exchange.complete() == Some(false);
    (exchange.response_start.is_some() && (hole || again) && case.symptom_is(&[Symptom::ReadTimeout]))
        .then(|| ruling(Cause::PathLoss, 0.85, say::response_lost(wire, exchange)))
}

/// The peer announced that it takes no more.
fn receiver_stalled(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let stalled = wire.connection.resp.zero_window_since.filter(|since| *since <= wire.anchor.time)?;
    let reset_window = wire.reset.is_some_and(|reset| reset.time <= stalled);
    (!reset_window && (wire.unacknowledged() > 0 || wire.unsent() > 0) || wire.anchor.time.since(stalled) > LONG_STALL)
        .then(|| ruling(Cause::ReceiverStalled, 0.93, say::stalled(wire, stalled)))
}

/// A fresh connection was accepted and ended at once: what ended it acknowledges no request byte.
fn rejected_after_accept(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let (kind, ended) = wire.peer_ending()?;
    if wire.reused() || wire.connection.handshake.syn_ack.is_none() || wire.connection.tls.server_hello {
        return None;
    }
    let exchange = wire.exchange;
    if exchange.is_some_and(|exchange| exchange.response_start.is_some()) {
        return None;
    }
    let whole = exchange.is_none_or(|exchange| exchange.request_bytes() <= MANY_SEGMENTS && wire.unsent() == 0);
    if wire.nothing_acknowledged() {
        let found = ruling(Cause::RejectedAfterAccept, 0.96, say::rejected(wire));
        return Some(if whole { found } else { found.also(&[Cause::AbortedDuringRequest]) });
    }
    // A kernel acknowledges for a process that has not read yet: ended within some round trips, nobody looked at the request.
    let exchange = exchange?;
    let rtt = wire.rtt().unwrap_or(UNKNOWN_RTT);
    let at_once = ended.since(exchange.request_end) <= rtt + rtt / 4 + AT_ONCE && wire.unacknowledged() == 0 && whole;
    let other = if kind == EndingKind::Rst { Cause::AbortedAwaitingResponse } else { Cause::ClosedAwaitingResponse };
    at_once.then(|| ruling(Cause::RejectedAfterAccept, 0.75, say::rejected_unread(wire)).also(&[other]))
}

/// RST, or FIN and then RST, while request bytes were unsent or unacknowledged.
fn aborted_during_request(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let reset = wire.reset?;
    let exchange = wire.exchange?;
    if exchange.response_start.is_some_and(|start| start <= reset.time) && wire.unsent() == 0 {
        return None;
    }
    let sending = met_on_write(case) && reset.time >= exchange.request_start;
    let open = reset.unacknowledged > 0 || wire.unsent() > 0 || sending;
    let fin_first = wire.fin_before_reset();
    if !open || fin_first && wire.unsent() == 0 && wire.unacknowledged() == 0 && !sending {
        return None;
    }
    let found = ruling(Cause::AbortedDuringRequest, 0.93, say::during_request(wire, reset));
    Some(if wire.reused() && wire.nothing_acknowledged() { found.also(&[Cause::StaleConnectionReuse]) } else { found })
}

/// Request acknowledged in full, then RST, no response byte.
fn aborted_awaiting_response(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let exchange = wire.exchange?;
    if wire.peer_ending()?.0 != EndingKind::Rst || exchange.response_start.is_some() {
        return None;
    }
    let found = ruling(Cause::AbortedAwaitingResponse, 0.96, say::awaiting(wire, "a RST"));
    // Where TLS hides how long the request is, what was sent and acknowledged of a large one may not be all of it.
    let maybe_more = exchange.request_expected.is_none() && exchange.request_bytes() > MANY_SEGMENTS;
    let in_the_middle =
        maybe_more && wire.wait().is_some_and(|wait| wait <= 2 * wire.rtt().unwrap_or(UNKNOWN_RTT) + PAUSE);
    if in_the_middle {
        let found = Ruling { cause: Cause::AbortedDuringRequest, confidence: 0.75, ..found };
        return Some(found.also(&[Cause::AbortedAwaitingResponse]));
    }
    Some(match (raced(wire), maybe_more) {
        (true, _) => found.also(&[Cause::StaleConnectionReuse]),
        (false, true) => Ruling { confidence: 0.8, ..found }.also(&[Cause::AbortedDuringRequest]),
        (false, false) => found,
    })
}

/// The same with FIN.
fn closed_awaiting_response(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let exchange = wire.exchange?;
    if wire.peer_ending()?.0 != EndingKind::Fin || exchange.response_start.is_some() {
        return None;
    }
    let found = ruling(Cause::ClosedAwaitingResponse, 0.96, say::awaiting(wire, "a FIN"));
    Some(if wire.unsent() > 0 { found.also(&[Cause::AbortedDuringRequest]) } else { found })
}

/// RST after part of a response.
fn aborted_during_response(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let exchange = wire.exchange.filter(|exchange| exchange.response_start.is_some())?;
    (wire.peer_ending()?.0 == EndingKind::Rst)
        .then(|| ruling(Cause::AbortedDuringResponse, 0.96, say::during_response(wire, exchange, "a RST")))
}

/// FIN after part of a response.
fn closed_during_response(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let exchange = wire.exchange.filter(|exchange| exchange.response_start.is_some())?;
    (wire.peer_ending()?.0 == EndingKind::Fin)
        .then(|| ruling(Cause::ClosedDuringResponse, 0.96, say::during_response(wire, exchange, "a FIN")))
}

/// The request arrived and was acknowledged, nothing was lost, and no (further) response byte came until the gateway gave up.
fn slow_response(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    if !case.symptom_is(&[Symptom::ReadTimeout]) {
        return None;
    }
    let acknowledged = wire.unacknowledged() == 0;
    Some(ruling(Cause::SlowResponse, if acknowledged { 0.96 } else { 0.6 }, say::slow(wire)))
}

fn undetermined(case: &Case<'_>) -> Ruling {
    ruling(Cause::Undetermined, 0.3, say::undetermined(case))
}

/// Whether the gateway met the ending while it wrote: by its stack frames, or by the words that the JDK has for writes alone.
fn met_on_write(case: &Case<'_>) -> bool {
    let words = ["by peer", "Write failed", "Broken pipe"];
    case.call.phase == Some(Phase::SendRequest) || words.iter().any(|word| case.call.message.contains(word))
}

/// What a genuine reset of the peer would have been at this point.
fn aborted(wire: &Wire<'_>) -> Option<Cause> {
    let exchange = wire.exchange?;
    Some(if exchange.response_start.is_some() {
        Cause::AbortedDuringResponse
    } else if wire.unacknowledged() > 0 {
        Cause::AbortedDuringRequest
    } else {
        Cause::AbortedAwaitingResponse
    })
}

/// Whether a reused connection was reset about when its idle time ran out: the peer's timer may have fired while the request was on
/// its way to the application.
fn raced(wire: &Wire<'_>) -> bool {
    let (Some(exchange), Some(timeout)) = (wire.exchange, wire.peer.and_then(super::population::Peer::idle_timeout))
    else {
        return false;
    };
    let since = exchange.idle_before.map(|idle| idle + wire.anchor.time.since(exchange.request_start));
    wire.reused() && since.is_some_and(|since| (since - timeout).abs() <= timeout / 10)
}

/// Round-trip time assumed where none was measured, ns.
const UNKNOWN_RTT: i64 = 1_000_000;
/// Scheduling and queueing beyond the round trip, ns.
const SLACK: i64 = 2_000_000;
/// Pauses of a sender in the middle of a request, ns.
const PAUSE: i64 = 10_000_000;
/// A process that rejects a connection does so within this time after the request's arrival, ns.
const AT_ONCE: i64 = 3_000_000;
/// Idle times below this are pauses between calls; no device forgets a flow so soon, ns.
const SHORTEST_IDLE: i64 = 500_000_000;
/// An idle time is no reason for an expiry where one so many times as long survived.
const MUCH_LONGER: i64 = 8;
/// A request of more bytes than this fills many segments: its sender may be in the middle of it.
const MANY_SEGMENTS: u64 = 4_000;
/// Room that options take of the maximum segment size (timestamps: 12 bytes).
const OPTIONS: u32 = 40;
/// The smallest payload that counts as full-size (IPv4's least MTU of 576 less headers).
const SMALLEST_FULL: u32 = 500;
/// Losses of full-size segments alone, in a row, that are no chance on a lossy path.
const UNLIKELY_CHANCE: usize = 4;
/// Losses of one segment in a row that no lossy path explains (one in a hundred, at half of all segments lost).
const HOPELESS: u32 = 6;
/// The delay by loss must be at least one in so many parts of the whole time.
const LOSS_SHARE: i64 = 5;
/// A window closed for so long is a stall by itself, ns.
const LONG_STALL: i64 = 1_000_000_000;
