//! Where a file changes its form: files that were put behind each other, or a gateway that was set to another form while its log went on.
//!
//! Asked of every line of a plain log, so nearly all of them are passed by a look at their first bytes.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::{memchr, memmem};

use super::{Container, stern};
use crate::log::stamp::starts_stamp;

/// The form of a line that is wrapped. Depends on the line alone, so that it is the same wherever a file is cut.
pub(in crate::log) fn change(line: &[u8]) -> Option<Container> {
    let first = *line.first()?;
    let may_be = match first {
        b'\t' | b' ' => false,
        b'0'..=b'9' => may_be_stamped(line),
        first => may_be_wrapped(first, line),
    };
    let container = if may_be { Container::of_line(line) } else { None };
    container.filter(|container| *container != Container::Plain)
}

/// A stamp starts records and lines that runtimes and syslog wrap. A column of a record behind it tells a record.
fn may_be_stamped(line: &[u8]) -> bool {
    // Nearly every record of nearly every log.
    if let Some([b'+' | b'-', _, _, _, _, b' ', columns @ ..]) = line.get(MILLISECONDS..)
        && begins_with_level(columns)
    {
        return false;
    }
    if !starts_stamp(line) {
        return line.get(..LONGEST_COUNT).is_some_and(|start| memmem::find(start, b" <").is_some());
    }
    let Some(tail) = line.iter().skip(SECONDS).take(LONGEST_TAIL).position(|byte| *byte == b' ') else { return false };
    let columns = line.get(SECONDS + tail + 1..).unwrap_or_default();
    let digits = columns.iter().take(LONGEST_THREAD).take_while(|byte| byte.is_ascii_digit()).count();
    let is_thread = digits > 0 && columns.get(digits) == Some(&b' ');
    !(columns.is_empty() || is_thread || begins_with_level(columns))
}

fn begins_with_level(columns: &[u8]) -> bool {
    LEVELS.iter().any(|level| columns.starts_with(level))
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
/// The usual levels, each with a blank, the most frequent first. Lines with others are looked at in full.
const LEVELS: [&[u8]; 7] = [b"INFO ", b"WARNING ", b"SEVERE ", b"FINE ", b"CONFIG ", b"FINER ", b"FINEST "];
/// Bytes of a stamp up to its seconds.
const SECONDS: usize = 19;
/// The same with three digits behind them.
const MILLISECONDS: usize = 23;
/// A fraction of nine digits and a zone, and the blank behind them.
const LONGEST_TAIL: usize = 18;
/// Digits of a thread's number.
const LONGEST_THREAD: usize = 20;
/// The count of octets before a message, and what begins the message.
const LONGEST_COUNT: usize = 8;
/// Names of services in front of a line; longer ones are not looked for behind a plain log.
const LONGEST_SERVICE: usize = 64;
