//! Which year a log is of whose stamps name none (RFC 3164), where no option says it.
//!
//! What says it is tried in the order of what it can be trusted with: other stamps of the file, other logs of the gateway, captures, and last
//! the time at which the file was changed. Never the time of the run: the same inputs give the same result on any day.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use wirecause_parsers::{
    log::{LogPart, Year},
    time::Timestamp,
};

use super::source::Source as Packets;
use crate::input::{Input, Source};

/// What says the year of a file's stamps, and what that is called.
pub(super) fn of(
    input: &Input,
    part: &LogPart,
    others: &[&LogPart],
    captured: impl FnOnce() -> Option<Timestamp>,
) -> Option<(Year, &'static str)> {
    let other = || others.iter().filter_map(|part| part.span().1).max();
    let near = |time: Timestamp, from| (Year::Near(time), from);
    part.span()
        .0
        .map(|time| near(time, "other stamps of the file"))
        .or_else(|| other().map(|time| near(time, "the gateway's other logs")))
        .or_else(|| captured().map(|time| near(time, "a capture")))
        .or_else(|| changed(input).map(|time| (Year::Before(time), "the time at which the file was changed")))
}

/// Whether an input can be read once more.
pub(super) fn is_rereadable(input: &Input) -> bool {
    match &input.source {
        Source::File(path) => fs::metadata(path).is_ok_and(|metadata| metadata.is_file()),
        Source::Stream(_) => false,
        Source::Member(_) => true,
    }
}

/// When a file was changed last.
fn changed(input: &Input) -> Option<Timestamp> {
    let Source::File(path) = &input.source else { return None };
    let changed: SystemTime = fs::metadata(path).ok()?.modified().ok()?;
    let since = changed.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_parts(i64::try_from(since.as_secs()).ok()?, 0))
}

/// The time of the first packet of the first of some captures that has one.
pub fn first_packet<'a>(captures: impl IntoIterator<Item = &'a Input>) -> Option<Timestamp> {
    captures.into_iter().filter(|input| is_rereadable(input)).find_map(|input| Packets::open(input).ok()?.first().0)
}
