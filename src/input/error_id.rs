//! The id of an error: what was logged and where in the log, whatever the file is called or lies.

use sha1::{Digest as _, Sha1};

/// The digest of a log's (decompressed) content, fed as it is read.
#[derive(Clone, Default)]
pub struct LogHasher(Sha1);

impl LogHasher {
    /// Adds the next bytes of the log.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes added.
    pub fn finish(self) -> LogDigest {
        LogDigest(self.0.finalize().into())
    }
}

/// The digest of a log's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogDigest([u8; 20]);

/// The id of the error that the entry at `line` reports: 16 hex digits.
pub fn error_id(log: &LogDigest, line: u64) -> String {
    let mut hash = Sha1::new();
    hash.update(log.0);
    hash.update(line.to_be_bytes());
    let digest: [u8; 20] = hash.finalize().into();
    let id = digest.iter().take(ID_BYTES).fold(0_u64, |id, byte| id << 8 | u64::from(*byte));
    format!("{id:016x}")
}

/// 64 bits: among a million errors the odds of two equal ids are below one in ten million.
const ID_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(parts: &[&str]) -> LogDigest {
        let mut hasher = LogHasher::default();
        for part in parts {
            hasher.update(part.as_bytes());
        }
        hasher.finish()
    }

    #[test]
    fn an_id_depends_on_content_and_line_alone() {
        let whole = digest(&["one\ntwo\n"]);
        assert_eq!(error_id(&whole, 2), error_id(&digest(&["one\n", "two\n"]), 2));
        assert_ne!(error_id(&whole, 2), error_id(&whole, 1));
        assert_ne!(error_id(&whole, 2), error_id(&digest(&["one\nTwo\n"]), 2));
    }

    #[test]
    fn an_id_is_16_hex_digits_and_stays_what_it_was() {
        // printf 'one\n' | sha1sum | xxd -r -p, followed by the line as 8 bytes big-endian, through sha1sum.
        assert_eq!(error_id(&digest(&["one\n"]), 7), "78755a17b6117811");
    }
}
