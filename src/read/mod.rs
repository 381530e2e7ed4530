//! Reading: from opened inputs to failed calls and tracked connections.
//!
//! Thin around the parsers and the tracker: it cuts captures into batches, decodes frames in parallel into shards by flow, and
//! tracks each shard in order. Knows nothing of calls and connections together.

pub mod capture;
pub mod entries;
pub mod kept;
pub mod log;
mod order;
pub mod packets;
pub mod points;
mod repeat;
mod route;
mod source;
pub mod tail;
mod year;

pub use capture::{CaptureFile, Captures, Heard, read_captures, read_needed};
pub use kept::KeptCall;
pub use log::{LogFile, read_logs};
pub use year::first_packet;
