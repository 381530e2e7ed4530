//! Causes that need no connection: what the log says of names, pools, ports and the gateway's own doing, and what the capture lacks.

use wirecause_parsers::log::Symptom;

use crate::{
    attribute::{
        case::{Case, Coverage, Wire},
        explain as say,
        verdict::Cause,
    },
    join::anchor::AnchorKind,
};

use super::{Ruling, left_by, ruling};

/// Without a packet of that host or time there is nothing to judge by.
pub(super) fn no_traffic_captured(case: &Case<'_>) -> Option<Ruling> {
    // These need no packet to be known.
    let said = case.symptom_is(&[Symptom::UnknownHost, Symptom::PoolTimeout, Symptom::NoLocalPort]);
    // Where nothing tells the host's address, its packets may be there without being known as such.
    let nameless = case.coverage == Coverage::OtherHost && !case.named;
    // And where the clocks could not be compared the line's packets may be there at another time.
    // A silence of the capture is known by the traffic around it alone.
    let silence = matches!(case.coverage, Coverage::Hole(..));
    // A frame that was cut within its headers may have been anyone's.
    let cut = case.coverage == Coverage::OtherHost && (case.frames_cut > 0 || case.other_port);
    let open = nameless || cut || silence || case.coverage == Coverage::PerhapsOtherTime;
    let confidence = if open { 0.6 } else { 0.95 };
    let elsewhere =
        silence || matches!(case.coverage, Coverage::OtherTime | Coverage::PerhapsOtherTime | Coverage::OtherHost);
    if said || !elsewhere {
        return None;
    }
    if let Some(wire) = &case.connection {
        return beyond_the_capture(case, wire);
    }
    let found = ruling(Cause::NoTrafficCaptured, confidence, say::not_covered(case));
    Some(if open { found.also(left_by(case.call.failure.symptom)) } else { found })
}

/// A connection that had ended idle while the capture ran, and a line from when it did not: the call may have met that, or anything else on
/// a connection of which nothing was captured.
fn beyond_the_capture(case: &Case<'_>, wire: &Wire<'_>) -> Option<Ruling> {
    let before = match case.coverage {
        Coverage::Hole(from, _) => wire.anchor.time <= from,
        Coverage::OtherTime => wire.anchor.time < case.line,
        _ => false,
    };
    let idle = wire.anchor.kind == AnchorKind::Idle && before;
    idle.then(|| {
        let found = ruling(Cause::NoTrafficCaptured, 0.6, say::not_covered(case));
        found.also(&[Cause::StaleConnectionReuse])
    })
}

/// The resolver says so in the log; the capture shows how.
pub(super) fn name_resolution(case: &Case<'_>) -> Option<Ruling> {
    case.symptom_is(&[Symptom::UnknownHost])
        .then(|| ruling(Cause::NameResolution, 0.98, say::unknown_host(&case.call.failure.target.host, case.queries)))
}

/// The pool says so in the log; or a read timed out for which no request ever left, while the peer was captured and answered others
/// (Broadcom KB 42528: the text also appears when the outbound limit is hit).
pub(super) fn pool_exhausted(case: &Case<'_>) -> Option<Ruling> {
    if case.symptom_is(&[Symptom::PoolTimeout]) {
        return Some(ruling(Cause::PoolExhausted, 0.98, say::pool_timeout(case)));
    }
    let silent = case.symptom_is(&[Symptom::ReadTimeout]) && case.connection.is_none();
    (silent && case.coverage == Coverage::Full && case.unheard.is_none() && case.asked_seen)
        .then(|| ruling(Cause::PoolExhausted, 0.75, say::nothing_sent(case)).also(&[Cause::SlowResponse]))
}

/// Nothing leaves: no port, no descriptor, no route of the gateway's own.
pub(super) fn gateway_resources(case: &Case<'_>) -> Option<Ruling> {
    let no_route = case.symptom_is(&[Symptom::NoRoute]) && case.connection.is_none() && case.coverage == Coverage::Full;
    // Where the capture misses handshakes, that no SYN left is not known.
    if no_route && !case.misses_handshakes {
        // An answer by ICMP that the capture missed looks the same.
        let found = ruling(Cause::GatewayResources, 0.8, say::no_resources(case));
        return Some(found.also(&[Cause::Unreachable]));
    }
    case.symptom_is(&[Symptom::NoLocalPort]).then(|| ruling(Cause::GatewayResources, 0.95, say::no_resources(case)))
}

/// "Socket closed" is the gateway's own doing (RFC 9293: only the owner closes a socket); the packets show its FIN or RST first.
pub(super) fn gateway_abort(case: &Case<'_>) -> Option<Ruling> {
    let ended_by_peer = case.connection.as_ref().is_some_and(|wire| wire.peer_ending().is_some());
    if !case.symptom_is(&[Symptom::SocketClosed]) || ended_by_peer {
        return None;
    }
    let confidence = if case.connection.is_some() { 0.97 } else { 0.8 };
    Some(ruling(Cause::GatewayAbort, confidence, say::gateway_abort(case)))
}
