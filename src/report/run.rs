//! `run.json`: what a run read, with which options, what gateways it found, and everything it counted.
//!
//! Holds neither the time of day nor the number of threads, so that the same inputs make the same bytes. How long phases took is told
//! only where it is asked for.

use std::{io::Write, path::Path};

use serde::Serialize;
use wirecause_parsers::time::Timestamp;

use super::{Error, review::facts::ClockFacts};
use crate::input::InputReport;

/// The record of one run; `O` are its options, `C` its counters and `T` its phases, as the pipeline has them.
#[derive(Debug, Serialize)]
pub struct RunRecord<'a, O, C, T> {
    /// The program's name.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Every input, in the order of their names.
    pub inputs: Vec<InputRecord<'a>>,
    /// Options that shape the result.
    pub options: &'a O,
    /// By what gateways were told apart.
    pub nodes_by: &'static str,
    /// The gateways, in order of their names.
    pub nodes: Vec<NodeRecord<'a>>,
    /// What was counted, each skip by its name.
    pub counters: &'a C,
    /// How long each phase took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timings: Option<&'a T>,
}

/// One input.
#[derive(Debug, Serialize)]
pub struct InputRecord<'a> {
    /// What became of it.
    #[serde(flatten)]
    pub report: &'a InputReport,
    /// The first time in it, by its own clock, as in the tables.
    pub first_time: Option<String>,
    /// The last time in it.
    pub last_time: Option<String>,
}

/// One gateway.
#[derive(Debug, Serialize)]
pub struct NodeRecord<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Its logs.
    pub logs: u64,
    /// Captures that can hold its packets.
    pub captures: u64,
    /// Its failed calls.
    pub failed_calls: u64,
    /// Its connections.
    pub connections: u64,
    /// Its log's clock against the capture's.
    pub clock: &'a ClockFacts,
}

/// Program and version, as every record has them.
pub const PROGRAM: (&str, &str) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));

impl<'a> InputRecord<'a> {
    /// An input with the time that it covers.
    pub fn new(report: &'a InputReport, span: Option<(Timestamp, Timestamp)>) -> Self {
        let told = |time: Timestamp| time.to_string();
        Self { report, first_time: span.map(|span| told(span.0)), last_time: span.map(|span| told(span.1)) }
    }
}

impl<O: Serialize, C: Serialize, T: Serialize> RunRecord<'_, O, C, T> {
    /// Writes the record as indented JSON; `path` is named if that fails.
    pub fn write(&self, mut out: impl Write, path: &Path) -> Result<(), Error> {
        serde_json::to_writer_pretty(&mut out, self).map_err(|source| Error::Json { path: path.to_owned(), source })?;
        out.write_all(b"\n").map_err(|source| Error::Io { path: path.to_owned(), source })
    }
}
