//! Data that does not arrive or is not taken: lost, dropped, too large, or in front of a full queue or a closed window.

use wirecause_parsers::log::Symptom;

use crate::{
    attribute::{
        case::{Case, Wire},
        explain as say,
        population::Peer,
        verdict::Cause,
    },
    track::{Direction, Exchange, NoteKind},
};

use super::{Ruling, peer::may_be_tickets, ruling};

/// Only full-size segments are lost: small ones of the same request were acknowledged, full-size ones are sent again and again
/// (RFC 2923, section 2.1). Where the request had no small one the connection's earlier requests stand in for it, if all were small: they
/// passed, and the first large one did not.
pub(super) fn mtu_black_hole(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let repeated_handshake = wire.connection.handshake.syn_acks > 1;
    if wire.unacknowledged() == 0 || repeated_handshake {
        return None;
    }
    let lost = LostBySize::of(wire)?;
    let lossy = wire.peer.is_some_and(Peer::is_lossy);
    let no_chance = !lossy || lost.again.len() >= UNLIKELY_CHANCE;
    let other = if wire.peer_ending().is_some() { Cause::PathLoss } else { Cause::SilentDrop };
    let found = ruling(Cause::MtuBlackHole, 0.87, say::black_hole(wire, &lost.again)).also(&[other]);
    if lost.small_passed {
        return no_chance.then_some(found);
    }
    let idle = wire.exchange?.idle_before.unwrap_or(0);
    let in_use = wire.idle_survived().is_some_and(|survived| idle <= survived);
    (!lost.small_sent && lost.first_large && in_use && lost.again.len() >= UNLIKELY_CHANCE)
        .then(|| Ruling { confidence: 0.6, because: say::black_hole_by_history(wire, &lost.again), ..found })
        .map(|found| found.also(&[Cause::PathLoss, Cause::SilentDrop]))
}

/// What the sizes of lost and of acknowledged segments say.
struct LostBySize {
    /// Payloads of the segments that were sent again, all full-size.
    again: Vec<u32>,
    /// A smaller segment of the request was acknowledged, or answered by a duplicate acknowledgement.
    small_passed: bool,
    /// A smaller segment of the request was sent.
    small_sent: bool,
    /// Earlier requests of the connection passed, and none filled a segment.
    first_large: bool,
}

impl LostBySize {
    /// `None` where other segments than full-size ones were sent again, or too few.
    fn of(wire: &Wire<'_>) -> Option<Self> {
        // Where no payload was captured the tickets of a handshake look like an answer to its last flight, which the request follows.
        let tickets = |exchange: &Exchange| wire.is_blind() && may_be_tickets(wire, exchange);
        let exchange = wire.exchange.filter(|exchange| exchange.response_start.is_none() || tickets(exchange))?;
        let connection = wire.connection;
        let mss = u32::from(connection.resp.mss.unwrap_or(536)).min(u32::from(connection.orig.mss.unwrap_or(u16::MAX)));
        let full = mss.saturating_sub(OPTIONS).min(connection.orig.largest_payload).max(SMALLEST_FULL);
        let sent = |kind: NoteKind| {
            let notes = connection.notes.iter();
            notes
                .filter(move |note| {
                    note.from == Direction::Originator && note.kind == kind && note.time >= exchange.request_start
                })
                .map(|note| note.payload)
        };
        let again: Vec<u32> = sent(NoteKind::Retransmission).collect();
        if again.len() < 2 || again.iter().any(|payload| *payload < full) {
            return None;
        }
        // A duplicate acknowledgement is the answer to a later segment that did arrive (RFC 5681, section 3.2).
        let expected = exchange.request_from + exchange.acked_bytes as i64;
        let duplicate_ack = connection.notes.iter().any(|note| {
            note.from == Direction::Responder
                && note.time > exchange.request_start
                && note.kind == NoteKind::Control
                && note.ack == Some(expected)
                && !note.flags.fin()
                && !note.flags.rst()
        });
        let mut earlier =
            connection.exchanges.last.iter().filter(|earlier| earlier.number < exchange.number).peekable();
        let first_large =
            earlier.peek().is_some() && earlier.all(|earlier| earlier.request_bytes() < u64::from(SMALLEST_FULL));
        Some(Self {
            small_passed: exchange.acked_bytes > 0 || duplicate_ack,
            small_sent: sent(NoteKind::New).any(|payload| payload < full),
            first_large,
            again,
        })
    }
}

/// The handshake seems done, the peer repeats its SYN-ACK and never takes the data: its accept queue was full
/// (Linux drops the handshake's last ACK then, `tcp_abort_on_overflow` = 0).
pub(super) fn accept_queue_overflow(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let handshake = wire.connection.handshake;
    let fresh = wire.exchange.is_none_or(|exchange| exchange.number == 1 && exchange.acked_bytes == 0);
    let stuck = wire.loss().is_some_and(|loss| !loss.recovered) || wire.exchange.is_none();
    if handshake.syn_acks < 2 || handshake.syns > 1 || !fresh || !stuck {
        return None;
    }
    let lossy = wire.peer.is_some_and(|peer| peer.is_lossy() && peer.repeated_syn_acks * 2 < peer.with_loss);
    let found = ruling(Cause::AcceptQueueOverflow, if lossy { 0.7 } else { 0.92 }, say::accept_queue(wire));
    Some(if lossy { found.also(&[Cause::PathLoss]) } else { found })
}

/// The peer announced that it takes no more.
pub(super) fn receiver_stalled(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let closed_since = wire.connection.resp.zero_window_since;
    let stalled = closed_since.filter(|since| wire.anchor.time.since(*since) >= SHORTEST_STALL)?;
    let reset_window = wire.reset.is_some_and(|reset| reset.time <= stalled);
    (!reset_window && (wire.unacknowledged() > 0 || wire.unsent() > 0) || wire.anchor.time.since(stalled) > LONG_STALL)
        .then(|| ruling(Cause::ReceiverStalled, 0.93, say::stalled(wire, stalled)))
}

/// Data on an established connection is sent again and again and nothing acknowledges it: a stateful device drops it.
pub(super) fn silent_drop(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let loss = wire.loss().filter(|loss| !loss.recovered && loss.retransmissions >= 1)?;
    let exchange = wire.exchange?;
    if exchange.response_start.is_some() || exchange.acked_bytes > 0 {
        return None;
    }
    let idle = exchange.idle_before.unwrap_or(0);
    let expired = wire.reused() && wire.idle_survived().is_some_and(|survived| idle > survived);
    let lossy = wire.peer.is_some_and(Peer::is_lossy);
    let ended = wire.peer_ending().is_some();
    // What still arrives from the peer shows a path that loses, not a device that drops.
    if !(expired && loss.retransmissions >= 3) && (lossy || ended) && loss.retransmissions < HOPELESS {
        return None;
    }
    let confidence = if expired && loss.retransmissions >= 3 { 0.97 } else { 0.88 };
    let mut found = ruling(Cause::SilentDrop, confidence, say::silent_drop(wire, exchange, loss));
    if LostBySize::of(wire).is_some_and(|lost| !lost.small_sent) {
        // Nothing small was sent that could have passed.
        found = found.also(&[Cause::MtuBlackHole]);
    }
    Some(if expired { found } else { found.also(&[Cause::PathLoss]) })
}

/// Request bytes were lost and sent again, and what then ended the call came because of that delay.
pub(super) fn path_loss(case: &Case<'_>) -> Option<Ruling> {
    let wire = case.connection.as_ref()?;
    let exchange = wire.exchange?;
    let total = wire.anchor.time.since(exchange.request_start).max(1);
    if let Some(loss) = wire.loss()
        && exchange.response_start.is_none()
    {
        // Up to the last round trip of it, the wait for the acknowledgement was time that the peer did not have.
        let mattered = !loss.recovered || loss.delay * LOSS_SHARE >= total;
        let confidence = if loss.recovered { 0.8 } else { 0.88 };
        let found = ruling(Cause::PathLoss, confidence, say::path_loss(wire, loss));
        let stale = wire.reused() && wire.nothing_acknowledged() && wire.peer_ending().is_some();
        let found = if stale { found.also(&[Cause::StaleConnectionReuse]) } else { found };
        // Nothing of it ever arrived: a device may have dropped it all as well.
        let dropped = !loss.recovered && wire.nothing_acknowledged();
        return mattered.then(|| if dropped { found.also(&[Cause::SilentDrop]) } else { found });
    }
    let hole = wire.connection.resp.gap_opened().is_some_and(|opened| opened >= exchange.request_start);
    let again = exchange.response_retransmissions > 0 && exchange.complete() == Some(false);
    ((hole || again) && case.symptom_is(&[Symptom::ReadTimeout]))
        .then(|| ruling(Cause::PathLoss, 0.85, say::response_lost(wire, exchange)))
}

/// Room that options take of the maximum segment size (timestamps: 12 bytes).
const OPTIONS: u32 = 40;
/// The smallest payload that counts as full-size (IPv4's least MTU of 576 less headers).
const SMALLEST_FULL: u32 = 500;
/// Losses of full-size segments alone, in a row, that are no chance on a lossy path.
const UNLIKELY_CHANCE: usize = 4;
/// Losses of one segment in a row that no lossy path explains (one in a hundred, at half of all segments lost).
const HOPELESS: u32 = 6;
/// The delay by loss must be at least one in so many parts of the whole time.
const LOSS_SHARE: i64 = 5;
/// Windows close for a moment whenever a receiver is slower than the network: a stall outlasts the first probe of a closed window (Linux:
/// 200 ms), ns.
const SHORTEST_STALL: i64 = 150_000_000;
/// A window closed for so long is a stall by itself, ns.
const LONG_STALL: i64 = 1_000_000_000;
