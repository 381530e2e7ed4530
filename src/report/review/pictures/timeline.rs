//! Errors of the log and endings on the wire, on one time axis.

use crate::report::review::Material;

use super::{TimeBins, line_time};

/// The series.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// The time axis, by the capture's clock.
    pub bins: TimeBins,
    /// Failed calls by their log lines, the clock offset taken out.
    pub errors: Vec<u64>,
    /// Connections that a RST ended.
    pub resets: Vec<u64>,
    /// Connections that the peer's FIN ended.
    pub fins: Vec<u64>,
}

impl Timeline {
    /// Gathers the series over the time of the failed calls and a margin; `None` without calls.
    pub fn new(material: &Material<'_>) -> Option<Self> {
        let lines = (0..material.errors.len()).map(|call| line_time(material, call));
        let calls = TimeBins::over(lines.clone(), BINS)?;
        let margin = calls.last.since(calls.first) / MARGIN;
        let bins = TimeBins { first: calls.first.plus(-margin), last: calls.last.plus(margin), count: BINS };
        let ended = |kind: &'static str, by: Option<&'static str>| {
            material
                .connections
                .iter()
                .filter(move |row| row.ending == Some(kind) && (by.is_none() || row.ended_by == by))
                .filter_map(|row| row.ending_time)
        };
        Some(Self {
            errors: bins.counts(lines),
            resets: bins.counts(ended("rst", None)),
            fins: bins.counts(ended("fin", Some("responder"))),
            bins,
        })
    }
}

/// Bins of the wide picture; divisible by three for the narrow one.
const BINS: usize = 120;
/// The axis reaches beyond the calls by one in so many of their span.
const MARGIN: i64 = 50;
