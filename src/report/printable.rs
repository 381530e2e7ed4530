//! Text from logs and packets, made safe for a terminal.

use std::borrow::Cow;

/// The text without anything that a terminal obeys or that turns its reading order: control characters (C0, DEL, C1,
/// which hold every escape sequence's start), line and paragraph separators, and bidirectional marks. Each is shown as
/// U+FFFD, so that nothing is joined by what was between; a line end or tab becomes a blank.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let safe = text.chars().map(|c| match c {
        '\n' | '\r' | '\t' => ' ',
        c if is_unsafe(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    });
    Cow::Owned(safe.collect())
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_reading_order_marks_do_not_pass() {
        assert_eq!(printable("a\u{1b}[31mb\u{9b}2Jc\u{7}\u{202e}d\u{7f}"), "a�[31mb�2Jc��d�");
        assert_eq!(printable("one\ntwo\tthree"), "one two three");
    }

    #[test]
    fn other_text_passes_unchanged() {
        let text = "Zahlungsdienst – 支払い (50 %)";
        assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
    }
}
