//! The segments that a connection under way keeps: the first ones and the last ones.

use std::ops::Range;

use super::{
    connection::{MAX_HEAD, MAX_TAIL},
    note::Note,
    notes::Notes,
    pack::{Pack, Packer, Unpacker},
};

/// The first [`MAX_HEAD`] segments and the last [`MAX_TAIL`].
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// In order, up to the bound; from then on each new one takes the place of the oldest behind the first ones.
    notes: Vec<Note>,
    /// Where that one stands: at [`MAX_HEAD`] as long as none was replaced.
    oldest: usize,
}

impl Kept {
    /// Takes the next segment.
    #[inline]
    pub(super) fn push(&mut self, note: Note) {
        if self.notes.len() < MAX_HEAD + MAX_TAIL {
            if self.notes.len() == self.notes.capacity() {
                self.grow();
            }
            self.notes.push(note);
        } else if let Some(oldest) = self.notes.get_mut(self.oldest) {
            *oldest = note;
            self.oldest = if self.oldest + 1 == MAX_HEAD + MAX_TAIL { MAX_HEAD } else { self.oldest + 1 };
        }
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.notes.len()
    }

    /// All of them in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Note> + Clone {
        let (head, tail) = self.notes.split_at(self.notes.len().min(MAX_HEAD));
        let (newer, older) = tail.split_at(self.oldest.saturating_sub(MAX_HEAD));
        head.iter().chain(older).chain(newer)
    }

    /// All but those at these places, as they are kept in the end.
    pub(super) fn without(&self, left_out: Range<usize>, packer: &mut Packer) -> Notes {
        Notes::new(self.iter().take(left_out.start).chain(self.iter().skip(left_out.end)), packer)
    }

    fn grow(&mut self) {
        // Most connections end soon, or fill it.
        let room = match self.notes.len() {
            0 => MAX_HEAD,
            length if length < 2 * MAX_HEAD => 2 * MAX_HEAD,
            _ => MAX_HEAD + MAX_TAIL,
        };
        self.notes.reserve_exact(room - self.notes.len());
        self.oldest = MAX_HEAD;
    }
}

/// As they are kept in the end.
impl Pack for Kept {
    fn pack(&self, to: &mut Packer) {
        self.without(0..0, &mut Packer::default()).pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        let mut kept = Self::default();
        Notes::unpack(from).iter().for_each(|note| kept.push(note));
        kept
    }
}

#[cfg(test)]
mod tests {
    use wirecause_parsers::{packet::TcpFlags, time::Timestamp};

    use super::*;
    use crate::track::{Direction, FrameId, NoteKind};

    fn note(number: u64) -> Note {
        Note {
            time: Timestamp::from_nanos(number as i64),
            frame: FrameId::new(0, number),
            from: Direction::Originator,
            flags: TcpFlags::ACK,
            seq: 0,
            ack: None,
            payload: 0,
            window: 0,
            ttl: 64,
            ip_id: None,
            kind: NoteKind::Control,
        }
    }

    #[test]
    fn the_first_and_the_last_are_kept_in_order_packed_or_not() {
        for count in [0, 1, 8, 9, 16, 17, 47, 48, 49, 87, 88, 89, 150] {
            let mut kept = Kept::default();
            (0..count).for_each(|number| kept.push(note(number)));
            let expected: Vec<u64> = (0..count).filter(|number| *number < 8 || number + 40 >= count).collect();
            let numbers = |kept: &Kept| kept.iter().map(|note| note.frame.number()).collect::<Vec<_>>();
            assert_eq!((numbers(&kept), kept.len()), (expected.clone(), expected.len()));
            let mut packer = Packer::default();
            kept.pack(&mut packer);
            let mut again = Kept::unpack(&mut Unpacker::new(&packer.take()));
            assert_eq!(numbers(&again), expected);
            // Both go on alike.
            for number in count..count + 3 {
                kept.push(note(number));
                again.push(note(number));
            }
            assert_eq!(numbers(&again), numbers(&kept));
        }
    }

    #[test]
    fn what_is_left_out_is_of_the_middle() {
        let mut kept = Kept::default();
        (0..60).for_each(|number| kept.push(note(number)));
        let notes = kept.without(3..42, &mut Packer::default());
        let numbers: Vec<u64> = notes.iter().map(|note| note.frame.number()).collect();
        assert_eq!(numbers, [0, 1, 2, 54, 55, 56, 57, 58, 59]);
    }
}
