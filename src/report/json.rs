//! Tables as JSON lines: one object per row, its members in the order of the columns, unknown cells `null`.
//!
//! Times are texts as in CSV, numbers have the decimals of the schema, lists are arrays.

use std::io::{self, Write};

use super::{
    Error,
    csv::fixed,
    parts::Rows,
    schema::{Cell, Column, Table},
    table::BATCH_ROWS,
};

/// Writes a whole table to `out`.
pub fn write_table<R: Clone + Sync>(
    table: &'static Table<R>,
    rows: &(impl Rows<R> + ?Sized),
    mut out: impl Write,
) -> Result<(), Error> {
    let mut line = String::new();
    for range in rows.ranges(BATCH_ROWS) {
        for row in rows.part(range).iter() {
            write_row(table, row, &mut line);
            out.write_all(line.as_bytes()).map_err(failed)?;
        }
    }
    out.flush().map_err(failed)
}

fn write_row<R>(table: &Table<R>, row: &R, line: &mut String) {
    line.clear();
    for (index, column) in table.columns.iter().enumerate() {
        line.push(if index == 0 { '{' } else { ',' });
        line.push_str(&text(column.name));
        line.push(':');
        line.push_str(&value(column, row).unwrap_or_else(|| "null".to_owned()));
    }
    line.push_str("}\n");
}

fn failed(source: io::Error) -> Error {
    Error::Stream { source }
}

/// A cell as JSON; `None` where it is unknown.
fn value<R>(column: &Column<R>, row: &R) -> Option<String> {
    match &column.cell {
        Cell::Text(get) => get(row).filter(|value| !value.is_empty()).map(|value| text(&value)),
        Cell::List(get) => {
            let members: Vec<String> = get(row).iter().map(|member| text(member)).collect();
            Some(format!("[{}]", members.join(",")))
        }
        Cell::Time(get) => get(row).map(|time| text(&time.to_string())),
        Cell::Count(get) => get(row).map(|count| count.to_string()),
        Cell::Number(decimals, get) => get(row).filter(|value| value.is_finite()).map(|value| fixed(value, *decimals)),
        Cell::Flag(get) => get(row).map(|flag| flag.to_string()),
    }
}

fn text(value: &str) -> String {
    // A text is always written: only maps and foreign types can fail.
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{rows::tests::error_row, schema::ERRORS};

    #[test]
    fn a_row_is_an_object_with_every_column_in_order() {
        let mut row = error_row();
        row.message = "says \"no\"\n\u{1b}".to_owned();
        row.earlier_connections = vec!["a".to_owned(), "b;c".to_owned()];
        row.margin = Some(1.0);
        let mut out = Vec::new();
        write_table(&ERRORS, &vec![row], &mut out).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert_eq!(line.lines().count(), 1);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["message"], "says \"no\"\n\u{1b}");
        assert_eq!(read["earlier_connections"], serde_json::json!(["a", "b;c"]));
        assert_eq!(read["origin_tests"], serde_json::json!([]));
        assert_eq!((&read["log_line"], &read["thread"]), (&serde_json::json!(1), &serde_json::Value::Null));
        assert_eq!(read["log_time"], "1970-01-01T00:00:00.000000Z");
        assert!(line.contains("\"margin\":1.00,"), "{line}");
        let mut at = 0;
        for column in ERRORS.columns {
            let found = line[at..].find(&format!("\"{}\":", column.name)).expect(column.name);
            at += found;
        }
    }
}
