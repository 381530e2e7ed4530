//! The table of errors: which rows it has, in what order; a row is made when it is written, unless stories are told from all of them.

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
    captures: Vec<String>,
    redactor: Option<Arc<Redactor>>,
    /// All rows, if they were made.
    made: Vec<ErrorRow>,
}

impl<'a> Verdicts<'a> {
    pub(super) fn new(judged: Vec<Judged<'a>>, captures: Vec<String>, redactor: Option<Arc<Redactor>>) -> Self {
        let of_node = |(node, judged): (usize, &Judged<'_>)| {
            (0..judged.calls.len()).map(move |call| Place { node, call }).collect::<Vec<Place>>()
        };
        let mut places: Vec<Place> = judged.iter().enumerate().flat_map(of_node).collect();
        let order = |place: &Place| {
            let judged = &judged[place.node];
            let (log, call) = judged.calls[place.call];
            (call.time, judged.name.as_str(), log.name.as_str(), call.entry.first_line)
        };
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
        let judged = &self.judged[place.node];
        let (log, failed) = judged.calls[place.call];
        let places = Places { node: &judged.name, captures: &self.captures };
        let row = call_row(places, failed, &log.name, &log.digest);
        let (found, attribution) = (&judged.joined.matches[place.call], judged.attributions[place.call].clone());
        let row = verdict_row(row, places, found, |index| judged.shown(index), attribution);
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
