//! The segments that are kept of a connection, packed: most of what a record takes are these.
//!
//! Each is written as its differences from the one before, in numbers of as many bytes as they need: some twenty bytes a segment in place of
//! fifty-six. They are read in order only.

use std::fmt;

use wirecause_parsers::{packet::TcpFlags, time::Timestamp};

use super::note::{Direction, FrameId, Note, NoteKind};

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
        Iter { rest: &self.bytes, before: Note::nothing() }
    }
}

impl FromIterator<Note> for Notes {
    fn from_iter<I: IntoIterator<Item = Note>>(notes: I) -> Self {
        let (mut bytes, mut count, mut before) = (Vec::with_capacity(ROOM), 0, Note::nothing());
        for note in notes {
            write(&mut bytes, &note, &before);
            before = note;
            count += 1;
        }
        Self { bytes: bytes.into(), count }
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
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    rest: &'a [u8],
    before: Note,
}

impl Iterator for Iter<'_> {
    type Item = Note;

    fn next(&mut self) -> Option<Note> {
        self.before = read(&mut self.rest, &self.before)?;
        Some(self.before)
    }
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

fn write(bytes: &mut Vec<u8>, note: &Note, before: &Note) {
    let kind = KINDS.iter().position(|kind| *kind == note.kind).unwrap_or(0) as u8;
    let from = u8::from(note.from == Direction::Responder) << 3;
    let has = u8::from(note.ack.is_some()) << 4 | u8::from(note.ip_id.is_some()) << 5;
    bytes.extend([kind | from | has, note.flags.0, note.ttl]);
    let (sent, acknowledged) = before.stands(note.from);
    signed(bytes, note.time.nanos().wrapping_sub(before.time.nanos()));
    signed(bytes, note.frame.word().wrapping_sub(before.frame.word()) as i64);
    signed(bytes, note.seq.wrapping_sub(sent));
    note.ack.into_iter().for_each(|ack| signed(bytes, ack.wrapping_sub(acknowledged)));
    number(bytes, u64::from(note.payload));
    bytes.extend(note.window.to_le_bytes());
    note.ip_id.into_iter().for_each(|id| bytes.extend(id.to_le_bytes()));
}

fn read(bytes: &mut &[u8], before: &Note) -> Option<Note> {
    let [first, flags, ttl] = taken(bytes)?;
    let from = if first & 1 << 3 == 0 { Direction::Originator } else { Direction::Responder };
    let (sent, acknowledged) = before.stands(from);
    Some(Note {
        time: Timestamp::from_nanos(before.time.nanos().wrapping_add(read_signed(bytes)?)),
        frame: FrameId::of_word(before.frame.word().wrapping_add(read_signed(bytes)? as u64)),
        from,
        flags: TcpFlags(flags),
        seq: sent.wrapping_add(read_signed(bytes)?),
        ack: if first & 1 << 4 == 0 { None } else { Some(acknowledged.wrapping_add(read_signed(bytes)?)) },
        payload: read_number(bytes)? as u32,
        window: u16::from_le_bytes(taken(bytes)?),
        ttl,
        ip_id: if first & 1 << 5 == 0 { None } else { Some(u16::from_le_bytes(taken(bytes)?)) },
        kind: *KINDS.get(usize::from(first & 0x07))?,
    })
}

/// A number with its sign in the lowest bit, so that small ones of either sign are short.
fn signed(bytes: &mut Vec<u8>, value: i64) {
    number(bytes, ((value << 1) ^ (value >> 63)) as u64);
}

fn read_signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = read_number(bytes)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

/// Seven bits a byte, the lowest first; the eighth says that another follows (LEB128).
fn number(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in (0..u64::BITS).step_by(7) {
        let [byte] = taken(bytes)?;
        value |= u64::from(byte & 0x7f) << place;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn taken<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

const KINDS: [NoteKind; 5] =
    [NoteKind::Control, NoteKind::New, NoteKind::OutOfOrder, NoteKind::Retransmission, NoteKind::KeepAlive];
/// Bytes that most connections' notes take.
const ROOM: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

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
    fn segments_of_one_connection_take_some_twenty_bytes() {
        let packed: Notes = (0..40).map(note).collect();
        assert!(packed.bytes.len() <= 40 * 22, "{} bytes", packed.bytes.len());
    }
}
