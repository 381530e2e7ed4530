//! Who wrote a line. What several processes write to one stream comes line by line, and one's lines stand between those of another's
//! record: each continues its own.

use std::{borrow::Cow, sync::Arc};

use crate::log::{
    entry::Place,
    head::head,
    records::{Records, Standing},
};

/// The writer of a line, as far as the wrapping names one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Source<'a> {
    name: Cow<'a, [u8]>,
    /// How much of the name, from its start, tells whose threads are meant: a gateway may write by several streams or tags.
    scope: usize,
}

impl<'a> Source<'a> {
    /// A name whose first bytes tell whose threads are meant.
    pub(super) fn new(name: impl Into<Cow<'a, [u8]>>, scope: usize) -> Self {
        let name = match name.into() {
            Cow::Borrowed(name) => Cow::Borrowed(name.get(..LONGEST_NAME).unwrap_or(name)),
            Cow::Owned(mut name) => {
                name.truncate(LONGEST_NAME);
                Cow::Owned(name)
            }
        };
        Self { scope: scope.min(name.len()), name }
    }

    /// A gateway's name.
    pub(super) fn named(name: &'a [u8]) -> Self {
        Self::new(name, name.len())
    }

    pub(super) fn scope(&self) -> &[u8] {
        self.name.get(..self.scope).unwrap_or_default()
    }
}

/// A source whose lines come in.
#[derive(Debug, Default)]
pub(super) struct Writer {
    name: Vec<u8>,
    /// The pieces of a payload that the runtime split, and the place of all of them.
    pub held: Vec<u8>,
    pub held_place: Option<Place>,
    /// What its records are, while another's are read.
    standing: Standing,
}

impl Writer {
    fn of(source: &Source<'_>) -> Self {
        let scope = source.scope();
        let scope = (!scope.is_empty()).then(|| Arc::from(&*String::from_utf8_lossy(scope)));
        Self { name: source.name.to_vec(), standing: Standing::of(scope), ..Self::default() }
    }
}

/// The sources of one file.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// The one whose line was read last.
    pub now: Writer,
    /// The others, the one that wrote last at the end.
    others: Vec<Writer>,
}

impl Sources {
    /// Goes on with a source. Where it is a new one and there are too many, the one that has been silent for longest is turned to
    /// instead, and the answer is `false`: it is to be ended ([`Self::drop_now`]).
    pub(super) fn turn_to(&mut self, source: &Source<'_>, records: &mut Records) -> bool {
        if self.now.name == *source.name {
            return true;
        }
        let known = self.others.iter().position(|other| other.name == *source.name);
        let is_full = known.is_none() && self.others.len() + 1 >= MOST_SOURCES;
        let next = match known.or(is_full.then_some(0)) {
            Some(index) => self.others.remove(index),
            None => Writer::of(source),
        };
        self.go_on_with(next, records);
        !is_full
    }

    /// Leaves out the source that was turned to, which was ended, and goes on with the one before it.
    pub(super) fn drop_now(&mut self, records: &mut Records) {
        if let Some(before) = self.others.pop() {
            self.go_on_with(before, records);
            self.others.pop();
        }
    }

    /// Turns to the source, of all that are left, whose open record began first; `false` where none is left.
    pub(super) fn turn_to_next(&mut self, records: &mut Records) -> bool {
        let begin = |(_, other): &(usize, &Writer)| other.standing.open_line();
        let Some((index, _)) = self.others.iter().enumerate().min_by_key(begin) else { return false };
        let next = self.others.remove(index);
        self.go_on_with(next, records);
        self.others.pop();
        true
    }

    /// Ends what the thread of a record has begun by another stream or tag of the same gateway: a thread does one thing at a time.
    pub(super) fn end_of_thread(&mut self, record: &[u8], records: &mut Records) {
        if !self.others.iter().any(|other| other.standing.open_head().is_some()) {
            return;
        }
        let Some(new) = head(record, 0).filter(|head| head.level.is_some() && head.logger.is_some()) else { return };
        for other in &mut self.others {
            let is_its = |open: &[u8]| head(open, 0).is_some_and(|open| open.thread == new.thread);
            if other.standing.scope.as_ref() == records.scope() && other.standing.open_head().is_some_and(is_its) {
                records.exchange(&mut other.standing);
                records.close();
                records.exchange(&mut other.standing);
            }
        }
    }

    fn go_on_with(&mut self, next: Writer, records: &mut Records) {
        let mut before = std::mem::replace(&mut self.now, next);
        records.exchange(&mut before.standing);
        records.exchange(&mut self.now.standing);
        self.others.push(before);
    }
}

/// Sources held at a time. Some dozen pods or units write at once; each may hold a record of a failure, of some megabytes at most.
const MOST_SOURCES: usize = 32;
/// Bytes by which sources are told apart. A pod's name has at most 253, a container's 63.
const LONGEST_NAME: usize = 400;
