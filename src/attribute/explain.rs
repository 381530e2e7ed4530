//! The sentences of the `explanation` column: what the peer did, when, against what, and what that means.
//!
//! Values are measured ones with their units, frames are numbers in the capture file of the row. No rule decides here.

use wirecause_parsers::payload::tls::description_name;

use crate::{
    join::{
        anchor::AnchorKind,
        names::{Answer, Query},
    },
    track::{
        Direction, Exchange, Reset, ResetShape,
        connection::{EndingKind, IcmpNote},
    },
};

use super::case::{Case, Coverage, Loss, Wire};

/// A duration with a unit that suits its size.
pub fn duration(nanos: i64) -> String {
    let ms = nanos as f64 / 1e6;
    if ms.abs() >= 1_000.0 {
        format!("{:.3} s", ms / 1_000.0)
    } else if ms.abs() >= 10.0 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.3} ms")
    }
}

/// A name that did not resolve.
pub fn unknown_host(host: &str, queries: &[Query]) -> String {
    let errors = queries.iter().filter(|query| matches!(query.outcome, Some(Answer::Error(_)))).count();
    let unanswered = queries.iter().filter(|query| query.outcome.is_none()).count();
    let seen = match queries {
        [] => "the capture shows no question for it".to_owned(),
        [first, ..] if errors > 0 => {
            let code = queries.iter().find_map(|query| match query.outcome {
                Some(Answer::Error(code)) => Some(code),
                _ => None,
            });
            let word = match code {
                Some(2) => "SERVFAIL",
                Some(3) => "NXDOMAIN",
                Some(5) => "REFUSED",
                _ => "an error",
            };
            format!(
                "the resolver answered {word} to {errors} of {} questions, the first at {}",
                queries.len(),
                first.time
            )
        }
        [first, ..] if unanswered > 0 => {
            format!("{unanswered} of {} questions got no answer, the first at {}", queries.len(), first.time)
        }
        _ => "the resolver's answers hold no address".to_owned(),
    };
    format!("The name {host} did not resolve: {seen}. No connection was opened.")
}

/// The pool's own word.
pub fn pool_timeout(case: &Case<'_>) -> String {
    format!("The gateway's connection pool gave no connection to {} in time; nothing was sent.", host(case))
}

/// A read timeout without a request.
pub fn nothing_sent(case: &Case<'_>) -> String {
    format!(
        "The log reports a read timeout, but no request of this call left for {} although its connections are captured: the call \
         waited for the outbound connection limit.",
        host(case)
    )
}

/// Nothing left the gateway.
pub fn no_resources(case: &Case<'_>) -> String {
    format!(
        "Nothing left the gateway for {}: \"{}\" is its own lack of a port, descriptor or route.",
        host(case),
        case.call.failure.message
    )
}

/// The gateway ended the call.
pub fn gateway_abort(case: &Case<'_>) -> String {
    let Some(wire) = &case.connection else {
        return "The gateway closed its own socket during the call; no packet of the connection was captured."
            .to_owned();
    };
    let waited = wire.wait().map(|wait| format!(" {} after the last request byte", duration(wait))).unwrap_or_default();
    format!(
        "The gateway itself ended the exchange first{waited} ({}); neither FIN nor RST of the peer came before.",
        ending(wire)
    )
}

/// Outside of what was captured.
pub fn not_covered(case: &Case<'_>) -> String {
    match case.coverage {
        Coverage::OtherTime => {
            format!("The line lies at {} of the capture's clock, outside the time that was captured.", case.line)
        }
        Coverage::PerhapsOtherTime => format!(
            "By its stamp the line lies at {}, outside the time that was captured; the log's clock could not be compared with the capture's.",
            case.line
        ),
        Coverage::Hole(from, to) => format!(
            "The line lies at {} of the capture's clock; between {from} and {to} no packet at all was captured, where the traffic before and \
             after leaves no such silence: the capture was interrupted.",
            case.line
        ),
        _ if case.endpoint.addresses.is_empty() => format!(
            "No packet is known to be to or from {}: nothing tells its address, neither a hosts file nor the log nor the capture.",
            host(case)
        ),
        _ if case.other_port => format!(
            "No packet to or from {} was captured; its address was, at other ports: a proxy or a translation of addresses may lie between, and \
             nothing in the capture names what it was asked for.",
            host(case)
        ),
        _ if case.frames_cut > 0 => format!(
            "No packet is known to be to or from {}, but {} frames were cut before their TCP header ended, and some may have been: capture \
             128 bytes of each packet or more.",
            host(case),
            case.frames_cut
        ),
        _ => format!("No packet to or from {} was captured.", host(case)),
    }
}

/// One direction was captured alone.
pub fn half_heard(case: &Case<'_>, unheard: Direction) -> String {
    let (silent, heard) = match unheard {
        Direction::Originator => ("the gateway", "the peer"),
        Direction::Responder => ("the peer", "the gateway"),
    };
    let ending = case.connection.as_ref().map(|wire| format!(" (here: {})", ending(wire))).unwrap_or_default();
    format!(
        "Of {} only what {heard} sent was captured{ending}, and nothing of {silent}: what it did, and when, cannot be told. A capture of both \
         directions would.",
        host(case)
    )
}

/// An ICMP error for the SYN.
pub fn unreachable(icmp: &IcmpNote) -> String {
    format!(
        "The SYN was answered by an ICMP error ({:?}) from {} in frame {}: a router or firewall on the way refused it.",
        icmp.kind,
        icmp.sender,
        icmp.frame.number()
    )
}

/// SYNs without an answer.
pub fn connect_timeout(wire: &Wire<'_>) -> String {
    let handshake = wire.connection.handshake;
    let waited = handshake.syn.map(|syn| duration(wire.anchor.time.since(syn))).unwrap_or_default();
    let others = match wire.peer {
        Some(peer) if peer.established > 0 => {
            format!(
                "{} of {} connections to the peer were accepted, so that the host is reachable.",
                peer.established, peer.connections
            )
        }
        _ => "No connection to the peer was ever accepted in this capture.".to_owned(),
    };
    format!(
        "The SYN of frame {} was sent {} times and never answered within {waited}. {others}",
        wire.connection.first_frame.number(),
        handshake.syns
    )
}

/// RST for a SYN.
pub fn refused(wire: &Wire<'_>, refusal: &Reset) -> String {
    let who = if wire.origin.is_foreign() {
        format!("A device on the way refused the SYN in the peer's name ({})", wire.origin.phrase())
    } else {
        "The peer refused the SYN: nothing listens on that port".to_owned()
    };
    let after = refusal.delay.map(|delay| format!(" {} after the SYN", duration(delay))).unwrap_or_default();
    format!("{who}. Its RST came{after} in frame {}.", refusal.frame.number())
}

/// The handshake failed.
pub fn tls_failure(wire: &Wire<'_>) -> String {
    let tls = &wire.connection.tls;
    let said = tls.alert.map(|alert| {
        let who = side(alert.from);
        match alert.code {
            Some((_, description)) => format!("{who} sent the alert {}", description_name(description)),
            None => format!("{who} sent an encrypted alert"),
        }
    });
    let hello = if tls.server_hello { "after the ServerHello" } else { "in answer to the ClientHello" };
    match said {
        Some(said) => format!("The TLS handshake failed {hello}: {said}, then {}.", ending(wire)),
        None => format!("The TLS handshake failed {hello}, before any application data: {}.", ending(wire)),
    }
}

/// A reset that is not the peer's.
pub fn injected(wire: &Wire<'_>, reset: &Reset) -> String {
    format!(
        "The RST of frame {} does not fit the peer ({}): a device on the way made it. It came {}.",
        reset.frame.number(),
        wire.origin.phrase(),
        position(wire)
    )
}

/// A device forgot the flow.
pub fn idle_expiry(wire: &Wire<'_>, reset: &Reset) -> String {
    let idle = wire.exchange.and_then(|exchange| exchange.idle_before);
    let survived = wire
        .idle_survived()
        .map(|survived| format!(" Idle times up to {} to this peer survived.", duration(survived)))
        .unwrap_or_default();
    match idle {
        Some(idle) => format!(
            "After {} without data the first segment was answered by a bare RST (frame {}) that the peer cannot have sent ({}): a \
             stateful device on the way had forgotten the connection.{survived}",
            duration(idle),
            reset.frame.number(),
            wire.origin.phrase()
        ),
        None => format!(
            "While the connection lay idle a RST came (frame {}) that does not fit the peer ({}): a device on the way gave it up, and \
             the gateway met it at the next use.{survived}",
            reset.frame.number(),
            wire.origin.phrase()
        ),
    }
}

/// Ended while idle; the request never reached the wire.
pub fn stale_idle(wire: &Wire<'_>) -> String {
    let ended = wire.peer_ending().map_or("ended", |(kind, _)| match kind {
        EndingKind::Fin => "closed by the peer's FIN",
        EndingKind::Rst => "reset by the peer",
    });
    let idle = super::population::idle_ending(wire.connection)
        .map(|idle| format!(" after {} without data", duration(idle)))
        .unwrap_or_default();
    format!(
        "The pooled connection had been {ended}{idle} ({}), with no request outstanding; the gateway used it again later and met that \
         ending. The request never reached the wire.",
        ending(wire)
    )
}

/// The peer had closed before the request was sent.
pub fn stale_closed(wire: &Wire<'_>, exchange: &Exchange) -> String {
    let before = wire.peer_ending().map(|(_, time)| duration(exchange.request_start.since(time))).unwrap_or_default();
    format!(
        "The peer had ended the connection {before} before the gateway sent request {} on it ({}); {} before that.",
        exchange.number,
        ending(wire),
        idle_phrase(exchange)
    )
}

/// The peer's ending and the request crossed.
pub fn stale_race(wire: &Wire<'_>, exchange: &Exchange, after: i64) -> String {
    let what = match (wire.peer_ending().map(|(kind, _)| kind), wire.reset.map(|reset| reset.shape)) {
        (Some(EndingKind::Rst), Some(ResetShape::Passive)) => {
            "the peer no longer knew the connection and answered with a bare RST"
        }
        (Some(EndingKind::Rst), _) => "the peer's RST crossed the request",
        _ => "the peer's FIN crossed the request",
    };
    let rtt = wire.rtt().map(|rtt| format!(" against a round trip of {}", duration(rtt))).unwrap_or_default();
    format!(
        "On a kept-alive connection, after {}, {what}: it came {} after request {} was sent{rtt} and acknowledges none of it ({}).",
        idle_phrase(exchange),
        duration(after),
        exchange.number,
        ending(wire)
    )
}

/// Full-size segments vanish.
pub fn black_hole(wire: &Wire<'_>, again: &[u32]) -> String {
    format!(
        "Small segments of the request were acknowledged, full-size ones ({} bytes) were sent again {} times and never: packets above \
         some size do not pass, and no ICMP says so. {}",
        again.iter().max().copied().unwrap_or(0),
        again.len(),
        sentence(wire)
    )
}

/// The same where no small segment was sent with the large ones.
pub fn black_hole_by_history(wire: &Wire<'_>, again: &[u32]) -> String {
    format!(
        "Earlier small requests of this connection were answered; the first that fills segments ({} bytes) was sent again {} times and \
         never acknowledged: packets above some size do not seem to pass, and no ICMP says so. {}",
        again.iter().max().copied().unwrap_or(0),
        again.len(),
        sentence(wire)
    )
}

/// Nothing is acknowledged any more.
pub fn silent_drop(wire: &Wire<'_>, exchange: &Exchange, loss: Loss) -> String {
    let survived = wire
        .idle_survived()
        .map(|survived| format!(", where idle times up to {} survived,", duration(survived)))
        .unwrap_or_default();
    format!(
        "After {}{survived} request {} was sent and then sent again {} times, and no segment of the peer acknowledged any of it within \
         {}: something on the way drops the connection's segments. {}",
        idle_phrase(exchange),
        exchange.number,
        loss.retransmissions,
        duration(loss.delay),
        sentence(wire)
    )
}

/// The accept queue was full.
pub fn accept_queue(wire: &Wire<'_>) -> String {
    format!(
        "The handshake seemed done, but the peer repeated its SYN-ACK ({} in all) and acknowledged no data: its accept queue was full, \
         so that it ignored the last step of the handshake. {}",
        wire.connection.handshake.syn_acks,
        sentence(wire)
    )
}

/// Request bytes were lost.
pub fn path_loss(wire: &Wire<'_>, loss: Loss) -> String {
    let how = if loss.recovered {
        format!("was acknowledged only {} after it was sent", duration(loss.delay))
    } else {
        format!("was not acknowledged in {}", duration(loss.delay))
    };
    let others = wire
        .peer
        .map(|peer| format!("; {} of {} connections to this peer lost segments", peer.with_loss, peer.connections))
        .unwrap_or_default();
    let again = match loss.retransmissions {
        0 => String::new(),
        times => format!(" and sent again {times} times"),
    };
    format!(
        "The request was lost on the way{again}: it {how}{others}. What ended the call came of that delay: {}.",
        ending(wire)
    )
}

/// Response bytes were lost.
pub fn response_lost(wire: &Wire<'_>, exchange: &Exchange) -> String {
    format!(
        "Segments of the response were lost: {} bytes came, {} segments were sent again, and a gap stood until the gateway gave up. {}",
        exchange.response_bytes,
        exchange.response_retransmissions,
        sentence(wire)
    )
}

/// The window stayed closed.
pub fn stalled(wire: &Wire<'_>, since: wirecause_parsers::time::Timestamp) -> String {
    format!(
        "The peer announced a window of 0 and did not open it for {}: its process does not read. {}",
        duration(wire.anchor.time.since(since)),
        sentence(wire)
    )
}

/// Ended before any request byte was taken.
pub fn rejected(wire: &Wire<'_>) -> String {
    format!(
        "The peer accepted the connection and ended it at once: {} acknowledges no byte of the request. A connection limit, an overload \
         or a balancer without a server behind it does that.",
        ending(wire)
    )
}

/// Acknowledged by the kernel and ended unread.
pub fn rejected_unread(wire: &Wire<'_>) -> String {
    format!(
        "The peer ended the fresh connection {} after the request ({}): its kernel had acknowledged the request, but that soon hardly a \
         process read it.",
        wire.wait().map(duration).unwrap_or_default(),
        ending(wire)
    )
}

/// Ended in mid-request.
pub fn during_request(wire: &Wire<'_>, reset: &Reset) -> String {
    let sent = wire.exchange.map_or(0, Exchange::request_bytes);
    format!(
        "The peer reset the connection while the request was under way: {} of {sent} bytes sent were not acknowledged{} (RST in frame \
         {}).",
        reset.unacknowledged.min(sent as i64),
        if wire.unsent() > 0 { format!(" and {} not sent yet", wire.unsent()) } else { String::new() },
        reset.frame.number()
    )
}

/// Ended while the gateway waited.
pub fn awaiting(wire: &Wire<'_>, what: &str) -> String {
    format!(
        "The peer acknowledged the whole request and then ended the connection by {what}, {} after the last request byte, without a \
         response byte ({}).",
        wire.wait().map(duration).unwrap_or_default(),
        ending(wire)
    )
}

/// Ended within the response.
pub fn during_response(wire: &Wire<'_>, exchange: &Exchange, what: &str) -> String {
    let of = exchange.response_expected.map(|expected| format!(" of {expected}")).unwrap_or_default();
    format!(
        "The peer ended the connection by {what} in the middle of the response, after {}{of} bytes ({}).",
        exchange.response_bytes,
        ending(wire)
    )
}

/// No response in time.
pub fn slow(wire: &Wire<'_>) -> String {
    let part = match wire.exchange {
        Some(exchange) if exchange.response_start.is_some() => {
            format!("{} response bytes came and then no more", exchange.response_bytes)
        }
        _ => "no response byte came".to_owned(),
    };
    format!(
        "The request was acknowledged, the path was healthy, and {part} for {}, until the gateway's own timeout ran out. {}",
        wire.silence().map(duration).unwrap_or_default(),
        sentence(wire)
    )
}

/// No rule fits.
pub fn undetermined(case: &Case<'_>) -> String {
    match &case.connection {
        Some(wire) => format!("No rule fits what the packets show. {}", sentence(wire)),
        None => format!("No connection to {} that was captured can explain the error.", host(case)),
    }
}

fn host(case: &Case<'_>) -> String {
    format!("{}:{}", case.call.failure.target.host, case.call.failure.target.port)
}

fn side(direction: Direction) -> &'static str {
    match direction {
        Direction::Originator => "the gateway",
        Direction::Responder => "the peer",
    }
}

/// The first ending with its frame.
fn ending(wire: &Wire<'_>) -> String {
    match wire.connection.ending() {
        Some(ending) => {
            let what = match ending.kind {
                EndingKind::Fin => "FIN",
                EndingKind::Rst => "RST",
            };
            format!("{what} of {} in frame {}", side(ending.by), ending.frame.number())
        }
        None => "no FIN or RST was captured".to_owned(),
    }
}

/// The same as a sentence.
fn sentence(wire: &Wire<'_>) -> String {
    match wire.connection.ending() {
        Some(_) => format!("The connection's first ending is the {}.", ending(wire)),
        None => "Neither FIN nor RST was captured.".to_owned(),
    }
}

fn idle_phrase(exchange: &Exchange) -> String {
    match exchange.idle_before {
        Some(idle) if exchange.number > 1 => format!("{} without data", duration(idle)),
        _ => "the handshake".to_owned(),
    }
}

fn position(wire: &Wire<'_>) -> String {
    match (wire.exchange, wire.anchor.kind) {
        (_, AnchorKind::Idle) => "while the connection lay idle".to_owned(),
        (Some(exchange), _) if exchange.response_start.is_some() => {
            format!("after {} bytes of the response", exchange.response_bytes)
        }
        (Some(_), _) => format!("{} after the last request byte", wire.wait().map(duration).unwrap_or_default()),
        (None, _) => "before any request".to_owned(),
    }
}
