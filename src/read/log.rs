//! Logs: files in parallel, and the blocks of a file. A slab of the file is scanned while the next one is read and hashed.

use std::{io::Read, sync::Arc};

use rayon::prelude::*;
use wirecause_parsers::{
    log::{FailedCall, LogBlock, LogCounts, LogOptions, LogPart, LogScan, LogScanner, Lore, Year, chain},
    time::Timestamp,
};

use super::{
    kept::{CallShelf, KeptCall},
    year,
};
use crate::{
    input::{
        Input, InputReport, Kind, LogYear,
        error_id::{LogDigest, LogHasher},
        open,
    },
    track::store::Store,
};

/// One log file, read.
#[derive(Debug)]
pub struct LogFile {
    /// Its name in the output.
    pub name: String,
    /// Digest of its content, for error ids.
    pub digest: LogDigest,
    /// What it holds.
    pub scan: LogScan<KeptCall>,
    /// What became of the input.
    pub report: InputReport,
    /// The input, to read an entry's text again.
    pub input: Input,
}

/// Reads `inputs`, which are logs, in parallel, and puts together what rotated files hold; the result is in their order. The rest of the calls lies in `store`.
/// `captured` tells a time at which packets were captured, for stamps without a year.
pub fn read_logs(
    inputs: &[Input],
    options: LogOptions,
    captured: impl Fn() -> Option<Timestamp>,
    store: &Arc<Store>,
) -> Vec<Result<LogFile, InputReport>> {
    let mut read: Vec<_> = inputs.par_iter().map(|input| read_log(input, options)).collect();
    let years: Vec<_> = read.iter().enumerate().map(|(index, file)| year(index, file, &read, &captured)).collect();
    read.par_iter_mut().zip(years).for_each(|(file, year)| {
        let (Ok(before), Some((year, from))) = (&file, year) else { return };
        *file = read_log(&before.input, LogOptions { year: Some(year), ..options }).map(|again| again.with_year(from));
    });
    for file in read.iter_mut().flatten() {
        if let Some(part) = &file.part {
            file.report.not_read = not_read(part.counts(), part.form());
            file.report.log_year = part.year().map(|year| LogYear { year, from: file.year_from });
        }
    }
    let parts = read.iter_mut().flatten().filter_map(|file| file.part.take()).collect();
    let mut scans = chain(parts, |calls| kept(calls, store)).into_iter();
    let mut whole = |file: ReadFile| LogFile {
        name: file.input.name.clone(),
        digest: file.digest,
        scan: scans.next().unwrap_or_default(),
        report: file.report,
        input: file.input,
    };
    read.into_iter().map(|file| file.map(&mut whole)).collect()
}

/// Packs calls, in parallel.
fn kept(calls: Vec<FailedCall>, store: &Arc<Store>) -> Vec<KeptCall> {
    let shelf = || CallShelf::new(Arc::clone(store));
    calls.into_par_iter().with_min_len(PACKED_AT_ONCE).map_init(shelf, CallShelf::put).collect()
}

/// What says the year of a file's stamps, where some have got no time for lack of it.
fn year(
    index: usize,
    file: &Result<ReadFile, InputReport>,
    read: &[Result<ReadFile, InputReport>],
    captured: impl Fn() -> Option<Timestamp>,
) -> Option<(Year, &'static str)> {
    let file = file.as_ref().ok()?;
    let part = file.part.as_ref().filter(|part| part.counts().without_year > 0)?;
    if !year::is_rereadable(&file.input) {
        return None;
    }
    let others = read.iter().enumerate().filter(|(other, _)| *other != index);
    let others: Vec<_> = others.filter_map(|(_, file)| file.as_ref().ok()?.part.as_ref()).collect();
    year::of(&file.input, part, &others, captured)
}

/// What tells of failures in a log, and made no call: each kind with what can be done.
fn not_read(counts: &LogCounts, form: Option<&str>) -> Option<String> {
    // An exception before the first record belongs to a record that stands before the file's beginning.
    let begun = if counts.records > 0 { counts.traces_before } else { 0 };
    let timeless = counts.without_time.saturating_sub(counts.without_year + begun);
    let (unknown, timeless) =
        if form.is_none() { (counts.unknown_form + timeless, 0) } else { (counts.unknown_form, timeless) };
    let kinds = [
        (
            counts.without_year,
            "failures and requests without a time, since nothing says the year of their stamps (give --log-year)",
        ),
        (timeless, "failures and requests without a time"),
        (unknown, "lines that tell of failures in a form that is not known"),
    ];
    let told: Vec<_> =
        kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{what}: {count}")).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// A file that was read, before it is put together with the others.
struct ReadFile {
    input: Input,
    digest: LogDigest,
    report: InputReport,
    part: Option<LogPart>,
    /// What said the year of its stamps without one.
    year_from: &'static str,
}

impl ReadFile {
    fn with_year(self, from: &'static str) -> Self {
        Self { year_from: from, ..self }
    }
}

fn read_log(input: &Input, options: LogOptions) -> Result<ReadFile, InputReport> {
    let opened = open(input).map_err(|error| InputReport::unreadable(input, error.to_string()))?;
    // What its first bytes do not show was found further on when it was looked at.
    let mut report = InputReport { kind: Kind::Log, ..InputReport::of(input, &opened) };
    let is_sized = opened.bytes.is_some();
    let mut bytes =
        Bytes { stream: opened.read_ahead(AHEAD).stream, hasher: LogHasher::default(), total: 0, damage: None };
    let (mut scanner, lore) = (LogScanner::new(options), Lore::default());
    let (mut slab, mut next) = (Vec::new(), Vec::new());
    bytes.fill(&mut slab);
    while !slab.is_empty() {
        let read = |blocks: &[&[u8]]| blocks.par_iter().map(|block| LogBlock::read(options, block, &lore)).collect();
        rayon::join(|| bytes.fill(&mut next), || scanner.feed_blocks(&slab, BLOCK, read));
        std::mem::swap(&mut slab, &mut next);
    }
    report.damage = bytes.damage.or(report.damage);
    if !is_sized {
        report.bytes = bytes.total;
    }
    Ok(ReadFile {
        input: input.clone(),
        digest: bytes.hasher.finish(),
        report,
        part: Some(scanner.finish_part()),
        year_from: "--log-year",
    })
}

/// The bytes of a log, read and hashed a slab at a time.
struct Bytes {
    stream: Box<dyn Read + Send>,
    hasher: LogHasher,
    total: u64,
    damage: Option<String>,
}

impl Bytes {
    /// Reads the next slab; an empty one at the end.
    fn fill(&mut self, slab: &mut Vec<u8>) {
        slab.clear();
        while slab.len() < SLAB && self.damage.is_none() {
            let start = slab.len();
            let read = self.stream.by_ref().take(CHUNK).read_to_end(slab);
            let chunk = slab.get(start..).unwrap_or_default();
            self.hasher.update(chunk);
            self.total += chunk.len() as u64;
            match read {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => self.damage = Some(format!("after byte {} of its content: {error}", self.total)),
            }
        }
    }
}

/// Calls that one shelf packs at least.
const PACKED_AT_ONCE: usize = 512;
/// Bytes read at once, which the second-level cache still holds when they are hashed.
const CHUNK: u64 = 256 << 10;
/// Bytes of a log that are scanned while the next ones are read.
const SLAB: usize = 8 << 20;
/// Bytes of a block: every thread finds some to do in a slab, and what a block makes anew is little beside them.
const BLOCK: usize = 512 << 10;
/// Bytes inflated ahead of a log's scanner, which is the faster of the two.
const AHEAD: usize = 4 << 20;
