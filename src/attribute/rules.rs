//! The table of causes, in the order in which they are tried; the first that fits wins.
//!
//! Each rule is a small pure function of a [`Case`]: what it looks at stands in its body, why stands above it. Rules stand by family, one
//! file each; a threshold that several share stands here.

mod device;
mod half_heard;
mod loss;
mod nothing_sent;
mod opening;
mod peer;
mod reuse;

use wirecause_parsers::log::Symptom;

use super::{
    case::{Case, Wire},
    explain as say,
    population::Peer,
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
    Rule { cause: Cause::NoTrafficCaptured, test: nothing_sent::no_traffic_captured },
    Rule { cause: Cause::NameResolution, test: nothing_sent::name_resolution },
    Rule { cause: Cause::PoolExhausted, test: nothing_sent::pool_exhausted },
    Rule { cause: Cause::GatewayResources, test: nothing_sent::gateway_resources },
    Rule { cause: Cause::GatewayAbort, test: nothing_sent::gateway_abort },
    Rule { cause: Cause::Unreachable, test: opening::unreachable },
    Rule { cause: Cause::ConnectTimeout, test: opening::connect_timeout },
    Rule { cause: Cause::ConnectionRefused, test: opening::connection_refused },
    Rule { cause: Cause::TlsHandshakeFailure, test: opening::tls_handshake_failure },
    Rule { cause: Cause::InjectedReset, test: device::injected_reset },
    Rule { cause: Cause::IdleExpiryInPath, test: device::idle_expiry_in_path },
    Rule { cause: Cause::StaleConnectionReuse, test: reuse::stale_connection_reuse },
    Rule { cause: Cause::MtuBlackHole, test: loss::mtu_black_hole },
    Rule { cause: Cause::AcceptQueueOverflow, test: loss::accept_queue_overflow },
    Rule { cause: Cause::ReceiverStalled, test: loss::receiver_stalled },
    Rule { cause: Cause::SilentDrop, test: loss::silent_drop },
    Rule { cause: Cause::PathLoss, test: loss::path_loss },
    Rule { cause: Cause::RejectedAfterAccept, test: peer::rejected_after_accept },
    Rule { cause: Cause::AbortedDuringRequest, test: peer::aborted_during_request },
    Rule { cause: Cause::AbortedAwaitingResponse, test: peer::aborted_awaiting_response },
    Rule { cause: Cause::ClosedAwaitingResponse, test: peer::closed_awaiting_response },
    Rule { cause: Cause::AbortedDuringResponse, test: peer::aborted_during_response },
    Rule { cause: Cause::ClosedDuringResponse, test: peer::closed_during_response },
    Rule { cause: Cause::SlowResponse, test: peer::slow_response },
];

/// The first rule that fits, with the next one behind it where loss came before another ending.
pub fn judge(case: &Case<'_>) -> Ruling {
    let stands = |rule: &&Rule| case.unheard.is_none() || half_heard::stands(rule, case);
    let mut fitting = RULES.iter().filter(stands).filter_map(|rule| (rule.test)(case));
    let Some(mut first) = fitting.next() else {
        return half_heard::half_heard(case).unwrap_or_else(|| undetermined(case));
    };
    if first.cause == Cause::PathLoss
        && let Some(next) = fitting.next()
        && !first.also.contains(&next.cause)
    {
        first.also.push(next.cause);
    }
    if case.connection.as_ref().is_some_and(|wire| wire.origin.is_suspicious()) && RESETS.contains(&first.cause) {
        first.also.push(Cause::InjectedReset);
    }
    first
}

/// Causes that a reset of the peer's own shows.
const RESETS: [Cause; 6] = [
    Cause::IdleExpiryInPath,
    Cause::StaleConnectionReuse,
    Cause::RejectedAfterAccept,
    Cause::AbortedDuringRequest,
    Cause::AbortedAwaitingResponse,
    Cause::AbortedDuringResponse,
];

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

/// Whether a connection whose opening was not captured may have been opened all the same when it was first seen: by a capture that loses
/// packets. One that is older than the capture, or than its last interruption, is seen soon after the capture began.
fn may_be_fresh(case: &Case<'_>, wire: &Wire<'_>) -> bool {
    let handshake = wire.connection.handshake;
    let unseen = handshake.syn.is_none() && handshake.syn_ack.is_none();
    let since = case.since_begin.map(|since| since - case.line.since(wire.connection.start));
    let first = wire.exchange.is_some_and(|exchange| {
        exchange.number == 1 && exchange.request_start.since(wire.connection.start) < SHORTEST_IDLE
    });
    unseen && first && (case.misses_handshakes || since.is_some_and(|since| since > LATE_LINE))
}

/// Whether a reused connection was reset about when its idle time ran out: the peer's timer may have fired while the request was on
/// its way to the application.
fn raced(wire: &Wire<'_>) -> bool {
    let (Some(exchange), Some(timeout)) = (wire.exchange, wire.peer.and_then(Peer::idle_timeout)) else {
        return false;
    };
    let since = exchange.idle_before.map(|idle| idle + wire.anchor.time.since(exchange.request_start));
    wire.reused() && since.is_some_and(|since| (since - timeout).abs() <= timeout / 10)
}

fn undetermined(case: &Case<'_>) -> Ruling {
    let mut found = ruling(Cause::Undetermined, 0.3, say::undetermined(case)).also(left_by(case.call.failure.symptom));
    if !case.asked_seen {
        found.also.push(Cause::NoTrafficCaptured);
    }
    // Batched auditing writes late: what the line reports may have happened before the capture began.
    if case.connection.is_none() && case.since_begin.is_some_and(|since| since < LATE_LINE) {
        found.also.push(Cause::NoTrafficCaptured);
    }
    found
}

/// What the log's words leave over where no packet says more (reference/reset-causes.md, 1.3).
const fn left_by(symptom: Symptom) -> &'static [Cause] {
    match symptom {
        Symptom::ConnectionReset => &[Cause::StaleConnectionReuse, Cause::AbortedAwaitingResponse],
        Symptom::BrokenPipe => &[Cause::StaleConnectionReuse, Cause::AbortedDuringRequest],
        Symptom::NoResponse => &[Cause::StaleConnectionReuse, Cause::ClosedAwaitingResponse],
        Symptom::PrematureEnd => &[Cause::ClosedDuringResponse],
        Symptom::ReadTimeout => &[Cause::SilentDrop, Cause::SlowResponse],
        Symptom::ConnectTimeout => &[Cause::ConnectTimeout],
        Symptom::ConnectionRefused => &[Cause::Unreachable, Cause::ConnectionRefused],
        Symptom::NoRoute => &[Cause::Unreachable, Cause::GatewayResources],
        Symptom::TlsHandshake | Symptom::TlsClosed => &[Cause::TlsHandshakeFailure],
        Symptom::UnknownHost | Symptom::PoolTimeout | Symptom::NoLocalPort | Symptom::SocketClosed | Symptom::Other => {
            &[]
        }
    }
}

/// Where the end of the last response is not known: what the silence before the peer's ending says. A silence as long as the peer's idle
/// timeout ended an idle connection; one that the peer's idle connections survive as a rule, and that ended none of them, may have ended
/// a response.
fn silence_says(wire: &Wire<'_>) -> Option<Silence> {
    let exchange = wire.connection.exchanges.current().filter(|exchange| exchange.complete().is_none())?;
    let (_, ended) = wire.peer_ending()?;
    let silence = ended.since(exchange.response_end?);
    let peer = wire.peer?;
    let near = |idle: &i64| (idle - silence).abs() <= silence / 20 + IDLE_TIMER_SPREAD;
    if peer.idle_timeout().is_some_and(|timeout| near(&timeout)) {
        return Some(Silence::Idle);
    }
    // This connection's own silence may be among the endings.
    let alone = peer.idle_endings.iter().filter(|idle| near(idle)).count() <= 1;
    let survived = peer.longest_idle_survived.is_some_and(|survived| survived > silence + silence / 2);
    (silence > SHORTEST_SILENCE && alone && survived).then_some(Silence::Unusual)
}

/// What a silence before an ending was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    /// An idle connection's.
    Idle,
    /// No idle time after which this peer closes: it may have been a pause within a response.
    Unusual,
}

/// Scheduling and queueing beyond the round trip, ns.
const SLACK: i64 = 2_000_000;
/// Round-trip time assumed where none was measured, ns.
const UNKNOWN_RTT: i64 = 1_000_000;
/// Variation of a peer's idle timer, ns.
const IDLE_TIMER_SPREAD: i64 = 20_000_000;
/// A silence shorter than this tells nothing, ns.
const SHORTEST_SILENCE: i64 = 100_000_000;
/// Idle times below this are pauses between calls; no device forgets a flow so soon, ns.
pub const SHORTEST_IDLE: i64 = 500_000_000;
/// How late batched auditing writes a line, at most, ns.
pub(super) const LATE_LINE: i64 = 10_000_000_000;
/// A request of more bytes than this fills many segments: its sender may be in the middle of it.
const MANY_SEGMENTS: u64 = 4_000;
