//! The words of a verdict: cause, responsible side, health.

use std::fmt;

/// What on the network ended a call; the closed vocabulary of the `cause` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// The capture does not cover that host or that time.
    NoTrafficCaptured,
    /// The pool gave no connection.
    PoolExhausted,
    /// No local port, no descriptor, no local route: nothing leaves.
    GatewayResources,
    /// The gateway itself ended the exchange first, not by its read timeout.
    GatewayAbort,
    /// The name did not resolve.
    NameResolution,
    /// ICMP unreachable or prohibited in answer to the SYN.
    Unreachable,
    /// SYN, sent again, never answered.
    ConnectTimeout,
    /// RST in answer to the SYN.
    ConnectionRefused,
    /// Alert, RST or FIN after the `ClientHello` and before application data.
    TlsHandshakeFailure,
    /// A RST in mid-conversation that does not fit the peer.
    InjectedReset,
    /// A kept-alive connection that the peer had ended, or no longer knew, when the gateway used it again.
    StaleConnectionReuse,
    /// After an idle gap the first data is answered by a RST that the peer itself did not send.
    IdleExpiryInPath,
    /// Only full-size segments are lost, small ones pass.
    MtuBlackHole,
    /// Data is sent again and again and no segment acknowledges it.
    SilentDrop,
    /// The handshake seems done, the peer repeats its SYN-ACK, data stays unacknowledged.
    AcceptQueueOverflow,
    /// The request was retransmitted, other segments got through, and the ending came because of that delay.
    PathLoss,
    /// The peer's window stayed at zero.
    ReceiverStalled,
    /// On a fresh connection the peer's FIN or RST acknowledges no request byte.
    RejectedAfterAccept,
    /// RST, or FIN then RST, while request bytes were unsent or unacknowledged.
    AbortedDuringRequest,
    /// Request complete and acknowledged, then RST, no response byte.
    AbortedAwaitingResponse,
    /// Request complete and acknowledged, then FIN, no response byte.
    ClosedAwaitingResponse,
    /// RST after part of a response.
    AbortedDuringResponse,
    /// FIN after part of a response.
    ClosedDuringResponse,
    /// Request acknowledged, path healthy, no (further) response byte until the gateway's own timeout.
    SlowResponse,
    /// Several causes remain, or none fits.
    Undetermined,
}

impl Cause {
    /// Every cause, in the order in which they are tried.
    pub const ALL: [Self; 25] = [
        Self::NoTrafficCaptured,
        Self::PoolExhausted,
        Self::GatewayResources,
        Self::GatewayAbort,
        Self::NameResolution,
        Self::Unreachable,
        Self::ConnectTimeout,
        Self::ConnectionRefused,
        Self::TlsHandshakeFailure,
        Self::InjectedReset,
        Self::StaleConnectionReuse,
        Self::IdleExpiryInPath,
        Self::MtuBlackHole,
        Self::SilentDrop,
        Self::AcceptQueueOverflow,
        Self::PathLoss,
        Self::ReceiverStalled,
        Self::RejectedAfterAccept,
        Self::AbortedDuringRequest,
        Self::AbortedAwaitingResponse,
        Self::ClosedAwaitingResponse,
        Self::AbortedDuringResponse,
        Self::ClosedDuringResponse,
        Self::SlowResponse,
        Self::Undetermined,
    ];

    /// The word of the `cause` column.
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoTrafficCaptured => "no-traffic-captured",
            Self::PoolExhausted => "pool-exhausted",
            Self::GatewayResources => "gateway-resources",
            Self::GatewayAbort => "gateway-abort",
            Self::NameResolution => "name-resolution",
            Self::Unreachable => "unreachable",
            Self::ConnectTimeout => "connect-timeout",
            Self::ConnectionRefused => "connection-refused",
            Self::TlsHandshakeFailure => "tls-handshake-failure",
            Self::InjectedReset => "injected-reset",
            Self::StaleConnectionReuse => "stale-connection-reuse",
            Self::IdleExpiryInPath => "idle-expiry-in-path",
            Self::MtuBlackHole => "mtu-black-hole",
            Self::SilentDrop => "silent-drop",
            Self::AcceptQueueOverflow => "accept-queue-overflow",
            Self::PathLoss => "path-loss",
            Self::ReceiverStalled => "receiver-stalled",
            Self::RejectedAfterAccept => "rejected-after-accept",
            Self::AbortedDuringRequest => "aborted-during-request",
            Self::AbortedAwaitingResponse => "aborted-awaiting-response",
            Self::ClosedAwaitingResponse => "closed-awaiting-response",
            Self::AbortedDuringResponse => "aborted-during-response",
            Self::ClosedDuringResponse => "closed-during-response",
            Self::SlowResponse => "slow-response",
            Self::Undetermined => "undetermined",
        }
    }

    /// The side that is responsible unless the packets show who acted; `None` where nobody can be named.
    pub const fn default_responsible(self) -> Option<Responsible> {
        match self {
            Self::NoTrafficCaptured | Self::Undetermined => None,
            Self::PoolExhausted | Self::GatewayResources | Self::GatewayAbort => Some(Responsible::Gateway),
            Self::NameResolution => Some(Responsible::Dns),
            Self::Unreachable
            | Self::InjectedReset
            | Self::IdleExpiryInPath
            | Self::MtuBlackHole
            | Self::SilentDrop => Some(Responsible::Path),
            Self::ConnectTimeout | Self::PathLoss => Some(Responsible::Network),
            Self::ConnectionRefused
            | Self::TlsHandshakeFailure
            | Self::StaleConnectionReuse
            | Self::AcceptQueueOverflow
            | Self::ReceiverStalled
            | Self::RejectedAfterAccept
            | Self::AbortedDuringRequest
            | Self::AbortedAwaitingResponse
            | Self::ClosedAwaitingResponse
            | Self::AbortedDuringResponse
            | Self::ClosedDuringResponse
            | Self::SlowResponse => Some(Responsible::Backend),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whose side a cause lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Responsible {
    /// Whoever answers at the peer's address, a balancer included.
    Backend,
    /// A device between gateway and peer.
    Path,
    /// The network's transport: loss, routes.
    Network,
    /// The gateway itself.
    Gateway,
    /// Name resolution.
    Dns,
}

impl Responsible {
    /// The word of the `responsible` column.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Path => "path",
            Self::Network => "network",
            Self::Gateway => "gateway",
            Self::Dns => "dns",
        }
    }
}

/// How an ending looks by the rules of TCP, whatever its consequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Health {
    /// Both sides closed, or a RST came with nothing outstanding (grades G0, G1).
    Healthy,
    /// By the rules, yet a request was lost (G2).
    LegalButHarmful,
    /// A RST without an earlier FIN (G3, G4).
    Abrupt,
    /// Neither FIN nor RST: data or SYN unanswered (G5).
    Silent,
}

impl Health {
    /// The word of the `health` column.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::LegalButHarmful => "legal-but-harmful",
            Self::Abrupt => "abrupt",
            Self::Silent => "silent",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_stands_once_in_the_order_of_trial() {
        let mut sorted = Cause::ALL.to_vec();
        sorted.sort();
        assert_eq!(sorted, Cause::ALL);
        sorted.dedup();
        assert_eq!(sorted.len(), Cause::ALL.len());
    }
}
