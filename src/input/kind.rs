//! What a file holds, by its first bytes and never by its name.

use serde::Serialize;
use wirecause_parsers::{capture::looks_like_capture, log::looks_like_log};

use super::archive::Format;

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A packet capture.
    Capture,
    /// A gateway log.
    Log,
    /// An archive, whose members are inputs of their own.
    Archive,
    /// None of them.
    Other,
    /// It could not be opened or read.
    Unreadable,
}

impl Kind {
    /// By the first bytes of the decompressed content, [`PREFIX_BYTES`] of them or all there are.
    pub fn of(prefix: &[u8]) -> Self {
        // An archive that packs nothing shows the lines of its first member.
        if Format::of(prefix).is_some() {
            Self::Archive
        } else if looks_like_capture(prefix) {
            Self::Capture
        } else if looks_like_log(prefix) {
            Self::Log
        } else {
            Self::Other
        }
    }
}

/// How much of a file is looked at. A rotated log may begin in the middle of a stack trace, which seldom exceeds this.
pub const PREFIX_BYTES: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_is_known_by_its_magic_and_a_log_by_its_head_lines() {
        // A classic pcap header, microseconds, little-endian, Ethernet.
        let pcap = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x01\0\0\0";
        assert_eq!(Kind::of(pcap), Kind::Capture);
        let log = b"2026-11-20T20:54:30.824-0300 INFO    1 com.l7tech.server.boot.GatewayBoot: Starting\n";
        assert_eq!(Kind::of(log), Kind::Log);
    }

    #[test]
    fn other_content_is_neither() {
        for other in [&b""[..], b"10.77.2.10 pool.corp.example\n", b"call,first_line\n1,2\n", b"\x7fELF\x02\x01\x01"] {
            assert_eq!(Kind::of(other), Kind::Other, "{other:?}");
        }
    }
}
