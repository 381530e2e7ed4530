//! Draws incidents for wirecause to be tested against: a gateway and its backends are played over a virtual clock, packet by packet,
//! failures are played on purpose, and the gateway's log, the capture beside it and the truth about every failed call are written.
//!
//! The maker shares no code with wirecause. It knows TCP stacks, TLS records, DNS and the gateway's log forms from their specifications,
//! and it knows each cause because it played it.

pub mod archive;
pub mod backend;
pub mod call;
pub mod der;
pub mod dns;
pub mod draw;
pub mod gateway;
pub mod incident;
pub mod log;
pub mod north;
pub mod pcap;
pub mod scenario;
pub mod server;
pub mod stack;
pub mod tcp;
pub mod tls;
pub mod truth;
pub mod variation;
pub mod wire;
pub mod world;

pub use incident::{Incident, Profile, draw, draw_varied};
pub use truth::TruthRow;
pub use variation::{Variation, Way};

/// Nanoseconds since the world began.
pub type Ns = u64;
/// A microsecond.
pub const US: Ns = 1000;
/// A millisecond.
pub const MS: Ns = 1_000_000;
/// A second.
pub const SEC: Ns = 1_000_000_000;
