//! The columns of `causes.csv`: one row per cause and endpoint.

use super::{Cell, Column, Table, count, some, text, time};
use crate::report::rows::CauseRow;

/// One row per cause and endpoint, the most frequent first.
pub static CAUSES: Table<CauseRow> = Table { name: "causes", columns: COLUMNS };

const COLUMNS: &[Column<CauseRow>] = &[
    text("cause", "what on the network ended the calls", |r| some(&r.cause)),
    text("host", "host of the endpoint, as the URLs name it", |r| some(&r.host)),
    count("port", "its port", |r| Some(r.port)),
    count("count", "failed calls", |r| Some(r.count)),
    Column {
        name: "share",
        meaning: "their part of all failed calls, 0 to 1",
        // A table of a million calls still shows a cause that took a hundred.
        cell: Cell::Number(4, |r| Some(r.share)),
    },
    time("first_time", "the first of them, by the log's clock", |r| Some(r.first_time)),
    time("last_time", "the last of them", |r| Some(r.last_time)),
];
