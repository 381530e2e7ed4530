//! The table of live connections of one shard, and what a segment does to its connection.

use std::{
    collections::{HashMap, VecDeque},
    mem,
};

use wirecause_parsers::{
    packet::{Endpoint, FlowEnds, IcmpError, Segment},
    payload::http,
    time::Timestamp,
};

use super::{
    connection::{Connection, Handshake, IcmpNote, MAX_HEAD, MAX_ICMP, MAX_RESETS, MAX_TAIL, Names, Roles},
    exchange::Exchanges,
    flow::FlowKey,
    note::{Direction, FrameId, Note, NoteKind},
    payload,
    reset::{Reset, ResetShape, SequenceFit},
    side::{Closing, Side},
    state::History,
    stream::{Protocol, TlsState},
};

/// Follows the connections of one shard.
#[derive(Debug, Default)]
pub struct Tracker {
    live: HashMap<FlowKey, Live>,
    finished: Vec<Connection>,
    counts: TrackCounts,
}

/// What the tracker passed over or met, by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackCounts {
    /// Segments tracked.
    pub segments: u64,
    /// Segments captured twice; not tracked.
    pub duplicates: u64,
    /// ICMP errors that quote a flow that was never seen.
    pub foreign_icmp: u64,
}

/// A segment as it arrives at the tracker.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// Capture time.
    pub time: Timestamp,
    /// Where it stands.
    pub frame: FrameId,
    /// Interface of the capture, to know the same packet captured twice.
    pub interface: u32,
    /// Header facts.
    pub segment: &'a Segment,
    /// Captured payload bytes.
    pub payload: &'a [u8],
}

impl Tracker {
    /// Takes the next segment of this shard.
    pub fn segment(&mut self, arrival: &Arrival<'_>) {
        let key = FlowKey::new(arrival.segment.ends);
        if let Some(live) = self.live.get_mut(&key) {
            if live.is_duplicate(arrival) {
                self.counts.duplicates += 1;
                return;
            }
            self.counts.segments += 1;
            if !live.begins_anew(arrival) {
                live.take(arrival);
                return;
            }
            if let Some(old) = self.live.remove(&key) {
                self.finished.push(old.finish());
            }
        } else {
            self.counts.segments += 1;
        }
        let mut live = Live::new(arrival);
        live.is_duplicate(arrival);
        live.take(arrival);
        self.live.insert(key, live);
    }

    /// Takes an ICMP error about a flow of this shard.
    pub fn icmp(&mut self, time: Timestamp, frame: FrameId, error: &IcmpError) {
        let Some(live) = self.live.get_mut(&FlowKey::new(error.quoted)) else {
            self.counts.foreign_icmp += 1;
            return;
        };
        if live.connection.icmp.len() < MAX_ICMP {
            live.connection.icmp.push(IcmpNote { time, frame, kind: error.kind, sender: error.sender });
        }
    }

    /// Ends tracking: all connections in order of their start.
    pub fn finish(mut self) -> (Vec<Connection>, TrackCounts) {
        self.finished.extend(self.live.into_values().map(Live::finish));
        self.finished.sort_by_key(|connection| (connection.start, connection.first_frame));
        (self.finished, self.counts)
    }
}

/// A connection under way.
#[derive(Debug)]
struct Live {
    connection: Connection,
    history: History,
    head: Vec<Note>,
    tail: VecDeque<Note>,
    last_activity: Timestamp,
    probed: bool,
    recent: VecDeque<Signature>,
    pending_rtt: Option<(i64, Timestamp)>,
    content: payload::Content,
}

/// What makes two captured segments the same packet.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Signature {
    time: Timestamp,
    interface: u32,
    source: Endpoint,
    numbers: (u32, u32, u8, u32),
    ip_id: Option<u16>,
    timestamps: Option<(u32, u32)>,
    ttl: u8,
}

impl Live {
    fn new(arrival: &Arrival<'_>) -> Self {
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
                elsewhere: None,
                notes: Vec::new(),
            },
            history,
            head: Vec::new(),
            tail: VecDeque::new(),
            last_activity: arrival.time,
            probed: false,
            recent: VecDeque::with_capacity(RECENT),
            pending_rtt: None,
            content: payload::Content::default(),
        }
    }

    /// Whether this packet was captured before on its way through the host: same numbers within 5 ms on another interface, or
    /// with a TTL lower by the hop between. On one interface with an equal TTL it is a retransmission.
    fn is_duplicate(&mut self, arrival: &Arrival<'_>) -> bool {
        let segment = arrival.segment;
        let new = Signature {
            time: arrival.time,
            interface: arrival.interface,
            source: segment.ends.source,
            numbers: (segment.seq, segment.ack, segment.flags.0, segment.payload),
            ip_id: segment.ip.id,
            timestamps: segment.timestamps,
            ttl: segment.ip.ttl,
        };
        let duplicate = self.recent.iter().any(|old| {
            old.source == new.source
                && old.numbers == new.numbers
                && old.ip_id == new.ip_id
                && old.timestamps == new.timestamps
                && new.time.since(old.time).abs() <= DUPLICATE_WITHIN
                && (old.interface != new.interface || old.ttl.abs_diff(new.ttl) == 1)
        });
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(new);
        duplicate
    }

    /// Whether this segment opens a new connection on a 4-tuple that was used before: a SYN with another number than the SYN
    /// that opened this one (RFC 9293, section 3.6.1: a new incarnation has a new initial sequence number).
    fn begins_anew(&self, arrival: &Arrival<'_>) -> bool {
        let segment = arrival.segment;
        if !segment.flags.syn() || segment.flags.ack() || segment.flags.rst() {
            return false;
        }
        let from = self.direction(segment.ends);
        match (from, self.connection.handshake.syn) {
            (Direction::Originator, Some(_)) => !self.connection.orig.is_base(segment.seq),
            // A SYN in a stream that began in the middle, or from the end that was called before: a connection of its own,
            // unless both ends open at the same time.
            (Direction::Originator | Direction::Responder, None) => true,
            (Direction::Responder, Some(_)) => self.connection.handshake.syn_ack.is_some(),
        }
    }

    fn direction(&self, ends: FlowEnds) -> Direction {
        if ends.source == self.connection.originator { Direction::Originator } else { Direction::Responder }
    }

    fn take(&mut self, arrival: &Arrival<'_>) {
        let segment = arrival.segment;
        let from = self.direction(segment.ends);
        let time = arrival.time;
        self.connection.end = self.connection.end.max(time);
        self.connection.last_frame = arrival.frame;
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
        // Neither a probe nor the answer to one is activity of the applications.
        let answers_probe = mem::replace(&mut self.probed, kind == NoteKind::KeepAlive) && kind == NoteKind::Control;
        if kind != NoteKind::KeepAlive && !answers_probe {
            let idle = time.since(self.last_activity);
            self.connection.longest_idle = self.connection.longest_idle.max(idle);
            self.last_activity = self.last_activity.max(time);
        }
        self.after_reset(from, seq, segment.payload, kind, time);
        self.keep(arrival, from, seq, ack, kind);
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
        own.fin.get_or_insert(Closing { time: arrival.time, frame: arrival.frame, seq, ack });
        own.high = own.high.max(seq + 1);
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
        } else {
            self.history.numbered(from, 'r', seq);
        }
        let connection = &mut self.connection;
        connection.reset_count[from as usize] += 1;
        if connection.resets.iter().filter(|(by, _)| *by == from).count() >= MAX_RESETS {
            return;
        }
        let reset = self.measure_reset(arrival, from, seq, ack);
        self.connection.resets.push((from, reset));
    }

    fn measure_reset(&self, arrival: &Arrival<'_>, from: Direction, seq: i64, ack: Option<i64>) -> Reset {
        let segment = arrival.segment;
        let connection = &self.connection;
        let (own, other) = (connection.side(from), connection.side(from.reverse()));
        let shape = match (segment.flags.ack(), own.packets > 1) {
            (false, _) => ResetShape::Passive,
            (true, false) if connection.handshake.syn.is_some() => ResetShape::Refusal,
            (true, _) => ResetShape::Active,
        };
        let (trigger, delay) = self.trigger(arrival.time, from, shape, seq, ack);
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
            trigger,
            delay,
            since_other: other.last.map(|last| arrival.time.since(last)),
            after_own_fin: own.fin.is_some(),
            after_other_fin: other.fin.is_some(),
            unacknowledged: (other.high - acknowledged).max(0),
            request_open,
            data_after: 0,
            segments_after: 0,
        }
    }

    /// The other end's segment that a RST answers, and how long the earliest one that it may answer lay back. A bare RST takes
    /// its number from the acknowledgement of what it answers; a RST that acknowledges answers, if anything, the byte that it
    /// acknowledges last (RFC 9293, section 3.5.2).
    fn trigger(
        &self,
        time: Timestamp,
        from: Direction,
        shape: ResetShape,
        seq: i64,
        ack: Option<i64>,
    ) -> (Option<FrameId>, Option<i64>) {
        let window = self.connection.rtt().map_or(ANSWER_WITHIN, |rtt| 4 * rtt + ANSWER_WITHIN);
        let candidates = self.head.iter().chain(&self.tail).filter(|note| {
            note.from != from
                && !note.flags.rst()
                && time.since(note.time) >= 0
                && match (shape, ack) {
                    (ResetShape::Passive, _) => note.ack == Some(seq) && time.since(note.time) <= window,
                    (_, Some(ack)) => {
                        let length =
                            i64::from(note.payload) + i64::from(note.flags.syn()) + i64::from(note.flags.fin());
                        length > 0 && note.seq < ack && note.seq + length >= ack
                    }
                    (_, None) => false,
                }
        });
        let first = candidates.clone().min_by_key(|note| note.time);
        let last = candidates.max_by_key(|note| (note.time, note.frame));
        (last.map(|note| note.frame), first.map(|note| time.since(note.time)))
    }

    /// A segment of an end that had reset before: it goes on talking, so the RST may not have been its own.
    fn after_reset(&mut self, from: Direction, seq: i64, length: u32, kind: NoteKind, time: Timestamp) {
        let in_flight = self.connection.rtt().map_or(REORDER_BOUND, |rtt| (rtt / 2).max(REORDER_BOUND));
        let Some((_, reset)) = self.connection.resets.iter_mut().rev().find(|(by, _)| *by == from) else { return };
        if time.since(reset.time) <= in_flight {
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
            // Zeek writes the payload of a FIN as its FIN alone.
            NoteKind::New | NoteKind::OutOfOrder if flags.fin() => {}
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
        let note = Note {
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
        };
        if self.head.len() < MAX_HEAD {
            self.head.push(note);
            return;
        }
        if self.tail.len() == MAX_TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(note);
    }

    fn finish(mut self) -> Connection {
        let mut connection = self.connection;
        connection.exchanges.settle();
        connection.history = mem::take(&mut self.history).finish();
        connection.notes = self.head;
        connection.notes.extend(self.tail);
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

/// The same packet captured on its way through a host arrives again within this time, in nanoseconds (queueing between two
/// interfaces of one machine).
const DUPLICATE_WITHIN: i64 = 5_000_000;
/// Segments remembered per connection to know duplicates.
const RECENT: usize = 8;
/// Least delay that counts as a retransmission instead of reordering, in nanoseconds (Wireshark's fallback of 3 ms).
const REORDER_BOUND: i64 = 3_000_000;
/// Added to four round trips: the time within which a peer answers a segment, in nanoseconds (scheduling, delayed ACK of 40 ms).
const ANSWER_WITHIN: i64 = 50_000_000;
