//! Rows that are made when they are written: a table of millions is never in memory as a whole.

use std::{borrow::Cow, ops::Range};

/// The rows of a table in its order.
pub trait Rows<R: Clone>: Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// Those of a range of places.
    fn part(&self, range: Range<usize>) -> Cow<'_, [R]>;

    /// The places of all rows, so many at a time.
    fn ranges(&self, most: usize) -> impl Iterator<Item = Range<usize>> {
        let count = self.count();
        (0..count).step_by(most).map(move |start| start..(start + most).min(count))
    }
}

impl<R: Clone + Sync> Rows<R> for [R] {
    fn count(&self) -> usize {
        self.len()
    }

    fn part(&self, range: Range<usize>) -> Cow<'_, [R]> {
        Cow::Borrowed(self.get(range).unwrap_or_default())
    }
}

impl<R: Clone + Sync> Rows<R> for Vec<R> {
    fn count(&self) -> usize {
        self.len()
    }

    fn part(&self, range: Range<usize>) -> Cow<'_, [R]> {
        self.as_slice().part(range)
    }
}
