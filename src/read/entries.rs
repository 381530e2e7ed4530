//! Log entries read back: the text of a failed call is not kept while calls are joined, and is read again by its place in the file.

use std::io::Read;

use wirecause_parsers::log::EntrySpan;

use crate::input::{Input, Source, open};

/// The text of one entry, line by line without line ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryText {
    /// Its first lines.
    pub lines: Vec<String>,
    /// Lines that are left out at its end.
    pub left_out: u64,
}

/// The texts of the entries at `spans` in one log, in the order of the spans; and why the rest is missing, if it is. An entry that could not
/// be read has no lines.
///
/// One pass over the file, whatever the order of the spans. Standard input and pipes cannot be read again and yield nothing.
pub fn read_entries(input: &Input, spans: &[EntrySpan]) -> (Vec<EntryText>, Option<String>) {
    let mut texts = vec![EntryText::default(); spans.len()];
    if spans.is_empty() || matches!(input.source, Source::Stream(_)) {
        return (texts, None);
    }
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|index| spans.get(*index).map(|span| span.offset));
    let fault = fill(input, spans, &order, &mut texts).err();
    (texts, fault)
}

fn fill(input: &Input, spans: &[EntrySpan], order: &[usize], texts: &mut [EntryText]) -> Result<(), String> {
    let mut opened = open(input).map_err(|error| format!("cannot be read again: {error}"))?;
    // What was read and may still be asked for: entries of different threads do not overlap, but two calls may share one.
    let (mut held, mut at) = (Vec::new(), 0_u64);
    for index in order {
        let (Some(span), Some(text)) = (spans.get(*index), texts.get_mut(*index)) else { continue };
        let wanted = span.length.min(MOST_BYTES);
        let skipped = span.offset.saturating_sub(at);
        if skipped >= held.len() as u64 {
            let gap = skipped - held.len() as u64;
            held.clear();
            let passed = std::io::copy(&mut opened.stream.by_ref().take(gap), &mut std::io::sink());
            if passed.map_err(|error| format!("cannot be read again: {error}"))? < gap {
                return Err(CHANGED.to_owned());
            }
        } else {
            held.drain(..skipped as usize);
        }
        at = span.offset;
        let missing = wanted.saturating_sub(held.len() as u64);
        let read = opened.stream.by_ref().take(missing).read_to_end(&mut held);
        if (read.map_err(|error| format!("cannot be read again: {error}"))? as u64) < missing {
            return Err(CHANGED.to_owned());
        }
        *text = lines(held.get(..wanted as usize).unwrap_or(&held), span);
    }
    Ok(())
}

fn lines(bytes: &[u8], span: &EntrySpan) -> EntryText {
    let text = String::from_utf8_lossy(bytes);
    let all = span.last_line.saturating_sub(span.first_line) + 1;
    let whole = text.lines().take(MOST_LINES);
    let lines: Vec<String> = whole.map(|line| line.chars().take(LONGEST_LINE).collect()).collect();
    EntryText { left_out: all.saturating_sub(lines.len() as u64), lines }
}

/// Lines shown of an entry: a trace's causes stand in its first dozens.
const MOST_LINES: usize = 60;
/// Characters shown of a line.
const LONGEST_LINE: usize = 2_000;
/// Bytes read of an entry: more than the lines shown can hold, whatever a trace in one line may take.
const MOST_BYTES: u64 = 128 << 10;
/// A log that is shorter than it was.
const CHANGED: &str = "cannot be read again: it is shorter than when it was read";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn span(offset: u64, length: u64, lines: u64) -> EntrySpan {
        EntrySpan { first_line: 1, last_line: lines, offset, length }
    }

    fn input(temp: &TempDir, content: &str) -> Input {
        let path = temp.path().join("x.log");
        std::fs::write(&path, content).unwrap();
        Input { name: "x.log".to_owned(), source: Source::File(path), explicit: true }
    }

    #[test]
    fn entries_come_in_the_order_asked_for_and_may_overlap() {
        let temp = TempDir::new("entries");
        let input = input(&temp, "one\r\n two\nthree\nfour\n");
        let spans = [span(16, 5, 1), span(0, 10, 2), span(5, 5, 1)];
        let (texts, fault) = read_entries(&input, &spans);
        let lines: Vec<_> = texts.into_iter().map(|text| text.lines).collect();
        assert_eq!(lines, [vec!["four"], vec!["one", " two"], vec![" two"]]);
        assert_eq!(fault, None);
    }

    #[test]
    fn a_log_that_shrank_is_told_and_what_is_there_still_comes() {
        let temp = TempDir::new("entries-shrunk");
        let input = input(&temp, "one\ntwo\n");
        let (texts, fault) = read_entries(&input, &[span(4, 4, 1), span(40, 4, 1)]);
        assert_eq!(texts[0].lines, ["two"]);
        assert!(texts[1].lines.is_empty() && fault.unwrap().contains("shorter"));
    }

    #[test]
    fn a_long_entry_is_cut_and_says_so() {
        let temp = TempDir::new("entries-long");
        let content = "line\n".repeat(100);
        let (texts, _) = read_entries(&input(&temp, &content), &[span(0, 500, 100)]);
        assert_eq!((texts[0].lines.len(), texts[0].left_out), (60, 40));
    }
}
