//! Emphasis on a terminal, where the reader wants it.

use std::borrow::Cow;

/// Whether text is emphasised with escape sequences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Paint {
    /// As it is.
    #[default]
    Plain,
    /// With escape sequences.
    Coloured,
}

/// Kinds of emphasis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// None.
    Plain,
    /// A heading.
    Heading,
    /// What matters most.
    Strong,
}

impl Paint {
    /// The text with its emphasis. It must be printable already.
    pub fn text(self, style: Style, text: &str) -> Cow<'_, str> {
        match (self, style) {
            (Self::Plain, _) | (_, Style::Plain) => Cow::Borrowed(text),
            (Self::Coloured, Style::Heading) => Cow::Owned(format!("\u{1b}[1m{text}\u{1b}[0m")),
            (Self::Coloured, Style::Strong) => Cow::Owned(format!("\u{1b}[1;33m{text}\u{1b}[0m")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_has_no_escapes() {
        assert_eq!(Paint::Plain.text(Style::Strong, "x"), "x");
        assert_eq!(Paint::Coloured.text(Style::Plain, "x"), "x");
        assert_eq!(Paint::Coloured.text(Style::Heading, "x"), "\u{1b}[1mx\u{1b}[0m");
    }
}
