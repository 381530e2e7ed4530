//! What is copied: an incident's directory.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use super::capture::Capture;
use super::log::Log;
use super::{Fault, gateway};
use crate::Ns;

/// One incident, in memory.
#[derive(Debug, Clone)]
pub struct Source {
    pub(super) capture: Capture,
    pub(super) log: Log,
    pub(super) gateways: Vec<IpAddr>,
}

impl Source {
    /// Reads `ssg_0_0.log` and the capture `gateway.*` of a directory.
    pub fn read(directory: &Path) -> Result<Self, Fault> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .map_err(|e| format!("{}: {e}", directory.display()))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.starts_with("gateway."))
            .collect();
        names.sort();
        let capture = names.first().ok_or_else(|| format!("{}: no capture gateway.*", directory.display()))?;
        let within = |name: &str, fault: Fault| format!("{}: {fault}", directory.join(name).display());
        let read = |name: &str| fs::read(directory.join(name)).map_err(|e| within(name, e.to_string()));
        let (frames, log) = (read(capture)?, read(LOG)?);
        Self::of(Capture::read(frames), Log::new(log).map_err(|fault| within(LOG, fault))?)
            .map_err(|fault| within(capture, fault))
    }

    /// The bytes of a capture and of a log.
    pub fn new(capture: Vec<u8>, log: Vec<u8>) -> Result<Self, Fault> {
        Self::of(Capture::read(capture), Log::new(log)?)
    }

    fn of(capture: Result<Capture, Fault>, log: Log) -> Result<Self, Fault> {
        let capture = capture?;
        let gateways = gateway::find(&capture)?;
        Ok(Self { capture, log, gateways })
    }

    /// First and last instant of log and capture together.
    pub(super) fn span(&self) -> (Ns, Ns) {
        let (first, last) = self.log.span;
        self.capture.span().map_or((first, last), |(from, to)| (first.min(from), last.max(to)))
    }

    /// Bytes that a copy's frames take in the archive.
    pub(super) fn capture_bytes(&self) -> u64 {
        self.capture.frames.iter().map(|frame| u64::from(frame.kept) + super::writer::RECORD_HEADER).sum()
    }
}

/// The log's name.
pub(super) const LOG: &str = "ssg_0_0.log";
