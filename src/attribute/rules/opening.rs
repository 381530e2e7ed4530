//! Causes that end a connection before its first request: the TCP and TLS handshakes.

use wirecause_parsers::{log::Symptom, packet::IcmpKind};

use crate::{
    attribute::{
        case::Case,
        explain as say,
        verdict::{Cause, Responsible},
    },
    track::{Direction, ResetShape, stream::Protocol},
};

use super::{Ruling, ruling};

/// A router or firewall answered the SYN by ICMP (RFC 792, RFC 1812).
pub(super) fn unreachable(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let Some(icmp) = wire.connection.icmp.first() else {
        // Without a route of the gateway's own no SYN would have left: the route ended on the way, and what said so was not captured.
        let left = wire.connection.handshake.syn.is_some() && wire.connection.resp.packets == 0;
        return (case.symptom_is(&[Symptom::NoRoute]) && left)
            .then(|| ruling(Cause::Unreachable, 0.8, NOT_CAPTURED.to_owned()).by(Responsible::Path));
    };
    let refused = matches!(icmp.kind, IcmpKind::Unreachable | IcmpKind::Prohibited | IcmpKind::PortUnreachable);
    (refused && wire.connection.handshake.syn_ack.is_none())
        .then(|| ruling(Cause::Unreachable, 0.97, say::unreachable(icmp)).by(Responsible::Path))
}

/// SYNs without an answer until the gateway gave up.
pub(super) fn connect_timeout(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let handshake = wire.connection.handshake;
    // The instant of the failure may not be known: whoever never acknowledged the answer had given up before.
    let answered =
        handshake.established.is_some() && handshake.syn_ack.is_some_and(|answer| answer <= wire.anchor.time);
    if !case.symptom_is(&[Symptom::ConnectTimeout]) || answered || handshake.syn.is_none() {
        return None;
    }
    let peer_answers = wire.peer.is_some_and(|peer| peer.established > 0);
    let responsible = if peer_answers { Responsible::Backend } else { Responsible::Network };
    Some(ruling(Cause::ConnectTimeout, 0.97, say::connect_timeout(wire)).by(responsible))
}

/// RST in answer to a SYN: no listener, or a device that refuses in its name.
pub(super) fn connection_refused(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let refusal = wire.reset.filter(|_| wire.connection.handshake.syn_ack.is_none())?;
    if wire.connection.exchanges.count > 0 {
        return None;
    }
    let said = case.symptom_is(&[Symptom::ConnectionRefused]);
    // Where the capture missed the SYN, or has not the gateway's side, the log says what the RST answered.
    let shown = matches!(refusal.shape, ResetShape::Refusal | ResetShape::Passive) && case.unheard.is_none();
    let silent = wire.connection.orig.bytes == 0 && wire.connection.resp.bytes == 0;
    if !(shown || said && silent) {
        return None;
    }
    let found = ruling(Cause::ConnectionRefused, 0.98, say::refused(wire, refusal));
    Some(if wire.origin.is_foreign() { found.by(Responsible::Path) } else { found })
}

/// An alert, RST or FIN between `ClientHello` and the first application data.
pub(super) fn tls_handshake_failure(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let tls = &wire.connection.tls;
    let said = case.symptom_is(&[Symptom::TlsHandshake]);
    // Where no payload was captured, what leaves first over TLS is the ClientHello.
    let first = wire.connection.exchanges.count == 1 && wire.connection.resp.bytes == 0 && !wire.nothing_acknowledged();
    let unseen = wire.is_blind() && case.call.url.starts_with("https:") && first;
    let hello = wire.connection.protocol == Protocol::Tls && tls.client_hello || unseen;
    // Where the capture lost segments the first request may have been among them.
    let lost = wire.has_gaps() && !said;
    let over = lost || tls.server_data || (tls.client_data && !(said && tls.alert.is_some()));
    if !(hello || said) || over || wire.connection.handshake.syn_ack.is_none() {
        return None;
    }
    if wire.connection.exchanges.count > 0 && !said && !unseen {
        return None;
    }
    let ending = wire.connection.ending();
    let alert = tls.alert.map(|alert| alert.from);
    let by = alert.or(ending.map(|ending| ending.by))?;
    if case.symptom_is(&[Symptom::ReadTimeout]) {
        return None;
    }
    // A cut hides where the handshake ended, and no handshake is as large as an upload.
    let sent = wire.connection.orig.bytes;
    if !said && sent > LARGEST_FLIGHT {
        let because = format!(
            "{sent} bytes had left the gateway when the peer ended the connection, more than a TLS handshake holds: a request was under way \
             behind what the capture shows of the handshake."
        );
        return Some(ruling(Cause::AbortedDuringRequest, 0.6, because).also(&[Cause::TlsHandshakeFailure]));
    }
    let found = ruling(Cause::TlsHandshakeFailure, 0.96, say::tls_failure(wire));
    Some(match by {
        Direction::Originator => found.by(Responsible::Gateway),
        Direction::Responder if wire.origin.is_foreign() => found.by(Responsible::Path).also(&[Cause::InjectedReset]),
        Direction::Responder => found.by(Responsible::Backend),
    })
}

/// What is said where the ICMP error is not there.
const NOT_CAPTURED: &str = "The SYN left the gateway and nothing answered it; the log says that there was no route. Some router said so by ICMP, \
    which was not captured, or was cut before it tells what it answers.";
/// Bytes of a client's part of a TLS handshake at most: a certificate chain and its signature fill some kilobytes.
const LARGEST_FLIGHT: u64 = 16_384;
