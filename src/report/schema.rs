//! The columns of every table: name, type, meaning, and how a row yields the cell.
//!
//! One list per table, in column order. [`super::table`] makes data frames from it, [`super::csv`] formats them, and
//! [`describe`] writes the column list of the documentation, so that the three cannot differ. A column's type is that of
//! its accessor. Rows are [`super::rows`]'s; what a cell means is decided by the stages that fill them.

mod causes;
mod connections;
mod errors;
mod findings;

use std::{borrow::Cow, fmt::Write as _, net::IpAddr};

use wirecause_parsers::time::Timestamp;

use super::plain::add_address;

pub use self::{
    causes::CAUSES,
    connections::CONNECTIONS,
    errors::{CALLS, ERRORS},
    findings::FINDINGS,
};

/// A table: its file name without extension, and its columns in order.
pub struct Table<R: 'static> {
    /// Name of the file without extension, such as `errors`.
    pub name: &'static str,
    /// The columns in order.
    pub columns: &'static [Column<R>],
}

/// One column of a table whose rows are `R`.
pub struct Column<R> {
    /// The column's name; a unit, where there is one, is its last word.
    pub name: &'static str,
    /// What a cell says, in one line.
    pub meaning: &'static str,
    /// The type, and how a row yields the cell.
    pub cell: Cell<R>,
}

/// The type of a column with its accessor. `None` and the empty text are unknown: an empty cell.
pub enum Cell<R> {
    /// Text.
    Text(fn(&R) -> Option<Cow<'_, str>>),
    /// Texts; in CSV joined by `;`.
    List(fn(&R) -> Vec<Cow<'_, str>>),
    /// An instant in UTC.
    Time(fn(&R) -> Option<Timestamp>),
    /// A whole number.
    Count(fn(&R) -> Option<u64>),
    /// A number, printed with this many decimals.
    Number(usize, fn(&R) -> Option<f64>),
    /// Yes or no.
    Flag(fn(&R) -> Option<bool>),
}

impl<R> Cell<R> {
    /// The type's word in the documentation.
    pub const fn type_word(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::List(_) => "list",
            Self::Time(_) => "time",
            Self::Count(_) => "count",
            Self::Number(..) => "number",
            Self::Flag(_) => "flag",
        }
    }
}

/// The column list of a table as a Markdown table, for the documentation.
pub fn describe<R>(table: &Table<R>) -> String {
    let mut text = String::from("| column | type | meaning |\n|---|---|---|\n");
    for column in table.columns {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "| `{}` | {} | {} |", column.name, column.cell.type_word(), column.meaning);
    }
    text
}

const fn text<R>(name: &'static str, meaning: &'static str, get: fn(&R) -> Option<Cow<'_, str>>) -> Column<R> {
    Column { name, meaning, cell: Cell::Text(get) }
}

const fn list<R>(name: &'static str, meaning: &'static str, get: fn(&R) -> Vec<Cow<'_, str>>) -> Column<R> {
    Column { name, meaning, cell: Cell::List(get) }
}

const fn time<R>(name: &'static str, meaning: &'static str, get: fn(&R) -> Option<Timestamp>) -> Column<R> {
    Column { name, meaning, cell: Cell::Time(get) }
}

const fn count<R>(name: &'static str, meaning: &'static str, get: fn(&R) -> Option<u64>) -> Column<R> {
    Column { name, meaning, cell: Cell::Count(get) }
}

const fn flag<R>(name: &'static str, meaning: &'static str, get: fn(&R) -> Option<bool>) -> Column<R> {
    Column { name, meaning, cell: Cell::Flag(get) }
}

/// A probability or a share: two decimals tell what the data can.
const fn share<R>(name: &'static str, meaning: &'static str, get: fn(&R) -> Option<f64>) -> Column<R> {
    Column { name, meaning, cell: Cell::Number(2, get) }
}

/// Milliseconds to the microsecond, the step of an ordinary capture's clock.
const fn millis<R>(name: &'static str, meaning: &'static str, get: fn(&R) -> Option<f64>) -> Column<R> {
    Column { name, meaning, cell: Cell::Number(3, get) }
}

/// Seconds to the microsecond.
const fn seconds<R>(name: &'static str, meaning: &'static str, get: fn(&R) -> Option<f64>) -> Column<R> {
    Column { name, meaning, cell: Cell::Number(6, get) }
}

/// A cell that borrows the row's text.
#[expect(clippy::unnecessary_wraps, reason = "the shape that a text column's accessor has")]
fn some(text: &str) -> Option<Cow<'_, str>> {
    Some(Cow::Borrowed(text))
}

/// A cell that borrows the row's text, where it has one.
fn maybe(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(Cow::Borrowed)
}

/// A cell that shows an address, where there is one.
fn address<'a>(address: Option<IpAddr>) -> Option<Cow<'a, str>> {
    address.map(|address| {
        let mut text = String::with_capacity(USUAL_ADDRESS);
        add_address(&mut text, address);
        Cow::Owned(text)
    })
}

/// Bytes that an IPv4 address takes at most.
const USUAL_ADDRESS: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    fn names<R>(table: &Table<R>) -> Vec<&'static str> {
        table.columns.iter().map(|column| column.name).collect()
    }

    #[test]
    fn columns_of_errors_are_those_of_the_design_in_its_order() {
        // `origin_tests` came with the second capture point: the tests of a reset's origin are named in the output.
        let design = "error_id log_time node log_file log_line thread service url host port symptom message \
                      match candidates margin lag_ms earlier_connections \
                      connection_id gateway_ip gateway_port peer_ip peer_port capture_file ending_frame ending_time \
                      wireshark_filter \
                      exchange idle_before_s wait_s request_bytes acked_bytes response_bytes retransmissions \
                      handshake_rtt_ms ended_by ending peer_closed_before_send reset_shape reset_ttl peer_ttl \
                      reset_delay_ms origin_tests \
                      cause also_possible responsible confidence health explanation";
        assert_eq!(names(&ERRORS), design.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn columns_of_connections_are_those_of_the_design_in_its_order() {
        let design = "connection_id node start_time end_time orig_ip orig_port resp_ip resp_port names state history \
                      orig_packets resp_packets orig_bytes resp_bytes orig_retransmissions resp_retransmissions \
                      handshake_rtt_ms exchanges longest_idle_s ended_by ending ending_time gaps capture_file \
                      first_frame ending_frame wireshark_filter";
        assert_eq!(names(&CONNECTIONS), design.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn a_unit_in_a_name_and_the_decimals_agree() {
        fn check<R>(table: &Table<R>) {
            for column in table.columns {
                if let Cell::Number(decimals, _) = column.cell {
                    let expected = match column.name.rsplit_once('_').map(|(_, unit)| unit) {
                        Some("ms") => 3,
                        Some("s") => 6,
                        _ => continue,
                    };
                    assert_eq!(decimals, expected, "{}.{}", table.name, column.name);
                }
            }
        }
        check(&ERRORS);
        check(&CONNECTIONS);
        check(&FINDINGS);
        check(&CAUSES);
    }

    #[test]
    fn meanings_fit_a_markdown_cell() {
        fn check<R>(table: &Table<R>) {
            for column in table.columns {
                assert!(!column.meaning.is_empty() && !column.meaning.contains(['|', '\n']), "{}", column.name);
            }
        }
        check(&ERRORS);
        check(&CONNECTIONS);
        check(&FINDINGS);
        check(&CAUSES);
    }
}
