//! The table of errors: which rows it has, in what order. A call is judged when its row is made, and a row is made when it is written, unless
//! stories are told from all of them.

use std::{borrow::Cow, ops::Range, sync::Arc};

use rayon::prelude::*;

use super::judge::{Judged, Place};
use crate::report::{
    assemble::{Places, call_row, verdict_row},
    parts::Rows,
    redact::Redactor,
    rows::ErrorRow,
};

/// All failed calls with their verdicts.
pub(super) struct Verdicts<'a> {
    pub(super) judged: Vec<Judged<'a>>,
    /// Where each row comes from, in the order of the table: by time, gateway, log and line.
    pub(super) places: Vec<Place>,
    /// Names of the captures by index.
    pub(super) captures: Vec<String>,
    pub(super) redactor: Option<Arc<Redactor>>,
    /// All rows, if they were made.
    made: Vec<ErrorRow>,
}

impl<'a> Verdicts<'a> {
    pub(super) fn new(judged: Vec<Judged<'a>>, captures: Vec<String>, redactor: Option<Arc<Redactor>>) -> Self {
        let of_node =
            |(node, judged): (u32, &Judged<'_>)| (0..judged.calls.len() as u32).map(move |call| Place { node, call });
        let mut places: Vec<Place> = (0..).zip(&judged).flat_map(of_node).collect();
        let order = |place: &Place| {
            let (judged, call) = (&judged[place.node as usize], place.call as usize);
            (judged.calls[call].time, judged.name.as_str(), judged.log(call).name.as_str())
        };
        // Stable: the calls of a log stay in the order of their lines.
        places.par_sort_by(|a, b| order(a).cmp(&order(b)));
        Self { judged, places, captures, redactor, made: Vec::new() }
    }

    /// Makes all rows at once.
    pub(super) fn make(&mut self) {
        self.made = self.places.par_iter().map(|place| self.row(*place)).collect();
    }

    /// All rows, if they were made.
    pub(super) fn made(&self) -> &[ErrorRow] {
        &self.made
    }

    /// All rows, if they were made, and nothing else any more.
    pub(super) fn into_made(self) -> Vec<ErrorRow> {
        self.made
    }

    fn row(&self, place: Place) -> ErrorRow {
        let (judged, index) = (&self.judged[place.node as usize], place.call as usize);
        let (log, call) = (judged.log(index), judged.calls[index].open());
        let opened = judged.opened(index);
        let attribution = judged.attribute((index, &call), opened.as_ref());
        let connection = opened.map(|opened| judged.redacted(opened));
        let earlier: Vec<_> = judged.joined.earlier(index).iter().map(|earlier| judged.shown(*earlier)).collect();
        let places = Places { node: &judged.name, captures: &self.captures };
        let row = call_row(places, call, &log.name, &log.digest);
        let row = verdict_row(row, places, &judged.joined.matches[index], (connection.as_ref(), &earlier), attribution);
        Redactor::optionally(self.redactor.as_deref(), row, Redactor::error)
    }
}

impl Rows<ErrorRow> for Verdicts<'_> {
    fn count(&self) -> usize {
        self.places.len()
    }

    fn part(&self, range: Range<usize>) -> Cow<'_, [ErrorRow]> {
        if let Some(made) = self.made.get(range.clone()) {
            return Cow::Borrowed(made);
        }
        self.places.get(range).unwrap_or_default().iter().map(|place| self.row(*place)).collect()
    }
}
