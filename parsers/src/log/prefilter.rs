//! The fixed phrases that make a line worth reading.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// What a phrase announces; the greater one decides where a line holds several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phrase {
    /// A duration.
    Elapsed,
    /// The start of a request.
    Request,
    /// An attempt that is repeated.
    Retry,
    /// A failed call.
    Failure,
}

/// A phrase in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    /// What it announces.
    pub phrase: Phrase,
    /// Where the text behind it starts, from the line's first byte.
    pub end: usize,
}

/// Walks over the phrases of a text, line by line.
#[derive(Debug)]
pub(super) struct Phrases<'a> {
    text: &'a [u8],
    next: Next,
}

/// The first phrase not passed yet.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// Not looked for yet.
    Unknown,
    /// Its start, its end and its meaning; `None`: there are no more.
    Known(Option<(usize, usize, Phrase)>),
}

impl<'a> Phrases<'a> {
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self { text, next: Next::Unknown }
    }

    /// The strongest phrase of the line from `start` to `line_end`, of those that end by `limit`. Lines are asked for in
    /// order; those that are left out are not searched.
    pub(super) fn of_line(&mut self, start: usize, limit: usize, line_end: usize) -> Option<Found> {
        let mut strongest: Option<Found> = None;
        while let Some((_, end, phrase)) = self.first(start).filter(|(begin, ..)| *begin < line_end) {
            if end <= limit && strongest.is_none_or(|found| found.phrase < phrase) {
                strongest = Some(Found { phrase, end: end - start });
            }
            let done = end > limit || phrase == Phrase::Failure;
            // What follows may be a trace, of which no line is asked for.
            self.next = if done { Next::Unknown } else { Next::Known(search(self.text, end)) };
            if done {
                break;
            }
        }
        strongest
    }

    /// The first phrase from `start` on.
    fn first(&mut self, start: usize) -> Option<(usize, usize, Phrase)> {
        if let Next::Known(next) = self.next
            && next.is_none_or(|(begin, ..)| begin >= start)
        {
            return next;
        }
        let next = search(self.text, start);
        self.next = Next::Known(next);
        next
    }
}

fn search(text: &[u8], from: usize) -> Option<(usize, usize, Phrase)> {
    let found = SEARCH.find(text.get(from..)?)?;
    let (_, phrase) = PHRASES.get(found.pattern().as_usize())?;
    Some((from + found.start(), from + found.end(), *phrase))
}

/// Leftmost matches let the searcher use its vectorised prefilter.
static SEARCH: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .kind(Some(AhoCorasickKind::DFA))
        .build(PHRASES.map(|(text, _)| text))
        .expect("a handful of constant phrases")
});

/// Codes, levels and obfuscated class names differ between sites and builds; these texts do not.
const PHRASES: [(&str, Phrase); 12] = [
    ("Problem routing to ", Phrase::Failure),
    ("Unable to obtain HTTP response from ", Phrase::Failure),
    ("GenericHttpException", Phrase::Failure),
    ("I/O exception (", Phrase::Retry),
    ("Processing request for service", Phrase::Request),
    ("finished in ", Phrase::Elapsed),
    ("completed in ", Phrase::Elapsed),
    ("took ", Phrase::Elapsed),
    ("latency", Phrase::Elapsed),
    ("Latency", Phrase::Elapsed),
    ("elapsed", Phrase::Elapsed),
    ("duration", Phrase::Elapsed),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_longer_than_is_said() {
        assert!(PHRASES.iter().all(|(phrase, _)| phrase.len() <= super::super::LONGEST_PHRASE));
    }

    #[test]
    fn the_strongest_phrase_of_each_line() {
        let text =
            b"took I/O exception (\nnothing\nlatency Problem routing to Unable to obtain HTTP response from \ntook \n";
        let mut phrases = Phrases::new(text);
        let mut start = 0;
        let found: Vec<_> = text
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| {
                let end = start + line.len();
                let found = phrases.of_line(start, end, end).map(|found| found.phrase);
                start = end;
                found
            })
            .collect();
        assert_eq!(found, [Some(Phrase::Retry), None, Some(Phrase::Failure), Some(Phrase::Elapsed)]);
    }

    #[test]
    fn what_is_not_kept_of_a_line_is_not_searched() {
        let text = b"xx took x\ntook ";
        let mut phrases = Phrases::new(text);
        assert_eq!(phrases.of_line(0, 5, 10), None);
        assert_eq!(phrases.of_line(10, 15, 15), Some(Found { phrase: Phrase::Elapsed, end: 5 }));
    }
}
