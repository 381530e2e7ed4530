//! Tables as text for a reader: columns aligned, unknown cells a dash, nothing that a terminal obeys.

use std::io::{self, Write};

use super::{
    Error,
    csv::fixed,
    parts::Rows,
    printable::printable,
    schema::{Cell, Column, Table},
};

/// Writes a whole table to `out`.
pub fn write_table<R: Clone + Sync>(
    table: &'static Table<R>,
    rows: &(impl Rows<R> + ?Sized),
    mut out: impl Write,
) -> Result<(), Error> {
    let rows = rows.part(0..rows.count());
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| table.columns.iter().map(|column| cell(column, row)).collect()).collect();
    let widths: Vec<usize> = table
        .columns
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let widest = cells.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count()).max();
            widest.unwrap_or(0).max(column.name.chars().count())
        })
        .collect();
    let header = table.columns.iter().map(|column| column.name.to_owned()).collect();
    for row in std::iter::once(&header).chain(&cells) {
        line(table, row, &widths, &mut out).map_err(|source| Error::Stream { source })?;
    }
    out.flush().map_err(|source| Error::Stream { source })
}

fn line<R>(table: &Table<R>, cells: &[String], widths: &[usize], out: &mut impl Write) -> io::Result<()> {
    let mut line = String::new();
    for ((column, cell), width) in table.columns.iter().zip(cells).zip(widths) {
        if !line.is_empty() {
            line.push_str("  ");
        }
        // Numbers stand under each other by their last digit.
        let padding = " ".repeat(width - cell.chars().count());
        match column.cell {
            Cell::Count(_) | Cell::Number(..) => line.extend([padding.as_str(), cell]),
            _ => line.extend([cell, padding.as_str()]),
        }
    }
    writeln!(out, "{}", line.trim_end())
}

fn cell<R>(column: &Column<R>, row: &R) -> String {
    let value = match &column.cell {
        Cell::Text(get) => get(row).map(|value| printable(&value).into_owned()),
        Cell::List(get) => Some(printable(&get(row).join(";")).into_owned()),
        Cell::Time(get) => get(row).map(|time| time.to_string()),
        Cell::Count(get) => get(row).map(|count| count.to_string()),
        Cell::Number(decimals, get) => get(row).filter(|value| value.is_finite()).map(|value| fixed(value, *decimals)),
        Cell::Flag(get) => get(row).map(|flag| if flag { "yes" } else { "no" }.to_owned()),
    };
    match value {
        Some(value) if value.chars().count() > WIDEST => value.chars().take(WIDEST - 1).chain(['…']).collect(),
        Some(value) if !value.is_empty() => value,
        _ => "-".to_owned(),
    }
}

/// Characters of a cell: most URLs and messages fit, and none pushes the rest out of sight.
const WIDEST: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{rows::tests::error_row, schema::CALLS};

    #[test]
    fn columns_are_aligned_and_hostile_text_is_disarmed() {
        let mut long = error_row();
        long.message = format!("\u{1b}[2J{}", "x".repeat(200));
        long.log_line = 12_345;
        let mut out = Vec::new();
        write_table(&CALLS, &vec![error_row(), long], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()) && text.contains('…'), "{text}");
        let at = lines[0].find("log_line").unwrap() + "log_line".len();
        assert!(lines[1][..at].ends_with("  1") && lines[2][..at].ends_with(" 12345"), "{text}");
        assert!(lines[1].contains("  -  "), "{text}");
    }
}
