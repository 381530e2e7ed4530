//! `journalctl -o export`: entries of `FIELD=value` lines with a blank line between them. A value that holds line ends stands below its
//! field's name, behind its length as 64 bits, little-endian. (systemd's `JOURNAL_EXPORT_FORMATS`)

use super::{Peeled, journal::JournalWriter};
use crate::{log::entry::Place, time::Timestamp};

/// Whether a line is the first of an entry.
pub(super) fn begins_entry(line: &[u8]) -> bool {
    let number = |field: &[u8]| !field.is_empty() && field.iter().all(u8::is_ascii_digit);
    line.starts_with(b"__CURSOR=s=") || line.strip_prefix(b"__REALTIME_TIMESTAMP=").is_some_and(number)
}

/// The text of a line that is an entry's message.
pub(in crate::log) fn message(line: &[u8]) -> Option<&[u8]> {
    line.strip_prefix(b"MESSAGE=")
}

/// An entry while its lines come in.
#[derive(Debug, Default)]
pub(super) struct Export {
    micros: Option<i64>,
    message: Option<Vec<u8>>,
    place: Option<Place>,
    writer: JournalWriter,
    /// A value that goes on.
    value: Option<Value>,
}

#[derive(Debug)]
struct Value {
    is_message: bool,
    /// Its length and its bytes so far, and the line feed behind it.
    bytes: Vec<u8>,
    /// How many bytes of the file it took so far.
    taken: u64,
}

impl Export {
    /// Whether a line can be one of the format: a blank one, a field or its name, or part of a value.
    pub(super) fn takes(&self, line: &[u8]) -> bool {
        let is_of_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
        let name = line.iter().take_while(|byte| is_of_name(byte)).count();
        self.value.is_some() || line.is_empty() || (name > 0 && line.get(name).is_none_or(|next| *next == b'='))
    }

    /// Takes a line; gives the entry back that it ends.
    pub(super) fn line(&mut self, line: &[u8], place: Place) -> Option<(Peeled<'static>, Place)> {
        if let Some(mut value) = self.value.take() {
            self.place = self.place.map(|first| first.joined(place));
            value.push(line, place);
            if value.is_whole() {
                self.message = if value.is_message { Some(value.content()) } else { self.message.take() };
            } else {
                self.value = Some(value);
            }
            return None;
        }
        if line.is_empty() {
            return self.finish();
        }
        self.place = Some(self.place.map_or(place, |first| first.joined(place)));
        match line.iter().position(|byte| *byte == b'=') {
            None => {
                let is_message = line == b"MESSAGE";
                self.value = Some(Value { is_message, bytes: Vec::new(), taken: 0 });
            }
            Some(_) => {
                if let Some(message) = message(line) {
                    self.message = Some(message.to_vec());
                } else if let Some(micros) = line.strip_prefix(b"__REALTIME_TIMESTAMP=") {
                    self.micros = std::str::from_utf8(micros).ok().and_then(|micros| micros.parse().ok());
                } else {
                    self.writer.line(line);
                }
            }
        }
        None
    }

    /// Ends the entry.
    pub(super) fn finish(&mut self) -> Option<(Peeled<'static>, Place)> {
        let ended = std::mem::take(self);
        // A value that is cut is taken as far as it goes.
        let cut = ended.value.filter(|value| value.is_message).map(|value| value.content());
        let text = ended.message.or(cut)?;
        let stamp = ended.micros.and_then(|micros| micros.checked_mul(1_000));
        let stamp = stamp.map(|nanos| Timestamp::from_nanos(nanos).to_string());
        Some((Peeled::whole(text, stamp).from(ended.writer.source()), ended.place?))
    }
}

impl Value {
    fn push(&mut self, line: &[u8], place: Place) {
        let room = LENGTH + super::LONGEST_PAYLOAD - self.bytes.len().min(super::LONGEST_PAYLOAD);
        self.bytes.extend_from_slice(line.get(..room).unwrap_or(line));
        // The line's end, which may be of two bytes, is the value's own but for the last one.
        if place.length == line.len() as u64 + 2 {
            self.bytes.push(b'\r');
        }
        self.bytes.push(b'\n');
        self.taken += place.length;
    }

    fn length(&self) -> Option<u64> {
        self.bytes.first_chunk().map(|length| u64::from_le_bytes(*length))
    }

    fn is_whole(&self) -> bool {
        self.length().is_some_and(|length| self.taken > (LENGTH as u64).saturating_add(length))
    }

    fn content(&self) -> Vec<u8> {
        let content = self.bytes.get(LENGTH..).unwrap_or_default();
        let length = self.length().and_then(|length| usize::try_from(length).ok()).unwrap_or(usize::MAX);
        content.get(..length).unwrap_or(content).to_vec()
    }
}

/// Bytes of a value's length.
const LENGTH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &[u8]) -> Vec<(String, Option<String>, u64, u64)> {
        let (mut export, mut found, mut offset) = (Export::default(), Vec::new(), 0);
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        for (number, line) in (1..).zip(lines) {
            let place = Place { line: number, last_line: number, offset, length: line.len() as u64 };
            offset += line.len() as u64;
            let shown = line.strip_suffix(b"\n").unwrap_or(line);
            let shown = shown.strip_suffix(b"\r").unwrap_or(shown);
            found.extend(export.line(shown, place));
        }
        found.extend(export.finish());
        let told = |(peeled, place): (Peeled<'_>, Place)| {
            let text = String::from_utf8_lossy(&peeled.text).into_owned();
            (text, peeled.stamp.map(std::borrow::Cow::into_owned), place.line, place.last_line)
        };
        found.into_iter().map(told).collect()
    }

    #[test]
    fn entries_with_values_in_lines_and_behind_their_length() {
        let mut text =
            b"__CURSOR=s=739ad4\n__REALTIME_TIMESTAMP=1631691287413000\nMESSAGE=WARNING a.b: x\n_PID=1\n\n".to_vec();
        text.extend(b"__REALTIME_TIMESTAMP=1631691288000000\nMESSAGE\n");
        let message = b"SEVERE a.b: y\r\n\tat c.d(E.java:1)\n\n\tat f";
        text.extend((message.len() as u64).to_le_bytes());
        text.extend(message);
        text.extend(b"\nOTHER\n\x03\0\0\0\0\0\0\0a\nb\n_PID=2\n\n__REALTIME_TIMESTAMP=1\n_PID=3\n\n");
        let expected = [
            // date -u -d @1631691287
            ("WARNING a.b: x", "2021-09-15T07:34:47.413000Z", 1, 4),
            ("SEVERE a.b: y\r\n\tat c.d(E.java:1)\n\n\tat f", "2021-09-15T07:34:48.000000Z", 6, 15),
        ];
        let expected =
            expected.map(|(text, stamp, first, last)| (text.to_owned(), Some(stamp.to_owned()), first, last));
        assert_eq!(entries(&text), expected);
        // A length whose bytes hold a line feed.
        let long = [&b"MESSAGE\n\x0a\0\0\0\0\0\0\0"[..], b"0123456789\n\nMESSAGE=next\n"].concat();
        let texts: Vec<_> = entries(&long).into_iter().map(|(text, ..)| text).collect();
        assert_eq!(texts, ["0123456789", "next"]);
    }

    #[test]
    fn cut_anywhere() {
        let text = [&b"__REALTIME_TIMESTAMP=1\nMESSAGE\n\x05\0\0\0\0\0\0\0"[..], b"a\nb\nc\n\n"].concat();
        for end in 0..text.len() {
            assert!(entries(&text[..end]).len() <= 1);
        }
        assert_eq!(entries(&text).first().map(|(text, ..)| text.as_str()), Some("a\nb\nc"));
        assert!(entries(b"MESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xffendless\n\n").len() == 1);
    }
}
