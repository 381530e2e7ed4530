//! What can be wrong with a capture file.

use thiserror::Error;

/// Why a walk stopped. Frames that stood before the offset have been handed out and stay good.
///
/// Offsets are those of the record in the (decompressed) file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CaptureError {
    /// The first bytes belong to no capture format.
    #[error("neither pcap nor pcapng: the file begins with {found:02x?}")]
    UnknownFormat {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// The file ends inside a record: the writer was killed, or the file was copied while it grew.
    #[error("cut short: the record at byte {offset} takes at least {expected} bytes, the file has {found} more")]
    Cut {
        /// Where the record begins.
        offset: u64,
        /// Bytes that the record takes, as far as is known.
        expected: u64,
        /// Bytes that are left.
        found: u64,
    },
    /// A frame's captured length is beyond what the snap length allows: the length lies.
    #[error("the frame at byte {offset} claims {found} captured bytes, at most {limit} are possible")]
    FrameLength {
        /// Where the record begins.
        offset: u64,
        /// Most bytes a frame of this file can have.
        limit: u32,
        /// The length that the record states.
        found: u32,
    },
    /// A classic record of zeros: the tail of a file that was allocated and never written.
    #[error("zeros instead of a record at byte {offset}")]
    Zeros {
        /// Where the zeros begin.
        offset: u64,
    },
    /// A block's length is too small, too large, or no multiple of four.
    #[error("the block at byte {offset} claims a length of {found} bytes")]
    BlockLength {
        /// Where the block begins.
        offset: u64,
        /// The length that the block states.
        found: u32,
    },
    /// A block's length at its end is not the one at its beginning.
    #[error("the block at byte {offset} is {expected} bytes long by its beginning and {found} by its end")]
    BlockTrailer {
        /// Where the block begins.
        offset: u64,
        /// The length at the beginning.
        expected: u32,
        /// The length at the end.
        found: u32,
    },
    /// A block's fields do not fit into its length.
    #[error("the fields of the block at byte {offset} (type {kind:#010x}) do not fit into its {length} bytes")]
    BlockContent {
        /// Where the block begins.
        offset: u64,
        /// The block's type.
        kind: u32,
        /// The block's length.
        length: u32,
    },
    /// A section of a format version that is not 1.x.
    #[error("the section at byte {offset} has format version {major}.{minor}, known is 1")]
    Version {
        /// Where the section begins.
        offset: u64,
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// A block names an interface that its section has not described.
    #[error("the block at byte {offset} names interface {found}, its section describes {known}")]
    UnknownInterface {
        /// Where the block begins.
        offset: u64,
        /// Interfaces that the section has described so far.
        known: u32,
        /// The interface that the block names.
        found: u32,
    },
    /// More interfaces than any real file describes.
    #[error("more than {limit} interfaces, the next one at byte {offset}")]
    TooManyInterfaces {
        /// Where the first interface too many is described.
        offset: u64,
        /// Most interfaces that are kept of a file.
        limit: usize,
    },
}
