//! Resets that the peer did not send: devices that inject them, and devices that forget idle connections.

use crate::{
    attribute::{
        case::{Case, Wire},
        explain as say,
        origin::FOREIGN,
        verdict::Cause,
    },
    join::anchor::AnchorKind,
    track::{Direction, connection::EndingKind},
};

use super::{Ruling, SHORTEST_IDLE, ruling};

/// A reset that does not fit the peer, in mid-conversation.
pub(super) fn injected_reset(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let reset = wire.reset?;
    let first = wire.peer_ending()?.0 == EndingKind::Rst;
    if !wire.origin.is_foreign() || !first || forgotten_in_path(wire) || wire.anchor.kind == AnchorKind::Idle {
        return None;
    }
    let strength = (wire.origin.weight() - FOREIGN).min(3.0) / 3.0;
    let found = ruling(Cause::InjectedReset, 0.9 + 0.08 * strength, say::injected(wire, reset));
    let found = match aborted(wire) {
        Some(genuine) if strength < 0.5 => found.also(&[genuine]),
        _ => found,
    };
    // A device that resets by rule and one that has forgotten the flow send the same; only that the request passed tells them apart.
    let idle = wire.exchange.and_then(|exchange| exchange.idle_before).is_some_and(|idle| idle >= SHORTEST_IDLE);
    let blind = wire.reused() && idle && wire.nothing_acknowledged() && !peer_got_it(wire);
    Some(if blind { found.also(&[Cause::IdleExpiryInPath]) } else { found })
}

/// The first data after an idle time is answered by a bare RST that the peer did not send: a device has forgotten the flow. Or such
/// a device announced it by a reset of its own while the connection was idle.
pub(super) fn idle_expiry_in_path(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let reset = wire.reset?;
    let announced = wire.anchor.kind == AnchorKind::Idle && wire.origin.is_foreign() && !wire.fin_before_reset();
    if !forgotten_in_path(wire) && !announced {
        return None;
    }
    let found = ruling(Cause::IdleExpiryInPath, 0.95, say::idle_expiry(wire, reset));
    // Where longer idle times survive, a device may as well have struck at random.
    let idle = wire.exchange.and_then(|exchange| exchange.idle_before);
    let survives = idle.zip(wire.idle_survived()).is_some_and(|(idle, survived)| idle < survived);
    Some(if survives { Ruling { confidence: 0.8, ..found }.also(&[Cause::InjectedReset]) } else { found })
}

/// Whether the peer acknowledged the request after "its" reset: the request had reached it, so that no device had forgotten the flow.
fn peer_got_it(wire: &Wire<'_>) -> bool {
    let (Some(exchange), Some(reset)) = (wire.exchange, wire.reset) else { return false };
    wire.connection.notes.iter().any(|note| {
        note.from == Direction::Responder
            && note.time >= reset.time
            && !note.flags.rst()
            && note.ack.is_some_and(|ack| ack > exchange.request_from)
    })
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
        && !peer_got_it(wire)
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

/// An idle time is no reason for an expiry where one so many times as long survived.
const MUCH_LONGER: i64 = 8;
