//! From rows to a polars data frame, by a schema table.
//!
//! A frame is one batch of a table, never all of it. Types are polars' own (times as `Datetime` in nanoseconds, whose
//! zone is UTC by definition); formatting is the writers' affair.

use std::borrow::Cow;

use polars::prelude::{
    BooleanChunked, Column as FrameColumn, DataFrame, Float64Chunked, Int64Chunked, IntoColumn as _,
    ListBuilderTrait as _, ListStringChunkedBuilder, NewChunkedArray as _, StringChunked, TimeUnit, TimeZone,
    UInt64Chunked,
};
use wirecause_parsers::time::Timestamp;

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

/// The same for a form with types of its own: lists are lists, and times say that they are UTC.
pub fn typed_frame<R>(table: &Table<R>, rows: &[R]) -> Result<DataFrame, Error> {
    let columns = table.columns.iter().map(|column| match &column.cell {
        Cell::List(get) => list(column.name, rows.iter().map(get)),
        Cell::Time(get) => times(column.name, rows.iter().map(get), Some(TimeZone::UTC)),
        _ => series(column, rows),
    });
    let columns = columns.collect();
    DataFrame::new(rows.len(), columns).map_err(|source| Error::Table { table: table.name, source })
}

fn list<'a>(name: &str, cells: impl ExactSizeIterator<Item = Vec<Cow<'a, str>>>) -> FrameColumn {
    let mut builder = ListStringChunkedBuilder::new(name.into(), cells.len(), cells.len());
    for cell in cells {
        builder.append_values_iter(cell.iter().map(AsRef::as_ref));
    }
    builder.finish().into_column()
}

fn times(name: &str, cells: impl Iterator<Item = Option<Timestamp>>, zone: Option<TimeZone>) -> FrameColumn {
    let nanos = cells.map(|time| time.map(Timestamp::nanos));
    Int64Chunked::from_iter_options(name.into(), nanos).into_datetime(TimeUnit::Nanoseconds, zone).into_column()
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
        Cell::Time(get) => times(column.name, rows.iter().map(get), None),
        Cell::Count(get) => UInt64Chunked::from_iter_options(name, rows.iter().map(get)).into_column(),
        Cell::Number(_, get) => {
            let cells = rows.iter().map(|row| get(row).filter(|value| value.is_finite()));
            Float64Chunked::from_iter_options(name, cells).into_column()
        }
        Cell::Flag(get) => BooleanChunked::from_iter_options(name, rows.iter().map(get)).into_column(),
    }
}
