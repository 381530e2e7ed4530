//! What is measured of a RST when it arrives.

use wirecause_parsers::time::Timestamp;

use super::{
    connection::Connection,
    note::{Direction, FrameId, Note},
    reset::{Reset, ResetShape, SequenceFit, readable},
    side::Side,
    tracker::Arrival,
};

/// Measures a RST of `from` against its connection so far and the segments kept of it.
pub(super) fn reset<'a>(
    connection: &Connection,
    notes: impl Iterator<Item = &'a Note> + Clone,
    arrival: &Arrival<'_>,
    from: Direction,
    (seq, ack): (i64, Option<i64>),
) -> Reset {
    let segment = arrival.segment;
    let (own, other) = (connection.side(from), connection.side(from.reverse()));
    let shape = match (segment.flags.ack(), own.packets > 1) {
        (false, _) => ResetShape::Passive,
        (true, false) if connection.handshake.syn.is_some() => ResetShape::Refusal,
        (true, _) => ResetShape::Active,
    };
    let (trigger, delay) = trigger(connection, notes, arrival.time, from, (shape, seq, ack));
    let acknowledged = other.acked.max(ack.unwrap_or(0));
    let request_open = connection
        .exchanges
        .current()
        .is_some_and(|exchange| exchange.response_start.is_none() || exchange.complete() == Some(false));
    Reset {
        time: arrival.time,
        frame: arrival.frame,
        shape,
        flags: segment.flags,
        seq,
        ack,
        fit: fit(own, other, seq, shape),
        ttl: segment.ip.ttl,
        usual_ttl: own.usual_ttl(),
        ip_id: segment.ip.id,
        ip_id_before: own.ip_id,
        window: segment.window,
        timestamps: segment.timestamps.is_some(),
        payload: segment.payload,
        text: readable(arrival.payload),
        trigger,
        delay,
        since_other: other.last.map(|last| arrival.time.since(last)),
        after_own_fin: own.fin.is_some(),
        after_other_fin: other.fin.is_some(),
        unacknowledged: (other.high - acknowledged).max(0),
        request_open,
        data_after: 0,
        segments_after: 0,
        segments_soon_after: 0,
    }
}

/// The other end's segment that a RST answers, and how long the earliest one that it may answer lay back. A bare RST takes
/// its number from the acknowledgement of what it answers; a RST that acknowledges answers, if anything, the byte that it
/// acknowledges last (RFC 9293, section 3.5.2).
fn trigger<'a>(
    connection: &Connection,
    notes: impl Iterator<Item = &'a Note> + Clone,
    time: Timestamp,
    from: Direction,
    (shape, seq, ack): (ResetShape, i64, Option<i64>),
) -> (Option<FrameId>, Option<i64>) {
    let window = connection.rtt().map_or(ANSWER_WITHIN, |rtt| 4 * rtt + ANSWER_WITHIN);
    let candidates = notes.filter(|note| {
        note.from != from
            && !note.flags.rst()
            && time.since(note.time) >= 0
            && match (shape, ack) {
                (ResetShape::Passive, _) => note.ack == Some(seq) && time.since(note.time) <= window,
                (_, Some(ack)) => {
                    let length = i64::from(note.payload) + i64::from(note.flags.syn()) + i64::from(note.flags.fin());
                    length > 0 && note.seq < ack && note.seq + length >= ack
                }
                (_, None) => false,
            }
    });
    let first = candidates.clone().min_by_key(|note| note.time);
    let last = candidates.max_by_key(|note| (note.time, note.frame));
    (last.map(|note| note.frame), first.map(|note| time.since(note.time)))
}

/// Where a RST of `own` stands against what `other` expects. At a capture beside the receiver all that was seen was received.
fn fit(own: &Side, other: &Side, seq: i64, shape: ResetShape) -> SequenceFit {
    if shape == ResetShape::Refusal {
        return SequenceFit::Exact;
    }
    if own.packets <= 1 {
        return SequenceFit::Unknown;
    }
    let next = own.contiguous();
    // After a FIN, Linux also takes a RST numbered as the FIN itself (tcp_reset_check).
    let after_fin = own.fin.is_some_and(|fin| seq == fin.seq);
    let window = i64::from(other.last_window()) << other.window_scale.unwrap_or(0).min(14);
    if seq == next || seq == own.acked || after_fin {
        SequenceFit::Exact
    } else if seq < next {
        SequenceFit::Below
    } else if seq <= next + window {
        SequenceFit::InWindow
    } else {
        SequenceFit::Beyond
    }
}

/// Added to four round trips: the time within which a peer answers a segment, in nanoseconds (scheduling, delayed ACK of 40 ms).
const ANSWER_WITHIN: i64 = 50_000_000;
