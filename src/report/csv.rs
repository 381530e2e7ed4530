//! CSV as RFC 4180 has it: header always, unknown empty, times RFC 3339 in UTC, numbers with the decimals of the schema.
//!
//! polars' `CsvWriter` quotes and writes; numbers become text first, since it knows one precision for all columns, and so do times, since it
//! reads their format anew for each.

use std::{
    io::{self, Write},
    num::NonZeroUsize,
    ops::Range,
};

use polars::prelude::{
    CsvWriter, DataFrame, IntoColumn as _, NewChunkedArray as _, PolarsResult, SerWriter as _, StringChunked,
};
use rayon::prelude::*;
use wirecause_parsers::time::Timestamp;

use super::{
    Error,
    parts::Rows,
    schema::{Cell, Table},
    table::frame,
};

/// A table on its way to a file or to standard output, batch by batch.
pub struct CsvTable<R: 'static, W: Write> {
    table: &'static Table<R>,
    out: W,
    cells: Cells,
}

/// How texts stand in their cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cells {
    /// As they are.
    #[default]
    Plain,
    /// With an apostrophe before what a spreadsheet would take for a formula. A log holds what its callers sent.
    SafeForSpreadsheets,
}

impl Cells {
    /// By the user's wish.
    pub const fn of(safe: bool) -> Self {
        if safe { Self::SafeForSpreadsheets } else { Self::Plain }
    }
}

impl<R: Clone + Sync, W: Write> CsvTable<R, W> {
    /// Starts a table with its header.
    pub fn new(table: &'static Table<R>, cells: Cells, mut out: W) -> Result<Self, Error> {
        let header = serialized(table, cells, frame(table, &[])?, true)?;
        out.write_all(&header).map_err(|source| not_written(table, source))?;
        Ok(Self { table, out, cells })
    }

    /// Writes rows, in the order given.
    pub fn write(&mut self, rows: &(impl Rows<R> + ?Sized)) -> Result<(), Error> {
        self.write_seen(rows, |_| Ok(()))
    }

    /// Writes rows, and shows `seen` each data frame that is made of them, in order.
    pub fn write_seen(
        &mut self,
        rows: &(impl Rows<R> + ?Sized),
        mut seen: impl FnMut(&DataFrame) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (table, cells, out) = (self.table, self.cells, &mut self.out);
        let made = |range: &Range<usize>| {
            let frame = frame(table, &rows.part(range.clone()))?;
            let text = serialized(table, cells, frame.clone(), false)?;
            Ok((frame, text))
        };
        let mut take = |parts: Vec<Result<(DataFrame, Vec<u8>), Error>>| {
            for part in parts {
                let (frame, text) = part?;
                seen(&frame)?;
                out.write_all(&text).map_err(|source| not_written(table, source))?;
            }
            Ok(())
        };
        let ranges: Vec<Range<usize>> = rows.ranges(PART_ROWS).collect();
        let mut before = Vec::new();
        for several in ranges.chunks(PARTS_A_THREAD * rayon::current_num_threads()) {
            // What was made is taken while the next is made.
            let mut next = Vec::new();
            rayon::in_place_scope(|scope| {
                scope.spawn(|_| several.par_iter().map(made).collect_into_vec(&mut next));
                take(before)
            })?;
            before = next;
        }
        take(before)
    }

    /// Ends the table.
    pub fn finish(mut self) -> Result<(), Error> {
        self.out.flush().map_err(|source| not_written(self.table, source))
    }
}

/// Writes a whole table to `out`.
pub fn write_table<R: Clone + Sync>(
    table: &'static Table<R>,
    rows: &(impl Rows<R> + ?Sized),
    cells: Cells,
    out: impl Write,
) -> Result<(), Error> {
    let mut csv = CsvTable::new(table, cells, out)?;
    csv.write(rows)?;
    csv.finish()
}

fn not_written<R>(table: &Table<R>, source: io::Error) -> Error {
    Error::Table { table: table.name, source: source.into() }
}

/// The text of a frame's rows, or of its header alone.
fn serialized<R>(table: &Table<R>, cells: Cells, mut frame: DataFrame, header: bool) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    to_text(table, &mut frame)
        .and_then(|()| match cells {
            Cells::Plain => Ok(()),
            Cells::SafeForSpreadsheets => disarm(table, &mut frame),
        })
        .and_then(|()| {
            CsvWriter::new(&mut text)
                .include_header(header)
                .with_batch_size(SERIALIZED_AT_ONCE)
                .n_threads(1)
                .finish(&mut frame)
        })
        .map_err(|source| Error::Table { table: table.name, source })?;
    Ok(text)
}

fn to_text<R>(table: &Table<R>, frame: &mut DataFrame) -> PolarsResult<()> {
    for column in table.columns {
        let cells = frame.column(column.name)?;
        let texts = match column.cell {
            Cell::Number(decimals, _) => {
                let texts = cells.f64()?.iter().map(|value| value.map(|value| fixed(value, decimals)));
                StringChunked::from_iter_options(column.name.into(), texts)
            }
            Cell::Time(_) => {
                let nanos = cells.datetime()?.physical().iter();
                let texts = nanos.map(|nanos| nanos.map(|nanos| Timestamp::from_nanos(nanos).text()));
                StringChunked::from_iter_options(column.name.into(), texts)
            }
            _ => continue,
        };
        frame.with_column(texts.into_column())?;
    }
    Ok(())
}

/// Puts an apostrophe before every text that begins like a formula. Numbers stay: a negative one is a number to a spreadsheet too.
fn disarm<R>(table: &Table<R>, frame: &mut DataFrame) -> PolarsResult<()> {
    for column in table.columns {
        if let Cell::Text(_) | Cell::List(_) = column.cell {
            let texts = frame.column(column.name)?.str()?;
            let is_formula = |text: &str| text.starts_with(FORMULA_STARTS);
            if texts.iter().flatten().any(is_formula) {
                let safe = texts
                    .iter()
                    .map(|text| text.map(|text| if is_formula(text) { format!("'{text}") } else { text.to_owned() }));
                let safe = StringChunked::from_iter_options(column.name.into(), safe.collect::<Vec<_>>().into_iter());
                frame.with_column(safe.into_column())?;
            }
        }
    }
    Ok(())
}

/// A number with fixed decimals, never a negative zero.
pub(super) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|byte| matches!(byte, b'0' | b'.')) => rest.to_owned(),
        _ => text,
    }
}

/// What makes a cell a formula, or hides that one follows (OWASP, CSV Injection), in both widths.
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
/// Rows that one thread makes a frame and a text of: some hundred kilobytes of each.
const PART_ROWS: usize = 512;
/// Parts of each thread that are made before they are written: one may take longer than another.
const PARTS_A_THREAD: usize = 8;
/// Rows that polars serialises at once.
const SERIALIZED_AT_ONCE: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{
        rows::{CauseRow, FindingRow},
        schema::{CAUSES, FINDINGS},
    };

    fn finding() -> FindingRow {
        FindingRow {
            finding: "idle-timeout",
            node: String::new(),
            host: Some("a,b".to_owned()),
            peer: None,
            count: 3,
            calls: 0,
            members: Vec::new(),
            // date -u -d @1763682871: 2025-11-20T23:54:31Z
            first_time: Some(Timestamp::from_parts(1_763_682_871, 378_123_456)),
            last_time: None,
            value_low: Some(1.98),
            value_high: Some(-0.000_000_1),
            unit: Some("s"),
            statement: "says \"no\"\r\nand leaves".to_owned(),
            advice: Some("keep".to_owned()),
        }
    }

    fn written<R: Clone + Sync>(table: &'static Table<R>, rows: &[R]) -> String {
        let mut out = Vec::new();
        write_table(table, rows, Cells::Plain, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_are_quoted_by_rfc_4180_and_unknown_is_empty() {
        let text = written(&FINDINGS, &[finding()]);
        let (header, row) = text.split_once('\n').unwrap();
        assert_eq!(
            header,
            "finding,node,host,peer,count,calls,first_time,last_time,value_low,value_high,unit,statement,advice"
        );
        assert_eq!(
            row,
            "idle-timeout,,\"a,b\",,3,0,2025-11-20T23:54:31.378123Z,,1.980000,0.000000,s,\
             \"says \"\"no\"\"\r\nand leaves\",keep\n"
        );
    }

    #[test]
    fn formulas_are_disarmed_where_that_is_asked_for_and_numbers_stay() {
        for start in FORMULA_STARTS {
            let text = format!("{start}cmd|' /C calc'!A0");
            let row = FindingRow { host: Some(text.clone()), value_low: Some(-1.5), ..finding() };
            let mut out = Vec::new();
            write_table(&FINDINGS, &vec![row.clone()], Cells::SafeForSpreadsheets, &mut out).unwrap();
            let safe = String::from_utf8(out).unwrap();
            assert!(safe.contains(&format!("'{text}")) && safe.contains(",-1.500000,"), "{safe}");
            assert!(!written(&FINDINGS, &[row]).contains(&format!("'{text}")));
        }
    }

    #[test]
    fn an_empty_table_has_its_header() {
        assert_eq!(written(&CAUSES, &[]), "cause,host,port,count,share,first_time,last_time\n");
    }

    #[test]
    fn batches_make_the_same_bytes_as_one_piece() {
        let rows = vec![finding(); 5];
        let mut out = Vec::new();
        let mut csv = CsvTable::new(&FINDINGS, Cells::Plain, &mut out).unwrap();
        csv.write(&rows[..2]).unwrap();
        csv.write(&Vec::new()).unwrap();
        csv.write(&rows[2..]).unwrap();
        csv.finish().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), written(&FINDINGS, &rows));
    }

    #[test]
    fn times_before_the_epoch_and_shares_keep_their_form() {
        let row = CauseRow {
            cause: "slow-response".to_owned(),
            host: "h".to_owned(),
            port: 443,
            count: 1,
            share: 1.0 / 3.0,
            first_time: Timestamp::from_nanos(-1),
            last_time: Timestamp::from_nanos(0),
        };
        assert_eq!(
            written(&CAUSES, &[row]).lines().nth(1).unwrap(),
            "slow-response,h,443,1,0.3333,1969-12-31T23:59:59.999999Z,1970-01-01T00:00:00.000000Z"
        );
    }
}
