//! A gateway's log, whole in memory, and copies of it at other times.

use std::io::{self, Write};

use super::{Fault, stamp};
use crate::Ns;

/// Lines, some of which begin with a stamp.
#[derive(Debug, Clone)]
pub(super) struct Log {
    text: Vec<u8>,
    /// Lines that it has.
    pub(super) lines: u64,
    /// First and last stamp, as instants.
    pub(super) span: (Ns, Ns),
}

impl Log {
    /// Takes a log's text. Its last line is ended where it was not.
    pub(super) fn new(mut text: Vec<u8>) -> Result<Self, Fault> {
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        let stamps = || text.split(|&byte| byte == b'\n').filter_map(stamp::instant);
        let span = stamps().min().zip(stamps().max()).ok_or("no line of the log begins with a stamp")?;
        let lines = text.split_inclusive(|&byte| byte == b'\n').count() as u64;
        Ok(Self { text, lines, span })
    }

    /// Bytes that a copy takes.
    pub(super) fn len(&self) -> u64 {
        self.text.len() as u64
    }

    /// Writes the log with all stamps later by some seconds, each in the zone and the precision it was written in.
    pub(super) fn write_later(&self, seconds: i64, out: &mut impl Write) -> io::Result<()> {
        for line in self.text.split_inclusive(|&byte| byte == b'\n') {
            if let Some(local) = stamp::local(line) {
                let (head, rest) = line.split_at(stamp::LENGTH);
                let mut head = head.to_vec();
                stamp::write(&mut head, local + seconds);
                out.write_all(&head)?;
                out.write_all(rest)?;
            } else {
                out.write_all(line)?;
            }
        }
        Ok(())
    }
}
