//! Capture files: from bytes to frames. Knows how frames are stored, not what they carry.

pub mod frame;

pub use frame::{FrameRef, Interface, LinkType};
