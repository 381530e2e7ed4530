//! Tells a gateway log by its content.

use super::{
    container::is_of_gateway,
    prefilter::{Phrase, Phrases},
};

/// Whether the first bytes of a file, decompressed, are those of a gateway log: a head line among its first lines, or a
/// phrase that only a gateway's log holds.
pub fn looks_like_log(bytes: &[u8]) -> bool {
    let text = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    is_text(text) && (text.split(|byte| *byte == b'\n').any(is_of_log) || holds_phrase(text))
}

/// Whether a file that begins with these bytes holds text.
pub fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().take(BINARY_LOOKED_AT).filter(|byte| **byte == 0).count() <= FEW_NULS
}

/// Whether a phrase that only a gateway's log holds is among these bytes of a file.
pub fn holds_phrase(text: &[u8]) -> bool {
    Phrases::new(text).of_line(0, text.len(), text.len()).is_some_and(|found| found.phrase >= Phrase::Request)
}

/// No such phrase is longer.
pub const LONGEST_PHRASE: usize = 64;

/// A record of a gateway, or one in the form of a container runtime. A stamp alone starts lines of many logs.
fn is_of_log(line: &[u8]) -> bool {
    is_of_gateway(line.strip_suffix(b"\r").unwrap_or(line))
}

/// A file that starts in the middle of a stack trace shows a head line within some thousand bytes.
const LOOKED_AT: usize = 64 << 10;
/// Text holds no NUL bytes; a log that was truncated while it was written holds some at its start.
const BINARY_LOOKED_AT: usize = 512;
const FEW_NULS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs() {
        for text in [
            "2021-05-17T15:19:00.041-0300 INFO    174 com.l7tech.server.message: Processing request for service: x\n",
            "\u{feff}2021-05-17T15:19:00.041-0300 INFO    174 com.l7tech.server.message: x\n",
            "\tat a.b(C.java:1)\n2021-05-17T15:19:00.041-0300 INFO    174 a.b: x\r\n",
            "4042: Problem routing to http://h/. Error msg: x",
            "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1631691287413000\nMESSAGE=WARNING com.l7tech.server.message: x\n\n",
            "Node : Gateway1\nTime : 20190222 03:10:51.459\nSeverity : WARNING\n",
        ] {
            assert!(looks_like_log(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn other_files() {
        for text in [
            "",
            "a,b,c\n1,2,3\n",
            "2021-05-17T15:19:00.041-0300 something else\n",
            "\u{1f}\u{8b}",
            "__REALTIME_TIMESTAMP=1\nMESSAGE=usb 1-1: new device\n",
        ] {
            assert!(!looks_like_log(text.as_bytes()), "{text}");
        }
        assert!(!looks_like_log(&[0; 4096]));
    }
}
