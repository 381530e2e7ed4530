//! All tables of a run into its output directory, batch by batch.

use std::{fs::File, io::BufWriter};

use super::{
    Error,
    causes::{Counter, Counts},
    csv::{Cells, CsvTable, write_table},
    output::OutputDir,
    rows::{ConnectionRow, ErrorRow, FindingRow},
    schema::{CAUSES, CONNECTIONS, ERRORS, FINDINGS},
    table::{BATCH_ROWS, frame},
};

/// Writes `errors.csv` and `causes.csv`, and counts what the summary says. Rows come in the order of the table.
pub fn write_errors(output: &mut OutputDir, rows: &[ErrorRow], cells: Cells) -> Result<Counts, Error> {
    let counts = output.write("errors.csv", |file| counted(rows, cells, file))?;
    output.write("causes.csv", |file| write_table(&CAUSES, &counts.causes, cells, file))?;
    Ok(counts)
}

/// Writes `connections.csv`. Rows come in the order of the table.
pub fn write_connections(output: &mut OutputDir, rows: &[ConnectionRow], cells: Cells) -> Result<(), Error> {
    output.write("connections.csv", |file| write_table(&CONNECTIONS, rows, cells, file))
}

/// Writes `findings.csv`. Rows come in the order of the table.
pub fn write_findings(output: &mut OutputDir, rows: &[FindingRow], cells: Cells) -> Result<(), Error> {
    output.write("findings.csv", |file| write_table(&FINDINGS, rows, cells, file))
}

/// Each batch becomes one frame, which is counted and then written.
fn counted(rows: &[ErrorRow], cells: Cells, file: &mut BufWriter<File>) -> Result<Counts, Error> {
    let (mut counter, mut csv) = (Counter::default(), CsvTable::new(&ERRORS, cells, file)?);
    for batch in rows.chunks(BATCH_ROWS) {
        let frame = frame(&ERRORS, batch)?;
        counter.add(&frame)?;
        csv.write_frame(frame)?;
    }
    csv.finish()?;
    counter.finish()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{report::rows::tests::error_row, testing::TempDir};

    #[test]
    fn errors_are_written_and_counted() {
        let temp = TempDir::new("tables");
        let mut output = OutputDir::open(temp.path(), false).unwrap();
        let counts = write_errors(&mut output, &[error_row(), error_row()], Cells::Plain).unwrap();
        write_connections(&mut output, &[], Cells::Plain).unwrap();
        write_findings(&mut output, &[], Cells::Plain).unwrap();
        output.commit().unwrap();
        assert_eq!(counts.calls, 2);
        let lines = |name: &str| fs::read_to_string(temp.path().join(name)).unwrap().lines().count();
        assert_eq!(["errors.csv", "causes.csv", "connections.csv", "findings.csv"].map(lines), [3, 2, 1, 1]);
    }
}
