//! Logs: each file as a stream through the scanner, files in parallel.

use std::io::{self, Read};

use rayon::prelude::*;
use wirecause_parsers::log::{LogOptions, LogPart, LogScan, LogScanner, chain};

use crate::input::{
    Input, InputReport,
    error_id::{LogDigest, LogHasher},
    open,
};

/// One log file, read.
#[derive(Debug)]
pub struct LogFile {
    /// Its name in the output.
    pub name: String,
    /// Digest of its content, for error ids.
    pub digest: LogDigest,
    /// What it holds.
    pub scan: LogScan,
    /// What became of the input.
    pub report: InputReport,
    /// The input, to read an entry's text again.
    pub input: Input,
}

/// Reads `inputs`, which are logs, in parallel, and puts together what rotated files hold; the result is in their order.
pub fn read_logs(inputs: &[Input], options: LogOptions) -> Vec<Result<LogFile, InputReport>> {
    let mut read: Vec<_> = inputs.par_iter().map(|input| read_log(input, options)).collect();
    let parts = read.iter_mut().flatten().filter_map(|file| file.part.take()).collect();
    let mut scans = chain(parts).into_iter();
    let mut whole = |file: ReadFile| LogFile {
        name: file.input.name.clone(),
        digest: file.digest,
        scan: scans.next().unwrap_or_default(),
        report: file.report,
        input: file.input,
    };
    read.into_iter().map(|file| file.map(&mut whole)).collect()
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
    let mut report = InputReport::of(input, &opened);
    let mut opened = opened.read_ahead(AHEAD);
    let mut scanner = LogScanner::new(options);
    let mut hasher = LogHasher::default();
    let mut buffer = vec![0; CHUNK];
    let mut total = 0_u64;
    loop {
        match opened.stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                let chunk = buffer.get(..length).unwrap_or_default();
                scanner.feed(chunk);
                hasher.update(chunk);
                total += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                report.damage = Some(format!("after byte {total} of its content: {error}"));
                break;
            }
        }
    }
    if opened.bytes.is_none() {
        report.bytes = total;
    }
    Ok(ReadFile { input: input.clone(), digest: hasher.finish(), report, part: Some(scanner.finish_part()) })
}

/// Bytes read at once.
const CHUNK: usize = 1 << 20;
/// Bytes inflated ahead of a log's scanner, which is the faster of the two.
const AHEAD: usize = 4 << 20;
