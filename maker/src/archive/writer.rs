//! Captures in the classic form, cut into files in time order.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use super::Fault;
use crate::Ns;

/// Writes frames to `gateway_0000.pcap` and those that follow it: little-endian, microseconds.
pub(super) struct Writer<'a> {
    directory: &'a Path,
    header: [u8; 24],
    /// Bytes of all records, and how many files share them.
    total: u64,
    files: u64,
    written: u64,
    opened: u64,
    open: Option<(PathBuf, BufWriter<File>)>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(directory: &'a Path, link: u32, snap_length: u32, total: u64, files: u64) -> Self {
        let mut header = [0; 24];
        // Magic number, version 2.4, no correction of zone and accuracy, snap length, link type.
        header[..4].copy_from_slice(&0xa1b2_c3d4_u32.to_le_bytes());
        header[4..8].copy_from_slice(&[2, 0, 4, 0]);
        header[16..20].copy_from_slice(&snap_length.to_le_bytes());
        header[20..].copy_from_slice(&link.to_le_bytes());
        Self { directory, header, total, files, written: 0, opened: 0, open: None }
    }

    /// Appends a frame: its time, its length on the wire, and what was kept of it.
    pub(super) fn frame(&mut self, time: Ns, length: u32, kept: &[u8]) -> Result<(), Fault> {
        // A file ends at the first frame beyond its part of the bytes.
        if self.opened < self.files && self.written >= self.total / self.files * self.opened {
            self.next_file()?;
        }
        let mut record = [0; RECORD_HEADER as usize];
        let fields = [(time / 1_000_000_000) as u32, (time / 1_000 % 1_000_000) as u32, kept.len() as u32, length];
        for (place, field) in record.chunks_exact_mut(4).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        self.written += RECORD_HEADER + kept.len() as u64;
        let (path, file) = self.open.as_mut().ok_or("no file is open")?;
        file.write_all(&record).and_then(|()| file.write_all(kept)).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Ends the last file; how many there are.
    pub(super) fn finish(mut self) -> Result<u64, Fault> {
        self.flush()?;
        Ok(self.opened)
    }

    fn next_file(&mut self) -> Result<(), Fault> {
        self.flush()?;
        let path = self.directory.join(format!("gateway_{:04}.pcap", self.opened));
        let fault = |e| format!("{}: {e}", path.display());
        let mut file = BufWriter::with_capacity(BUFFER, File::create(&path).map_err(fault)?);
        file.write_all(&self.header).map_err(fault)?;
        self.open = Some((path, file));
        self.opened += 1;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Fault> {
        match &mut self.open {
            Some((path, file)) => file.flush().map_err(|e| format!("{}: {e}", path.display())),
            None => Ok(()),
        }
    }
}

/// Bytes before each frame.
pub(super) const RECORD_HEADER: u64 = 16;
/// Bytes written at once.
pub(super) const BUFFER: usize = 1 << 20;
