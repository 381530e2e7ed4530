//! Conversations counted from tshark's rows: a second, slow and plain account of what the tracker counts.
//!
//! A retransmission here is a segment with payload that brings no byte for the first time; or one whose first bytes fill a hole
//! that had stood open for longer than reordering explains. tshark calls more than that a retransmission, and some of it
//! otherwise; each kind of difference has its name, and a segment that differs without one is unexplained.

use std::collections::BTreeMap;

use wirecause_parsers::packet::Endpoint;

use crate::tshark::{ACK, FIN, Packet, RST, SYN, Said};

/// One TCP connection.
#[derive(Debug)]
pub(crate) struct Conversation<'a> {
    pub(crate) packets: Vec<&'a Packet>,
    pub(crate) first_frame: u64,
    pub(crate) last_frame: u64,
    /// First and last time.
    pub(crate) times: (i64, i64),
    pub(crate) server_name: Option<String>,
    sides: BTreeMap<Endpoint, Side<'a>>,
}

/// What one end sent.
#[derive(Debug, Default)]
pub(crate) struct Side<'a> {
    pub(crate) packets: u64,
    pub(crate) distinct_bytes: u64,
    /// Kinds of segments that tshark judges otherwise, by name.
    pub(crate) differences: BTreeMap<&'static str, u64>,
    pub(crate) unexplained: Vec<String>,
    sent: Vec<(&'a Packet, Judged)>,
    /// Ranges of bytes seen, or acknowledged without being seen.
    seen: Vec<(i64, i64)>,
    /// When a byte beyond a hole was first seen: offset of the hole's end and that time.
    beyond: Vec<(i64, i64)>,
    base: Option<u32>,
    high: i64,
    acknowledged: i64,
    /// The highest number of a RST so far.
    reset_at: Option<i64>,
    /// What stands in the acknowledgement field of the other end's last RST without the ACK flag: some stacks leave a number there, which
    /// acknowledges nothing (RFC 9293, section 3.1), and tshark takes it for one.
    unflagged: Option<u32>,
}

/// What a segment brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    NoPayload,
    New,
    /// Some bytes again and others for the first time.
    NewBehindOld,
    FillsAtOnce,
    FillsLate,
    Probe,
    Again,
    Reset,
}

/// A packet, and the records of it at each place where it was captured.
type Captured<'a> = (&'a Packet, Vec<&'a Packet>);

/// The packets in order of their times that are no second capture of one before: the same numbers and marks within 5 ms on another interface, or with a
/// TTL lower by the hop between. How many are left out.
pub(crate) fn without_duplicates(packets: &[Packet]) -> (Vec<&Packet>, u64) {
    let mut packets: Vec<&Packet> = packets.iter().collect();
    packets.sort_by_key(|packet| (packet.time, packet.number));
    let mut kept: Vec<&Packet> = Vec::new();
    // Each kept packet with the places where it was captured.
    let mut all: BTreeMap<(Endpoint, Endpoint), Vec<Captured<'_>>> = BTreeMap::new();
    let mut duplicates = 0;
    for packet in packets {
        let before = all.entry((packet.source, packet.destination)).or_default();
        let recent = before.partition_point(|(old, _)| packet.time - old.time > 5_000_000);
        let twin = before[recent..].iter_mut().find(|(old, places)| {
            let place = |at: &Packet| (at.device, at.ttl);
            (old.seq, old.ack, old.flags, old.length, old.ip_id, old.timestamps)
                == (packet.seq, packet.ack, packet.flags, packet.length, packet.ip_id, packet.timestamps)
                && places.iter().all(|at| place(at) != place(packet))
                && places.iter().any(|at| at.device != packet.device || at.ttl.abs_diff(packet.ttl) == 1)
        });
        if let Some((_, places)) = twin {
            places.push(packet);
            duplicates += 1;
        } else {
            before.push((packet, vec![packet]));
            kept.push(packet);
        }
    }
    (kept, duplicates)
}

/// tshark's streams, in order of their first packets.
pub(crate) fn conversations<'a>(packets: &[&'a Packet]) -> Vec<Conversation<'a>> {
    let mut streams: BTreeMap<u64, Vec<&'a Packet>> = BTreeMap::new();
    for packet in packets {
        streams.entry(packet.stream).or_default().push(packet);
    }
    streams.into_values().map(|packets| Conversation::new(&packets)).collect()
}

impl<'a> Conversation<'a> {
    fn new(packets: &[&'a Packet]) -> Self {
        let (first, last) = (packets[0], packets[packets.len() - 1]);
        let mut conversation = Self {
            packets: packets.to_vec(),
            first_frame: first.number,
            last_frame: last.number,
            times: (first.time, packets.iter().map(|packet| packet.time).max().unwrap_or(first.time)),
            server_name: packets.iter().find_map(|packet| packet.server_name.clone()),
            sides: [(first.source, Side::default()), (first.destination, Side::default())].into(),
        };
        let bound = reorder_bound(packets);
        for packet in packets {
            let acknowledged = packet.has(ACK) && !packet.has(RST);
            conversation.sides.get_mut(&packet.source).expect("an end").take(packet, bound(packet));
            if packet.has(RST) && !packet.has(ACK) && packet.ack != 0 {
                conversation.sides.get_mut(&packet.destination).expect("an end").unflagged = Some(packet.ack);
            }
            if acknowledged {
                conversation.sides.get_mut(&packet.destination).expect("an end").acknowledge(packet.ack);
            }
        }
        conversation
    }

    pub(crate) fn side(&self, end: Endpoint) -> &Side<'a> {
        &self.sides[&end]
    }

    /// SYNs and SYN-ACKs of both ends.
    pub(crate) fn syns(&self) -> (u64, u64) {
        let all = self.sides.values().flat_map(|side| &side.sent);
        let syns: Vec<bool> = all.filter(|(packet, _)| packet.has(SYN)).map(|(packet, _)| packet.has(ACK)).collect();
        let answers = syns.iter().filter(|answer| **answer).count();
        ((syns.len() - answers) as u64, answers as u64)
    }
}

impl<'a> Side<'a> {
    pub(crate) fn count(&self, flag: u16) -> u64 {
        self.frames(flag).len() as u64
    }

    pub(crate) fn frames(&self, flag: u16) -> Vec<u64> {
        // A FIN in a RST's segment ends nothing more than the RST does.
        let counts = |packet: &Packet| packet.has(flag) && (flag == RST || !packet.has(RST));
        self.sent.iter().filter(|(packet, _)| counts(packet)).map(|(packet, _)| packet.number).collect()
    }

    /// The first frame with a flag; 0 where there is none.
    pub(crate) fn first(&self, flag: u16) -> u64 {
        self.frames(flag).first().copied().unwrap_or(0)
    }

    pub(crate) fn retransmissions(&self) -> u64 {
        self.sent.iter().filter(|(_, judged)| matches!(judged, Judged::Again | Judged::FillsLate)).count() as u64
    }

    pub(crate) fn said_by_tshark(&self) -> u64 {
        self.sent.iter().filter(|(packet, _)| packet.said.contains(&Said::Retransmission)).count() as u64
    }

    fn take(&mut self, packet: &'a Packet, reorder_bound: i64) {
        self.packets += 1;
        let judged = self.judge(packet, reorder_bound);
        self.compare(packet, judged);
        self.sent.push((packet, judged));
    }

    fn judge(&mut self, packet: &Packet, reorder_bound: i64) -> Judged {
        let start = self.offset(packet.seq, packet.has(SYN)) + i64::from(packet.has(SYN));
        let end = start + i64::from(packet.length);
        if packet.has(RST) {
            self.reset_at = self.reset_at.max(Some(start));
            return Judged::Reset;
        }
        // Even a segment without payload says by its number what was sent before it.
        if start > self.high && self.high > 0 {
            self.beyond.push((start, packet.time));
        }
        let judged =
            if packet.length == 0 { Judged::NoPayload } else { self.payload(packet, start, end, reorder_bound) };
        let whole = end + i64::from(packet.has(FIN));
        self.high = self.high.max(whole).max(start);
        judged
    }

    fn payload(&mut self, packet: &Packet, start: i64, end: i64, reorder_bound: i64) -> Judged {
        let missing = self.missing(start, end);
        let fresh: i64 = missing.iter().map(|(from, to)| to - from).sum();
        let filled = missing.iter().any(|(from, _)| *from < self.high) && self.high > 0;
        let hole = missing.first().map_or(end, |(_, to)| *to);
        let late = self.beyond.iter().any(|(offset, since)| *offset >= hole && packet.time - since > reorder_bound);
        let (high, probe) = (self.high, packet.length == 1 && end == self.high);
        self.distinct_bytes += fresh as u64;
        self.seen.extend(missing);
        match (fresh, end > high) {
            (0, _) if probe => Judged::Probe,
            (0, _) => Judged::Again,
            (_, true) if start < high => Judged::NewBehindOld,
            (_, true) => Judged::New,
            (_, false) if filled && late => Judged::FillsLate,
            (_, false) => Judged::FillsAtOnce,
        }
    }

    /// The parts of a range that were not seen.
    fn missing(&self, start: i64, end: i64) -> Vec<(i64, i64)> {
        let mut parts = vec![(start, end)];
        for &(from, to) in &self.seen {
            parts = parts
                .into_iter()
                .flat_map(|(a, b)| [(a, b.min(from)), (a.max(to), b)])
                .filter(|(a, b)| a < b)
                .collect();
            if parts.is_empty() {
                break;
            }
        }
        parts
    }

    /// What was acknowledged and not seen was lost by the capture; nothing is new of it later.
    fn acknowledge(&mut self, number: u32) {
        let offset = self.offset(number, false);
        if offset > self.acknowledged {
            for (from, to) in self.missing(self.acknowledged.max(1), offset) {
                self.seen.push((from, to));
            }
            self.acknowledged = offset;
            self.high = self.high.max(offset);
        }
    }

    /// Offsets as the tracker has them: 0 is the SYN's number.
    fn offset(&mut self, number: u32, syn: bool) -> i64 {
        let base = *self.base.get_or_insert_with(|| {
            self.acknowledged = i64::from(!syn);
            self.high = i64::from(!syn);
            number.wrapping_sub(u32::from(!syn))
        });
        let near = base.wrapping_add(self.high as u32);
        self.high + i64::from(number.wrapping_sub(near).cast_signed())
    }

    fn compare(&mut self, packet: &Packet, judged: Judged) {
        let said = packet.said.contains(&Said::Retransmission);
        let ours = matches!(judged, Judged::Again | Judged::FillsLate);
        if said == ours {
            return;
        }
        let name = match judged {
            Judged::NoPayload if packet.has(SYN) => "a SYN sent again has no payload",
            Judged::NoPayload if packet.has(FIN) => "a FIN sent again has no payload",
            _ if packet.displaced => "stands in the file in another order than that of the times",
            Judged::New if self.reset_at.is_some_and(|at| at > self.high - i64::from(packet.length)) => {
                "new bytes below the number of a RST before them"
            }
            Judged::New if self.unflagged.is_some_and(|field| covers(field, packet)) => {
                "new bytes below what a RST without ACK has in its field"
            }
            Judged::NewBehindOld => "brings new bytes behind old ones",
            Judged::FillsAtOnce => "fills a hole sooner than a retransmission can",
            Judged::Probe => "a probe of one byte",
            Judged::Reset => "payload of a RST is no stream's",
            Judged::FillsLate if packet.said.contains(&Said::OutOfOrder) => {
                "fills a hole later than reordering explains"
            }
            Judged::Again if packet.said.contains(&Said::OutOfOrder) => {
                "bytes seen before, which tshark calls out of order"
            }
            Judged::Again if packet.said.contains(&Said::KeepAlive) => {
                "bytes seen before, which tshark calls a keep-alive"
            }
            Judged::Again if packet.said.contains(&Said::ZeroWindowProbe) => {
                "bytes seen before, which tshark calls a probe"
            }
            _ => {
                self.unexplained
                    .push(format!("frame {}: tshark says {:?}, this is {judged:?}", packet.number, packet.said));
                return;
            }
        };
        *self.differences.entry(name).or_default() += 1;
    }
}

/// Whether a number lies behind a packet's last byte, modulo 2^32.
fn covers(number: u32, packet: &Packet) -> bool {
    number.wrapping_sub(packet.seq.wrapping_add(packet.length)).cast_signed() >= 0
}

/// Half of the round trip of the handshake as far as it was seen by a packet, or of the first segment that was acknowledged; 3 ms at
/// the least.
fn reorder_bound<'p>(packets: &[&'p Packet]) -> impl Fn(&Packet) -> i64 + use<'p> {
    let syns: Vec<&Packet> = packets.iter().copied().filter(|packet| packet.has(SYN)).collect();
    let call = syns.iter().find(|packet| !packet.has(ACK)).copied();
    let answer = syns.iter().find(|packet| packet.has(ACK)).copied();
    let once = syns.iter().filter(|packet| !packet.has(ACK)).count() == 1;
    let trip = call.zip(answer).filter(|_| once).map(|(call, answer)| (answer.time - call.time, answer.number));
    move |packet| match trip {
        Some((trip, known)) if packet.number > known => (trip / 2).max(3_000_000),
        _ => 3_000_000,
    }
}
