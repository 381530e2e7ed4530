//! Zeek's `conn_state` and `history`, as the documentation of its conn log defines them.

use super::{connection::Connection, note::Direction, pack::pack_fields};

/// Zeek's words for how a connection went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConnState {
    /// Attempt seen, no reply.
    S0,
    /// Established, not ended.
    S1,
    /// Normal establishment and ending.
    Sf,
    /// Attempt rejected.
    Rej,
    /// Established, only the originator closed.
    S2,
    /// Established, only the responder closed.
    S3,
    /// The originator reset.
    Rsto,
    /// The responder reset.
    Rstr,
    /// SYN, then RST of the originator, no SYN-ACK seen.
    Rstos0,
    /// SYN-ACK, then RST of the responder, no SYN seen.
    Rstrh,
    /// SYN, then FIN of the originator, no SYN-ACK seen.
    Sh,
    /// SYN-ACK, then FIN of the responder, no SYN seen.
    Shr,
    /// Mid-stream.
    Oth,
}

impl ConnState {
    /// The word as Zeek writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::S0 => "S0",
            Self::S1 => "S1",
            Self::Sf => "SF",
            Self::Rej => "REJ",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::Rsto => "RSTO",
            Self::Rstr => "RSTR",
            Self::Rstos0 => "RSTOS0",
            Self::Rstrh => "RSTRH",
            Self::Sh => "SH",
            Self::Shr => "SHR",
            Self::Oth => "OTH",
        }
    }
}

/// The state of a connection, in the order of tests of Zeek's conn script: the responder's reset is looked at first.
pub fn state(connection: &Connection) -> ConnState {
    let orig = end(connection, Direction::Originator);
    let resp = end(connection, Direction::Responder);
    let inactive = |end: End| matches!(end, End::Inactive | End::Partial);
    match (orig, resp) {
        (End::SynSent, End::Reset) => ConnState::Rej,
        (End::Reset, End::Reset) if connection.orig.bytes == 0 && connection.resp.bytes == 0 => ConnState::Rej,
        (orig, End::Reset) if inactive(orig) => ConnState::Rstrh,
        (_, End::Reset) => ConnState::Rstr,
        (End::Reset, resp) if inactive(resp) => {
            if syn_then_reset(&connection.history) {
                ConnState::Rstos0
            } else {
                ConnState::Oth
            }
        }
        (End::Reset, _) => ConnState::Rsto,
        (End::Closed, End::Closed) => ConnState::Sf,
        (End::Closed, resp) if inactive(resp) => ConnState::Sh,
        (End::Closed, _) => ConnState::S2,
        (orig, End::Closed) if inactive(orig) => ConnState::Shr,
        (_, End::Closed) => ConnState::S3,
        (End::SynSent, End::Inactive) => ConnState::S0,
        (End::Established, End::Established) => ConnState::S1,
        _ => ConnState::Oth,
    }
}

/// Zeek's endpoint states.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Inactive,
    SynSent,
    SynAckSent,
    Partial,
    Established,
    Closed,
    Reset,
}

fn end(connection: &Connection, direction: Direction) -> End {
    let side = connection.side(direction);
    let handshake = &connection.handshake;
    let opened = match direction {
        Direction::Originator => handshake.syn.is_some(),
        Direction::Responder => handshake.syn_ack.is_some(),
    };
    // A RST behind a FIN of the same side changes nothing once the other side has closed too, before it or after it.
    let reset_after_fin = connection.side(direction.reverse()).fin.is_some()
        && connection.resets.iter().find(|(by, _)| *by == direction).is_some_and(|(_, reset)| reset.after_own_fin);
    let orig_spoke = direction == Direction::Originator && connection.orig.seen() && handshake.syn_ack.is_some();
    if connection.reset_count[direction as usize] > 0 && !reset_after_fin {
        End::Reset
    } else if side.fin.is_some() {
        End::Closed
    } else if handshake.syn_ack.is_some() && (handshake.syn.is_some() || connection.orig.seen()) || orig_spoke {
        End::Established
    } else if !opened {
        if side.seen() { End::Partial } else { End::Inactive }
    } else if direction == Direction::Originator {
        End::SynSent
    } else {
        End::SynAckSent
    }
}

/// Zeek's pattern `^?S[^HAFGIQ]*R` on a history.
fn syn_then_reset(history: &str) -> bool {
    let letters = history.strip_prefix('^').unwrap_or(history);
    let Some(rest) = letters.strip_prefix('S') else { return false };
    rest.find('R').is_some_and(|reset| !rest[..reset].contains(['H', 'A', 'F', 'G', 'I', 'Q']))
}

/// Builds a history: letters are written once, per new sequence number, or at powers of ten, as Zeek does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    letters: String,
    /// Which letters are among them: bit 0 for `A`, 32 for `a`.
    written: u64,
    last_numbers: [[Option<i64>; 3]; 2],
    counts: [[u64; 4]; 2],
}

pack_fields!(History { letters, written, last_numbers, counts });

impl History {
    /// Adds a letter that is written once per side (`a`, `d`, `i`, `q`).
    pub fn once(&mut self, from: Direction, letter: char) {
        let letter = cased(from, letter);
        if self.written & bit(letter) == 0 {
            self.push(letter);
        }
    }

    /// Adds a letter that is written again when its sequence number differs (`s`, `h`, `f`, `r`).
    pub fn numbered(&mut self, from: Direction, letter: char, number: i64) {
        // A SYN and a SYN-ACK of one side share a number (simultaneous open).
        let slot = "sfr".find(letter).unwrap_or(0);
        let last = &mut self.last_numbers[from as usize][slot];
        if *last != Some(number) {
            *last = Some(number);
            self.push(cased(from, letter));
        }
    }

    /// Adds a letter that is written at the 1st, 10th, 100th … time (`g`, `t`, `w`).
    pub fn scaled(&mut self, from: Direction, letter: char) {
        let slot = "gtw".find(letter).unwrap_or(0);
        let count = &mut self.counts[from as usize][slot];
        *count += 1;
        if is_power_of_ten(*count) {
            self.push(cased(from, letter));
        }
    }

    /// Notes that the ends' roles were turned round after the first segment.
    pub fn flipped(&mut self) {
        self.push('^');
    }

    /// The letters.
    pub fn finish(self) -> String {
        self.letters
    }

    fn push(&mut self, letter: char) {
        if self.letters.len() < MAX_HISTORY {
            self.letters.push(letter);
            self.written |= bit(letter);
        }
    }
}

/// The bit of a letter; `^` is written at the beginning alone and has that of another mark.
const fn bit(letter: char) -> u64 {
    1 << (letter as u32 - 'A' as u32)
}

fn cased(from: Direction, letter: char) -> char {
    if from == Direction::Originator { letter.to_ascii_uppercase() } else { letter }
}

fn is_power_of_ten(mut count: u64) -> bool {
    while count >= 10 && count.is_multiple_of(10) {
        count /= 10;
    }
    count == 1
}

/// Letters kept: resets and FINs with ever new numbers could grow it without end.
const MAX_HISTORY: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_letters_come_at_powers_of_ten() {
        let mut history = History::default();
        for _ in 0..100 {
            history.scaled(Direction::Originator, 't');
        }
        assert_eq!(history.finish(), "TTT");
    }

    #[test]
    fn rstos0_wants_a_syn_and_nothing_that_answers() {
        assert!(syn_then_reset("SR"));
        assert!(syn_then_reset("^STR"));
        assert!(!syn_then_reset("SAR"));
        assert!(!syn_then_reset("R"));
    }
}
