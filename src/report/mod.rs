//! What the stages before found, on paper: tables, stories and evidence, the record of the run, and the summary on the terminal.
//!
//! The rows are plain values ([`rows`]); one schema table per output ([`schema`]) names and orders their columns, makes
//! the data frames ([`table`]) and the column list of the documentation. Nothing here decides a cause: polars groups,
//! sorts and formats what is already decided.

pub mod assemble;
pub mod causes;
pub mod community_id;
pub mod csv;
pub mod evidence;
pub mod examples;
pub mod filter;
pub mod format;
pub mod inspect;
pub mod json;
pub mod ladder;
pub mod output;
pub mod paint;
pub mod parquet;
pub mod parts;
pub mod pcapng;
mod plain;
pub mod printable;
pub mod redact;
pub mod review;
pub mod rows;
pub mod run;
pub mod schema;
pub mod story;
pub mod table;
pub mod tables;
pub mod tell;
pub mod terminal;
pub mod text;
pub mod visible;
pub mod words;

use std::{io, path::PathBuf};

use polars::error::PolarsError;

pub use crate::input::error_id;

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A table could not be made or written.
    #[error("table {table}")]
    Table {
        /// Which table, such as `errors`.
        table: &'static str,
        /// What polars, or the disk below it, objected to.
        source: PolarsError,
    },
    /// A file or directory of the output could not be made, written or renamed.
    #[error("{}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's objection.
        source: io::Error,
    },
    /// A table's text could not be written.
    #[error("writing a table")]
    Stream {
        /// The system's objection.
        source: io::Error,
    },
    /// The record of the run could not be written as JSON.
    #[error("{}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What failed.
        source: serde_json::Error,
    },
    /// The output directory holds something that is no earlier run's output.
    #[error(
        "{} holds {found}, which no earlier run wrote there: choose another directory, or --force to write beside it",
        path.display()
    )]
    ForeignOutput {
        /// The directory.
        path: PathBuf,
        /// The first foreign name, in sorted order.
        found: String,
    },
}

impl Error {
    /// Whether the reader of a pipe went away, which ends a table without being a failure.
    pub fn is_broken_pipe(&self) -> bool {
        match self {
            Self::Table { source: PolarsError::IO { error, .. }, .. } => error.kind() == io::ErrorKind::BrokenPipe,
            Self::Io { source, .. } | Self::Stream { source } => source.kind() == io::ErrorKind::BrokenPipe,
            Self::Json { source, .. } => source.io_error_kind() == Some(io::ErrorKind::BrokenPipe),
            Self::Table { .. } | Self::ForeignOutput { .. } => false,
        }
    }
}
