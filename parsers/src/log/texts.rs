//! The text of a record as lines, those included whose ends were escaped on the way.

use std::borrow::Cow;

use memchr::{memchr2, memchr2_iter};

use super::words::{lines, text};

/// The text of a record: the message of its head, and what stands below.
pub(super) struct Texts<'a> {
    message: Cow<'a, str>,
    continuation: Cow<'a, str>,
}

impl<'a> Texts<'a> {
    pub(super) fn new(message: &'a [u8], continuation: &'a [u8]) -> Self {
        Self { message: text(message), continuation: text(continuation) }
    }

    /// Its lines, the message first.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> {
        unescape(&self.message).chain(unescaped_lines(&self.continuation))
    }
}

/// The lines of a text, those included whose ends were escaped on the way.
pub(super) fn unescaped_lines(text: &str) -> impl Iterator<Item = &str> {
    let escaped = has_escapes(text);
    lines(text).flat_map(move |line| pieces(line, escaped))
}

/// The lines of one line whose ends were escaped on the way: `#012` by rsyslog, `\n` by JSON writers.
fn unescape(text: &str) -> impl Iterator<Item = &str> {
    pieces(text, has_escapes(text))
}

/// Whether a text may hold line ends that were escaped on the way.
fn has_escapes(text: &str) -> bool {
    memchr2(b'#', b'\\', text.as_bytes()).is_some()
}

/// The same of a text that is known to hold no escaped line ends, or may hold some.
fn pieces(text: &str, escaped: bool) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        if !escaped {
            return Some(text);
        }
        let cut = ESCAPES.iter().filter_map(|mark| Some((text.find(mark)?, mark.len()))).min();
        let Some((at, length)) = cut else { return Some(trim_tab(text)) };
        rest = text.get(at + length..);
        text.get(..at).map(trim_tab)
    })
}

/// A line without an escaped tab at its start.
fn trim_tab(line: &str) -> &str {
    line.trim_start_matches("#011").trim_start_matches("\\t")
}

/// Line ends as escaped on the way.
/// The first of the lines of a text, whether their ends were escaped or not.
pub(super) fn first_line(text: &[u8]) -> &[u8] {
    let ends = memchr2_iter(b'#', b'\\', text);
    let end = ends.into_iter().find(|at| ESCAPES.iter().any(|escape| text[*at..].starts_with(escape.as_bytes())));
    text.get(..end.unwrap_or(text.len())).unwrap_or(text)
}

const ESCAPES: [&str; 3] = ["#012", "\\r\\n", "\\n"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_line_ends() {
        let lines: Vec<&str> = unescape("a#012#011at b.c(d)#012Caused by: e\\n\\tat f").collect();
        assert_eq!(lines, ["a", "at b.c(d)", "Caused by: e", "at f"]);
    }
}
