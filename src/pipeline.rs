//! The way from inputs to tables: the list of stages.

use std::io::{self, Write};

use crate::{
    config::{AnalyzeConfig, TableConfig},
    report,
};

/// How a job that was done went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All that was asked for was read.
    Complete,
    /// Some inputs were damaged or skipped; each was named.
    WithFaults,
}

/// Why a job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No input is a readable log or capture.
    #[error("nothing readable: no input is a log or a capture")]
    NothingReadable,
    /// The result could not be written.
    #[error("cannot write the result")]
    Report(#[from] report::Error),
    /// Standard output or standard error failed.
    #[error("cannot write to the terminal")]
    Terminal(#[from] io::Error),
}

impl Error {
    /// Whether the reader of standard output went away.
    pub fn is_broken_pipe(&self) -> bool {
        match self {
            Self::NothingReadable => false,
            Self::Report(error) => error.is_broken_pipe(),
            Self::Terminal(error) => error.kind() == io::ErrorKind::BrokenPipe,
        }
    }
}

/// The main job: the summary goes to `out`, messages to `messages`.
pub fn analyze(_config: &AnalyzeConfig, _out: impl Write, _messages: impl Write) -> Result<Outcome, Error> {
    Err(Error::NothingReadable)
}

/// The failed calls of the logs as a table to `out`.
pub fn errors(_config: &TableConfig, _out: impl Write, _messages: impl Write) -> Result<Outcome, Error> {
    Err(Error::NothingReadable)
}

/// The connections of the captures as a table to `out`.
pub fn connections(_config: &TableConfig, _out: impl Write, _messages: impl Write) -> Result<Outcome, Error> {
    Err(Error::NothingReadable)
}
