//! The measured facts of a row, beside the verdict: the columns that let a reader check it.

use crate::track::{Connection, Direction, connection::EndingKind};

use super::{
    case::{Case, Wire},
    verdict::{Cause, Health},
};

/// The evidence columns of one call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// The exchange's number.
    pub exchange: Option<u64>,
    /// Idle time before it, ns.
    pub idle_before: Option<i64>,
    /// From the last request byte to the anchor, ns.
    pub wait: Option<i64>,
    /// From the anchor to the log line, on the capture's clock, ns.
    pub lag: Option<i64>,
    /// Distinct request bytes.
    pub request_bytes: Option<u64>,
    /// Of these, acknowledged.
    pub acked_bytes: Option<u64>,
    /// Distinct response bytes.
    pub response_bytes: Option<u64>,
    /// Segments sent again within the exchange.
    pub retransmissions: Option<u64>,
    /// Who ended the connection.
    pub ended_by: Option<&'static str>,
    /// By what.
    pub ending: Option<&'static str>,
    /// Whether the peer had closed before the gateway sent its last request.
    pub peer_closed_before_send: Option<bool>,
    /// Shape of the peer's reset.
    pub reset_shape: Option<&'static str>,
    /// Its TTL.
    pub reset_ttl: Option<u8>,
    /// The peer's usual TTL.
    pub peer_ttl: Option<u8>,
    /// From what the reset answers to the reset, ns.
    pub reset_delay: Option<i64>,
    /// Names of the tests of origin that spoke about the reset.
    pub origin: Vec<&'static str>,
    /// By the rules of TCP.
    pub health: Option<Health>,
}

impl Evidence {
    /// Gathers the evidence for a verdict.
    pub fn new(case: &Case<'_>, verdict: Cause) -> Self {
        let Some(wire) = &case.connection else { return Self::default() };
        let connection = wire.connection;
        let exchange = wire.exchange;
        let reset = wire.reset;
        let (ended_by, ending) = ended(wire, verdict);
        let never_sent = exchange.is_none() && wire.peer_ending().is_some() && connection.exchanges.count > 0;
        Self {
            exchange: exchange.map(|exchange| exchange.number),
            idle_before: exchange.and_then(|exchange| exchange.idle_before),
            wait: wire.wait(),
            lag: Some(wire.lag),
            request_bytes: exchange.map(crate::track::Exchange::request_bytes),
            acked_bytes: exchange.map(|exchange| exchange.acked_bytes),
            response_bytes: exchange.map(|exchange| exchange.response_bytes),
            retransmissions: exchange
                .map(|exchange| u64::from(exchange.request_retransmissions + exchange.response_retransmissions)),
            ended_by,
            ending,
            peer_closed_before_send: exchange.map(|exchange| exchange.after_peer_close).or(never_sent.then_some(true)),
            reset_shape: reset.map(|reset| reset.shape.word()),
            reset_ttl: reset.map(|reset| reset.ttl),
            peer_ttl: connection.resp.usual_ttl().or_else(|| wire.peer.and_then(super::population::Peer::usual_ttl)),
            reset_delay: reset.and_then(|reset| reset.delay),
            origin: wire.origin.tests.iter().map(|test| test.name).collect(),
            health: health(connection, verdict),
        }
    }
}

fn ended(wire: &Wire<'_>, cause: Cause) -> (Option<&'static str>, Option<&'static str>) {
    if wire.connection.handshake.syn_ack.is_none() && !wire.connection.icmp.is_empty() {
        return (Some("path"), Some("icmp"));
    }
    match wire.connection.ending() {
        Some(ending) => {
            let by = match ending.by {
                Direction::Originator => "gateway",
                Direction::Responder
                    if ending.kind == EndingKind::Rst && (is_foreign(cause) || wire.origin.is_foreign()) =>
                {
                    "path"
                }
                Direction::Responder => "peer",
            };
            let kind = if ending.kind == EndingKind::Fin { "fin" } else { "rst" };
            (Some(by), Some(kind))
        }
        None => (None, Some("silence")),
    }
}

const fn is_foreign(cause: Cause) -> bool {
    matches!(cause, Cause::InjectedReset | Cause::IdleExpiryInPath)
}

/// The grade of an ending (reference/reset-causes.md, 1.4), judged by what was outstanding when it came.
fn health(connection: &Connection, cause: Cause) -> Option<Health> {
    let cut = matches!(cause, Cause::ClosedDuringResponse | Cause::AbortedDuringResponse);
    let outstanding = cut
        || connection
            .exchanges
            .current()
            .is_some_and(|exchange| exchange.response_start.is_none() || exchange.complete() == Some(false));
    let unheard = connection.orig.outstanding() > 0 && cause == Cause::SilentDrop;
    match connection.ending() {
        _ if unheard => Some(Health::Silent),
        None if connection.orig.outstanding() > 0 || connection.handshake.syn_ack.is_none() => Some(Health::Silent),
        None => None,
        Some(ending) if ending.kind == EndingKind::Fin => Some(if outstanding && ending.by == Direction::Responder {
            Health::LegalButHarmful
        } else {
            Health::Healthy
        }),
        Some(_) if outstanding || connection.exchanges.count == 0 => Some(Health::Abrupt),
        Some(_) => Some(Health::Healthy),
    }
}
