//! Capture files: from bytes to frames. Knows how frames are stored, not what they carry.
//!
//! A [`Walker`] is given a file's bytes in pieces and names where each frame lies in them. Reading, inflating and ordering
//! files are done by its caller; what a frame holds is [`crate::packet`]'s subject.

mod clock;
mod error;
pub mod frame;
mod pcap;
mod pcapng;
pub mod record;
#[cfg(test)]
mod testing;
mod walker;

pub use error::CaptureError;
pub use frame::{FrameRef, Interface, LinkType};
pub use record::{Origin, RawOption, Record, record};
pub use walker::{LONGEST_RECORD, Walker, looks_like_capture};

use crate::time::Timestamp;

/// What stands at the beginning of the bytes that are left.
enum Step {
    /// A whole record with a frame.
    Frame(Stored),
    /// A whole header or block of this many bytes that holds no frame.
    Other(usize),
    /// Less than a whole record, which takes at least this many bytes.
    More(usize),
}

/// A frame as its record stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    /// Bytes of the whole record.
    length: usize,
    /// Where in the record the frame's bytes begin.
    data: usize,
    captured: u32,
    original: u32,
    /// `None`: the record has no time.
    time: Option<Timestamp>,
    interface: u32,
}

/// Most bytes of a frame that tcpdump or dumpcap ever capture (libpcap's `MAXIMUM_SNAPLEN`); a file whose own snap length
/// is higher may hold more, up to [`LONGEST_FRAME`].
const USUAL_FRAME: u32 = 256 * 1024;

/// No frame is longer than this, whatever the file's snap length claims; Wireshark draws the same line.
const LONGEST_FRAME: u32 = 16 * 1024 * 1024;

/// Most bytes that a frame may have captured in a file or interface of this snap length (0 = no limit set).
fn frame_limit(snap_length: u32) -> u32 {
    snap_length.clamp(USUAL_FRAME, LONGEST_FRAME)
}
