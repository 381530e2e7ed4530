//! All tables of a run into its output directory, batch by batch.

use std::{fs::File, io::BufWriter};

use super::{
    Error,
    causes::{Counter, Counts},
    csv::{Cells, CsvTable},
    format::{Format, write_table},
    output::{FILE_NAMES, OutputDir},
    parts::Rows,
    rows::{ConnectionRow, ErrorRow, FindingRow},
    schema::{CAUSES, CONNECTIONS, ERRORS, FINDINGS, Table},
    table::{BATCH_ROWS, frame},
};

/// Writes the tables of errors and causes, and counts what the summary says. Rows come in the order of the table.
pub fn write_errors(output: &mut OutputDir, rows: &impl Rows<ErrorRow>, formats: &[Format]) -> Result<Counts, Error> {
    let cells = formats.iter().find_map(|format| if let Format::Csv(cells) = format { Some(*cells) } else { None });
    let counts = match cells {
        Some(cells) => output.write("errors.csv", |file| counted(rows, cells, file))?,
        None => count(rows)?,
    };
    let others: Vec<Format> = formats.iter().copied().filter(|format| !matches!(format, Format::Csv(_))).collect();
    write(output, &ERRORS, rows, &others)?;
    write(output, &CAUSES, &counts.causes, formats)?;
    Ok(counts)
}

/// Writes the table of connections. Rows come in the order of the table.
pub fn write_connections(
    output: &mut OutputDir,
    rows: &impl Rows<ConnectionRow>,
    formats: &[Format],
) -> Result<(), Error> {
    write(output, &CONNECTIONS, rows, formats)
}

/// Writes the table of findings. Rows come in the order of the table.
pub fn write_findings(output: &mut OutputDir, rows: &[FindingRow], formats: &[Format]) -> Result<(), Error> {
    write(output, &FINDINGS, rows, formats)
}

fn write<R: Clone + Sync>(
    output: &mut OutputDir,
    table: &'static Table<R>,
    rows: &(impl Rows<R> + ?Sized),
    formats: &[Format],
) -> Result<(), Error> {
    for format in formats {
        let name = format!("{}.{}", table.name, format.extension());
        let name = FILE_NAMES.into_iter().find(|known| *known == name);
        debug_assert!(name.is_some(), "every table of a run has a name in every form of a file");
        if let Some(name) = name {
            output.write(name, |file| write_table(table, rows, *format, file))?;
        }
    }
    Ok(())
}

/// Counts where no CSV is written.
fn count(rows: &impl Rows<ErrorRow>) -> Result<Counts, Error> {
    let mut counter = Counter::default();
    for range in rows.ranges(BATCH_ROWS) {
        counter.add(&frame(&ERRORS, &rows.part(range))?)?;
    }
    counter.finish()
}

/// Each frame is counted on the way to the file.
fn counted(rows: &impl Rows<ErrorRow>, cells: Cells, file: &mut BufWriter<File>) -> Result<Counts, Error> {
    let (mut counter, mut csv) = (Counter::default(), CsvTable::new(&ERRORS, cells, file)?);
    csv.write_seen(rows, |frame| counter.add(frame))?;
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
        let formats = [Format::Csv(Cells::Plain), Format::Parquet, Format::Json];
        let counts = write_errors(&mut output, &vec![error_row(); 2], &formats).unwrap();
        write_connections(&mut output, &Vec::new(), &formats).unwrap();
        write_findings(&mut output, &[], &formats).unwrap();
        output.commit().unwrap();
        assert_eq!(counts.calls, 2);
        let lines = |name: &str| fs::read_to_string(temp.path().join(name)).unwrap().lines().count();
        assert_eq!(["errors.csv", "causes.csv", "connections.csv", "findings.csv"].map(lines), [3, 2, 1, 1]);
        assert_eq!(["errors.jsonl", "causes.jsonl", "connections.jsonl"].map(lines), [2, 1, 0]);
        assert!(fs::read(temp.path().join("findings.parquet")).unwrap().ends_with(b"PAR1"));
    }

    #[test]
    fn counts_do_not_depend_on_the_forms() {
        let temp = TempDir::new("tables-counts");
        let rows = vec![error_row(); 3];
        let mut output = OutputDir::open(temp.path(), false).unwrap();
        let with = write_errors(&mut output, &rows, &[Format::Csv(Cells::Plain)]).unwrap();
        let without = write_errors(&mut output, &rows, &[Format::Json]).unwrap();
        assert_eq!((with.calls, with.causes), (without.calls, without.causes));
    }
}
