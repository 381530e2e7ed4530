//! The forms of a table: CSV, Parquet, JSON lines, and text for reading.

use std::io::{BufWriter, Write};

use super::{
    Error,
    csv::{self, Cells},
    json, parquet,
    parts::Rows,
    schema::Table,
    text,
};

/// A form of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Comma-separated values, RFC 4180, and how cells are written.
    Csv(Cells),
    /// Parquet with typed columns.
    Parquet,
    /// One JSON object per line.
    Json,
    /// Aligned columns for a reader.
    Text,
}

impl Format {
    /// The ending of a file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Csv(_) => "csv",
            Self::Parquet => "parquet",
            Self::Json => "jsonl",
            Self::Text => "txt",
        }
    }
}

/// Writes a whole table in one form.
pub fn write_table<R: Clone + Sync>(
    table: &'static Table<R>,
    rows: &(impl Rows<R> + ?Sized),
    format: Format,
    out: impl Write,
) -> Result<(), Error> {
    match format {
        Format::Csv(cells) => csv::write_table(table, rows, cells, out),
        Format::Parquet => parquet::write_table(table, rows, out),
        // Standard output ends its buffer at every line.
        Format::Json => json::write_table(table, rows, BufWriter::new(out)),
        Format::Text => text::write_table(table, rows, BufWriter::new(out)),
    }
}
