//! Large archives to measure on: many copies of one incident, one after the other, as a gateway that ran for days leaves them.
//!
//! Each copy has times of its own and a gateway address of its own, so that no two of its connections are one, and is the incident
//! otherwise: what the incident's calls failed of, the copy's failed of. Nothing here knows what that is.

mod capture;
mod checksum;
mod dns;
mod gateway;
mod locate;
mod log;
mod make;
mod plan;
mod readdress;
mod source;
mod stamp;
mod writer;

pub use make::{Made, make};
pub use plan::{Copies, Kind, Preset};
pub use readdress::Readdress;
pub use source::Source;

/// Why an archive could not be made: what was wrong, and where.
pub type Fault = String;
