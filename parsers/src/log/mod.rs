//! Gateway logs: from bytes to failed calls.
//!
//! A log is cut into lines, lines are grouped into records (a head line and its continuation), and the records that report
//! a failed outbound call become [`FailedCall`]s. Knows nothing of packets.

pub mod call;

pub use call::{EntrySpan, FailedCall, Phase, PrematureEnd, Retry, Symptom, Target};
