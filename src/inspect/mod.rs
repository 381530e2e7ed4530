//! What is in the files, before anything is joined: spans, zones, link types, what is missing, and whether logs and captures overlap.
//!
//! Logs are read in whole. A large capture is read at both ends and looked at no further, which the result says ([`capture`]);
//! connections are counted in a sample where they are many ([`flows`]). Nothing is tracked, and no packet is held against a log line.

pub mod capture;
pub mod flows;

use std::{collections::BTreeMap, sync::Arc};

use rayon::prelude::*;
use wirecause_parsers::{
    log::{LogOptions, LogScan, Symptom},
    time::Timestamp,
};

use crate::{
    input::{Input, InputReport},
    read::{KeptCall, LogFile, read_logs},
};

use self::capture::CaptureFacts;

/// One file that is a log or a capture.
#[derive(Clone, Debug)]
pub struct Survey {
    /// What became of the input.
    pub report: InputReport,
    /// First and last time in it, by its own clock.
    pub span: Option<(Timestamp, Timestamp)>,
    /// What it holds.
    pub facts: Facts,
}

/// What a file holds.
#[derive(Clone, Debug)]
pub enum Facts {
    /// A log.
    Log(LogFacts),
    /// A capture.
    Capture(CaptureFacts),
}

/// What a log holds.
#[derive(Clone, Debug, Default)]
pub struct LogFacts {
    /// What its lines are wrapped in; `None` where no line tells.
    pub form: Option<&'static str>,
    /// The zone of its first stamp, in seconds east of UTC; `None` where it names none.
    pub zone: Option<i32>,
    /// Records: lines that begin with a stamp.
    pub records: u64,
    /// Failed calls: when, and their symptoms.
    calls: Vec<(Timestamp, Symptom)>,
}

impl LogFacts {
    /// Leaves out the failed calls that are not asked for.
    pub fn clip(&mut self, asked: impl Fn(Timestamp) -> bool) {
        self.calls.retain(|(time, _)| asked(*time));
    }

    /// The failed calls by symptom.
    pub fn errors(&self) -> BTreeMap<Symptom, u64> {
        let mut errors = BTreeMap::new();
        for (_, symptom) in &self.calls {
            *errors.entry(*symptom).or_default() += 1;
        }
        errors
    }
}

/// Surveys logs, each read in whole. `captured` tells a time at which packets were captured.
pub fn logs(
    inputs: &[Input],
    options: LogOptions,
    captured: impl Fn() -> Option<Timestamp>,
) -> Vec<Result<Survey, InputReport>> {
    let facts = |scan: &LogScan<KeptCall>| LogFacts {
        form: scan.form,
        zone: scan.zone,
        records: scan.counts.records,
        calls: scan.calls.iter().map(|call| (call.time, call.failure.symptom)).collect(),
    };
    let survey = |log: LogFile| Survey {
        span: log.scan.first.zip(log.scan.last),
        facts: Facts::Log(facts(&log.scan)),
        report: log.report,
    };
    read_logs(inputs, options, captured, &Arc::default()).into_iter().map(|log| log.map(survey)).collect()
}

/// Surveys captures.
pub fn captures(inputs: &[Input]) -> Vec<Result<Survey, InputReport>> {
    inputs.par_iter().map(capture::survey).collect()
}

/// How the time of the logs and that of the captures lie to each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// First and last stamp of all logs.
    pub logs: (Timestamp, Timestamp),
    /// First and last packet of all captures.
    pub captures: (Timestamp, Timestamp),
    /// Time of the logs that captures cover, in nanoseconds.
    pub covered: i64,
}

impl Overlap {
    /// The overlap, each side by its own clock; `None` where one of them has no time.
    pub fn new<'a>(surveys: impl IntoIterator<Item = &'a Survey>) -> Option<Self> {
        let (mut logs, mut captures) = (Vec::new(), Vec::new());
        for survey in surveys {
            let kind = if matches!(survey.facts, Facts::Log(_)) { &mut logs } else { &mut captures };
            kind.extend(survey.span);
        }
        captures.sort_unstable();
        let whole = |spans: &[(Timestamp, Timestamp)]| {
            Some((spans.iter().map(|span| span.0).min()?, spans.iter().map(|span| span.1).max()?))
        };
        let (logs, whole_captures) = (whole(&logs)?, whole(&captures)?);
        let (mut covered, mut until) = (0, logs.0);
        for (first, last) in captures {
            let (first, last) = (first.max(until), last.min(logs.1));
            if last > first {
                covered += last.since(first);
                until = last;
            }
        }
        Some(Self { logs, captures: whole_captures, covered })
    }

    /// The part of the logs' time that captures cover, 0 to 1.
    pub fn share(&self) -> f64 {
        self.covered as f64 / self.logs.1.since(self.logs.0).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Compression, Kind};

    fn survey(facts: Facts, span: (i64, i64)) -> Survey {
        let report = InputReport {
            path: String::new(),
            kind: Kind::Log,
            compression: Compression::None,
            bytes: 0,
            explicit: false,
            damage: None,
            not_read: None,
            log_year: None,
            passed_over: false,
        };
        Survey { report, span: Some((Timestamp::from_nanos(span.0), Timestamp::from_nanos(span.1))), facts }
    }

    #[test]
    fn what_captures_cover_of_the_logs_counts_once() {
        let log = |span| survey(Facts::Log(LogFacts::default()), span);
        let capture = |span| survey(Facts::Capture(CaptureFacts::default()), span);
        let all = [log((100, 150)), log((150, 200)), capture((50, 120)), capture((110, 130)), capture((180, 500))];
        let overlap = Overlap::new(&all).unwrap();
        assert_eq!(overlap.covered, 50);
        assert!((overlap.share() - 0.5).abs() < 1e-9);
        assert_eq!(overlap.captures, (Timestamp::from_nanos(50), Timestamp::from_nanos(500)));
        assert_eq!(Overlap::new(&all[..2]), None);
        let apart = Overlap::new(&[log((100, 200)), capture((300, 400))]).unwrap();
        assert_eq!(apart.covered, 0);
    }
}
