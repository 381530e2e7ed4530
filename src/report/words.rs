//! What each rule looks for, and what would tell a cause that one capture cannot exclude: sentences for stories and pages.

use crate::attribute::verdict::Cause;

/// What the rule of a cause looks for in log and capture.
pub const fn rule(cause: Cause) -> &'static str {
    match cause {
        Cause::NoTrafficCaptured => "The capture covers neither the host nor the time of the call.",
        Cause::PoolExhausted => {
            "The pool gave no connection: the log says so, or a read timeout has no request on the wire though the peer is captured."
        }
        Cause::GatewayResources => "No local port, descriptor or route: nothing leaves the gateway.",
        Cause::GatewayAbort => "The gateway itself ended the exchange first, and not by its read timeout.",
        Cause::NameResolution => "The name did not resolve: an error, no answer, or no packet for that host.",
        Cause::Unreachable => "An ICMP unreachable or prohibited in answer to the SYN.",
        Cause::ConnectTimeout => "The SYN was sent again and never answered.",
        Cause::ConnectionRefused => "A RST in answer to the SYN.",
        Cause::TlsHandshakeFailure => "An alert, RST or FIN after the ClientHello and before application data.",
        Cause::InjectedReset => {
            "A RST in mid-conversation that does not fit the peer: its TTL, IP-ID or options, faster than a round trip, or the peer goes on \
             after it."
        }
        Cause::StaleConnectionReuse => {
            "A kept-alive connection that the peer had ended, or no longer knew, when the gateway used it again."
        }
        Cause::IdleExpiryInPath => {
            "After an idle gap the first data is answered by a RST that the peer itself did not send, and no FIN came before."
        }
        Cause::MtuBlackHole => "Only full-size segments are lost, small ones pass.",
        Cause::SilentDrop => "Data is sent again and again and no segment acknowledges it.",
        Cause::AcceptQueueOverflow => {
            "The handshake seems done, the peer repeats its SYN-ACK, and data stays unacknowledged."
        }
        Cause::PathLoss => "The request was sent again, other segments got through, and the ending came of that delay.",
        Cause::ReceiverStalled => "The peer's window stayed at zero.",
        Cause::RejectedAfterAccept => "On a fresh connection the peer's FIN or RST acknowledges no request byte.",
        Cause::AbortedDuringRequest => "A RST while request bytes were unsent or unacknowledged.",
        Cause::AbortedAwaitingResponse => "Request complete and acknowledged, then a RST and no response byte.",
        Cause::ClosedAwaitingResponse => "Request complete and acknowledged, then a FIN and no response byte.",
        Cause::AbortedDuringResponse => "A RST after part of a response.",
        Cause::ClosedDuringResponse => "A FIN after part of a response.",
        Cause::SlowResponse => {
            "Request acknowledged, path healthy, and no further response byte until the gateway's own timeout."
        }
        Cause::Undetermined => "Several causes remain, or none fits.",
    }
}

/// What would tell that it was this cause, for a reader who can look further than the capture.
pub const fn tells(cause: Cause) -> &'static str {
    match cause {
        Cause::NoTrafficCaptured => "A capture of that host and time.",
        Cause::PoolExhausted => "The gateway's count of leased and waiting connections for that host at that time.",
        Cause::GatewayResources => {
            "The gateway's open descriptors and its ephemeral ports in use (`ss -s`) at that time."
        }
        Cause::GatewayAbort => {
            "The gateway's own log around that time: an assertion's limit, a cancelled request, a restart."
        }
        Cause::NameResolution => "The resolver's log, or a capture of port 53 on the gateway.",
        Cause::Unreachable => "The log of the router or firewall that sends the ICMP errors.",
        Cause::ConnectTimeout => "A capture at the peer: whether the SYN arrives there and is answered.",
        Cause::ConnectionRefused => "Whether a process listened on that port of the peer at that time.",
        Cause::TlsHandshakeFailure => "The TLS log of whoever sent the alert.",
        Cause::InjectedReset => {
            "A capture at the peer: it did not send the RST, or saw one itself in the gateway's name."
        }
        Cause::StaleConnectionReuse => {
            "The peer's idle timeout: its log or setting closes connections after that idle time."
        }
        Cause::IdleExpiryInPath => {
            "A capture at the peer: it sent no RST and its connection stands; or the session timeout of firewall and balancer."
        }
        Cause::MtuBlackHole => {
            "A ping of full size that must not be fragmented (`ping -M do -s 1472`) fails where smaller ones pass."
        }
        Cause::SilentDrop => "A capture at the peer: the segments do not arrive there.",
        Cause::AcceptQueueOverflow => {
            "The peer's counters `ListenOverflows` and `ListenDrops` (`nstat`) rise at that time."
        }
        Cause::PathLoss => {
            "A capture at the peer: the segment sent again arrives once; or drop counters of the interfaces between."
        }
        Cause::ReceiverStalled => {
            "The peer's process: paused, out of threads, or blocked (thread dump, garbage collection log)."
        }
        Cause::RejectedAfterAccept => {
            "The peer's or balancer's log: a connection limit, no server available, an address refused."
        }
        Cause::AbortedDuringRequest => {
            "The peer's log: a body too large, a deadline for the body, a crash while it read."
        }
        Cause::AbortedAwaitingResponse => "The peer's log at that time: a crash, a kill, a deadline that resets.",
        Cause::ClosedAwaitingResponse => {
            "The peer's log at that time: a shutdown, a worker's deadline, an upstream that closed."
        }
        Cause::AbortedDuringResponse => "The peer's log: a crash or a write deadline within the response.",
        Cause::ClosedDuringResponse => "The peer's log: an error after the head of the response was sent.",
        Cause::SlowResponse => "The peer's own time for that request: longer than the gateway waits.",
        Cause::Undetermined => "A capture at the peer for the same time.",
    }
}

/// A duration in nanoseconds with a unit that suits its size.
pub fn duration(nanos: i64) -> String {
    crate::attribute::explain::duration(nanos)
}
