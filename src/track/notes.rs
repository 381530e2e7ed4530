//! The segments that are kept of a connection, packed: most of what a record takes are these.
//!
//! Each is written as its differences from the one before, and from the one before of its end, in numbers of as many bytes as they need: some ten
//! bytes a segment in place of fifty-six. They are read in order only.

use std::fmt;

use wirecause_parsers::{packet::TcpFlags, time::Timestamp};

use super::{
    note::{Direction, FrameId, Note, NoteKind},
    pack::{Pack, Packer, Unpacker},
};

/// Segments in the order in which they were captured.
#[derive(Clone, Default, PartialEq)]
pub struct Notes {
    bytes: Box<[u8]>,
    count: usize,
}

impl Notes {
    /// How many there are.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The segments in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter {
            from: Unpacker::new(&self.bytes),
            left: self.count,
            before: Note::nothing(),
            usual: <[Usual; 2]>::default(),
        }
    }
}

impl Notes {
    /// Packs segments. The packer, which is empty before and afterwards, is the caller's: it has room from what it packed before.
    pub(super) fn new<'a>(notes: impl Iterator<Item = &'a Note>, packer: &mut Packer) -> Self {
        let count = write_all(notes, packer);
        Self { bytes: if count > 0 { packer.take() } else { Box::default() }, count }
    }
}

impl FromIterator<Note> for Notes {
    fn from_iter<I: IntoIterator<Item = Note>>(notes: I) -> Self {
        let notes: Vec<Note> = notes.into_iter().collect();
        Self::new(notes.iter(), &mut Packer::default())
    }
}

impl Pack for Notes {
    fn pack(&self, to: &mut Packer) {
        self.count.pack(to);
        to.bytes(&self.bytes);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        Self { count: usize::unpack(from), bytes: from.bytes().into() }
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a Notes {
    type Item = Note;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Reads packed segments.
#[derive(Debug)]
pub struct Iter<'a> {
    from: Unpacker<'a>,
    left: usize,
    before: Note,
    usual: [Usual; 2],
}

impl Iterator for Iter<'_> {
    type Item = Note;

    fn next(&mut self) -> Option<Note> {
        self.left = self.left.checked_sub(1)?;
        self.before = read(&mut self.from, &self.before, &mut self.usual);
        Some(self.before)
    }
}

/// What the segments of one end mostly have in common with the one before.
#[derive(Clone, Copy, Debug, Default)]
struct Usual {
    flags: u8,
    ttl: u8,
    window: u16,
    ip_id: u16,
}

impl Note {
    /// What the first segment is told by its difference from.
    fn nothing() -> Self {
        Self {
            time: Timestamp::default(),
            frame: FrameId::new(0, 0),
            from: Direction::Originator,
            flags: TcpFlags(0),
            seq: 0,
            ack: None,
            payload: 0,
            window: 0,
            ttl: 0,
            ip_id: None,
            kind: NoteKind::Control,
        }
    }

    /// Where an acknowledgement in this segment's direction stands: its own, or, of the other direction, what it sent.
    fn stands(&self, from: Direction) -> (i64, i64) {
        let (sent, acknowledged) = (self.seq.saturating_add(i64::from(self.payload)), self.ack.unwrap_or(self.seq));
        if self.from == from { (sent, acknowledged) } else { (acknowledged, sent) }
    }
}

/// Writes segments, each by its differences from the one before, and says how many.
fn write_all<'a>(notes: impl Iterator<Item = &'a Note>, to: &mut Packer) -> usize {
    let (mut count, nothing) = (0, Note::nothing());
    let mut before = &nothing;
    let mut usual = <[Usual; 2]>::default();
    for note in notes {
        write(to, note, before, &mut usual[note.from as usize]);
        before = note;
        count += 1;
    }
    count
}

fn write(to: &mut Packer, note: &Note, before: &Note, usual: &mut Usual) {
    note.from.pack(to);
    note.kind.pack(to);
    (note.flags.0 ^ usual.flags).pack(to);
    (note.ttl ^ usual.ttl).pack(to);
    (note.window ^ usual.window).pack(to);
    let (sent, acknowledged) = before.stands(note.from);
    note.time.nanos().wrapping_sub(before.time.nanos()).pack(to);
    (note.frame.word().wrapping_sub(before.frame.word()) as i64).pack(to);
    note.seq.wrapping_sub(sent).pack(to);
    note.ack.map(|ack| ack.wrapping_sub(acknowledged)).pack(to);
    note.payload.pack(to);
    // Most stacks count packets, of all connections or of this one.
    note.ip_id.map(|id| id.wrapping_sub(usual.ip_id.wrapping_add(1))).pack(to);
    *usual =
        Usual { flags: note.flags.0, ttl: note.ttl, window: note.window, ip_id: note.ip_id.unwrap_or(usual.ip_id) };
}

fn read(packed: &mut Unpacker<'_>, before: &Note, usual: &mut [Usual; 2]) -> Note {
    let from = Direction::unpack(packed);
    let usual = &mut usual[from as usize];
    let kind = NoteKind::unpack(packed);
    usual.flags ^= u8::unpack(packed);
    usual.ttl ^= u8::unpack(packed);
    usual.window ^= u16::unpack(packed);
    let (sent, acknowledged) = before.stands(from);
    let time = Timestamp::from_nanos(before.time.nanos().wrapping_add(i64::unpack(packed)));
    let frame = FrameId::of_word(before.frame.word().wrapping_add(i64::unpack(packed) as u64));
    let seq = sent.wrapping_add(i64::unpack(packed));
    let ack = Option::<i64>::unpack(packed).map(|ack| acknowledged.wrapping_add(ack));
    let payload = u32::unpack(packed);
    let ip_id = Option::<u16>::unpack(packed).map(|id| id.wrapping_add(usual.ip_id.wrapping_add(1)));
    usual.ip_id = ip_id.unwrap_or(usual.ip_id);
    Note {
        time,
        frame,
        from,
        flags: TcpFlags(usual.flags),
        seq,
        ack,
        payload,
        window: usual.window,
        ttl: usual.ttl,
        ip_id,
        kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [NoteKind; 5] =
        [NoteKind::Control, NoteKind::New, NoteKind::OutOfOrder, NoteKind::Retransmission, NoteKind::KeepAlive];

    fn note(index: i64) -> Note {
        let odd = index % 2 == 1;
        Note {
            time: Timestamp::from_nanos(1_700_000_000_000_000_000 + index * 1_234_567),
            frame: FrameId::new(3, 40 + index as u64),
            from: if odd { Direction::Responder } else { Direction::Originator },
            flags: TcpFlags(0x18),
            seq: 1 + index * 700,
            ack: odd.then_some(index * 350),
            payload: index as u32 * 100,
            window: 501,
            ttl: 60 + u8::from(odd),
            ip_id: odd.then_some(index as u16),
            kind: KINDS[index as usize % KINDS.len()],
        }
    }

    #[test]
    fn what_is_packed_comes_back() {
        let mut notes: Vec<Note> = (0..40).map(note).collect();
        // The ends of what the fields can hold, time that steps back, another file, and numbers that wrap.
        let far = |index: usize, time, seq, ack| Note {
            time: Timestamp::from_nanos(time),
            frame: FrameId::new(u32::from(index == 0) * 0x00ff_ffff, (1 << 40) - 1),
            seq,
            ack,
            payload: u32::MAX,
            window: u16::MAX,
            ip_id: Some(u16::MAX),
            ..note(0)
        };
        notes.extend([
            far(0, i64::MAX, i64::MAX, Some(i64::MIN)),
            far(1, i64::MIN + 1, i64::MIN, Some(i64::MAX)),
            far(2, 0, -1, None),
        ]);
        let packed: Notes = notes.iter().copied().collect();
        assert_eq!(packed.iter().collect::<Vec<_>>(), notes);
        assert_eq!(packed.len(), notes.len());
    }

    #[test]
    fn segments_of_one_connection_take_some_dozen_bytes() {
        let packed: Notes = (0..40).map(note).collect();
        assert!(packed.bytes.len() <= 40 * 15, "{} bytes", packed.bytes.len());
    }
}
