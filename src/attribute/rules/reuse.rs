//! Kept-alive connections that the peer had ended, or no longer knew, when the gateway used them again.

use crate::{
    attribute::{
        case::{Case, Wire},
        explain as say,
        verdict::Cause,
    },
    track::{Exchange, ResetShape, connection::EndingKind},
};

use super::{
    MANY_SEGMENTS, Ruling, SLACK, Silence, UNKNOWN_RTT, may_be_fresh,
    peer::{are_unseen_tickets, may_be_tickets},
    raced, ruling, silence_says,
};

/// The peer had ended the connection before the request could reach it, or no longer knew it.
pub(super) fn stale_connection_reuse(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    if let Some(found) = served_nobody(case, wire) {
        return Some(found);
    }
    let found = met_dead(wire)?;
    if !may_be_fresh(case, wire) {
        return Some(found);
    }
    // Earlier requests would have been seen: it is likelier that only the handshake was missed.
    let fresh = ruling(Cause::RejectedAfterAccept, 0.6, say::rejected(wire));
    Some(fresh.also(&[Cause::StaleConnectionReuse]).also(&found.also))
}

/// Where all that came behind a handshake was its tickets, the connection had never been in the pool: it ended while its first request waited.
fn served_nobody(case: &Case<'_>, wire: &Wire<'_>) -> Option<Ruling> {
    let exchange = wire.connection.exchanges.current().filter(|exchange| are_unseen_tickets(case, wire, exchange))?;
    if !wire.never_sent() || silence_says(wire) == Some(Silence::Idle) {
        return None;
    }
    let (awaiting, by) = match wire.peer_ending()?.0 {
        EndingKind::Rst => (Cause::AbortedAwaitingResponse, "a RST"),
        EndingKind::Fin => (Cause::ClosedAwaitingResponse, "a FIN"),
    };
    let because = format!(
        "All that came behind the first request was {} bytes, as session tickets have them, before {by} of the peer ended the connection. \
         No payload was captured, so that they may have been a response.",
        exchange.response_bytes
    );
    Some(ruling(awaiting, 0.7, because).also(&[Cause::StaleConnectionReuse]))
}

fn met_dead(wire: &Wire<'_>) -> Option<Ruling> {
    let silence = silence_says(wire);
    if wire.never_sent() && may_have_cut(wire) && silence != Some(Silence::Idle) {
        let cut = match wire.peer_ending()?.0 {
            EndingKind::Rst => Cause::AbortedDuringResponse,
            EndingKind::Fin => Cause::ClosedDuringResponse,
        };
        let confidence = if silence == Some(Silence::Unusual) { 0.8 } else { 0.9 };
        return Some(ruling(Cause::StaleConnectionReuse, confidence, say::stale_idle(wire)).also(&[cut]));
    }
    let unknown_end =
        wire.exchange.is_some_and(|exchange| exchange.response_start.is_some() && exchange.complete().is_none());
    if unknown_end && silence == Some(Silence::Idle) {
        let found = ruling(Cause::StaleConnectionReuse, 0.85, say::stale_idle(wire));
        return Some(found.also(&[Cause::AbortedDuringResponse]));
    }
    if wire.never_sent() {
        return Some(ruling(Cause::StaleConnectionReuse, 0.96, say::stale_idle(wire)));
    }
    if !wire.reused() {
        return None;
    }
    let exchange = wire.exchange?;
    let (kind, ended) = wire.peer_ending()?;
    if goes_on(wire, exchange) {
        return None;
    }
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

/// Whether what was taken for a request is more of the one before: bytes that follow at once what may have been session tickets, which in
/// the middle of an upload look like an answer to its first part.
fn goes_on(wire: &Wire<'_>, exchange: &Exchange) -> bool {
    let before = wire.connection.exchanges.last.iter().find(|before| before.number + 1 == exchange.number);
    before.is_some_and(|before| may_be_tickets(wire, before))
        && exchange.idle_before.is_some_and(|idle| idle < NO_PAUSE)
}

/// Between a response and the next request of a pooled connection lie at least two calls of a thread, ns.
const NO_PAUSE: i64 = 500_000;

/// Whether the last response may not have been complete when the peer ended the connection: its head does not say how long it is, or was
/// not captured.
fn may_have_cut(wire: &Wire<'_>) -> bool {
    wire.connection.exchanges.current().is_some_and(|exchange| exchange.complete().is_none())
}
