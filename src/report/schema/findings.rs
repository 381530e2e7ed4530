//! The columns of `findings.csv`: one row per pattern of the population.

use super::{Cell, Column, Table, count, maybe, some, text, time};
use crate::report::rows::FindingRow;

/// One row per pattern of the population.
pub static FINDINGS: Table<FindingRow> = Table { name: "findings", columns: COLUMNS };

const COLUMNS: &[Column<FindingRow>] = &[
    text("finding", "the kind of pattern", |r| some(r.finding)),
    text("node", "the gateway node", |r| some(&r.node)),
    text("host", "name of the endpoint concerned", |r| maybe(r.host.as_deref())),
    text("peer", "its address and port", |r| maybe(r.peer.as_deref())),
    count("count", "observations that carry the finding", |r| Some(r.count)),
    count("calls", "failed calls that it concerns", |r| Some(r.calls)),
    time("first_time", "first observation", |r| r.first_time),
    time("last_time", "last observation", |r| r.last_time),
    number("value_low", "the measured value, or the lower end of its bracket", |r| r.value_low),
    number("value_high", "upper end of the bracket, or the same value", |r| r.value_high),
    text("unit", "unit of both: `s`, `ms`, `share`", |r| maybe(r.unit)),
    text("statement", "what was seen, with the measured values", |r| some(&r.statement)),
    text("advice", "a setting to change", |r| maybe(r.advice.as_deref())),
];

/// A value whose unit stands in another column: six decimals hold microseconds if that is `s`.
const fn number<R>(name: &'static str, meaning: &'static str, get: fn(&R) -> Option<f64>) -> Column<R> {
    Column { name, meaning, cell: Cell::Number(6, get) }
}
