//! What logs and captures cover, with holes and drops.

use wirecause_parsers::time::Timestamp;

use crate::report::{
    review::{Material, facts::Lane},
    visible::visible,
};

/// The series.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    /// The time axis, by the capture's clock.
    pub span: (Timestamp, Timestamp),
    /// Logs, then captures, each in order of time.
    pub lanes: Vec<Strip>,
    /// Files left out.
    pub left_out: usize,
}

/// One file.
#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    /// Its name.
    pub name: String,
    /// Whether it is a log.
    pub is_log: bool,
    /// The time that it covers.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Holes: long times without any frame.
    pub holes: Vec<(Timestamp, Timestamp)>,
    /// Starts of connections of which segments are missing.
    pub missed: Vec<Timestamp>,
    /// Missing ranges of sequence numbers in all.
    pub gaps: u64,
    /// Frames that the interfaces dropped, where the file says so.
    pub dropped: Option<u64>,
    /// Records or frames.
    pub count: u64,
}

impl Coverage {
    /// Gathers the series; `None` where no file has a time.
    pub fn new(material: &Material<'_>) -> Option<Self> {
        let mut lanes: Vec<&Lane> = material.facts.lanes.iter().collect();
        let first = lanes.iter().filter_map(|lane| Some(lane.span?.0)).min()?;
        let last = lanes.iter().filter_map(|lane| Some(lane.span?.1)).max()?;
        lanes.sort_by(|a, b| {
            b.is_log
                .cmp(&a.is_log)
                .then(a.span.is_none().cmp(&b.span.is_none()))
                .then(a.span.cmp(&b.span))
                .then(a.name.cmp(&b.name))
        });
        Some(Self {
            span: (first, last),
            left_out: lanes.len().saturating_sub(MOST_LANES),
            lanes: lanes.into_iter().take(MOST_LANES).map(|lane| strip(material, lane)).collect(),
        })
    }
}

fn strip(material: &Material<'_>, lane: &Lane) -> Strip {
    let missed =
        material.connections.iter().filter(|row| !lane.is_log && row.gaps > 0 && row.capture_file == lane.name);
    Strip {
        name: visible(&lane.name).into_owned(),
        is_log: lane.is_log,
        span: lane.span,
        holes: lane.silences.clone(),
        missed: missed.clone().map(|row| row.start_time).take(MOST_MARKS).collect(),
        gaps: missed.map(|row| row.gaps).sum(),
        dropped: lane.dropped,
        count: lane.count,
    }
}

/// Files with a strip of their own.
const MOST_LANES: usize = 40;
/// Marks of missing segments on one strip.
const MOST_MARKS: usize = 200;
