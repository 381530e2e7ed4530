//! Tracking: from segments in order to connections.
//!
//! A [`Tracker`] holds the live connections of one shard of a capture and turns each into a [`Connection`] record: two
//! endpoint states, a list of exchanges and the ending as separate facts. Capture time is the only clock; no flow is ever
//! cut by an idle timer. What an ending *means* is the business of [`crate::attribute`].

pub mod connection;
mod duplicate;
pub mod exchange;
pub mod finished;
pub mod flow;
mod kept;
mod live;
mod measure;
pub mod note;
pub mod notes;
pub(crate) mod pack;
mod payload;
pub mod reset;
pub mod sequence;
pub mod side;
pub mod state;
pub mod store;
pub mod stream;
#[cfg(test)]
pub(crate) mod testing;
pub mod tracker;

pub use connection::{Connection, Handshake, Names, Roles};
pub use exchange::{Exchange, Exchanges};
pub use finished::Finished;
pub use flow::FlowKey;
pub use note::{Direction, FrameId, Note, NoteKind};
pub use notes::Notes;
pub use reset::{Reset, ResetShape, SequenceFit};
pub use side::Side;
pub use tracker::{Arrival, Bounds, TrackCounts, Tracker, Wrapped};
