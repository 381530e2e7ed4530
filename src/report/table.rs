//! From rows to a polars data frame, by a schema table.
//!
//! A frame is one batch of a table, never all of it. Types are polars' own (times as `Datetime` in nanoseconds, whose
//! zone is UTC by definition); formatting is the writers' affair.

use polars::prelude::{
    BooleanChunked, Column as FrameColumn, DataFrame, Float64Chunked, Int64Chunked, IntoColumn as _,
    NewChunkedArray as _, StringChunked, TimeUnit, UInt64Chunked,
};

use super::{
    Error,
    schema::{Cell, Column, Table},
};

/// The most rows that one data frame holds: some tens of megabytes of `errors`, whatever the incident.
pub const BATCH_ROWS: usize = 65_536;

/// What stands between the members of a list in one cell.
pub const LIST_SEPARATOR: &str = ";";

/// A batch of rows as a data frame with the table's columns, in order.
pub fn frame<R>(table: &Table<R>, rows: &[R]) -> Result<DataFrame, Error> {
    let columns = table.columns.iter().map(|column| series(column, rows)).collect();
    DataFrame::new(rows.len(), columns).map_err(|source| Error::Table { table: table.name, source })
}

fn series<R>(column: &Column<R>, rows: &[R]) -> FrameColumn {
    let name = column.name.into();
    match &column.cell {
        Cell::Text(get) => {
            let cells = rows.iter().map(|row| get(row).filter(|text| !text.is_empty()));
            StringChunked::from_iter_options(name, cells).into_column()
        }
        Cell::List(get) => {
            let cells = rows.iter().map(|row| Some(get(row).join(LIST_SEPARATOR)).filter(|text| !text.is_empty()));
            StringChunked::from_iter_options(name, cells).into_column()
        }
        Cell::Time(get) => {
            let cells = rows.iter().map(|row| get(row).map(wirecause_parsers::time::Timestamp::nanos));
            Int64Chunked::from_iter_options(name, cells).into_datetime(TimeUnit::Nanoseconds, None).into_column()
        }
        Cell::Count(get) => UInt64Chunked::from_iter_options(name, rows.iter().map(get)).into_column(),
        Cell::Number(_, get) => {
            let cells = rows.iter().map(|row| get(row).filter(|value| value.is_finite()));
            Float64Chunked::from_iter_options(name, cells).into_column()
        }
        Cell::Flag(get) => BooleanChunked::from_iter_options(name, rows.iter().map(get)).into_column(),
    }
}
