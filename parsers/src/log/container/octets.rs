//! Messages of syslog behind the counts of their octets (RFC 6587): one begins where the one before ends, in the midst of a line where its
//! text has several.

use super::{Peeled, syslog};
use crate::log::entry::Place;

/// A line that begins with a count and a message, as far as the line goes.
pub(super) fn peel(line: &[u8]) -> Option<Peeled<'_>> {
    let (_, message) = count(line)?;
    syslog::peel(message).filter(|_| message.starts_with(b"<"))
}

/// `312 `, how long the message behind it is, and what follows.
fn count(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take(MOST_DIGITS).take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits)?;
    let count = std::str::from_utf8(number).ok()?.parse().ok()?;
    Some((count, rest.strip_prefix(b" ")?))
}

/// A message whose lines come in.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// As much of it as is kept.
    held: Vec<u8>,
    /// Octets that have not come.
    left: u64,
    /// The lines that it stands in.
    place: Option<Place>,
}

impl Frame {
    /// Takes a line; `whole` gets the messages that it completes. Gives back what of it is in none, if that is anything.
    pub(super) fn line<'a>(
        &mut self,
        line: &'a [u8],
        place: Place,
        mut whole: impl FnMut(Vec<u8>, Place),
    ) -> Option<&'a [u8]> {
        // The line's end, and what was not kept of a long line.
        let mut unseen = place.length.saturating_sub(line.len() as u64);
        let mut rest = line;
        loop {
            if self.left == 0 {
                if rest.is_empty() {
                    return None;
                }
                let Some((left, message)) = count(rest) else { return Some(rest) };
                (self.left, rest) = (left, message);
            }
            self.place = Some(self.place.map_or(place, |first| first.joined(place)));
            let end = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
            let (octets, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            let room = super::LONGEST_PAYLOAD.saturating_sub(self.held.len()).min(octets.len());
            self.held.extend_from_slice(octets.get(..room).unwrap_or(octets));
            self.left -= octets.len() as u64;
            rest = after;
            if rest.is_empty() && self.left > 0 {
                let taken = unseen.min(self.left);
                self.left -= taken;
                unseen -= taken;
                let is_kept = taken > 0 && self.held.len() < super::LONGEST_PAYLOAD;
                self.held.extend(is_kept.then_some(b'\n'));
            }
            if self.left > 0 {
                return None;
            }
            self.finish(&mut whole);
        }
    }

    /// Ends the message; one that is cut is taken as far as it goes.
    pub(super) fn finish(&mut self, mut whole: impl FnMut(Vec<u8>, Place)) {
        let Self { held, place, .. } = std::mem::take(self);
        if let Some(place) = place {
            whole(held, place);
        }
    }
}

/// Digits of a count; a message of a hundred megabytes is none.
const MOST_DIGITS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> (Vec<String>, Vec<String>) {
        let (mut frame, mut found, mut rest, mut offset) = (Frame::default(), Vec::new(), Vec::new(), 0);
        for (number, line) in (1..).zip(text.split_inclusive('\n')) {
            let place = Place { line: number, last_line: number, offset, length: line.len() as u64 };
            offset += place.length;
            let shown = line.trim_end_matches(['\r', '\n']).as_bytes();
            let left = frame.line(shown, place, |message, _| found.push(String::from_utf8(message).unwrap()));
            rest.extend(left.map(|left| String::from_utf8_lossy(left).into_owned()));
        }
        frame.finish(|message, _| found.push(String::from_utf8(message).unwrap()));
        (found, rest)
    }

    #[test]
    fn messages_begin_where_others_end() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        for (text, found, rest) in [
            ("3 a\nb1 c", &["a\nb", "c"][..], &[][..]),
            ("1 a\n1 b\n", &["a", "b"], &[]),
            ("2 a\n2 b\n", &["a\n", "b\n"], &[]),
            ("5 a\r\n\r\n1 b", &["a\n\n", "b"], &[]),
            ("9 cut", &["cut"], &[]),
            ("1 ab\n1 c", &["a", "c"], &["b"]),
            ("x\n", &[], &["x"]),
        ] {
            assert_eq!(messages(text), (texts(found), texts(rest)), "{text:?}");
        }
    }
}
