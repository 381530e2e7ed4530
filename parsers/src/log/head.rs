//! The head line of a log record: stamp, level, thread, logger, audit code and message.
//!
//! The layout did not change between 2014 and 2025, but sites move and drop columns and copies lose the padding. So only
//! the stamp is required, with one of the other columns behind it; what stands where is told by its shape.

use memchr::memchr2;

use super::stamp::{Stamp, stamp, starts_stamp};

/// A head line, its columns as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    pub stamp: Stamp,
    pub level: Option<&'a str>,
    pub thread: Option<&'a str>,
    pub logger: Option<&'a str>,
    pub code: Option<i32>,
    pub message: &'a [u8],
}

/// Whether a line starts a record: a stamp, then a blank. A line of a response body that has this very shape is taken for
/// a record too, because nothing tells the two apart; it then stands at its own place in the file, and the entry before it
/// ends there.
pub(super) fn starts_record(line: &[u8]) -> bool {
    starts_stamp(line)
        && line.get(19..).is_some_and(|rest| {
            rest.iter().take(LONGEST_STAMP_TAIL).find(|byte| !is_stamp_byte(**byte)).is_some_and(|byte| *byte == b' ')
        })
}

/// Reads a head line without its line end. `None` where its stamp names no instant.
pub(super) fn head(line: &[u8], default_zone: i32) -> Option<Head<'_>> {
    let (rest, stamp) = stamp(line, default_zone)?;
    let (message, columns) = columns(rest);
    Some(columns.with(stamp, message))
}

/// The columns between the stamp and the message.
#[derive(Clone, Copy, Debug, Default)]
struct Columns<'a> {
    level: Option<&'a str>,
    thread: Option<&'a str>,
    logger: Option<&'a str>,
    code: Option<i32>,
}

impl<'a> Columns<'a> {
    fn add(mut self, column: Column<'a>) -> Self {
        match column {
            Column::Level(text) => self.level = self.level.or(Some(text)),
            Column::Thread(text) => self.thread = self.thread.or(Some(text)),
            Column::Logger(text) => self.logger = self.logger.or(Some(text)),
            Column::Code(code) => self.code = self.code.or(Some(code)),
        }
        self
    }

    fn with(self, stamp: Stamp, message: &'a [u8]) -> Head<'a> {
        Head { stamp, level: self.level, thread: self.thread, logger: self.logger, code: self.code, message }
    }
}

/// One column, told by its shape.
#[derive(Clone, Copy)]
enum Column<'a> {
    Level(&'a str),
    Thread(&'a str),
    Logger(&'a str),
    Code(i32),
}

fn columns(input: &[u8]) -> (&[u8], Columns<'_>) {
    let mut rest = input;
    let mut columns = Columns::default();
    for _ in 0..MOST_COLUMNS {
        let Some((after, column)) = column(without_blanks(rest)) else { break };
        columns = columns.add(column);
        rest = after;
    }
    (without_blanks(rest), columns)
}

fn without_blanks(input: &[u8]) -> &[u8] {
    let blanks = input.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    input.get(blanks..).unwrap_or_default()
}

/// The first byte says which columns it may be, so that the others are not tried.
fn column(input: &[u8]) -> Option<(&[u8], Column<'_>)> {
    match input.first()? {
        b'A'..=b'Z' => level(input).or_else(|| logger(input)),
        b'0'..=b'9' => thread(input).or_else(|| code(input)).or_else(|| logger(input)),
        b'[' => named(input),
        b'-' => code(input).or_else(|| logger(input)),
        _ => logger(input),
    }
}

/// Whether a word is a level.
pub(super) fn is_level(word: &str) -> bool {
    matches!(
        word,
        "SEVERE" | "WARNING" | "INFO" | "CONFIG" | "FINE" | "FINER" | "FINEST" | "ERROR" | "WARN" | "DEBUG" | "TRACE"
    )
}

/// `java.util.logging`'s levels, and the words that other layouts use for them; a blank or a colon follows.
fn level(input: &[u8]) -> Option<(&[u8], Column<'_>)> {
    let (word, rest) = run(input, |byte| byte.is_ascii_uppercase());
    let ends = matches!(rest.first(), Some(b' ' | b'\t' | b':'));
    (ends && is_level(word)).then_some((rest, Column::Level(word)))
}

/// A number, and a blank behind it.
fn thread(input: &[u8]) -> Option<(&[u8], Column<'_>)> {
    let (number, rest) = run(input, |byte| byte.is_ascii_digit());
    is_blank(rest).then_some((rest, Column::Thread(number)))
}

/// A thread in brackets, or the id of the request where there is no thread. A digit is required: a word in brackets is more
/// likely a mark of the message or the name of a log sink.
fn named(input: &[u8]) -> Option<(&[u8], Column<'_>)> {
    let (name, rest) = run(input.strip_prefix(b"[")?, |byte| byte != b'$' && is_of_name(byte));
    let rest = rest.strip_prefix(b"]").filter(|rest| is_blank(rest))?;
    let is_name = name.len() <= LONGEST_NAME && name.bytes().any(|byte| byte.is_ascii_digit());
    is_name.then_some((rest, Column::Thread(name)))
}

/// An audit code such as `4042` or `-4`, and a colon.
fn code(input: &[u8]) -> Option<(&[u8], Column<'_>)> {
    let (sign, digits) = input.strip_prefix(b"-").map_or((1, input), |rest| (-1, rest));
    let (number, rest) = run(digits, |byte| byte.is_ascii_digit());
    let number: i32 = Some(number).filter(|number| number.len() <= MOST_DIGITS)?.parse().ok()?;
    Some((rest.strip_prefix(b":")?, Column::Code(sign * number)))
}

/// A dotted Java name, and a colon. The dot is required, so that the first word of a message with a colon is no logger.
fn logger(input: &[u8]) -> Option<(&[u8], Column<'_>)> {
    let (name, rest) = input.split_at_checked(memchr2(b':', b' ', input)?)?;
    let rest = rest.strip_prefix(b":").filter(|_| all_of_name(name) && name.contains(&b'.'))?;
    Some((rest, Column::Logger(std::str::from_utf8(name).ok()?)))
}

/// Whether all bytes are of a name. Sixteen are looked at together, since loggers are long.
fn all_of_name(name: &[u8]) -> bool {
    let (pieces, rest) = name.as_chunks::<16>();
    let is_whole = |piece: &[u8; 16]| piece.iter().fold(true, |all, byte| all & is_of_name(*byte));
    pieces.iter().all(is_whole) && rest.iter().all(|byte| is_of_name(*byte))
}

/// A letter, a digit, or a mark that names have.
const fn is_of_name(byte: u8) -> bool {
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    let is_digit = byte.wrapping_sub(b'0') < 10;
    is_letter || is_digit || byte == b'.' || byte == b'_' || byte == b'$' || byte == b'-'
}

/// The bytes up to the first that is not of a kind, as text, and what follows. All kinds are of ASCII alone.
fn run(input: &[u8], is_of_kind: impl Fn(u8) -> bool) -> (&str, &[u8]) {
    let end = input.iter().position(|byte| !is_of_kind(*byte)).unwrap_or(input.len());
    let (text, rest) = input.split_at_checked(end).unwrap_or((&[], input));
    std::str::from_utf8(text).map_or(("", input), |text| (text, rest))
}

fn is_blank(rest: &[u8]) -> bool {
    matches!(rest.first(), Some(b' ' | b'\t'))
}

const fn is_stamp_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b':' | b'+' | b'-' | b'Z')
}

/// Request ids have 33 characters, names of pooled threads some more.
const LONGEST_NAME: usize = 80;
/// Audit codes have up to five digits.
const MOST_DIGITS: usize = 6;
/// Level, thread, logger and code, once each; one more for a column that a site repeats.
const MOST_COLUMNS: usize = 5;
/// The second's last digit, a fraction of nine digits and a zone: 17 bytes, and the blank behind them.
const LONGEST_STAMP_TAIL: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    /// Level, thread, logger, code and message of a line.
    type Columns<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<i32>, &'a str);

    fn read(line: &str) -> Columns<'_> {
        assert!(starts_record(line.as_bytes()), "{line}");
        let head = head(line.as_bytes(), 0).unwrap();
        (head.level, head.thread, head.logger, head.code, std::str::from_utf8(head.message).unwrap())
    }

    #[test]
    fn lines_of_each_version() {
        let cases: [(&str, Columns<'_>); 6] = [
            (
                "2014-01-21T10:09:02.666-0700 WARNING 1 com.l7tech.server.processcontroller.p: default may still be \
                 starting, but API is throwing unexpected exceptions",
                (
                    Some("WARNING"),
                    Some("1"),
                    Some("com.l7tech.server.processcontroller.p"),
                    None,
                    "default may still be starting, but API is throwing unexpected exceptions",
                ),
            ),
            (
                "2020-02-14T10:43:11.801-0800 SEVERE  353 com.l7tech.server.SoapMessageProcessingServlet: Assertion not \
                 available: x",
                (
                    Some("SEVERE"),
                    Some("353"),
                    Some("com.l7tech.server.SoapMessageProcessingServlet"),
                    None,
                    "Assertion not available: x",
                ),
            ),
            (
                "2021-05-17T15:19:00.041-0300 INFO    174 com.l7tech.server.policy.assertion.ServerAuditDetailAssertion: \
                 -4: responseCode=404,body=",
                (
                    Some("INFO"),
                    Some("174"),
                    Some("com.l7tech.server.policy.assertion.ServerAuditDetailAssertion"),
                    Some(-4),
                    "responseCode=404,body=",
                ),
            ),
            (
                "2021-09-15T09:34:47.379+0200 INFO    1 com.l7tech.server.processcontroller.ProcessController: Getting \
                 API port from x",
                (
                    Some("INFO"),
                    Some("1"),
                    Some("com.l7tech.server.processcontroller.ProcessController"),
                    None,
                    "Getting API port from x",
                ),
            ),
            (
                "2025-08-07T14:09:03.760-0500 WARNING 550 com.l7tech.server.message: Message was not processed: Error in \
                 Assertion Processing (601)",
                (
                    Some("WARNING"),
                    Some("550"),
                    Some("com.l7tech.server.message"),
                    None,
                    "Message was not processed: Error in Assertion Processing (601)",
                ),
            ),
            (
                "2019-01-01T00:00:00.000Z WARNING 7 com.l7tech.server.policy.assertion.ServerEncapsulatedAssertion: \
                 10050:Underlying policy fragment is invalid for x",
                (
                    Some("WARNING"),
                    Some("7"),
                    Some("com.l7tech.server.policy.assertion.ServerEncapsulatedAssertion"),
                    Some(10050),
                    "Underlying policy fragment is invalid for x",
                ),
            ),
        ];
        for (line, columns) in cases {
            assert_eq!(read(line), columns, "{line}");
        }
    }

    #[test]
    fn columns_may_be_missing_or_moved() {
        for (line, columns) in [
            ("2021-05-17T15:19:00.041-0300 INFO 174 a.b: x", (Some("INFO"), Some("174"), Some("a.b"), None, "x")),
            ("2021-05-17T15:19:00.041-0300 174 INFO a.b: x", (Some("INFO"), Some("174"), Some("a.b"), None, "x")),
            ("2021-05-17T15:19:00.041-0300 174 a.b: 4042: x", (None, Some("174"), Some("a.b"), Some(4042), "x")),
            ("2021-05-17T15:19:00,041 a.b: x", (None, None, Some("a.b"), None, "x")),
            ("2021-05-17T15:19:00 4042: Problem: x", (None, None, None, Some(4042), "Problem: x")),
            ("2021-05-17 15:19:00,041 [174] INFO a.b: x", (Some("INFO"), Some("174"), Some("a.b"), None, "x")),
            (
                "2021-05-17 15:19:00,041 INFO [pool-1-thread-3] a.b: x",
                (Some("INFO"), Some("pool-1-thread-3"), Some("a.b"), None, "x"),
            ),
            ("2021-05-17 15:19:00,041 INFO [ssg] x", (Some("INFO"), None, None, None, "[ssg] x")),
            ("2021-05-17T15:19:00.041Z Problem routing to x", (None, None, None, None, "Problem routing to x")),
            ("2021-05-17T15:19:00.041Z ", (None, None, None, None, "")),
        ] {
            assert_eq!(read(line), columns, "{line}");
        }
    }

    #[test]
    fn bytes_of_names() {
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || b"._$-".contains(&byte);
            assert_eq!(is_of_name(byte), expected, "{byte}");
            for length in [1, 16, 40] {
                let mut name = vec![b'a'; length];
                name[length / 2] = byte;
                assert_eq!(all_of_name(&name), expected, "{byte} in {length}");
            }
        }
    }

    #[test]
    fn stamps_inside_a_body_start_no_record_without_a_blank() {
        for line in ["2021-05-17T15:19:00.041Z", "2021-05-17T15:19:00.041Z,ok", "\t2021-05-17T15:19:00.041Z x", "x"] {
            assert!(!starts_record(line.as_bytes()), "{line}");
        }
    }
}
