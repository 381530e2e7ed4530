//! What an archive says of a packed member, held against what comes of it.

use std::io::{self, Read};

use flate2::Crc;

/// Size and CRC-32 of a member, unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::input) struct Check {
    pub(in crate::input) size: u64,
    pub(in crate::input) crc: u32,
}

impl Check {
    /// The stream, which ends in an error where it is not what it should be.
    pub(in crate::input) fn of<R: Read>(self, inner: R) -> Checked<R> {
        Checked { inner, check: self, sum: Crc::new(), read: 0, told: false }
    }
}

pub(in crate::input) struct Checked<R> {
    inner: R,
    check: Check,
    sum: Crc,
    read: u64,
    told: bool,
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let piece = buffer.get(..read).unwrap_or_default();
        self.sum.update(piece);
        self.read += read as u64;
        let ended = read == 0 && !buffer.is_empty();
        let wrong =
            self.read > self.check.size || ended && (self.read, self.sum.sum()) != (self.check.size, self.check.crc);
        if wrong && !std::mem::replace(&mut self.told, true) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "size or checksum differ from what the archive says",
            ));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_at_its_end() {
        // CRC-32 of "123456789", the check value that every catalogue of CRCs gives.
        let right = Check { size: 9, crc: 0xcbf4_3926 };
        let read = |check: Check| {
            let mut found = Vec::new();
            check.of(&b"123456789"[..]).read_to_end(&mut found).map(|_| found)
        };
        assert_eq!(read(right).unwrap(), b"123456789");
        for wrong in [Check { crc: 1, ..right }, Check { size: 8, ..right }, Check { size: 10, ..right }] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
