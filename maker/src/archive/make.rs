//! Writes an archive: captures, the log, and what is a copy of what. No more than the sources is held in memory.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::net::IpAddr;
use std::path::Path;

use super::plan::source;
use super::source::LOG;
use super::writer::{BUFFER, Writer};
use super::{Copies, Fault, Readdress, Source, gateway};
use crate::SEC;

/// How large an archive became.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Made {
    /// Copies.
    pub copies: u64,
    /// Capture files.
    pub files: u64,
    /// Frames in them.
    pub frames: u64,
    /// Bytes of their records.
    pub capture_bytes: u64,
    /// Lines of the log.
    pub log_lines: u64,
    /// Bytes of the log.
    pub log_bytes: u64,
}

/// Makes an archive in `directory`, which is created: `gateway_0000.pcap` and so on in at most `files` files, `ssg_0_0.log`, and `copies.csv`.
///
/// `copies.csv` has a row per copy in time order: its number, its kind, how many nanoseconds later than its source it is, the gateway's
/// addresses in it (joined by `;`), and the first and last line of its part of the log.
pub fn make(
    copies: Copies,
    incident: &Source,
    calm: Option<&Source>,
    files: u64,
    directory: &Path,
) -> Result<Made, Fault> {
    let schedule = copies.schedule(incident, calm)?;
    let sources = || schedule.iter().map(|copy| source(copy.kind, incident, calm));
    if let Some(other) = sources().find(|source| source.capture.link != incident.capture.link) {
        return Err(format!(
            "link types {} and {} cannot be in one capture",
            incident.capture.link, other.capture.link
        ));
    }
    fs::create_dir_all(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    let path = directory.join(LOG);
    let log_fault = |e| format!("{}: {e}", path.display());
    let mut log = BufWriter::with_capacity(BUFFER, File::create(&path).map_err(log_fault)?);

    let mut made = Made { copies: schedule.len() as u64, ..Made::default() };
    made.capture_bytes = sources().map(Source::capture_bytes).sum();
    // Zero is no limit.
    let limits =
        sources().map(|source| source.capture.snap_length).map(|limit| if limit == 0 { LIBPCAP_MOST } else { limit });
    let snap_length = limits.max().unwrap_or(LIBPCAP_MOST);
    let mut captures = Writer::new(directory, incident.capture.link, snap_length, made.capture_bytes, files.max(1));
    let mut table = String::from("copy,kind,shift_ns,gateway,first_line,last_line\n");
    let mut bytes = Vec::new();
    for (number, copy) in (0..).zip(&schedule) {
        let source = source(copy.kind, incident, calm);
        let gateways: Vec<(IpAddr, IpAddr)> =
            source.gateways.iter().map(|&old| (old, gateway::of_copy(old, number))).collect();
        let readdress = Readdress::new(gateways.iter().copied());
        let shift = copy.later_seconds * SEC as i64;
        for frame in &source.capture.frames {
            bytes.clear();
            bytes.extend_from_slice(source.capture.bytes(frame));
            readdress.frame(source.capture.link, &mut bytes);
            captures.frame(frame.time.saturating_add_signed(shift), frame.length, &bytes)?;
        }
        source.log.write_later(copy.later_seconds, &mut log).map_err(log_fault)?;
        let names: Vec<String> = gateways.iter().map(|(_, new)| new.to_string()).collect();
        let (first, last) = (made.log_lines + 1, made.log_lines + source.log.lines);
        let _ = writeln!(table, "{number},{},{shift},{},{first},{last}", copy.kind.word(), names.join(";"));
        made.frames += source.capture.frames.len() as u64;
        made.log_lines = last;
        made.log_bytes += source.log.len();
    }
    log.flush().map_err(log_fault)?;
    made.files = captures.finish()?;
    let path = directory.join("copies.csv");
    fs::write(&path, table).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(made)
}

/// The longest frame that libpcap reads (`MAXIMUM_SNAPLEN`).
const LIBPCAP_MOST: u32 = 262_144;
