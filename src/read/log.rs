//! Logs: files in parallel, and the blocks of a file. A slab of the file is scanned while the next one is read and hashed.

use std::{io::Read, sync::Arc};

use rayon::prelude::*;
use wirecause_parsers::log::{FailedCall, LogBlock, LogOptions, LogPart, LogScan, LogScanner, Lore, chain};

use super::kept::{CallShelf, KeptCall};
use crate::{
    input::{
        Input, InputReport, Kind,
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
pub fn read_logs(inputs: &[Input], options: LogOptions, store: &Arc<Store>) -> Vec<Result<LogFile, InputReport>> {
    let mut read: Vec<_> = inputs.par_iter().map(|input| read_log(input, options)).collect();
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

/// A file that was read, before it is put together with the others.
struct ReadFile {
    input: Input,
    digest: LogDigest,
    report: InputReport,
    part: Option<LogPart>,
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
    Ok(ReadFile { input: input.clone(), digest: bytes.hasher.finish(), report, part: Some(scanner.finish_part()) })
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
