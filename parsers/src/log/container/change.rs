//! Where a file changes its form: files that were put behind each other, or a gateway that was set to another form while its log went on.
//!
//! Asked of every line of a plain log, so nearly all of them are passed by a look at their first bytes.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::{memchr, memmem};

use super::{Container, stern};
use crate::log::stamp::starts_stamp;

/// Tells the lines that may be of another form from those that are as usual.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::log) struct Usual {
    /// Where the last record's first column stood, and what it began with.
    column: Option<(usize, Begin)>,
}

/// What a column begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begin {
    Upper,
    Digit,
    Byte(u8),
}

impl Usual {
    /// The form of a line that is wrapped.
    pub(in crate::log) fn change(&mut self, line: &[u8]) -> Option<Container> {
        let first = *line.first()?;
        if first == b'\t' || first == b' ' {
            return None;
        }
        let may_be = if first.is_ascii_digit() { self.may_be_stamped(line) } else { may_be_wrapped(first, line) };
        let container = if may_be { Container::of_line(line) } else { None };
        container.filter(|container| *container != Container::Plain)
    }

    /// A record whose first column is where that of the one before was is as usual.
    fn may_be_stamped(&mut self, line: &[u8]) -> bool {
        if let Some((at, begin)) = self.column
            && line.get(at - 1) == Some(&b' ')
            && line.get(at).is_some_and(|byte| Begin::of(*byte) == begin)
        {
            return false;
        }
        if !starts_stamp(line) {
            return line.get(..LONGEST_COUNT).is_some_and(|start| memmem::find(start, b" <").is_some());
        }
        let Some(at) = line.iter().skip(STAMP).take(LONGEST_TAIL).position(|byte| *byte == b' ') else { return false };
        let at = STAMP + at + 1;
        let is_wrapped = Container::of_line(line).is_some_and(|container| container != Container::Plain);
        if !is_wrapped {
            self.column = line.get(at).map(|byte| (at, Begin::of(*byte)));
        }
        is_wrapped
    }
}

impl Begin {
    const fn of(byte: u8) -> Self {
        match byte {
            b'A'..=b'Z' => Self::Upper,
            b'0'..=b'9' => Self::Digit,
            byte => Self::Byte(byte),
        }
    }
}

/// Lines of bodies and traces begin with the same bytes as wrapped ones; what all lines of a form have sets most of them apart.
fn may_be_wrapped(first: u8, line: &[u8]) -> bool {
    match first {
        b'{' => MARKS.is_match(line),
        b'<' => line.get(1).is_some_and(u8::is_ascii_digit),
        b'[' => line.starts_with(b"[pod/"),
        b'_' | b'"' => line.starts_with(b"__") || memmem::find(line, b"_raw").is_some(),
        0x1b => true,
        b'A'..=b'Z' if line.starts_with(b"Time") => true,
        b'A'..=b'Z' if line.get(3) == Some(&b' ') => {
            line.get(6) == Some(&b' ') && line.get(7).is_some_and(u8::is_ascii_digit)
        }
        _ => memchr(b'|', line.get(..LONGEST_SERVICE).unwrap_or(line)).is_some() || stern::has_record(line),
    }
}

/// Each JSON form has one of these keys.
static MARKS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let keys = ["\"package\"", "\"logger\"", "\"loggerName\"", "\"stream\"", "\"__REALTIME_TIMESTAMP\"", "\"_raw\""];
    AhoCorasick::new(keys).expect("a handful of constant words")
});
/// Bytes of a stamp up to its seconds.
const STAMP: usize = 19;
/// A fraction of nine digits and a zone, and the blank behind them.
const LONGEST_TAIL: usize = 18;
/// The count of octets before a message, and what begins the message.
const LONGEST_COUNT: usize = 8;
/// Names of services in front of a line; longer ones are not looked for behind a plain log.
const LONGEST_SERVICE: usize = 64;
