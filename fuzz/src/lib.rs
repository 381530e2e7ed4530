//! What must hold whatever bytes come in: one function for each place where outside bytes are read, and for the stages that
//! hostile input reaches in another form. Each takes any bytes and panics where an invariant does not hold.
//!
//! libFuzzer draws the bytes in `targets/`, and a test feeds each function its corpus on every run of the test command.

#![forbid(unsafe_code)]
// A failed invariant is meant to panic, and what it panics at is what it says.
#![allow(clippy::missing_panics_doc)]

mod archives;
mod captures;
mod joined;
mod logs;
mod mutate;
mod payloads;
mod settings;
mod streams;

pub use archives::archive;
pub use captures::{capture, packet};
pub use joined::join;
pub use logs::{log_entry, log_head};
pub use mutate::mutate;
pub use payloads::{dns, http, tls};
pub use settings::config;
pub use streams::tracker;

/// Takes any bytes and panics where something does not hold of them.
pub type Check = fn(&[u8]);

/// Every function with the name of its corpus.
pub const TARGETS: [(&str, Check); 11] = [
    ("archive", archive),
    ("capture", capture),
    ("packet", packet),
    ("dns", dns),
    ("tls", tls),
    ("http", http),
    ("log_head", log_head),
    ("log_entry", log_entry),
    ("config", config),
    ("tracker", tracker),
    ("join", join),
];
