//! The join: which connection carried a failed call.
//!
//! Names become addresses ([`names`]), every symptom has its anchor on the wire ([`anchor`]), the offset between the log's clock
//! and the capture's and the gateway's own timeouts are learned from all calls together ([`clock`], [`timeouts`]), each pair of
//! call and connection gets a score ([`score`]), and all calls of an endpoint are assigned jointly ([`assign`]). What is left
//! open among dead connections of a pool follows the order of the pool. No cause is decided here.

pub mod anchor;
mod asked;
pub mod assign;
mod attempts;
pub mod began;
pub mod candidates;
pub mod clock;
pub mod drift;
pub mod engine;
pub mod found;
mod infer;
mod learn;
mod mode;
pub mod names;
mod near;
mod pool;
mod possible;
mod scene;
pub mod score;
mod step;
mod stretch;
pub mod timeouts;
mod votes;

pub use engine::{JoinConfig, join};
pub use found::{Candidate, Certainty, Joined, Match};
pub use names::NameTable;
