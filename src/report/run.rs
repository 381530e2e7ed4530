//! `run.json`: what a run read, with which options, and everything it counted.
//!
//! Holds neither the time of day nor the number of threads, so that the same inputs make the same bytes.

use std::{io::Write, path::Path};

use serde::Serialize;

use super::Error;
use crate::input::InputReport;

/// The record of one run; `O` are its options and `C` its counters, as the pipeline has them.
#[derive(Debug, Serialize)]
pub struct RunRecord<'a, O, C> {
    /// The program's name.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Every input, in the order of their names.
    pub inputs: &'a [InputReport],
    /// Options that shape the result.
    pub options: &'a O,
    /// What was counted, each skip by its name.
    pub counters: &'a C,
}

impl<'a, O: Serialize, C: Serialize> RunRecord<'a, O, C> {
    /// The record of a run of this version.
    pub fn new(inputs: &'a [InputReport], options: &'a O, counters: &'a C) -> Self {
        Self { program: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION"), inputs, options, counters }
    }

    /// Writes the record as indented JSON; `path` is named if that fails.
    pub fn write(&self, mut out: impl Write, path: &Path) -> Result<(), Error> {
        serde_json::to_writer_pretty(&mut out, self).map_err(|source| Error::Json { path: path.to_owned(), source })?;
        out.write_all(b"\n").map_err(|source| Error::Io { path: path.to_owned(), source })
    }
}
