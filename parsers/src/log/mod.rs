//! Gateway logs: from bytes to failed calls.
//!
//! A log is cut into lines, lines are grouped into records (a head line and its continuation), and the records that report
//! a failed outbound call become [`FailedCall`]s. Knows nothing of packets.
//!
//! [`LogScanner`] takes a file in chunks and yields a [`LogScan`]; of files that were rotated it yields parts, which [`chain()`] puts
//! together.

mod block;
pub mod call;
mod chain;
mod container;
mod detect;
mod elapsed;
mod entry;
mod events;
mod facts;
mod failures;
mod foreign;
mod head;
mod lines;
mod memo;
mod pairing;
mod prefilter;
mod records;
mod report;
mod retry;
mod scan;
mod scanner;
mod stamp;
mod symptom;
mod tails;
#[cfg(test)]
mod tests;
mod texts;
mod trace;
mod url;
mod words;

pub use block::{LogBlock, Lore};
pub use call::{EntrySpan, FailedCall, Failure, Phase, PrematureEnd, Retry, Symptom, Target};
pub use chain::{LogPart, chain};
pub use detect::{LONGEST_PHRASE, holds_phrase, is_text, looks_like_log};
pub use scan::{LogCounts, LogOptions, LogScan, Year};
pub use scanner::LogScanner;
