//! A connection under way, and what a segment does to it.

use std::mem;

use wirecause_parsers::{
    packet::{Endpoint, FlowEnds, Outer, Segment, TcpFlags},
    payload::http,
    time::Timestamp,
};

use super::{
    connection::{
        Connection, Handshake, IcmpNote, MAX_HEAD, MAX_ICMP, MAX_RESETS, MAX_TAIL, Names, Roles, SHORT_HEAD,
        SHORT_TAIL, Worth,
    },
    duplicate::Recent,
    exchange::Exchanges,
    kept::Kept,
    measure,
    note::{Direction, Note, NoteKind},
    notes::Notes,
    pack::{Packer, pack_fields},
    payload,
    reset::ResetShape,
    side::{Closing, Side},
    state::History,
    stream::{Protocol, TlsState},
    tracker::{Arrival, Wrapped},
};

/// A connection under way.
#[derive(Debug)]
pub(super) struct Live {
    connection: Connection,
    history: History,
    kept: Kept,
    last_activity: Timestamp,
    probed: bool,
    recent: Recent,
    pending_rtt: Option<(i64, Timestamp)>,
    /// A SYN of this connection met an earlier one of the same ends.
    challenged: bool,
    content: payload::Content,
}

pack_fields!(Live { connection, history, kept, last_activity, probed, recent, pending_rtt, challenged, content });

impl Live {
    pub(super) fn new(arrival: &Arrival<'_>) -> Self {
        let segment = arrival.segment;
        let (originator, responder, roles) = roles(segment, arrival.payload);
        let mut history = History::default();
        if roles == Roles::SynAck || roles == Roles::Ports && responder == segment.ends.source {
            history.flipped();
        }
        Self {
            connection: Connection {
                originator,
                responder,
                roles,
                start: arrival.time,
                end: arrival.time,
                first_frame: arrival.frame,
                last_frame: arrival.frame,
                handshake: Handshake::default(),
                orig: Side::default(),
                resp: Side::default(),
                exchanges: Exchanges::default(),
                resets: Vec::new(),
                reset_count: [0; 2],
                icmp: Vec::new(),
                protocol: Protocol::Unknown,
                tls: TlsState::default(),
                names: Names::default(),
                longest_idle: 0,
                smallest_rtt: None,
                history: String::new(),
                outer: arrival.outer.map(Wrapped::outer).unwrap_or_default(),
                elsewhere: None,
                notes: Notes::default(),
            },
            history,
            kept: Kept::default(),
            last_activity: arrival.time,
            probed: false,
            recent: Recent::default(),
            pending_rtt: None,
            challenged: false,
            content: payload::Content::default(),
        }
    }

    /// Whether this segment opens a new connection on a 4-tuple that was used before: a SYN with another number than the SYN
    /// that opened this one (RFC 9293, section 3.6.1: a new incarnation has a new initial sequence number).
    pub(super) fn begins_anew(&self, arrival: &Arrival<'_>) -> bool {
        let segment = arrival.segment;
        if !segment.flags.syn() || segment.flags.ack() || segment.flags.rst() {
            return false;
        }
        let from = self.direction(segment.ends);
        match (from, self.connection.handshake.syn) {
            // Its own SYN may be captured behind the answer: the queues of an interface stamp each by itself.
            (Direction::Originator, _) => !self.connection.orig.is_base(segment.seq),
            // A SYN in a stream that began in the middle, from the end that was called before: a connection of its own, unless both ends
            // open at the same time.
            (Direction::Responder, None) => true,
            (Direction::Responder, Some(_)) => self.connection.handshake.syn_ack.is_some(),
        }
    }

    /// Whether this packet was captured before.
    pub(super) fn is_duplicate(&mut self, arrival: &Arrival<'_>) -> bool {
        let from = self.direction(arrival.segment.ends);
        self.recent.is_duplicate(arrival, from)
    }

    /// Whether both ends have closed it and acknowledged that, or a RST has ended it: nothing more belongs to it but what is late.
    pub(super) fn is_closed(&self) -> bool {
        let connection = &self.connection;
        connection.orig.fin_acked.is_some() && connection.resp.fin_acked.is_some()
            || connection.resets.iter().any(|(_, reset)| reset.fit.obeyed())
    }

    /// When its last segment came.
    pub(super) const fn heard(&self) -> Timestamp {
        self.connection.end
    }

    /// Says what was around its first segment.
    pub(super) fn within(&mut self, outer: Vec<Outer>) {
        self.connection.outer = outer;
    }

    /// Takes an ICMP error about one of its segments.
    pub(super) fn icmp(&mut self, note: IcmpNote) {
        if self.connection.icmp.len() < MAX_ICMP {
            self.connection.icmp.push(note);
        }
    }

    fn direction(&self, ends: FlowEnds) -> Direction {
        if ends.source == self.connection.originator { Direction::Originator } else { Direction::Responder }
    }

    /// Takes a segment.
    pub(super) fn take(&mut self, arrival: &Arrival<'_>) {
        let from = self.direction(arrival.segment.ends);
        match self.expected(arrival.segment, from) {
            Some(ack) => self.take_expected(arrival, from, ack),
            None => self.take_any(arrival, from),
        }
    }

    /// What a segment acknowledges that is the one expected next: an acknowledgement, with payload or without, that goes on where its sender
    /// stood, on a connection on which nothing is open. Nearly all segments are such ("header prediction" of BSD's stack).
    fn expected(&self, segment: &Segment, from: Direction) -> Option<i64> {
        let (connection, plain) = (&self.connection, segment.flags.0 & !TcpFlags::PSH.0 == TcpFlags::ACK.0);
        let (own, other) = (connection.side(from), connection.side(from.reverse()));
        let opened = connection.handshake.syn.is_none() || connection.handshake.syn_ack.is_some();
        if plain && opened && connection.resets.is_empty() && own.goes_on(segment.seq) && own.stays_open(segment.window)
        {
            other.expects_ack(segment.ack)
        } else {
            None
        }
    }

    /// Takes such a segment: what [`Self::take_any`] does with it.
    fn take_expected(&mut self, arrival: &Arrival<'_>, from: Direction, ack: i64) {
        let (segment, time) = (arrival.segment, arrival.time);
        self.hear(arrival);
        let (own, other) = sides(&mut self.connection, from);
        let (seq, last_data) = (own.high, other.last_data.max(own.last_data));
        let kind = own.go_on(segment, time);
        other.acked = ack;
        let end = own.high;
        self.history.once(from, if kind == NoteKind::New { 'd' } else { 'a' });
        self.measure_rtt(from, end, kind, Some(ack), time);
        if kind == NoteKind::New {
            let fresh = segment.payload.into();
            let ack = Some(ack);
            let taken = payload::Taken { from, start: seq, end, kind, fresh, ack, high_before: seq, last_data };
            self.content.take(&mut self.connection, arrival, &taken);
        }
        if from == Direction::Responder {
            payload::acknowledged(&mut self.connection, time);
        }
        self.note_activity(kind, time);
        self.keep(arrival, from, seq, Some(ack), kind);
    }

    /// Takes a segment of whatever kind.
    fn take_any(&mut self, arrival: &Arrival<'_>, from: Direction) {
        let (segment, time) = (arrival.segment, arrival.time);
        self.hear(arrival);
        if self.answers_no_syn_of_this_one(segment, from) {
            self.of_an_earlier_one(arrival, from);
            return;
        }
        let (own, other) = sides(&mut self.connection, from);
        let seq = own.offset_of(segment.seq, segment.flags.syn());
        let ack = segment.flags.ack().then(|| other.offset_of_ack(segment.ack));
        own.packets += 1;
        own.last = Some(time);
        if segment.flags.rst() {
            self.reset(arrival, from, seq, ack);
            self.keep(arrival, from, seq, ack, NoteKind::Control);
            return;
        }
        own.describe(segment, time);
        let kind = self.advance(arrival, from, seq, ack);
        self.note_activity(kind, time);
        self.after_reset(from, seq, segment.payload, kind, time);
        self.keep(arrival, from, seq, ack, kind);
    }

    /// Neither a probe nor the answer to one is activity of the applications.
    fn note_activity(&mut self, kind: NoteKind, time: Timestamp) {
        let answers_probe = mem::replace(&mut self.probed, kind == NoteKind::KeepAlive) && kind == NoteKind::Control;
        if kind != NoteKind::KeepAlive && !answers_probe {
            let idle = time.since(self.last_activity);
            self.connection.longest_idle = self.connection.longest_idle.max(idle);
            self.last_activity = self.last_activity.max(time);
        }
    }

    fn hear(&mut self, arrival: &Arrival<'_>) {
        self.connection.end = self.connection.end.max(arrival.time);
        self.connection.last_frame = arrival.frame;
    }

    /// Whether a segment belongs to an earlier connection of the same ends: the answer to a SYN that acknowledges something else than
    /// it, from a peer in TIME-WAIT or one that still holds the connection for open (RFC 5961, section 4), or the caller's RST to it
    /// (RFC 9293, section 3.10.7.3). The call is not refused by either: its SYN is sent again and answered then.
    fn answers_no_syn_of_this_one(&self, segment: &Segment, from: Direction) -> bool {
        let (connection, flags) = (&self.connection, segment.flags);
        if connection.handshake.syn.is_none() || connection.handshake.syn_ack.is_some() || flags.syn() {
            return false;
        }
        match from {
            Direction::Responder => {
                flags.ack() && !flags.rst() && segment.payload == 0 && !connection.orig.may_acknowledge(segment.ack)
            }
            Direction::Originator => {
                flags.rst()
                    && !flags.ack()
                    && !connection.orig.may_acknowledge(segment.seq.wrapping_add(1))
                    && self.challenged
            }
        }
    }

    /// Keeps such a segment, numbered as nothing of this connection.
    fn of_an_earlier_one(&mut self, arrival: &Arrival<'_>, from: Direction) {
        let (own, _) = sides(&mut self.connection, from);
        own.packets += 1;
        own.last = Some(arrival.time);
        self.challenged = true;
        if arrival.segment.flags.rst() {
            self.history.once(from, 'r');
        } else {
            self.history.once(from, 'a');
        }
        self.keep(arrival, from, 0, None, NoteKind::Control);
    }

    /// SYN, payload, FIN and acknowledgement of a segment, in the order in which they stand in its numbers.
    fn advance(&mut self, arrival: &Arrival<'_>, from: Direction, seq: i64, ack: Option<i64>) -> NoteKind {
        let segment = arrival.segment;
        let (time, flags) = (arrival.time, segment.flags);
        let reorder_bound = self.connection.rtt().map_or(REORDER_BOUND, |rtt| (rtt / 2).max(REORDER_BOUND));
        let first_byte = seq + i64::from(flags.syn());
        if flags.syn() {
            self.syn(arrival, from, first_byte);
        }
        let (own, other) = sides(&mut self.connection, from);
        let (high, bytes) = (own.high, own.bytes);
        let peers_last_data = other.last_data.max(own.last_data);
        let gaps = (own.gaps, other.gaps);
        let mut kind = own.take(first_byte, segment.payload, time, reorder_bound);
        if segment.payload == 0 && !flags.syn() {
            own.reach(first_byte, time, other.window_bytes());
        }
        if segment.payload == 0 && ack.is_some() && seq == high - 1 && !flags.syn() && !flags.fin() && own.packets > 1 {
            kind = NoteKind::KeepAlive;
        }
        let fresh = own.bytes - bytes;
        if let Some(ack) = ack {
            other.acknowledge(ack, time);
        }
        let gaps = (own.gaps - gaps.0, other.gaps - gaps.1);
        self.letters(arrival, from, seq, kind);
        for (side, gaps) in [(from, gaps.0), (from.reverse(), gaps.1)] {
            if gaps > 0 {
                self.history.scaled(side, 'g');
            }
        }
        self.measure_rtt(from, seq + i64::from(segment.payload), kind, ack, time);
        let taken = payload::Taken {
            from,
            start: first_byte,
            end: first_byte + i64::from(segment.payload),
            kind,
            fresh,
            ack,
            high_before: high,
            last_data: peers_last_data,
        };
        self.content.take(&mut self.connection, arrival, &taken);
        if flags.fin() {
            self.fin(arrival, from, first_byte + i64::from(segment.payload), ack);
        }
        if from == Direction::Responder {
            payload::acknowledged(&mut self.connection, time);
        }
        kind
    }

    fn syn(&mut self, arrival: &Arrival<'_>, from: Direction, first_byte: i64) {
        let handshake = &mut self.connection.handshake;
        if arrival.segment.flags.ack() {
            handshake.syn_acks += 1;
            if handshake.syn_ack.is_none() {
                handshake.syn_ack = Some(arrival.time);
                if let (Some(syn), 1) = (handshake.syn, handshake.syns) {
                    handshake.rtt = Some(arrival.time.since(syn));
                }
            }
        } else {
            handshake.syns += 1;
            handshake.last_syn = Some(arrival.time);
            handshake.syn.get_or_insert(arrival.time);
        }
        let (own, _) = sides(&mut self.connection, from);
        own.high = own.high.max(first_byte);
    }

    fn fin(&mut self, arrival: &Arrival<'_>, from: Direction, seq: i64, ack: Option<i64>) {
        let (own, _) = sides(&mut self.connection, from);
        own.close(Closing { time: arrival.time, frame: arrival.frame, seq, ack });
    }

    /// One sample at a time, from a segment with new data to its acknowledgement, given up when anything is sent again (Karn).
    fn measure_rtt(&mut self, from: Direction, end: i64, kind: NoteKind, ack: Option<i64>, time: Timestamp) {
        match (from, kind) {
            (Direction::Originator, NoteKind::New) if self.pending_rtt.is_none() => {
                self.pending_rtt = Some((end, time));
            }
            (Direction::Originator, NoteKind::Retransmission) => self.pending_rtt = None,
            (Direction::Responder, _) => {
                if let (Some((end, sent)), Some(ack)) = (self.pending_rtt, ack)
                    && ack >= end
                {
                    let sample = time.since(sent);
                    let smallest = &mut self.connection.smallest_rtt;
                    *smallest = Some(smallest.map_or(sample, |old| old.min(sample)));
                    self.pending_rtt = None;
                }
            }
            (Direction::Originator, _) => {
                let handshake = &mut self.connection.handshake;
                if handshake.syn_ack.is_some() && ack.is_some() {
                    handshake.established.get_or_insert(time);
                }
            }
        }
    }

    fn reset(&mut self, arrival: &Arrival<'_>, from: Direction, seq: i64, ack: Option<i64>) {
        if arrival.segment.flags.fin() {
            self.history.once(from, 'i');
        } else if arrival.segment.flags.syn() {
            self.history.once(from, 'q');
        } else {
            self.history.numbered(from, 'r', seq);
        }
        let connection = &mut self.connection;
        connection.reset_count[from as usize] += 1;
        if connection.resets.iter().filter(|(by, _)| *by == from).count() >= MAX_RESETS {
            return;
        }
        let reset = measure::reset(&self.connection, self.kept.iter(), arrival, from, (seq, ack));
        self.connection.resets.push((from, reset));
    }

    /// A segment of an end that had reset before: it goes on talking, so the RST may not have been its own.
    fn after_reset(&mut self, from: Direction, seq: i64, length: u32, kind: NoteKind, time: Timestamp) {
        let in_flight = self.connection.rtt().map_or(REORDER_BOUND, |rtt| (rtt / 2).max(REORDER_BOUND));
        let Some((_, reset)) = self.connection.resets.iter_mut().rev().find(|(by, _)| *by == from) else { return };
        if time.since(reset.time) <= in_flight {
            // What stands before the reset in the stream was sent before it, and overtaken.
            let overtaken = reset.shape == ResetShape::Active && seq + i64::from(length) <= reset.seq;
            reset.segments_soon_after += u32::from(!overtaken);
            return;
        }
        reset.segments_after += 1;
        if matches!(kind, NoteKind::New | NoteKind::Retransmission) && seq + i64::from(length) > reset.seq {
            reset.data_after += 1;
        }
    }

    fn letters(&mut self, arrival: &Arrival<'_>, from: Direction, seq: i64, kind: NoteKind) {
        let segment = arrival.segment;
        let flags = segment.flags;
        if flags.syn() && flags.fin() {
            self.history.once(from, 'q');
            return;
        }
        if flags.syn() {
            self.history.numbered(from, if flags.ack() { 'h' } else { 's' }, seq);
        }
        match kind {
            // Zeek writes the payload of a FIN as its FIN alone, and that of a SYN as its SYN.
            NoteKind::New | NoteKind::OutOfOrder if flags.fin() || flags.syn() => {}
            NoteKind::New | NoteKind::OutOfOrder => self.history.once(from, 'd'),
            NoteKind::Retransmission => self.history.scaled(from, 't'),
            NoteKind::Control | NoteKind::KeepAlive => {
                if flags.ack() && !flags.syn() && !flags.fin() {
                    self.history.once(from, 'a');
                }
            }
        }
        let over = self.connection.side(from.reverse()).fin.is_some();
        if segment.window == 0 && !flags.syn() && !flags.fin() && !over {
            self.history.scaled(from, 'w');
        }
        if flags.fin() {
            self.history.numbered(from, 'f', seq + i64::from(segment.payload));
        }
    }

    fn keep(&mut self, arrival: &Arrival<'_>, from: Direction, seq: i64, ack: Option<i64>, kind: NoteKind) {
        let segment = arrival.segment;
        self.kept.push(Note {
            time: arrival.time,
            frame: arrival.frame,
            from,
            flags: segment.flags,
            seq,
            ack,
            payload: segment.payload,
            window: segment.window,
            ttl: segment.ip.ttl,
            ip_id: segment.ip.id,
            kind,
        });
    }

    /// Ends it: what is kept.
    // Lent, since a record of a kilobyte is not copied for nothing.
    pub(super) fn finish(&mut self, packer: &mut Packer) -> &Connection {
        let connection = &mut self.connection;
        connection.exchanges.settle();
        connection.history = mem::take(&mut self.history).finish();
        let worth = connection.worth();
        if worth != Worth::Everything {
            connection.exchanges.keep_last();
        }
        let (head, tail) = match worth {
            Worth::Numbers => (0, 0),
            Worth::Ends => (SHORT_HEAD, SHORT_TAIL),
            Worth::LastExchange | Worth::Everything => (MAX_HEAD, MAX_TAIL),
        };
        let all = self.kept.len();
        let left_out = head.min(all)..all.saturating_sub(tail).max(head.min(all));
        connection.notes = self.kept.without(left_out, packer);
        connection
    }
}

/// The sender's side and the other one.
fn sides(connection: &mut Connection, from: Direction) -> (&mut Side, &mut Side) {
    match from {
        Direction::Originator => (&mut connection.orig, &mut connection.resp),
        Direction::Responder => (&mut connection.resp, &mut connection.orig),
    }
}

/// Originator and responder by a connection's first segment: who sent the SYN, else who answers one; in mid-stream whoever
/// sends a request, else the end with the higher port (servers listen on the lower one).
fn roles(segment: &Segment, payload: &[u8]) -> (Endpoint, Endpoint, Roles) {
    let FlowEnds { source, destination } = segment.ends;
    if segment.flags.syn() && !segment.flags.ack() {
        (source, destination, Roles::Syn)
    } else if segment.flags.syn() {
        (destination, source, Roles::SynAck)
    } else if http::starts_request(payload) || source.port > destination.port && !http::starts_response(payload) {
        (source, destination, Roles::Ports)
    } else {
        (destination, source, Roles::Ports)
    }
}

/// Least delay that counts as a retransmission instead of reordering, in nanoseconds (Wireshark's fallback of 3 ms).
const REORDER_BOUND: i64 = 3_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::{
        FrameId,
        pack::{Pack, Packer},
        testing,
    };

    fn packed(live: &Live) -> Box<[u8]> {
        let mut packer = Packer::default();
        live.pack(&mut packer);
        packer.take()
    }

    /// A segment of a connection whose ends stand at `next`: mostly the one expected, of a stream that wraps, and with a few of all that
    /// else may come.
    fn drawn(draw: &mut fastrand::Rng, next: &mut [u32; 2]) -> (Segment, Vec<u8>) {
        const TEXTS: [&[u8]; 4] =
            [b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", &[23, 3, 3, 0, 40], b"x"];
        let there = draw.bool();
        let (own, other) = (next[usize::from(!there)], next[usize::from(there)]);
        let mut rare = |one_in: u32| draw.u32(..one_in) == 0;
        let (odd_seq, odd_ack, odd_flags, odd_window) = (rare(20), rare(20), rare(60), rare(40));
        let seq = if odd_seq { own.wrapping_add(draw.u32(..900)).wrapping_sub(600) } else { own };
        let ack = if odd_ack { other.wrapping_add(draw.u32(..900)).wrapping_sub(600) } else { other };
        let flags = if odd_flags { [0x02, 0x12, 0x11, 0x14, 0x04, 0x30, 0x00, 0x19][draw.usize(..8)] } else { 0x10 };
        let payload = if draw.bool() { draw.u32(..1_400) } else { 0 };
        let mut segment = testing::segment(9, (there, seq, ack), flags | u8::from(draw.bool()) << 3, payload);
        segment.window = if odd_window { 0 } else { draw.u16(1..) };
        segment.ip.ttl = 60 + draw.u8(..30) / 29;
        segment.ip.id = draw.bool().then(|| draw.u16(..));
        segment.timestamps = draw.bool().then_some((1, 1));
        if !odd_seq {
            next[usize::from(!there)] = own.wrapping_add(payload);
        }
        let text = TEXTS[draw.usize(..TEXTS.len())];
        (segment, text[..text.len().min(payload as usize)].to_vec())
    }

    #[test]
    fn an_expected_segment_is_taken_as_any_is() {
        let (mut expected, mut all) = (0, 0);
        for seed in 0..300 {
            let mut draw = fastrand::Rng::with_seed(seed);
            let mut next = [draw.u32(..), u32::MAX - 9_000];
            let mut nanos = 1_000_000_000;
            let mut lives: Option<(Live, Live)> = None;
            for number in 1..120 {
                let (mut segment, payload) = drawn(&mut draw, &mut next);
                if number < 3 && seed % 3 > 0 {
                    // Most begin with a handshake.
                    let [orig, resp] = next;
                    let there = number == 1;
                    let (flags, seq, ack) =
                        if there { (0x02, orig.wrapping_sub(1), 0) } else { (0x12, resp.wrapping_sub(1), orig) };
                    segment = testing::segment(9, (there, seq, ack), flags, 0);
                }
                nanos += draw.i64(0..9_000_000);
                let (time, frame) = (Timestamp::from_nanos(nanos), FrameId::new(0, number));
                let arrival = Arrival { time, frame, interface: 0, segment: &segment, payload: &payload, outer: None };
                let (usual, general) = lives.get_or_insert_with(|| (Live::new(&arrival), Live::new(&arrival)));
                let from = usual.direction(segment.ends);
                expected += u32::from(usual.expected(&segment, from).is_some());
                all += 1;
                usual.take(&arrival);
                general.take_any(&arrival, from);
                assert!(packed(usual) == packed(general), "seed {seed}, segment {number}: {segment:?}");
            }
        }
        assert!(expected > all / 4, "{expected} of {all} segments");
    }
}
