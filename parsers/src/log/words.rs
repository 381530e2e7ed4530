//! Fixed words in texts, and texts that come again and again.

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use foldhash::fast::RandomState;
use memchr::memmem::Finder;

use super::{failures::Failures, memo::Memo, report::Said, tails::Tail};

/// Bytes as text; what is no UTF-8 is replaced. Texts are nearly always ASCII, which is quickly seen.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// A text around the first place of a word: what stands before it, and what behind.
pub(super) fn around<'a>(text: &'a str, word: &Finder<'_>) -> Option<(&'a str, &'a str)> {
    let at = word.find(text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + word.needle().len()..)?))
}

/// Whether a text starts with a word in lower case, in whatever case it is written.
pub(super) fn starts_with(text: &str, word: &str) -> bool {
    text.as_bytes().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// The lines of a text, as [`str::lines`] has them.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest.as_bytes());
        let (line, after) = match end {
            Some(end) => (rest.get(..end)?, rest.get(end + 1..)?),
            None if rest.is_empty() => return None,
            None => (rest, ""),
        };
        rest = after;
        Some(if end.is_some() { line.strip_suffix('\r').unwrap_or(line) } else { line })
    })
}

/// What comes again and again in the failures of a log.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub names: Names,
    pub failures: Failures,
    /// Whole records.
    pub said: Memo<Said>,
    /// What stands below the line that says the URL.
    pub tails: Memo<Tail>,
}

/// Names of which a log has few, each kept once: loggers, exceptions, services.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Arc<str>, RandomState>);

impl Names {
    /// The name as it is kept.
    pub(super) fn of(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.get(name) {
            return Arc::clone(known);
        }
        let new: Arc<str> = name.into();
        if self.0.len() < MOST_NAMES {
            self.0.insert(Arc::clone(&new));
        }
        new
    }
}

/// Hostile logs have any number of names: those beyond are not looked for.
const MOST_NAMES: usize = 1 << 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_those_of_the_standard_library() {
        for text in ["", "a", "a\n", "\n", "\n\n", "a\r\nb\r", "a\r\r\n\r\n", "a\nb\n\nc", "\r"] {
            assert_eq!(lines(text).collect::<Vec<_>>(), text.lines().collect::<Vec<_>>(), "{text:?}");
        }
    }

    #[test]
    fn a_name_is_kept_once() {
        let mut names = Names::default();
        assert!(Arc::ptr_eq(&names.of("a.B"), &names.of("a.B")));
        assert_eq!(&*names.of("a.C"), "a.C");
    }

    #[test]
    fn cases_and_bytes_that_are_no_text() {
        assert!(starts_with("CONNECTION reset", "connection reset") && !starts_with("conn", "connection"));
        assert_eq!(text(b"a\xffb"), "a\u{fffd}b");
    }
}
