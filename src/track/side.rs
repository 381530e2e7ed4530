//! One end of a connection as its segments show it.

use wirecause_parsers::{packet::Segment, time::Timestamp};

use super::{
    note::{FrameId, NoteKind},
    pack::{Pack, Packer, Unpacker, pack_fields},
    sequence::Seq,
};

/// State and counters of one end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    /// Sequence number of offset 0; `None` until a segment was seen.
    base: Option<u32>,
    /// Offset after the highest byte seen (SYN and FIN count one each).
    pub high: i64,
    /// Ranges below `high` that were not seen, with the time the range opened.
    holes: Vec<Hole>,
    /// Ranges that never came, though the other end acknowledged them: lost by the capture, not on the way.
    pub gaps: u32,
    /// Offset up to which the other end acknowledged this one's stream.
    pub acked: i64,
    /// Segments captured, duplicates excluded.
    pub packets: u64,
    /// Distinct payload bytes seen.
    pub bytes: u64,
    /// Segments that carried only bytes sent before.
    pub retransmissions: u64,
    /// Payload bytes of all segments that had been seen before.
    pub repeated: u64,
    /// The first FIN.
    pub fin: Option<Closing>,
    /// When the other end acknowledged the FIN.
    pub fin_acked: Option<Timestamp>,
    /// Last segment of any kind.
    pub last: Option<Timestamp>,
    /// Last segment that carried a new byte.
    pub last_data: Option<Timestamp>,
    /// TTLs of segments other than RSTs, with counts, at most `MAX_TTLS`.
    pub ttls: Ttls,
    /// IPv4 identification of the last segment other than a RST.
    pub ip_id: Option<u16>,
    /// Whether segments carried the timestamps option.
    pub timestamps: bool,
    /// Shift of the window field from the SYN; `None` where the SYN was not seen or had none.
    pub window_scale: Option<u8>,
    /// Maximum segment size announced in the SYN.
    pub mss: Option<u16>,
    /// Since when the announced window is zero.
    pub zero_window_since: Option<Timestamp>,
    /// How often the window fell to zero.
    pub zero_windows: u32,
    /// Size of the largest payload seen.
    pub largest_payload: u32,
    /// The window field of the last segment.
    window: u16,
}

pack_fields!(Side {
    base,
    high,
    holes,
    gaps,
    acked,
    packets,
    bytes,
    retransmissions,
    repeated,
    fin,
    fin_acked,
    last,
    last_data,
    ttls,
    ip_id,
    timestamps,
    window_scale,
    mss,
    zero_window_since,
    zero_windows,
    largest_payload,
    window,
});

/// Counts of TTLs, in order of their first segments. They lie within the record: nearly all ends have one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ttls([(u8, u32); MAX_TTLS]);

/// Up to the first of none, which most ends have behind one.
impl Pack for Ttls {
    fn pack(&self, to: &mut Packer) {
        for (ttl, count) in &self.0 {
            count.pack(to);
            if *count == 0 {
                break;
            }
            ttl.pack(to);
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        let mut ttls = Self::default();
        for slot in &mut ttls.0 {
            let count = u32::unpack(from);
            if count == 0 {
                break;
            }
            *slot = (u8::unpack(from), count);
        }
        ttls
    }
}

impl Ttls {
    /// Each TTL and how many segments had it.
    pub fn iter(&self) -> impl Iterator<Item = &(u8, u32)> {
        self.0.iter().filter(|(_, count)| *count > 0)
    }

    fn count(&mut self, ttl: u8) {
        if let Some(known) = self.0.iter_mut().find(|(known, count)| *known == ttl || *count == 0) {
            *known = (ttl, known.1.saturating_add(1));
        }
    }
}

/// A FIN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Closing {
    /// When.
    pub time: Timestamp,
    /// Where.
    pub frame: FrameId,
    /// Offset of the FIN itself.
    pub seq: i64,
    /// What it acknowledged of the other stream.
    pub ack: Option<i64>,
}

pack_fields!(Closing { time, frame, seq, ack });

/// A range of a stream that was not seen yet.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Hole {
    from: i64,
    to: i64,
    opened: Timestamp,
}

pack_fields!(Hole { from, to, opened });

impl Side {
    /// The offset of a sequence number of this stream; the first one seen becomes offset 1 (0 if it is a SYN's).
    pub fn offset_of(&mut self, number: u32, syn: bool) -> i64 {
        if self.base.is_none() && !syn {
            // What came before a mid-stream start is taken as acknowledged.
            self.acked = 1;
        }
        let base = *self.base.get_or_insert(if syn { number } else { Seq(number).minus(1).0 });
        Seq(number).offset(Seq(base), self.high)
    }

    /// The offset of an acknowledgement of this stream, near what was seen of it. An acknowledgement may come before any
    /// segment of the stream (mid-stream start): it then defines the offsets.
    pub fn offset_of_ack(&mut self, number: u32) -> i64 {
        if self.base.is_none() {
            (self.high, self.acked) = (1, 1);
        }
        let base = *self.base.get_or_insert(Seq(number).minus(1).0);
        Seq(number).offset(Seq(base), self.high.max(self.acked))
    }

    /// Whether a first answer with this acknowledgement can be one to this stream's SYN: it acknowledges the SYN, and not far more than
    /// was seen to be sent with it and behind it. A busy capture misses segments; an earlier connection of the same ends had lower numbers, as
    /// a port in TIME-WAIT is used again with a higher one (RFC 6191), or any others.
    pub fn may_acknowledge(&self, number: u32) -> bool {
        self.base.is_none_or(|base| {
            let offset = Seq(number).offset(Seq(base), 0);
            1 <= offset && offset <= self.high.max(1) + MISSED
        })
    }

    /// Whether anything of this stream was seen.
    pub const fn seen(&self) -> bool {
        self.packets > 0
    }

    /// Takes `length` payload bytes at `start` and says what they brought. `reorder_bound` is the longest delay, in
    /// nanoseconds, within which a filled hole counts as reordering and not as a retransmission.
    pub fn take(&mut self, start: i64, length: u32, time: Timestamp, reorder_bound: i64) -> NoteKind {
        if length == 0 {
            return NoteKind::Control;
        }
        let end = start + i64::from(length);
        self.largest_payload = self.largest_payload.max(length);
        if !self.started() {
            self.high = self.high.max(start);
        }
        let filled = self.fill(start, end, time, reorder_bound);
        let beyond = (end - self.high.max(start)).max(0);
        if start > self.high {
            self.open_hole(self.high, start, time);
        }
        self.high = self.high.max(end);
        let fresh = beyond as u64 + filled.bytes;
        self.bytes += fresh;
        self.repeated += u64::from(length).saturating_sub(fresh);
        if beyond > 0 {
            self.last_data = Some(time);
            NoteKind::New
        } else if filled.bytes > 0 {
            self.last_data = Some(time);
            if filled.late {
                self.retransmissions += 1;
                NoteKind::Retransmission
            } else {
                NoteKind::OutOfOrder
            }
        } else if length <= 1 && end == self.high {
            NoteKind::KeepAlive
        } else {
            self.retransmissions += 1;
            NoteKind::Retransmission
        }
    }

    /// Takes a segment without payload at `seq`: by its number, what lies before it was sent. Within the other end's window, since a
    /// forged number could otherwise make all that follows look old.
    pub fn reach(&mut self, seq: i64, time: Timestamp, window: i64) {
        if self.started() && self.high < seq && seq <= self.high + window {
            self.open_hole(self.high, seq, time);
            self.high = seq;
        }
    }

    /// The window that this end announced last, in bytes; where its scale is not known, the largest it may be.
    pub fn window_bytes(&self) -> i64 {
        i64::from(self.window) << self.window_scale.unwrap_or(LARGEST_SCALE).min(LARGEST_SCALE)
    }

    /// Takes a FIN at `seq`, payload before it taken already. What lies between the bytes seen and a FIN was sent before it.
    pub fn close(&mut self, fin: Closing) {
        if self.started() && fin.seq > self.high {
            self.open_hole(self.high, fin.seq, fin.time);
        }
        self.high = self.high.max(fin.seq + 1);
        self.fin.get_or_insert(fin);
    }

    /// Takes an acknowledgement of this stream up to `offset`. Bytes acknowledged but not seen were lost by the capture
    /// (section 6, point 7 of the reference: a gap later acknowledged by the receiver was captured badly, not lost).
    pub fn acknowledge(&mut self, offset: i64, time: Timestamp) {
        if offset <= self.acked {
            return;
        }
        self.acked = offset;
        if offset > self.high {
            if self.seen() {
                self.gaps += 1;
            }
            self.high = offset;
        }
        let before = self.holes.len();
        self.holes.retain(|hole| hole.to > offset);
        self.gaps += (before - self.holes.len()) as u32;
        if let (Some(fin), None) = (self.fin, self.fin_acked)
            && offset > fin.seq
        {
            self.fin_acked = Some(time);
        }
    }

    /// Takes the header facts of a segment of this end that is no RST.
    pub fn describe(&mut self, segment: &Segment, time: Timestamp) {
        self.ttls.count(segment.ip.ttl);
        self.ip_id = segment.ip.id;
        self.timestamps |= segment.timestamps.is_some();
        if segment.flags.syn() {
            self.window_scale = segment.window_scale;
            self.mss = segment.mss;
        }
        self.window = segment.window;
        if segment.window == 0 && !segment.flags.syn() {
            if self.zero_window_since.is_none() {
                self.zero_window_since = Some(time);
                self.zero_windows += 1;
            }
        } else {
            self.zero_window_since = None;
        }
    }

    /// Whether a segment with this number goes on where the stream stands, of which nothing is missing.
    pub(super) fn goes_on(&self, number: u32) -> bool {
        let next = self.base.map(|base| base.wrapping_add(self.high as u32));
        next == Some(number) && self.started() && self.holes.is_empty()
    }

    /// Whether the window is neither closed nor opened again by a segment that announces this one.
    pub(super) const fn stays_open(&self, window: u16) -> bool {
        window > 0 && self.zero_window_since.is_none()
    }

    /// The offset of an acknowledgement that is of bytes seen and takes none back; of a stream of which nothing is missing, and before its end.
    pub(super) fn expects_ack(&self, number: u32) -> Option<i64> {
        let offset = Seq(number).offset(Seq(self.base?), self.high.max(self.acked));
        let plain = self.holes.is_empty() && self.fin.is_none();
        (plain && self.acked <= offset && offset <= self.high).then_some(offset)
    }

    /// Takes a segment that goes on where the stream stands ([`Self::goes_on`], [`Self::stays_open`]), with payload or without: what
    /// [`Self::describe`] and [`Self::take`] do with it.
    pub(super) fn go_on(&mut self, segment: &Segment, time: Timestamp) -> NoteKind {
        debug_assert!(self.goes_on(segment.seq) && self.stays_open(segment.window));
        self.packets += 1;
        self.last = Some(time);
        self.ttls.count(segment.ip.ttl);
        self.ip_id = segment.ip.id;
        self.timestamps |= segment.timestamps.is_some();
        self.window = segment.window;
        if segment.payload == 0 {
            return NoteKind::Control;
        }
        self.largest_payload = self.largest_payload.max(segment.payload);
        self.high += i64::from(segment.payload);
        self.bytes += u64::from(segment.payload);
        self.last_data = Some(time);
        NoteKind::New
    }

    /// The TTL that most segments of this end had; the smaller of two equally common ones.
    pub fn usual_ttl(&self) -> Option<u8> {
        self.ttls.iter().max_by_key(|(ttl, count)| (*count, std::cmp::Reverse(*ttl))).map(|(ttl, _)| *ttl)
    }

    /// Bytes sent and not acknowledged, as far as the capture shows; a FIN counts one.
    pub const fn outstanding(&self) -> i64 {
        self.high - self.acked
    }

    /// Offset after the last byte of the unbroken beginning of the stream.
    pub fn contiguous(&self) -> i64 {
        self.holes.iter().map(|hole| hole.from).min().unwrap_or(self.high)
    }

    /// When the first gap that still stands in the stream opened.
    pub fn gap_opened(&self) -> Option<Timestamp> {
        self.holes.iter().map(|hole| hole.opened).min()
    }

    /// The window field of this end's last segment, not scaled.
    pub const fn last_window(&self) -> u16 {
        self.window
    }

    /// The sequence number of offset 0: the SYN's, where it was seen.
    pub const fn initial(&self) -> Option<u32> {
        self.base
    }

    /// Whether `number` is the one that opened this stream.
    pub fn is_base(&self, number: u32) -> bool {
        self.base == Some(number)
    }

    /// Whether a byte below `high` is missing.
    pub const fn has_holes(&self) -> bool {
        !self.holes.is_empty()
    }

    fn started(&self) -> bool {
        self.high > 0
    }

    fn open_hole(&mut self, from: i64, to: i64, time: Timestamp) {
        if self.holes.len() < MAX_HOLES {
            self.holes.push(Hole { from, to, opened: time });
        } else {
            self.gaps += 1;
        }
    }

    fn fill(&mut self, start: i64, end: i64, time: Timestamp, reorder_bound: i64) -> Filled {
        let mut filled = Filled::default();
        let mut index = 0;
        while index < self.holes.len() {
            let hole = self.holes[index];
            let (from, to) = (hole.from.max(start), hole.to.min(end));
            if from >= to {
                index += 1;
                continue;
            }
            filled.bytes += (to - from) as u64;
            filled.late |= time.since(hole.opened) > reorder_bound;
            self.holes.swap_remove(index);
            for (from, to) in [(hole.from, from), (to, hole.to)] {
                if from < to {
                    self.holes.push(Hole { from, to, opened: hole.opened });
                }
            }
            // What was pushed lies outside the range and is passed over when the loop reaches it.
        }
        filled
    }
}

#[derive(Default)]
struct Filled {
    bytes: u64,
    late: bool,
}

/// RFC 7323, section 2.3: no window is scaled by more.
const LARGEST_SCALE: u8 = 14;
/// TTLs kept per end. Routes change and devices answer for hosts, but more than four values say only that it varies.
const MAX_TTLS: usize = 4;
/// Unseen ranges kept per end; a receiver with selective acknowledgements reports at most four, and a capture that misses
/// more at once is one that cannot be judged: further ranges are counted as gaps at once.
const MAX_HOLES: usize = 32;

/// Bytes of a stream that a busy capture may have missed behind a SYN: as many as a window without scaling takes. A numbering drawn anew falls so
/// close by chance once in sixty-five thousand times.
const MISSED: i64 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_acknowledge_what_the_capture_missed_and_nothing_of_an_earlier_connection() {
        let mut side = Side::default();
        assert_eq!(side.offset_of(1_000, true), 0);
        assert!(side.may_acknowledge(1_001) && side.may_acknowledge(1_039));
        // TIME-WAIT: Linux begins 65,537 beyond the earlier connection's last number.
        assert!(!side.may_acknowledge(1_000_u32.wrapping_sub(65_537)) && !side.may_acknowledge(2_000_000_000));
    }

    const MS: i64 = 1_000_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_nanos(ms * MS)
    }

    fn opened() -> Side {
        let mut side = Side { packets: 1, ..Side::default() };
        side.offset_of(1000, true);
        side.high = 1;
        side
    }

    #[test]
    fn distinct_bytes_are_counted_once() {
        let mut side = opened();
        assert_eq!(side.take(1, 100, at(0), 3 * MS), NoteKind::New);
        assert_eq!(side.take(1, 100, at(200), 3 * MS), NoteKind::Retransmission);
        assert_eq!(side.take(51, 100, at(300), 3 * MS), NoteKind::New);
        assert_eq!((side.bytes, side.retransmissions), (150, 1));
    }

    #[test]
    fn a_hole_filled_at_once_is_reordering_and_later_a_retransmission() {
        let mut side = opened();
        side.take(101, 100, at(0), 3 * MS);
        assert_eq!(side.take(1, 50, at(1), 3 * MS), NoteKind::OutOfOrder);
        assert_eq!(side.take(51, 50, at(50), 3 * MS), NoteKind::Retransmission);
        assert_eq!((side.bytes, side.gaps, side.has_holes()), (200, 0, false));
    }

    #[test]
    fn what_a_fin_leaves_open_is_filled_by_the_bytes_before_it() {
        let mut side = opened();
        side.take(1, 100, at(0), 3 * MS);
        side.close(Closing { time: at(1), frame: FrameId::new(0, 3), seq: 201, ack: None });
        assert_eq!((side.contiguous(), side.high), (101, 202));
        assert_eq!(side.take(101, 100, at(200), 3 * MS), NoteKind::Retransmission);
        assert_eq!((side.bytes, side.contiguous(), side.gaps), (200, 202, 0));
    }

    #[test]
    fn what_the_receiver_acknowledged_unseen_was_lost_by_the_capture() {
        let mut side = opened();
        side.take(101, 100, at(0), 3 * MS);
        side.acknowledge(201, at(1));
        assert_eq!((side.gaps, side.has_holes(), side.bytes), (1, false, 100));
        side.acknowledge(501, at(2));
        assert_eq!((side.gaps, side.high), (2, 501));
    }

    #[test]
    fn a_one_byte_probe_before_the_next_byte_is_a_keep_alive() {
        let mut side = opened();
        side.take(1, 100, at(0), 3 * MS);
        assert_eq!(side.take(100, 1, at(60_000), 3 * MS), NoteKind::KeepAlive);
        assert_eq!(side.retransmissions, 0);
    }
}
