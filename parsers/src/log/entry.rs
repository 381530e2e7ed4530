//! Records of more than one line: a head line and what continues it.

use super::{call::EntrySpan, events::Before};

/// A line's place in its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Its number, from 1.
    pub line: u64,
    /// Number of its last line in the file, where a container split it.
    pub last_line: u64,
    /// Offset of its first byte.
    pub offset: u64,
    /// Bytes, the line end included.
    pub length: u64,
}

impl Place {
    /// This line and a later one in one.
    pub(super) const fn joined(self, later: Self) -> Self {
        let length = (later.offset + later.length).saturating_sub(self.offset);
        Self { line: self.line, last_line: later.last_line, offset: self.offset, length }
    }

    /// The place in the file of a line of a block.
    pub(super) const fn moved(self, before: Before) -> Self {
        Self {
            line: self.line + before.lines,
            last_line: self.last_line + before.lines,
            offset: self.offset + before.bytes,
            length: self.length,
        }
    }

    /// The span of an entry that is this line alone.
    pub(super) const fn span(self) -> EntrySpan {
        EntrySpan { first_line: self.line, last_line: self.last_line, offset: self.offset, length: self.length }
    }
}

/// A record that reports a failure, while its lines come in. Its memory serves one record after another.
#[derive(Debug)]
pub(super) struct Entry {
    /// The head line, and the lines below it that hold text, each with a line feed.
    text: Vec<u8>,
    /// Bytes of the head line, without its line feed.
    head: usize,
    /// Lines below it.
    lines: usize,
    /// From the head to the last line that holds text: blank lines at the end separate records.
    pub span: EntrySpan,
}

impl Entry {
    /// Starts a record, in the memory of one that was read.
    pub(super) fn new(head: &[u8], place: Place, read: Option<Self>) -> Self {
        let mut text = read.map(|entry| entry.text).unwrap_or_default();
        text.clear();
        text.extend_from_slice(head);
        text.push(b'\n');
        Self { text, head: head.len(), lines: 0, span: place.span() }
    }

    /// The head line, without its line feed.
    pub(super) fn head(&self) -> &[u8] {
        self.text.get(..self.head).unwrap_or_default()
    }

    /// What the record says: a message that ends the head line, and the lines below it.
    pub(super) fn said(&self, message: &[u8]) -> &[u8] {
        self.text.get(self.head.saturating_sub(message.len())..).unwrap_or_default()
    }

    /// Adds a line. `false` where its text is not kept because the entry is too long; it is part of the span still.
    pub(super) fn push(&mut self, line: &[u8], place: Place) -> bool {
        if line.trim_ascii().is_empty() {
            return true;
        }
        // A line that its container split may be whole only after lines that stand behind it.
        self.span.last_line = self.span.last_line.max(place.last_line);
        let length = (place.offset + place.length).saturating_sub(self.span.offset);
        self.span.length = self.span.length.max(length);
        let room = self.lines < MOST_LINES;
        if room {
            self.lines += 1;
            self.text.extend_from_slice(line.get(..LONGEST_CONTINUATION).unwrap_or(line));
            self.text.push(b'\n');
        }
        room
    }
}

/// Lines kept of an entry. A trace with a chain of causes has some hundred; a response body may have any number.
const MOST_LINES: usize = 512;
/// Bytes kept of a continuation line. Frames have some hundred; a whole trace in one line has some thousand.
const LONGEST_CONTINUATION: usize = 16 << 10;
