//! Reads a log from chunks of its bytes, cut anywhere.
//!
//! Every line is looked at for two things only: whether it starts a record, and whether it holds one of the phrases that
//! the prefilter searches for. The few that do are read in full, together with the lines that continue them.

use memchr::{memchr, memchr_iter};

use super::{
    block::{Cut, LogBlock},
    chain::{LogPart, chain},
    container::{Container, Translator, change},
    lines::{LONGEST_LINE, LineCutter, Run},
    prefilter::Phrases,
    records::Records,
    scan::{LogOptions, LogScan, Year},
};

/// Reads one log file, chunk by chunk.
#[derive(Debug)]
pub struct LogScanner {
    cutter: LineCutter,
    reader: Reader,
}

impl LogScanner {
    /// A scanner at the start of a file.
    pub fn new(options: LogOptions) -> Self {
        Self {
            cutter: LineCutter::default(),
            reader: Reader { form: Form::Unknown, year: options.year, records: Records::new(options) },
        }
    }

    /// Takes the next bytes of the file, decompressed.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Self { cutter, reader } = self;
        cutter.feed(bytes, |run| reader.run(&run));
    }

    /// The same as [`Self::feed`], but that `read` is given the blocks of at least `size` bytes into which most of them can be cut, and
    /// gives back what [`LogBlock::read`] made of each, in their order. A log whose lines are wrapped has no blocks.
    pub fn feed_blocks(&mut self, bytes: &[u8], size: usize, read: impl FnOnce(&[&[u8]]) -> Vec<LogBlock>) {
        let mut rest = bytes;
        while self.reader.takes_blocks().is_none() && !rest.is_empty() {
            let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            self.feed(line);
            rest = after;
        }
        let cut = match self.reader.takes_blocks() {
            Some(true) => Cut::new(rest, size, self.cutter.is_holding()),
            _ => Cut::none(rest),
        };
        self.feed(cut.before);
        for (bytes, block) in cut.blocks.iter().zip(read(&cut.blocks)) {
            let is_appended = block.is_plain && matches!(self.reader.form, Form::Plain);
            if !(is_appended && self.reader.records.append(block.records)) {
                self.feed(bytes);
            }
        }
        self.feed(cut.behind);
    }

    /// Ends the file, which is a whole log.
    pub fn finish(self) -> LogScan {
        chain(vec![self.finish_part()], |calls| calls).pop().unwrap_or_default()
    }

    /// Ends the file, which may be one of several.
    pub fn finish_part(self) -> LogPart {
        let Self { mut cutter, mut reader } = self;
        cutter.finish(|run| reader.run(&run));
        reader.finish()
    }
}

/// Reads runs of lines in the form that the file has.
#[derive(Debug)]
struct Reader {
    form: Form,
    /// What says the year of stamps without one.
    year: Option<Year>,
    records: Records,
}

/// What a file's lines look like.
#[derive(Debug)]
enum Form {
    /// No line so far tells.
    Unknown,
    Plain,
    Wrapped(Box<Translator>),
}

impl Reader {
    fn run(&mut self, run: &Run<'_>) {
        let mut rest = self.before_known(run);
        if let Form::Plain = self.form {
            let Some((at, container)) = read_plain(rest, run.dropped, &mut self.records) else { return };
            self.form = Form::Wrapped(Box::new(Translator::behind_plain(container, self.year)));
            rest = rest.get(at..).unwrap_or_default();
        }
        if let Form::Wrapped(translator) = &mut self.form {
            read_wrapped(rest, run.dropped, translator, &mut self.records);
        }
    }

    /// Whether the file has no wrapping, so that its lines can be read apart from those before them; `None` where the lines so far do
    /// not tell.
    const fn takes_blocks(&self) -> Option<bool> {
        match self.form {
            Form::Wrapped(_) => Some(false),
            Form::Plain if self.records.takes_blocks() => Some(true),
            Form::Plain | Form::Unknown => None,
        }
    }

    /// Reads lines until one tells the file's form; gives back what is left, from that line on.
    fn before_known<'a>(&mut self, run: &Run<'a>) -> &'a [u8] {
        let mut rest = run.bytes;
        while matches!(self.form, Form::Unknown) && !rest.is_empty() {
            let end = memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            let at_start = self.records.is_at_start();
            match Container::of_line(shown(line, at_start)) {
                Some(Container::Plain) => self.form = Form::Plain,
                Some(container) => self.form = Form::Wrapped(Box::new(Translator::new(container, self.year))),
                None => {
                    let _ = read_plain(line, run.dropped, &mut self.records);
                    rest = after;
                }
            }
        }
        rest
    }

    fn finish(mut self) -> LogPart {
        let (form, year) = match &mut self.form {
            Form::Unknown => (None, None),
            Form::Plain => (Some(Container::Plain.word()), None),
            Form::Wrapped(translator) => {
                translator.finish(&mut self.records);
                (Some(translator.word()), translator.year())
            }
        };
        LogPart { form, year, ..self.records.finish() }
    }
}

/// Hands on the lines of a run with their places and phrases, up to one that is wrapped: where that begins, and in what.
#[must_use]
pub(super) fn read_plain(text: &[u8], dropped: u64, records: &mut Records) -> Option<(usize, Container)> {
    let mut phrases = Phrases::new(text);
    for (start, end) in lines(text) {
        let line = shown(text.get(start..end).unwrap_or_default(), records.is_at_start());
        if let Some(container) = change(line) {
            return Some((start, container));
        }
        let place = records.place((end - start) as u64 + dropped);
        let found = || phrases.of_line(start, end.min(start + LONGEST_LINE), end);
        records.line(line, place, found);
    }
    None
}

/// Hands a run's lines to the translator.
fn read_wrapped(text: &[u8], dropped: u64, translator: &mut Translator, records: &mut Records) {
    for (start, end) in lines(text) {
        let at_start = records.is_at_start();
        let place = records.place((end - start) as u64 + dropped);
        translator.line(shown(text.get(start..end).unwrap_or_default(), at_start), place, records);
    }
}

/// Where each line of a text starts and ends, line end included.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let unfinished = text.last().filter(|last| **last != b'\n').map(|_| text.len());
    let ends = memchr_iter(b'\n', text).map(|at| at + 1).chain(unfinished);
    ends.scan(0, |start, end| Some((std::mem::replace(start, end), end)))
}

/// A line without its line end, and without a byte order mark at the start of the file; no longer than is kept.
fn shown(line: &[u8], at_start: bool) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = line.get(..LONGEST_LINE).unwrap_or(line);
    if at_start { line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line) } else { line }
}

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
