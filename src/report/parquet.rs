//! Tables as Parquet: typed columns, times as UTC timestamps in nanoseconds, lists as lists, unknown cells null.
//!
//! A batch of rows is a row group. Pages are compressed with Snappy, which every reader knows.

use std::io::Write;

use polars::prelude::{ParquetCompression, ParquetWriter};

use super::{
    Error,
    parts::Rows,
    schema::Table,
    table::{BATCH_ROWS, typed_frame},
};

/// Writes a whole table to `out`.
pub fn write_table<R: Clone + Sync>(
    table: &'static Table<R>,
    rows: &(impl Rows<R> + ?Sized),
    out: impl Write,
) -> Result<(), Error> {
    let failed = |source| Error::Table { table: table.name, source };
    let empty = typed_frame(table, &[])?;
    let mut writer =
        ParquetWriter::new(out).with_compression(ParquetCompression::Snappy).batched(empty.schema()).map_err(failed)?;
    for range in rows.ranges(BATCH_ROWS) {
        writer.write_batch(&typed_frame(table, &rows.part(range))?).map_err(failed)?;
    }
    writer.finish().map_err(failed).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{rows::tests::error_row, schema::ERRORS};

    #[test]
    fn a_table_begins_and_ends_as_the_format_has_it_and_is_the_same_every_time() {
        let written = |rows: &Vec<_>| {
            let mut out = Vec::new();
            write_table(&ERRORS, rows, &mut out).unwrap();
            out
        };
        let rows = vec![error_row(); 3];
        let bytes = written(&rows);
        assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
        assert_eq!(bytes, written(&rows));
        assert!(written(&Vec::new()).ends_with(b"PAR1"));
    }
}
