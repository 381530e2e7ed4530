//! Counts over all failed calls, by polars: causes per endpoint, and how sure the joins are.
//!
//! Some thousand rows of `errors` shrink to their groups, and the groups of all are grouped again, so memory
//! grows with the kinds of failure and not with their number. Group order is polars' own affair, hence everything is
//! sorted before it leaves.

use polars::prelude::{
    DataFrame, Int64Chunked, IntoColumn as _, NamedFrom as _, PolarsResult, Series, SortMultipleOptions,
};
use wirecause_parsers::time::Timestamp;

use super::{Error, rows::CauseRow};

/// What the summaries say of all failed calls.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Failed calls in all.
    pub calls: u64,
    /// Causes per endpoint: the most frequent first, then by cause, host and port.
    pub causes: Vec<CauseRow>,
    /// Words of the `match` column with their counts, the most frequent first.
    pub matches: Vec<(String, u64)>,
}

/// Counts failed calls batch by batch.
#[derive(Default)]
pub struct Counter {
    /// What is counted of rows that are not yet among the groups.
    waiting: Option<DataFrame>,
    causes: Option<DataFrame>,
    matches: Option<DataFrame>,
}

impl Counter {
    /// Counts a batch: a frame of the `errors` table as [`super::table::frame`] makes it.
    pub fn add(&mut self, errors: &DataFrame) -> Result<(), Error> {
        self.try_add(errors).map_err(table_error)
    }

    /// The counts over all batches.
    pub fn finish(mut self) -> Result<Counts, Error> {
        self.group().and_then(|()| self.try_finish()).map_err(table_error)
    }

    fn try_add(&mut self, errors: &DataFrame) -> PolarsResult<()> {
        if errors.height() == 0 {
            return Ok(());
        }
        let mut narrow = errors.select(["cause", "host", "port", "match"])?;
        let time = errors.column("log_time")?;
        narrow.with_column(time.clone().with_name(FIRST.into()))?;
        narrow.with_column(time.clone().with_name(LAST.into()))?;
        narrow.with_column(Series::new(COUNT.into(), vec![1_u64; errors.height()]).into_column())?;
        stack(&mut self.waiting, narrow)?;
        // polars groups in threads of its own, so that few groupings of many rows take less than many of few.
        if self.waiting.as_ref().is_some_and(|waiting| waiting.height() >= GROUPED_AT_ONCE) {
            self.group()
        } else {
            Ok(())
        }
    }

    /// Groups the rows that wait.
    fn group(&mut self) -> PolarsResult<()> {
        let Some(waiting) = self.waiting.take() else { return Ok(()) };
        stack(&mut self.causes, grouped(&waiting, &CAUSE_KEYS, &SPANS)?)?;
        stack(&mut self.matches, grouped(&waiting, &["match"], &[])?)
    }

    fn try_finish(self) -> PolarsResult<Counts> {
        let (Some(causes), Some(matches)) = (self.causes, self.matches) else {
            return Ok(Counts::default());
        };
        let causes = sorted(&grouped(&causes, &CAUSE_KEYS, &SPANS)?, &CAUSE_KEYS)?;
        let matches = sorted(&grouped(&matches, &["match"], &[])?, &["match"])?;
        let calls = matches.column(COUNT)?.u64()?.iter().flatten().sum();
        Ok(Counts { calls, causes: cause_rows(&causes, calls)?, matches: match_counts(&matches)? })
    }
}

/// Sums `count` per key; a span column named first takes its least value, one named last its greatest.
#[expect(deprecated, reason = "polars' eager aggregation; its lazy engine would double the compile for three sums")]
fn grouped(frame: &DataFrame, keys: &[&str], spans: &[Span]) -> PolarsResult<DataFrame> {
    let groups = |column: &str| -> PolarsResult<_> { Ok(frame.group_by_stable(keys)?.select([column.to_owned()])) };
    let mut result = groups(COUNT)?.sum()?;
    result.rename(&format!("{COUNT}_sum"), COUNT.into())?;
    for span in spans {
        let ends = match span {
            Span::First => groups(FIRST)?.min()?.column(&format!("{FIRST}_min"))?.clone().with_name(FIRST.into()),
            Span::Last => groups(LAST)?.max()?.column(&format!("{LAST}_max"))?.clone().with_name(LAST.into()),
        };
        result.with_column(ends)?;
    }
    Ok(result)
}

/// The most frequent first, equal counts by their keys.
fn sorted(frame: &DataFrame, keys: &[&str]) -> PolarsResult<DataFrame> {
    let by: Vec<&str> = std::iter::once(COUNT).chain(keys.iter().copied()).collect();
    let descending: Vec<bool> = by.iter().map(|name| *name == COUNT).collect();
    frame.sort(by, SortMultipleOptions::new().with_order_descending_multi(descending).with_multithreaded(false))
}

fn stack(whole: &mut Option<DataFrame>, part: DataFrame) -> PolarsResult<()> {
    if let Some(whole) = whole {
        whole.vstack_mut(&part)?;
    } else {
        *whole = Some(part);
    }
    Ok(())
}

fn cause_rows(frame: &DataFrame, calls: u64) -> PolarsResult<Vec<CauseRow>> {
    let (causes, hosts) = (frame.column("cause")?.str()?, frame.column("host")?.str()?);
    let (ports, counts) = (frame.column("port")?.u64()?, frame.column(COUNT)?.u64()?);
    let instants =
        |name: &str| -> PolarsResult<Int64Chunked> { Ok(frame.column(name)?.datetime()?.physical().clone()) };
    let (first, last) = (instants(FIRST)?, instants(LAST)?);
    let rows = (0..frame.height()).map(|row| {
        let count = counts.get(row).unwrap_or_default();
        CauseRow {
            cause: causes.get(row).unwrap_or_default().to_owned(),
            host: hosts.get(row).unwrap_or_default().to_owned(),
            port: ports.get(row).unwrap_or_default(),
            count,
            share: count as f64 / calls as f64,
            first_time: Timestamp::from_nanos(first.get(row).unwrap_or_default()),
            last_time: Timestamp::from_nanos(last.get(row).unwrap_or_default()),
        }
    });
    Ok(rows.collect())
}

fn match_counts(frame: &DataFrame) -> PolarsResult<Vec<(String, u64)>> {
    let (words, counts) = (frame.column("match")?.str()?, frame.column(COUNT)?.u64()?);
    let pairs = words.iter().zip(counts.iter());
    Ok(pairs.map(|(word, count)| (word.unwrap_or_default().to_owned(), count.unwrap_or_default())).collect())
}

fn table_error(source: polars::error::PolarsError) -> Error {
    Error::Table { table: "causes", source }
}

/// A column of instants that is kept through the grouping.
enum Span {
    First,
    Last,
}

const SPANS: [Span; 2] = [Span::First, Span::Last];
const CAUSE_KEYS: [&str; 3] = ["cause", "host", "port"];
/// Rows that are grouped at once, about.
const GROUPED_AT_ONCE: usize = 16_384;
const COUNT: &str = "count";
const FIRST: &str = "first";
const LAST: &str = "last";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        attribute::verdict::Cause,
        report::{rows::ErrorRow, rows::tests::error_row, schema::ERRORS, table::frame},
    };

    fn row(cause: Cause, host: &str, second: i64, sure: &'static str) -> ErrorRow {
        let mut row = error_row();
        row.cause = cause;
        host.clone_into(&mut row.host);
        row.log_time = Timestamp::from_parts(second, 0);
        row.r#match = sure;
        row
    }

    fn counts(batches: &[&[ErrorRow]]) -> Counts {
        let mut counter = Counter::default();
        for batch in batches {
            counter.add(&frame(&ERRORS, batch).unwrap()).unwrap();
        }
        counter.finish().unwrap()
    }

    #[test]
    fn causes_are_counted_per_endpoint_and_sorted() {
        let rows = [
            row(Cause::SlowResponse, "b", 9, "certain"),
            row(Cause::ConnectionRefused, "a", 5, "none"),
            row(Cause::SlowResponse, "b", 3, "certain"),
            row(Cause::SlowResponse, "a", 4, "certain"),
        ];
        let counts = counts(&[&rows]);
        assert_eq!(counts.calls, 4);
        assert_eq!(counts.matches, [("certain".to_owned(), 3), ("none".to_owned(), 1)]);
        let table: Vec<_> = counts.causes.iter().map(|c| (c.cause.as_str(), c.host.as_str(), c.count)).collect();
        assert_eq!(table, [("slow-response", "b", 2), ("connection-refused", "a", 1), ("slow-response", "a", 1)]);
        let first = &counts.causes[0];
        assert!((first.share - 0.5).abs() < 1e-12);
        assert_eq!((first.first_time, first.last_time), (Timestamp::from_parts(3, 0), Timestamp::from_parts(9, 0)));
    }

    #[test]
    fn batches_count_as_one_piece_does() {
        let rows: Vec<_> = (0..20_i64)
            .map(|i| row(Cause::ALL[(i % 3) as usize], if i % 2 == 0 { "even" } else { "odd" }, i, "likely"))
            .collect();
        assert_eq!(counts(&[&rows[..7], &[], &rows[7..8], &rows[8..]]), counts(&[&rows]));
    }

    #[test]
    fn no_call_is_no_row() {
        assert_eq!(counts(&[]), Counts::default());
        assert_eq!(counts(&[&[]]), Counts::default());
    }
}
