//! What the peer itself does to a request: refuses it, breaks it off, closes on it, or keeps it waiting.

use wirecause_parsers::log::Symptom;

use crate::{
    attribute::{
        case::{Case, Wire},
        explain as say,
        verdict::Cause,
    },
    join::score::met_on_write,
    track::{Exchange, connection::EndingKind, stream::Protocol},
};

use super::{MANY_SEGMENTS, Ruling, SLACK, UNKNOWN_RTT, raced, ruling};

/// A fresh connection was accepted and ended at once: what ended it acknowledges no request byte.
pub(super) fn rejected_after_accept(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let (kind, _) = wire.peer_ending()?;
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
        // The requests that it answered may be among what the capture lost.
        if wire.has_gaps() {
            return Some(Ruling { confidence: 0.6, ..found }.also(&[Cause::StaleConnectionReuse]));
        }
        return Some(if whole { found } else { found.also(&[Cause::AbortedDuringRequest]) });
    }
    // A kernel acknowledges for a process that has not read yet: ended within a round trip, nobody looked at the request.
    let at_once = ended_unread(wire)? == Unread::AtOnce;
    let other = if kind == EndingKind::Rst { Cause::AbortedAwaitingResponse } else { Cause::ClosedAwaitingResponse };
    at_once.then(|| ruling(Cause::RejectedAfterAccept, 0.75, say::rejected_unread(wire)).also(&[other]))
}

/// How soon after the whole, small request of a fresh connection had arrived the peer ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unread {
    /// As soon as it can be.
    AtOnce,
    /// So soon that the path's jitter may have delayed what was sent at once.
    Soon,
}

fn ended_unread(wire: &Wire<'_>) -> Option<Unread> {
    let (_, ended) = wire.peer_ending()?;
    let exchange = wire.exchange.filter(|exchange| exchange.response_start.is_none())?;
    let whole = exchange.request_bytes() <= MANY_SEGMENTS && wire.unsent() == 0 && wire.unacknowledged() == 0;
    if wire.reused() || wire.connection.tls.server_hello || !whole {
        return None;
    }
    let rtt = wire.rtt().unwrap_or(UNKNOWN_RTT);
    let later = ended.since(exchange.request_end) - rtt;
    if later <= rtt / 50 + AT_ONCE {
        Some(Unread::AtOnce)
    } else {
        (later <= rtt / 4 + AT_ONCE).then_some(Unread::Soon)
    }
}

/// RST, or FIN and then RST, while request bytes were unsent or unacknowledged.
pub(super) fn aborted_during_request(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let reset = wire.reset?;
    let exchange = wire.exchange?;
    if exchange.response_start.is_some_and(|start| start <= reset.time) && wire.unsent() == 0 {
        return None;
    }
    let sending = met_on_write(case.call) && reset.time >= exchange.request_start;
    let open = reset.unacknowledged > 0 || wire.unsent() > 0 || sending;
    let fin_first = wire.fin_before_reset();
    if !open || fin_first && wire.unsent() == 0 && wire.unacknowledged() == 0 && !sending {
        return None;
    }
    let mut found = ruling(Cause::AbortedDuringRequest, 0.93, say::during_request(wire, reset));
    let rtt = wire.rtt().unwrap_or(UNKNOWN_RTT);
    // A host that no longer knows the connection answers the first segment of it, and some stacks acknowledge that one.
    let first_answered = reset.time.since(exchange.request_start) <= rtt + rtt / 2 + SLACK;
    if wire.reused() && (wire.nothing_acknowledged() || first_answered || raced(wire)) {
        found = found.also(&[Cause::StaleConnectionReuse]);
    }
    // All that had left had arrived: it need not have been the upload that ended it.
    let all_arrived = !sending && reset.unacknowledged == 0;
    Some(if all_arrived { found.also(&[Cause::AbortedAwaitingResponse]) } else { found })
}

/// Request acknowledged in full, then RST, no response byte.
pub(super) fn aborted_awaiting_response(case: &Case<'_>) -> Option<Ruling> {
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
    // In a network this short a process cannot be told from a host that no longer knows the connection and acknowledges what it refuses.
    let rtt = wire.rtt().unwrap_or(UNKNOWN_RTT);
    let at_once = wire.wait().is_some_and(|wait| wait <= rtt + rtt / 10 + AT_ONCE / 6);
    Some(match (raced(wire) || wire.reused() && at_once, maybe_more) {
        (true, _) => Ruling { confidence: 0.85, ..found }.also(&[Cause::StaleConnectionReuse]),
        (false, true) => Ruling { confidence: 0.8, ..found }.also(&[Cause::AbortedDuringRequest]),
        // Only the RST acknowledges the last of a large request: whoever sent it had hardly read that.
        (false, false) if exchange.request_bytes() > MANY_SEGMENTS && exchange.request_acked.is_none() => {
            Ruling { confidence: 0.75, ..found }.also(&[Cause::AbortedDuringRequest])
        }
        (false, false) if ended_unread(wire).is_some() => found.also(&[Cause::RejectedAfterAccept]),
        (false, false) => found,
    })
}

/// The same with FIN.
pub(super) fn closed_awaiting_response(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let exchange = wire.exchange?;
    if wire.peer_ending()?.0 != EndingKind::Fin || exchange.response_start.is_some() {
        return None;
    }
    let found = ruling(Cause::ClosedAwaitingResponse, 0.96, say::awaiting(wire, "a FIN"));
    Some(if wire.unsent() > 0 {
        found.also(&[Cause::AbortedDuringRequest])
    } else if ended_unread(wire).is_some() {
        found.also(&[Cause::RejectedAfterAccept])
    } else {
        found
    })
}

/// RST after part of a response.
pub(super) fn aborted_during_response(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let exchange = wire.exchange.filter(|exchange| exchange.response_start.is_some())?;
    if wire.peer_ending()?.0 != EndingKind::Rst {
        return None;
    }
    let found = ruling(Cause::AbortedDuringResponse, 0.96, say::during_response(wire, exchange, "a RST"));
    if !may_be_tickets(wire, exchange) {
        return Some(found);
    }
    if are_unseen_tickets(case, wire, exchange) {
        let tickets = ruling(Cause::AbortedAwaitingResponse, 0.75, say::awaiting(wire, "a RST"));
        return Some(tickets.also(&[Cause::AbortedDuringResponse]));
    }
    Some(found.also(&[Cause::AbortedAwaitingResponse]))
}

/// Whether the bytes behind a TLS handshake that were taken for a response may have been session tickets, which servers send unasked.
pub(super) fn may_be_tickets(wire: &Wire<'_>, exchange: &Exchange) -> bool {
    let may_be_first = match wire.connection.protocol {
        Protocol::Tls => exchange.number == 1,
        // Where no payload was captured the two flights of a handshake count as exchanges.
        Protocol::Unknown => exchange.number <= 3,
        _ => false,
    };
    may_be_first && exchange.response_bytes <= TICKETS
}

/// Whether what followed a TLS handshake of which nothing was captured was rather its tickets than a response. The flights of a handshake of
/// TLS 1.3 make the first exchange then, and its last one and the request the second, which the tickets follow; before TLS 1.3 tickets are
/// part of the handshake (RFC 8446, 4.6.1; RFC 5077, 3.3).
pub(super) fn are_unseen_tickets(case: &Case<'_>, wire: &Wire<'_>, exchange: &Exchange) -> bool {
    let over_tls = case.call.url.starts_with("https:");
    wire.is_blind() && over_tls && exchange.number == 2 && exchange.response_bytes <= TWO_TICKETS
}

/// FIN after part of a response.
pub(super) fn closed_during_response(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let exchange = wire.exchange.filter(|exchange| exchange.response_start.is_some())?;
    if wire.peer_ending()?.0 != EndingKind::Fin {
        return None;
    }
    let found = ruling(Cause::ClosedDuringResponse, 0.96, say::during_response(wire, exchange, "a FIN"));
    // The log says that nothing of a response was read.
    if may_be_tickets(wire, exchange) && case.symptom_is(&[Symptom::NoResponse]) {
        let found = Ruling { cause: Cause::ClosedAwaitingResponse, confidence: 0.85, ..found };
        return Some(found.also(&[Cause::ClosedDuringResponse]));
    }
    Some(if may_be_tickets(wire, exchange) { found.also(&[Cause::ClosedAwaitingResponse]) } else { found })
}

/// The request arrived and was acknowledged, nothing was lost, and no (further) response byte came until the gateway gave up.
pub(super) fn slow_response(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    if !case.symptom_is(&[Symptom::ReadTimeout]) {
        return None;
    }
    let acknowledged = wire.unacknowledged() == 0;
    Some(ruling(Cause::SlowResponse, if acknowledged { 0.96 } else { 0.6 }, say::slow(wire)))
}

/// Two session tickets of some 250 bytes, as OpenSSL sends them behind each full handshake of TLS 1.3; few responses with their head are smaller.
const TWO_TICKETS: u64 = 512;
/// Two session tickets of the largest usual size.
const TICKETS: u64 = 2 * 2_048;
/// Pauses of a sender in the middle of a request, ns.
const PAUSE: i64 = 10_000_000;
/// A process that rejects a connection does so within this time after the request's arrival, ns.
const AT_ONCE: i64 = 3_000_000;
